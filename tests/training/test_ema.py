"""Averaged weights against the sum they stand for."""

import torch
from torch import nn

from sonoscope.training.ema import averaged_copy, follow


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("bank", torch.tensor([0.1, 1 / 3, 1e-7]))
        self.register_buffer("count", torch.tensor(0))


def test_the_average_is_the_bias_corrected_one() -> None:
    torch.manual_seed(0)
    net = Net()
    average = averaged_copy(net)
    steps = torch.randn(20, 3, dtype=torch.float64)
    decay, plain = 0.9, torch.zeros(3, dtype=torch.float64)
    for n, value in enumerate(steps, 1):
        with torch.no_grad():
            net.weight.copy_(value)
        follow(average, net, decay, n)
        plain = decay * plain + (1 - decay) * value
        expected = (plain / (1 - decay**n)).float()
        torch.testing.assert_close(average.state_dict()["weight"], expected)


def test_constants_stay_exact_and_counters_are_copied() -> None:
    net = Net()
    average = averaged_copy(net)
    for n in range(1, 50):
        net.state_dict()["count"].add_(1)
        follow(average, net, 0.99, n)
    assert torch.equal(average.state_dict()["bank"], net.state_dict()["bank"])
    assert int(average.state_dict()["count"]) == 49


def test_the_average_is_never_trained() -> None:
    average = averaged_copy(Net())
    assert not any(parameter.requires_grad for parameter in average.parameters())
