"""What the tests of networks share: noise, networks that have lived, and what an answer hears."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lived_in(network: Net) -> Net:
    """Give batch normalisation statistics other than those of birth, then stop learning."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.3, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return network.eval()


def numbers(answer: tuple[Tensor | None, ...]) -> Tensor:
    """Give all that a network answers as one row of numbers for each frame of each item."""
    return torch.cat([part.flatten(2) for part in answer if part is not None], dim=-1)


def size(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def heard(network: nn.Module, features: Tensor, frame: int, items: slice = slice(None)) -> Tensor:
    """Tell which feature frames of which items an answer of some items depends on."""
    features = features.clone().requires_grad_()
    answer: Callable[[Tensor], tuple[Tensor | None, ...]] = network
    (gradient,) = torch.autograd.grad(numbers(answer(features))[items, frame].sum(), features)
    return gradient.abs().sum(dim=(1, 3)) > 0


def frames_heard(network: nn.Module, features: Tensor, frame: int) -> tuple[int, int]:
    """Give the first and last feature frame that an answer depends on."""
    frames = heard(network, features, frame).any(dim=0).nonzero()[:, 0]
    return int(frames[0]), int(frames[-1])
