"""Whether the shipped detectors' scores are probabilities and their regions hold what they claim.

Held-out scenes of recipes/held_out.toml, which neither training nor calibration has heard; the
numbers are in the cards and were fitted by `sonoscope export` on validation scenes. An event is
right where at least half of it lies within true events of its label. Errors are expected
calibration errors over ten bins, "chance" what perfectly calibrated scores would show of as many
events. A region's share is that of right events whose direction it holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from bench.held_out import FORMATS, scene_set
from bench.tables import markdown
from sonoscope.core import audio, event_table
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.event import Event
from sonoscope.inference.detector import Detector, Heard
from sonoscope.inference.monte_carlo import MonteCarlo, with_passes
from sonoscope.metrics.calibration import (
    LEVEL,
    Bins,
    chance_error,
    coverage,
    expected_calibration_error,
    judge,
)
from sonoscope.pipeline import open_detector
from sonoscope.targets.calibration import calibrated
from sonoscope.targets.sources import lay_out


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Events of all scenes as they were told, and what they were worth."""

    raw: Sequence[Event]
    calibrated: Sequence[Event]
    right: Bool[ndarray, " event"]
    angle: Float[ndarray, " event"]
    frame_score: Float[ndarray, " cell"]
    frame_right: Bool[ndarray, " cell"]

    @property
    def radius(self) -> Float[ndarray, " event"]:
        """Radii of the regions, nan where there is none."""
        radii = [np.nan if e.spread is None else e.spread for e in self.calibrated]
        return np.array(radii, np.float64)


def scores(events: Sequence[Event]) -> Float[ndarray, " event"]:
    """Give the events' scores."""
    return np.array([event.score for event in events], np.float64)


def heard(detector: Detector, path: Path) -> Heard:
    """Listen to a recording of the detector's own format."""
    card = detector.card
    blocks = audio.read_blocks(
        audio.probe(path), card.rate_hz, detector.batch * detector.stride * card.hop
    )
    return detector.listen(blocks)


def told(detector: Detector, scenes: Path, heard_as: ChannelFormat, count_: int) -> Told:
    """Let a detector hear scenes, and judge what it says."""
    card = detector.card
    raw: list[Event] = []
    judged, cells = [], []
    for truth in sorted((scenes / "truth").glob("*.csv"))[:count_]:
        answer = heard(detector, scenes / heard_as / f"{truth.stem}.wav")
        events = answer.events(card)
        if answer.samples is not None:
            events = with_passes(events, answer.samples, answer.activity, card.labels, answer.grid)
        reference = event_table.read_events(truth, card.labels)
        true = lay_out(reference, card.labels, card.grid, answer.n_frames, n_copies=2)
        raw += events
        judged.append(judge(events, true, card.labels, card.grid))
        cells.append((answer.activity.ravel(), true.active.any(axis=-1).ravel()))
    return Told(
        raw,
        calibrated(raw, card.calibration, card.thresholds),
        np.concatenate([each.right for each in judged]),
        np.concatenate([each.angle for each in judged]),
        np.concatenate([activity for activity, _ in cells]).astype(np.float64),
        np.concatenate([active for _, active in cells]),
    )


def score_rows(name: str, answers: Told) -> Iterator[list[str]]:
    """Say how far scores are from shares right, of frames and of events."""
    kinds: tuple[Bins, ...] = ("width", "mass")
    n = len(answers.frame_score)
    error = [
        expected_calibration_error(answers.frame_score, answers.frame_right, bins=bins)
        for bins in kinds
    ]
    yield [name, "activity of frames", str(n), *(f"{value:.3f}" for value in error), ""]
    shown = {"events, mean activity": answers.raw, "events, calibrated": answers.calibrated}
    for kind, events in shown.items():
        score = scores(events)
        error = [expected_calibration_error(score, answers.right, bins=bins) for bins in kinds]
        chance = chance_error(score)
        figures = (f"{value:.3f}" for value in (*error, chance))
        yield [name, kind, str(len(score)), *figures]


def region_rows(name: str, answers: Told) -> Iterator[list[str]]:
    """Say how often regions hold the truth: all, and by thirds of their size."""
    known = np.isfinite(answers.angle) & np.isfinite(answers.radius)
    angle, radius = answers.angle[known], answers.radius[known]
    if not len(angle):
        return
    order = np.argsort(radius, kind="stable")
    groups = {"all": order}
    for third, part in zip(("small", "middle", "large"), np.array_split(order, 3), strict=True):
        groups[f"{third} third"] = part
    for kind, part in groups.items():
        share = coverage(angle[part], radius[part])
        chance = 1.96 * np.sqrt(LEVEL * (1 - LEVEL) / max(1, len(part)))
        middle = [float(np.rad2deg(np.median(each[part]))) for each in (radius, angle)]
        yield [
            *(name, kind, str(len(part)), f"{100 * share:.1f} ± {100 * chance:.1f}"),
            *(f"{value:.1f}" for value in middle),
        ]


def pass_row(name: str, answers: Told) -> list[str]:
    """Say whether the passes' scatter tells right events from wrong and near from far ones."""
    passes = [event.passes for event in answers.raw]
    scatter = np.array([np.nan if each is None else each.score_std for each in passes])
    wander = np.array(
        [np.nan if each is None or each.angle is None else each.angle for each in passes]
    )
    known = np.isfinite(answers.angle) & np.isfinite(wander)
    return [
        *(name, str(len(passes))),
        *(f"{_median(scatter[kind]):.3f}" for kind in (answers.right, ~answers.right)),
        f"{_rank_correlation(wander[known], answers.angle[known]):.2f}",
        f"{coverage(answers.angle[known], answers.radius[known]):.3f}",
        f"{expected_calibration_error(scores(answers.calibrated), answers.right):.3f}",
    ]


def _median(values: Float[ndarray, " n"]) -> float:
    """Give the middle; not a number of none."""
    return float(np.median(values)) if len(values) else float("nan")


def _rank_correlation(one: Float[ndarray, " n"], other: Float[ndarray, " n"]) -> float:
    if len(one) < 3:
        return float("nan")
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def table(
    work: Path,
    data: Path,
    *,
    count_: int = 120,
    passes: int = 200,
    pass_count: int = 10,
    formats: tuple[ChannelFormat, ...] = FORMATS,
) -> str:
    """Measure both detectors; the first `pass_count` scenes also with Monte Carlo dropout."""
    scenes = scene_set("held_out", work, data, count_)
    of_scores: list[list[str]] = []
    of_regions: list[list[str]] = []
    of_passes: list[list[str]] = []
    for heard_as in formats:
        detector = open_detector(heard_as)
        answers = told(detector, scenes, heard_as, count_)
        of_scores += score_rows(heard_as, answers)
        of_regions += region_rows(heard_as, answers)
        if detector.card.dropout and passes:
            asked = detector.in_passes(MonteCarlo(passes))
            of_passes.append(pass_row(heard_as, told(asked, scenes, heard_as, pass_count)))
    parts = [
        markdown(["detector", "what", "n", "error", "of equal bins", "chance"], of_scores),
        markdown(
            ["detector", "regions", "events", "held %", "median radius °", "median error °"],
            of_regions,
        ),
    ]
    if of_passes:
        head = ["events", "scatter, right", "wrong", "wander with error", "held", "error"]
        parts.append(markdown([f"{passes} passes", *head], of_passes))
    return "\n\n".join(parts)
