"""The scores of DCASE 2021: the organisers' numbers, and each place where `strict` departs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from tests.metrics.dcase_scenes import MODES, ROWS, Rows, scene, table
from tests.metrics.plain_scores import plain_tracks, polar

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.dcase2020 import Scores
from sonoscope.metrics.dcase2021 import LABELS_2021, Counts, count


def counts(reference: Rows, prediction: Rows, mode: Mode) -> Counts:
    return count(table(reference), table(prediction), mode)


def scores(reference: Rows, prediction: Rows, mode: Mode) -> Scores:
    return counts(reference, prediction, mode).scores()


def test_two_random_scenes_score_as_the_organisers_say() -> None:
    got = (count(*scene(7)) + count(*scene(11))).scores()
    wanted = [0.688312, 0.514523, 17.957048, 0.709677]
    np.testing.assert_allclose([got.er, got.f, got.le_deg, got.lr], wanted, rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(reference=ROWS, prediction=ROWS)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_plain_count(mode: Mode, reference: Rows, prediction: Rows) -> None:
    got = counts(reference, prediction, mode)
    n = plain_tracks(reference, prediction, range(4), polar, strict=mode == "strict")
    numbers = [got.tracks.n_reference, got.tracks.n_right, got.tracks.n_misplaced,
               got.tracks.n_missed, got.tracks.n_false]  # fmt: skip
    assert [x[0] for x in numbers] == [n[x].sum() for x in ("ref", "tp", "fps", "fn", "fp")]
    errors = got.errors
    assert errors.n_substituted + errors.n_deleted + errors.n_inserted == n["wrong"].sum()
    assert got.tracks.angle_sum_deg[0] == pytest.approx(n["angle"].sum(), abs=1e-4)


@settings(max_examples=15)
@given(reference=ROWS, prediction=ROWS)
def test_in_strict_every_true_track_is_right_misplaced_or_missed(
    reference: Rows, prediction: Rows
) -> None:
    got = counts(reference, prediction, "strict").tracks
    assert got.n_right + got.n_misplaced + got.n_missed == got.n_reference


@pytest.mark.parametrize("mode", MODES)
def test_truth_against_itself_is_perfect(mode: Mode) -> None:
    truth = scene(7)[0]
    got = count(truth, truth, mode).scores()
    assert (got.er, got.lr) == (0, 1)
    assert got.f == pytest.approx(1)
    assert got.le_deg == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_source_too_far_off_weighs_half_in_f(mode: Mode) -> None:
    got = scores([(0, 1, 0, 0), (0, 2, 0, 0)], [(0, 1, 0, 0), (0, 2, 0, 40)], mode)
    assert got.f == pytest.approx(1 / 1.5)
    assert [got.er, got.lr, got.le_deg] == pytest.approx([0.5, 1, 20])


def test_counts_of_two_modes_do_not_mix() -> None:
    with pytest.raises(InputError, match="one mode"):
        _ = counts([], [], "official") + counts([], [], "strict")
    assert len(set(LABELS_2021)) == 12


# ── where `strict` departs from `official`, in the order of the module's list ────────────────────


def test_1_what_sounds_after_a_minute() -> None:
    late = [(600, 1)]
    assert counts(late, late, "official").tracks.n_reference == 0
    assert counts(late, late, "strict").tracks.n_reference == 1
    assert count(table(late), table(late), duration_s=90.0).tracks.n_reference == 1


def test_2_a_track_is_a_source_not_a_place_in_the_list() -> None:
    truth = [(0, 1, 4, 0), (1, 1, 9, 90)]
    heard = [(0, 1, 0, 15), (1, 1, 0, 115)]
    official, strict = (counts(truth, heard, mode) for mode in MODES)
    assert [official.tracks.n_reference[0], strict.tracks.n_reference[0]] == [1, 2]
    assert official.scores().le_deg == pytest.approx(20)
    assert strict.scores().le_deg == pytest.approx(20)
    assert [official.tracks.n_paired[0], strict.tracks.n_paired[0]] == [1, 2]
    ends_first = [(0, 1, 4, 0), (0, 1, 9, 90), (1, 1, 9, 90)]
    near = [(0, 1, 0, 0), (0, 1, 0, 120), (1, 1, 0, 120)]
    official, strict = (counts(ends_first, near, mode) for mode in MODES)
    assert official.scores().le_deg == pytest.approx(22.5)  # 15 and 30, not 0 and 30
    assert strict.scores().le_deg == pytest.approx(15)


def test_3_a_true_track_that_was_never_paired_is_missed() -> None:
    truth = [(0, 1, 0, 0), (1, 1, 0, 0), (1, 1, 1, 90)]
    heard = [(0, 1, 0, 0), (5, 1, 0, 0), (5, 1, 0, 90)]
    official, strict = (counts(truth, heard, mode) for mode in MODES)
    assert official.scores().er == 0
    assert [official.tracks.n_missed[0], official.tracks.n_false[0]] == [0, 0]
    assert strict.scores().er == 0.5
    assert [strict.tracks.n_missed[0], strict.tracks.n_false[0]] == [1, 0]


def test_4_without_a_common_frame_true_tracks_are_missed_not_heard_ones() -> None:
    truth, heard = [(0, 1, 0, 0)], [(5, 1, 0, 0), (5, 1, 0, 90), (5, 1, 0, 180)]
    official, strict = (counts(truth, heard, mode) for mode in MODES)
    assert [official.tracks.n_missed[0], official.tracks.n_false[0]] == [3, 0]
    assert [strict.tracks.n_missed[0], strict.tracks.n_false[0]] == [1, 2]
    assert (official.errors.n_deleted, official.errors.n_inserted) == (3, 0)
    assert official.scores().er == pytest.approx(3)
    assert (strict.errors.n_substituted, strict.errors.n_inserted) == (1, 1)
    assert strict.scores().er == 2


def test_5_twenty_degrees_are_within_twenty_degrees() -> None:
    truth = [(10 * second, 1, 0, 6 * second) for second in range(50)]
    heard = [(10 * second, 1, 0, 6 * second + 20) for second in range(50)]
    official, strict = (counts(truth, heard, mode).tracks.n_right[0] for mode in MODES)
    assert 0 < official < 50
    assert strict == 50


def test_6_nothing_to_divide_by() -> None:
    official, strict = (scores([], [(0, 1)], mode) for mode in MODES)
    assert 1e15 < official.er < math.inf
    assert strict.er == math.inf
    official, strict = (scores([], [], mode) for mode in MODES)
    assert (official.er, official.f, official.lr) == (0, 0, 0)
    assert all(math.isnan(x) for x in (strict.er, strict.f, strict.lr))
