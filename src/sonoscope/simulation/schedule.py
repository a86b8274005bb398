"""What sounds when: scenes drawn at random from ranges, one generator a scene.

A scene has as many tracks as sounds may overlap; each track plays one event after another with
pauses between. Unless the settings allow it the same label never sounds twice at once: a class-wise
target holds one direction a label.
"""

from collections.abc import Sequence

import numpy as np

from sonoscope.simulation.place import draw_place, draw_track
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.script import Emission, Levels, Place, Script
from sonoscope.simulation.sources import SoundBank, augment

_APART_S = 0.35  # between two events of one label


def draw_script(
    ranges: SceneSettings,
    bank: SoundBank,
    labels: tuple[Sequence[str], Sequence[str]],
    duration_s: float,
    generator: np.random.Generator,
    place: Place | None = None,
    room: int = 0,
) -> Script:
    """Draw a whole scene: a place, and events on as many tracks as may overlap.

    `labels` are the wanted ones and those that sound beside them in `extra_share` of the events.
    """
    place = place or draw_place(ranges, duration_s, generator)
    sir_db = ranges.extra_sir_db
    levels = Levels(
        ranges.snr_definition,
        float(generator.uniform(*ranges.snr_db)),
        None if sir_db is None else float(generator.uniform(*sir_db)),
    )
    is_mono = bool(generator.random() < ranges.mono_share)
    is_clean = bool(generator.random() < ranges.clean_share)
    gain_db = float(generator.uniform(*ranges.gain_db))
    ambience = ranges.ambience[int(generator.integers(len(ranges.ambience)))]
    encoder = ranges.foa_encoders[int(generator.integers(len(ranges.foa_encoders)))]
    n_tracks = int(generator.choice(ranges.max_overlap))
    if generator.random() < ranges.empty_share:
        n_tracks = 0
    emissions: list[Emission] = []
    for _ in range(n_tracks):
        _fill_track(emissions, place, ranges, bank, labels, levels, duration_s, generator)
    first, second = (int(word) for word in generator.integers(1 << 62, size=2))
    return Script(
        place,
        tuple(emissions),
        duration_s,
        levels,
        ambience,
        encoder,
        is_mono,
        is_clean,
        gain_db,
        (first, second),
        n_tracks,
        room,
    )


def _fill_track(
    emissions: list[Emission],
    place: Place,
    ranges: SceneSettings,
    bank: SoundBank,
    labels: tuple[Sequence[str], Sequence[str]],
    levels: Levels,
    duration_s: float,
    generator: np.random.Generator,
) -> None:
    """Add to `emissions`, which is `draw_script`'s own, the events of one track."""
    wanted, others = labels
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
        sound, attribution = bank.draw(label, generator, ranges.event_s)
        if ranges.augment:
            sound = augment(sound, ranges.rate_hz, generator)
        length_s = len(sound) / ranges.rate_hz
        if _is_free(label, clock, clock + length_s, taken, ranges.rate_hz):
            spread = generator.uniform(-ranges.level_spread_db, ranges.level_spread_db)
            level_db = float(np.clip(levels.snr_db + spread, *ranges.snr_db)) - levels.snr_db
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
