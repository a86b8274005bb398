"""The bench of simulated discharges runs, and its ratios of harmonics are those of the kinds."""

from pathlib import Path

import pytest
from bench import discharges


@pytest.mark.slow
def test_the_bench_prints_every_kind_in_both_families(tmp_path: Path) -> None:
    told = discharges.table(tmp_path, tmp_path, draws=1, seconds=0.5, runs=1)
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| corona | ")]
    assert len(rows) == 2
    assert all(0.7 < float(row[6].split(" ")[0]) < 1.5 for row in rows)
    for kind in ("surface", "floating", "internal", "particle", "brush"):
        assert told.count(f"| {kind} |") == 2
    assert "52.48°" in told
