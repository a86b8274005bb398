"""Rooms: T30 and direct-to-reverberant ratio against what was asked, time for one response.

T30 is read from the mean of the energies of many responses of a room (sources and receivers drawn
in it as scenes draw them, 0.5 m off the walls or 0.15 of a side, and as far apart as ISO 3382-2
asks, 2 sqrt(V / (c T60)), where the room allows), high-passed at 60 Hz and filtered by octave
without phase, by Schroeder's backward integration from -5 to -35 dB. One response alone scatters by
about 0.55 / sqrt(B T60), 11 % in the 250 Hz octave at 0.15 s; as many are averaged as bring that to
`spread` there. Rooms that are then more than 4 % or 1 dB off are measured through six times as many
places, and that stands.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import TETRAHEDRON
from sonoscope.signal.octaves import octave_centres, octave_weights
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.simulation.impulses import response_of_waves
from sonoscope.simulation.paths import DIRECT, Geometry, Hearing, hearing_of, paths_response
from sonoscope.simulation.room import (
    Room,
    acoustics,
    early_waves,
    image_sources,
    late_sound,
    reflections,
    room_response,
    shortest_t60_s,
)

RATE = 24_000
_OFF_WALL_M = 0.5
_DECAY = 6 * np.log(10)
_DOUBTFUL = 0.04


def table(work: Path, data: Path, *, rooms: int = 200, spread: float = 0.01) -> str:
    """Measure decays and levels of random rooms, and the time of each part of one response."""
    del work, data
    torch.set_num_threads(1)
    measured = [_settled(number, spread) for number in range(rooms)]
    return "\n\n".join([_decay_table(measured), _level_table(measured), _time_table()])


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one room gave, by octave from 250 Hz to 8 kHz.

    Attributes
    ----------
    t30
        Over the T60 asked.
    classical_db, barron_db
        Direct-to-reverberant ratio over that of theory.
    spread
        Expected standard deviation of `t30` from averaging over so few places.
    """

    room: Room
    t30: Float[ndarray, " band"]
    classical_db: Float[ndarray, " band"]
    barron_db: Float[ndarray, " band"]
    spread: Float[ndarray, " band"]


def _philox(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=list(key)))


def drawn_room(number: int) -> Room:
    """Draw volume, sides and T60; again where walls that swallow 95 % would not be enough."""
    generator = _philox(number, 0)
    while True:
        volume = np.exp(generator.uniform(*np.log([25.0, 400.0])))
        height = generator.uniform(2.2, min(5.0, 0.9 * volume ** (1 / 3)))
        stretch = np.sqrt(generator.uniform(1.0, 2.5))
        side = np.sqrt(volume / height)
        size = (float(side * stretch), float(side / stretch), float(height))
        t60 = float(generator.uniform(0.15, 1.5))
        if shortest_t60_s(size) < 0.95 * t60:
            return Room(size, t60)


def drawn_places(
    room: Room, count: int, generator: np.random.Generator, apart_m: float
) -> list[Geometry]:
    """Draw places off the walls, `apart_m` apart or the farthest of 50 draws."""
    size = np.array(room.size_m)
    off = np.minimum(_OFF_WALL_M, 0.15 * size)
    pairs = generator.uniform(off, size - off, size=(count, 50, 2, 3))
    apart = np.linalg.norm(pairs[:, :, 0] - pairs[:, :, 1], axis=-1)
    far = apart >= apart_m
    chosen = np.where(far.any(axis=1), far.argmax(axis=1), apart.argmax(axis=1))
    return [Geometry(*pairs[i, j]) for i, j in enumerate(chosen)]


def by_octave(sounds: Float[ndarray, "place sample"]) -> Float[ndarray, "band sample"]:
    """Give the mean energy by octave from 250 Hz to 8 kHz, above 60 Hz."""
    length = sounds.shape[1]
    size = 2 * length
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    high = (frequency / 60) ** 2 / np.sqrt(1 + (frequency / 60) ** 4)
    spectrum = np.fft.rfft(sounds, n=size) * high
    weights = octave_weights(frequency, RATE)[1:]
    bands = [np.fft.irfft(spectrum * row, n=size)[:, :length] for row in weights]
    return np.stack([np.square(band).mean(axis=0) for band in bands])


def t30_s(energy: Float[ndarray, "band sample"]) -> Float[ndarray, " band"]:
    """Fit a line from -5 to -35 dB to Schroeder's integral."""
    found = []
    for row in energy:
        level = 10 * np.log10(row[::-1].cumsum()[::-1])
        level -= level[0]
        part = np.flatnonzero((level < -5) & (level > -35))
        found.append(-60 / np.polyfit(part / RATE, level[part], 1)[0])
    return np.array(found)


def _settled(number: int, spread: float) -> Measured:
    """Measure, and once more through six times as many places where chance may have decided."""
    first = _measured(number, spread)
    if np.abs(first.t30 - 1).max() < _DOUBTFUL and np.abs(first.barron_db).max() < 1:
        return first
    return _measured(number, 0.4 * spread)


def _measured(number: int, spread: float) -> Measured:
    room = drawn_room(number)
    assert isinstance(room.t60_s, float)
    generator = _philox(number, 1)
    width = octave_centres(RATE)[1:] / 2**0.5
    one = 0.55 / np.sqrt(width * room.t60_s)
    count = int(np.ceil((one[0] / spread) ** 2))
    apart = 2 * np.sqrt(room.volume_m3 / (SPEED_OF_SOUND_M_S * room.t60_s))
    places = drawn_places(room, count, generator, float(apart))
    ear = hearing_of(IdealFoa(), RATE)
    sounds = [room_response(room, place, ear, generator)[0].numpy() for place in places]
    energy = by_octave(_stacked(sounds))
    classical, barron = _levels(room, ear, generator, count)
    return Measured(room, t30_s(energy) / room.t60_s, classical, barron, one / np.sqrt(count))


def _stacked(sounds: list[Float[ndarray, " sample"]]) -> Float[ndarray, "place sample"]:
    length = max(len(sound) for sound in sounds)
    return np.stack([np.pad(sound, (0, length - len(sound))) for sound in sounds])


def _levels(
    room: Room, ear: Hearing, generator: np.random.Generator, count: int
) -> tuple[Float[ndarray, " band"], Float[ndarray, " band"]]:
    """Compare the mean reverberant energy, over the direct one's, with both theories.

    Places lie from half to twice the critical distance apart, as far as the room lets them.
    """
    assert isinstance(room.t60_s, float)
    critical = np.sqrt(_DECAY * room.volume_m3 / (4 * np.pi * SPEED_OF_SOUND_M_S * room.t60_s))
    apart = float(generator.uniform(0.5, 2.0)) * critical
    places = drawn_places(room, max(count, 8), generator, apart)
    sounds = [_reverberation(room, place, ear, generator) for place in places]
    reverberant = by_octave(_stacked(sounds)).sum(axis=1)
    near = Geometry(np.array([1.0, 0.0, 0.0]), np.zeros(3))
    direct = paths_response((DIRECT,), near, ear)[:1].numpy()
    unit = by_octave(np.pad(direct, ((0, 0), (0, RATE // 2)))).sum(axis=1)  # at 1 m
    distance = np.array([place.distance_m for place in places])
    later = np.exp(-_DECAY * distance / (SPEED_OF_SOUND_M_S * room.t60_s)).mean()
    measured_db = -10 * np.log10(reverberant / unit * critical**2)
    return measured_db, measured_db + 10 * np.log10(later)


def _reverberation(
    room: Room, place: Geometry, ear: Hearing, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    """Give all but the direct sound on the omnidirectional channel."""
    early = reflections(room, place, ear, generator)[0]
    sound = late_sound(room, ear, generator)[0]
    whole = torch.zeros(max(len(early), len(sound)))
    whole[: len(sound)] = sound
    whole[: len(early)] += early
    return whole.numpy()


def _decay_table(measured: list[Measured]) -> str:
    centres = octave_centres(RATE)[1:]
    ratio = np.array([one.t30 for one in measured])
    spread = np.array([one.spread for one in measured])
    rows = [
        [
            f"{centre:.0f}",
            len(ratio),
            f"{np.median(ratio[:, i]):.3f}",
            f"{np.quantile(ratio[:, i], 0.05):.3f}..{np.quantile(ratio[:, i], 0.95):.3f}",
            f"{ratio[:, i].min():.3f}..{ratio[:, i].max():.3f}",
            f"{100 * np.mean(np.abs(ratio[:, i] - 1) <= 0.05):.1f} %",
            f"{spread[:, i].max():.3f}",
        ]
        for i, centre in enumerate(centres)
    ]
    head = ["octave (Hz)", "rooms", "median T30 / T60", "5..95 %", "all", "within 5 %", "spread"]
    return markdown(head, rows)


def _level_table(measured: list[Measured]) -> str:
    classical = np.array([one.classical_db for one in measured])
    barron = np.array([one.barron_db for one in measured])
    rows = []
    for name, error in (
        ("(d_c / d)², all octaves", classical),
        ("Barron's (from d / c on), 250 Hz", barron[:, :1]),
        ("Barron's, 500 Hz", barron[:, 1:2]),
        ("Barron's, 1 to 8 kHz", barron[:, 2:]),
    ):
        rows.append(
            [
                name,
                f"{error.mean():+.2f}",
                f"{error.std():.2f}",
                f"{error.min():+.2f}..{error.max():+.2f}",
                f"{100 * np.mean(np.abs(error) <= 1):.1f} %",
            ]
        )
    head = ["DRR over theory", "mean (dB)", "deviation (dB)", "all (dB)", "within 1 dB"]
    return markdown(head, rows)


def _time_table() -> str:
    """Time the spec's room, four capsules of the rigid tetrahedron, images to 80 ms and tail."""
    room = Room((6.0, 5.0, 3.0), 0.5)
    place = Geometry(np.array([1.4, 3.6, 1.8]), np.array([3.1, 2.4, 1.5]))
    ear = hearing_of(Capsules(TETRAHEDRON), RATE)
    walls = acoustics(room, RATE)
    waves, shapes = early_waves(room, place, RATE, _philox(0, 0))
    length = int(walls.early_s * RATE) + ear.table.taps

    def found_anew() -> None:
        acoustics.cache_clear()
        acoustics(room, RATE)

    parts: list[tuple[str, Callable[[], object]]] = [
        ("walls for the T60 (once a room)", found_anew),
        (
            f"{len(waves.delay)} images with jitter",
            lambda: image_sources(room, place, walls.early_s, generator=_philox(0, 0)),
        ),
        (
            f"the same with gains, in {len(shapes)} lines",
            lambda: early_waves(room, place, RATE, _philox(0, 0)),
        ),
        ("summed into responses", lambda: response_of_waves(ear.table, waves, length)),
        ("late sound, 7 octaves", lambda: late_sound(room, ear, _philox(0, 0))),
        ("one whole response", lambda: room_response(room, place, ear, _philox(0, 0))),
    ]
    rows = [[name, *_least_ms(work)] for name, work in parts]
    return markdown(["part", "wall (ms)", "CPU (ms)"], rows)


def _least_ms(work: Callable[[], object], repeats: int = 200) -> tuple[str, str]:
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return f"{1e3 * min(walls):.2f}", f"{1e3 * min(cpus):.2f}"
