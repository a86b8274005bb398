"""The scores of DCASE 2019: the organisers' own numbers, and each place where `strict` departs."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.event_table import named, read
from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.dcase2019 import LABELS_2019, Counts, Mode, Scores, count, count_frames


def event(
    label: str, onset_s: float, offset_s: float, azimuth_deg: float = 0.0, elevation_deg: float = 0
) -> Event:
    here = Waypoint(
        float(onset_s), float(np.deg2rad(azimuth_deg)), float(np.deg2rad(elevation_deg))
    )
    return Event(label, float(onset_s), float(offset_s), (here,))


def frames(*rows: tuple[int, int, float, float]) -> FrameTable:
    """Build a table of 20 ms from (frame, label, azimuth, elevation) in degrees."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    return FrameTable(
        50,
        tuple(map(str, range(11))),
        table[:, 0].astype(int),
        table[:, 1].astype(int),
        np.deg2rad(table[:, 2]),
        np.deg2rad(table[:, 3]),
    )


def scores(reference: Any, prediction: Any, mode: Mode) -> Scores:
    return count(reference, prediction, mode).scores()


# ── the organisers' numbers ──────────────────────────────────────────────────────────────────────


def generator(seed: int) -> Callable[[], float]:
    """Give the linear congruential generator of the goldens."""
    state = seed

    def draw() -> float:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    return draw


def scene(seed: int) -> tuple[list[Event], FrameTable]:
    """Give the random scene whose scores the organisers' scorer was asked for."""
    u, events, rows = generator(seed), [], []
    for _ in range(24):
        label, onset, length = int(u() * 11), round(u() * 56, 3), round(0.2 + 3 * u(), 3)
        azimuth, elevation = 10 * int(u() * 36) - 180, 10 * int(u() * 9) - 40
        events.append(event(str(label), onset, round(onset + length, 3), azimuth, elevation))
        dropped, swapped = u() < 0.15, u() < 0.08
        start = int(onset * 50) + int(u() * 9) - 4
        stop = int((onset + length) * 50) + int(u() * 9) - 4
        azimuth, elevation = azimuth + int(u() * 31) - 15, elevation + int(u() * 21) - 10
        if not dropped:
            heard = (label + swapped) % 11
            span = range(max(start, 0), min(stop, 3000))
            rows += [(frame, heard, azimuth, elevation) for frame in span]
    return events, frames(*rows)


def test_two_random_scenes_score_as_the_organisers_say() -> None:
    pooled = (count(*scene(7)) + count(*scene(11))).scores()
    wanted = [0.247863, 0.820276, 12.049471, 0.882333, 0.153049]
    got = [pooled.er, pooled.f, pooled.de_deg, pooled.fr, pooled.seld]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
    alone = scores(*scene(11), "official")
    np.testing.assert_allclose([alone.frame_er, alone.frame_f], [0.143774, 0.908115], atol=1e-6)


@pytest.mark.shared
@pytest.mark.slow
def test_a_real_system_scores_as_the_organisers_say(shared: Path) -> None:
    folder = shared / "dcase2019"
    total = Counts("official")
    for truth in sorted((folder / "reference_events").glob("*.csv")):
        heard = named(read(folder / "pred_Q_frames" / truth.name), LABELS_2019)
        total += count(read(truth), heard)
    got = total.scores()
    assert total.n_frames == 400 * 3000
    np.testing.assert_allclose(
        [got.er, got.f, got.fr, got.seld], [0.9823, 0.1404, 0.7641, 0.5321], atol=5e-5
    )
    assert got.de_deg == pytest.approx(9.138, abs=5e-4)


# two events of each of these recordings that the second edition of the data set left out
FIRST_EDITION = {
    "split1_ir1_ov1_21": "doorslam,41.551242349,41.988242349,20,-180,2\n"
    "doorslam,49.7085234893,50.3635443227,20,-160,2\n",
    "split1_ir1_ov2_31": "phone,47.9303846897,49.7143846897,20,-30,2\n"
    "keysDrop,31.9564767325,32.2044767325,20,60,2\n",
}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("truth", "heard", "wanted"),
    [
        ("split1_ir0_ov1_1", "split1_ir1_ov1_21",
         [1.0, 0.08695652173913032, 57.6203958122835, 0.45666666666666667, 0.6941225304156112]),
        ("split1_ir0_ov2_11", "split1_ir1_ov2_31",
         [1.0091743119266054, 0.13888888888888878, 45.42395795800956, 0.37, 0.6881601862566643]),
    ],
)  # fmt: skip
def test_the_organisers_own_test_files(
    shared: Path, tmp_path: Path, truth: str, heard: str, wanted: list[float]
) -> None:
    folder = shared / "dcase2019/reference_events"
    whole = tmp_path / "heard.csv"
    whole.write_text((folder / f"{heard}.csv").read_text() + FIRST_EDITION[heard])
    got = scores(read(folder / f"{truth}.csv"), read(whole), "official")
    np.testing.assert_allclose([got.er, got.f, got.de_deg, got.fr, got.seld], wanted, rtol=1e-12)


# ── the definition, counted the plain way ────────────────────────────────────────────────────────

Row = tuple[int, int, float, float]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 160),
        st.integers(0, 3),
        st.integers(-185, 185),
        st.integers(-60, 60),
    ),
    max_size=40,
)


def plain_official(reference: list[Row], prediction: list[Row]) -> list[float]:
    """Count as the organisers do: dense arrays, frame by frame."""
    marks = [np.zeros((200, 4, 36, 9)) for _ in range(2)]
    for mark, rows in zip(marks, (reference, prediction), strict=True):
        for frame, label, azimuth, elevation in rows:
            column = (min(max(azimuth, -180), 170) + 180) // 10
            row = (min(max(elevation, -40), 40) + 40) // 10
            mark[frame, label, int(column), int(row)] = 1
    true, heard = ((mark.max((2, 3)) > 0) for mark in marks)
    block = [x.reshape(4, 50, 4)[:, :49].any(1) for x in (true, heard)]
    errors = np.maximum((block[0] & ~block[1]).sum(1), (block[1] & ~block[0]).sum(1)).sum()
    both = (block[0] & block[1]).sum()
    angle, right = 0.0, 3000 - 200  # silence after the last frame that is ever drawn
    for frame in range(200):
        points = [np.argwhere(mark[frame])[:, 1:] * 10.0 - [180, 40] for mark in marks]
        right += len(points[0]) == len(points[1])
        (az1, el1), (az2, el2) = (np.deg2rad(p).T for p in points)
        cosine = np.outer(np.sin(el1), np.sin(el2)) + np.outer(np.cos(el1), np.cos(el2)) * np.cos(
            az1[:, None] - az2
        )
        distance = np.rad2deg(np.arccos(cosine.clip(-1, 1)))
        angle += distance[linear_sum_assignment(distance)].sum()
    n_true, n_heard, n_points = block[0].sum(), block[1].sum(), marks[1].sum()
    return [
        errors / n_true if n_true else math.inf if errors else math.nan,
        2 * both / (n_true + n_heard) if both else 0.0,
        angle / n_points if n_points else math.nan,
        right / 3000,
    ]


@settings(max_examples=30)
@given(reference=ROWS, prediction=ROWS)
def test_official_is_the_plain_count(reference: list[Row], prediction: list[Row]) -> None:
    got = scores(frames(*reference), frames(*prediction), "official")
    wanted = plain_official(reference, prediction)
    np.testing.assert_allclose([got.er, got.f, got.de_deg, got.fr], wanted, rtol=0, atol=1e-5)


@st.composite
def activity_and_direction(draw: st.DrawFn) -> tuple[Any, Any, Any, Any]:
    shape = draw(st.tuples(st.integers(0, 130), st.integers(1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    dense = draw(st.floats(0, 1))
    activity = [rng.random(shape) < dense for _ in range(2)]
    direction = [rng.normal(size=(*shape, 3)) for _ in range(2)]
    direction[1][rng.random(shape) < 0.1] = 0  # unknown
    return activity[0], direction[0], activity[1], direction[1]


@given(activity_and_direction())
def test_frames_in_memory_score_like_their_table(case: tuple[Any, Any, Any, Any]) -> None:
    sides = []
    for activity, direction in (case[:2], case[2:]):
        frame, label = np.nonzero(activity)
        x, y, z = direction[frame, label].T
        unknown = np.where((x == 0) & (y == 0) & (z == 0), np.nan, 0.0)
        azimuth, elevation = np.arctan2(y, x) + unknown, np.arctan2(z, np.hypot(x, y)) + unknown
        names = tuple("abcdef"[: activity.shape[1]])
        sides.append(FrameTable(50, names, frame, label, azimuth, elevation))
    table = count(sides[0], sides[1], "strict", duration_s=len(case[0]) / 50)
    memory = count_frames(*case)
    assert dataclasses.replace(memory, angle_sum=0.0) == dataclasses.replace(table, angle_sum=0.0)
    assert memory.angle_sum == pytest.approx(table.angle_sum, abs=1e-9)


@given(activity_and_direction())
def test_strict_is_the_plain_count(case: tuple[Any, Any, Any, Any]) -> None:
    true, true_way, heard, way = case
    way = np.where((way == 0).all(-1, keepdims=True), np.nan, way)
    angle, pairs, right = 0.0, 0, 0
    for frame in range(len(true)):
        one, other = true_way[frame][true[frame]], way[frame][heard[frame]]
        other = other[~np.isnan(other[:, 0])]
        right += len(one) == len(other)
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other)]
        distance = np.arccos((unit[0] @ unit[1].T).clip(-1, 1))
        angle += distance[linear_sum_assignment(distance)].sum()
        pairs += min(distance.shape)
    got = count_frames(*case)
    assert (got.n_pairs, got.n_frames_right, got.n_frames) == (pairs, right, len(true))
    assert got.angle_sum == pytest.approx(angle, abs=1e-5)
    seconds = [
        np.array([x[i : i + 50].any(0) for i in range(0, len(x), 50)], bool).reshape(-1, x.shape[1])
        for x in (true, heard)
    ]
    for tally, (t, h) in ((got.frames, (true, heard)), (got.segments, seconds)):
        missed, false = (t & ~h).sum(1), (h & ~t).sum(1)
        assert tally.n_substituted == np.minimum(missed, false).sum()
        assert tally.n_deleted - tally.n_inserted == (missed - false).sum()
        assert (tally.n_reference, tally.n_predicted) == (t.sum(), h.sum())
        assert tally.n_both == (t & h).sum()


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_truth_against_itself_is_perfect(mode: Mode) -> None:
    truth = scene(7)[0]
    got = dataclasses.astuple(scores(truth, truth, mode))
    np.testing.assert_allclose(got, [0, 1, 0, 1, 0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("mode", ["official", "strict"])
@pytest.mark.parametrize("removed", range(24))
def test_deleting_a_right_answer_never_helps(mode: Mode, removed: int) -> None:
    truth = scene(7)[0]
    whole = scores(truth, truth, mode)
    less = scores(truth, truth[:removed] + truth[removed + 1 :], mode)
    assert less.seld > whole.seld
    assert less.er >= whole.er
    assert less.f <= whole.f
    assert less.fr < whole.fr
    assert less.de_deg >= whole.de_deg


def test_counts_pool_and_modes_do_not_mix() -> None:
    two = [count(*scene(seed), "strict") for seed in (7, 11)]
    assert sum(two, Counts("strict")) == two[0] + two[1]
    with pytest.raises(InputError, match="one mode"):
        _ = two[0] + Counts("official")


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_a_right_direction_counts_under_a_wrong_label(mode: Mode) -> None:
    got = scores([event("dog", 1, 2, 30)], [event("cat", 1, 2, 30)], mode)
    assert (got.de_deg, got.fr, got.f) == (0, 1, 0)


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_the_nearest_pairs_are_formed_whatever_the_order(mode: Mode) -> None:
    truth = [event("dog", 1, 2, 0), event("cat", 1, 2, 90), event("cow", 1, 2, 180 - 10)]
    heard = [event("x", 1, 2, 100), event("y", 1, 2, 160), event("z", 1, 2, 10)]
    assert scores(truth, heard, mode).de_deg == pytest.approx(10)


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_without_reference_the_error_rate_has_no_scale(mode: Mode) -> None:
    assert scores([], [event("dog", 1, 2)], mode).er == math.inf
    assert math.isnan(scores([], [], mode).er)


@pytest.mark.parametrize("mode", ["official", "strict"])
def test_a_sound_without_direction_is_detected_but_not_placed(mode: Mode) -> None:
    got = count([event("dog", 1, 2)], [Event("dog", 1.0, 2.0)], mode)
    assert (got.scores().er, got.n_pairs, got.n_heard) == (0, 0, 0)
    assert got.n_frames - got.n_frames_right == {"official": 51, "strict": 50}[mode]


def test_a_moving_source_is_followed() -> None:
    way = tuple(Waypoint(t, t * np.pi / 4, 0.0) for t in (0.0, 1.0, 2.0))
    got = scores([Event("dog", 0.0, 2.0, way)], [event("dog", 0, 2, 45)], "strict")
    assert got.de_deg == pytest.approx(22.5, abs=0.6)


def test_frames_of_100_ms_count_five_times() -> None:
    slow = dataclasses.replace(frames((10, 0, 0, 0), (11, 0, 0, 0)), frames_per_s=10)
    got = count([event("0", 1.0, 1.2)], slow, "strict")
    assert got.scores() == Scores(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0)
    with pytest.raises(InputError, match="divides 50"):
        count([], dataclasses.replace(slow, frames_per_s=30))


def test_a_table_of_more_than_a_day_is_refused() -> None:
    with pytest.raises(InputError, match="100000 s"):
        count([event("dog", 1, 2e5)], [])
    with pytest.raises(InputError, match="100000 s"):
        count([], frames((5_000_000, 0, 0, 0)), "strict")


# ── where `strict` departs from `official`, in the order of the module's list ────────────────────


def test_1_the_last_frame_of_a_second() -> None:
    truth = frames((49, 0, 0, 0))
    assert count(truth, truth, "official").segments.n_reference == 0
    assert math.isnan(scores(truth, truth, "official").er)
    assert count(truth, truth, "strict").segments.n_both == 1


@pytest.mark.parametrize(
    ("azimuth", "elevation", "official", "cell"),
    [
        (19, 9, True, (10, 0)),
        (-1, -1, True, (-10, -10)),
        (179, 0, True, (170, 0)),
        (0, 66, True, (0, 40)),
        (30, 0, True, (30, 0)),
        (-180, -40, True, (-180, -40)),
        (19, 9, False, (19, 9)),
        (179, 0, False, (179, 0)),
    ],
)
def test_2_directions_are_floored_without_wrapping(
    azimuth: float, elevation: float, official: bool, cell: tuple[float, float]
) -> None:
    mode: Mode = "official" if official else "strict"
    got = scores(frames((0, 0, *cell)), frames((0, 0, azimuth, elevation)), mode)
    assert got.de_deg == pytest.approx(0, abs=1e-9)


def test_2_strict_wraps_round() -> None:
    got = scores(frames((0, 0, 179, 0)), frames((0, 0, -179, 0)), "strict")
    assert got.de_deg == pytest.approx(2)
    assert scores(frames((0, 0, 179, 0)), frames((0, 0, -179, 0)), "official").de_deg == (
        pytest.approx(10)
    )


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "official", "strict"),
    [(1.0, 1.2, 11, 10), (1.001, 1.019, 2, 1), (1.009, 1.201, 12, 10), (1.011, 1.189, 11, 8)],
)
def test_3_the_frames_of_an_event(
    onset_s: float, offset_s: float, official: int, strict: int
) -> None:
    truth = [event("dog", onset_s, offset_s)]
    assert count(truth, [], "official").frames.n_reference == official
    assert count(truth, [], "strict").frames.n_reference == strict


def test_4_two_sources_of_one_label_in_one_direction() -> None:
    truth = [event("dog", 0, 1, 33), event("dog", 0, 1, 38)]
    assert count([], truth, "official").n_heard == 51
    assert count([], truth, "strict").n_heard == 100
    apart = [event("dog", 0, 1, 33), event("dog", 0, 1, 43)]
    assert count([], apart, "official").n_heard == 102


def test_5_a_false_alarm_lowers_the_direction_error_of_official_alone() -> None:
    truth, heard = frames((5, 0, 0, 0)), [(5, 0, 30, 0)]
    alarm = (90, 0, 0, 0)
    official = [scores(truth, frames(*x), "official").de_deg for x in (heard, [*heard, alarm])]
    strict = [scores(truth, frames(*x), "strict").de_deg for x in (heard, [*heard, alarm])]
    assert official == pytest.approx([30, 15])
    assert strict == pytest.approx([30, 30])


def test_6_recordings_of_any_length() -> None:
    truth = [event("dog", 61, 62)]
    assert count(truth, truth, "official").segments.n_reference == 0
    assert count(truth, truth, "official").n_frames == 3000
    assert count(truth, truth, "strict").n_frames == 3100
    assert count(truth, truth, "strict", duration_s=90.0).n_frames == 4500
    assert count([event("dog", 59.9, 70)], [], "official").frames.n_reference == 5


def test_7_f_of_nothing() -> None:
    assert scores([], [], "official").f == 0
    assert math.isnan(scores([], [], "strict").f)
    truth = [event("dog", 0, 1)]
    assert scores(truth, truth, "official").f == pytest.approx(1, abs=1e-14)
    assert scores(truth, truth, "strict").f == 1


def test_8_nothing_heard_is_no_excuse_for_having_no_score() -> None:
    truth = [event("dog", 0, 1)]
    assert math.isnan(scores(truth, [], "official").seld)
    strict = scores(truth, [], "strict")
    assert math.isnan(strict.de_deg)
    assert strict.seld == 1
