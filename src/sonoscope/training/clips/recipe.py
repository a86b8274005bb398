"""The recipe of a training that names clips: a TOML file with `kind = "clips"`.

Like every recipe it is complete, and never says where data lie or on what to train.
"""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT
from sonoscope.datasets.clip_folds import ClipSplit
from sonoscope.models.clip.build import (
    AudioFormerNetwork,
    ClipNetworkSettings,
    EfficientNetNetwork,
)
from sonoscope.models.clip.rivals.raw_sound import RawSoundSettings
from sonoscope.models.masking import MaskingSettings
from sonoscope.training.clips.losses import ClipLossSettings
from sonoscope.training.clips.mixing import MixingSettings
from sonoscope.training.clips.waveform import WaveformSettings
from sonoscope.training.recipe import Optimizer, Precision
from sonoscope.training.schedule import ScheduleSettings

KIND: Literal["clips"] = "clips"

Share = Annotated[float, Field(ge=0, le=1)]
ClipSetName = Literal["esc10", "esc50", "urbansound8k", "folder"]


@settings(config=STRICT)
class ClipData:
    """Which labelled clips, and how they are divided.

    Attributes
    ----------
    set
        ESC-10 and ESC-50 lie in `esc50/` below the data folder, UrbanSound8K in `urbansound8k/`,
        one's own in `clips/`, a folder a label.
    labels
        Which of its labels; all where none is named.
    licences
        Licences of the clips to learn from; all where none is named. What is tested on is not
        chosen by licence.
    group_rule
        Of one's own clips: which names belong to one original (`datasets.folder`).
    split
        Who learns, who validates, who tests.
    """

    set: ClipSetName = "esc50"
    labels: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    group_rule: str | None = None
    split: ClipSplit = ClipSplit()


@settings(config=STRICT)
class ListeningSettings:
    """How a whole clip is heard: windows of the network, evenly spread over it.

    Attributes
    ----------
    crops
        Windows of a clip that is longer than one; its answer is the mean of theirs.
    turns
        How often each window is heard in validation and test, turned cyclically in between. Models
        that are exported hear it once.
    """

    crops: Annotated[int, Field(ge=1)] = 1
    turns: Annotated[int, Field(ge=1)] = 1


@settings(config=STRICT)
class ClipValidation:
    """When validation clips are heard, and which weights are kept.

    Attributes
    ----------
    every_epochs
        Epochs from one validation to the next; the last step always validates.
    keep
        "best": the weights of the best macro-F1 are the result; "last": the last ones.
    """

    every_epochs: Annotated[float, Field(gt=0)] = 1.0
    keep: Literal["best", "last"] = "best"


@settings(config=STRICT)
class ClipRecipe:
    """One training, complete. Where nothing is said, it is the paper's.

    Attributes
    ----------
    name
        What the model will be called.
    data, network, loss, validation, listening
        Settings of the parts.
    window_s
        Seconds that the network takes.
    epochs
        How often each training clip is heard.
    epoch_clips
        Clips in an epoch where they are made rather than read; 0 counts those that are read.
    batch_size
        Clips in a step.
    waveform, masking, mixing
        What is done to training sounds, to their maps, and what is mixed.
    optimizer
        "adam" with weight decay as a penalty on every weight (the paper's), or "adamw", which lets
        matrices and kernels alone shrink.
    learning_rate, weight_decay
        Peak of the rate; decay.
    schedule, warmup_share, least_rate
        How the rate goes (`training.schedule`; "plateau" counts validations by their loss), the
        share of the steps in which one cycle rises, and what it never falls below.
    gradient_clip
        Largest norm of a gradient; 0 leaves gradients alone.
    ema_decay
        How slowly averaged weights follow, which are validated, tested and exported; 0 takes the
        weights themselves.
    precision, channels_last
        How the network computes.
    seed
        Of the first weights, of every batch and of dropout.
    """

    name: str
    kind: Literal["clips"] = KIND
    data: ClipData = ClipData()
    network: ClipNetworkSettings = EfficientNetNetwork()
    window_s: Annotated[float, Field(gt=0)] = 5.0
    epochs: Annotated[int, Field(ge=1)] = 100
    epoch_clips: Annotated[int, Field(ge=0)] = 0
    batch_size: Annotated[int, Field(ge=2)] = 128
    waveform: WaveformSettings = WaveformSettings()
    masking: MaskingSettings = MaskingSettings()
    mixing: MixingSettings = MixingSettings()
    loss: ClipLossSettings = ClipLossSettings()
    validation: ClipValidation = ClipValidation()
    listening: ListeningSettings = ListeningSettings()
    optimizer: Optimizer = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: ScheduleSettings = ScheduleSettings("plateau", patience=5, factor=0.5)
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    least_rate: Annotated[float, Field(ge=0)] = 1e-6
    gradient_clip: Annotated[float, Field(ge=0)] = 0.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Precision = "float32"
    channels_last: bool = True
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _has_something_to_keep(self) -> "ClipRecipe":
        no_validation = self.data.split.kind == "folds" and not self.data.split.validation_share
        if no_validation and (self.validation.keep == "best" or self.schedule.kind == "plateau"):
            raise ValueError(
                "data.split.validation_share must be above 0 where the best validation is kept or"
                " the rate waits for one, but 0 was given"
            )
        return self

    @model_validator(mode="after")
    def _can_be_done_with_its_network(self) -> "ClipRecipe":
        if self.loss.kind == "own" and not isinstance(self.network, AudioFormerNetwork):
            raise ValueError(
                'loss.kind must be of names unless network.kind is "audio_former", which alone has'
                " losses of its own"
            )
        if self.mixing.frequency and isinstance(self.network.maps, RawSoundSettings):
            raise ValueError(
                "mixing.frequency must be 0 for a network that takes samples, whose bands cannot be"
                f" mixed, but {self.mixing.frequency:g} was given"
            )
        return self

    def tested_on(self, fold: int) -> "ClipRecipe":
        """Give the same training with another fold to test on."""
        return replace(
            self, data=replace(self.data, split=replace(self.data.split, test_folds=(fold,)))
        )
