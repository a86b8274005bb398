"""Sources on frames: what is refused, what tells tracks apart, and what lies how far off."""

import dataclasses

import numpy as np
import pytest
from tests.metrics.dcase_scenes import LABELS, table

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.metrics.sources import (
    BY_ANGLES,
    BY_FOLDED_AZIMUTH,
    BY_VECTORS,
    EXACT,
    Geometry,
    lay_out,
    names,
    pair,
    until,
)


def apart(geometry: Geometry, one: tuple[float, float], other: tuple[float, float]) -> float:
    sides = [lay_out(table([(0, 0, 0, *way)]), LABELS, tracked=False) for way in (one, other)]
    return float(pair(sides[0], sides[1], geometry).angle_deg[0])


def test_events_cover_the_frames_between_the_nearest_edges() -> None:
    way = (Waypoint(0.0, 0.0, 0.0, 2.0), Waypoint(1.0, float(np.deg2rad(90)), 0.0, 3.0))
    got = lay_out([Event("0", 0.24, 0.56, way)], LABELS, tracked=True)
    assert got.frame.tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(got.distance_m, [2.25, 2.35, 2.45, 2.55])
    assert (np.diff(got.azimuth_deg) > 5).all()


def test_slow_frames_count_several_times() -> None:
    slow = dataclasses.replace(table([(3, 1, 0, 30)]), frames_per_s=5)
    assert lay_out(slow, LABELS, tracked=False).frame.tolist() == [6, 7]
    fast = dataclasses.replace(slow, frames_per_s=50)
    with pytest.raises(InputError, match="divides 10 a second, but 50 a second"):
        lay_out(fast, LABELS, tracked=False)


def test_what_cannot_be_compared_is_refused() -> None:
    for side, message in (
        ([Event("dog", 1.0, 2.0, (Waypoint(0.0, 0.0, 0.0),))], "labels must be among 0, 1"),
        ([Event("1", 1.0, 2.0)], "must have a direction, but 1 at 1 s has none"),
        (table([(2_000_000, 0)]), "at most 100000 s long"),
        ([Event("1", 1.0, 2e5, (Waypoint(0.0, 0.0, 0.0),))], "at most 100000 s long"),
    ):
        with pytest.raises(InputError, match=message):
            lay_out(side, LABELS, tracked=True)


def test_tracks_are_those_of_the_file_or_follow_the_direction() -> None:
    rows = [(0, 0, 5, 0), (0, 0, 3, 90), (1, 0, 3, 90), (2, 0, 7, 0)]
    places = lay_out(table(rows), LABELS, tracked=False)
    assert places.track.tolist() == [0, 1, 0, 0]
    told = lay_out(table(rows), LABELS, tracked=True)
    assert len(set(told.track.tolist())) == 3
    assert told.track[1] == told.track[2]
    followed = lay_out(table(rows[:3], tracked=False), LABELS, tracked=True)
    ways = dict(zip(followed.azimuth_deg.tolist(), followed.track.tolist(), strict=True))
    assert ways[0.0] != ways[90.0]
    assert len(set(followed.track.tolist())) == 2


def test_a_track_number_that_tells_nothing_is_helped_by_the_place() -> None:
    same = lay_out(table([(0, 0, 0, 0), (0, 0, 0, 90), (1, 0, 0, 5)]), LABELS, tracked=True)
    assert same.track[0] == same.track[2]
    assert same.track[0] != same.track[1]


@pytest.mark.parametrize("geometry", [EXACT, BY_ANGLES, BY_VECTORS])
def test_angles_are_great_circles(geometry: Geometry) -> None:
    assert apart(geometry, (170, 0), (-170, 0)) == pytest.approx(20)
    assert apart(geometry, (0, 60), (180, 60)) == pytest.approx(60)
    assert apart(geometry, (0, 0), (90, 45)) == pytest.approx(90)


def test_angles_of_each_scorer() -> None:
    assert apart(EXACT, (12, 34), (12, 34)) == 0
    assert apart(BY_VECTORS, (12, 34), (12, 34)) == pytest.approx(0.00081, abs=1e-5)
    twenties = [apart(BY_ANGLES, (a, 0), (a + 20, 0)) for a in range(-180, 160)]
    assert min(twenties) < max(twenties)
    assert {apart(EXACT, (a, 0), (a + 20, 0)) for a in range(-180, 160)} == {20.0}


@pytest.mark.parametrize(
    ("one", "other", "degrees"),
    [(100, 80, 0), (-100, -80, 0), (180, 0, 0), (90, -90, 180), (-180, 10, 10), (135, 30, 15)],
)
def test_folded_azimuths(one: float, other: float, degrees: float) -> None:
    assert apart(BY_FOLDED_AZIMUTH, (one, 10), (other, -70)) == pytest.approx(degrees, abs=1e-9)


def test_only_sources_of_one_label_and_frame_are_paired() -> None:
    true = lay_out(table([(0, 1, 0, 0), (0, 2, 0, 90), (4, 1)]), LABELS, tracked=False)
    heard = lay_out(table([(0, 1, 0, 90), (3, 1), (4, 1)]), LABELS, tracked=False)
    pairs = pair(true, heard, EXACT)
    assert true.frame[pairs.true].tolist() == heard.frame[pairs.heard].tolist() == [0, 4]
    assert pairs.angle_deg.tolist() == [90, 0]


def test_the_least_sum_wins() -> None:
    true = lay_out(table([(0, 1, 0, 0), (0, 1, 1, 90), (0, 1, 2, 170)]), LABELS, tracked=False)
    heard = lay_out(table([(0, 1, 0, 100), (0, 1, 1, 160)]), LABELS, tracked=False)
    pairs = pair(true, heard, EXACT)
    assert [(int(i), int(j)) for i, j in zip(pairs.true, pairs.heard, strict=True)] == [
        (1, 0),
        (2, 1),
    ]


def test_a_second_cut_short_is_whole() -> None:
    rows = lay_out(table([(frame, 0) for frame in range(40)]), LABELS, tracked=False)
    for duration_s, n in ((0.0, 0), (1.0, 10), (1.1, 20), (3.9, 40), (9.0, 40)):
        assert len(until(rows, rows, duration_s)[0].frame) == n


def test_names_of_both_sides() -> None:
    assert names(table([(0, 3)]), [Event("dog", 0.0, 1.0)]) == ("3", "dog")
    assert names([], table([])) == ()
