"""What a network answers to scenes, and what the answers are worth (DCASE 2019, mode `strict`).

Thresholds are activities, one for all labels. A scene without directional channels gets no
direction, as a mono recording gets none when it is analysed. Each frame is judged as it stands:
tracks that point the same way are one source, but nothing is followed from frame to frame.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from sonoscope.core.direction import angles
from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.dcase2019 import Counts, Scores, count
from sonoscope.models import output
from sonoscope.simulation.stream import LABEL_STEP_S, Batch
from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.following import Copies, unified
from sonoscope.targets.sources import Sources

THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(1, 10))


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One scene: the truth, and what the network says.

    Attributes
    ----------
    truth, heard
        As many frames of as many labels; the number of copies need not be the same.
    directed
        Whether the scene tells directions; without them all heard ones are zero.
    frames_per_s
        How many frames a second has; a divisor of 50.
    """

    truth: Sources
    heard: Copies
    directed: bool = True
    frames_per_s: int = 50


@torch.no_grad()
def outputs(
    network: nn.Module,
    batches: Iterable[Batch],
    *,
    n_labels: int | None = None,
    label_step_s: float = LABEL_STEP_S,
) -> list[Answer]:
    """Let a network answer scenes, one by one of every batch; the first `n_labels` are kept."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    answers = []
    for batch in batches:
        pointing = (batch.sound[:, 1:].abs().amax(dim=(1, 2)) > 0).tolist()
        truths = zip(
            _numbers(batch.active) > 0,
            _numbers(batch.direction),
            _numbers(batch.distance_m),
            strict=True,
        )
        heard = copies_of(network(batch.sound.to(device)), n_labels)
        answers += [
            Answer(
                Sources(*(part[:, :n_labels] for part in truth)),
                copies if directed else copies._replace(direction=0 * copies.direction),
                directed,
                round(1 / label_step_s),
            )
            for truth, copies, directed in zip(truths, heard, pointing, strict=True)
        ]
    network.train(was_training)
    return answers


def copies_of(answer: output.Answer, n_labels: int | None = None) -> list[Copies]:
    """Read a network's answer, scene by scene; the first `n_labels` are kept."""
    match answer:
        case output.Output():
            activity = _numbers(torch.sigmoid(answer.activity[..., :n_labels]))
            direction = _numbers(answer.direction[..., :n_labels, :])
            return [
                Copies(sure[..., None], towards[..., None, :])
                for sure, towards in zip(activity, direction, strict=True)
            ]
        case output.VectorOutput():
            vector = _numbers(answer.vector[..., :n_labels, :])
            if answer.distance_m is None:
                return [multi_accdoa.copies(each) for each in vector]
            away = _numbers(answer.distance_m[..., :n_labels])
            return list(map(multi_accdoa.copies, vector, away))
        case output.TrackOutput():
            activity = _numbers(torch.sigmoid(answer.activity[..., :n_labels]))
            return list(map(trackwise.copies, activity, _numbers(answer.direction)))
        case _:
            assert_never(answer)


def _numbers(values: Tensor) -> Float[ndarray, "*any"]:
    return np.asarray(values.float().cpu().numpy())


def score(answers: Sequence[Answer], threshold: float = 0.5) -> Scores:
    """Score answers pooled over scenes; what is surer than the threshold sounds."""
    counts = Counts("strict")
    for answer in answers:
        heard = answer.heard
        if heard.activity.shape[-1] > 1:
            heard = _told_apart(answer, threshold)
        sounds = heard.activity > threshold
        counts += counted(answer, Sources(sounds, heard.direction, np.zeros(sounds.shape)))
    return counts.scores()


def _told_apart(answer: Answer, threshold: float) -> Copies:
    """Make one source of the tracks that say the same, of all where nothing tells directions."""
    heard = answer.heard
    if answer.directed:
        return unified(heard, np.full(heard.activity.shape[1], threshold))
    surest = heard.activity.max(axis=-1, keepdims=True)
    return Copies(surest, heard.direction[..., :1, :])


def counted(answer: Answer, heard: Sources) -> Counts:
    """Count what is heard in a scene against its truth."""
    rate = answer.frames_per_s
    duration_s = len(answer.truth.active) / rate
    true, said = (_table(side, rate) for side in (answer.truth, heard))
    return count(true, said, "strict", duration_s=duration_s)


def _table(sources: Sources, frames_per_s: int) -> FrameTable:
    frame, label, copy = np.nonzero(sources.active)
    direction = sources.direction[frame, label, copy].astype(np.float64)
    azimuth, elevation = angles(direction)
    nowhere = ~direction.any(axis=-1)
    azimuth[nowhere] = elevation[nowhere] = np.nan
    labels = tuple(str(i) for i in range(sources.active.shape[1]))
    return FrameTable(frames_per_s, labels, frame, label, azimuth, elevation)


def best_threshold(
    answers: Sequence[Answer], thresholds: Sequence[float] = THRESHOLDS
) -> tuple[float, Scores]:
    """Find the common threshold with the least SELD score, and its scores."""
    scores = [score(answers, threshold) for threshold in thresholds]
    seld = [np.inf if np.isnan(each.seld) else each.seld for each in scores]
    best = int(np.argmin(seld))
    return thresholds[best], scores[best]
