"""An event's way through space, held at its ends and on the shortest arc between."""

import numpy as np
import pytest

from sonoscope.core.direction import angles, unit_vector
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint


def test_a_moving_source_is_between_its_waypoints() -> None:
    event = Event("dog", 1.0, 3.0, (Waypoint(1.0, 0.0, 0.0), Waypoint(2.0, np.pi / 2, 0.0)))
    azimuth, elevation = angles(event.direction_at([0.0, 1.0, 1.5, 2.0, 9.0]))
    np.testing.assert_allclose(azimuth, [0, 0, np.pi / 4, np.pi / 2, np.pi / 2], atol=1e-12)
    np.testing.assert_allclose(elevation, 0, atol=1e-12)
    assert event.azimuth == pytest.approx(np.pi / 4)


def test_the_way_across_the_back_is_short() -> None:
    """From 170 to -170 degrees a source passes 180, not 0."""
    ends = np.deg2rad([170, -170])
    event = Event("dog", 0.0, 1.0, tuple(Waypoint(t, a, 0.0) for t, a in enumerate(ends)))
    assert event.azimuth is not None
    assert abs(event.azimuth) == pytest.approx(np.pi)
    np.testing.assert_allclose(event.direction_at(np.float64(0.5)), [-1, 0, 0], atol=1e-12)


def test_directions_have_length_one() -> None:
    way = (Waypoint(0.0, 0.3, 1.2), Waypoint(1.0, -2.0, -0.4), Waypoint(4.0, 2.0, 0.1))
    found = Event("dog", 0.0, 4.0, way).direction_at(np.linspace(-1, 5, 50))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(found[0], unit_vector(np.float64(0.3), np.float64(1.2)))


def test_an_unknown_direction_is_never_invented() -> None:
    event = Event("dog", 0.0, 1.0)
    assert event.azimuth is None
    assert event.elevation is None
    with pytest.raises(InputError, match="has no direction"):
        event.direction_at(np.float64(0.5))


@pytest.mark.parametrize(("onset_s", "offset_s"), [(-0.1, 1), (2, 1), (np.nan, 1), (0, np.nan)])
def test_impossible_times_are_refused(onset_s: float, offset_s: float) -> None:
    with pytest.raises(InputError, match="must end after it begins"):
        Event("dog", float(onset_s), float(offset_s))


def test_distances_go_from_waypoint_to_waypoint_and_are_unknown_without_any() -> None:
    near, far = Waypoint(1.0, 0.0, 0.0, 2.0), Waypoint(2.0, 0.0, 0.0, 4.0)
    event = Event("siren", 1.0, 2.0, (near, Waypoint(1.2, 0.1, 0.0), far))
    np.testing.assert_allclose(event.distance_at([0.0, 1.0, 1.5, 3.0]), [2, 2, 3, 4])
    assert np.isnan(Event("siren", 1.0, 2.0, (Waypoint(1.0, 0.0, 0.0),)).distance_at(1.5))
