"""A track goes where its rows say, stays at its ends, and refuses what no source can do."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from sonoscope.core.errors import SettingError
from sonoscope.simulation.track import FASTEST_M_S, Track


def test_two_rows_are_a_straight_way_with_a_stop_at_both_ends() -> None:
    track = Track.straight(np.array([1.0, 2.0, 0.5]), np.array([0.5, -1.0, 0.0]), 1.0, 3.0)
    places = track.at(np.array([0.0, 1.0, 2.0, 3.0, 9.0]))
    assert places.tolist() == [
        [1.0, 2.0, 0.5],
        [1.0, 2.0, 0.5],
        [1.5, 1.0, 0.5],
        [2.0, 0.0, 0.5],
        [2.0, 0.0, 0.5],
    ]
    speeds = np.linalg.norm(track.velocity_at(np.array([0.5, 2.0, 3.5])), axis=1)
    assert np.allclose(speeds, [0.0, np.hypot(0.5, 1.0), 0.0])
    assert track.corners_s.tolist() == [1.0, 3.0]


def test_one_row_stays_and_faces_one_way() -> None:
    track = Track.still(np.array([1.0, 2.0, 3.0]), yaw=0.3)
    times = np.array([[-5.0, 0.0], [1.0, 1e6]])
    assert track.is_still
    assert track.corners_s.size == 0
    assert np.array_equal(track.at(times), np.broadcast_to([1.0, 2.0, 3.0], (2, 2, 3)))
    assert np.all(track.velocity_at(times) == 0)
    assert np.allclose(track.yaw_at(times), 0.3)


def test_a_circle_keeps_its_radius_height_and_speed() -> None:
    centre, start = np.array([3.0, 2.0, 1.0]), np.array([5.0, 2.0, 1.5])
    track = Track.circle(centre, start, -40.0, 0.0, 6.0)
    times = np.linspace(0.0, 6.0, 999)
    away = track.at(times) - centre
    assert np.abs(np.hypot(away[:, 0], away[:, 1]) - 2.0).max() < 2e-7
    assert np.allclose(away[:, 2], 0.5)
    assert np.allclose(np.unwrap(np.arctan2(away[:, 1], away[:, 0])), -np.deg2rad(40) * times)
    speed = np.linalg.norm(track.velocity_at(times), axis=1)
    assert np.allclose(speed, 2.0 * np.deg2rad(40), rtol=1e-4)


def test_a_path_goes_through_its_points_without_corners() -> None:
    points = np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [2.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    track = Track.through(points, 1.0, start_s=0.5)
    assert np.allclose(track.at(np.array([0.5, 2.5, 4.5, 6.5])), points)
    times = np.linspace(0.5, 6.5, 2_000)
    jumps = np.diff(track.velocity_at(times), axis=0)
    assert np.linalg.norm(jumps, axis=1).max() < 0.01
    assert track.fastest_m_s < 2.0


def test_velocity_is_the_slope_of_position() -> None:
    generator = np.random.default_rng(1)
    for rows in (2, 3, 4, 9):
        track = Track(np.arange(rows) * 0.7, generator.normal(size=(rows, 3)))
        times = np.arange(rows - 1)[:, None] * 0.7 + [0.1, 0.35, 0.6]
        slope = (track.at(times + 1e-5) - track.at(times - 1e-5)) / 2e-5
        assert np.allclose(track.velocity_at(times), slope, atol=1e-6)


def test_an_array_that_turned_left_sees_what_was_ahead_on_its_right() -> None:
    track = Track(np.array([0.0, 1.0]), np.zeros((2, 3)), np.array([0.0, np.pi / 2]))
    ahead = np.array([1.0, 0.0, 0.0])
    seen = track.turn_at(np.array([0.0, 0.5, 1.0])) @ ahead
    half = np.sqrt(0.5)
    assert np.allclose(seen, [[1.0, 0.0, 0.0], [half, -half, 0.0], [0.0, -1.0, 0.0]])
    assert not track.is_still


def test_yaw_takes_the_short_way_round() -> None:
    track = Track(np.array([0.0, 1.0]), np.zeros((2, 3)), np.array([3.0, -3.0]))
    assert track.yaw_at(np.array([0.5]))[0] == pytest.approx(np.pi)


@pytest.mark.parametrize(
    ("times", "positions", "match"),
    [
        ([], np.zeros((0, 3)), "a position"),
        ([0.0, 0.0], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], "grow"),
        ([0.0, 1.0], [[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0]], "finite"),
        ([0.0, 1.0], [[0.0, 0.0, 0.0], [FASTEST_M_S + 1, 0.0, 0.0]], "Mach 0.3"),
    ],
)
def test_impossible_tracks_are_refused(
    times: list[float], positions: ArrayLike, match: str
) -> None:
    with pytest.raises(SettingError, match=match):
        Track(np.array(times, np.float64), np.array(positions))


def test_a_path_without_speed_is_refused() -> None:
    with pytest.raises(SettingError, match="speed"):
        Track.through(np.eye(3), 0.0)
