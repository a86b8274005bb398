"""Confusion, F1 and their intervals, on cases that can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.errors import InputError
from sonoscope.metrics.calibration import expected_calibration_error, fit_temperature
from sonoscope.metrics.classification import confusion, counts_by_group, fit_unknown
from sonoscope.metrics.intervals import bootstrap, paired_bootstrap
from sonoscope.metrics.pooling import pooled

TRUE = np.array([0, 0, 0, 1, 1, 2])
SAID = np.array([0, 0, 1, 1, 1, 0])


def test_scores_are_those_counted_by_hand() -> None:
    counts = confusion(TRUE, SAID, 4)
    assert counts.matrix[:3, :3].tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    scores, by_label = counts.scores(), counts.by_label()
    assert scores.accuracy == pytest.approx(4 / 6)
    f1 = [2 * 2 / (3 + 3), 2 * 2 / (2 + 3), 0.0]
    assert by_label.f1[:3].tolist() == pytest.approx(f1)
    assert np.isnan(by_label.f1[3])  # neither true nor said: no score, not a bad one
    assert scores.macro_f1 == pytest.approx(np.mean(f1))
    assert scores.weighted_f1 == pytest.approx(np.dot(f1, [3, 2, 1]) / 6)
    assert by_label.support.tolist() == [3, 2, 1, 0]
    assert by_label.recall[:3].tolist() == pytest.approx([2 / 3, 1, 0])
    assert by_label.precision[:2].tolist() == pytest.approx([2 / 3, 2 / 3])


def test_the_truth_is_perfect_and_nothing_has_no_score() -> None:
    assert set(vars_of(confusion(TRUE, TRUE, 3))) == {1.0}
    assert all(np.isnan(value) for value in vars_of(confusion(TRUE[:0], TRUE[:0], 3)))


def vars_of(counts: object) -> tuple[float, float, float]:
    scores = counts.scores()  # type: ignore[attr-defined]
    return scores.accuracy, scores.macro_f1, scores.weighted_f1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_counts_of_originals_add_up_to_those_of_all(clips: list[tuple[int, int]]) -> None:
    true, said = (np.array(side) for side in zip(*clips, strict=True))
    groups = [f"g{i % 5}" for i in range(len(clips))]
    parts = counts_by_group(true, said, 4, groups)
    assert len(parts) == len(set(groups))
    assert pooled(parts).pairs.tolist() == confusion(true, said, 4).pairs.tolist()


def test_an_interval_holds_the_score_and_is_wider_where_originals_are_few() -> None:
    random = np.random.default_rng(0)
    true = np.arange(200) % 4
    right = np.repeat(random.random(20) < 0.7, 10)  # the ten cuts of an original share their fate
    said = np.where(right, true, (true + 1) % 4)
    by_clip = bootstrap(counts_by_group(true, said, 4, [f"{i}" for i in range(200)]))
    by_group = bootstrap(counts_by_group(true, said, 4, [f"{i // 10}" for i in range(200)]))
    for each in (by_clip, by_group):
        assert each["accuracy"].low < each["accuracy"].value < each["accuracy"].high
    width = {
        name: each["accuracy"].high - each["accuracy"].low
        for name, each in (("clip", by_clip), ("group", by_group))
    }
    assert width["group"] > 2 * width["clip"]


def test_of_two_systems_the_same_originals_are_drawn() -> None:
    true = np.arange(60) % 3
    one, other = true.copy(), true.copy()
    one[:10], other[:20] = 2 - true[:10], 2 - true[:20]
    groups = [f"{i}" for i in range(60)]
    both = [counts_by_group(true, said, 3, groups) for said in (one, other)]
    apart = paired_bootstrap(*both)["accuracy"]
    assert apart.value == pytest.approx(both_differ(true, one, other))
    assert apart.low >= 0
    assert paired_bootstrap(both[0], both[0])["accuracy"].high == 0


def both_differ(true: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean(one == true) - np.mean(other == true))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="one name each"):
        confusion(TRUE, SAID[1:], 3)
    with pytest.raises(InputError, match="within 0 to 1"):
        confusion(TRUE, SAID, 2)
    with pytest.raises(InputError, match="one group each"):
        counts_by_group(TRUE, SAID, 3, ["a"])


def test_the_threshold_keeps_what_it_promises() -> None:
    random = np.random.default_rng(2)
    score = random.random(2_000)
    right = random.random(2_000) < score
    least = fit_unknown(score, right, wanted=0.9)
    assert right[score >= least].mean() == pytest.approx(0.9, abs=0.005)
    noise = random.random(500) * 0.99
    strict = fit_unknown(score, right, noise, wanted=0.9)
    assert strict > least
    assert (noise >= strict).mean() <= 0.01
    assert fit_unknown(score, right, noise * 0.1, wanted=0.9) == least
    assert fit_unknown(score, np.ones(2_000, np.bool_)) == score.min()
    assert fit_unknown(score[:0], right[:0]) == 0


def test_the_temperature_undoes_what_logits_were_multiplied_by() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(4_000, 5)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = (chances.cumsum(axis=1) < random.random((4_000, 1))).sum(axis=1)
    assert fit_temperature(3 * logits, true) == pytest.approx(3, rel=0.06)
    over = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    right = logits.argmax(axis=1) == true
    assert expected_calibration_error(over.max(axis=1), right) > 0.1
    assert expected_calibration_error(chances.max(axis=1), right) < 0.03
    with pytest.raises(InputError, match="there were none"):
        fit_temperature(logits[:0], true[:0])
