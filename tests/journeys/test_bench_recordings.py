"""The bench of crops runs, and its rows say what they should."""

from pathlib import Path

import pytest
from bench.recordings import table


@pytest.mark.slow
def test_the_table_has_a_row_for_every_way_of_reading(tmp_path: Path) -> None:
    small = table(tmp_path, tmp_path, count=2, seconds=2.0, batch=2, window_s=1.0, repeats=1)
    rows = small.splitlines()[2:]
    starts = ["step of the CRNN", "crops, 2 x 1 s", "crops with channels", "once: a copy of 2 s"]
    assert [
        row.lstrip("| ")[: len(start)] for row, start in zip(rows, starts, strict=False)
    ] == starts
    assert len(rows) == 5
    assert all(" ms" in row for row in rows)
