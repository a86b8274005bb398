"""Cards on the screen and as JSON."""

import json
from pathlib import Path

import pytest
from tests.inference.clip_toy import toy

from sonoscope.cli.main import main
from sonoscope.inference import model_file

TOYS = Path(__file__).parents[1] / "inference" / "toys"


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "shipped", lambda: [TOYS / "foa.onnx", TOYS / "tetra.onnx"])


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert "foa" in told
    assert "tetra" in told
    assert "hum, beep, whistle" in " ".join(told.split())
    assert main(["models", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert [card["name"] for card in cards] == ["foa", "tetra"]


def test_one_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "tetra"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "listens to: tetra, 8000 Hz, windows of 2 s" in told
    assert "beep (from 0.5)" in told
    assert "on tones: F 1, DE 0" in told
    assert main(["models", str(TOYS / "whole.onnx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decoding"]["thresholds"] == [0.5, 0.5, 0.5]


def test_a_card_of_a_model_that_names_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy(tmp_path / "toy.onnx")
    assert main(["models", str(path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "listens to: clips, by sound: 8000 Hz, windows of 0.1 s" in told
    assert "answers: one name a window, unknown below 0.8" in told
    assert "labels: negative, positive" in told
    monkeypatch.setattr(model_file, "shipped", lambda: [TOYS / "foa.onnx", path])
    assert main(["models", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert [card.get("kind") for card in cards] == [None, "clip"]
    assert main(["models"]) == 0
    assert "negative, positive" in " ".join(capsys.readouterr().out.split())


def test_without_any(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "shipped", list)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "no models came with this installation\n"
