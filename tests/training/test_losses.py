"""Losses against sums done by hand."""

import math
from collections.abc import Sequence

import pytest
import torch

from sonoscope.core.errors import SettingError
from sonoscope.models.output import Output, TrackOutput, VectorOutput
from sonoscope.training.losses import Truth, activity_loss, angle_loss, direction_loss, loss
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


def test_the_published_cross_entropy_is_averaged_over_labels() -> None:
    logit, active = torch.randn(2, 3, 5), (torch.rand(2, 3, 5) > 0.5).float()
    mean = activity_loss(logit, active, LossSettings(activity="bce_mean"))
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logit, active)
    assert float(mean) == pytest.approx(float(plain), rel=1e-6)


def of_angles(
    guess_deg: Sequence[tuple[float, float]],
    true_deg: Sequence[tuple[float, float] | None],
    kind: DirectionLoss,
    *,
    wraps: bool = True,
) -> float:
    """Give the error of one frame; None is a silent label."""
    guess = torch.deg2rad(torch.tensor(guess_deg))[None, None]
    angles = torch.deg2rad(torch.tensor([each or (0.0, 0.0) for each in true_deg]))
    active = torch.tensor([float(each is not None) for each in true_deg])
    level = torch.cos(angles[:, 1])
    x, y = level * torch.cos(angles[:, 0]), level * torch.sin(angles[:, 0])
    vector = torch.stack((x, y, torch.sin(angles[:, 1])), dim=-1) * active[:, None]
    settings = LossSettings(direction=kind, wraps=wraps)
    return float(angle_loss(guess, active[None, None], vector[None, None], settings))


def test_the_angles_of_2019_put_silent_labels_at_180_and_50_degrees() -> None:
    assert of_angles([(180.0, 50.0)], [None], "angles2019") == pytest.approx(0, abs=1e-9)
    # 10 degrees of azimuth and 5 of elevation, which count for 18; a silent label 40 off in both
    guess, true = [(30.0, 20.0), (140.0, 10.0)], [(40.0, 25.0), None]
    squares = [10, 5 * 3.6, 40, 40 * 3.6]
    expected = 50 * sum(math.radians(each) ** 2 for each in squares) / 4
    assert of_angles(guess, true, "angles2019") == pytest.approx(expected, rel=1e-4)
    assert of_angles(guess, true, "angles2019", wraps=False) == pytest.approx(expected, rel=1e-4)


def test_the_error_of_two_stage_is_that_of_both_angles_where_something_sounds() -> None:
    guess, true = [(30.0, 20.0), (0.0, 0.0), (-50.0, 5.0)], [(40.0, 25.0), None, (-40.0, 5.0)]
    assert of_angles(guess, true, "angles_mae") == pytest.approx(
        math.radians(10 + 5 + 10) / 2, rel=1e-4
    )


def test_azimuths_differ_the_short_way_round_unless_as_published() -> None:
    guess, true = [(181.0, 0.0)], [(-175.0, 0.0)]
    assert of_angles(guess, true, "angles_mae") == pytest.approx(math.radians(4), rel=1e-3)
    assert of_angles(guess, true, "angles_mae", wraps=False) == pytest.approx(
        math.radians(356), rel=1e-5
    )


@pytest.mark.parametrize("kind", ["angles2019", "angles_mae"])
def test_vectors_can_be_weighed_by_their_angles(kind: DirectionLoss) -> None:
    direction = torch.tensor([[[[AHEAD], [NOWHERE]]]])
    truth = Truth(torch.tensor([[[[1.0], [0.0]]]]), direction, torch.zeros(1, 1, 2, 1))
    settings = LossSettings(direction=kind)
    vector = torch.tensor([[[LEFT, NOWHERE]]], requires_grad=True)
    found = loss(Output(torch.zeros(1, 1, 2), vector), truth, settings).direction
    said = Output(torch.zeros(1, 1, 2), vector, torch.tensor([[[[math.pi / 2, 0.0], [0.0, 0.0]]]]))
    said_error = float(loss(said, truth, settings).direction.detach())
    assert float(found.detach()) == pytest.approx(said_error, rel=1e-5)
    found.backward()  # type: ignore[no-untyped-call]
    assert vector.grad is not None
    assert torch.isfinite(vector.grad).all()


def test_sounds_from_nobody_knows_where_leave_directions_alone() -> None:
    active, nowhere = torch.ones(1, 4, 2, 1), torch.zeros(1, 4, 2, 1, 3)
    truth = Truth(active, nowhere, torch.zeros(1, 4, 2, 1))
    answers = (
        Output(torch.zeros(1, 4, 2), torch.randn(1, 4, 2, 3)),
        VectorOutput(torch.randn(1, 4, 3, 2, 3), torch.rand(1, 4, 3, 2)),
        TrackOutput(torch.zeros(1, 4, 2, 2), torch.randn(1, 4, 2, 3)),
    )
    for answer in answers:
        for kind in ("cosine", "angles2019", "angles_mae"):
            settings = LossSettings(direction=kind)
            assert float(loss(answer, truth, settings).direction) == 0


def test_an_answer_at_another_rate_is_refused() -> None:
    truth = Truth(torch.zeros(1, 4, 1, 1), torch.zeros(1, 4, 1, 1, 3), torch.zeros(1, 4, 1, 1))
    with pytest.raises(SettingError, match="4 times"):
        loss(Output(torch.zeros(1, 20, 1), torch.zeros(1, 20, 1, 3)), truth, LossSettings())


def test_vectors_and_angles_have_losses_of_their_own() -> None:
    vector, angles, active = torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1)
    with pytest.raises(SettingError, match="one of vectors"):
        direction_loss(vector, vector, LossSettings(direction="angles2019"))
    with pytest.raises(SettingError, match="one of angles"):
        angle_loss(angles, active, vector, LossSettings(direction="cosine"))
