"""The recipe of a training that names discharges: a TOML file with `kind = "discharges"`.

It is complete: what is learnt from is simulated by it, so that no data folder is needed.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT, from_table
from sonoscope.core.toml_file import read_toml
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


def is_discharge_recipe(path: Path) -> bool:
    """Tell whether a recipe file is one of discharges; refuses what is no recipe as `read_toml`."""
    return read_toml(path, "a recipe").get("kind") == KIND


def read_discharge_recipe(path: Path) -> DischargeRecipe:
    """Read a recipe file.

    Raises
    ------
    InputError
        If the file cannot be read or is not TOML.
    SettingError
        If a key is unknown, missing or out of range.
    """
    return from_table(read_toml(path, "a recipe"), DischargeRecipe, where=str(path))


def to_json(recipe: DischargeRecipe) -> str:
    """Give a recipe as one JSON text, the same for equal recipes."""
    plain = TypeAdapter(DischargeRecipe).dump_python(recipe, mode="json")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def from_json(text: str, *, where: str) -> DischargeRecipe:
    """Read what `to_json` wrote.

    Raises
    ------
    SettingError
        If it is not a recipe of this version.
    """
    try:
        return TypeAdapter(DischargeRecipe).validate_json(text)
    except ValueError as error:
        raise SettingError(
            f"{where}: not a recipe of discharges of this version: {error}"
        ) from error


def is_discharge_text(text: str) -> bool:
    """Tell whether the JSON text of a recipe is one of discharges."""
    plain: Any = json.loads(text)
    return isinstance(plain, dict) and plain.get("kind") == KIND
