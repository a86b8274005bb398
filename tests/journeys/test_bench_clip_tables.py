"""The cost of the tables is measured by their own recipes."""

import pytest
from bench.clip_tables import costs, tell

from sonoscope.training.clips.ega_tables import SMALL


@pytest.mark.slow
def test_trainings_count_once_and_hours_are_all_epochs() -> None:
    (cost,) = costs(SMALL, 2, ["ResNet-18"])
    assert cost.heard == 40 * 320
    assert cost.clip_ms > 0
    assert cost.hours == pytest.approx(cost.clip_ms / 1e3 * cost.heard * 3 * 2 / 3600)
    text = tell([cost, cost])
    assert text.count("| ResNet-18 | 2,798,314 |") == 2
    assert f"| {2 * cost.hours:.2f} |" in text.splitlines()[-1]
