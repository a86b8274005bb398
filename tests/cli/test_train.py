"""The door of `train`: what it refuses, and in how many words."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sonoscope.cli.train import train
from sonoscope.core.errors import SonoscopeError

APP = typer.Typer()
APP.command()(train)


def refused(*words: str) -> str:
    """Run it and give its refusal."""
    result = CliRunner().invoke(APP, list(words))
    assert isinstance(result.exception, SonoscopeError), result.output
    return str(result.exception)


def test_without_the_extra_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def without_torch(name: str, *rest: Any) -> Any:
        return None if name == "torch" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    assert refused("x.toml", "--out", str(tmp_path)) == (
        "sonoscope train needs the training extra: pip install 'sonoscope[train]'"
    )


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere.toml: a recipe must be a file" in refused(
        str(tmp_path / "nowhere.toml"), "--out", str(tmp_path / "out")
    )
    assert not (tmp_path / "out").exists()


def test_clips_without_a_folder_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SONOSCOPE_DATA", raising=False)
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\nlabels = ["dog"]\n[data]\nesc50_folds = [1]\n')
    assert "--data must be the folder" in refused(str(path), "--out", str(tmp_path / "out"))


def test_a_recipe_without_sounds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\nlabels = ["dog"]\n')
    assert "data must name some sounds" in refused(str(path), "--out", str(tmp_path / "out"))
