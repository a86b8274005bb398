"""The bench of hot spots runs at its smallest size, and a loud discharge is marked where it is."""

from pathlib import Path

import pytest
from bench import hot_spots


@pytest.mark.slow
def test_marks_of_one_scene_are_counted(tmp_path: Path) -> None:
    table = hot_spots.table(tmp_path, tmp_path, scenes=1, ratios_db=(20.0,), duration_s=0.25)
    head, _, row = table.strip().splitlines()
    assert "within 2 %" in head
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "20"
    assert cells[2] == "100 %"
    assert float(cells[3]) < 25
