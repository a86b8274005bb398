"""Angles there and back, great circles against a high-precision reference, and an even grid."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector

_AZIMUTH = st.floats(-3.1, 3.1)
_ELEVATION = st.floats(-1.5, 1.5)


def _point(azimuth: float, elevation: float) -> Float[ndarray, "3"]:
    return unit_vector(np.float64(azimuth), np.float64(elevation))


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "vector"),
    [(0, 0, [1, 0, 0]), (90, 0, [0, 1, 0]), (0, 90, [0, 0, 1]), (180, 0, [-1, 0, 0])],
)
def test_axes_are_ahead_left_and_up(
    azimuth_deg: float, elevation_deg: float, vector: list[float]
) -> None:
    found = _point(math.radians(azimuth_deg), math.radians(elevation_deg))
    np.testing.assert_allclose(found, vector, atol=1e-15)


@given(_AZIMUTH, _ELEVATION, st.floats(1e-3, 1e3))
def test_angles_undo_unit_vector_at_any_length(
    azimuth: float, elevation: float, length: float
) -> None:
    found = angles(length * _point(azimuth, elevation))
    np.testing.assert_allclose(found, [azimuth, elevation], atol=1e-12)


def test_arrays_of_angles_broadcast() -> None:
    assert unit_vector(np.zeros((5, 1)), np.zeros(3)).shape == (5, 3, 3)


@pytest.mark.parametrize("turn", [1e-12, 1e-7, 1e-3, 1.0, math.pi / 2, math.pi - 1e-7, math.pi])
def test_angle_between_keeps_its_digits_everywhere(turn: float) -> None:
    getcontext().prec = 30
    one, other = _point(0.0, 0.0), _point(turn, 0.0)
    assert abs(Decimal(float(angle_between(one, other))) - Decimal(turn)) < Decimal("4e-16")


@given(_AZIMUTH, _ELEVATION, _AZIMUTH, _ELEVATION, st.integers(0, 2**32 - 1))
def test_angle_between_is_symmetric_and_survives_a_turn(
    a: float, b: float, c: float, d: float, seed: int
) -> None:
    one, other = _point(a, b), _point(c, d)
    turn = Rotation.random(random_state=seed)
    found = angle_between(one, other)
    assert found == pytest.approx(float(angle_between(other, 3 * one)), abs=1e-12)
    assert found == pytest.approx(
        float(angle_between(turn.apply(one), turn.apply(other))), abs=1e-7
    )


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_the_grid_is_even(count: int) -> None:
    grid = sphere_grid(count)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=1), 1)
    np.testing.assert_allclose(grid.mean(axis=0), 0, atol=2 / count)
    np.testing.assert_allclose(grid.T @ grid / count, np.eye(3) / 3, atol=4 / count)
    apart = angle_between(grid[:, None], grid[None]) + np.pi * np.eye(count)
    nearest = apart.min(axis=1) * np.sqrt(count)
    assert 2.4 < nearest.min() < nearest.max() < 4.2  # an ideal hexagonal lattice has 3.81
