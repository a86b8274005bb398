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
from sonoscope.metrics.calibration import fit_regions, fit_temperature, judge, tempered
from sonoscope.targets.calibration import Calibration, Curve
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import decode
from sonoscope.targets.sources import Sources
from sonoscope.training.validation import Answer

_SCORES = np.linspace(0.0, 1.0, 41)

_FEWEST = 40
"""With fewer events nothing is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Events of validation scenes: what the decoder said of them, and what they were worth."""

    score: Float[ndarray, " event"]
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
    return fitted(gathered(scenes, labels, grid))


def gathered(
    scenes: Iterable[tuple[Sequence[Event], Sources]], labels: Sequence[str], grid: FrameGrid
) -> Evidence:
    """Judge scenes' events as they were decoded, and keep them side by side."""
    parts = []
    for events, truth in scenes:
        judged = judge(events, truth, labels, grid)
        parts += [
            (event.score, np.nan if event.spread is None else event.spread, right, angle)
            for event, right, angle in zip(events, judged.right, judged.angle, strict=True)
        ]
    table = np.array(parts, dtype=np.float64).reshape(-1, 4)
    return Evidence(table[:, 0], table[:, 1], table[:, 2] > 0, table[:, 3])


def fitted(evidence: Evidence) -> Calibration | None:
    """Fit both curves; None where there are too few events to learn from."""
    if len(evidence.score) < _FEWEST:
        return None
    placed = np.isfinite(evidence.angle) & np.isfinite(evidence.spread)
    spread = None
    if placed.sum() >= _FEWEST:
        spread = _curve(*fit_regions(evidence.spread[placed], evidence.angle[placed]))
    return Calibration(_score_curve(evidence), spread, events=len(evidence.score))


def _score_curve(evidence: Evidence) -> Curve:
    """Fit a temperature: one number, which a few hundred events are enough for."""
    temperature = fit_temperature(evidence.score, evidence.right)
    return _curve(_SCORES, tempered(_SCORES, temperature))


def _curve(at: Float[ndarray, " knot"], value: Float[ndarray, " knot"]) -> Curve:
    """Write knots with few digits; of those that then coincide the last is kept."""
    knots = {float(f"{x:.4g}"): float(f"{y:.4g}") for x, y in zip(at, value, strict=True)}
    return Curve(tuple(knots), tuple(knots.values()))
