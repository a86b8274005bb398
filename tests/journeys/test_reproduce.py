"""A user repeats a table of the paper: what is refused, and what is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from sonoscope.cli.main import main
from sonoscope.training import seld_tables
from sonoscope.training.clips import ega_tables
from tests.training import tiny_set
from tests.training.clips import tiny_clips

WORDS = ["--data", "nowhere", "--out", "out"]


@pytest.fixture
def tiny_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny table stand for one of the paper's."""
    table = replace(tiny_set.TABLE, name="seld-table3")
    monkeypatch.setattr(seld_tables, "TABLES", {"seld-table3": table})
    monkeypatch.setattr(seld_tables, "SCALES", {"small": tiny_set.SCALE})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seld-table7", *WORDS], "NAME must be one of seld-table3"),
        (["seld-table4", *WORDS, "--folds", "1,x"], "--folds must be numbers"),
        (["seld-table4", *WORDS, "--folds", "5"], "folds must be among 1, 2, 3, 4"),
        (["seld-table4", *WORDS, "--rows", "none,cse"], "rows of seld-table4 must be among none"),
        (["seld-table4", *WORDS, "--scale", "tiny"], "'tiny' is not one of"),
        (["seld-table4", *WORDS, "--seeds", "0"], "greater than or equal to 1"),
        (["seld-table4", *WORDS, "--set", "esc50"], "--set must be left out with seld-table4"),
        (["ega-table4", *WORDS], "ega-table1, ega-table2, ega-table3, but ega-table4"),
        (["ega-table1", *WORDS, "--format", "foa"], "--format must be left out with ega-table1"),
        (["ega-table1", *WORDS, "--folds", "6"], "folds must be among 1 to 5, but 6"),
        (["ega-table3", *WORDS, "--format", "foa"], "--format must be left out with ega-table3"),
        (["ega-table2", *WORDS, "--rows", "EGA,x"], "rows of ega-table2 must be among baseline"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["reproduce", *words]) == 2
    errors = capsys.readouterr().err
    assert told in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_table_row_by_row(
    tmp_path: Path, tiny_tables: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_set.write_set(tmp_path / "data")
    out = tmp_path / "out"
    words = ["reproduce", "seld-table3", "--data", str(tmp_path / "data"), "--out", str(out)]
    words += ["--device", "cpu", "--seeds", "1", "--folds", "1"]
    assert main([*words, "--rows", "CRNN", "--format", "mic"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "seld-table3-mic.md")
    before = (out / "seld-table3-mic.md").read_text()
    assert "Differences from CNN come as soon as it has a result." in before
    assert len(list(out.glob("runs/*/result.json"))) == 1
    assert main([*words, "--format", "foa", "--directions", "strict", "--rows", "CNN"]) == 0
    assert len(list(out.glob("runs/*/result.json"))) == 2
    assert "in the mode `strict`" in (out / "seld-table3-foa.md").read_text()
    assert (out / "seld-table3-mic.md").read_text() == before


@pytest.mark.slow
def test_a_table_of_clip_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ega_tables, "TABLES", {"ega-table2": tiny_clips.TABLE})
    monkeypatch.setattr(ega_tables, "SCALES", {"small": tiny_clips.SCALE})
    data, out = tiny_clips.write_esc10(tmp_path / "data"), tmp_path / "out"
    words = ["reproduce", "ega-table2", "--data", str(data), "--out", str(out), "--device", "cpu"]
    assert main([*words, "--rows", "one"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "ega-table2-esc10.md")
    assert len(list(out.glob("runs/efficientnet-esc10-fold[12]-seed0-*/result.json"))) == 2
    assert main([*words, "--rows", "one,wild", "--folds", "2"]) == 1
    told = capsys.readouterr().err
    assert "(failed: the loss must be a number" in told.splitlines()[-1]


def test_data_that_are_not_there_are_refused_before_anything_is_made(
    tmp_path: Path, tiny_tables: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["reproduce", "seld-table3", *words]) == 2
    assert str(tmp_path / "tau2019") in capsys.readouterr().err
    assert main(["reproduce", "ega-table2", *words]) == 2
    assert f"{tmp_path / 'esc50'} must hold esc50.csv" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
