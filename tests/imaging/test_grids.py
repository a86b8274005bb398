"""Grids are even, lie where they were asked to, and know their hills."""

import numpy as np
import pytest

from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.grids import peaks, plane_grid, sphere_by_spacing, tangents


def test_no_direction_is_further_from_the_grid_than_its_spacing() -> None:
    spacing = np.deg2rad(5.0)
    grid = sphere_by_spacing(spacing)
    rng = np.random.default_rng(0)
    for direction in rng.standard_normal((50, 3)):
        assert angle_between(grid, direction).min() < spacing
    assert len(grid) == pytest.approx(4 * np.pi / spacing**2, abs=1)


def test_a_plane_stands_where_its_axes_put_it() -> None:
    right, up = np.array([0.0, -2.0, 0.0]), np.array([0.0, 0.0, 3.0])
    plane = plane_grid(np.array([3.0, 0.0, 1.0]), right, up, (2.0, 1.0), 0.5)
    assert plane.shape == (3, 5, 3)
    assert plane[0, 0].tolist() == [3.0, 1.0, 1.5]
    assert plane[-1, -1].tolist() == [3.0, -1.0, 0.5]
    assert plane[1, 2].tolist() == [3.0, 0.0, 1.0]


def test_tangents_are_square_to_the_direction_and_turn_to_growing_angles() -> None:
    for azimuth, elevation in [(0.3, 0.4), (-2.0, -1.2), (3.0, 0.0)]:
        direction = unit_vector(azimuth, elevation)
        sideways, upward = tangents(direction)
        assert np.allclose(
            unit_vector(azimuth + 1e-6, elevation) @ sideways, 1e-6 * np.cos(elevation)
        )
        assert np.allclose(unit_vector(azimuth, elevation + 1e-6) @ upward, 1e-6)
        frame = np.stack([direction, sideways, upward])
        assert np.abs(frame @ frame.T - np.eye(3)).max() < 1e-15
    frame = np.stack([[0.0, 0.0, 1.0], *tangents(np.array([0.0, 0.0, 1.0]))])
    assert np.abs(frame @ frame.T - np.eye(3)).max() < 1e-15


def test_two_hills_are_two_peaks_the_higher_first() -> None:
    grid = sphere_grid(3000)
    high, low = grid[700], grid[2200]
    values = np.exp(20 * (grid @ high - 1)) + 0.5 * np.exp(20 * (grid @ low - 1))
    assert peaks(values, grid).tolist() == [700, 2200]
    assert peaks(np.ones(3000), grid).size == 0


def test_what_cannot_be_a_grid_is_refused() -> None:
    ahead = np.array([1.0, 0.0, 0.0])
    with pytest.raises(SettingError, match="right angles"):
        plane_grid(ahead, ahead, np.array([1.0, 1.0, 0.0]), (1.0, 1.0), 0.1)
    with pytest.raises(SettingError, match="at most 1000000 points, but 10001 x 10001"):
        plane_grid(ahead, ahead, np.array([0.0, 0.0, 1.0]), (1.0, 1.0), 1e-4)
    with pytest.raises(SettingError, match="spacing of directions must be"):
        sphere_by_spacing(1e-5)
