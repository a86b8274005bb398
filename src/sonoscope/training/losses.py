"""How wrong an answer is: one error for the activities, one for the directions.

Conventions: activities are logits, references 0 or 1. A direction counts where its reference is a
unit vector; zeros say that the label is silent there, or that nobody knows where it sounds.

References: S. Adavanne et al., "Sound event localization and detection of overlapping sources
using convolutional recurrent neural networks", IEEE JSTSP 13(1), 2019, and the DCASE baselines of
2019 and 2020; T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
"""

from typing import NamedTuple, assert_never

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sonoscope.models.output import Output
from sonoscope.simulation.stream import Batch
from sonoscope.training.recipe import LossSettings

WEIGHT_2019 = 50.0
WEIGHT_2020 = 1_000.0
_SHORTEST = 1e-6  # a vector shorter than this has no direction


class Truth(NamedTuple):
    """What should have been answered; see `simulation.stream.Batch`."""

    active: Float[Tensor, "batch frame label copy"]
    direction: Float[Tensor, "batch frame label copy 3"]
    distance_m: Float[Tensor, "batch frame label copy"]

    @classmethod
    def of(cls, batch: Batch, device: torch.device | str = "cpu") -> "Truth":
        """Take the truth of a batch to where the network is."""
        return cls(*(part.to(device) for part in (batch.active, batch.direction, batch.distance_m)))


class Loss(NamedTuple):
    """The weighted sum, and its parts before weighting."""

    total: Float[Tensor, ""]
    activity: Float[Tensor, ""]
    direction: Float[Tensor, ""]


def loss(output: Output, truth: Truth, settings: LossSettings) -> Loss:
    """Weigh both errors of a batch; computed in float32 whatever the network computes in."""
    of_activity = activity_loss(output.activity.float(), truth.active[..., 0], settings)
    of_direction = direction_loss(output.direction.float(), truth.direction[..., 0, :], settings)
    total = settings.activity_weight * of_activity + settings.direction_weight * of_direction
    return Loss(total, of_activity, of_direction)


def activity_loss(
    logit: Float[Tensor, "batch frame label"],
    active: Float[Tensor, "batch frame label"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Give the error of the activities, **summed over labels**, averaged over batch and frames.

    The sum matters: averaged over many labels, of which few sound, the gradient of each is so
    small that a network learns next to nothing in the steps it has.

    - bce: -y log p - (1 - y) log(1 - p), with p the sigmoid of the logit.
    - focal: the same times (1 - p_right)^gamma, p_right the probability given to what is true.
    """
    each = binary_cross_entropy_with_logits(logit, active, reduction="none")
    match settings.activity:
        case "bce":
            pass
        case "focal":
            each = (1 - torch.exp(-each)) ** settings.focal_gamma * each
        case _:
            assert_never(settings.activity)
    return each.sum(dim=-1).mean()


def direction_loss(
    guess: Float[Tensor, "batch frame label 3"],
    truth: Float[Tensor, "batch frame label 3"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Give the error of the directions; 0 for a masked one where nothing sounds.

    With m = 1 where the reference is known, else 0, and sums over batch, frames and labels:

    - cosine: sum m (1 - cos angle) / sum m; length is free.
    - mse: sum m |y - t|^2 / (3 sum m), the mean over the coordinates that count.
    - mse2019: 50 times the mean of (y - t)^2 over all coordinates, silent ones pulled to zero.
    - mse2020: 1000 sqrt(sum m |y - t|^2) / (3 sum m): the root of a sum over a number, which is
      no mean and shrinks as batches grow; kept because published results were made with it.
    """
    known = truth.square().sum(dim=-1) > 0.25
    match settings.direction:
        case "cosine":
            return _over(1 - _cosine(guess, truth), known)
        case "mse":
            return _over((guess - truth).square().mean(dim=-1), known)
        case "mse2019":
            return WEIGHT_2019 * (guess - truth).square().mean()
        case "mse2020":
            missed = ((guess - truth).square().sum(dim=-1) * known).sum()
            # the root has no gradient at 0, where nothing sounds or all is right
            return WEIGHT_2020 * (missed + 1e-12).sqrt() / (3 * known.sum()).clamp_min(1)
        case _:
            assert_never(settings.direction)


def _cosine(
    guess: Float[Tensor, "*any 3"], truth: Float[Tensor, "*any 3"]
) -> Float[Tensor, "*any"]:
    length = guess.square().sum(dim=-1).add(_SHORTEST**2).sqrt()
    return (guess * truth).sum(dim=-1) / length


def _over(each: Float[Tensor, "*any"], known: Bool[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Average over what is known; 0 where nothing is."""
    return (each * known).sum() / known.sum().clamp_min(1)
