"""Scoring as a user does it: files and folders, names and indices, a table or JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from sonoscope.cli.score import score
from sonoscope.core.errors import InputError, SettingError

TRUTH = "sound_event_recording,start_time,end_time,ele,azi,dist\nspeech,1.0,2.0,0,30,1\n"
OURS = "label,onset_s,offset_s,azimuth_deg,elevation_deg,score\nspeech,1.0,2.0,40,0,0.9\n"
HEARD = "".join(f"{frame},5,30,0\n" for frame in range(50, 100))


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command("score")(score)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def asked(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--metric", "dcase2019", "--json")
    assert result.exception is None, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    assert list(answer) == ["ER", "F", "DE", "FR", "SELD"]
    return answer


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_names_against_indices_of_2019(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=HEARD)
    perfect = {"ER": 0, "F": 1, "DE": 0, "FR": 1, "SELD": 0}
    assert asked(tmp_path / "truth.csv", tmp_path / "heard.csv", "--mode", "strict") == perfect
    assert asked(tmp_path / "heard.csv", tmp_path / "truth.csv", "--mode", "strict") == perfect


def test_two_kinds_of_names(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=OURS)
    answer = asked(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert answer["F"] == pytest.approx(1)
    assert answer["DE"] == pytest.approx(10)


def test_labels_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH.replace("speech", "robin"), heard=HEARD)
    paths = tmp_path / "truth.csv", tmp_path / "heard.csv"
    refused = run(*paths)
    assert isinstance(refused.exception, SettingError)
    assert "--labels" in str(refused.exception)
    assert "robin" in str(refused.exception)
    names = "a, b, c, d, e, robin"
    assert asked(*paths, "--labels", names, "--mode", "strict")["F"] == 1
    too_few = run(*paths, "--labels", "robin,b")
    assert isinstance(too_few.exception, InputError)
    assert "heard.csv" in str(too_few.exception)
    assert isinstance(run(*paths, "--labels", "a,,b").exception, SettingError)
    assert isinstance(run(*paths, "--labels", "a,a").exception, SettingError)


def test_folders_are_paired_by_name_and_what_is_missing_is_said(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH, three=TRUTH)
    heard = write(tmp_path / "heard", one=HEARD, three="", four=HEARD)
    result = run(truth, heard, "--json", "--mode", "strict")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["ER"] == pytest.approx(2 / 3)
    assert answer["F"] == pytest.approx(0.5)
    assert result.stderr.splitlines() == [
        f"{heard / 'four.csv'}: no reference, left out",
        f"{truth / 'two.csv'}: no prediction, counted as empty",
    ]


def test_the_folders_of_analyze_are_predictions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH)
    heard = tmp_path / "heard"
    for name, text in (("one", OURS), ("two", OURS.replace("speech", "cough"))):
        write(heard / name, events=text)
    assert asked(truth, heard)["F"] == pytest.approx(0.5)


def test_deleting_predictions_does_not_help(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", one=TRUTH, two=TRUTH)
    all_heard = asked(truth, write(tmp_path / "heard", one=HEARD, two=HEARD))
    one_heard = asked(truth, write(tmp_path / "less", one=HEARD))
    assert one_heard["SELD"] > all_heard["SELD"]


def test_what_has_no_value_is_null(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard="")
    answer = asked(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert answer["DE"] is None
    assert answer["SELD"] is None
    assert asked(tmp_path / "heard.csv", tmp_path / "truth.csv")["ER"] is None


def test_the_table_says_what_the_numbers_mean(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard=HEARD)
    result = run(tmp_path / "truth.csv", tmp_path / "heard.csv")
    assert result.exit_code == 0
    for word in ("official", "ER", "SELD", "frame by", "error rate", "1 recording"):
        assert word in result.stdout


def test_a_given_duration_counts_the_silence(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH, heard="")
    paths = tmp_path / "truth.csv", tmp_path / "heard.csv", "--mode", "strict"
    assert asked(*paths)["FR"] == 0.5
    assert asked(*paths, "--duration", 10)["FR"] == 0.9


def test_refusals_name_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "truth", one=TRUTH)
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, message in (
        ((folder, folder / "one.csv"), "both be files or both be folders"),
        ((empty, folder), "empty: must hold csv files"),
        ((folder, tmp_path / "none"), "none: does not exist"),
        ((folder / "one.csv", write(tmp_path, bad="a,b\n") / "bad.csv"), "bad.csv: line 1"),
    ):
        refused = run(*arguments)
        assert isinstance(refused.exception, InputError)
        assert message in str(refused.exception)
