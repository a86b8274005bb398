"""Model files: what a card says comes back; what is no model is refused in one line."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sonoscope.core.errors import CheckpointError
from sonoscope.inference import model_file
from sonoscope.inference.classifier import card_of
from sonoscope.inference.model_file import load, resolve, shipped
from sonoscope.targets.card import card_text, read_card
from sonoscope.targets.classwise import Decoding

TOYS = Path(__file__).parent / "toys"


def test_a_model_brings_its_card() -> None:
    card = load(TOYS / "tetra.onnx").card
    assert (card.name, card.labels) == ("tetra", ("hum", "beep", "whistle"))
    assert (card.channel_format, card.rate_hz, card.window_frames) == ("tetra", 8_000, 100)
    assert card.decoding == Decoding((0.5, 0.5, 0.5), smoothing_s=0.5)
    assert card.metrics == {"tones": {"F": 1.0, "DE": 0.0}}
    assert card.grid.step_s == 0.02


def test_a_card_survives_its_text() -> None:
    card = load(TOYS / "foa.onnx").card
    card = replace(card, seed=7, attribution="Zoë, CC-BY", metrics={"all": {"ER": 0.1}})
    assert read_card(card_text(card), where="here") == card


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_card", "must carry a card under sonoscope.card"),
        ("torn_card", "the card must describe the model, but card: Invalid JSON"),
        ("strange_card", "the card must describe the model, but mood: "),
        ("uneven_card", r"window \(16000\) must be a multiple of hop \(161\)"),
        ("other_window", r"sound must be float32 of \(batch, 4, 8000\) by its card"),
    ],
)
def test_a_model_that_does_not_fit_its_card_is_refused(name: str, told: str) -> None:
    with pytest.raises(CheckpointError, match=rf"{name}\.onnx: .*{told}"):
        load(TOYS / f"{name}.onnx")


def torn_bytes() -> bytes:
    whole = (TOYS / "foa.onnx").read_bytes()
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"a model, said he\n", b"\x80\x04cposix\nsystem\n.", b"\xff" * 4096, torn_bytes()],
    ids=["empty", "zero", "text", "pickle", "ones", "torn"],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.onnx: must be a model \(ONNX\)") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "pipe", Path("nul\0byte")):
        with pytest.raises(CheckpointError, match=r"no regular file|cannot be read"):
            load(path)


def test_a_card_must_be_consistent() -> None:
    card = load(TOYS / "foa.onnx").card
    told = card_text(card)
    for old, new, fault in [
        ('"beep"', '"hum"', "labels must differ"),
        ('"beep",', "", r"thresholds must be 2 numbers"),
        ("8000", "1", "rate_hz"),
        ('"foa",\n "window"', '"mono",\n "window"', "channel_format"),
        ("classwise-xyz", "sideways", "target"),
    ]:
        assert old in told
        with pytest.raises(CheckpointError, match=f"^here: .*{fault}"):
            read_card(told.replace(old, new), where="here")


def test_models_are_found_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "shipped", lambda: [TOYS / "foa.onnx", TOYS / "tetra.onnx"])
    assert resolve("tetra") == TOYS / "tetra.onnx"
    assert resolve(str(TOYS / "whole.onnx")) == TOYS / "whole.onnx"
    with pytest.raises(CheckpointError, match=r"shipped one \(foa, tetra\) or a file, but 'fao'"):
        resolve("fao")


def test_what_ships_is_sound() -> None:
    for path in shipped():
        card = card_of(path)
        assert card.name == path.stem
        assert card.licence
        assert card.recipe
