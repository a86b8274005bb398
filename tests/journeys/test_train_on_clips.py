"""From a folder of named clips to a model file that names others, by the command's verbs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sonoscope.cli.main import main
from sonoscope.core.audio import Recording, write
from sonoscope.inference.classifier import Classifier
from sonoscope.training.clips.scored import read_scored

RATE_HZ = 8_000
RECIPE = """
name = "clicks-and-hisses"
kind = "clips"
window_s = 0.25
epochs = 6
batch_size = 8
learning_rate = 5e-3
optimizer = "adamw"
schedule = { kind = "one_cycle" }
[data]
set = "folder"
group_rule = "[a-z]+[0-9]"
split = { kind = "SPLIT" }
[network]
kind = "efficientnet"
body = { width = 0.1, depth = 0.1 }
maps = { rate_hz = 8000, n_bands = 16, window_s = 0.032, hop_s = 0.016 }
"""


def clips(data: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("click", "hiss"):
        (data / "clips" / label).mkdir(parents=True)
        for i in range(30):
            sound = rng.normal(0, 0.2, (1, 2_000)).astype(np.float32)
            if label == "click":
                sound *= np.arange(2_000) % 500 < 20
            path = data / "clips" / label / f"{label}{i // 3 % 10}_{i}.wav"
            write(path, Recording(sound, RATE_HZ))
    return data


def recipe(folder: Path, split: str) -> str:
    path = folder / f"{split}.toml"
    path.write_text(RECIPE.replace("SPLIT", split))
    return str(path)


@pytest.mark.slow
def test_clips_are_learnt_tested_exported_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = clips(tmp_path / "data"), tmp_path / "run"
    told = ["--data", str(data), "--out", str(out), "--workers", "0", "--threads", "1"]
    assert main(["train", recipe(tmp_path, "grouped"), *told, "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert "folder, grouped tenth, seed 0: accuracy" in printed.out
    assert "originals stand on several sides" not in printed.err
    assert read_scored(out / "result.json").labels == ["click", "hiss"]
    model = tmp_path / "clicks.onnx"
    best = str(out / "best.safetensors")
    assert main(["export", best, "--data", str(data), "--out", str(model)]) == 0
    assert '"kind": "clip"' in capsys.readouterr().out
    classifier = Classifier.load(model)
    assert classifier.card.metrics["test"]["clips"] == 6
    named = classifier.name_file(data / "clips" / "hiss" / "hiss0_0.wav")
    assert dict(named.likeliest())["hiss"] > 0.5
    assert main(["export", best, "--format", "foa", "--out", str(model)]) == 2
    capsys.readouterr()
    names_a_yard(model, tmp_path, capsys)


def names_a_yard(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three seconds of hissing, of silence and of clicking, at another rate and in stereo."""
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 0.2, 9 * 11_025)
    sound[3 * 11_025 : 6 * 11_025] = 0
    sound[6 * 11_025 :] *= np.arange(3 * 11_025) % 689 < 28
    both = np.stack([sound, sound]).astype(np.float32)
    write(folder / "yard.flac", Recording(np.clip(both, -1, 1), 11_025))
    out = folder / "named"
    said = [str(folder / "yard.flac"), "--model", str(model), "--out", str(out), "--json"]
    assert main(["classify", *said]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["events"][-1]["offset_s"] == 9
    with (out / "names.csv").open(encoding="utf-8") as file:
        windows = [row for row in csv.DictReader(file) if row["part"] == "window"]
    heard = [
        [row for row in windows if start <= float(row["start_s"]) and float(row["end_s"]) <= end]
        for start, end in [(0, 3), (3, 6), (6, 9)]
    ]
    assert share(heard[0], "likeliest", "hiss") > 0.8
    assert share(heard[1], "label", "unknown") == 1
    assert share(heard[2], "likeliest", "click") > 0.8
    page = (out / "yard" / "report.html").read_text()
    assert "the mean of 2 channels" in page
    assert "clicks-and-hisses" in page


def share(windows: list[dict[str, str]], column: str, wanted: str) -> float:
    """Give the part of windows that say so."""
    return sum(row[column] == wanted for row in windows) / len(windows)


@pytest.mark.slow
def test_a_random_split_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = clips(tmp_path / "data")
    told = ["--data", str(data), "--out", str(tmp_path / "run"), "--workers", "0"]
    assert main(["train", recipe(tmp_path, "random"), *told, "--device", "cpu"]) == 0
    assert "originals stand on several sides of the split" in capsys.readouterr().err
    assert read_scored(tmp_path / "run" / "result.json").leaks > 5


def test_a_fold_to_test_on_needs_a_recipe_of_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('name = "x"\nlabels = ["a"]\n')
    assert main(["train", str(other), "--out", str(tmp_path / "o"), "--test-fold", "2"]) == 2
    assert "--test-fold must go with a recipe of clips" in capsys.readouterr().err
