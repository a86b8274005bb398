"""Learning rates against torch's own schedulers, early ends, and seeds that never meet."""

import math
import random

import pytest
import torch

from sonoscope.training.schedule import (
    ScheduleSettings,
    falls,
    learning_rate,
    rate_of,
    since_best,
    step_seed,
)


@pytest.mark.parametrize(("steps", "warmup"), [(10, 0.3), (100, 0.1), (777, 0.25)])
def test_the_curve_is_that_of_one_cycle(steps: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.01, total_steps=steps, pct_start=warmup, cycle_momentum=False
    )
    for step in range(steps):
        assert learning_rate(step, steps, 0.01, warmup) == pytest.approx(
            cycle.get_last_lr()[0], rel=1e-9, abs=1e-15
        )
        optimizer.step()
        cycle.step()


def test_without_warmup_the_first_step_is_the_peak() -> None:
    assert learning_rate(0, 50, 0.01, 0.0) == 0.01
    assert learning_rate(0, 1, 0.01, 0.0) == 0.01


def test_every_step_and_device_has_its_own_seed() -> None:
    seeds = {
        step_seed(seed, step, rank) for seed in range(5) for step in range(200) for rank in (0, 1)
    }
    assert len(seeds) == 2_000
    assert all(0 <= seed < 2**63 for seed in seeds)


def optimizer() -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)


def test_a_cosine_is_that_of_torch() -> None:
    sgd = optimizer()
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=90)
    for step in range(90):
        ours = rate_of(ScheduleSettings("cosine"), step, 90, 0.01, 0.1)
        assert ours == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        sgd.step()
        theirs.step()


def test_steps_are_those_of_the_two_stage_system() -> None:
    """0.9 every 2 000 steps after the first 30 000."""
    asked = ScheduleSettings("step", after=30_000, every=2_000)
    rates = [rate_of(asked, step, 60_000, 1e-3, 0.1) for step in (0, 31_999, 32_000, 36_500)]
    assert rates == pytest.approx([1e-3, 1e-3, 9e-4, 7.29e-4])


def test_a_constant_rate_is_constant() -> None:
    rates = {rate_of(ScheduleSettings("constant"), step, 70, 0.02, 0.5) for step in range(70)}
    assert rates == {0.02}


@pytest.mark.parametrize("patience", [0, 1, 4])
def test_a_plateau_is_that_of_torch_whatever_the_scores(patience: int) -> None:
    dice = random.Random(patience)
    sgd = optimizer()
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        sgd, factor=0.7, patience=patience, threshold=0.0, min_lr=0.0, eps=0.0
    )
    asked = ScheduleSettings("plateau", patience=patience, factor=0.7)
    scores: list[float | None] = []
    for _ in range(120):
        score = dice.choice([None, *(round(dice.random(), 1) for _ in range(4))])
        scores.append(score)
        theirs.step(math.inf if score is None else score)
        ours = rate_of(asked, 5, 9, 0.01, 0.1, scores)
        assert ours == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-9)
    assert falls(scores, patience) > 5


def test_validations_since_the_best_are_counted() -> None:
    assert since_best([]) == 0
    assert since_best([None, None]) == 2
    assert since_best([None, 0.9]) == 0
    assert since_best([0.5, 0.4, 0.4, None, 0.6]) == 3  # as good is not better
