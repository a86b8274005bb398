"""Every way of saying several sources at once can be read back, up to what it can hold."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import Copies, decode, followed, unified
from sonoscope.targets.sources import Sources, lay_out

LABELS = ("dog", "siren")
GRID = FrameGrid(16_000, 1_600)
PLAIN = Decoding((0.5, 0.5), min_duration_s=0.1, max_gap_s=0.2, smoothing_s=0.0)
HEARD = np.array([0.3, 0.3])
GAP = 3  # more than the pause that is closed

Lane = list[tuple[int, int]]
LANE = st.lists(st.tuples(st.integers(GAP, 20), st.integers(1, 25)), max_size=4)


def sequence(label: str, lane: Lane, azimuth: float, distance_m: float) -> list[Event]:
    """Give events of one label from one place, after so many silent frames each, so many long."""
    events, frame = [], 0
    for pause, length in lane:
        start, frame = frame + pause, frame + pause + length
        path = (Waypoint(start / 10, azimuth, 0.2, distance_m),)
        events.append(Event(label, start / 10, frame / 10, path))
    return events


def through_accdoa(sources: Sources) -> Copies:
    vector, _ = multi_accdoa.encode(sources, 1)
    return multi_accdoa.copies(vector)


def through_multi_accdoa(sources: Sources) -> Copies:
    return multi_accdoa.copies(*multi_accdoa.encode(sources))


def through_tracks(sources: Sources) -> Copies:
    return trackwise.copies(*trackwise.encode(sources))


def assert_same(found: Sequence[Event], events: Sequence[Event], *, away: bool) -> None:
    def key(event: Event) -> tuple[float, str, float]:
        return event.onset_s, event.label, round(event.azimuth or 0.0, 2)

    assert len(found) == len(events)
    for one, other in zip(sorted(found, key=key), sorted(events, key=key), strict=True):
        assert one.label == other.label
        assert one.onset_s == pytest.approx(other.onset_s)
        assert one.offset_s == pytest.approx(other.offset_s)
        assert one.score == pytest.approx(1.0)
        assert angle_between(one.direction_at(0.0), other.direction_at(0.0)) < 1e-3
        if away:
            assert one.path[0].distance_m == pytest.approx(other.path[0].distance_m, rel=1e-5)


def shuffled(copies: Copies, seed: int) -> Copies:
    """Put each frame's and label's copies in an order of its own."""
    order = np.random.default_rng(seed).random(copies.activity.shape).argsort(axis=-1)
    away = copies.distance_m
    return Copies(
        np.take_along_axis(copies.activity, order, -1),
        np.take_along_axis(copies.direction, order[..., None], -2),
        None if away is None else np.take_along_axis(away, order, -1),
    )


@settings(max_examples=40)
@given(one=LANE, other=LANE)
def test_accdoa_holds_one_source_a_label(one: Lane, other: Lane) -> None:
    events = sequence("dog", one, 1.0, 2.0) + sequence("siren", other, 1.1, 3.0)
    sources = lay_out(events, LABELS, GRID, 190)
    found = decode(through_accdoa(sources), LABELS, GRID, PLAIN)
    assert_same(found, events, away=False)


@settings(max_examples=40)
@given(lanes=st.tuples(LANE, LANE, LANE, LANE), seed=st.integers(0, 99))
def test_multi_accdoa_holds_three_sources_of_a_label(lanes: tuple[Lane, ...], seed: int) -> None:
    """Whatever the order of tracks; from places 60 degrees apart, pauses longer than are closed."""
    events = sequence("siren", lanes[3], 0.0, 1.0)
    for i, lane in enumerate(lanes[:3]):
        events += sequence("dog", lane, 1.1 * i, 1.0 + i)
    sources = lay_out(events, LABELS, GRID, 190, 3)
    copies = shuffled(through_multi_accdoa(sources), seed)
    assert_same(decode(copies, LABELS, GRID, PLAIN), events, away=True)


@settings(max_examples=40)
@given(lanes=st.tuples(LANE, LANE, LANE), mixed=st.booleans(), seed=st.integers(0, 99))
def test_tracks_hold_three_sources_of_whatever_label(
    lanes: tuple[Lane, ...], mixed: bool, seed: int
) -> None:
    events: list[Event] = []
    for i, lane in enumerate(lanes):
        events += sequence(LABELS[i % 2 if mixed else 0], lane, 1.1 * i, 1.0)
    sources = lay_out(events, LABELS, GRID, 190, 3)
    copies = shuffled(through_tracks(sources), seed)
    assert_same(decode(copies, LABELS, GRID, PLAIN), events, away=False)


@pytest.mark.parametrize("through", [through_multi_accdoa, through_tracks])
def test_a_fourth_source_at_once_takes_the_track_of_the_first(
    through: Callable[[Sources], Copies],
) -> None:
    events = [e for i in range(4) for e in sequence("dog", [(5 + i, 20)], 1.1 * i, 1.0)]
    found = decode(through(lay_out(events, LABELS, GRID, 40, 4)), LABELS, GRID, PLAIN)
    assert [(event.onset_s, event.offset_s) for event in found] == [
        (0.5, 2.8),
        (0.6, 2.6),
        (0.7, 2.7),
    ]
    assert_same(found[1:], events[1:3], away=False)


def pair(apart_deg: float, activity: tuple[float, float] = (0.9, 0.6)) -> Copies:
    towards = unit_vector(np.deg2rad([10.0, 10.0 + apart_deg]), 0.0)
    direction = np.zeros((1, 2, 3, 3))
    direction[0, 0, :2] = towards
    sure = np.zeros((1, 2, 3))
    sure[0, 0, :2] = activity
    return Copies(sure, direction * sure[..., None], 2.0 * sure)


def test_tracks_within_fifteen_degrees_are_one_source() -> None:
    one, two = unified(pair(14.9), HEARD), unified(pair(15.1), HEARD)
    assert np.count_nonzero(one.activity) == 1
    assert one.activity.max() == 0.9
    assert np.count_nonzero(two.activity) == 2
    np.testing.assert_array_equal(two.direction, pair(15.1).direction)
    # vectors as long as they are sure, weighed by that again: nearer to the surer one
    angle = np.rad2deg(np.arctan2(one.direction[0, 0, 0, 1], one.direction[0, 0, 0, 0]))
    expected = np.deg2rad([10.0, 24.9])
    pull = (np.array([0.81, 0.36])[:, None] * unit_vector(expected, 0.0)).sum(axis=0)
    assert angle == pytest.approx(np.rad2deg(np.arctan2(pull[1], pull[0])))
    assert one.distance_m is not None
    assert one.distance_m[0, 0, 0] == pytest.approx((0.9 * 1.8 + 0.6 * 1.2) / 1.5)


def test_a_chain_of_near_tracks_is_one_source_and_quiet_tracks_join_nothing() -> None:
    azimuth = np.deg2rad([0.0, 24.0, 12.0])  # the ends are near the middle, not near each other
    direction = unit_vector(azimuth, 0.0)[None, None]
    chain = unified(Copies(np.full((1, 1, 3), 0.8), direction), np.array([0.3]))
    assert chain.activity[0, 0].tolist() == [0.8, 0.0, 0.0]
    assert np.arctan2(*chain.direction[0, 0, 0, 1::-1]) == pytest.approx(np.deg2rad(12.0))
    quiet = Copies(np.array([[[0.8, 0.8, 0.2]]]), direction)
    np.testing.assert_array_equal(unified(quiet, np.array([0.3])).activity, quiet.activity)


def test_crossing_sources_keep_their_tracks() -> None:
    """Two sources pass each other 40 degrees apart in height while their tracks are shuffled."""
    time = np.linspace(-1, 1, 60)
    direction = np.stack([unit_vector(time, 0.35), unit_vector(-time, -0.35)], axis=1)[:, None]
    plain = Copies(np.ones((60, 1, 2)), direction)
    back = followed(shuffled(plain, 3), np.array([0.3]), memory=2)
    first = 0 if np.allclose(back.direction[0, 0, 0], direction[0, 0, 0]) else 1
    np.testing.assert_allclose(back.direction[:, 0, first], direction[:, 0, 0])


def test_without_directions_a_label_is_one_source() -> None:
    events = sequence("dog", [(5, 20)], 0.0, 1.0) + sequence("dog", [(15, 20)], 2.0, 1.0)
    copies = through_multi_accdoa(lay_out(events, LABELS, GRID, 60, 3))
    (found,) = decode(copies, LABELS, GRID, PLAIN, directed=False)
    assert (found.onset_s, found.offset_s, found.path) == (0.5, 3.5, ())


def test_arrangements_are_those_of_the_paper() -> None:
    assert sum(len(multi_accdoa.arrangements(n)) for n in (1, 2, 3)) == 13
    for n_sources in (1, 2, 3):
        for taken in multi_accdoa.arrangements(n_sources):
            assert set(taken) == set(range(n_sources))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_track_that_is_no_number_is_silent_and_harms_no_other(broken: float) -> None:
    vector = np.zeros((30, 3, 2, 3), np.float32)
    vector[5:15, 0, 0], vector[5:15, 1, 0] = [0.9, 0.0, 0.0], [0.9, 0.1, 0.0]
    plain = decode(multi_accdoa.copies(vector), LABELS, GRID, PLAIN)
    vector[5:15, 2, 0] = broken
    assert decode(multi_accdoa.copies(vector), LABELS, GRID, PLAIN) == plain
    assert len(plain) == 1
    assert decode(multi_accdoa.copies(vector[:, 2:3]), LABELS, GRID, PLAIN) == []
    activity, direction = np.zeros((30, 3, 2)), np.zeros((30, 3, 3))
    activity[5:15, :2, 0], direction[5:15, :2] = 0.8, [1.0, 0.0, 0.0]
    plain = decode(trackwise.copies(activity, direction), LABELS, GRID, PLAIN)
    direction[5:15, 2] = broken
    assert decode(trackwise.copies(activity, direction), LABELS, GRID, PLAIN) == plain
    assert len(plain) == 1
