"""How wrong an answer is: one error for the activities, one for the directions.

Conventions: activities are logits, references 0 or 1. A direction counts where its reference is a
unit vector; zeros say that the label is silent there, or that nobody knows where it sounds.

Class-wise answers take the losses that the recipe names. Vectors are weighed by their squared error
(`track_losses.vector_error`, times the weight of directions: it holds both), tracks by the error of
activities that the recipe names and their squared error (`track_losses.track_errors`).

References: S. Adavanne et al., "Sound event localization and detection of overlapping sources
using convolutional recurrent neural networks", IEEE JSTSP 13(1), 2019, and the DCASE baselines of
2019 and 2020; Y. Cao et al., "Polyphonic sound event detection and localization using a two-stage
strategy", DCASE Workshop 2019; T.-Y. Lin et al., "Focal loss for dense object detection", ICCV
2017.
"""

import math
from typing import NamedTuple, assert_never

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sonoscope.core.errors import SettingError
from sonoscope.models.crnn import ELEVATION_2019
from sonoscope.models.output import Answer, Output, TrackOutput, VectorOutput
from sonoscope.simulation.stream import Batch
from sonoscope.training.recipe import LossSettings
from sonoscope.training.track_losses import (
    known,
    mean_over,
    on_tracks,
    track_direction_errors,
    track_errors,
    vector_error,
)

WEIGHT_2019 = 50.0
WEIGHT_2020 = 1_000.0
SILENT_2019 = math.pi, math.radians(50)
"""Where the baseline of 2019 puts a silent label: azimuth and elevation."""
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


def loss(answer: Answer, truth: Truth, settings: LossSettings) -> Loss:
    """Weigh both errors of a batch; computed in float32 whatever the network computes in.

    Raises
    ------
    SettingError
        If the network answers at another rate than the truth is written.
    """
    _check_frames(answer, truth)
    match answer:
        case Output():
            of_activity = activity_loss(answer.activity.float(), truth.active[..., 0], settings)
            of_direction = _classwise_direction_loss(answer, truth, settings)
        case VectorOutput():
            of_direction = vector_error(answer, *truth)
            of_activity = torch.zeros_like(of_direction)
        case TrackOutput():
            of_activity, of_direction = _track_loss(answer, truth, settings)
        case _:
            assert_never(answer)
    total = settings.activity_weight * of_activity + settings.direction_weight * of_direction
    return Loss(total, of_activity, of_direction)


def _check_frames(answer: Answer, truth: Truth) -> None:
    n_heard, n_true = answer[0].shape[1], truth.active.shape[1]
    if n_heard != n_true:
        raise SettingError(
            f"the network must answer once every label_step_s, {n_true} times in a scene, "
            f"but answers {n_heard} times"
        )


def _classwise_direction_loss(
    answer: Output, truth: Truth, settings: LossSettings
) -> Float[Tensor, ""]:
    active, direction = truth.active[..., 0], truth.direction[..., 0, :]
    match settings.direction:
        case "angles2019" | "angles_mae":
            angles = _angles(answer.direction) if answer.angles is None else answer.angles
            return angle_loss(angles.float(), active, direction, settings)
        case _:
            return direction_loss(answer.direction.float(), direction, settings)


def _track_loss(
    answer: TrackOutput, truth: Truth, settings: LossSettings
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    logit = answer.activity.float()[:, :, :, None]
    tracks = on_tracks(truth.active, truth.direction, logit.shape[2])
    wanted = tracks.activity[:, :, None].expand(-1, -1, logit.shape[2], -1, -1)
    of_activity = _activity_errors(logit.expand_as(wanted), wanted, settings)
    return track_errors(of_activity, track_direction_errors(answer, tracks))


def activity_loss(
    logit: Float[Tensor, "batch frame label"],
    active: Float[Tensor, "batch frame label"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Give the error of the activities, averaged over batch and frames.

    - bce: -y log p - (1 - y) log(1 - p), with p the sigmoid of the logit, **summed over labels**.
      The sum matters: averaged over many labels, of which few sound, the gradient of each is so
      small that a network learns next to nothing in the steps it has.
    - bce_mean: the same averaged over labels, as published everywhere.
    - focal: the sum, with (1 - p_right)^gamma before each, p_right the probability given to what is
      true.
    """
    return _activity_errors(logit, active, settings).mean()


def _activity_errors(
    logit: Float[Tensor, "*any label"], active: Float[Tensor, "*any label"], settings: LossSettings
) -> Float[Tensor, "*any"]:
    each = binary_cross_entropy_with_logits(logit, active, reduction="none")
    match settings.activity:
        case "bce":
            return each.sum(dim=-1)
        case "bce_mean":
            return each.mean(dim=-1)
        case "focal":
            right = torch.exp(-each)
            return ((1 - right) ** settings.focal_gamma * each).sum(dim=-1)
        case _:
            assert_never(settings.activity)


def direction_loss(
    guess: Float[Tensor, "batch frame label 3"],
    truth: Float[Tensor, "batch frame label 3"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Give the error of vectors; 0 for a masked one where nothing sounds.

    With m = 1 where the reference is known, else 0, and sums over batch, frames and labels:

    - cosine: sum m (1 - cos angle) / sum m; length is free.
    - mse: sum m |y - t|^2 / (3 sum m), the mean over the coordinates that count.
    - mse2019: 50 times the mean of (y - t)^2 over all coordinates, silent ones pulled to zero.
    - mse2020: 1000 sqrt(sum m |y - t|^2) / (3 sum m): the root of a sum over a number, which is
      no mean and shrinks as batches grow; kept because published results were made with it.
    """
    sounds = known(truth)
    match settings.direction:
        case "cosine":
            return mean_over(1 - _cosine(guess, truth), sounds)
        case "mse":
            return mean_over((guess - truth).square().mean(dim=-1), sounds)
        case "mse2019":
            return WEIGHT_2019 * (guess - truth).square().mean()
        case "mse2020":
            missed = ((guess - truth).square().sum(dim=-1) * sounds).sum()
            # the root has no gradient at 0, where nothing sounds or all is right
            return WEIGHT_2020 * (missed + 1e-12).sqrt() / (3 * sounds.sum()).clamp_min(1)
        case "angles2019" | "angles_mae":
            raise SettingError(
                f"loss.direction must be one of vectors, but {settings.direction} was given"
            )
        case _:
            assert_never(settings.direction)


def angle_loss(
    guess: Float[Tensor, "batch frame label 2"],
    active: Float[Tensor, "batch frame label"],
    truth: Float[Tensor, "batch frame label 3"],
    settings: LossSettings,
) -> Float[Tensor, ""]:
    """Give the error of azimuths a and elevations e, but for sounds from nobody knows where.

    - angles2019: 50 times the mean over labels and both angles of (a - a_t)^2 and
      (3.6 (e - e_t))^2; where a label is silent a_t is 180 degrees and e_t 50, so that 3.6 e_t is
      180 degrees too.
    - angles_mae: sum m (|a - a_t| + |e - e_t|) / sum m, m = 1 where a label sounds.

    With `wraps`, azimuths differ the short way round. The published losses do not: 179 degrees
    in the place of -179 counts as 358.
    """
    sounds, wanted = known(truth), _angles(truth)
    match settings.direction:
        case "angles2019":
            silent = torch.tensor(SILENT_2019, device=guess.device)
            wanted = torch.where(sounds[..., None], wanted, silent)
            each = _turned(guess - wanted, settings).square()
            scale = torch.tensor((1.0, ELEVATION_2019**2), device=guess.device)
            counts = sounds | (active == 0)
            return WEIGHT_2019 * mean_over((each * scale).mean(dim=-1), counts)
        case "angles_mae":
            return mean_over(_turned(guess - wanted, settings).abs().sum(dim=-1), sounds)
        case _:
            raise SettingError(
                f"loss.direction must be one of angles, but {settings.direction} was given"
            )


def _angles(vector: Float[Tensor, "*any 3"]) -> Float[Tensor, "*any 2"]:
    """Give azimuth and elevation; those of a vector without length have no gradient."""
    vector = vector.float()
    points = vector.square().sum(dim=-1, keepdim=True) > _SHORTEST**2
    ahead = torch.tensor([1.0, 0.0, 0.0], device=vector.device)
    x, y, z = torch.where(points, vector, ahead).unbind(dim=-1)
    level = (x.square() + y.square() + _SHORTEST**2).sqrt()
    return torch.stack((torch.atan2(y, x), torch.atan2(z, level)), dim=-1)


def _turned(difference: Float[Tensor, "*any 2"], settings: LossSettings) -> Float[Tensor, "*any 2"]:
    if not settings.wraps:
        return difference
    azimuth, elevation = difference.unbind(dim=-1)
    turns = torch.round(azimuth.detach() / (2 * math.pi))
    return torch.stack((azimuth - 2 * math.pi * turns, elevation), dim=-1)


def _cosine(
    guess: Float[Tensor, "*any 3"], truth: Float[Tensor, "*any 3"]
) -> Float[Tensor, "*any"]:
    length = guess.square().sum(dim=-1).add(_SHORTEST**2).sqrt()
    return (guess * truth).sum(dim=-1) / length
