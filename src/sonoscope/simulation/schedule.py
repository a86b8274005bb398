"""What sounds when and where: scenes drawn at random from ranges, one generator a scene.

A scene has as many tracks as sounds may overlap; each track plays one event after another with
pauses between. The same label never sounds twice at once: the class-wise target holds one
direction a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.simulation.room import Room, shortest_t60_s
from sonoscope.simulation.sources import SoundBank, augment

Range = tuple[float, float]
Share = Annotated[float, Field(ge=0, le=1)]

_WALL_M = 0.5


@settings(config=STRICT)
class SceneSettings:
    """Ranges from which scenes are drawn, uniformly unless said otherwise.

    Attributes
    ----------
    rate_hz
        Sampling rate.
    max_overlap
        How many events may sound at once: one of these, drawn for each scene.
    snr_db
        Power of an event on the omnidirectional channel while it is active, over that of the
        ambience (definition "active"); drawn for each scene, each event within `level_spread_db`.
    t60_s, volume_m3, distance_m
        Reverberation time, room volume and distance of the sources.
    event_s
        Longest piece cut from a long sound.
    pause_s
        Pause between the events of a track.
    elevation_deg
        Elevations of the sources as far as the room allows.
    anechoic_share
        Share of scenes with direct sound only.
    mono_share
        Share of scenes whose directional channels are silent, as a mono recording's are.
    extra_share
        Share of events whose label is none of the wanted ones, where the bank has others.
    clean_share
        Share of scenes with next to no ambience.
    empty_share
        Share of scenes without any event.
    gain_db
        Gain of the whole recording; lowered where it would clip.
    augment
        Change speed, tone and bandwidth of the clips.
    """

    rate_hz: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    max_overlap: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 3)
    snr_db: Range = (0.0, 30.0)
    level_spread_db: Annotated[float, Field(ge=0)] = 5.0
    t60_s: Range = (0.15, 1.0)
    volume_m3: Range = (25.0, 400.0)
    distance_m: Range = (0.5, 5.0)
    event_s: Annotated[float, Field(gt=0.1)] = 4.0
    pause_s: Range = (0.1, 2.0)
    elevation_deg: Range = (-50.0, 60.0)
    anechoic_share: Share = 0.05
    mono_share: Share = 0.15
    extra_share: Share = 0.0
    clean_share: Share = 0.03
    empty_share: Share = 0.05
    gain_db: Range = (-15.0, 10.0)
    augment: bool = True

    @model_validator(mode="after")
    def _ranges_run_upwards(self) -> "SceneSettings":
        for name in (
            "snr_db",
            "t60_s",
            "volume_m3",
            "distance_m",
            "pause_s",
            "elevation_deg",
            "gain_db",
        ):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must run from low to high, but {low}..{high} was given")
        if not self.max_overlap or min(self.max_overlap) < 1:
            raise ValueError(
                f"max_overlap must be numbers from 1, but {self.max_overlap} was given"
            )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A room with an array in it."""

    room: Room | None
    array_m: Float[ndarray, "3"]


def draw_place(ranges: SceneSettings, generator: np.random.Generator) -> Place:
    """Draw a room that can have its T60, and stand the array in its inner part."""
    if generator.random() < ranges.anechoic_share:
        return Place(None, np.zeros(3))
    for _ in range(100):
        volume = np.exp(generator.uniform(*np.log(ranges.volume_m3)))
        height = generator.uniform(2.3, min(5.0, max(2.5, 0.9 * volume ** (1 / 3))))
        side = np.sqrt(volume / height)
        stretch = np.sqrt(generator.uniform(1.0, 2.0))
        size = (float(side * stretch), float(side / stretch), float(height))
        t60 = float(generator.uniform(*ranges.t60_s))
        if shortest_t60_s(size) < 0.95 * t60:
            share = generator.uniform(0.3, 0.7, size=3)
            array = np.array(size) * share
            array[2] = min(array[2], generator.uniform(0.9, 1.8))
            return Place(Room(size, t60), array)
    raise SettingError(
        f"no room of {ranges.volume_m3} m3 can have a T60 of {ranges.t60_s} s; ask for a longer T60"
    )


def draw_source(
    place: Place, ranges: SceneSettings, generator: np.random.Generator
) -> Float[ndarray, "3"]:
    """Draw where a source stands relative to the array, inside the room and off its walls."""
    low, high = np.deg2rad(ranges.elevation_deg)
    near, far = ranges.distance_m
    for _ in range(200):
        azimuth = generator.uniform(-np.pi, np.pi)
        elevation = np.arcsin(generator.uniform(np.sin(low), np.sin(high)))
        offset = generator.uniform(near, far) * unit_vector(azimuth, elevation)
        if place.room is None:
            return np.asarray(offset)
        spot = place.array_m + offset
        wall = min(_WALL_M, 0.15 * min(place.room.size_m))
        if np.all(spot > wall) and np.all(spot < np.array(place.room.size_m) - wall):
            return np.asarray(offset)
    # A cramped room: along the horizon towards its middle there is always space.
    inward = np.array(place.room.size_m) / 2 - place.array_m if place.room else np.ones(3)
    inward[2] = 0.0
    length = float(np.linalg.norm(inward))
    heading = inward / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    return np.asarray(near * heading)


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """One source: its dry sound, when it starts, where it stands, how loud it arrives.

    Attributes
    ----------
    onset_s
        When the source begins; before 0 for one that is already sounding.
    offset_m
        Where it stands relative to the array.
    snr_db
        Its power while active over that of the ambience.
    attribution
        Where the sound came from.
    """

    label: str
    sound: Float[ndarray, " sample"]
    onset_s: float
    offset_m: Float[ndarray, "3"]
    snr_db: float
    attribution: str


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """All that makes a scene but the sound itself."""

    place: Place
    emissions: tuple[Emission, ...]
    duration_s: float
    is_mono: bool
    is_clean: bool
    gain_db: float


def draw_script(
    ranges: SceneSettings,
    bank: SoundBank,
    labels: tuple[Sequence[str], Sequence[str]],
    duration_s: float,
    generator: np.random.Generator,
) -> Script:
    """Draw a whole scene: a room, and events on as many tracks as may overlap.

    `labels` are the wanted ones and those that sound beside them in `extra_share` of the events.
    """
    wanted, others = labels
    place = draw_place(ranges, generator)
    scene_snr = generator.uniform(*ranges.snr_db)
    is_mono = bool(generator.random() < ranges.mono_share)
    is_clean = bool(generator.random() < ranges.clean_share)
    gain_db = float(generator.uniform(*ranges.gain_db))
    n_tracks = int(generator.choice(ranges.max_overlap))
    if generator.random() < ranges.empty_share:
        n_tracks = 0
    emissions: list[Emission] = []
    for _ in range(n_tracks):
        clock = float(generator.uniform(-2.0, 1.5))
        while clock < duration_s - 0.2:
            is_extra = bool(others) and generator.random() < ranges.extra_share
            pool = others if is_extra else wanted
            label = pool[int(generator.integers(len(pool)))]
            sound, attribution = bank.draw(label, generator, ranges.event_s)
            if ranges.augment:
                sound = augment(sound, ranges.rate_hz, generator)
            length_s = len(sound) / ranges.rate_hz
            spread = generator.uniform(-ranges.level_spread_db, ranges.level_spread_db)
            snr = float(np.clip(scene_snr + spread, *ranges.snr_db))
            offset = draw_source(place, ranges, generator)
            pause = float(generator.uniform(*ranges.pause_s))
            if _is_free(label, clock, clock + length_s, emissions, ranges.rate_hz):
                emissions.append(Emission(label, sound, clock, offset, snr, attribution))
                clock += length_s
            clock += pause
    return Script(place, tuple(emissions), duration_s, is_mono, is_clean, gain_db)


def _is_free(
    label: str, onset_s: float, offset_s: float, taken: Sequence[Emission], rate_hz: int
) -> bool:
    """Tell whether a label is silent from a third of a second before to as long after."""
    return all(
        other.label != label
        or other.onset_s > offset_s + 0.35
        or other.onset_s + len(other.sound) / rate_hz < onset_s - 0.35
        for other in taken
    )
