"""Errors of directions and levels in simulated sound, beside the bound and pyroomacoustics."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import linear_sum_assignment
from scipy.signal import fftconvolve

from bench.imaging_rivals import Doa
from bench.tables import markdown
from sonoscope.core.array import EM32, TETRAHEDRON, MicArray
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.imaging.beamform import capon, conventional, music, srp_phat
from sonoscope.imaging.bound import information, inside, rms_error
from sonoscope.imaging.fit import FitSettings, fitted
from sonoscope.imaging.grids import peaks
from sonoscope.imaging.spectra import BlockSettings, CrossSpectra, cross_spectra
from sonoscope.imaging.steering import HeldScan, Scan, held
from sonoscope.imaging.views import SphereView
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.signal.sphere import array_response
from sonoscope.simulation.paths import DIRECT, Geometry, hearing_of, paths_response
from sonoscope.simulation.room import Room, room_response

Sound = Float[ndarray, "channel sample"]

RATE = 24_000
BAND_HZ = (200.0, 8000.0)
DURATION_S = 0.1
SHORT = BlockSettings(block=256)

ROOM = Room((6.0, 5.0, 3.0), 0.5)
CENTRE_M = np.array([3.1, 2.4, 1.5])
ROOM_BLOCK = 256
APART_RAD = np.deg2rad(30.0)
OPEN = MicArray("open tetra", TETRAHEDRON.positions_m, "open")


def table(work: Path, data: Path, *, draws: int = 500, rooms: int = 40) -> str:
    """Measure lone sources in noise, levels, and pairs of sources in a room."""
    del work, data
    return "\n\n".join([lone_sources(draws), levels(), pairs_in_rooms(rooms)])


def lone_sources(draws: int, levels_db: Sequence[float] = (0, 10, 20, 30)) -> str:
    """Find one broadband source in noise of the capsules' own, as often at each SNR."""
    rows = [lone_row(level, draws) for level in levels_db]
    head = ["SNR dB", "draws", "rms error °", "bound °", "error / bound", "in the 90 % ellipse"]
    return (
        "One white source, 0.1 s, 200 to 8000 Hz, rigid tetrahedron of 4.2 cm, white noise; found "
        "from the highest point of a map with 4° spacing by `imaging.fit`, directions over the "
        "whole sphere.\n\n" + markdown(head, rows)
    )


def lone_row(level_db: float, draws: int) -> Sequence[object]:
    """Measure at one SNR."""
    view = SphereView.of(np.deg2rad(4.0))
    receiver = Capsules(TETRAHEDRON)
    band = np.linspace(*BAND_HZ, 100)
    kept: HeldScan | None = None
    misses, bounds, held_in = [], [], []
    for number, truth in enumerate(sphere_grid(draws)):
        rng = np.random.default_rng([number, round(level_db)])
        samples = plane_wave(TETRAHEDRON, truth, level_db, rng)
        spectra = cross_spectra(samples, float(RATE), BAND_HZ, SHORT)
        kept = kept or held(Scan(receiver, view.points), spectra.frequency_hz)
        start = view.points[conventional(spectra, kept).sum(axis=0).argmax()]
        sources = fitted(spectra, receiver, view, start[None], FitSettings(most=1)).sources
        bounds.append(rms_error(information(receiver, truth, band, 10 ** (level_db / 10), 0.1)))
        if not sources:
            misses.append(np.pi)
            held_in.append(False)
            continue
        misses.append(float(angle_between(sources[0].direction, truth)))
        held_in.append(inside(sources[0].information, sources[0].direction, truth))
    error, bound = (np.rad2deg(np.sqrt(np.mean(np.square(v)))) for v in (misses, bounds))
    return (f"{level_db:g}", draws, f"{error:.3f}", f"{bound:.3f}", f"{error / bound:.2f}",
            f"{np.mean(held_in):.1%}")  # fmt: skip


def plane_wave(
    array: MicArray, direction: Float[ndarray, "3"], level_db: float, rng: np.random.Generator
) -> Sound:
    """Cut a tenth of a second from twice as much of a plane wave, and add noise."""
    count = round(DURATION_S * RATE)
    frequency = np.fft.rfftfreq(2 * count, 1 / RATE)
    response = array_response(array, direction[None], frequency)[:, :, 0]
    spectrum = np.fft.rfft(rng.standard_normal(2 * count))[:, None] * response
    sound = np.fft.irfft(spectrum, axis=0, n=2 * count).T[:, count // 2 : count // 2 + count]
    return np.asarray(sound + 10 ** (-level_db / 20) * rng.standard_normal(sound.shape))


def levels(rate_hz: int = 48_000) -> str:
    """Read levels of a source of white noise 2 m away against its free-field pressure there."""
    centres = 250.0 * 2.0 ** np.arange(6)
    head = ["array", *(f"{centre:g} Hz" for centre in centres)]
    rows = []
    for name, array in (("tetra", TETRAHEDRON), ("em32", EM32)):
        worst = [max(abs(e) for e in errors) for errors in level_errors(array, rate_hz, centres)]
        rows.append([name, *(f"{error:.2f}" for error in worst)])
    return (
        "Level in the map (III, no diagonal) at its highest point, against the pressure that the "
        "source would cause at the array's origin with no array there: worst of 8 directions, dB, "
        "by octave.\n\n" + markdown(head, rows)
    )


def level_errors(
    array: MicArray, rate_hz: int, centres_hz: Float[ndarray, " octave"], directions: int = 8
) -> list[list[float]]:
    """Give the errors in dB of every octave, one a direction."""
    hearing = hearing_of(Capsules(array), rate_hz)
    rng = np.random.default_rng(5)
    free = hearing_of(IdealFoa(), rate_hz)
    errors: list[list[float]] = [[] for _ in centres_hz]
    for direction in sphere_grid(directions):
        geometry = Geometry(2 * direction, np.zeros(3))
        dry = rng.standard_normal(rate_hz // 2)
        samples, pressure = (
            wet(dry, paths_response((DIRECT,), geometry, ears).numpy()) for ears in (hearing, free)
        )
        near = sphere_grid(2000)
        near = np.concatenate([direction[None], near[near @ direction > np.cos(0.4)]])
        scan = Scan(Capsules(array), 2 * near, near=True)
        for row, centre in zip(errors, centres_hz, strict=True):
            band = (centre / 2**0.5, centre * 2**0.5)
            seen = conventional(
                cross_spectra(samples, float(rate_hz), band), scan, diagonal_removed=True
            )
            own = cross_spectra(pressure[:1], float(rate_hz), band).matrices.real.sum()
            row.append(float(10 * np.log10(seen.sum(axis=0).max() / own)))
    return errors


def wet(dry: Float[ndarray, " sample"], response: Float[ndarray, "channel tap"]) -> Sound:
    """Give what each channel hears of a sound."""
    return np.stack([fftconvolve(dry, one) for one in response.astype(np.float64)])


Finder = Callable[[Sound], Float[ndarray, "found 3"]]


def pairs_in_rooms(rooms: int) -> str:
    """Find two sources at once in a room, on an open array and on a rigid sphere."""
    rows: list[Sequence[object]] = []
    for name, array in (("open", OPEN), ("rigid", TETRAHEDRON)):
        recordings = [pair(array, number) for number in range(rooms)]
        for way, find in finders(array).items():
            errors = np.rad2deg(
                [miss for one in recordings for miss in missed(find(one[0]), one[1])]
            )
            rows.append(
                [name, way, len(errors), f"{np.median(errors):.1f}",
                 f"{np.percentile(errors, 75):.1f}", f"{np.mean(errors < 10):.0%}"]
            )  # fmt: skip
    head = ["tetrahedron", "found by", "sources", "median error °", "75 % within °", "within 10°"]
    return (
        "Two sources of noise at once (as loud, 1 s, 1 to 2 m away, 30° or more apart) in 6 x 5 x "
        "3 m with T60 0.5 s, array at (3.1, 2.4, 1.5) m, noise of the capsules at -30 dB; all look "
        "at 200 to 8000 Hz in blocks of 256 at 24 kHz.\n\n" + markdown(head, rows)
    )


@lru_cache(maxsize=8)
def pair(array: MicArray, number: int) -> tuple[Sound, Float[ndarray, "source 3"]]:
    """Give a recording of two sources, and where they are."""
    rng = np.random.default_rng([9, number])
    hearing = hearing_of(Capsules(array), RATE)
    while True:
        ways = rng.standard_normal((2, 3)) * [1.0, 1.0, 0.4]
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        places = CENTRE_M + ways * rng.uniform(1.0, 2.0, (2, 1))
        inside_room = np.all((places > 0.3) & (places < np.array(ROOM.size_m) - 0.3))
        if inside_room and angle_between(ways[0], ways[1]) > APART_RAD:
            break
    sounds = []
    for place in places:
        geometry = Geometry(place, CENTRE_M)
        response = room_response(ROOM, geometry, hearing, rng).numpy()
        dry = rng.standard_normal(2 * RATE)
        heard = wet(dry, response)[:, RATE : 2 * RATE]
        sounds.append(heard / np.sqrt(np.mean(heard**2)))
    sound = sounds[0] + sounds[1]
    return sound + 10**-1.5 * rng.standard_normal(sound.shape), ways


def missed(found: Float[ndarray, "found 3"], true: Float[ndarray, "source 3"]) -> list[float]:
    """Give the angle to each true source, each found one counted once; pi for none."""
    angles = angle_between(found[:, None], true[None]) if len(found) else np.zeros((0, 2))
    rows, columns = linear_sum_assignment(angles)
    miss = np.full(len(true), np.pi)
    miss[columns] = angles[rows, columns]
    return [float(one) for one in miss]


def finders(array: MicArray) -> dict[str, Finder]:
    """Give ways to find two sources, ours and pyroomacoustics' (which knows open arrays only)."""
    receiver = Capsules(array)
    view = SphereView.of(np.deg2rad(3.0))
    scan = Scan(receiver, view.points)

    def spectra(samples: Sound) -> CrossSpectra:
        return cross_spectra(samples, float(RATE), BAND_HZ, BlockSettings(block=ROOM_BLOCK))

    def tops(values: Float[ndarray, " point"], count: int) -> Float[ndarray, "top 3"]:
        return np.asarray(view.points[peaks(values, view.points)[:count]])

    def by_srp(samples: Sound) -> Float[ndarray, "found 3"]:
        return tops(srp_phat(spectra(samples), scan).mean(axis=0), 2)

    def by_music(samples: Sound) -> Float[ndarray, "found 3"]:
        return tops(music(spectra(samples), scan, 2).mean(axis=0), 2)

    def by_capon(samples: Sound) -> Float[ndarray, "found 3"]:
        return tops(capon(spectra(samples), scan, loading=1e-3).sum(axis=0), 2)

    def by_fit(samples: Sound) -> Float[ndarray, "found 3"]:
        heard = spectra(samples)
        starts = tops(capon(heard, scan, loading=1e-3).sum(axis=0), 4)
        wanted = FitSettings(most=2, apart_rad=0.2)
        sources = fitted(heard, receiver, view, starts, wanted).sources
        return np.array([source.direction for source in sources]).reshape(-1, 3)

    ways: dict[str, Finder] = {
        "sonoscope: sources fitted together, from Capon's map": by_fit,
        "sonoscope: Capon": by_capon,
        "sonoscope: MUSIC": by_music,
        "sonoscope: SRP-PHAT": by_srp,
    }
    for kind in ("SRP", "MUSIC"):
        doa = Doa(
            kind, array.positions, float(RATE), ROOM_BLOCK, n_sources=2, n_grid=len(view.points)
        )
        ways[f"pyroomacoustics: {kind}"] = lambda samples, doa=doa: doa.directions(  # type: ignore[misc]
            samples, BAND_HZ
        )
    return ways
