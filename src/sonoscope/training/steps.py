"""What every training loop does alike: an optimiser, steps of it, and an end that says why."""

import math

import torch
from torch import nn

from sonoscope.core.errors import SonoscopeError
from sonoscope.training import ema


def adamw(network: nn.Module, peak: float, weight_decay: float) -> torch.optim.Optimizer:
    """Decay matrices and kernels alone: a bias or a scale that shrinks only loses its place.

    Fused: all weights of a group in one pass over memory.
    """
    learnt = learnt_of(network)
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=peak, fused=True)


def learnt_of(network: nn.Module) -> list[nn.Parameter]:
    """List the weights that are learnt."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give the next step its rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def step(
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    n: int,
    *,
    longest: float,
    ema_decay: float,
) -> None:
    """Take the n-th step along gradients of at most a length (any where 0); the average follows."""
    if longest:
        nn.utils.clip_grad_norm_(network.parameters(), longest)
    optimizer.step()
    optimizer.zero_grad()
    ema.follow(average, network, ema_decay, n)


def check_loss(loss: float, n: int) -> float:
    """Give the loss after n steps.

    Raises
    ------
    SonoscopeError
        If it is no number.
    """
    if not math.isfinite(loss):
        raise SonoscopeError(
            f"the loss must be a number, but {loss} came out at step {n};"
            " a smaller learning_rate may help"
        )
    return loss
