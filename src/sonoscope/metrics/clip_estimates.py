"""Scores of several trainings of one network that names clips: see `metrics.estimates`.

What is drawn again are originals, whose clips are right or wrong together.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.metrics.estimates import Estimate, Place, Tested, estimated, estimated_difference

CLIP_SCORES = ("macro_f1", "weighted_f1", "accuracy")


def clip_estimates(runs: Mapping[Place, Tested]) -> dict[str, Estimate]:
    """Estimate a network's scores; a row of numbers is an original's confusion matrix, flat."""
    return estimated(runs, None, _scores, CLIP_SCORES)


def clip_differences(
    runs: Mapping[Place, Tested], reference: Mapping[Place, Tested]
) -> dict[str, Estimate]:
    """Estimate what one network scores more than another, by the places that both have.

    Raises
    ------
    InputError
        If the originals of a fold differ.
    """
    return estimated_difference(runs, reference, _scores, CLIP_SCORES)


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
