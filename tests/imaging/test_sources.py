"""Sources are counted, found between grid points, and as well as can be known at all."""

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.imaging.sound_fields import SPIRAL

from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.bound import information, inside, rms_error
from sonoscope.imaging.sources import likelihood, number_of_sources, one_source, refined
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.signal.receiver import Capsules, plane_wave_response

OPEN = MicArray("open", TETRAHEDRON.positions_m, "open")


def heard_spectra(
    array: MicArray,
    directions: Float[ndarray, "source 3"],
    powers: Float[ndarray, " source"],
    frequency_hz: Float[ndarray, " frequency"],
    averages: int,
    seed: int,
) -> CrossSpectra:
    """Draw Gaussian sources in Gaussian noise of power 1, and average their products."""
    rng = np.random.default_rng(seed)
    transfer = plane_wave_response(Capsules(array), directions, frequency_hz)

    def gaussian(rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
        parts = rng.standard_normal((2, len(frequency_hz), rows, averages))
        return np.asarray((parts[0] + 1j * parts[1]) / np.sqrt(2))

    heard = (transfer * np.sqrt(powers)) @ gaussian(len(powers)) + gaussian(array.n_capsules)
    matrices = heard @ np.conj(heard.transpose(0, 2, 1)) / averages
    return CrossSpectra(matrices, frequency_hz, float(averages))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_sources_are_counted(count: int) -> None:
    band = np.linspace(6000, 9000, 6)
    directions = unit_vector(np.deg2rad(np.linspace(-50, 50, count)), np.linspace(-0.5, 0.5, count))
    spectra = heard_spectra(SPIRAL, directions, np.full(count, 2.0), band, 100, count)
    assert number_of_sources(spectra) == count


def test_aic_finds_quieter_sources_than_mdl() -> None:
    band = np.linspace(6000, 9000, 6)
    aside = unit_vector(np.array([-0.5, 0.5]), 0.0)
    found = []
    for level in (0.06, 0.08, 0.1, 0.12):
        spectra = heard_spectra(SPIRAL, aside, np.array([2.0, level]), band, 100, 5)
        found.append((number_of_sources(spectra, "mdl"), number_of_sources(spectra, "aic")))
    assert all(mdl <= aic for mdl, aic in found)
    assert (1, 2) in found


def test_too_few_blocks_cannot_count() -> None:
    spectra = heard_spectra(SPIRAL, sphere_grid(1), np.ones(1), np.array([3e3, 4e3]), 10, 0)
    with pytest.raises(SettingError, match="as many independent blocks as channels, 24, but 10"):
        number_of_sources(spectra)


def test_power_of_wave_and_noise_are_found() -> None:
    band = np.linspace(500, 4000, 20)
    truth = unit_vector(0.7, 0.3)
    spectra = heard_spectra(TETRAHEDRON, truth[None], np.array([4.0]), band, 2000, 1)
    level, noise = one_source(spectra, Capsules(TETRAHEDRON), truth)
    assert level == pytest.approx(4.0, rel=0.15)
    assert noise == pytest.approx(1.0, rel=0.1)


def test_likelihood_is_that_of_gaussian_sound() -> None:
    band = np.array([900.0, 2500.0])
    directions = sphere_grid(5)
    spectra = heard_spectra(TETRAHEDRON, directions[:1], np.array([2.0]), band, 7, 2)
    ratio, noise = np.array([2.0, 0.7]), np.array([1.0, 1.5])
    transfer = plane_wave_response(Capsules(TETRAHEDRON), directions, band)
    density = np.zeros(5)
    for f in range(2):
        for k in range(5):
            a = transfer[f, :, k]
            for loud, sign in ((ratio[f], 1), (0.0, -1)):
                model = noise[f] * (np.eye(4) + loud * np.outer(a, np.conj(a)))
                fit = np.trace(np.linalg.solve(model, spectra.matrices[f])).real
                density[k] -= sign * 7 * (float(np.linalg.slogdet(model)[1]) + fit)
    given = likelihood(spectra, Capsules(TETRAHEDRON), directions, ratio, noise)
    assert given == pytest.approx(density)


def test_the_top_of_a_hill_is_found_between_points() -> None:
    top = unit_vector(1.0, 0.4)
    spread = np.diag([3.0, 1.0, 8.0])

    def hill(directions: Float[ndarray, "point 3"]) -> Float[ndarray, " point"]:
        apart = directions - top
        return np.asarray(np.exp(-np.einsum("pi,ij,pj->p", apart, spread, apart)))

    for start in (unit_vector(1.04, 0.35), unit_vector(0.6, 0.1), top):
        assert angle_between(refined(hill, start, 0.05), top) < 1e-6


def estimate(
    spectra: CrossSpectra, array: MicArray, near: Float[ndarray, "3"], ratio: float
) -> Float[ndarray, "3"]:
    return refined(
        lambda directions: likelihood(spectra, Capsules(array), directions, ratio, 1.0),
        near,
        np.deg2rad(2.0),
        1e-5,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("array", "level_db"), [(OPEN, 0), (OPEN, 10), (TETRAHEDRON, 10)], ids=["0", "10", "rigid 10"]
)
def test_the_likeliest_direction_attains_the_bound(array: MicArray, level_db: int) -> None:
    band = np.arange(200.0, 8000.0, 100.0)  # ten times the bins' width, ten averages each: 0.1 s
    truth, ratio = unit_vector(0.5, 0.3), 10 ** (level_db / 10)
    known = information(Capsules(array), truth, band, ratio, 0.1)
    misses, held = [], []
    for seed in range(40):
        spectra = heard_spectra(array, truth[None], np.array([ratio]), band, 10, seed)
        found = estimate(spectra, array, truth, ratio)
        misses.append(float(angle_between(found, truth)))
        held.append(inside(known, found, truth))
    rms = float(np.sqrt(np.mean(np.square(misses))))
    assert 0.8 < rms / rms_error(known) < 1.2
    assert np.mean(held) > 0.75
