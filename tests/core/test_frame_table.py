"""Events spread over frames come back as the events they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frame_table import FrameTable, frame_range, to_events, to_frames

LABELS = ("dog", "cat", "cow")
Row = tuple[str, float, float, tuple[Waypoint, ...]]


@st.composite
def events_on_frames(draw: st.DrawFn) -> list[Row]:
    """Draw events that begin and end on edges of 20 ms."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, 100))
        length = draw(st.integers(1, 60))
        azimuth, elevation = draw(st.floats(-3.1, 3.1)), draw(st.floats(-1.5, 1.5))
        here = Waypoint((start + 0.5) / 50, azimuth, elevation)
        label = draw(st.sampled_from(LABELS))
        rows.append((label, start / 50, (start + length) / 50, (here,)))
    return rows


@given(events_on_frames())
def test_events_come_back_from_frames(rows: list[Row]) -> None:
    events = [Event(*row) for row in rows]

    def order(event: Event) -> tuple[object, ...]:
        return event.onset_s, event.offset_s, event.label, event.path

    table = to_frames(events, LABELS, 50)
    assert sorted(to_events(table), key=order) == sorted(events, key=order)


@given(events_on_frames())
def test_a_track_holds_one_event_at_a_time(rows: list[Row]) -> None:
    events = [Event(*row) for row in rows]
    table = to_frames(events, LABELS, 50)
    assert table.track is not None
    places = list(zip(table.frame.tolist(), table.track.tolist(), strict=True))
    assert len(set(places)) == len(places)
    assert len(places) == sum(len(frame_range(event, 50)) for event in events)
    assert (np.diff(table.frame) >= 0).all()


def test_a_short_event_still_has_a_frame() -> None:
    assert frame_range(Event("dog", 0.101, 0.102), 10) == range(1, 2)
    assert frame_range(Event("dog", 0.29, 0.58), 50) == range(15, 29)


def test_a_moving_source_moves_from_frame_to_frame() -> None:
    way = (Waypoint(0.0, 0.0, 0.0, 1.0), Waypoint(1.0, 1.0, 0.0, 3.0))
    table = to_frames([Event("dog", 0.0, 1.0, way)], LABELS, 10)
    assert table.distance_m is not None
    assert (np.diff(table.azimuth) > 0.05).all()
    np.testing.assert_allclose(table.distance_m, 1.1 + 0.2 * np.arange(10))
    back = to_events(table)[0]
    assert len(back.path) == 10
    middles = np.arange(10) / 10 + 0.05
    np.testing.assert_allclose(
        back.direction_at(middles), Event("dog", 0.0, 1.0, way).direction_at(middles)
    )


def test_without_tracks_the_nearest_rows_belong_together() -> None:
    frame = np.array([0, 0, 1, 1, 2, 4])
    azimuth = np.array([0.0, 1.0, 1.1, 0.1, 0.2, 0.2])
    label = np.zeros(6, int)
    table = FrameTable(50, ("dog",), frame, label, azimuth, np.zeros(6))
    spans = [(event.onset_s, event.offset_s, event.path[0].azimuth) for event in to_events(table)]
    assert spans == [(0, 0.04, 1.0), (0, 0.06, 0.0), (0.08, 0.1, 0.2)]


def test_a_leap_without_tracks_is_another_source() -> None:
    table = FrameTable(
        50, ("dog",), np.array([0, 1]), np.zeros(2, int), np.array([0.0, 1.0]), np.zeros(2)
    )
    assert len(to_events(table)) == 2


def test_a_source_of_unknown_direction_stays_one_without_path() -> None:
    table = to_frames([Event("cat", 0.0, 1.0)], LABELS, 10)
    assert np.isnan(table.azimuth).all()
    assert to_events(table) == (Event("cat", 0.0, 1.0),)


def test_unknown_labels_are_refused() -> None:
    with pytest.raises(InputError, match="among dog, cat, cow"):
        to_frames([Event("bird", 0.0, 1.0)], LABELS, 50)
    table = to_frames([Event("cow", 0.0, 1.0)], LABELS, 50)
    with pytest.raises(InputError, match=r"0\.\.1"):
        table.with_labels(("dog", "cat"))
