"""Confusion, accuracy and F1 beside scikit-learn's."""

import numpy as np
import pytest

from sonoscope.metrics.classification import confusion

metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = random.choice(12, p=random.dirichlet(np.ones(12)), size=300)
    said = np.where(random.random(300) < 0.6, true, random.integers(0, 12, 300))
    counts = confusion(true, said, 14)  # two labels occur nowhere
    scores = counts.scores()
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(true, said), abs=1e-12)
    for average, score in (("macro", scores.macro_f1), ("weighted", scores.weighted_f1)):
        theirs = metrics.f1_score(true, said, average=average, zero_division=0)
        assert score == pytest.approx(theirs, abs=1e-12)
    matrix = metrics.confusion_matrix(true, said, labels=range(14))
    assert counts.matrix.tolist() == matrix.tolist()
    by_label = counts.by_label()
    labels = np.flatnonzero(by_label.support)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, said, labels=labels, zero_division=0
    )
    np.testing.assert_allclose(np.nan_to_num(by_label.precision[labels]), precision, atol=1e-12)
    np.testing.assert_allclose(by_label.recall[labels], recall, atol=1e-12)
    np.testing.assert_allclose(by_label.f1[labels], f1, atol=1e-12)
    assert by_label.support[labels].tolist() == support.tolist()
