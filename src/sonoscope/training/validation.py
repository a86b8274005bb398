"""What a network answers to scenes, and what the answers are worth (DCASE 2019, mode `strict`).

Thresholds are probabilities, one for all labels. A scene without directional channels gets no
direction, as a mono recording gets none when it is analysed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import nn

from sonoscope.metrics.dcase2019 import Counts, Scores, count_frames
from sonoscope.simulation.stream import Batch

THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(1, 10))


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One scene: the truth, and what the network says."""

    active: Bool[ndarray, "frame label"]
    direction: Float[ndarray, "frame label 3"]
    probability: Float[ndarray, "frame label"]
    heard: Float[ndarray, "frame label 3"]


@torch.no_grad()
def outputs(
    network: nn.Module, batches: Iterable[Batch], *, n_labels: int | None = None
) -> list[Answer]:
    """Let a network answer scenes, one by one of every batch; the first `n_labels` are kept."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    answers = []
    for batch in batches:
        output = network(batch.sound.to(device))
        probability = torch.sigmoid(output.activity.float()).cpu().numpy()[..., :n_labels]
        pointing = (batch.sound[:, 1:].abs().amax(dim=(1, 2)) > 0).numpy()
        heard = output.direction.float().cpu().numpy()[..., :n_labels, :]
        active = batch.active.numpy()[..., :n_labels, 0] > 0.5
        direction = batch.direction.numpy()[..., :n_labels, 0, :]
        answers += [
            Answer(active[i], direction[i], probability[i], heard[i] * pointing[i])
            for i in range(len(active))
        ]
    network.train(was_training)
    return answers


def score(answers: Sequence[Answer], threshold: float = 0.5) -> Scores:
    """Score answers pooled over scenes; a label sounds where it is likelier than the threshold."""
    counts = Counts("strict")
    for answer in answers:
        counts += count_frames(
            answer.active, answer.direction, answer.probability > threshold, answer.heard
        )
    return counts.scores()


def evaluate(
    network: nn.Module,
    batches: Iterable[Batch],
    *,
    threshold: float = 0.5,
    n_labels: int | None = None,
) -> Scores:
    """Score a network on scenes at one threshold."""
    return score(outputs(network, batches, n_labels=n_labels), threshold)


def best_threshold(
    answers: Sequence[Answer], thresholds: Sequence[float] = THRESHOLDS
) -> tuple[float, Scores]:
    """Find the common threshold with the least SELD score, and its scores."""
    scores = [score(answers, threshold) for threshold in thresholds]
    seld = [np.inf if np.isnan(each.seld) else each.seld for each in scores]
    best = int(np.argmin(seld))
    return thresholds[best], scores[best]
