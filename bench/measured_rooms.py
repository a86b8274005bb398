"""Measured rooms: from where they sound, and how they decay, for each receiver.

The sphere (SOFiA set A3, anechoic): direction of each of its four sources by the intensity vector
of FOA encoded from 110 capsules and by a matched field over the four capsules that are a
tetrahedron, 0.3 to 1.5 kHz, less its label and the set's known turn of 2.6 degrees; and how far the
capsules' levels disagree with theory. The listening lab (SDM): T60 by octaves of the pressure that
was measured and of what is rendered from it, and the power of the tail (from 20 ms on) in X, Y, Z
together over that in W, which is 0 dB in a diffuse field and where no direction is lost or added.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from bench.tables import markdown
from sonoscope.core.array import TETRAHEDRON, on_sphere
from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector
from sonoscope.datasets.responses import read_room
from sonoscope.signal.receiver import Capsules, IdealFoa, plane_wave_response
from sonoscope.simulation.measured import misfit_db

RATE = 48_000
TURN_DEG = 2.6
LARGE_TETRAHEDRON = on_sphere(
    "tetrahedron of 8.75 cm",
    [(45.0, 35.264390), (-45.0, -35.264390), (135.0, -35.264390), (-135.0, 35.264390)],
    0.0875,
)
OCTAVES_HZ = (250, 500, 1_000, 2_000, 4_000, 8_000)
Taps = NDArray[np.floating]


def intensity(foa: Taps, rate_hz: int, at_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give where the active intensity comes from, over some frequencies."""
    turn = np.exp(-2j * np.pi * at_hz / rate_hz * np.arange(foa.shape[1])[:, None])
    w, y, z, x = foa @ turn
    return np.stack([(w.conj() * axis).real.sum() for axis in (x, y, z)])


def matched_field(heard: Taps, rate_hz: int, at_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the direction whose plane waves explain most of what the tetrahedron heard."""
    grid = sphere_grid(10_000)
    field = plane_wave_response(Capsules(LARGE_TETRAHEDRON), grid, at_hz)
    field = field / np.linalg.norm(field, axis=1, keepdims=True)
    turn = np.exp(-2j * np.pi * at_hz[:, None] / rate_hz * np.arange(heard.shape[1]))
    power = np.abs(np.einsum("fcd,fc->fd", field.conj(), turn @ heard.T)) ** 2
    return np.asarray(grid[(power / power.sum(axis=1, keepdims=True)).sum(axis=0).argmax()])


def t60_s(taps: Taps, rate_hz: int) -> float:
    """Give the reverberation time: backward integration, a line from -5 to -25 dB."""
    energy = np.cumsum(np.square(taps, dtype=np.float64)[::-1])[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    fitted = np.flatnonzero((level < -5) & (level > -25))
    return float(-60 / np.polyfit(fitted / rate_hz, level[fitted], 1)[0])


def octave(taps: Taps, centre_hz: float, rate_hz: int) -> NDArray[np.float64]:
    """Keep one octave, without delay."""
    edges = [centre_hz / 2**0.5, centre_hz * 2**0.5]
    sections = butter(3, edges, "band", fs=rate_hz, output="sos")
    return np.asarray(sosfiltfilt(sections, taps.astype(np.float64)))


def sphere(data: Path) -> str:
    """Measure the directions of the sphere's four sources."""
    room = read_room(data / "sphere-anechoic" / "SOFiA_A3_struct.mat")
    foa = room.heard_by(IdealFoa(), RATE)
    capsules = room.heard_by(Capsules(LARGE_TETRAHEDRON), RATE)
    at_hz = np.arange(300.0, 1_500.0, 20.0)
    rows = []
    for i, misfit in enumerate(misfit_db(room)):
        labelled, _ = np.rad2deg(angles(room.directions[i]))
        turned = unit_vector(np.deg2rad(labelled + TURN_DEG), 0.0)
        found = [
            intensity(foa.spot(i).response, RATE, at_hz),
            matched_field(capsules.spot(i).response, RATE, at_hz),
        ]
        away = [f"{np.rad2deg(angle_between(one, turned)):.1f}" for one in found]
        rows.append([f"{labelled:.0f}", *away, f"{misfit:.1f}"])
    head = ["source at °", "FOA of 110, off by °", "tetrahedron, off by °", "capsules disagree, dB"]
    return markdown(head, rows)


def lab(data: Path) -> str:
    """Measure how the listening lab decays for two receivers."""
    room = read_room(data / "room-sdm" / "sdm_listening_lab.mat")
    foa = room.heard_by(IdealFoa(), RATE)
    tetra = room.heard_by(Capsules(TETRAHEDRON), RATE)
    tail = int(foa.arrival[0]) + round(0.02 * RATE)
    rows = []
    for centre in OCTAVES_HZ:
        pressure = octave(room.responses[0, 0], centre, room.rate_hz)
        w, *xyz = (octave(taps, centre, RATE) for taps in foa.responses[0])
        capsules = [octave(taps, centre, RATE) for taps in tetra.responses[0]]
        along = sum(float((axis[tail:] ** 2).sum()) for axis in xyz)
        decays = [
            t60_s(pressure, room.rate_hz),
            t60_s(w, RATE),
            np.mean([t60_s(axis, RATE) for axis in xyz]),
            np.mean([t60_s(taps, RATE) for taps in capsules]),
        ]
        ratio = 10 * np.log10(along / float((w[tail:] ** 2).sum()))
        rows.append([centre, *(f"{decay:.3f}" for decay in decays), f"{ratio:.1f}"])
    head = ["octave Hz", "T60 s, pressure", "W", "X, Y, Z", "tetrahedron", "tail XYZ over W, dB"]
    return markdown(head, rows)


def table(work: Path, data: Path) -> str:
    """Measure both."""
    del work
    return f"{sphere(data)}\n\n{lab(data)}"
