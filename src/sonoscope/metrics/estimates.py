"""A score of several trainings: mean over folds, spread over seeds, interval over what was tested.

What was tested on in a fold (recordings, or originals of clips) is laid out as rows of numbers that
add up. A system's score is the mean over folds of the mean over seeds. Intervals are percentiles
(2.5 and 97.5) of the bootstrap: the rows of each fold are drawn again, with replacement and as many
as there are, 1000 times. All trainings have the same rows drawn, so that a difference of two
systems is paired: what is hard for both cancels. The draws depend on the fold and its number of
rows alone.

What the interval holds is the chance of what was tested on; the chance of training is the spread.

Reference: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.errors import InputError

RESAMPLES = 1_000

Place = tuple[int, int]
"""Fold and seed."""

Scoring = Callable[[Float[ndarray, "row number"]], Float[ndarray, "row score"]]
"""Turns rows of added numbers into scores."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One score of a system, or the difference of two.

    Attributes
    ----------
    value
        Mean over folds.
    spread
        Standard deviation over seeds (n - 1), each seed's mean over the same folds; not a number
        for one seed.
    low, high
        Ends of the 95 % interval over recordings.
    """

    value: float
    spread: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Tell whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """What one training was tested on.

    Attributes
    ----------
    numbers
        Counts of each recording.
    names
        Of the recordings.
    """

    numbers: Float[ndarray, "recording number"]
    names: Sequence[str]


def estimated(
    runs: Mapping[Place, Tested],
    minus: Mapping[Place, Tested] | None,
    scoring: Scoring,
    names: Sequence[str],
) -> dict[str, Estimate]:
    """Estimate the scores of a system, each by its name.

    Parameters
    ----------
    runs
        Its trainings.
    minus
        Trainings at the same places of a system whose scores are taken off.
    scoring, names
        How counts are scored, and what the scores are called.

    Raises
    ------
    InputError
        If the recordings of a fold differ.
    """
    points, draws = {}, {}
    for place, run in runs.items():
        drawn = _drawn(place[0], len(run.numbers))
        points[place], draws[place] = _pooled(run.numbers, drawn, scoring)
        if minus is not None:
            _check_same(place, run, minus[place])
            point, draw = _pooled(minus[place].numbers, drawn, scoring)
            points[place], draws[place] = points[place] - point, draws[place] - draw
    value, around = _over_folds(points), _over_folds(draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a score that is never a number
        low, high = np.nanpercentile(around, [2.5, 97.5], axis=0)
    spread = _spread(points)
    return {
        name: Estimate(*(float(each[i]) for each in (value, spread, low, high)))
        for i, name in enumerate(names)
    }


def estimated_difference(
    runs: Mapping[Place, Tested],
    reference: Mapping[Place, Tested],
    scoring: Scoring,
    names: Sequence[str],
) -> dict[str, Estimate]:
    """Estimate what one system scores more than another, by the places that both have.

    Nothing where they share none.

    Raises
    ------
    InputError
        If the recordings of a fold differ.
    """
    shared = sorted(runs.keys() & reference.keys())
    if not shared:
        return {}
    ours, theirs = {p: runs[p] for p in shared}, {p: reference[p] for p in shared}
    return estimated(ours, theirs, scoring, names)


def _check_same(place: Place, one: Tested, other: Tested) -> None:
    if list(one.names) != list(other.names):
        raise InputError(
            f"fold {place[0]} must hold the same recordings for both systems,"
            f" but {len(set(one.names) ^ set(other.names))} differ"
        )


def _over_folds(
    by_place: Mapping[Place, Float[ndarray, "*draw score"]],
) -> Float[ndarray, "*draw score"]:
    """Average over the seeds of each fold, then over folds."""
    folds = sorted({fold for fold, _ in by_place})
    means = [
        np.mean([each for (fold, _), each in by_place.items() if fold == wanted], axis=0)
        for wanted in folds
    ]
    return np.asarray(np.mean(means, axis=0))


def _spread(points: Mapping[Place, Float[ndarray, " score"]]) -> Float[ndarray, " score"]:
    """Give the deviation over those seeds that have every fold."""
    folds = {fold for fold, _ in points}
    seeds = {seed for _, seed in points}
    whole = [seed for seed in sorted(seeds) if all((fold, seed) in points for fold in folds)]
    if len(whole) < 2:
        return np.full(len(next(iter(points.values()))), np.nan)
    means = [np.mean([points[fold, seed] for fold in folds], axis=0) for seed in whole]
    return np.asarray(np.std(means, axis=0, ddof=1))


def _drawn(fold: int, n: int) -> Int[ndarray, "draw recording"]:
    """Tell how often each recording is in each resample."""
    generator = np.random.default_rng([fold, n])
    return np.asarray(generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES))


def _pooled(
    table: Float[ndarray, "recording number"],
    drawn: Int[ndarray, "draw recording"],
    scoring: Scoring,
) -> tuple[Float[ndarray, " score"], Float[ndarray, "draw score"]]:
    """Give the scores of all recordings, and of each resample."""
    scores = scoring(np.concatenate([table.sum(axis=0)[None], drawn @ table]))
    return scores[0], scores[1:]
