"""Truth against itself is perfect; thresholds and mono scenes."""

from dataclasses import astuple, replace
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.dcase2019 import Counts, count_frames
from sonoscope.models.output import Output, TrackOutput, VectorOutput
from sonoscope.simulation.stream import Batch
from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import Copies
from sonoscope.targets.sources import Sources, lay_out
from sonoscope.training.tuning import score_events
from sonoscope.training.validation import best_threshold, outputs, score


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
    scores = score(outputs(Oracle(batch, 6.0), [batch]))
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
    assert not np.any(answers[0].heard.direction)
    assert not answers[0].directed
    assert np.any(answers[1].heard.direction)


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
    assert answers[0].heard.activity.shape[1:] == (1, 1)
    assert answers[0].heard.direction.shape[1:] == (1, 1, 3)


def test_class_wise_answers_are_counted_as_frames(batch: Batch) -> None:
    rng = np.random.default_rng(2)
    counts = Counts("strict")
    network = Oracle(batch, 0.0)
    answers = [
        replace(
            answer,
            heard=Copies(
                rng.random(answer.heard.activity.shape),
                rng.standard_normal(answer.heard.direction.shape),
            ),
        )
        for answer in outputs(network, [batch])
    ]
    for answer in answers:
        counts += count_frames(
            answer.truth.active[..., 0],
            answer.truth.direction[..., 0, :],
            answer.heard.activity[..., 0] > 0.4,
            answer.heard.direction[..., 0, :],
        )
    for found, expected in zip(astuple(score(answers, 0.4)), astuple(counts.scores()), strict=True):
        assert found == pytest.approx(expected, rel=1e-9)


class Triple(nn.Module):
    """Says what it is told, whatever it hears."""

    def __init__(self, answer: VectorOutput | TrackOutput) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.answer = answer

    def forward(self, sound: Tensor) -> VectorOutput | TrackOutput:
        return self.answer


def twice_one_label() -> tuple[Batch, Sources]:
    """Give a scene of 3 s in which one of two labels sounds twice for a while, in 100 ms."""
    left, ahead = (Waypoint(0.0, azimuth, 0.0, 2.0) for azimuth in (np.pi / 2, 0.0))
    events = [Event("dog", 0.2, 2.0, (left,)), Event("dog", 1.0, 2.6, (ahead,))]
    truth = lay_out(events, ("dog", "siren"), FrameGrid(1_000, 100), 30, 3)
    parts = (torch.from_numpy(part.astype(np.float32))[None] for part in truth)
    return Batch(torch.ones(1, 4, 3_000), *parts), truth


@pytest.mark.parametrize("kind", ["multi-accdoa", "tracks"])
def test_two_sources_of_one_label_are_two_in_the_score(kind: str) -> None:
    batch, truth = twice_one_label()
    if kind == "tracks":
        activity, towards = (torch.from_numpy(x)[None] for x in trackwise.encode(truth))
        logit = 20 * activity - 10
        both: VectorOutput | TrackOutput = TrackOutput(logit, towards)
        best: VectorOutput | TrackOutput = TrackOutput(logit[:, :, :1], towards[:, :, :1])
    else:
        vector, away = (torch.from_numpy(x)[None] for x in multi_accdoa.encode(truth))
        both, best = VectorOutput(vector, away), VectorOutput(vector[:, :, :1], away[:, :, :1])
    (answer,) = outputs(Triple(both), [batch], label_step_s=0.1)
    assert answer.frames_per_s == 10
    perfect = score([answer])
    assert (perfect.er, perfect.f, perfect.fr) == (0, 1, 1)
    assert perfect.de_deg < 1e-4
    less = score(outputs(Triple(best), [batch], label_step_s=0.1))
    assert (less.er, less.f) == (0, 1)
    assert less.fr == pytest.approx(20 / 30)
    grid, decoding = FrameGrid(1_000, 100), Decoding((0.5, 0.5), smoothing_s=0.0)
    found = score_events([answer], ("dog", "siren"), grid, decoding)
    assert (found.er, found.fr) == (0, 1)
