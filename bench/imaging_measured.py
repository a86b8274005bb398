"""Directions that measured arrays give: 110 positions on a rigid sphere, and 48 microphones.

- SOFiA A3: anechoic responses of a rigid sphere (8.75 cm) to loudspeakers at 45, 15, -15 and -45
  degrees, 2.5 m away; the array itself is turned by about +2.6 degrees (its SOURCE says so). The
  response is the sound. Its levels are not those of one source: against the model, positions at
  (-45, -35) and (-135, 35) have 21 dB less than the two others of the tetrahedron in the first
  direct sound and 6 dB less in the second, while phases fit within some degrees.
- Pyramic: delays between 48 microphones, measured by GCC-PHAT with noise in an anechoic room from
  540 directions; phases of these delays are the sound. Truth are the calibrated places of
  loudspeakers and microphones (themselves fitted to recordings of this array by its authors).

The direction is the highest point of the SRP-PHAT map over the sphere, refined: phases alone. To
16 kHz a delay that is 30 us wrong is half a wave off and no longer pulls.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from scipy.io import loadmat

from bench.tables import markdown
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.datasets.sofia import room_of
from sonoscope.imaging.beamform import srp_phat
from sonoscope.imaging.sources import refined
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import HeldScan, Scan, held
from sonoscope.signal.receiver import Capsules

SOFIA_AZIMUTHS_DEG = (45.0, 15.0, -15.0, -45.0)
DCASE_POSITIONS = (9, 95, 39, 65)
FOUR_MICROPHONES = (0, 23, 31, 39)


def table(work: Path, data: Path) -> str:
    """Find the directions of both."""
    del work
    head = ["array", "label °", "azimuth °", "elevation °", "off azimuth °"]
    rows = [
        (f"{len(chosen)} positions", f"{label:g}", f"{azimuth:.1f}", f"{elevation:.1f}",
         f"{azimuth - label:+.1f}")
        for chosen in (tuple(range(110)), DCASE_POSITIONS)
        for label, (azimuth, elevation) in zip(
            SOFIA_AZIMUTHS_DEG, sofia_directions_deg(data, chosen), strict=True
        )
    ]  # fmt: skip
    pyramic = [
        (name, len(errors), f"{np.median(errors):.2f}", f"{np.percentile(errors, 95):.2f}",
         f"{errors.max():.2f}")
        for name, errors in (
            ("48 microphones", pyramic_errors_deg(data)),
            ("microphones 0, 23, 31, 39", pyramic_errors_deg(data, FOUR_MICROPHONES)),
        )
    ]  # fmt: skip
    head_pyramic = ["pyramic", "directions", "median error °", "95 % within °", "worst °"]
    return f"{markdown(head, rows)}\n\n{markdown(head_pyramic, pyramic)}"


def sofia_directions_deg(
    data: Path, chosen: Sequence[int], band_hz: tuple[float, float] = (500.0, 8000.0)
) -> list[tuple[float, float]]:
    """Give azimuth and elevation of each of the four sources, from some of the positions."""
    path = data / "sphere-anechoic" / "SOFiA_A3_struct.mat"
    struct = loadmat(path, squeeze_me=True, struct_as_record=False)
    found = next(value for key, value in struct.items() if not key.startswith("__"))
    room = room_of(found, path)
    whole = room.channels
    assert isinstance(whole, MicArray)
    array = MicArray("chosen", tuple(whole.positions_m[i] for i in chosen), whole.baffle)
    grid = sphere_grid(4000)
    kept: HeldScan | None = None
    answers = []
    for response in room.responses:
        piece = np.asarray(response[list(chosen)], np.float64)
        frequency = np.fft.rfftfreq(piece.shape[1], 1 / room.rate_hz)
        inside = (frequency >= band_hz[0]) & (frequency < band_hz[1])
        spectra = lone(np.fft.rfft(piece)[:, inside].T, frequency[inside])
        kept = kept or held(Scan(Capsules(array), grid, formulation="I"), spectra.frequency_hz)
        x, y, z = pointed(spectra, array, kept)
        answers.append((float(np.rad2deg(np.arctan2(y, x))), float(np.rad2deg(np.arcsin(z)))))
    return answers


def pyramic_errors_deg(
    data: Path, chosen: Sequence[int] = tuple(range(48)), every: int = 1
) -> Float[ndarray, " direction"]:
    """Give the angles between directions from delays and the calibrated ones."""
    folder = data / "pyramic"
    measured = json.loads((folder / "pyramic_tdoa.json").read_text())
    truth = json.loads((folder / "calibrated_locations.json").read_text())
    delays = np.concatenate([np.zeros((1, 180, 3)), np.array(measured["delays"])])[list(chosen)]
    # as if at this project's speed of sound
    scale = SPEED_OF_SOUND_M_S / float(truth["sound_speed_mps"])
    rows = scale * np.array(truth["microphones"])[list(chosen)]
    array = MicArray("pyramic", tuple((float(x), float(y), float(z)) for x, y, z in rows), "open")
    band = np.arange(1000.0, 16_000.0, 750.0)
    kept = held(Scan(Capsules(array), sphere_grid(3000), formulation="I"), band)
    errors = []
    for height, name in enumerate(truth["speakers_manual_colatitude"]):
        place = truth["sources"][name]
        azimuth = np.array(list(place["azimuth"].values()))
        true = unit_vector(azimuth, np.pi / 2 - np.array(list(place["colatitude"].values())))
        for angle in range(0, 180, every):
            turn = np.exp(-2j * np.pi * band[:, None] * delays[:, angle, height])
            found = pointed(lone(turn, band), array, kept)
            errors.append(float(angle_between(found, true[angle])))
    return np.asarray(np.rad2deg(errors))


def lone(
    heard: Complex[ndarray, "frequency channel"], frequency_hz: Float[ndarray, " frequency"]
) -> CrossSpectra:
    """Give the matrices of one sound."""
    return CrossSpectra(heard[:, :, None] * np.conj(heard[:, None, :]), frequency_hz, 1.0)


def pointed(spectra: CrossSpectra, array: MicArray, kept: HeldScan) -> Float[ndarray, "3"]:
    """Give where the map of phases is highest, between its points."""

    def height(directions: Float[ndarray, "point 3"]) -> Float[ndarray, " point"]:
        return np.asarray(srp_phat(spectra, Scan(Capsules(array), directions)).mean(axis=0))

    start = kept.points[srp_phat(spectra, kept).mean(axis=0).argmax()]
    return refined(height, start, float(np.sqrt(4 * np.pi / len(kept.points))), 1e-5)
