"""What a trained network's scores and spreads are worth, by validation.

Validation scenes are of clips that the training never heard, in rooms of their own. Their events
are decoded as they will be when the detector listens, and judged: see `metrics.calibration`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from sonoscope.core.event import Event
from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.calibration import fit_logistic, fit_regions, judge
from sonoscope.targets.calibration import Calibration, Curve, Logistic, predictors
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import decode
from sonoscope.targets.sources import Sources
from sonoscope.training.validation import Answer

_FEWEST = 40
"""With fewer events nothing is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Events of validation scenes: what the decoder said of them, and what they were worth."""

    score: Float[ndarray, " event"]
    threshold: Float[ndarray, " event"]
    duration_s: Float[ndarray, " event"]
    spread: Float[ndarray, " event"]
    right: Bool[ndarray, " event"]
    angle: Float[ndarray, " event"]


def calibration(
    answers: Iterable[Answer], labels: Sequence[str], grid: FrameGrid, decoding: Decoding
) -> Calibration | None:
    """Fit what a network's scores and spreads are worth under a decoding."""
    scenes = (
        (decode(answer.heard, labels, grid, decoding, directed=answer.directed), answer.truth)
        for answer in answers
    )
    return fitted(gathered(scenes, labels, grid, decoding))


def gathered(
    scenes: Iterable[tuple[Sequence[Event], Sources]],
    labels: Sequence[str],
    grid: FrameGrid,
    decoding: Decoding,
) -> Evidence:
    """Judge scenes' events as they were decoded, and keep them side by side."""
    parts, thresholds = [], dict(zip(labels, decoding.thresholds, strict=True))
    for events, truth in scenes:
        judged = judge(events, truth, labels, grid)
        parts += [
            (
                *(event.score, thresholds[event.label], event.offset_s - event.onset_s),
                *(np.nan if event.spread is None else event.spread, right, angle),
            )
            for event, right, angle in zip(events, judged.right, judged.angle, strict=True)
        ]
    table = np.array(parts, dtype=np.float64).reshape(-1, 6)
    score, threshold, duration_s, spread, right, angle = table.T
    return Evidence(score, threshold, duration_s, spread, right > 0, angle)


def fitted(seen: Evidence) -> Calibration | None:
    """Fit probabilities and regions; None where there are too few events to learn from.

    Probabilities have three numbers: events are many, but the clips behind them are few.
    """
    if len(seen.score) < _FEWEST:
        return None
    placed = np.isfinite(seen.angle) & np.isfinite(seen.spread)
    spread = None
    if placed.sum() >= _FEWEST:
        spread = _curve(*fit_regions(seen.spread[placed], seen.angle[placed]))
    weights = fit_logistic(predictors(seen.score, seen.threshold, seen.duration_s), seen.right)
    return Calibration(Logistic(*map(_short, weights)), spread, events=len(seen.score))


def _curve(at: Float[ndarray, " knot"], value: Float[ndarray, " knot"]) -> Curve:
    """Write knots with few digits; of those that then coincide the last is kept."""
    knots = {_short(x): _short(y) for x, y in zip(at, value, strict=True)}
    return Curve(tuple(knots), tuple(knots.values()))


def _short(value: float) -> float:
    return float(f"{value:.4g}")
