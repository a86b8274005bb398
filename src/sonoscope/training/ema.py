"""Averaged weights: an exponential moving average that is right from its first step on.

The usual average starts at the first random weights and carries them along for 1 / (1 - decay)
steps. This one follows

    average += (1 - decay) / (1 - decay^n) * (weights - average),        n = 1, 2, 3 ...

which is Adam's bias correction in one line: after the first step it *is* the weights.

Reference: D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015, sec. 3.
"""

import copy

import torch
from torch import Tensor, nn


def averaged_copy(network: nn.Module) -> nn.Module:
    """Give a copy that will hold the average; it is never trained."""
    average = copy.deepcopy(network)
    return average.requires_grad_(requires_grad=False).eval()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, n: int) -> None:
    """Move the average towards the network's weights and statistics after its n-th step.

    What does not change, such as a filter bank, stays exact; what counts is copied.
    """
    share = (1 - decay) / (1 - decay**n)
    state = network.state_dict()
    for name, value in average.state_dict().items():
        _follow(value, state[name], share)


def _follow(average: Tensor, value: Tensor, share: float) -> None:
    if average.is_floating_point():
        average.lerp_(value, share)
    else:
        average.copy_(value)
