"""The benches run, at their smallest size; nobody is judged by the clock."""

from pathlib import Path

import pytest
from bench import false_alarms, held_out, simulation


@pytest.mark.slow
def test_simulation_prints_both_formats(tmp_path: Path) -> None:
    table = simulation.table(tmp_path, tmp_path, scenes=1)
    assert table.count("\n") == 3


@pytest.mark.slow
def test_nothing_is_heard_where_nothing_sounds(tmp_path: Path) -> None:
    table = false_alarms.table(tmp_path, tmp_path, seconds=30)
    rows = table.splitlines()[2:]
    assert len(rows) == 6
    assert all(row.endswith("| 0.00 |") for row in rows)


@pytest.mark.slow
@pytest.mark.shared
def test_a_held_out_scene_is_heard(tmp_path: Path, shared: Path) -> None:
    scenes = held_out.scene_set("held_out", tmp_path, shared, 2)
    scores = held_out.scored(scenes, "foa", 2).scores()
    assert scores.f > 0.5
    assert scores.de_deg < 25
