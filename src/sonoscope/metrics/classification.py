"""What names given to clips are worth: accuracy, F1, who is taken for whom.

Conventions: `true` and `said` are label numbers, a clip each; a row of a confusion matrix is a true
label, a column what was said. F1 of a label is 2 TP / (2 TP + FP + FN), and no number where the
label is neither true nor said anywhere; macro-F1 is the mean over labels that have one, weighted-F1
the mean with the true clips of each as weights. Both agree with scikit-learn's `f1_score`.

Counts add up (`pooling`), so `intervals.bootstrap` and `paired_bootstrap` hold for them. What is
drawn again should be originals, not clips: cuts of one recording are right or wrong together.
`counts_by_group` lays counts out so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from sonoscope.core.errors import InputError


@dataclass(frozen=True, slots=True)
class ClipScores:
    """How well clips were named, each in 0 to 1."""

    accuracy: float
    macro_f1: float
    weighted_f1: float


@dataclass(frozen=True, slots=True, eq=False)
class LabelScores:
    """How well each label was told, nan where it cannot be said.

    Attributes
    ----------
    precision, recall, f1
        Of each label.
    support
        True clips of each.
    """

    precision: Float[ndarray, " label"]
    recall: Float[ndarray, " label"]
    f1: Float[ndarray, " label"]
    support: Int[ndarray, " label"]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each label was taken for each: numbers that add up.

    Attributes
    ----------
    pairs
        The matrix, row by row.
    """

    pairs: Float[ndarray, " pair"]

    @property
    def matrix(self) -> Float[ndarray, "true said"]:
        """The counts, a row a true label, a column what was said."""
        n_labels = round(len(self.pairs) ** 0.5)
        return self.pairs.reshape(n_labels, n_labels)

    def scores(self) -> ClipScores:
        """Turn the counts into scores; nan without any clip."""
        matrix = self.matrix
        total, f1, support = matrix.sum(), _f1(matrix), matrix.sum(axis=1)
        if total == 0:
            return ClipScores(np.nan, np.nan, np.nan)
        known = ~np.isnan(f1)
        return ClipScores(
            float(np.trace(matrix) / total),
            float(f1[known].mean()),
            float(f1[known] @ support[known] / total),
        )

    def by_label(self) -> LabelScores:
        """Turn the counts into scores of each label."""
        matrix = self.matrix
        right, true, said = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        with np.errstate(invalid="ignore"):
            precision, recall = right / said, right / true
        return LabelScores(precision, recall, _f1(matrix), np.rint(true).astype(np.int64))


def _f1(matrix: Float[ndarray, "true said"]) -> Float[ndarray, " label"]:
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * np.diag(matrix) / (matrix.sum(axis=0) + matrix.sum(axis=1)))


def confusion(true: Int[ndarray, " clip"], said: Int[ndarray, " name"], n_labels: int) -> Confusion:
    """Count who was taken for whom.

    Raises
    ------
    InputError
        If there are not as many names as truths, or one is not of 0 to n_labels - 1.

    Examples
    --------
    >>> counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    >>> counts.matrix.tolist(), round(counts.scores().accuracy, 3)
    ([[1.0, 1.0], [0.0, 1.0]], 0.667)
    """
    if len(true) != len(said):
        raise InputError(
            f"clips must have one name each, but {len(said)} for {len(true)} were given"
        )
    both = np.concatenate([true, said])
    if len(both) and not (both.min() >= 0 and both.max() < n_labels):
        raise InputError(
            f"label numbers must be within 0 to {n_labels - 1},"
            f" but {both.min()} to {both.max()} was given"
        )
    pairs = np.bincount(true.astype(np.int64) * n_labels + said, minlength=n_labels**2)
    return Confusion(pairs.astype(np.float64))


def counts_by_group(
    true: Int[ndarray, " clip"],
    said: Int[ndarray, " clip"],
    n_labels: int,
    groups: Sequence[str],
) -> list[Confusion]:
    """Count each original's clips by themselves, in the order of the originals' names.

    Raises
    ------
    InputError
        As `confusion`, and if there are not as many groups as clips.
    """
    if len(groups) != len(true):
        raise InputError(
            f"clips must have one group each, but {len(groups)} for {len(true)} were given"
        )
    names = np.asarray(groups, dtype=np.str_)
    parts = (np.flatnonzero(names == name) for name in sorted(set(groups)))
    return [confusion(true[part], said[part], n_labels) for part in parts]


def fit_unknown(
    score: Float[ndarray, " clip"],
    right: Bool[ndarray, " clip"],
    stray: Float[ndarray, " noise"] | None = None,
    *,
    wanted: float = 0.95,
    stray_share: float = 0.01,
) -> float:
    """Find the least score below which a clip should rather be called unknown.

    Parameters
    ----------
    score, right
        Probability of the name given to each clip, and whether it is right.
    stray
        Scores of what is none of the labels, such as noise.
    wanted
        Share of the names that should be right among those given.
    stray_share
        Share of what is none of the labels that may be given a name.

    Returns
    -------
    The least threshold that keeps both; where no threshold gives so many right names, the one with
    most of them right.

    Examples
    --------
    >>> score = np.array([0.2, 0.4, 0.6, 0.8])
    >>> fit_unknown(score, np.array([False, False, True, True]))
    0.6
    """
    order = np.argsort(-score, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    if not len(order):
        least = 0.0
    elif (share >= wanted).any():
        least = float(score[order][np.flatnonzero(share >= wanted)[-1]])
    else:
        least = float(score[order][share.argmax()])
    if stray is None or not len(stray):
        return least
    above = np.nextafter(np.quantile(stray, 1 - stray_share, method="higher"), 2)
    return max(least, float(above))
