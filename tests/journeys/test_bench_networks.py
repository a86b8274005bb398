"""The bench of the paper's networks gives a row for each."""

from pathlib import Path

import pytest
from bench import networks


@pytest.mark.slow
def test_a_row_says_how_large_and_how_fast(tmp_path: Path) -> None:
    chosen = {name: networks.NETWORKS[name] for name in ("CNN", "SELDnet 2020")}
    text = networks.table(tmp_path, tmp_path, chosen, scenes=1, window_s=0.2, steps=1)
    rows = [line.split(" | ") for line in text.splitlines()[2:]]
    assert [row[:2] for row in rows] == [["| CNN", "117036"], ["| SELDnet 2020", "513324"]]
    assert all(float(row[4]) > 0 for row in rows)


def test_each_network_is_built_for_its_own_rate_and_labels() -> None:
    rates = {name: networks.recipe_of(table).rate_hz for name, table in networks.NETWORKS.items()}
    assert {name for name, rate in rates.items() if rate != 24_000} == {"SELDnet 2019"}
    assert len(rates) == 8
