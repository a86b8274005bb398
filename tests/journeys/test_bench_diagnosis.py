"""The bench of diagnoses runs at its smallest size."""

from pathlib import Path

import pytest
from bench import diagnosis


@pytest.mark.slow
def test_it_times_processes_and_counts_what_noise_is_taken_for(tmp_path: Path) -> None:
    table = diagnosis.table(
        tmp_path, tmp_path, seconds=1.0, noise_s=1.0, repeats=1, families=("a",)
    )
    assert "| corona passed by, 1 s at 96 kHz, with a report |" in table
    assert "| family a, rotor | " in table
    assert (tmp_path / "diagnosis" / "out" / "corona_1" / "report.html").is_file()
