"""Scores of several trainings of one network that names clips: see `metrics.estimates`.

What is drawn again are originals, whose clips are right or wrong together. The folds of a seed are
counted together, as each clip is in one of them: an F1 of the few clips that a label has in a fold
would lean down, and that of a resample still more.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.metrics.estimates import Estimate, Place, Tested, estimated, estimated_difference

CLIP_SCORES = ("macro_f1", "weighted_f1", "accuracy")


def clip_estimates(runs: Mapping[Place, Tested]) -> dict[str, Estimate]:
    """Estimate a network's scores; a row of numbers is an original's confusion matrix, flat."""
    return estimated(_by_seed(runs), None, _scores, CLIP_SCORES)


def clip_differences(
    runs: Mapping[Place, Tested], reference: Mapping[Place, Tested]
) -> dict[str, Estimate]:
    """Estimate what one network scores more than another, by the places that both have.

    Nothing where they share none.

    Raises
    ------
    InputError
        If the originals of a fold differ.
    """
    shared = runs.keys() & reference.keys()
    ours, theirs = (
        _by_seed({place: each[place] for place in shared}) for each in (runs, reference)
    )
    return estimated_difference(ours, theirs, _scores, CLIP_SCORES)


def _by_seed(runs: Mapping[Place, Tested]) -> dict[Place, Tested]:
    """Lay the folds of each seed together, as one that is told by which they are."""
    together = {}
    for seed in sorted({seed for _, seed in runs}):
        folds = sorted(fold for fold, other in runs if other == seed)
        parts = [runs[fold, seed] for fold in folds]
        numbers = np.concatenate([each.numbers for each in parts])
        names = [
            f"{fold}: {name}"
            for fold, each in zip(folds, parts, strict=True)
            for name in each.names
        ]
        together[sum(1 << fold for fold in folds), seed] = Tested(numbers, names)
    return together


def _scores(sums: Float[ndarray, "row number"]) -> Float[ndarray, "row score"]:
    """Do what `Confusion.scores` does, for a thousand sums at once."""
    n_labels = round(sums.shape[1] ** 0.5)
    pairs = sums.reshape(-1, n_labels, n_labels)
    right, true = np.diagonal(pairs, axis1=1, axis2=2), pairs.sum(axis=2)
    either, total = true + pairs.sum(axis=1), true.sum(axis=1)
    f1 = 2 * right / np.where(either > 0, either, 1)
    macro = f1.sum(axis=1) / (either > 0).sum(axis=1)
    weighted = (f1 * true).sum(axis=1) / total
    return np.stack([macro, weighted, right.sum(axis=1) / total], axis=1)
