"""Scores of several trainings of one system: mean over folds, spread over seeds, intervals.

A fold's score pools the counts of its recordings, as the organisers do; a system's score is the
mean over folds of the mean over seeds. Intervals are percentiles (2.5 and 97.5) of the bootstrap:
the recordings of each fold are drawn again, with replacement and as many as there are, 1000 times.
All trainings hear the same drawn recordings, so that a difference of two systems is paired: what is
hard for both cancels. The draws depend on the fold and its number of recordings alone.

What the interval holds is the chance of the recordings; the chance of training is the spread.

Reference: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Mode, Tally
from sonoscope.metrics.pooling import table_of
from sonoscope.metrics.scored_run import Reading, ScoredRun

RESAMPLES = 1_000
SCORES = ("er", "f", "de_deg", "fr", "seld", "frame_er", "frame_f")
_TALLY = len(astuple(Tally()))


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


def estimates(runs: Sequence[ScoredRun], reading: Reading) -> dict[str, Estimate]:
    """Score one system by all of its trainings, each score by its name in `Scores`."""
    return _estimates(_by_place(runs), None, reading)


def differences(
    runs: Sequence[ScoredRun], reference: Sequence[ScoredRun], reading: Reading
) -> dict[str, Estimate]:
    """Give what one system scores more than another, by the folds and seeds that both have.

    Nothing where they share none.

    Raises
    ------
    InputError
        If the recordings of a fold differ.
    """
    ours, theirs = _by_place(runs), _by_place(reference)
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return {}
    return _estimates({p: ours[p] for p in shared}, {p: theirs[p] for p in shared}, reading)


Place = tuple[int, int]
"""Fold and seed."""


def _by_place(runs: Sequence[ScoredRun]) -> dict[Place, ScoredRun]:
    return {(run.fold, run.seed): run for run in runs}


def _estimates(
    runs: Mapping[Place, ScoredRun], minus: Mapping[Place, ScoredRun] | None, reading: Reading
) -> dict[str, Estimate]:
    points, draws = {}, {}
    mode: Mode = "strict" if reading == "strict" else "official"
    for place, run in runs.items():
        table, names = _table(run, reading)
        drawn = _drawn(place[0], len(table))
        points[place], draws[place] = _pooled(table, drawn, mode)
        if minus is not None:
            other, other_names = _table(minus[place], reading)
            if names != other_names:
                raise InputError(
                    f"fold {place[0]} must hold the same recordings for both systems,"
                    f" but {len(set(names) ^ set(other_names))} differ"
                )
            point, draw = _pooled(other, drawn, mode)
            points[place], draws[place] = points[place] - point, draws[place] - draw
    value, around = _over_folds(points), _over_folds(draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a score that is never a number
        low, high = np.nanpercentile(around, [2.5, 97.5], axis=0)
    spread = _spread(points)
    return {
        name: Estimate(*(float(each[i]) for each in (value, spread, low, high)))
        for i, name in enumerate(SCORES)
    }


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
        return np.full(len(SCORES), np.nan)
    means = [np.mean([points[fold, seed] for fold in folds], axis=0) for seed in whole]
    return np.asarray(np.std(means, axis=0, ddof=1))


def _drawn(fold: int, n: int) -> Int[ndarray, "draw recording"]:
    """Tell how often each recording is in each resample."""
    generator = np.random.default_rng([fold, n])
    return np.asarray(generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES))


def _table(
    run: ScoredRun, reading: Reading
) -> tuple[Float[ndarray, "recording number"], list[str]]:
    """Lay the counts of a run out as numbers, a row a recording, in the order of their names."""
    names = sorted(run.counts[reading])
    return table_of([run.counts[reading][name] for name in names]), names


def _pooled(
    table: Float[ndarray, "recording number"], drawn: Int[ndarray, "draw recording"], mode: Mode
) -> tuple[Float[ndarray, " score"], Float[ndarray, "draw score"]]:
    """Give the scores of all recordings, and of each resample."""
    scores = _scores(np.concatenate([table.sum(axis=0)[None], drawn @ table]), mode)
    return scores[0], scores[1:]


def _scores(sums: Float[ndarray, "row number"], mode: Mode) -> Float[ndarray, "row score"]:
    """Do what `Counts.scores` does, for a thousand sums at once."""
    segments, frames, rest = np.split(sums.T, [_TALLY, 2 * _TALLY])
    angle_sum, n_pairs, n_heard, n_frames_right, n_frames = rest
    with np.errstate(divide="ignore", invalid="ignore"):
        (er, f), (frame_er, frame_f) = (_er_and_f(each, mode) for each in (segments, frames))
        de_deg = np.rad2deg(angle_sum) / (n_heard if mode == "official" else n_pairs)
        fr = n_frames_right / n_frames
    counted_deg = de_deg if mode == "official" else np.where(np.isnan(de_deg), 180.0, de_deg)
    seld = (er + (1 - f) + counted_deg / 180 + (1 - fr)) / 4
    return np.stack([er, f, de_deg, fr, seld, frame_er, frame_f], axis=1)


def _er_and_f(
    tally: Float[ndarray, "number row"], mode: Mode
) -> tuple[Float[ndarray, " row"], Float[ndarray, " row"]]:
    n_reference, n_predicted, n_both, *errors = tally
    both = n_reference + n_predicted
    f = 2 * n_both / np.maximum(both, 1) if mode == "official" else 2 * n_both / both
    return np.sum(errors, axis=0) / n_reference, f
