"""A user trains on modelled sounds alone, goes on, and reads the weights back."""

from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from sonoscope.cli.train import train
from sonoscope.training.assembly import load, parts
from sonoscope.training.log import read_rows
from sonoscope.training.material import Material
from sonoscope.training.validation import outputs, score

RECIPE = """
name = "trial"
labels = ["siren", "vacuum_cleaner"]
extra_labels = ["footsteps"]
steps = 4
batch_size = 2
window_s = 1.0
[scene]
t60_s = [0.15, 0.3]
extra_share = 0.3
[network.body]
width = 4
[data]
modelled_share = 1.0
[validation]
every = 2
scenes = 2
[validation.scene]
mono_share = 0.0
"""


@pytest.mark.slow
def test_train_resume_and_load(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    path, out = tmp_path / "trial.toml", tmp_path / "run"
    path.write_text(RECIPE)
    words = [str(path), "--out", str(out), "--workers", "0", "--device", "cpu"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    last = out / "checkpoint-000004.safetensors"
    assert result.stdout.splitlines()[-1] == str(last)
    assert [(row.step, row.heard_as) for row in read_rows(out / "log.csv")] == [
        (2, "foa"),
        (2, "tetra"),
        (4, "foa"),
        (4, "tetra"),
    ]
    before = last.read_bytes()
    assert CliRunner().invoke(app, [*words, "--resume"]).exit_code == 0
    assert last.read_bytes() == before

    network, recipe = load(last)
    made = parts(recipe, Material((), ()))
    scores = score(outputs(network, [made.validation.batch(0, 2, 1.0)], n_labels=2))
    assert 0 <= scores.fr <= 1
    foa = network.heard_as("foa")
    with torch.no_grad():
        assert foa(torch.zeros(1, 4, 16_000)).activity.shape == (1, 50, 3)
