"""The scores of DCASE 2022 and 2023: the organisers' numbers, and where `strict` departs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from tests.metrics.dcase_scenes import LABELS, MODES, ROWS, Rows, scene, table
from tests.metrics.plain_scores import DIGITS, cartesian, plain_tracks

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.dcase2020 import Scores
from sonoscope.metrics.dcase2022 import LABELS_2022, Counts, count
from sonoscope.metrics.detections import Average
from sonoscope.metrics.intervals import jackknife


def counts(reference: Rows, prediction: Rows, mode: Mode, average: Average = "macro") -> Counts:
    return count(table(reference), table(prediction), mode, labels=LABELS, average=average)


def scores(reference: Rows, prediction: Rows, mode: Mode, average: Average = "macro") -> Scores:
    return counts(reference, prediction, mode, average).scores()


@pytest.mark.parametrize(
    ("average", "wanted"),
    [
        ("macro", [0.688312, 0.417007, 18.099762, 0.733412, 0.409612]),
        ("micro", [0.688312, 0.429066, 17.957048, 0.709677, 0.412332]),
    ],
)
@pytest.mark.parametrize("duration_s", [None, 60.0])
def test_two_random_scenes_score_as_the_organisers_say(
    average: Average, wanted: list[float], duration_s: float | None
) -> None:
    one, other = (
        count(*scene(seed), labels=LABELS, average=average, duration_s=duration_s)
        for seed in (7, 11)
    )
    got = (one + other).scores()
    np.testing.assert_allclose(
        [got.er, got.f, got.le_deg, got.lr, got.seld], wanted, rtol=0, atol=1e-6
    )


@settings(max_examples=15)
@given(reference=ROWS, prediction=ROWS)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_plain_count(mode: Mode, reference: Rows, prediction: Rows) -> None:
    got = counts(reference, prediction, mode)
    last = max((row[0] for row in reference), default=0)
    seconds = range(4) if mode == "strict" else range(math.ceil(last / 10))
    n = plain_tracks(reference, prediction, seconds, cartesian, strict=mode == "strict")
    for numbers, name in (
        (got.tracks.n_reference, "ref"), (got.tracks.n_right, "tp"),
        (got.tracks.n_misplaced, "fps"), (got.tracks.n_missed, "fn"), (got.tracks.n_false, "fp"),
    ):  # fmt: skip
        np.testing.assert_array_equal(numbers, n[name])
    np.testing.assert_allclose(got.tracks.angle_sum_deg, n["angle"], atol=0.01)
    if mode == "official":
        f = n["tp"] / (n["tp"] + n["fps"] + (n["fp"] + n["fn"]) / 2 + DIGITS)
        assert got.scores().f == pytest.approx(f.mean(), abs=1e-12)
        recall = (n["tp"] + n["fps"]) / (n["tp"] + n["fps"] + n["fn"] + DIGITS)
        assert got.scores().lr == pytest.approx(recall.mean(), abs=1e-12)
        assert got.scores().er == pytest.approx(n["wrong"].sum() / (n["ref"].sum() + DIGITS))


@pytest.mark.parametrize("mode", MODES)
def test_the_mean_goes_over_all_labels(mode: Mode) -> None:
    truth = [(frame, 4, 0, 10) for frame in range(11)]
    got = scores(truth, truth, mode)
    assert got.er == 0
    assert got.f == pytest.approx(1 / 13)
    assert got.le_deg == pytest.approx(12 * 180 / 13, abs=1e-4)
    assert got.lr == pytest.approx(1 / 13)
    assert got.seld == pytest.approx(0.692, abs=5e-4)
    micro = scores(truth, truth, mode, "micro")
    assert micro.f == pytest.approx(1)
    assert micro.le_deg == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("mode", MODES)
def test_a_source_too_far_off_weighs_a_whole_in_f(mode: Mode) -> None:
    got = scores([(0, 1), (0, 2), (1, 3)], [(0, 1), (0, 2, 0, 40), (1, 3)], mode, "micro")
    assert got.f == pytest.approx(2 / 3)


def test_counts_of_two_kinds_do_not_mix() -> None:
    macro, micro = (counts([(1, 1)], [], "strict", average) for average in ("macro", "micro"))
    with pytest.raises(InputError, match="one average to be added, but macro and micro"):
        _ = macro + micro
    with pytest.raises(InputError, match="one labels"):
        _ = macro + count(table([]), table([]), "strict")
    assert len(set(LABELS_2022)) == 13


# ── where `strict` departs from `official`, in the order of the module's list ────────────────────


def test_1_the_last_frame_of_the_reference_and_what_is_heard_after_it() -> None:
    truth = [(5, 1), (10, 2)]
    assert counts(truth, truth, "official").tracks.n_reference.sum() == 1
    assert counts(truth, truth, "strict").tracks.n_reference.sum() == 2
    alarm = [(5, 1), (25, 3)]
    assert scores(truth[:1], alarm, "official").er == 0
    assert scores(truth[:1], alarm, "strict").er == 1
    whole = count(table(truth[:1]), table(alarm), labels=LABELS, duration_s=3.0)
    assert whole.scores().er == pytest.approx(1)


def test_2_a_recording_in_which_nothing_sounds() -> None:
    whole = [counts([(5, 1)], [(5, 1)], mode) for mode in MODES]
    silent = [counts([], [(5, 1)], mode) for mode in MODES]
    assert (whole[0] + silent[0]).scores().er == 0
    assert (whole[1] + silent[1]).scores().er == 1


def test_3_a_track_is_a_source_not_a_place_in_the_list() -> None:
    truth = [(0, 1, 4, 0), (1, 1, 9, 90), (2, 2)]
    got = [counts(truth, truth, mode).tracks.n_reference[1] for mode in MODES]
    assert got == [1, 2]


def test_4_a_true_track_that_was_never_paired_is_missed() -> None:
    truth = [(0, 1, 0, 0), (1, 1, 0, 0), (1, 1, 1, 90)]
    heard = [(0, 1, 0, 0), (5, 1, 0, 0), (5, 1, 0, 90)]
    assert [scores(truth, heard, mode).er for mode in MODES] == [0, 0.5]


def test_5_without_a_common_frame_true_tracks_are_missed_not_heard_ones() -> None:
    truth, heard = [(1, 1, 0, 0)], [(5, 1, 0, 0), (5, 1, 0, 90), (5, 1, 0, 180)]
    assert [counts(truth, heard, mode).tracks.n_missed[1] for mode in MODES] == [3, 1]


def test_6_angles_are_exact() -> None:
    truth = [(1, 1, 0, 12, 34)]
    official, strict = (scores(truth, truth, mode, "micro") for mode in MODES)
    assert official.le_deg == pytest.approx(0.00081, abs=1e-5)
    assert strict.le_deg == 0
    official, strict = (scores([(1, 1)], [(1, 1, 0, 20)], mode, "micro") for mode in MODES)
    assert (official.f, strict.f) == (0, 1)


def test_7_nothing_to_divide_by() -> None:
    silent = table([])
    alarm = [(0, 1)]
    official = count(silent, table(alarm), labels=LABELS, duration_s=1.0).scores()
    assert 1e15 < official.er < math.inf
    assert scores([], alarm, "strict").er == math.inf
    official, strict = (scores([], [], mode) for mode in MODES)
    assert (official.er, official.f, official.lr) == (0, 0, 0)
    assert all(math.isnan(x) for x in (strict.er, strict.f, strict.lr))


def test_9_the_value_beside_a_jackknife_interval() -> None:
    each = [count(*scene(seed), labels=LABELS) for seed in (7, 11, 13)]
    official, strict = (jackknife(each, mode)["er"] for mode in MODES)
    assert strict.value == (each[0] + each[1] + each[2]).scores().er
    assert official.value == pytest.approx((each[0] + each[1]).scores().er)
    assert official.value != strict.value
    assert (official.low, official.high) == (strict.low, strict.high)
