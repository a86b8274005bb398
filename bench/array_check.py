"""What `check-array` says of geometries whose axes are swapped or mirrored, all 48 ways.

Half a second of white noise at 48 kHz from azimuth 55, elevation 15, with noise of each capsule's
own; then the same in rooms of 7 x 5 x 3 m, 2 m from the array, at 20 dB, at `places` places, the
direction still told as 55, 15 from the array's axes. One recording is held against the geometry in
all 48 arrangements. "Right" counts the true one if it is the likeliest, or, of flat arrays, that or
its mirror image through the array's plane, which sounds the same; "sure" is the mean share of the
likeliest, "explained" the mean of what it explains. Simulated: white capsules, exact geometry.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core.array import EM32, RING64, SPIRAL64, TETRAHEDRON, MicArray
from sonoscope.core.direction import unit_vector
from sonoscope.imaging.array_check import check_array, turned
from sonoscope.imaging.views import normal_of
from sonoscope.signal.receiver import Capsules
from sonoscope.signal.sphere import array_response
from sonoscope.signal.symmetry import signed_permutations
from sonoscope.simulation.paths import Geometry, hearing_of
from sonoscope.simulation.room import Room, room_response

RATE = 48_000
SOURCE = unit_vector(np.deg2rad(55.0), np.deg2rad(15.0))
ARRAYS = (TETRAHEDRON, EM32, SPIRAL64, RING64)
ROOMS = (TETRAHEDRON, EM32)

_SECONDS = 0.5
_TAPS = 512
_SIZE_M = (7.0, 5.0, 3.0)
_AWAY_M = 2.0


@dataclass
class Score:
    """What came out of some recordings."""

    right: list[bool] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    explained: list[float] = field(default_factory=list)

    def row(self) -> list[str]:
        """Give the cells."""
        told = [f"{100 * np.mean(each):.0f} %" for each in (self.right, self.sure, self.explained)]
        return [str(len(self.right)), *told]


def table(
    work: Path,
    data: Path,
    *,
    ratios_db: tuple[float, ...] = (20.0, 10.0, 0.0, -10.0),
    t60_s: tuple[float, ...] = (0.3, 0.6),
    places: int = 2,
    every: int = 1,
) -> str:
    """Give the table; `every` leaves arrangements out."""
    del work, data
    rows = []
    for array in ARRAYS:
        impulses = _free(array)
        for ratio in ratios_db:
            score = Score()
            _judge(score, _recorded(impulses, ratio, 0), array, every)
            rows.append([array.name, "free field", f"{ratio:g}", *score.row()])
    for array in ROOMS:
        for t60 in t60_s:
            score = Score()
            for number in range(places):
                heard = _in_a_room(array, t60, number)
                _judge(score, _recorded(heard, 20.0, number), array, every)
            rows.append([array.name, f"room, T60 {t60:g} s", "20", *score.row()])
    head = ["array", "where", "SNR, dB", "geometries", "right", "sure", "explained"]
    return markdown(head, rows)


def _free(array: MicArray) -> Float[ndarray, "channel tap"]:
    frequency = np.fft.rfftfreq(_TAPS, 1 / RATE)
    response = array_response(array, SOURCE[None], frequency)[:, :, 0]
    return np.asarray(np.roll(np.fft.irfft(response.T, _TAPS), _TAPS // 4, axis=1))


def _in_a_room(array: MicArray, t60_s: float, number: int) -> Float[ndarray, "channel tap"]:
    generator = np.random.default_rng(number)
    ear = np.array(_SIZE_M) * generator.uniform(0.3, 0.5, 3)
    geometry = Geometry(ear + _AWAY_M * SOURCE, ear)
    hearing = hearing_of(Capsules(array), RATE)
    heard = room_response(Room(_SIZE_M, t60_s), geometry, hearing, generator)
    return np.asarray(heard.numpy(), np.float64)


def _recorded(
    impulses: Float[ndarray, "channel tap"], ratio_db: float, seed: int
) -> Float[ndarray, "channel sample"]:
    generator = np.random.default_rng(seed)
    length = round(_SECONDS * RATE)
    dry = generator.standard_normal(length)
    size = length + impulses.shape[1]
    wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(impulses, size), size)[:, :length]
    noise = generator.standard_normal(wet.shape)
    level = np.sqrt((wet**2).mean()) * 10 ** (-ratio_db / 20)
    return np.asarray(wet + level * noise)


def _judge(
    score: Score, samples: Float[ndarray, "channel sample"], array: MicArray, every: int
) -> None:
    normal = normal_of(array)
    for turn in signed_permutations()[::every]:
        found = check_array(samples, RATE, turned(array, turn.T), SOURCE)
        right = np.array_equal(found.transform, turn)
        if normal is not None:
            flipped = np.eye(3) - 2 * np.outer(normal, normal)
            # through the plane of the geometry as given, which is turned
            right |= bool(np.allclose(found.transform, flipped @ turn))
        score.right.append(right)
        score.sure.append(found.share)
        score.explained.append(found.explained)
