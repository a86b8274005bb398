"""The recipe of a training that names discharges: a TOML file with `kind = "discharges"`.

It is complete: what is learnt from is simulated by it, so that no data folder is needed.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.pattern_network import PatternNetworkSettings
from sonoscope.signal.pattern_input import FIGURES, MAPS
from sonoscope.training.discharges.augment import AugmentSettings
from sonoscope.training.discharges.draws import DrawSettings
from sonoscope.training.schedule import ScheduleSettings

KIND: Literal["discharges"] = "discharges"

Share = Annotated[float, Field(ge=0, lt=1)]


@settings(config=STRICT)
class DischargeRecipe:
    """One training, complete.

    Attributes
    ----------
    name
        What the model will be called.
    draws
        Which recordings are simulated to learn from and to validate by.
    network, augment
        Settings of the parts.
    plain_share
        Share of the patterns that are learnt as heard, the others with echoes.
    steps, batch_size
        How long to learn.
    validate_every
        Steps from one validation to the next; the weights of the least loss are the result.
    smoothing
        How much of every target is taken back.
    learning_rate, weight_decay, schedule, warmup_share
        Of AdamW: peak of the rate, what matrices and kernels shrink by, how the rate goes.
    ema_decay
        How slowly averaged weights follow, which are validated and exported.
    seed
        Of the first weights and of every batch.
    """

    name: str
    kind: Literal["discharges"] = KIND
    draws: DrawSettings = DrawSettings()
    network: PatternNetworkSettings = PatternNetworkSettings()
    augment: AugmentSettings = AugmentSettings()
    plain_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    steps: Annotated[int, Field(ge=1)] = 1_500
    batch_size: Annotated[int, Field(ge=2)] = 64
    validate_every: Annotated[int, Field(ge=1)] = 100
    smoothing: Share = 0.02
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    schedule: ScheduleSettings = ScheduleSettings("one_cycle")
    warmup_share: Share = 0.15
    ema_decay: Share = 0.99
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _knows_its_inputs(self) -> "DischargeRecipe":
        for asked, known in ((self.network.maps, MAPS), (self.network.figures, FIGURES)):
            for each in asked:
                if each not in known:
                    raise ValueError(f"must be of {', '.join(known)}, but {each} was given")
        return self
