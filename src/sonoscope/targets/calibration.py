"""From what a decoder says of its events to what may be believed: probabilities and regions.

A decoder's score is the mean activity of an event's frames, its spread a measure that grows with
how little is known of the direction. A logistic function of score, threshold and duration and a
rising curve of the spread, fitted on validation scenes and kept in the model's card, turn them into
the probability that the event is right and into the radius of the region that holds the true
direction with 90 % probability (`metrics.calibration` says when an event is right, and fits).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.event import Event
from sonoscope.core.recipe import STRICT

_SURE = 1e-6  # a score of 0 or 1 has no logit
_SHORTEST_S = 0.01
_NO_AGREEMENT = 1e-12  # opposite directions: the logarithm needs more than 0

Finite = Annotated[float, Field(allow_inf_nan=False)]
Knots = Annotated[tuple[Finite, ...], Field(min_length=1)]


@dataclass(config=STRICT)
class Curve:
    """A rising curve by its knots: straight between, level before the first and after the last.

    Attributes
    ----------
    at
        Where the knots are, strictly rising.
    value
        How high they are, never falling.
    """

    at: Knots
    value: Knots

    def __post_init__(self) -> None:
        if len(self.at) != len(self.value):
            raise ValueError(
                f"value must be {len(self.at)} numbers, one a knot, "
                f"but {len(self.value)} were given"
            )
        if any(after <= before for before, after in pairwise(self.at)):
            raise ValueError("at must rise strictly from knot to knot")
        if any(after < before for before, after in pairwise(self.value)):
            raise ValueError("value must never fall from knot to knot")

    def __call__(self, value: float) -> float:
        """Give the curve's height."""
        return float(np.interp(value, self.at, self.value))


def predictors(
    score: Float[ndarray, " event"],
    threshold: Float[ndarray, " event"],
    duration_s: Float[ndarray, " event"],
) -> Float[ndarray, "event 3"]:
    """Lay out what speaks for events: the excess, the logarithm of their seconds, and one.

    The excess is the score's logit beyond that of the threshold that the event had to pass: where
    labels have thresholds of their own, a score of 0.4 means little for one and much for another.
    """
    length = np.log(np.maximum(duration_s, _SHORTEST_S))
    return np.stack([_logit(score) - _logit(threshold), length, np.ones(len(score))], axis=1)


def _logit(share: Float[ndarray, " event"]) -> Float[ndarray, " event"]:
    kept = np.clip(share, _SURE, 1 - _SURE)
    return np.asarray(np.log(kept / (1 - kept)))


@dataclass(config=STRICT)
class Logistic:
    """Logistic regression of whether an event is right on its `predictors`: their weights.

    Attributes
    ----------
    excess
        For each unit of the score's logit beyond the threshold's; never negative, so that of two
        events of a label and a length the one with the higher score is the more probable.
    duration
        For each e-fold of seconds.
    bias
        Whatever the event.
    """

    excess: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    duration: Finite
    bias: Finite

    def __call__(self, score: float, threshold: float, duration_s: float) -> float:
        """Give the probability that an event is right."""
        known = predictors(np.array([score]), np.array([threshold]), np.array([duration_s]))
        return float(1 / (1 + np.exp(-known[0] @ (self.excess, self.duration, self.bias))))


@dataclass(config=STRICT)
class Calibration:
    """What a model's scores and spreads are worth.

    Attributes
    ----------
    score
        The probability that an event is right; none: scores are left as they are.
    spread
        The decoder's spread to the radius, in radians, that holds the true direction with 90 %
        probability; none: no region is known.
    events
        How many events they were fitted on.
    """

    score: Logistic | None = None
    spread: Curve | None = None
    events: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.spread and not (self.spread.value[0] >= 0 and self.spread.value[-1] <= np.pi):
            raise ValueError("spread.value must be radii, 0 to pi")


def calibrated(
    events: Iterable[Event], calibration: Calibration | None, thresholds: Mapping[str, float]
) -> list[Event]:
    """Give events with probabilities as scores and radii as spreads.

    Without a calibration scores stay, and no spread is left: the decoder's own means no angle.

    Parameters
    ----------
    thresholds
        What each label's events had to pass.
    """
    told = calibration or Calibration()

    def probability(event: Event) -> float:
        if told.score is None:
            return event.score
        return told.score(event.score, thresholds[event.label], event.offset_s - event.onset_s)

    return [
        replace(
            event,
            score=probability(event),
            spread=None
            if told.spread is None or event.spread is None
            else told.spread(event.spread),
        )
        for event in events
    ]


def raw_spread(toward: Float[ndarray, "frame 3"], sure: Float[ndarray, " frame"]) -> float:
    """Measure by how much an event's directions disagree: a decoder's spread, not yet calibrated.

    It is their circular standard deviation, sqrt(-2 ln R), where R is the length of the sum of the
    vectors over the sum of their lengths, each vector times its activity. A network smooths its
    directions over time, so that it is far smaller than its errors; only its order matters, as a
    curve makes angles of it.

    Parameters
    ----------
    toward
        Vectors of any length toward the source.
    sure
        Activity, 0 to 1.

    References
    ----------
    K. Mardia and P. Jupp, "Directional Statistics", 2000, section 2.3.
    """
    pull = sure[:, None] * toward
    total = float(np.linalg.norm(pull, axis=1).sum())
    together = float(np.linalg.norm(pull.sum(axis=0))) / total if total > 0 else 0.0
    return float(np.sqrt(-2 * np.log(np.clip(together, _NO_AGREEMENT, 1.0))))
