"""What sounds when: scenes drawn at random from ranges, or replayed from a schedule.

A drawn scene has as many tracks as sounds may overlap; each track plays one event after another
with pauses between. Unless the settings allow it the same label never sounds twice at once: a
class-wise target holds one direction a label. One generator makes a scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonoscope.simulation.background import drawn_ambience
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.place import draw_place, draw_place_around, draw_track
from sonoscope.simulation.replay import Schedule, fill
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.script import Emission, Levels, Place, Script
from sonoscope.simulation.sources import SoundBank, augment
from sonoscope.simulation.track import Track

_APART_S = 0.35  # between two events of one label


@dataclass(frozen=True, slots=True)
class Supplies:
    """What scenes are made from.

    Attributes
    ----------
    bank
        Dry sounds.
    labels, extra_labels
        The wanted labels, and those that sound beside them in `extra_share` of the events.
    measured
        Rooms that were measured, in which `measured_share` of the scenes take place.
    beds
        Recordings for the ambience of kind "bed".
    """

    bank: SoundBank
    labels: tuple[str, ...]
    extra_labels: tuple[str, ...] = ()
    measured: tuple[MeasuredRoom, ...] = ()
    beds: tuple[RecordedBed, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A place, and which of a set's rooms it is."""

    place: Place
    room: int


def draw_script(
    ranges: SceneSettings,
    supplies: Supplies,
    duration_s: float,
    generator: np.random.Generator,
    setting: Setting | None = None,
) -> Script:
    """Draw a whole scene: a place, unless given, and events on as many tracks as may overlap."""
    place = (
        setting.place if setting else draw_place(ranges, duration_s, generator, supplies.measured)
    )
    n_tracks = int(generator.choice(ranges.max_overlap))
    if generator.random() < ranges.empty_share:
        n_tracks = 0
    levels = _draw_levels(ranges, generator)
    emissions: list[Emission] = []
    for _ in range(n_tracks):
        _fill_track(emissions, place, ranges, supplies, levels, duration_s, generator)
    room = setting.room if setting else 0
    return _frame(
        ranges, supplies, Setting(place, room), emissions, (duration_s, levels, n_tracks), generator
    )


def replay_script(
    ranges: SceneSettings,
    supplies: Supplies,
    plan: Schedule,
    generator: np.random.Generator,
    setting: Setting | None = None,
) -> Script:
    """Let other sounds be heard as a schedule says; room, levels and ambience are drawn.

    Raises
    ------
    SettingError
        If no room of the ranges holds all its sources.
    """
    spots = [event.track.positions_m for event in plan.events]
    reach = np.concatenate(spots) if spots else np.zeros((1, 3))
    place = (
        setting.place if setting else draw_place_around(reach, ranges, plan.duration_s, generator)
    )
    levels = _draw_levels(ranges, generator)
    around = place.array.at(np.zeros(1))[0]
    emissions = []
    for event in plan.events:
        length = max(1, round((event.offset_s - event.onset_s) * ranges.rate_hz))
        filling = fill(supplies.bank, event.label, length, ranges.rate_hz, generator)
        here = event.track
        track = Track(here.times_s, around + here.positions_m)
        level_db = _draw_level(ranges, levels, generator)
        is_extra = event.label in supplies.extra_labels
        emissions.append(
            Emission(
                event.label,
                filling.sound,
                event.emission_s,
                track,
                level_db,
                is_extra,
                filling.attribution,
            )
        )
    room = setting.room if setting else 0
    about = (plan.duration_s, levels, plan.overlap())
    return _frame(ranges, supplies, Setting(place, room), emissions, about, generator)


def _frame(
    ranges: SceneSettings,
    supplies: Supplies,
    setting: Setting,
    emissions: Sequence[Emission],
    about: tuple[float, Levels, int],
    generator: np.random.Generator,
) -> Script:
    """Draw what surrounds the events."""
    duration_s, levels, overlap = about
    kind = ranges.ambience[int(generator.integers(len(ranges.ambience)))]
    beds = supplies.beds
    bed = beds[int(generator.integers(len(beds)))] if beds else None
    encoder = ranges.foa_encoders[int(generator.integers(len(ranges.foa_encoders)))]
    first, second = (int(word) for word in generator.integers(1 << 62, size=2))
    return Script(
        place=setting.place,
        emissions=tuple(emissions),
        duration_s=duration_s,
        levels=levels,
        ambience=drawn_ambience(kind, generator, bed),
        foa_encoder=encoder,
        is_mono=bool(generator.random() < ranges.mono_share),
        is_clean=bool(generator.random() < ranges.clean_share),
        gain_db=float(generator.uniform(*ranges.gain_db)),
        seed=(first, second),
        overlap=overlap,
        room=setting.room,
    )


def _draw_levels(ranges: SceneSettings, generator: np.random.Generator) -> Levels:
    snr_db, sir_db = float(generator.uniform(*ranges.snr_db)), ranges.extra_sir_db
    return Levels(
        ranges.snr_definition,
        snr_db,
        None if sir_db is None else float(generator.uniform(*sir_db)),
    )


def _draw_level(ranges: SceneSettings, levels: Levels, generator: np.random.Generator) -> float:
    """Draw how far an event lies from the scene's level, kept within the asked range."""
    spread = generator.uniform(-ranges.level_spread_db, ranges.level_spread_db)
    return float(np.clip(levels.snr_db + spread, *ranges.snr_db)) - levels.snr_db


def _fill_track(
    emissions: list[Emission],
    place: Place,
    ranges: SceneSettings,
    supplies: Supplies,
    levels: Levels,
    duration_s: float,
    generator: np.random.Generator,
) -> None:
    """Add to `emissions`, which is `draw_script`'s own, the events of one track."""
    wanted, others = supplies.labels, supplies.extra_labels
    clock = float(generator.uniform(-2.0, 1.5))
    while clock < duration_s - 0.2:
        is_extra = bool(others) and generator.random() < ranges.extra_share
        pool = others if is_extra else wanted
        label = pool[int(generator.integers(len(pool)))]
        pause = float(generator.uniform(*ranges.pause_s))
        taken = () if ranges.same_label_overlap else tuple(emissions)
        if not _is_free(label, clock, clock, taken, ranges.rate_hz):
            clock += pause  # asked before a sound is drawn, which costs more than all else here
            continue
        sound, attribution = supplies.bank.draw(label, generator, ranges.event_s)
        if ranges.augment:
            sound = augment(sound, ranges.rate_hz, generator)
        length_s = len(sound) / ranges.rate_hz
        if _is_free(label, clock, clock + length_s, taken, ranges.rate_hz):
            level_db = _draw_level(ranges, levels, generator)
            track = draw_track(place, ranges, clock, length_s, generator)
            emissions.append(Emission(label, sound, clock, track, level_db, is_extra, attribution))
            clock += length_s
        clock += pause


def _is_free(
    label: str, onset_s: float, offset_s: float, taken: Sequence[Emission], rate_hz: int
) -> bool:
    """Tell whether a label is silent from a third of a second before to as long after."""
    return all(
        other.label != label
        or other.onset_s > offset_s + _APART_S
        or other.onset_s + len(other.sound) / rate_hz < onset_s - _APART_S
        for other in taken
    )
