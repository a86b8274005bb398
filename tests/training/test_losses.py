"""Losses against sums done by hand."""

import math

import pytest
import torch

from sonoscope.models.output import Output
from sonoscope.training.losses import Truth, activity_loss, direction_loss, loss
from sonoscope.training.recipe import DirectionLoss, LossSettings

AHEAD, LEFT, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
NOWHERE = [0.0, 0.0, 0.0]


def test_cross_entropy_is_summed_over_labels_and_averaged_over_frames() -> None:
    logit = torch.tensor([[[0.0, 0.0, 0.0], [math.log(3), 0.0, 0.0]]])
    active = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]])
    first = 3 * math.log(2)
    second = -math.log(0.75) + 2 * math.log(2)
    assert float(activity_loss(logit, active, LossSettings())) == pytest.approx(
        (first + second) / 2, rel=1e-6
    )


def test_more_labels_that_stay_undecided_weigh_more() -> None:
    few, many = (
        float(activity_loss(torch.zeros(2, 5, n), torch.zeros(2, 5, n), LossSettings()))
        for n in (2, 20)
    )
    assert many == pytest.approx(10 * few, rel=1e-6)


def test_focal_loss_forgives_what_is_nearly_right() -> None:
    logit = torch.tensor([[[math.log(3)]]])  # probability 3/4
    active = torch.ones(1, 1, 1)
    focal = activity_loss(logit, active, LossSettings(activity="focal", focal_gamma=2.0))
    assert float(focal) == pytest.approx(0.25**2 * -math.log(0.75), rel=1e-5)
    plain = activity_loss(logit, active, LossSettings(activity="focal", focal_gamma=0.0))
    assert float(plain) == pytest.approx(-math.log(0.75), rel=1e-6)


def of(guess: list[list[float]], truth: list[list[float]], kind: DirectionLoss) -> float:
    """Give the direction loss of one scene of one frame."""
    one, other = torch.tensor(guess)[None, None], torch.tensor(truth)[None, None]
    return float(direction_loss(one, other, LossSettings(direction=kind)))


def test_cosine_asks_for_the_angle_alone_and_only_where_something_sounds() -> None:
    half = [math.sqrt(0.5), math.sqrt(0.5), 0.0]
    guess = [[5.0, 0.0, 0.0], half, LEFT]
    assert of(guess, [AHEAD, AHEAD, NOWHERE], "cosine") == pytest.approx(
        (0 + 1 - math.sqrt(0.5)) / 2, rel=1e-5
    )
    assert of([[-2.0, 0.0, 0.0]], [AHEAD], "cosine") == pytest.approx(2.0, rel=1e-5)


def test_masked_square_error_is_a_mean_over_coordinates_that_count() -> None:
    # |ahead - left|^2 = 2 and 0, over 2 sources of 3 coordinates; the silent label counts nothing
    assert of([AHEAD, UP, LEFT], [LEFT, UP, NOWHERE], "mse") == pytest.approx(2 / 6, rel=1e-6)


def test_the_loss_of_2019_pulls_silent_labels_to_zero() -> None:
    # 2 + 0 + 1 over 9 coordinates, times 50
    assert of([AHEAD, UP, LEFT], [LEFT, UP, NOWHERE], "mse2019") == pytest.approx(
        50 * 3 / 9, rel=1e-6
    )


def test_the_loss_of_2020_is_the_root_of_a_sum_over_a_number() -> None:
    assert of([AHEAD, UP, LEFT], [LEFT, UP, NOWHERE], "mse2020") == pytest.approx(
        1000 * math.sqrt(2) / 6, rel=1e-5
    )


@pytest.mark.parametrize("kind", ["cosine", "mse", "mse2019", "mse2020"])
def test_silence_and_perfect_answers_have_finite_gradients(kind: DirectionLoss) -> None:
    for truth in (torch.zeros(1, 2, 1, 3), torch.tensor([[[AHEAD], [LEFT]]])):
        for start in (truth, torch.zeros(1, 2, 1, 3)):
            guess = start.clone().requires_grad_()
            direction_loss(guess, truth, LossSettings(direction=kind)).backward()  # type: ignore[no-untyped-call]
            assert guess.grad is not None
            assert torch.isfinite(guess.grad).all()


def test_weights_scale_the_parts_of_the_sum() -> None:
    output = Output(torch.zeros(1, 1, 1), torch.tensor([[[LEFT]]]))
    truth = Truth(torch.ones(1, 1, 1, 1), torch.tensor([[[[AHEAD]]]]), torch.zeros(1, 1, 1, 1))
    found = loss(output, truth, LossSettings(activity_weight=2, direction_weight=3))
    assert float(found.total) == pytest.approx(2 * math.log(2) + 3 * 1.0, rel=1e-5)
    assert float(found.activity) == pytest.approx(math.log(2), rel=1e-6)
    assert float(found.direction) == pytest.approx(1.0, rel=1e-5)
