"""The bench of scoring runs at its smallest size, and both ways of scoring agree."""

from pathlib import Path

import pytest
from bench import scoring


@pytest.mark.slow
def test_scoring_prints_every_year_both_ways(tmp_path: Path) -> None:
    rows = scoring.table(tmp_path, tmp_path, recordings=3, plain=2, draws=5).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {year}" for year in scoring.YEARS]


def test_scenes_are_drawn_by_their_number() -> None:
    one, again, other = (scoring.scene(number, 10)[0] for number in (1, 1, 2))
    assert (one.frame == again.frame).all()
    assert one.frame.tolist() != other.frame.tolist()
    assert one.frame.max() < 600
