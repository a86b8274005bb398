import numpy as np
import pytest

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.event import Event, Waypoint
from sonoscope.report.ways import TOLERANCE_DEG, Way, way_of


def turning(from_deg: float, to_deg: float, *, n: int = 40, elevation_deg: float = 0) -> Event:
    times = np.linspace(0, 4, n)
    azimuths = np.deg2rad(np.linspace(from_deg, to_deg, n))
    path = tuple(
        Waypoint(float(t), float(a), float(np.deg2rad(elevation_deg)))
        for t, a in zip(times, azimuths, strict=True)
    )
    return Event("siren", 0.0, 4.0, path)


def way(event: Event, n_events: int = 1) -> Way:
    found = way_of(event, n_events)
    assert found is not None
    return found


def test_an_event_without_direction_has_no_way() -> None:
    assert way_of(Event("dog", 0.0, 1.0)) is None


def test_a_source_that_stays_is_one_level_line() -> None:
    still = way(Event("dog", 1.0, 2.5, (Waypoint(1.0, np.pi / 2, -np.pi / 6),)))
    assert not still.moves
    assert len(still.runs) == 1
    np.testing.assert_allclose(still.runs[0], [(1.0, 90, -30), (2.5, 90, -30)], atol=1e-9)


@pytest.mark.parametrize(("from_deg", "to_deg"), [(150, 210), (-150, -210), (170, 900), (0, -800)])
def test_a_way_is_cut_at_the_edges_and_nowhere_else(from_deg: float, to_deg: float) -> None:
    event = turning(from_deg, to_deg, n=300)
    cut = way(event)
    crossings = int(abs(np.floor((from_deg + 180) / 360) - np.floor((to_deg + 180) / 360)))
    assert len(cut.runs) == crossings + 1
    assert cut.moves
    for before, after in zip(cut.runs[:-1], cut.runs[1:], strict=True):
        assert abs(before[-1][1]) == 180
        assert after[0][1] == -before[-1][1]
        assert after[0][0] == before[-1][0]
    for run in cut.runs:
        azimuths = np.array(run)[:, 1]
        assert np.abs(azimuths).max() <= 180
        assert np.all(np.diff(azimuths) * np.sign(to_deg - from_deg) >= 0)


def test_straight_behind_is_no_crossing() -> None:
    azimuths = np.deg2rad([170, 180, 170, 180, 175])
    path = tuple(Waypoint(float(i), float(a), 0.0) for i, a in enumerate(azimuths))
    assert len(way(Event("dog", 0.0, 4.0, path)).runs) == 1


@pytest.mark.parametrize("n_events", [1, 50])
def test_the_drawn_way_stays_near_the_true_one(n_events: int) -> None:
    rng = np.random.default_rng(5)
    times = np.sort(rng.uniform(0, 3, 60))
    azimuths = np.cumsum(rng.normal(0, 0.1, 60)) + 2.5
    elevations = 0.4 * np.sin(times)
    event = Event(
        "speech",
        0.0,
        3.0,
        tuple(
            Waypoint(float(t), float(a), float(e))
            for t, a, e in zip(times, azimuths, elevations, strict=True)
        ),
    )
    drawn = way(event, n_events)
    for run in drawn.runs:
        t, azimuth_deg, elevation_deg = np.array(run).T
        moments = np.linspace(t[0], t[-1], 50)
        line = unit_vector(
            np.deg2rad(np.interp(moments, t, azimuth_deg)),
            np.deg2rad(np.interp(moments, t, elevation_deg)),
        )
        apart_deg = np.rad2deg(angle_between(line, event.direction_at(moments)))
        assert apart_deg.max() < 2 * TOLERANCE_DEG  # azimuth and elevation may both be off


def test_many_events_get_fewer_points() -> None:
    rng = np.random.default_rng(0)
    path = tuple(Waypoint(i / 100, float(a), 0.0) for i, a in enumerate(rng.normal(0, 1, 400)))
    event = Event("speech", 0.0, 4.0, path)
    few, many = way(event), way(event, 10_000)
    assert sum(map(len, many.runs)) < sum(map(len, few.runs)) / 4
