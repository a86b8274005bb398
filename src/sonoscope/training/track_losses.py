"""How wrong vectors and tracks are: errors that do not ask which track says what.

Truth is as in `simulation.stream.Batch`; nothing here depends on the order of its copies, as long
as no more sources sound than there are tracks. A label that sounds from a direction that nobody
knows cannot be said by vectors: such frames are left out.

References: K. Shimada et al., "ACCDOA", ICASSP 2021; "Multi-ACCDOA", ICASSP 2022, eq. 4 to 6
(ADPIT); the DCASE baselines of 2022 to 2024; Y. Cao et al., "An improved event-independent
network", ICASSP 2021, section 2.2 (tPIT).
"""

import itertools
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import one_hot

from sonoscope.models.output import TrackOutput, VectorOutput
from sonoscope.targets.multi_accdoa import arrangements


class TrackTruth(NamedTuple):
    """Sources laid out on tracks, as `targets.trackwise.encode` does."""

    activity: Float[Tensor, "batch frame track label"]
    direction: Float[Tensor, "batch frame track 3"]


def vector_error(
    answer: VectorOutput,
    active: Float[Tensor, "batch frame label copy"],
    direction: Float[Tensor, "batch frame label copy 3"],
    distance_m: Float[Tensor, "batch frame label copy"],
) -> Float[Tensor, ""]:
    """Give the mean squared error under the arrangement of sources on tracks that lies nearest.

    For each label in each frame: the mean of (y - t)^2 over tracks and the numbers x, y, z (and
    metres), t being the source on the track; the least over `targets.multi_accdoa.arrangements`.
    Where nothing sounds t is 0. Then the mean over batch, frames and labels. With one track this
    is the error of ACCDOA.
    """
    n_tracks = answer.vector.shape[2]
    active, direction = active[..., :n_tracks] > 0, direction[..., :n_tracks, :]
    each = _each(answer, direction, distance_m[..., :n_tracks])
    silent = _silent(answer)
    error, n_sources = silent.mean(dim=-1), active.sum(dim=-1)
    tracks = torch.arange(n_tracks, device=each.device)
    for n in range(1, active.shape[-1] + 1):
        taken = torch.tensor(arrangements(n, n_tracks), device=each.device)
        least = each[..., tracks, taken].mean(dim=-1).amin(dim=-1)
        error = torch.where(n_sources == n, least, error)
    return mean_over(error, ~(active & ~known(direction)).any(dim=-1))


def _each(
    answer: VectorOutput,
    direction: Float[Tensor, "batch frame label copy 3"],
    distance_m: Float[Tensor, "batch frame label copy"],
) -> Float[Tensor, "batch frame label track copy"]:
    """Compare each track with each source."""
    vector = answer.vector.float().transpose(2, 3)
    missed = (vector[..., :, None, :] - direction[..., None, :, :]).square().sum(dim=-1)
    if answer.distance_m is None:
        return missed / 3
    away, true = answer.distance_m.float().transpose(2, 3)[..., None], distance_m[..., None, :]
    return (missed + (away - true).square() * (true > 0)) / 4


def _silent(answer: VectorOutput) -> Float[Tensor, "batch frame label track"]:
    """Compare each track with silence."""
    vector = answer.vector.float().transpose(2, 3).square().sum(dim=-1)
    if answer.distance_m is None:
        return vector / 3
    return (vector + answer.distance_m.float().transpose(2, 3).square()) / 4


def track_errors(
    activity: Float[Tensor, "batch frame track other"],
    direction: Float[Tensor, "batch frame track other"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Give both errors of tracks in the order of the truth that lies nearest, frame by frame.

    Parameters
    ----------
    activity, direction
        Error of each track held against each one of the truth. The order is that with the least
        sum of the two, unweighted, as published.

    Returns
    -------
    The means over batch, frames and tracks.
    """
    n_tracks = activity.shape[2]
    tracks = torch.arange(n_tracks, device=activity.device)
    orders = torch.tensor(list(itertools.permutations(range(n_tracks))), device=activity.device)
    each = torch.stack((activity, direction))[..., tracks, orders].mean(dim=-1)
    best = each.sum(dim=0).argmin(dim=-1)
    of_activity, of_direction = each.gather(-1, best.expand(2, *best.shape)[..., None]).squeeze(-1)
    return of_activity.mean(), of_direction.mean()


def on_tracks(
    active: Float[Tensor, "batch frame label copy"],
    direction: Float[Tensor, "batch frame label copy 3"],
    n_tracks: int,
) -> TrackTruth:
    """Lay sources on tracks: each label's copy 0 in the labels' order, then copies 1, and so on."""
    n_labels = active.shape[2]
    every = active.transpose(2, 3).flatten(2)
    first = (every > 0).int().argsort(dim=-1, descending=True, stable=True)[..., :n_tracks]
    held = every.gather(-1, first)
    towards = direction.transpose(2, 3).flatten(2, 3)
    index = first[..., None].expand(*first.shape, 3)
    label = one_hot(first % n_labels, n_labels)
    held_towards = towards.gather(2, index) * held[..., None]
    return _filled_up(TrackTruth(label * held[..., None], held_towards), n_tracks)


def _filled_up(truth: TrackTruth, n_tracks: int) -> TrackTruth:
    """Add silent tracks where labels and copies are fewer than tracks."""
    missing = n_tracks - truth.activity.shape[2]
    if missing <= 0:
        return truth
    silent = [part[:, :, :1].expand(-1, -1, missing, -1) * 0 for part in truth]
    return TrackTruth(
        torch.cat((truth.activity, silent[0]), dim=2),
        torch.cat((truth.direction, silent[1]), dim=2),
    )


def track_direction_errors(
    answer: TrackOutput, truth: TrackTruth
) -> Float[Tensor, "batch frame track other"]:
    """Give the mean of (y - t)^2 over x, y, z, each track against each; silent ones pull to zero.

    What sounds from a direction that nobody knows counts nothing.
    """
    guess = answer.direction.float()
    missed = (guess[:, :, :, None] - truth.direction[:, :, None]).square().mean(dim=-1)
    unknown = (truth.activity.amax(dim=-1) > 0) & ~known(truth.direction)
    return missed * ~unknown[:, :, None]


def known(direction: Float[Tensor, "*any 3"]) -> Bool[Tensor, "*any"]:
    """Tell which vectors of the truth are directions: units are, zeros are not."""
    return direction.square().sum(dim=-1) > 0.25


def mean_over(each: Float[Tensor, "*any"], counts: Bool[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Average over what counts; 0 where nothing does."""
    return (each * counts).sum() / counts.sum().clamp_min(1)
