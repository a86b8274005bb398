"""The quadratic forms point to where a plane wave comes from."""

import numpy as np
import pytest

from sonoscope.core.array import EM32, TETRAHEDRON
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.intensity import array_forms, foa_forms, products
from sonoscope.signal.sphere import array_response

DIRECTIONS = sphere_grid(77)


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
