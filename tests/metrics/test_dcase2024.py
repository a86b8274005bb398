"""The scores of DCASE 2024 and 2025: the organisers' numbers, and where `strict` departs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.metrics.dcase_scenes import LABELS, MODES, ROWS, Rows, scene, table
from tests.metrics.plain_scores import DIGITS, Angle, cartesian, folded, plain_frames

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.metrics import dcase2024, dcase2025
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.dcase2024 import Counts
from sonoscope.metrics.detections import Average
from sonoscope.metrics.intervals import jackknife

Count = Callable[..., Counts]
YEARS = pytest.mark.parametrize("count", [dcase2024.count, dcase2025.count])


def counts(count: Count, reference: Rows, prediction: Rows, mode: Mode, **more: Any) -> Counts:
    return count(table(reference), table(prediction), mode, labels=LABELS, **more)


@pytest.mark.parametrize(
    ("average", "duration_s", "wanted"),
    [
        ("macro", 60.0, [0.699909, 0.427447, 17.805962, 0.453657, 0.207838, 0.748866, 0.293104]),
        ("macro", None, [0.699358, 0.427528, 17.805962, 0.453657, 0.207838, 0.749655, 0.293077]),
        ("micro", 60.0, [0.699909, 0.444231, 17.551204, 0.458618, 0.204163, 0.724611, 0.285813]),
    ],
)
def test_two_random_scenes_score_as_the_organisers_of_2024_say(
    average: Average, duration_s: float | None, wanted: list[float]
) -> None:
    one, other = (
        dcase2024.count(*scene(seed), labels=LABELS, average=average, duration_s=duration_s)
        for seed in (7, 11)
    )
    got = (one + other).scores()
    values = [got.er, got.f, got.doae_deg, got.de_m, got.rde, got.lr, got.seld]
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("average", "wanted"),
    [
        ("macro", [0.445426, 16.245709, 45.408248, 0.208027]),
        ("micro", [0.456731, 15.897727, 45.908548, 0.204371]),
    ],
)
def test_two_random_scenes_score_as_the_organisers_of_2025_say(
    average: Average, wanted: list[float]
) -> None:
    one, other = (
        dcase2025.count(*scene(seed), labels=LABELS, average=average, duration_s=60.0)
        for seed in (7, 11)
    )
    got = (one + other).scores()
    values = [got.f, got.doae_deg, 100 * got.de_m, got.rde]
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-6)


@pytest.mark.slow
@settings(max_examples=15)
@given(reference=ROWS, prediction=ROWS)
@pytest.mark.parametrize(
    ("count", "angle"), [(dcase2024.count, cartesian), (dcase2025.count, folded)]
)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_plain_count(
    mode: Mode, count: Count, angle: Angle, reference: Rows, prediction: Rows
) -> None:
    got = counts(count, reference, prediction, mode)
    last = int(max((row[0] for row in reference), default=0))
    n = plain_frames(reference, prediction, 35 if mode == "strict" else last, angle)
    for numbers, name in (
        (got.sources.n_reference, "ref"), (got.sources.n_right, "tp"),
        (got.sources.n_misplaced, "fps"), (got.sources.n_missed, "fn"),
        (got.sources.n_false, "fp"),
    ):  # fmt: skip
        np.testing.assert_array_equal(numbers, n[name])
    np.testing.assert_allclose(got.sources.angle_sum_deg, n["angle"], atol=0.01)
    np.testing.assert_allclose(got.distance_sum_m, n["metres"])
    np.testing.assert_allclose(got.relative_sum, n["relative"])
    errors = got.errors
    assert errors.n_substituted + errors.n_deleted + errors.n_inserted == n["wrong"].sum()
    if mode == "official":
        f = n["tp"] / (n["tp"] + n["fps"] + (n["fp"] + n["fn"]) / 2 + DIGITS)
        assert got.scores().f == pytest.approx(f.mean(), abs=1e-12)
        n_pairs = n["tp"] + n["fps"]
        relative = [x / k if k else math.nan for x, k in zip(n["relative"], n_pairs, strict=True)]
        known = [x for x in relative if not math.isnan(x)]
        wanted = sum(known) / len(known) if known else math.nan
        assert got.scores().rde == pytest.approx(wanted, nan_ok=True)


@YEARS
def test_errors_are_means_over_labels_that_have_pairs(count: Count) -> None:
    truth = [(0, 1, 0, 0, 0, 2.0), (0, 2, 0, 0, 0, 2.0), (0, 3, 0, 0, 0, 2.0)]
    heard = [(0, 1, 0, 10, 0, 2.5), (0, 2, 0, 30, 0, 3.0)]
    got = counts(count, truth, heard, "strict").scores()
    assert [got.doae_deg, got.rde, got.de_m] == pytest.approx([20, 0.375, 0.75])
    assert got.f == pytest.approx(1 / 13)
    seld = ((0 + 10 / 180 + 0.25) / 3 + (1 + 30 / 180 + 0.5) / 3 + 11) / 13
    assert got.seld == pytest.approx(seld)
    none = counts(count, truth, [], "strict").scores()
    assert math.isnan(none.doae_deg)
    assert (none.f, none.seld) == (0, 1)


@YEARS
@pytest.mark.parametrize("mode", MODES)
def test_a_distance_more_than_twice_too_far_is_misplaced(count: Count, mode: Mode) -> None:
    for metres, right in ((0.01, 1), (3.99, 1), (4.01, 0)):
        got = counts(count, [(0, 1, 0, 0, 0, 2), (1, 1)], [(0, 1, 0, 0, 0, metres)], mode)
        assert got.sources.n_right[1] == right


def test_2025_hears_no_front_nor_up() -> None:
    truth, heard = [(0, 1, 0, 100, 0)], [(0, 1, 0, 80, 60)]
    assert counts(dcase2025.count, truth, heard, "strict").scores().doae_deg == 0
    assert counts(dcase2024.count, truth, heard, "strict").scores().doae_deg > 60


def test_of_equally_good_pairings_the_scorer_s_own_is_taken() -> None:
    """Two true and two heard sources: 25 and 25 degrees, or 40 and 10, which is one more right."""
    draw = np.random.default_rng(0)
    for _ in range(40):
        ways = draw.integers(-30, 31, (2, 2)).tolist()
        truth, heard = ([(0, 1, k, way, 0, 2.0) for k, way in enumerate(x)] for x in ways)
        got = counts(dcase2025.count, [*truth, (1, 1)], heard, "official").sources
        n = plain_frames(truth, heard, 1, folded)
        assert got.n_right[1] == n["tp"][1]


@YEARS
def test_every_source_must_have_a_distance(count: Count) -> None:
    events = [Event("1", 1.0, 2.0, (Waypoint(0.0, 0.0, 0.0),))]
    for sides, name in (((events, table([])), "reference"), ((table([]), events), "prediction")):
        with pytest.raises(InputError, match=f"of the {name} must have a distance, but 1 at 1 s"):
            count(*sides, labels=LABELS)


def test_years_do_not_mix() -> None:
    one, other = (counts(count, [], [], "strict") for count in (dcase2024.count, dcase2025.count))
    with pytest.raises(InputError, match="one metric to be added, but dcase2024 and dcase2025"):
        _ = one + other


# ── where `strict` departs from `official`, in the order of the list of `dcase2024` ──────────────


@YEARS
def test_1_the_last_frame_of_the_reference_and_what_is_heard_after_it(count: Count) -> None:
    truth = [(3, 1), (4, 1), (5, 1)]
    official, strict = (counts(count, truth, truth, mode) for mode in MODES)
    assert (official.sources.n_right[1], strict.sources.n_right[1]) == (2, 3)
    alarm = [*truth, (7, 2), (8, 2), (9, 2)]
    official, strict = (counts(count, truth, alarm, mode) for mode in MODES)
    assert (official.scores().er, strict.scores().er) == (0, 1)
    assert counts(count, truth, alarm, "official", duration_s=0.9).scores().er == pytest.approx(
        2 / 3
    )


@YEARS
def test_2_a_recording_in_which_nothing_sounds(count: Count) -> None:
    truth = [(3, 1), (4, 1)]
    rates = [
        (counts(count, truth, truth, mode) + counts(count, [], truth, mode)).scores().er
        for mode in MODES
    ]
    assert rates == [0, 1]


def test_3_angles_are_exact() -> None:
    truth, off = [(3, 1, 0, 12, 34), (4, 1)], [(3, 1, 0, 12, 34)]
    official, strict = (counts(dcase2024.count, truth, off, mode).scores() for mode in MODES)
    assert official.doae_deg == pytest.approx(0.00081, abs=1e-5)
    assert strict.doae_deg == 0
    official_f, strict_f = (
        counts(dcase2024.count, [(3, 1), (4, 1)], [(3, 1, 0, 20)], mode).sources.n_right[1]
        for mode in MODES
    )
    assert (official_f, strict_f) == (0, 1)


@YEARS
def test_4_nothing_to_divide_by(count: Count) -> None:
    official = counts(count, [], [(0, 1)], "official", duration_s=1.0).scores()
    assert 1e15 < official.er < math.inf
    assert counts(count, [], [(0, 1)], "strict").scores().er == math.inf
    official, strict = (counts(count, [], [], mode).scores() for mode in MODES)
    assert (official.er, official.f, official.lr) == (0, 0, 0)
    assert all(math.isnan(x) for x in (strict.er, strict.f, strict.lr))


@YEARS
def test_6_the_value_beside_a_jackknife_interval(count: Count) -> None:
    each = [count(*scene(seed), labels=LABELS) for seed in (7, 11, 13)]
    official, strict = (jackknife(each, mode)["f"] for mode in MODES)
    assert strict.value == (each[0] + each[1] + each[2]).scores().f
    assert official.value == pytest.approx((each[0] + each[1]).scores().f)
    assert official.value != strict.value
