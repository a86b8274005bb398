"""Truth against itself is perfect; thresholds and mono scenes."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sonoscope.models.output import Output
from sonoscope.simulation.stream import Batch
from sonoscope.training.validation import best_threshold, evaluate, outputs, score


class Oracle(nn.Module):
    """Knows the truth and gives it with a logit of its own."""

    def __init__(self, batch: Batch, logit: float) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.batch, self.logit = batch, logit

    def forward(self, sound: Tensor) -> Output:
        active, direction = self.batch.active[..., 0], self.batch.direction[..., 0, :]
        return Output(active * self.logit - 3, 5 * direction)


@pytest.fixture
def batch(tiny: ModuleType) -> Batch:
    made: Batch = tiny.TinyStream(5).batch(0, 3, 2.0)
    return made


def test_truth_is_perfect(batch: Batch) -> None:
    scores = evaluate(Oracle(batch, 6.0), [batch])
    assert (scores.er, scores.f, scores.fr) == (0, 1, 1)
    assert scores.de_deg == pytest.approx(0, abs=1e-4)


def test_the_best_threshold_is_below_what_is_said_too_quietly(batch: Batch) -> None:
    answers = outputs(Oracle(batch, 2.5), [batch])  # says 0.38 where it sounds, 0.05 elsewhere
    assert score(answers, 0.5).f == 0
    threshold, scores = best_threshold(answers)
    assert 0.05 < threshold < 0.38
    assert scores.f == 1


def test_a_scene_without_directional_channels_gets_no_direction(batch: Batch) -> None:
    sound = batch.sound.clone()
    sound[0, 1:] = 0
    answers = outputs(Oracle(batch, 6.0), [replace(batch, sound=sound)])
    assert not np.any(answers[0].heard)
    assert np.any(answers[1].heard)


def test_extra_labels_are_left_out_and_the_mode_is_put_back(batch: Batch) -> None:
    twice = Batch(
        batch.sound,
        batch.active.repeat(1, 1, 2, 1),
        batch.direction.repeat(1, 1, 2, 1, 1),
        batch.distance_m.repeat(1, 1, 2, 1),
    )
    network = Oracle(twice, 6.0).train()
    answers = outputs(network, [twice], n_labels=1)
    assert network.training
    assert answers[0].probability.shape[1:] == (1,)
    assert answers[0].heard.shape[1:] == (1, 3)
