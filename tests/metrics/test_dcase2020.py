"""The scores of DCASE 2020: the organisers' numbers, and each place where `strict` departs."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from tests.metrics.dcase_scenes import MODES, ROWS, Rows, scene, table
from tests.metrics.plain_scores import plain_2020

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.dcase2020 import LABELS_2020, Counts, Scores, count


def scores(reference: Rows, prediction: Rows, mode: Mode) -> Scores:
    return count(table(reference), table(prediction), mode).scores()


def test_two_random_scenes_score_as_the_organisers_say() -> None:
    got = (count(*scene(7)) + count(*scene(11))).scores()
    wanted = [0.675676, 0.437276, 18.037323, 0.781362]
    np.testing.assert_allclose([got.er, got.f, got.le_deg, got.lr], wanted, rtol=0, atol=1e-6)
    seld = (got.er + 1 - got.f + got.le_deg / 180 + 1 - got.lr) / 4
    assert got.seld == pytest.approx(seld)


@pytest.mark.slow
@settings(max_examples=15)
@given(reference=ROWS, prediction=ROWS)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_plain_count(mode: Mode, reference: Rows, prediction: Rows) -> None:
    got = scores(reference, prediction, mode)
    wanted = plain_2020(reference, prediction, 4, strict=mode == "strict")
    if mode == "strict" and not reference:
        assert not math.isfinite(got.er)
        return
    np.testing.assert_allclose([got.er, got.f, got.le_deg, got.lr], wanted, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_truth_against_itself_is_perfect(mode: Mode) -> None:
    truth = scene(7)[0]
    got = dataclasses.astuple(count(truth, truth, mode).scores())
    np.testing.assert_allclose(got, [0, 1, 0, 1, 0], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_deleting_a_right_answer_never_helps(mode: Mode) -> None:
    truth = scene(7)[0]
    whole = count(truth, truth, mode).scores()
    for label in np.unique(truth.label):
        kept = truth.label != label
        less = dataclasses.replace(
            truth,
            **{
                name: getattr(truth, name)[kept]
                for name in ("frame", "label", "azimuth", "elevation", "track", "distance_m")
            },
        )
        got = count(truth, less, mode).scores()
        assert got.er > whole.er
        assert got.f < whole.f
        assert got.lr < whole.lr


@pytest.mark.parametrize("mode", MODES)
def test_a_label_that_never_sounds_together_is_missed_not_false(mode: Mode) -> None:
    got = count(table([(0, 1)]), table([(5, 1)]), mode)
    assert (got.errors.n_deleted, got.errors.n_inserted, got.n_placed) == (1, 0, 0)
    assert got.scores().le_deg == 180


def test_counts_of_two_modes_do_not_mix() -> None:
    with pytest.raises(InputError, match="one mode to be added, but official and strict"):
        _ = Counts("official") + Counts("strict")
    assert len(set(LABELS_2020)) == 14


# ── where `strict` departs from `official`, in the order of the module's list ────────────────────


def test_1_what_sounds_after_a_minute() -> None:
    late = table([(600, 1)])
    assert count(late, late, "official").n_reference == 0
    assert count(late, late, "strict").n_reference == 1
    assert count(late, late, "official", duration_s=90.0).n_reference == 1


def test_2_two_sources_of_a_label_at_once() -> None:
    truth = [(0, 1, 0, 0), (0, 1, 1, 90)]
    heard = [(0, 1, 0, 15), (0, 1, 1, 105)]
    official, strict = (scores(truth, heard, mode) for mode in MODES)
    assert [official.le_deg, official.f] == pytest.approx([30, 0])
    assert [strict.le_deg, strict.f] == pytest.approx([15, 1])


def test_3_twenty_degrees_are_within_twenty_degrees() -> None:
    truth = [(10 * second, 1, 0, 6 * second) for second in range(50)]
    heard = [(10 * second, 1, 0, 6 * second + 20) for second in range(50)]
    official, strict = (count(table(truth), table(heard), mode).n_right for mode in MODES)
    assert 0 < official < 50
    assert strict == 50


def test_4_nothing_to_divide_by() -> None:
    alarm = [(0, 1, 0, 0)]
    official, strict = (scores([], alarm, mode) for mode in MODES)
    assert 1e15 < official.er < math.inf
    assert strict.er == math.inf
    official, strict = (scores([], [], mode) for mode in MODES)
    assert (official.er, official.f, official.lr) == (0, 0, 0)
    assert all(math.isnan(x) for x in (strict.er, strict.f, strict.lr))
