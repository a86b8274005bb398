"""Whether a score says how often it is right, and how to make it say so.

A score is calibrated where, of all answers given with it, that share is right. The expected
calibration error is the mean gap between score and share right over bins of answers. A region is
calibrated where it holds the truth as often as it claims.

Which events are right is told by `judge`: an event is right where at least half of it lies within
a true event of its label. Several true events may cover it together, and one true event may make
several found ones right: what is asked is whether the label sounded when the event says so.

References: C. Guo et al., "On calibration of modern neural networks", ICML 2017 (error);
B. Zadrozny and C. Elkan, KDD 2002 (isotonic regression); M. Ayer et al., Ann. Math. Statist. 26(4),
1955 (pool adjacent violators); V. Vovk et al., "Algorithmic Learning in a Random World", 2005 (the
quantile of regions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event
from sonoscope.core.frames import FrameGrid
from sonoscope.targets.clip_label import probabilities, together
from sonoscope.targets.sources import Sources, frames_of

Bins = Literal["width", "mass"]
"""Bins of equal width, or of equally many answers."""

RIGHT_SHARE = 0.5
"""How much of an event has to lie within true events of its label for it to be right."""

LEVEL = 0.9
"""How often a region is to hold the true direction."""

SMALLEST_RADIUS = float(np.deg2rad(0.5))
"""No region is claimed to be smaller."""

_FEWEST_IN_BIN = 20  # of which two may lie outside of a region of 90 %
_SOME_DIRECTION = 0.5  # true directions are unit vectors, unknown ones zeros
_RIDGE = 1e-3
_TEMPERATURE_RIDGE = 1e-2
_IMPOSSIBLE = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Answers by score: what they claim and what they keep.

    Attributes
    ----------
    low, high
        Edges of the bins.
    count
        Answers in each.
    score
        Their mean score, nan where there is none.
    right
        Share of them that is right, nan where there is none.
    """

    low: Float[ndarray, " bin"]
    high: Float[ndarray, " bin"]
    count: Int[ndarray, " bin"]
    score: Float[ndarray, " bin"]
    right: Float[ndarray, " bin"]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap, each bin by its count; nan for none."""
        some = self.count > 0
        if not some.any():
            return float("nan")
        gap = np.abs(self.score - self.right)[some]
        return float(np.average(gap, weights=self.count[some]))


def reliability(
    score: Float[ndarray, " answer"],
    right: Bool[ndarray, " answer"],
    n_bins: int = 10,
    bins: Bins = "width",
) -> Reliability:
    """Sort answers into bins by score.

    Parameters
    ----------
    score
        How sure each answer is, 0 to 1.
    right
        Whether it is right.
    n_bins, bins
        How many bins, and of what; equal scores share a bin.

    Raises
    ------
    InputError
        If a score is not within 0 to 1.
    """
    _check(score)
    edges = _edges(score, n_bins, bins)
    place = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(place, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, score, len(count)) / count
        share = np.bincount(place, right.astype(np.float64), len(count)) / count
    return Reliability(edges[:-1], edges[1:], count, mean, share)


def expected_calibration_error(
    score: Float[ndarray, " answer"],
    right: Bool[ndarray, " answer"],
    n_bins: int = 10,
    bins: Bins = "width",
) -> float:
    """Give the mean gap between score and share right over bins; nan for no answers.

    Examples
    --------
    >>> sure, right = np.array([0.8, 0.8, 0.8, 0.8]), np.array([True, True, True, False])
    >>> round(expected_calibration_error(sure, right), 3)
    0.05
    """
    return reliability(score, right, n_bins, bins).error


def chance_error(
    score: Float[ndarray, " answer"], n_bins: int = 10, bins: Bins = "width", draws: int = 200
) -> float:
    """Give the mean error that perfectly calibrated answers with these scores would show.

    A bin of finitely many answers is never exactly right: what is measured of a good detector on a
    small test is mostly this.
    """
    rng = np.random.default_rng(0)
    drawn = (rng.random(len(score)) < score for _ in range(draws))
    return float(np.mean([reliability(score, right, n_bins, bins).error for right in drawn]))


def fit_logistic(
    predictors: Float[ndarray, "answer part"], right: Bool[ndarray, " answer"]
) -> Float[ndarray, " part"]:
    """Fit logistic regression: the weights under which answers are likeliest (least cross-entropy).

    The first weight may not be negative. A small ridge keeps weights finite where right and wrong
    can be told apart without error.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    from scipy.optimize import minimize

    n_parts = predictors.shape[1]

    def loss(weight: Float[ndarray, " part"]) -> tuple[float, Float[ndarray, " part"]]:
        z = predictors @ weight
        gap = 1 / (1 + np.exp(-z)) - right
        entropy = np.mean(np.logaddexp(0.0, z) - right * z)
        slope = predictors.T @ gap / len(right) + 2 * _RIDGE * weight
        return float(entropy + _RIDGE * weight @ weight), np.asarray(slope)

    bounds = [(0.0, None), *[(None, None)] * (n_parts - 1)]
    found = minimize(loss, np.zeros(n_parts), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def fit_temperature(
    logits: Float[ndarray, "window label"],
    true: Int[ndarray, " answer"],
    owner: Int[ndarray, " window"] | None = None,
) -> float:
    """Find by what logits are to be divided for the truth to be likeliest (least cross-entropy).

    It is sought within 1/100 to 100; a small ridge on its logarithm keeps it near 1 where right and
    wrong can be told apart without error.

    Parameters
    ----------
    logits, owner
        Of windows, and which answer each is part of (`targets.clip_label.together`); a window an
        answer where None.
    true
        Number of each answer's true label.

    Raises
    ------
    InputError
        If there are no answers.

    References
    ----------
    C. Guo et al., "On calibration of modern neural networks", ICML 2017, sec. 4.2.
    """
    from scipy.optimize import minimize_scalar

    if not len(true):
        raise InputError("a temperature must be fitted on answers, but there were none")
    rows = np.arange(len(true))
    parts = rows if owner is None else owner

    def loss(log_temperature: float) -> float:
        each = probabilities(logits, float(np.exp(log_temperature)))
        said = together(each, parts, len(true))[rows, true]
        entropy = -np.mean(np.log(np.maximum(said, _IMPOSSIBLE)))
        return float(entropy + _TEMPERATURE_RIDGE * log_temperature**2)

    found = minimize_scalar(loss, bounds=(-np.log(100), np.log(100)), method="bounded")
    return float(np.exp(found.x))


def isotonic(
    value: Float[ndarray, " answer"],
    target: Float[ndarray, " answer"],
    weight: Float[ndarray, " answer"] | None = None,
) -> tuple[Float[ndarray, " knot"], Float[ndarray, " knot"]]:
    """Fit the monotone rising function with the least squared error.

    Neighbours that fall are pooled until none does. Between the knots the function is a straight
    line, beyond the outermost it is constant.

    Returns
    -------
    Knots: values, rising strictly, and what the function is there.

    Examples
    --------
    >>> x, y = isotonic(np.arange(5.0), np.array([1.0, 3.0, 2.0, 2.0, 4.0]))
    >>> x.tolist(), y.round(3).tolist()
    ([0.0, 1.0, 3.0, 4.0], [1.0, 2.333, 2.333, 4.0])
    """
    weight = np.ones(len(value)) if weight is None else weight
    known, place = np.unique(value, return_inverse=True)
    mass = np.bincount(place, weight, len(known))
    mean = np.bincount(place, weight * target, len(known)) / mass
    blocks: list[tuple[float, float, int]] = []
    for height, heaviness in zip(mean.tolist(), mass.tolist(), strict=True):
        block = (height, heaviness, 1)
        while blocks and blocks[-1][0] >= block[0]:
            block = _pooled(blocks.pop(), block)
        blocks.append(block)
    fitted = np.repeat([b[0] for b in blocks], [b[2] for b in blocks])
    inner = np.ones(len(known), dtype=np.bool_)
    inner[1:-1] = (np.diff(fitted)[:-1] > 0) | (np.diff(fitted)[1:] > 0)
    return known[inner], fitted[inner]


def _pooled(
    one: tuple[float, float, int], other: tuple[float, float, int]
) -> tuple[float, float, int]:
    weight = one[1] + other[1]
    return (one[0] * one[1] + other[0] * other[1]) / weight, weight, one[2] + other[2]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What found events are worth.

    Attributes
    ----------
    right
        Whether each lies within true events of its label.
    angle
        Mean angle in radians between its direction and the true one over the frames both have; the
        nearest where its label sounds several times. nan where it is wrong, or either has no
        direction.
    """

    right: Bool[ndarray, " event"]
    angle: Float[ndarray, " event"]


def judge(found: Sequence[Event], truth: Sources, labels: Sequence[str], grid: FrameGrid) -> Judged:
    """Hold found events against what sounded in each frame.

    Raises
    ------
    InputError
        If an event's label is none of `labels`.
    """
    answers = [_judge(event, truth, labels, grid) for event in found]
    right = np.array([answer[0] for answer in answers], dtype=np.bool_)
    return Judged(right, np.array([answer[1] for answer in answers], dtype=np.float64))


def _judge(
    event: Event, truth: Sources, labels: Sequence[str], grid: FrameGrid
) -> tuple[bool, float]:
    if event.label not in labels:
        raise InputError(
            f"an event's label must be one of {', '.join(labels)}, but {event.label!r} was given"
        )
    label, frames = labels.index(event.label), frames_of(event, grid, len(truth.active))
    sounds = truth.active[frames.start : frames.stop, label]
    if not len(sounds) or sounds.any(axis=1).mean() < RIGHT_SHARE:
        return False, np.nan
    towards = truth.direction[frames.start : frames.stop, label].astype(np.float64)
    told = sounds & (np.linalg.norm(towards, axis=-1) > _SOME_DIRECTION)
    both = told.any(axis=1)
    if not event.path or not both.any():
        return True, np.nan
    middles = (np.arange(frames.start, frames.stop) + 0.5) * grid.step_s
    frame, copy = np.nonzero(told)
    apart = np.full(told.shape, np.inf)
    apart[frame, copy] = angle_between(event.direction_at(middles[frame]), towards[frame, copy])
    return True, float(apart[both].min(axis=1).mean())


def quantile_of_region(angle: Float[ndarray, " event"], level: float = LEVEL) -> float:
    """Give the radius that holds a further event of the same kind with a probability.

    It is not the share of these events but a little more, so that the next one is held too: the
    ceil((n + 1) level)-th least of n; the largest where there are too few.
    """
    rank = int(np.ceil((len(angle) + 1) * level))
    return float(np.sort(angle)[min(rank, len(angle)) - 1])


def fit_regions(
    spread: Float[ndarray, " event"],
    angle: Float[ndarray, " event"],
    level: float = LEVEL,
    n_bins: int = 5,
) -> tuple[Float[ndarray, " knot"], Float[ndarray, " knot"]]:
    """Find the radius, rising with what the decoder holds of its uncertainty, that holds the truth.

    Events are binned by spread, as many in each; each bin's quantile is made to rise by isotonic
    regression, and all are scaled by one factor so that the whole is held as often as asked.

    Parameters
    ----------
    spread
        The decoder's own measure, larger where it is less certain.
    angle
        How far off each event was, radians.

    Returns
    -------
    Knots: spread and radius in radians.

    Raises
    ------
    InputError
        If there are no events.
    """
    if not len(spread):
        raise InputError("regions must be fitted on events, but there were none")
    order = np.argsort(spread, kind="stable")
    parts = np.array_split(order, max(1, min(n_bins, len(order) // _FEWEST_IN_BIN)))
    middle = np.array([np.median(spread[part]) for part in parts])
    radius = np.array([quantile_of_region(angle[part], level) for part in parts])
    at, rising = isotonic(middle, radius, np.array([float(len(part)) for part in parts]))
    rising = np.maximum(rising, SMALLEST_RADIUS)
    scale = quantile_of_region(angle / np.interp(spread, at, rising), level)
    return at, np.clip(rising * scale, SMALLEST_RADIUS, np.pi)


def coverage(angle: Float[ndarray, " event"], radius: Float[ndarray, " event"]) -> float:
    """Give the share of events whose region holds the truth; nan for none."""
    return float(np.mean(angle <= radius)) if len(angle) else float("nan")


def _check(score: Float[ndarray, " answer"]) -> None:
    if len(score) and not ((score >= 0) & (score <= 1)).all():
        bad = score[~((score >= 0) & (score <= 1))][0]
        raise InputError(f"scores must be within 0 to 1, but {bad:g} was given")


def _edges(score: Float[ndarray, " answer"], n_bins: int, bins: Bins) -> Float[ndarray, " edge"]:
    if bins == "width" or not len(score):
        return np.linspace(0.0, 1.0, n_bins + 1)
    inner = np.quantile(score, np.arange(1, n_bins) / n_bins, method="higher")
    return np.unique([0.0, *inner.tolist(), 1.0])
