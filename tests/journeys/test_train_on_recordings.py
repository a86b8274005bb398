"""A user trains on recordings as they were published, goes on, and exports what came out."""

from pathlib import Path

import onnx
import pytest
import typer
from typer.testing import CliRunner

from sonoscope.cli.train import train
from sonoscope.datasets.tau2019 import LABELS
from sonoscope.training import export as exporting
from sonoscope.training.log import read_rows
from tests.training.recorded_set import RATE_HZ, write_set

RECIPE = f"""
name = "trial"
labels = {list(LABELS)}
steps = 2
batch_size = 4
window_s = 1.0
[recordings]
kind = "tau2019"
folds = [3, 4]
validation_folds = [2]
test_folds = [1]
rate_hz = {RATE_HZ}
[network]
kind = "crnn"
[network.features]
rate_hz = {RATE_HZ}
window = 320
hop = 160
n_fft = 512
f_max_hz = 4000.0
[augmentation]
swap = "elevation"
[validation]
every = 1
scenes = 1
"""


@pytest.mark.slow
def test_train_resume_and_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(train)
    path, out, data = tmp_path / "trial.toml", tmp_path / "run", write_set(tmp_path / "data")
    path.write_text(RECIPE)
    words = [str(path), "--out", str(out), "--workers", "1", "--device", "cpu", "--threads", "1"]
    refused = CliRunner().invoke(app, words)
    assert "--data must be the folder in which tau2019/ lies" in str(refused.exception)
    words += ["--data", str(data)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    last = out / "checkpoint-000002.safetensors"
    assert result.stdout.splitlines()[-1] == str(last)
    assert [(row.step, row.heard_as) for row in read_rows(out / "log.csv")] == [
        (1, "foa"),
        (2, "foa"),
    ]
    before = last.read_bytes()
    assert CliRunner().invoke(app, [*words, "--resume"]).exit_code == 0
    assert last.read_bytes() == before
    empty = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    monkeypatch.setattr(exporting, "to_onnx", lambda *_: empty)  # the graph has tests of its own
    card = exporting.export(last, tmp_path / "trial.onnx", data=data)
    assert (card.rate_hz, card.labels, card.channel_format) == (RATE_HZ, LABELS, "foa")
    assert card.trained_on == "recordings of tau2019, folds 3, 4"
    assert "validation" in card.metrics
