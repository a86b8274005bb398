"""All that makes a scene but the sound itself: where, what, when, how loud."""

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from sonoscope.simulation.background import Ambience
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.outdoors import Outdoors
from sonoscope.simulation.room import Room
from sonoscope.simulation.scene_settings import FoaKind, SnrDefinition
from sonoscope.simulation.track import Track

Surroundings = Room | Outdoors | MeasuredRoom | None
"""None is a place without any echo."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Surroundings with an array in them, which may move."""

    surroundings: Surroundings
    array: Track


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """One source: its dry sound, when it starts, where it is meanwhile, how loud it arrives.

    Attributes
    ----------
    onset_s
        When the source begins; before 0 for one that is already sounding. The array hears it
        later, and that is what the truth tells.
    track
        Where it is, in the place's axes.
    level_db
        Its level over the scene's.
    is_extra
        Whether it is one of those that sound beside the wanted ones.
    attribution
        Where the sound came from.
    """

    label: str
    sound: Float[ndarray, " sample"]
    onset_s: float
    track: Track
    level_db: float
    is_extra: bool
    attribution: str


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud events are over the ambience, and over each other; see `SceneSettings`."""

    definition: SnrDefinition
    snr_db: float
    sir_db: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """A whole scene.

    Attributes
    ----------
    seed
        Of all that rendering draws: reverberation, ambience.
    overlap
        How many events may sound at once.
    room
        Which of the rooms that a set of scenes shares.
    """

    place: Place
    emissions: tuple[Emission, ...]
    duration_s: float
    levels: Levels
    ambience: Ambience
    foa_encoder: FoaKind
    is_mono: bool
    is_clean: bool
    gain_db: float
    seed: tuple[int, int]
    overlap: int
    room: int
