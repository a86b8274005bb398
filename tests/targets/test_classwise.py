"""decode undoes encode; hysteresis, gaps, smoothing; broken numbers never reach an event."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.core.recipe import from_table
from sonoscope.targets.classwise import Decoding, decode, encode

GRID = FrameGrid(24_000, 480)
LABELS = ("dog", "siren", "speech")
PLAIN = Decoding((0.5, 0.5, 0.5), min_duration_s=0.02, max_gap_s=0.1, smoothing_s=0.0)


Note = tuple[int, int, float, float, float, bool]
"""Frames of silence, frames of sound, azimuth, elevation, turn in rad/s, whether it is placed."""

NOTES = st.lists(
    st.tuples(
        st.integers(6, 40),
        st.integers(1, 60),
        st.floats(-3.1, 3.1),
        st.floats(-1.4, 1.4),
        st.sampled_from([0.0, 0.0, 0.5, -1.2]),
        st.booleans(),
    ),
    max_size=4,
)


def script(label: str, notes: list[Note]) -> list[Event]:
    """Lay events on whole frames, each further from the last than the gap that is closed."""
    events, frame = [], 0
    for silence, length, azimuth, elevation, turn, placed in notes:
        onset, offset = GRID.start_s(frame + silence), GRID.start_s(frame + silence + length)
        times = np.linspace(onset, offset, 2 if turn == 0 else 40)
        path = tuple(
            Waypoint(float(t), azimuth + turn * (float(t) - onset), elevation) for t in times
        )
        events.append(Event(label, onset, offset, path if placed else ()))
        frame += silence + length
    return events


@given(st.tuples(NOTES, NOTES, NOTES))
def test_decode_undoes_encode(notes: tuple[list[Note], list[Note], list[Note]]) -> None:
    written = [e for label, line in zip(LABELS, notes, strict=True) for e in script(label, line)]
    events = sorted(written, key=lambda event: (event.onset_s, event.label))
    n_frames = max([GRID.nearest_edge(event.offset_s) for event in events], default=0) + 3
    activity, direction = encode(events, LABELS, GRID, n_frames)
    found = decode(activity.astype(np.float32), direction, LABELS, GRID, PLAIN)
    assert [(e.label, e.onset_s, e.offset_s, e.score) for e in found] == [
        (e.label, e.onset_s, e.offset_s, 1.0) for e in events
    ]
    for event, back in zip(events, found, strict=True):
        assert bool(event.path) == bool(back.path)
        if event.path:
            times = np.arange(event.onset_s + 0.01, event.offset_s, 0.02)
            error = angle_between(event.direction_at(times), back.direction_at(times))
            allowed = np.deg2rad(5.001) if len(back.path) == 1 else 0.01
            assert error.max() <= allowed


@given(st.floats(0, 5), st.floats(0, 5))
def test_any_times_come_back_to_half_a_frame(onset: float, duration: float) -> None:
    event = Event("dog", onset, onset + duration, (Waypoint(onset, 1.0, 0.2),))
    activity, direction = encode([event], LABELS, GRID, 600)
    (found,) = decode(activity.astype(np.float64), direction, LABELS, GRID, PLAIN)
    assert abs(found.onset_s - onset) <= 0.01 + 1e-9
    assert abs(found.offset_s - event.offset_s) <= 0.01 + 1e-9 or duration < 0.02
    assert found.azimuth == pytest.approx(1.0)
    assert found.elevation == pytest.approx(0.2)


def test_what_lies_beyond_the_last_frame_is_cut_off() -> None:
    events = [Event("dog", 0.5, 9.0), Event("siren", 7.0, 8.0)]
    activity, _ = encode(events, LABELS, GRID, 50)
    assert activity.sum(axis=0).tolist() == [25, 0, 0]


def test_two_of_one_label_at_once_share_frames_and_the_later_gives_the_direction() -> None:
    first = Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.0, 0.0),))
    second = Event("dog", 0.4, 0.6, (Waypoint(0.4, 1.0, 0.0),))
    for order in ([first, second], [second, first]):
        activity, direction = encode(order, LABELS, GRID, 50)
        assert activity[:, 0].all()
        assert np.allclose(direction[25, 0], [np.cos(1.0), np.sin(1.0), 0])
        assert np.allclose(direction[40, 0], [1, 0, 0])


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(InputError, match="'cat' was given"):
        encode([Event("cat", 0.0, 1.0)], LABELS, GRID, 10)


def test_an_event_begins_at_the_threshold_and_lasts_to_the_release() -> None:
    activity = np.zeros((100, 3))
    activity[10:40, 0] = 0.35  # above 0.6 x 0.5, never above 0.5
    activity[60:90, 0] = 0.35
    activity[70, 0] = 0.9
    found = decode(activity, None, LABELS, GRID, PLAIN)
    assert [(event.onset_s, event.offset_s) for event in found] == [(1.2, 1.8)]
    assert found[0].score == pytest.approx((29 * 0.35 + 0.9) / 30)
    assert found[0].path == ()


def test_short_pauses_are_closed_and_then_short_events_dropped() -> None:
    activity = np.zeros((100, 3), np.float32)
    activity[[10, 13, 16, 19, 22], 1] = 1.0  # five single frames, two silent ones between
    activity[60:64, 1] = 1.0
    decoding = Decoding((0.5, 0.5, 0.5), min_duration_s=0.1, max_gap_s=0.04)
    found = decode(activity, None, LABELS, GRID, decoding)
    assert [(e.label, e.onset_s, e.offset_s) for e in found] == [("siren", 0.2, 0.46)]


def test_smoothing_finds_a_resting_source_in_noise_and_follows_a_moving_one() -> None:
    rng = np.random.default_rng(1)
    activity = np.ones((500, 3))
    azimuth = np.stack([np.full(500, 0.7), np.linspace(0, 3, 500), np.full(500, -2.0)], axis=1)
    toward = unit_vector(azimuth, np.zeros_like(azimuth)) + 0.1 * rng.normal(size=(500, 3, 3))
    decoding = Decoding((0.5, 0.5, 0.5), smoothing_s=1.0)
    dog, siren, speech = decode(activity, toward, LABELS, GRID, decoding)
    assert len(dog.path) == len(speech.path) == 1
    assert dog.azimuth == pytest.approx(0.7, abs=0.02)
    assert len(siren.path) == 101
    inside = np.arange(0.6, 9.4, 0.1)
    exact = unit_vector(3 * inside / 10, np.zeros_like(inside))
    assert np.rad2deg(angle_between(siren.direction_at(inside), exact)).max() < 4.0


def test_louder_frames_weigh_more() -> None:
    activity = np.full((50, 3), 0.01)
    activity[:, 0] = 0.9
    activity[25:, 0] = 0.31
    toward = np.zeros((50, 3, 3))
    toward[:25, 0], toward[25:, 0] = [1, 0, 0], [0, 1, 0]
    decoding = Decoding((0.5, 0.5, 0.5), smoothing_s=10.0)
    (event,) = decode(activity, toward, LABELS, GRID, decoding)
    assert event.azimuth == pytest.approx(np.arctan2(0.31, 0.9))


@given(st.integers(0, 2**32 - 1))
def test_broken_numbers_never_reach_an_event(seed: int) -> None:
    rng = np.random.default_rng(seed)
    broken = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -5.0, 7.0], np.float32)
    activity, direction = rng.choice(broken, (60, 3)), rng.choice(broken, (60, 3, 3))
    before = activity.copy(), direction.copy()
    for event in decode(activity, direction, LABELS, GRID, PLAIN):
        assert 0 < event.score <= 1
        assert np.isfinite([list(w[:3]) for w in event.path]).all()
    assert np.array_equal(activity, before[0], equal_nan=True)
    assert np.array_equal(direction, before[1], equal_nan=True)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_an_activity_that_is_no_number_is_silence(broken: float) -> None:
    assert decode(np.full((50, 3), broken), None, LABELS, GRID, PLAIN) == []


def test_opposite_directions_that_cancel_give_none() -> None:
    toward = np.zeros((40, 3, 3))
    toward[::2, 0, 0], toward[1::2, 0, 0] = 1.0, -1.0
    activity = np.zeros((40, 3))
    activity[:, 0] = 1.0
    (event,) = decode(activity, toward, LABELS, GRID, PLAIN)
    assert event.path == ()


def test_thresholds_must_fit_the_labels() -> None:
    with pytest.raises(SettingError, match="must be 3 numbers, one a label, but 1 were given"):
        decode(np.zeros((5, 3)), None, LABELS, GRID, Decoding((0.5,)))


def test_settings_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"card: thresholds\.0"):
        from_table({"thresholds": [1.5]}, Decoding, where="card")
    with pytest.raises(SettingError, match="card: sharpness: unknown key"):
        from_table({"thresholds": [0.5], "sharpness": 1}, Decoding, where="card")
