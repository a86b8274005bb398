"""How a trained network's frames are best read as events: thresholds and times, by validation.

The settings are searched one after the other (coordinate descent), first those common to all
labels, then each label's threshold, by the SELD score of DCASE 2019 (`strict`) of the decoded
events. The validation scenes are of clips that the training never heard; the test stays unseen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.dcase2019 import Counts, Scores
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import decode
from sonoscope.targets.sources import lay_out
from sonoscope.training.validation import Answer, counted

_COMMON = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
_RELEASE = (0.4, 0.6, 0.8, 1.0)
_GAPS_S = (0.1, 0.2, 0.35, 0.5)
_SHORTEST_S = (0.06, 0.1, 0.16, 0.24)
_SMOOTHING_S = (0.5, 1.0, 2.0, 3.0)
_STILL_DEG = (5.0, 10.0, 15.0, 20.0)
_APART_DEG = (0.0, 10.0, 15.0, 20.0, 25.0)
_STEPS = (-0.15, -0.1, -0.05, 0.05, 0.1, 0.15)

Candidates = Callable[[Decoding], Iterator[Decoding]]
"""Gives decodings that differ from the best one so far in one setting."""


def score_events(
    answers: Sequence[Answer], labels: Sequence[str], grid: FrameGrid, decoding: Decoding
) -> Scores:
    """Score what decoding makes of a network's answers, pooled over scenes."""
    counts = Counts("strict")
    for answer in answers:
        events = decode(answer.heard, labels, grid, decoding, directed=answer.directed)
        n_frames, _, n_copies = answer.heard.activity.shape
        counts += counted(answer, lay_out(events, labels, grid, n_frames, n_copies))
    return counts.scores()


def tuned(
    answers: Sequence[Answer], labels: Sequence[str], grid: FrameGrid
) -> tuple[Decoding, Scores]:
    """Find the decoding with the least SELD score."""
    best = Decoding((0.4,) * len(labels))
    found = score_events(answers, labels, grid, best)
    search: tuple[Candidates, ...] = (
        *(_common, _release, _gaps, _shortest, _smoothing, _still),
        *(_apart, _common, *map(_of_label, range(len(labels))), _apart),
    )
    for candidates in search:
        for candidate in candidates(best):
            scores = score_events(answers, labels, grid, candidate)
            if np.isfinite(scores.seld) and scores.seld < found.seld - 1e-6:
                best, found = candidate, scores
    return best, found


def _common(best: Decoding) -> Iterator[Decoding]:
    for threshold in _COMMON:
        yield replace(best, thresholds=(threshold,) * len(best.thresholds))


def _release(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, release=release) for release in _RELEASE)


def _gaps(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, max_gap_s=gap) for gap in _GAPS_S)


def _shortest(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, min_duration_s=shortest) for shortest in _SHORTEST_S)


def _smoothing(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, smoothing_s=smoothing) for smoothing in _SMOOTHING_S)


def _still(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, still_deg=still) for still in _STILL_DEG)


def _apart(best: Decoding) -> Iterator[Decoding]:
    return (replace(best, apart_deg=apart) for apart in _APART_DEG)


def _of_label(i: int) -> Candidates:
    """Move one label's threshold; all others stay as they were found."""

    def moved(best: Decoding) -> Iterator[Decoding]:
        for step in _STEPS:
            thresholds = list(best.thresholds)
            thresholds[i] = round(float(np.clip(thresholds[i] + step, 0.1, 0.9)), 2)
            yield replace(best, thresholds=tuple(thresholds))

    return moved
