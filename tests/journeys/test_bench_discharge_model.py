"""The bench of the network that names discharges runs, small."""

from pathlib import Path

import pytest
from bench import discharge_model

from sonoscope.signal.references import LOCKED
from tests.inference.discharge_toy import card_with, toy

FOUR = (1.0,) * 4


@pytest.mark.slow
def test_it_runs_and_keeps_what_was_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = ("mains_lock", "other_lock")
    card = card_with(
        labels=LOCKED, figures=figures, scales=FOUR, offsets=(-5.0,) * 4, thresholds=(0.5,) * 4
    )
    model = toy(tmp_path / "toy.onnx", card)

    def small() -> str:
        return discharge_model.table(
            tmp_path / "work", tmp_path, model=model, count=1, noise_count=2, pair_count=1,
            snrs_db=(0.0,),
        )  # fmt: skip

    told = small()
    assert "0 dB whole" in told
    assert "0 dB in band" in told
    assert "noise alone" in told
    monkeypatch.setattr(discharge_model, "recording", None)  # nothing is made again
    assert small() == told
