"""The recipe of a training: everything that decides which network comes out, and nothing else.

A recipe never says where data lie, on which device to train or with how many workers; those change
only how long it takes.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT
from sonoscope.datasets.choice import ClipChoice
from sonoscope.datasets.published import RecordingChoice, check_labels
from sonoscope.datasets.surroundings import PlaceChoice
from sonoscope.models.build import MaskCrnnNetwork, NetworkSettings, target_of
from sonoscope.models.masking import MaskingSettings
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.stream import LABEL_STEP_S
from sonoscope.training.mixup import MixupSettings
from sonoscope.training.schedule import ScheduleSettings

Precision = Literal["float32", "bfloat16"]
Optimizer = Literal["adamw", "adam"]
ActivityLoss = Literal["bce", "bce_mean", "focal"]
DirectionLoss = Literal["cosine", "mse", "mse2019", "mse2020", "angles2019", "angles_mae"]
LABEL_STEPS_S = (LABEL_STEP_S, 0.1)
"""Label frames of DCASE 2019, and of 2020 and later."""


@settings(config=STRICT)
class LossSettings:
    """Which errors are made small; see `training.losses` for the formulas.

    Attributes
    ----------
    activity, direction
        The error of the activities and that of the directions, for class-wise answers; vectors
        have an error of their own, and of tracks the activities alone are asked for.
    activity_weight, direction_weight
        Their weights in the sum.
    focal_gamma
        Exponent of the focal loss; 0 gives the plain cross-entropy.
    wraps
        Whether azimuths differ the short way round, in the errors of angles.
    """

    activity: ActivityLoss = "bce"
    direction: DirectionLoss = "cosine"
    activity_weight: Annotated[float, Field(ge=0)] = 1.0
    direction_weight: Annotated[float, Field(ge=0)] = 1.0
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    wraps: bool = True


@settings(config=STRICT)
class ValidationSettings:
    """Scenes that stay the same over the whole training, from clips that it never hears.

    Attributes
    ----------
    every
        Steps between two validations.
    scenes
        How many scenes, rounded up to whole batches; how many recordings, spread over all of
        them, where recordings are trained on.
    seed
        Which scenes.
    scene
        Ranges of these scenes; those of the training where left out.
    patience
        Training ends after so many validations in a row without a better SELD score (that of the
        averaged weights at a threshold of 0.5, averaged over channel formats); 0: it never does.
    keep_best
        Whether the weights of the best validation are the training's result, not the last ones.
    """

    every: Annotated[int, Field(ge=1)] = 250
    scenes: Annotated[int, Field(ge=1)] = 24
    seed: Annotated[int, Field(ge=0)] = 1_000
    scene: SceneSettings | None = None
    patience: Annotated[int, Field(ge=0)] = 0
    keep_best: bool = False


@settings(config=STRICT)
class DataSettings(ClipChoice):
    """Which clips are trained with (`datasets.choice`), and which are held out for validation.

    The user's own clips lie in `own/train/LABEL/*` and `own/validation/LABEL/*`. In validation
    models stand in for labels without clips alone.

    Attributes
    ----------
    esc50_validation_folds, digits_validation_speakers
        What is heard in validation alone.
    held_out_share
        Share of each label's groups, but at least two, that move from training to validation
        (spoken digits excepted); which ones is told by the hash of their names.
    """

    esc50_validation_folds: tuple[int, ...] = ()
    digits_validation_speakers: tuple[str, ...] = ()
    held_out_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0


@settings(config=STRICT)
class TrainRecipe:
    """One training, complete.

    Attributes
    ----------
    name
        What the detector will be called.
    labels
        What it will tell apart.
    extra_labels
        Trained beside so that the rest of the world is known; they sound in the scenes'
        `extra_share` and are dropped when the network is exported.
    scene, network, data, loss, validation
        Settings of the parts.
    augmentation
        How training scenes are turned, mirrored, made louder and coloured.
    masking, mixup
        What is hidden of their feature maps, and how they are mixed with each other.
    places
        Measured rooms and recorded ambiences of the training scenes.
    recordings
        Recordings to train on in place of scenes: then `scene`, `data` and `places` are not used.
    steps, batch_size, window_s
        Steps of the optimiser, scenes in each, and seconds in each scene.
    optimizer
        "adamw", or "adam", which lets no weight decay (the paper's and the baselines').
    schedule
        How the learning rate goes.
    learning_rate
        Its peak.
    warmup_share
        Share of the steps in which the rate of one cycle rises.
    weight_decay
        Of AdamW, on matrices and kernels alone.
    gradient_clip
        Largest norm of a gradient; 0 leaves gradients alone.
    ema_decay
        How slowly the averaged weights follow, which are validated and exported; 0 takes the
        weights themselves.
    precision, channels_last
        How the network computes: autocast to bfloat16, and the layout of its convolutions.
    seed
        Of the first weights, of every scene and of dropout.
    label_step_s
        Seconds from one label frame to the next: 0.02 (2019) or 0.1 (2020 and later).
    """

    name: str
    labels: tuple[str, ...]
    scene: SceneSettings = SceneSettings()
    network: NetworkSettings = MaskCrnnNetwork()
    extra_labels: tuple[str, ...] = ()
    data: DataSettings = DataSettings()
    loss: LossSettings = LossSettings()
    validation: ValidationSettings = ValidationSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    masking: MaskingSettings = MaskingSettings()
    mixup: MixupSettings = MixupSettings()
    places: PlaceChoice = PlaceChoice()
    recordings: RecordingChoice | None = None
    steps: Annotated[int, Field(ge=1)] = 3_000
    batch_size: Annotated[int, Field(ge=1)] = 8
    window_s: Annotated[float, Field(gt=0)] = 5.0
    optimizer: Optimizer = "adamw"
    schedule: ScheduleSettings = ScheduleSettings()
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_clip: Annotated[float, Field(ge=0)] = 5.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    precision: Precision = "float32"
    channels_last: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    label_step_s: float = LABEL_STEP_S

    @model_validator(mode="after")
    def _labels_differ(self) -> "TrainRecipe":
        if not self.labels:
            raise ValueError("labels must be at least one, but none was given")
        if len(set(self.all_labels)) < len(self.all_labels):
            raise ValueError("labels and extra_labels must all differ, but one was given twice")
        return self

    @model_validator(mode="after")
    def _label_step_is_known(self) -> "TrainRecipe":
        if self.label_step_s not in LABEL_STEPS_S:
            raise ValueError(
                f"label_step_s must be one of {LABEL_STEPS_S}, but {self.label_step_s} was given"
            )
        return self

    @model_validator(mode="after")
    def _mixup_fits(self) -> "TrainRecipe":
        if self.mixup.kind == "soft" and not target_of(self.network).startswith("classwise"):
            raise ValueError(
                'mixup.kind must be "union" for a network that does not answer class-wise, but'
                ' "soft" was given: the length of a vector would tell how much of a scene is left'
            )
        return self

    @model_validator(mode="after")
    def _recordings_fit(self) -> "TrainRecipe":
        chosen = self.recordings
        if chosen is None:
            return self
        if self.extra_labels:
            raise ValueError("extra_labels must be left out where recordings are trained on")
        if chosen.format is not None and (chosen.format,) != self.network.formats:
            raise ValueError(
                f"recordings.format must be that of the network, {', '.join(self.network.formats)},"
                f" but {chosen.format} was given"
            )
        check_labels(chosen.kind, self.labels)
        return self

    @property
    def rate_hz(self) -> int:
        """At which rate the network listens."""
        return self.scene.rate_hz if self.recordings is None else self.recordings.rate_hz

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Every label the network learns; those that count come first."""
        return self.labels + self.extra_labels


def fingerprint(*parts: str) -> str:
    """Give the SHA-256 of texts, each told apart from the next."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def differences(one: str, other: str) -> list[str]:
    """Name the settings in which the JSON texts of two recipes differ, by their full names."""
    return _differing(json.loads(one), json.loads(other), "")


def _differing(one: Any, other: Any, name: str) -> list[str]:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return [] if one == other else [name]
    return [
        found
        for key in sorted(one.keys() | other.keys())
        for found in _differing(one.get(key), other.get(key), f"{name}.{key}".lstrip("."))
    ]
