"""The quadratic forms point to where a plane wave comes from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.intensity import array_forms, direct_forms, foa_forms, products
from sonoscope.signal.mel import mel_matrix
from sonoscope.signal.sphere import array_response

DIRECTIONS = sphere_grid(77)
Directions = NDArray[np.float64]
Responses = NDArray[np.complex128]


def test_an_ideal_foa_wave_has_energy_one_and_points_exactly() -> None:
    x, y, z = DIRECTIONS.T
    wave = np.stack([np.ones(77), y, z, x]) * np.exp(0.7j)
    energy, *flow = foa_forms() @ products(wave)
    assert np.abs(energy - 1).max() < 1e-12
    assert np.abs(np.array(flow).T - DIRECTIONS).max() < 1e-12


@pytest.mark.parametrize(
    ("frequency_hz", "worst_deg"), [(250, 1), (1_000, 2), (2_000, 12), (4_000, 14), (8_000, 12)]
)
def test_a_tetrahedron_points_to_within_a_few_degrees_far_above_its_aliasing_limit(
    frequency_hz: int, worst_deg: float
) -> None:
    frequency = np.array([float(frequency_hz)])
    forms = array_forms(TETRAHEDRON, frequency)[0]
    heard = array_response(TETRAHEDRON, DIRECTIONS, frequency)[0]
    energy, *flow = forms @ products(heard)
    error_deg = np.rad2deg(angle_between(np.array(flow).T, DIRECTIONS))
    assert error_deg.max() < worst_deg
    assert error_deg.mean() < 0.6 * worst_deg
    assert np.abs(energy - 1).max() < 0.25


def test_two_independent_waves_add() -> None:
    forms = array_forms(TETRAHEDRON, np.array([900.0]))[0]
    heard = array_response(TETRAHEDRON, DIRECTIONS[[3, 50]], np.array([900.0]))[0]
    apart = forms @ products(heard)
    rng = np.random.default_rng(0)
    phase = np.exp(2j * np.pi * rng.random((2, 4_000)))
    together = (forms @ products(heard @ phase)).mean(axis=1)
    assert np.abs(together - apart.sum(axis=1)).max() < 0.05


def test_an_array_of_other_than_four_capsules_is_refused() -> None:
    with pytest.raises(SettingError, match="4 capsules"):
        array_forms(EM32, np.array([1_000.0]))


RATE, N_FFT, N_MELS = 16_000, 640, 16  # wide bands: the fit is quicker, and no better
BINS = np.fft.rfftfreq(N_FFT, 1 / RATE)
FOUR: list[MicArray | None] = [None, TETRAHEDRON]


def heard_by(array: MicArray | None, directions: Directions) -> Responses:
    """What each bin hears of a wave from each direction."""
    if array is not None:
        return array_response(array, directions, BINS)
    x, y, z = directions.T
    return np.broadcast_to(np.stack([np.ones(len(x)), y, z, x]), (len(BINS), 4, len(x))) + 0j


def towards_direct(array: MicArray | None, fields: Responses) -> Directions:
    """Where `direct_forms` point in each band, summed over bands as their energies weigh them."""
    mel = mel_matrix(RATE, N_FFT, N_MELS)
    seen = np.stack([products(field) for field in fields])  # bin, product, field
    banded = np.einsum("kpn,km->mpn", seen, mel)
    banded /= banded[:, :4].sum(axis=1, keepdims=True)
    forms = direct_forms(array, RATE, N_FFT, N_MELS)
    return np.asarray(np.einsum("mcpq,mpn,mqn->mnc", forms, banded, banded, optimize=True))


@pytest.mark.parametrize("array", FOUR)
def test_direct_forms_point_to_a_lone_wave(array: MicArray | None) -> None:
    ways = towards_direct(array, heard_by(array, DIRECTIONS))[1:]  # the lowest band hardly points
    error_deg = np.rad2deg(angle_between(ways, DIRECTIONS))
    assert error_deg.mean() < (1.0 if array is None else 3.0)
    assert (np.linalg.norm(ways, axis=-1) < 1.2).all()


@pytest.mark.parametrize("array", FOUR)
def test_direct_forms_point_past_coherent_reflections(array: MicArray | None) -> None:
    """Each field is one wave and ten reflections of the same power together, coherent in a bin."""
    rng = np.random.default_rng(5)
    many = sphere_grid(500)
    response = heard_by(array, many)
    true, others = rng.integers(500, size=200), rng.integers(500, size=(10, 200))
    gauss = rng.standard_normal((2, len(BINS), 11, 200))
    waves = (gauss[0] + 1j * gauss[1]) * np.r_[1.0, np.full(10, 0.1**0.5)][:, None]
    fields = response[:, :, true] * waves[:, :1]
    fields += np.einsum("kcrn,krn->kcn", response[:, :, others], waves[:, 1:])
    error = [
        np.rad2deg(angle_between(ways.mean(axis=0), many[true])).mean()
        for ways in (towards_direct(array, fields), _plain(array, fields))
    ]
    assert error[0] < 0.9 * error[1]


def _plain(array: MicArray | None, fields: Responses) -> Directions:
    """Intensity over energy, as without `direct_forms`."""
    forms = array_forms(array, BINS) if array else np.broadcast_to(foa_forms(), (len(BINS), 4, 16))
    seen = np.stack([form @ products(field) for form, field in zip(forms, fields, strict=True)])
    banded = np.einsum("kpn,km->mpn", seen, mel_matrix(RATE, N_FFT, N_MELS))
    return np.asarray(np.moveaxis(banded[:, 1:] / banded[:, :1], 1, -1))


@pytest.mark.parametrize("array", FOUR)
def test_a_turned_field_gives_a_turned_direction(array: MicArray | None) -> None:
    turn = np.diag([-1.0, -1.0, 1.0])  # half round the vertical: both can follow
    rng = np.random.default_rng(1)
    gauss = rng.standard_normal((2, 77, 5))
    waves = gauss[0] + 1j * gauss[1]
    there, here = (heard_by(array, DIRECTIONS @ m) @ waves for m in (turn, np.eye(3)))
    assert np.allclose(towards_direct(array, there), towards_direct(array, here) @ turn, atol=1e-6)


def test_only_four_capsules_have_direct_forms() -> None:
    with pytest.raises(SettingError, match="4 capsules"):
        direct_forms(EM32, RATE, N_FFT, N_MELS)
