"""Imaging: time and equality of maps beside Acoular and pyroomacoustics; errors beside the bound.

Speed: a white source 20 dB above the noise of the channels, 1 s, blocks of 1024 with Hann at half
overlap; a time is that of matrices, weights and map together, with nothing kept from call to call
except where it says "held". The least of several runs in turns; Acoular's compiled parts are warm.

- A: 64 capsules on a spiral 12 cm wide, 96 kHz, 20 kHz third octave (49 bins), 101 x 76 points 3 m
  away.
- B: four capsules (4.2 cm), 48 kHz, 4 kHz third octave (19 bins), 6600 points of the sphere at 2 m.

"Off" is the largest difference of two maps over all bins, as a share of the peak: from what
Acoular's compiled kernel gives, and from the same formula with Acoular's weights in double
precision, both with the same matrices. What follows is in `bench.imaging_accuracy` (against
truth of simulated sound) and `bench.imaging_measured` (measured arrays).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench import imaging_accuracy, imaging_measured
from bench.imaging_rivals import (
    Doa,
    Map,
    acoular,
    map_of_samples,
    map_of_spectra,
    plain_map,
    steering,
)
from bench.tables import markdown
from bench.wavelets import least_times
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import SPIRAL64, TETRAHEDRON, MicArray
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.imaging.beamform import conventional, music, orthogonal, srp_phat
from sonoscope.imaging.deconvolve import clean_sc
from sonoscope.imaging.grids import plane_grid
from sonoscope.imaging.spectra import CrossSpectra, cross_spectra, third_octave
from sonoscope.imaging.steering import Formulation, Scan, held
from sonoscope.signal.receiver import Capsules

OPEN_TETRAHEDRON = MicArray("open tetra", TETRAHEDRON.positions_m, "open")
WIDE_HZ = (500.0, 4000.0)


def table(
    work: Path,
    data: Path,
    *,
    runs: int = 20,
    thinned: int = 1,
    draws: int = 500,
    rooms: int = 40,
) -> str:
    """Measure speed (`thinned` keeps every so many points), then errors."""
    parts = [speed(runs, thinned)]
    parts.append(imaging_accuracy.table(work, data, draws=draws, rooms=rooms))
    if (data / "sphere-anechoic").is_dir():
        parts.append(imaging_measured.table(work, data))
    return "\n\n".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is looked at: an array, a recording and where to look for its source."""

    name: str
    array: MicArray
    rate_hz: float
    band_hz: tuple[float, float]
    points: Float[ndarray, "point 3"]
    samples: Float[ndarray, "channel sample"]

    def spectra(self, band_hz: tuple[float, float] | None = None) -> CrossSpectra:
        """Give its matrices."""
        return cross_spectra(self.samples, self.rate_hz, band_hz or self.band_hz)

    def scan(self, formulation: Formulation = "III", baffle: str = "open") -> Scan:
        """Give its scan."""
        array = self.array if baffle == "open" else TETRAHEDRON
        return Scan(Capsules(array), self.points, near=True, formulation=formulation)


def case_a(thinned: int = 1) -> Case:
    """Build the plane before the spiral."""
    right, up = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    plane = plane_grid(np.array([3.0, 0, 0]), right, up, (4.0, 3.0), 0.04).reshape(-1, 3)
    samples = recording(SPIRAL64, np.array([3.0, 0.5, 0.3]), 96_000)
    return Case("A", SPIRAL64, 96_000.0, third_octave(20_000.0), plane[::thinned], samples)


def case_b(thinned: int = 1) -> Case:
    """Build the sphere around the tetrahedron."""
    points = 2.0 * sphere_grid(6600)[::thinned]
    samples = recording(OPEN_TETRAHEDRON, 2.0 * unit_vector(0.5, 0.2), 48_000)
    return Case("B", OPEN_TETRAHEDRON, 48_000.0, third_octave(4000.0), points, samples)


def recording(
    array: MicArray, source_m: Float[ndarray, "3"], rate_hz: int
) -> Float[ndarray, "channel sample"]:
    """Give 1 s of a white source at a place before an open array, with noise 20 dB below."""
    rng = np.random.default_rng(0)
    frequency = np.fft.rfftfreq(rate_hz, 1 / rate_hz)
    way = np.linalg.norm(source_m - array.positions, axis=1)[:, None]
    away = float(np.linalg.norm(source_m))
    response = away / way * np.exp(-2j * np.pi * frequency * (way - away) / SPEED_OF_SOUND_M_S)
    sound = np.fft.irfft(np.fft.rfft(rng.standard_normal(rate_hz)) * response, axis=1, n=rate_hz)
    return np.asarray(sound + 0.1 * rng.standard_normal(sound.shape))


def speed(runs: int, thinned: int) -> str:
    """Give the tables of both cases."""
    ac = acoular()
    a, b = case_a(thinned), case_b(thinned)
    rows = [*_rows(ac, a, max(2, runs // 4)), *_rows(ac, b, runs)]
    rows += [_held_row(b, runs), *_wide_rows(b, max(2, runs // 4))]
    head = ["case", "map", "wall ms", "CPU ms", "Acoular wall ms", "CPU ms", "times as fast (wall)",
            "off its kernel", "off its formula"]  # fmt: skip
    note = "" if ac else "\n\nAcoular is not installed: its columns are empty."
    return markdown(head, rows) + note


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One map both ways, and whether both promise the same numbers."""

    name: str
    ours: Callable[[CrossSpectra, Scan], Map]
    kind: str
    options: dict[str, object]
    formulation: Formulation = "III"
    same: bool = False


WAYS = (
    Way("conventional", conventional, "BeamformerBase", {"r_diag": False}, same=True),
    Way("conventional, II, no diagonal", partial(conventional, diagonal_removed=True),
        "BeamformerBase", {"r_diag": True}, "II"),
    Way("MUSIC", lambda s, scan: music(s, scan, 1), "BeamformerMusic", {"n": 1}),
    Way("orthogonal", lambda s, scan: orthogonal(s, scan, 1), "BeamformerOrth",
        {"n": 1, "r_diag": False}),
    Way("CLEAN-SC", clean_sc, "BeamformerCleansc", {}),
)  # fmt: skip


def _rows(ac: Any | None, case: Case, runs: int) -> list[Sequence[object]]:
    return [_row(ac, case, way, runs if way.kind == "BeamformerBase" else 2) for way in WAYS]


def _row(ac: Any | None, case: Case, way: Way, runs: int) -> Sequence[object]:
    scan = case.scan(way.formulation)
    ways: dict[str, Callable[[], object]] = {"ours": lambda: way.ours(case.spectra(), scan)}
    positions = case.array.positions
    spectra = case.spectra()
    if ac is not None:
        steer = partial(steering, ac, positions, case.points, way.formulation)
        ways["theirs"] = partial(
            map_of_samples, ac, way.kind, case.samples, case.rate_hz, spectra.frequency_hz, steer,
            **way.options,
        )  # fmt: skip
        ways["theirs"]()
    least = least_times(ways, runs)
    wall, cpu = least["ours"]
    row = [case.name, way.name, f"{1e3 * wall:.1f}", f"{1e3 * cpu:.1f}"]
    if ac is None:
        return [*row, "", "", "", "", ""]
    their_wall, their_cpu = least["theirs"]
    row += [f"{1e3 * their_wall:.1f}", f"{1e3 * their_cpu:.1f}", f"{their_wall / wall:.1f}"]
    seen = way.ours(spectra, scan)
    off = f"{_off(seen, map_of_spectra(ac, way.kind, spectra, steer(), **way.options)):.1e}"
    plain = f"{_off(seen, plain_map(spectra, steer())):.1e}" if way.same else ""
    return [*row, off, plain]


def _off(ours: Map, theirs: Map) -> float:
    """Compare maps in units of their peaks: MUSIC's have none, and CLEAN-SC's are points."""
    if np.any(theirs < 0):
        ours = np.maximum(ours, 0)
    return float(np.abs(ours / ours.max() - theirs / theirs.max()).max())


def _held_row(case: Case, runs: int) -> Sequence[object]:
    """Time the rigid sphere with weights that the caller holds."""
    scan = case.scan(baffle="rigid")
    kept = held(scan, case.spectra().frequency_hz)
    ways: dict[str, Callable[[], object]] = {
        "anew": lambda: conventional(case.spectra(), scan),
        "held": lambda: conventional(case.spectra(), kept),
    }
    least = least_times(ways, runs)
    wall, cpu = (" / ".join(f"{1e3 * least[name][i]:.1f}" for name in ways) for i in (0, 1))
    return [case.name, "conventional, rigid sphere, anew / held", wall, cpu, "", "", "", "", ""]


def _wide_rows(case: Case, runs: int) -> list[Sequence[object]]:
    """Time SRP-PHAT and MUSIC on a wide band beside pyroomacoustics, its mode vectors ready."""
    directions = case.points / np.linalg.norm(case.points, axis=1, keepdims=True)
    scan = Scan(Capsules(case.array), directions, formulation="I")
    rows: list[Sequence[object]] = []
    ours: dict[str, Callable[[CrossSpectra], Map]] = {
        "SRP": lambda spectra: srp_phat(spectra, scan),
        "MUSIC": lambda spectra: music(spectra, scan, 1),
    }
    for kind, way in ours.items():
        doa = Doa(kind, case.array.positions, case.rate_hz, 1024, n_grid=len(directions))
        ways: dict[str, Callable[[], object]] = {
            "ours": partial(_wide, case, way),
            "theirs": partial(doa.directions, case.samples, WIDE_HZ),
        }
        least = least_times(ways, runs)
        wall, cpu = least["ours"]
        other, other_cpu = least["theirs"]
        rows.append(
            [case.name, f"{kind}, 500 to 4000 Hz, beside pyroomacoustics", f"{1e3 * wall:.1f}",
             f"{1e3 * cpu:.1f}", f"{1e3 * other:.1f}", f"{1e3 * other_cpu:.1f}",
             f"{other / wall:.1f}", "", ""]
        )  # fmt: skip
    return rows


def _wide(case: Case, way: Callable[[CrossSpectra], Map]) -> Map:
    return way(case.spectra(WIDE_HZ))
