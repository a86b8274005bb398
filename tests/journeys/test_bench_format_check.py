"""The bench of check-format runs, at its smallest size."""

from pathlib import Path

import pytest
from bench import format_check


@pytest.mark.slow
def test_every_table_is_printed(tmp_path: Path) -> None:
    table = format_check.table(tmp_path, tmp_path, scenes=1, duration_s=5.0)
    lines = table.splitlines()
    assert sum(line.startswith(("| ACN", "| FuMa", "| tetrahedron |")) for line in lines) == 5
    assert "| 5 | 1.000 | 0.000 | 0.000 |" in lines
    assert "Order and signs" in table
