"""The learning rate against torch's own scheduler, and seeds that never meet."""

import pytest
import torch

from sonoscope.training.schedule import learning_rate, step_seed


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
