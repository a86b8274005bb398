"""Errors of vectors and tracks: against every arrangement tried by hand, and their laws."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.models.output import TrackOutput, VectorOutput
from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.sources import Sources, lay_out
from sonoscope.training.losses import Truth, loss
from sonoscope.training.recipe import LossSettings
from sonoscope.training.track_losses import on_tracks, vector_error

BATCH, FRAMES, LABELS = 2, 12, 3
NAMES = ("a", "b", "c")


def drawn_truth(n_copies: int = 3) -> Truth:
    """Give 0 to `n_copies` sources of each label, of random directions and distances."""
    numbers = torch.randint(0, n_copies + 1, (BATCH, FRAMES, LABELS, 1))
    active = (torch.arange(n_copies) < numbers).float()
    direction = torch.randn(BATCH, FRAMES, LABELS, n_copies, 3)
    direction = direction / direction.norm(dim=-1, keepdim=True) * active[..., None]
    return Truth(active, direction, active * (1 + torch.rand_like(active)))


def drawn_vectors(n_tracks: int, *, away: bool) -> VectorOutput:
    vector = torch.randn(BATCH, FRAMES, n_tracks, LABELS, 3)
    return VectorOutput(vector, torch.rand(BATCH, FRAMES, n_tracks, LABELS) if away else None)


def numbers_of(answer: VectorOutput) -> Tensor:
    if answer.distance_m is None:
        return answer.vector
    return torch.cat((answer.vector, answer.distance_m[..., None]), dim=-1)


def tried_by_hand(answer: VectorOutput, truth: Truth) -> float:
    """Try every assignment of sources to tracks in which every source is somewhere."""
    said = numbers_of(answer)
    wanted = torch.cat((truth.direction, truth.distance_m[..., None]), dim=-1)[
        ..., : said.shape[-1]
    ]
    n_tracks, total = said.shape[2], 0.0
    for b, f, i in itertools.product(range(BATCH), range(FRAMES), range(LABELS)):
        n_sources = int(truth.active[b, f, i].sum())
        silence = torch.zeros(n_tracks, said.shape[-1])
        ways: Sequence[Tensor] = [
            wanted[b, f, i][list(taken)]
            for taken in itertools.product(range(n_sources), repeat=n_tracks)
            if len(set(taken)) == n_sources
        ] or [silence]
        total += min(float((said[b, f, :, i] - way).square().mean()) for way in ways)
    return total / (BATCH * FRAMES * LABELS)


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("n_tracks", [1, 2, 3])
def test_the_nearest_arrangement_counts(n_tracks: int, away: bool) -> None:
    truth, answer = drawn_truth(n_tracks), drawn_vectors(n_tracks, away=away)
    assert float(vector_error(answer, *truth)) == pytest.approx(
        tried_by_hand(answer, truth), rel=1e-5
    )


def test_the_thirteen_arrangements_as_they_are_published() -> None:
    """A0 alone; B0 and B1 with one of them twice; C0, C1, C2: named one by one."""
    truth, answer = drawn_truth(), drawn_vectors(3, away=False)
    a, b, c = (truth.direction[..., i, :] for i in range(3))
    named = {
        0: [(a * 0, a * 0, a * 0)],
        1: [(a, a, a)],
        2: [(a, a, b), (a, b, a), (a, b, b), (b, a, a), (b, a, b), (b, b, a)],
        3: [(a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)],
    }
    total = torch.zeros(BATCH, FRAMES, LABELS)
    for n, ways in named.items():
        errors = [
            (answer.vector - torch.stack(way, dim=2)).square().mean(dim=(2, 4)) for way in ways
        ]
        here = truth.active.sum(dim=-1) == n
        total += torch.stack(errors).amin(dim=0) * here
    assert float(vector_error(answer, *truth)) == pytest.approx(float(total.mean()), rel=1e-6)


@pytest.mark.parametrize("away", [False, True])
def test_the_order_of_tracks_and_of_copies_is_free(away: bool) -> None:
    truth, answer = drawn_truth(), drawn_vectors(3, away=away)
    found = float(vector_error(answer, *truth))
    for order in itertools.permutations(range(3)):
        tracks = VectorOutput(
            answer.vector[:, :, list(order)],
            None if answer.distance_m is None else answer.distance_m[:, :, list(order)],
        )
        assert float(vector_error(tracks, *truth)) == pytest.approx(found, rel=1e-6)
    both = (truth.active.sum(dim=-1) == 3)[..., None]
    flipped = Truth(
        truth.active,
        torch.where(both[..., None], truth.direction.flip(-2), truth.direction),
        torch.where(both, truth.distance_m.flip(-1), truth.distance_m),
    )
    assert float(vector_error(answer, *flipped)) == pytest.approx(found, rel=1e-6)


def test_one_track_is_the_error_of_accdoa() -> None:
    truth, answer = drawn_truth(1), drawn_vectors(1, away=False)
    plain = torch.nn.functional.mse_loss(answer.vector[:, :, 0], truth.direction[..., 0, :])
    assert float(vector_error(answer, *truth)) == pytest.approx(float(plain), rel=1e-6)


def test_distances_that_nobody_knows_count_nothing() -> None:
    truth, answer = drawn_truth(1), drawn_vectors(1, away=True)
    assert answer.distance_m is not None
    unknown = truth._replace(distance_m=0 * truth.distance_m)
    other = answer._replace(distance_m=answer.distance_m + 5 * truth.active.transpose(2, 3))
    assert float(vector_error(answer, *unknown)) == pytest.approx(
        float(vector_error(other, *unknown)), rel=1e-6
    )
    assert float(vector_error(answer, *truth)) != float(vector_error(other, *truth))


def scheduled() -> tuple[Sources, Truth]:
    """Give three events of one label that overlap, and one of another label."""
    spans = (("a", 0, 6, 0.0), ("a", 2, 9, 1.5), ("a", 4, 12, 3.0), ("b", 9, 12, -1.0))
    events = [
        Event(label, start / 10, stop / 10, (Waypoint(0.0, azimuth, 0.3, 2.0),))
        for label, start, stop, azimuth in spans
    ]
    sources = lay_out(events, NAMES, FrameGrid(100, 10), FRAMES, 3)
    parts = (torch.from_numpy(part.astype(np.float32))[None] for part in sources)
    return sources, Truth(*parts)


def test_what_is_encoded_has_no_error() -> None:
    sources, truth = scheduled()
    vector, away = (torch.from_numpy(part)[None] for part in multi_accdoa.encode(sources))
    assert float(vector_error(VectorOutput(vector, away), *truth)) == pytest.approx(0, abs=1e-12)
    activity, direction = (torch.from_numpy(part)[None] for part in trackwise.encode(sources))
    answer = TrackOutput(40 * activity - 20, direction)
    found = loss(answer, truth, LossSettings(activity="bce_mean"))
    assert float(found.total) == pytest.approx(0, abs=1e-6)


def test_sources_are_laid_on_tracks_as_the_target_says() -> None:
    sources, truth = scheduled()
    for n_tracks in (1, 2, 3, 10):
        found = on_tracks(truth.active, truth.direction, n_tracks)
        activity, direction = trackwise.encode(sources, n_tracks)
        np.testing.assert_array_equal(found.activity[0].numpy(), activity)
        np.testing.assert_array_equal(found.direction[0].numpy(), direction)


@pytest.mark.parametrize("n_tracks", [2, 3])
def test_tracks_take_the_nearest_order_frame_by_frame(n_tracks: int) -> None:
    """Published for two tracks: each frame takes its order by the sum of both errors."""
    truth = drawn_truth(1)
    answer = TrackOutput(
        torch.randn(BATCH, FRAMES, n_tracks, LABELS), torch.randn(BATCH, FRAMES, n_tracks, 3)
    )
    wanted = on_tracks(truth.active, truth.direction, n_tracks)
    of_activity, of_direction = 0.0, 0.0
    for b, f in itertools.product(range(BATCH), range(FRAMES)):
        tried = []
        for order in itertools.permutations(range(n_tracks)):
            bce = torch.nn.functional.binary_cross_entropy_with_logits(
                answer.activity[b, f], wanted.activity[b, f][list(order)]
            )
            mse = (answer.direction[b, f] - wanted.direction[b, f][list(order)]).square().mean()
            tried.append((float(bce + mse), float(bce), float(mse)))
        of_activity += min(tried)[1] / (BATCH * FRAMES)
        of_direction += min(tried)[2] / (BATCH * FRAMES)
    settings = LossSettings(activity="bce_mean", activity_weight=0.5, direction_weight=0.25)
    found = loss(answer, truth, settings)
    assert float(found.activity) == pytest.approx(of_activity, rel=1e-5)
    assert float(found.direction) == pytest.approx(of_direction, rel=1e-5)
    assert float(found.total) == pytest.approx(0.5 * of_activity + 0.25 * of_direction, rel=1e-5)
    turned = TrackOutput(answer.activity.flip(2), answer.direction.flip(2))
    assert float(loss(turned, truth, settings).total) == pytest.approx(float(found.total), rel=1e-5)


@pytest.mark.parametrize("silent", [False, True])
def test_gradients_are_finite(silent: bool) -> None:
    truth = drawn_truth()
    if silent:
        truth = Truth(*(0 * part for part in truth))
    vector = torch.zeros(BATCH, FRAMES, 3, LABELS, 3, requires_grad=True)
    logit = torch.zeros(BATCH, FRAMES, 2, LABELS, requires_grad=True)
    towards = torch.zeros(BATCH, FRAMES, 2, 3, requires_grad=True)
    for answer in (VectorOutput(vector), TrackOutput(logit, towards)):
        loss(answer, truth, LossSettings()).total.backward()  # type: ignore[no-untyped-call]
    for given in (vector, logit, towards):
        assert given.grad is not None
        assert torch.isfinite(given.grad).all()
