"""How far the names given to clips are from what is asked for, where several may be in part true.

With logits z, targets t (a share a label, which may add up to less than 1) and B clips::

    cross_entropy   -1/B sum t ln softmax(z)
    kl              the same less the entropy of the targets: 0 where nothing is left to learn
    bce             -1/B sum of t ln s(z) + (1 - t) ln(1 - s(z)),   s the logistic function
    own             what the network itself asks for: AudioFormer's gaps, views and contrast

Smoothing by e makes t (1 - e) + e / n of n labels, of "bce" t (1 - e) + e / 2.

References: Y. Tokozume, Y. Ushiku and T. Harada, "Learning from between-class examples for deep
sound recognition", ICLR 2018 (kl); A. Gazneli et al., "End-to-end audio strikes back", 2022 (bce).
"""

from typing import Annotated, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT

ClipLoss = Literal["cross_entropy", "kl", "bce", "own"]


@settings(config=STRICT)
class ClipLossSettings:
    """Which error is made small.

    Attributes
    ----------
    kind
        See the formulas of this module.
    smoothing
        How much of every target is shared out among all labels.
    """

    kind: ClipLoss = "cross_entropy"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


def clip_loss(
    logits: Float[Tensor, "batch label"],
    target: Float[Tensor, "batch label"],
    how: ClipLossSettings,
) -> Float[Tensor, ""]:
    """Give the mean error of a batch of names; not of a loss that is the network's own."""
    match how.kind:
        case "cross_entropy":
            return _cross_entropy(logits, smoothed(target, how.smoothing))
        case "kl":
            smooth = smoothed(target, how.smoothing)
            return _cross_entropy(logits, smooth) + torch.xlogy(smooth, smooth).sum(dim=1).mean()
        case "bce":
            smooth = target * (1 - how.smoothing) + how.smoothing / 2
            each = binary_cross_entropy_with_logits(logits, smooth, reduction="none")
            return each.sum(dim=1).mean()
        case "own":
            raise SettingError('loss.kind must tell a loss of names, but "own" was given')
        case _:
            assert_never(how.kind)


def smoothed(target: Float[Tensor, "batch label"], share: float) -> Float[Tensor, "batch label"]:
    """Share some of every target out among all labels."""
    return target * (1 - share) + share / target.shape[1]


def _cross_entropy(
    logits: Float[Tensor, "batch label"], target: Float[Tensor, "batch label"]
) -> Float[Tensor, ""]:
    return -(target * log_softmax(logits, dim=1)).sum(dim=1).mean()
