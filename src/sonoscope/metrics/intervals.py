"""How far a score may be trusted: jackknife and bootstrap over recordings, for counts of any year.

Scores pool counts, so leaving a recording out or drawing recordings again is arithmetic with rows
of numbers (`pooling`); nothing is compared a second time.

 jackknife   the organisers' of 2022 to 2024: each recording is left out once, giving p_i of mean m;
             bias = (n - 1) (m - p); p - bias ± t sqrt((n - 1) mean((p_i - m)²)), t of n - 1 degrees
             of freedom
 bootstrap   percentiles of the score of n recordings drawn with replacement; of two systems the
             same recordings are drawn, so that what is hard for both cancels

Reference: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 11 and 13;
A. Mesaros et al., "Sound event detection in the DCASE 2017 challenge", IEEE/ACM TASLP 27, 2019
(jackknife of pooled scores).
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.pooling import check_same_kind, like, table_of

LEVEL = 0.95
RESAMPLES = 2_000


@runtime_checkable
class Counts(Protocol):
    """What counts of every year can do: a frozen dataclass whose numbers add up (`pooling`)."""

    def scores(self) -> Any:
        """Turn the counts into scores, a dataclass of numbers."""


C = TypeVar("C", bound=Counts)


@dataclass(frozen=True, slots=True)
class Interval:
    """A score, or a difference of two, and where it lies with the asked probability."""

    value: float
    low: float
    high: float


def jackknife(
    counts: Sequence[C], mode: Mode = "strict", *, level: float = LEVEL
) -> dict[str, Interval]:
    """Give every score of some recordings together and its jackknife interval.

    Parameters
    ----------
    counts
        Counts of each recording, at least two.
    mode
        In `official` the value is the score without the last recording, which the organisers' code
        hands out by mistake; the interval is the same.
    level
        Probability that the interval holds the score.

    Raises
    ------
    InputError
        If there are less than two recordings, or counts are of different kinds.

    Examples
    --------
    >>> from sonoscope.metrics.dcase2019 import Counts, Tally
    >>> halves = [Counts("strict", Tally(n_reference=2, n_deleted=k)) for k in (0, 1, 2, 1)]
    >>> er = jackknife(halves)["er"]
    >>> er.value, round(er.low, 3), round(er.high, 3)
    (0.5, -0.15, 1.15)
    """
    from scipy.special import stdtrit  # takes longer to load than all the rest

    table = _several(counts)
    n = len(table)
    whole = _values(counts[0], table.sum(axis=0, keepdims=True))[0]
    without = _values(counts[0], table.sum(axis=0) - table)
    middle = without.mean(axis=0)
    with np.errstate(invalid="ignore"):  # infinite less infinite: no interval
        centre = whole - (n - 1) * (middle - whole)
        spread = np.sqrt((n - 1) * ((without - middle) ** 2).mean(axis=0))
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * spread
    value = without[-1] if mode == "official" else whole
    return _named(counts[0], value, centre - reach, centre + reach)


def bootstrap(
    counts: Sequence[C], *, level: float = LEVEL, n_resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Give every score of some recordings together and its percentile interval.

    Draws in which a score is not a number are left out of its interval.

    Parameters
    ----------
    counts
        Counts of each recording, at least two.
    level
        Probability that the interval holds the score.
    n_resamples
        How often recordings are drawn.
    seed
        The same draws for the same seed and number of recordings.

    Raises
    ------
    InputError
        If there are less than two recordings, or counts are of different kinds.
    """
    table = _several(counts)
    whole = _values(counts[0], table.sum(axis=0, keepdims=True))[0]
    drawn = _values(counts[0], _draws(len(table), n_resamples, seed) @ table)
    return _named(counts[0], whole, *_percentiles(drawn, level))


def paired_bootstrap(
    one: Sequence[C],
    other: Sequence[C],
    *,
    level: float = LEVEL,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Give the difference of two systems, the first less the second, heard on the same recordings.

    Parameters
    ----------
    one, other
        Counts of each recording, in the same order.
    level, n_resamples, seed
        As in `bootstrap`.

    Raises
    ------
    InputError
        As `bootstrap`, and if there are not as many of one as of the other.
    """
    if len(one) != len(other):
        raise InputError(
            f"two systems must be compared on the same recordings, "
            f"but {len(one)} and {len(other)} were given"
        )
    tables = [_several(side) for side in (one, other)]
    check_same_kind(one[0], other[0])
    draws = _draws(len(one), n_resamples, seed)
    whole, drawn = (
        first - second
        for first, second in (
            [_values(one[0], table.sum(axis=0, keepdims=True)) for table in tables],
            [_values(one[0], draws @ table) for table in tables],
        )
    )
    return _named(one[0], whole[0], *_percentiles(drawn, level))


def _several(counts: Sequence[C]) -> Float[ndarray, "recording number"]:
    if len(counts) < 2:
        raise InputError(
            f"an interval must be of at least two recordings, but {len(counts)} was given"
        )
    return table_of(counts)


def _values(counts: C, table: Float[ndarray, "row number"]) -> Float[ndarray, "row score"]:
    """Score each row of numbers."""
    return np.array([astuple(like(counts, row).scores()) for row in table], np.float64)


def _draws(n: int, n_resamples: int, seed: int) -> Float[ndarray, "draw recording"]:
    """Say how often each recording is drawn."""
    random = np.random.Generator(np.random.Philox(key=seed))
    return random.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)


def _percentiles(
    drawn: Float[ndarray, "draw score"], level: float
) -> tuple[Float[ndarray, " score"], Float[ndarray, " score"]]:
    ends = np.full((2, drawn.shape[1]), np.nan)
    for score, values in enumerate(drawn.T):
        known = values[~np.isnan(values)]
        if len(known):
            tails = ((1 - level) / 2, (1 + level) / 2)
            ends[:, score] = np.quantile(
                known, tails, method="nearest"
            )  # infinities stay what they are
    return ends[0], ends[1]


def _named(
    counts: Counts,
    value: Float[ndarray, " score"],
    low: Float[ndarray, " score"],
    high: Float[ndarray, " score"],
) -> dict[str, Interval]:
    names = [field.name for field in fields(counts.scores())]
    ends = zip(value.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: Interval(*three) for name, three in zip(names, ends, strict=True)}
