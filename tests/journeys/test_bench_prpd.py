"""The bench of phase-resolved patterns runs at its smallest size."""

from pathlib import Path

import pytest
from bench import prpd

from sonoscope.signal.prpd import KINDS as SAID
from sonoscope.simulation.discharge import KINDS, LOCKED


@pytest.mark.slow
def test_it_prints_a_row_an_snr_and_what_is_said_of_noise(tmp_path: Path) -> None:
    table = prpd.table(
        tmp_path, tmp_path, count=1, noises=1, pairs=1, snrs_db=(20.0,), ratios=("in_band",)
    )
    assert "| in_band | 20 |" in table
    assert "called a discharge, of 1" in table


def test_kinds_are_those_of_the_simulator() -> None:
    said = ["particle" if kind == "unphased" else kind for kind in SAID]
    assert sorted(said) == sorted(KINDS)
    assert set(LOCKED) < set(said)


def test_f1_is_what_it_is() -> None:
    pairs = [("corona", "corona"), ("corona", "surface"), ("surface", "surface")]
    assert prpd.f1(pairs, ("corona", "surface")) == pytest.approx(2 / 3)
    assert prpd.f1([("corona", "unknown")], ("corona",)) == 0
