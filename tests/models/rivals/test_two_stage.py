import math

import pytest
import torch
from tests.models.listening import noise, size
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.models.output import Output
from sonoscope.models.rivals.two_stage import Crnn10, TwoStage, TwoStageSettings, two_stage

SMALL = TwoStageSettings(filters=(4, 6), recurrent_units=5)
SECOND = TwoStageSettings(stage="direction", filters=(4, 6), recurrent_units=5)


def test_the_size_is_the_one_the_authors_print() -> None:
    # "Total number of parameters: 5890977" in the README of their repository, for 11 labels
    assert size(Crnn10(TwoStageSettings(), 10, 96, 11)) == 5_890_977


def test_two_seconds_are_a_hundred_answers() -> None:
    network = two_stage(TwoStageSettings(), 10, 96, 11).eval()
    with torch.no_grad():
        output = network(noise(1, 10, 200, 96))
    assert isinstance(output, Output)
    assert output.activity.shape == (1, 100, 11)
    assert output.direction.shape == (1, 100, 11, 3)
    torch.testing.assert_close(output.direction.norm(dim=-1), torch.ones(1, 100, 11))


def test_azimuth_runs_counter_clockwise_and_elevation_up() -> None:
    network = Crnn10(SMALL, 10, 16, 1).eval()
    for azimuth, elevation, vector in (
        (0.0, 0.0, (1, 0, 0)),
        (math.pi / 2, 0.0, (0, 1, 0)),
        (1.0, math.pi / 2, (0, 0, 1)),
        (5 * math.pi, 0.0, (-1, 0, 0)),
    ):
        for head, angle in ((network.heads.azimuth, azimuth), (network.heads.elevation, elevation)):
            nn.init.zeros_(head.weight)
            nn.init.constant_(head.bias, angle)
        heard = network(noise(1, 10, 8, 16)).direction[0, 0, 0]
        torch.testing.assert_close(heard, torch.tensor(vector).float(), rtol=0, atol=1e-5)


def heard_by(network: nn.Module, features: Tensor, answer: int) -> list[int]:
    """Give the feature frames that an answer depends on."""
    features = features.clone().requires_grad_()
    output = network(features)
    total = output.activity[:, answer].sum() + output.direction[:, answer].sum()
    (gradient,) = torch.autograd.grad(total, features)
    return [int(i) for i in gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]]


def test_the_recurrent_layer_hears_everything() -> None:
    network = Crnn10(SMALL, 10, 16, 3).eval()
    assert heard_by(network, noise(4, 10, 40, 16), answer=5) == list(range(40))


def second_grown_from(first: nn.Module) -> TwoStage:
    second = TwoStage(SECOND, 10, 16, 3)
    second.load_state_dict(second.grown_from(first.state_dict()))
    return second


def test_the_second_stage_begins_with_the_first_ones_convolutions_alone() -> None:
    first = Crnn10(SMALL, 10, 16, 3)
    second = second_grown_from(first)
    for name, weight in first.state_dict().items():
        assert torch.equal(second.detection.state_dict()[name], weight)
        drawn_anew = not torch.equal(second.direction.state_dict()[name], weight)
        assert drawn_anew == (not name.startswith("convolutions."))


def test_the_second_stage_hears_what_the_first_heard_however_long_it_learns() -> None:
    first = Crnn10(SMALL, 10, 16, 3)
    second = second_grown_from(first)
    first.eval()
    learning = torch.optim.SGD([p for p in second.parameters() if p.requires_grad], lr=0.1)
    features = noise(4, 10, 32, 16)
    before = second.eval()(features)
    for step in range(3):
        second.train()
        output = second(noise(4, 10, 32, 16, seed=step))
        assert not output.activity.requires_grad
        output.direction.square()[..., 0].sum().backward()
        learning.step()
        learning.zero_grad()
    after = second.eval()(features)
    assert torch.equal(after.activity, first(features).activity)
    assert not torch.allclose(after.direction, before.direction)


def test_the_second_stage_learns_with_all_but_its_activity_head() -> None:
    second = TwoStage(SECOND, 10, 16, 3)
    second(noise(4, 10, 32, 16)).direction[..., 1].sum().backward()
    for name, weight in second.direction.named_parameters():
        # so that several devices wait for no gradient that never comes
        assert (weight.grad is not None) == weight.requires_grad
        assert weight.requires_grad != name.startswith("heads.activity.")
    assert all(weight.grad is None for weight in second.detection.parameters())


def test_features_with_too_few_bins_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 16 bins"):
        Crnn10(TwoStageSettings(), 10, 8, 11)
