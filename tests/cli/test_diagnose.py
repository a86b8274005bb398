"""The verb `diagnose`: what it prints and writes, and what it refuses, in one line."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.inference.discharge_toy import card_with, toy
from tests.signal.pulse_sounds import RATE_HZ, floating_bars

from sonoscope.cli.main import main
from sonoscope.core import audio
from sonoscope.core.audio import Recording

BY_REFERENCES = ("--model", "references")
NOT_CALIBRATED = "whose figures are no probabilities"


def written(path: Path, samples: Float[ndarray, "channel sample"], rate_hz: int = RATE_HZ) -> str:
    audio.write(path, Recording(samples.astype(np.float32), rate_hz))
    return str(path)


@pytest.fixture(scope="module")
def bars() -> Float[ndarray, "1 sample"]:
    return floating_bars(50.07, 2.0)[0][None]


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["diagnose", *arguments, *BY_REFERENCES, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_a_discharge_is_told_to_people_and_nothing_is_written(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bars.wav", bars)
    assert main(["diagnose", file, *BY_REFERENCES]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{file}: Signs of a floating part\n")
    assert "Pulses keep mains of 50.0" in out
    assert re.search(r"pulses a cycle (3.9|4.0)", out)
    assert err.count("\n") == 1
    assert NOT_CALIBRATED in err
    assert [path.name for path in tmp_path.iterdir()] == ["bars.wav"]


def test_several_recordings_get_a_page_each_an_index_and_one_csv(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal((1, RATE_HZ))
    files = [written(tmp_path / "bars.wav", bars), written(tmp_path / "noise.wav", noise)]
    out = tmp_path / "out"
    code = main(["diagnose", *files, str(tmp_path / "none.wav"), "--out", str(out), *BY_REFERENCES])
    assert code == 1
    assert "none.wav" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"bars", "noise", "index.html", "diagnoses.csv"}
    assert {path.name for path in (out / "bars").iterdir()} == {"report.html", "windows.csv"}
    with (out / "diagnoses.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["status"] for row in rows] == ["found", "nothing", ""]
    assert "Signs of a floating part" in (out / "bars" / "report.html").read_text()


def test_the_object_holds_every_window_and_what_to_do(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = asked(capsys, written(tmp_path / "bars.wav", bars), "--out", str(tmp_path / "out"))
    assert answer["status"] == "found"
    assert answer["kinds"][0]["kind"] == "floating"
    assert answer["named_by"] == "references"
    assert len(answer["windows"]) == 1
    assert answer["strongest"] == answer["windows"][0]
    assert abs(answer["strongest"]["clock_hz"] - 50.07) < 5e-3
    assert len(answer["next"]) >= 3
    assert Path(answer["files"]["report"]).is_file()
    assert NOT_CALIBRATED in answer["warnings"][0]


def test_one_channel_of_several_is_heard_and_shown(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = 2e-3 * np.random.default_rng(2).standard_normal(bars.shape)
    file, out = written(tmp_path / "two.wav", np.concatenate([noise, bars])), tmp_path / "out"
    second = asked(capsys, file, "--channel", "2", "--out", str(out))
    assert (second["status"], second["channels"]) == ("found", "channel 2 of 2")
    assert "channel 2 of 2" in (out / "two" / "report.html").read_text()
    assert asked(capsys, file, "--channel", "1")["status"] == "nothing"
    both = asked(capsys, file, "--out", str(out))
    assert both["kinds"][0]["kind"] == "floating"
    assert both["channels"].startswith("the mean power of 2 channels")


@pytest.mark.parametrize("labels", [("corona", "floating", "brush"), ("one", "two", "three")])
def test_a_network_names_two_at_once_and_kinds_of_its_own(
    tmp_path: Path,
    bars: ndarray,
    labels: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = toy(tmp_path / "toy.onnx", card_with(labels=labels, trained_on="nothing at all"))
    told = ["--model", str(model), "--out", str(tmp_path / "out"), "--json"]
    assert main(["diagnose", written(tmp_path / "a.wav", bars), *told]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    answer = json.loads(printed.out)
    assert answer["named_by"] == "toy"
    assert {each["kind"] for each in answer["kinds"]} == {*labels[:2]}
    assert all(each["confidence"] > 0.9 for each in answer["kinds"])
    page = (tmp_path / "out" / "a" / "report.html").read_text()
    assert "the network toy 1" in page
    assert "nothing at all" in page
    assert NOT_CALIBRATED not in page


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(2 * RATE_HZ),
        0.3 * np.sin(2 * np.pi * 31_000 * np.arange(2 * RATE_HZ) / RATE_HZ),
        0.5 * np.sin(2 * np.pi * 100 * np.arange(2 * RATE_HZ) / RATE_HZ),
        0.1 * np.random.default_rng(1).standard_normal(2 * RATE_HZ),
        np.full(2 * RATE_HZ, 0.5),
    ],
    ids=["silence", "tone", "hum", "noise", "constant"],
)
def test_what_is_no_discharge_is_not_found(
    tmp_path: Path, sound: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = asked(capsys, written(tmp_path / "a.wav", sound[None]), "--out", str(tmp_path / "out"))
    assert answer["status"] == "nothing"
    assert answer["kinds"] == []
    assert answer["answer"] == "No discharge found"
    assert "Infinity" not in json.dumps(answer)
    assert "No discharge found" in (tmp_path / "out" / "a" / "report.html").read_text()


def test_without_ultrasound_all_is_tentative(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, _ = floating_bars(50.0, 2.0, rate_hz=48_000, centre_hz=14_000)
    answer = asked(capsys, written(tmp_path / "low.wav", sound[None], 48_000))
    assert answer["tentative"]
    assert answer["kinds"][0]["kind"] == "floating"
    assert any("ends at 24 kHz and holds no ultrasound" in told for told in answer["warnings"])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--mains", "55"], "--mains must be 50, 60 or 16.7, but 55 was given"),
        (["--channel", "2"], "--channel must be one of 1, but 2 was given"),
        (["--model", "none.onnx"], "'none.onnx' was given"),
    ],
)
def test_refusals_are_one_line(
    tmp_path: Path,
    bars: ndarray,
    options: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(tmp_path / "bars.wav", bars)
    given = options if "--model" in options else [*options, *BY_REFERENCES]
    assert main(["diagnose", file, "--out", str(tmp_path / "out"), *given]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_rates_and_lengths_that_hold_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    low = written(tmp_path / "low.wav", np.zeros((1, 16_000)), 16_000)
    short = written(tmp_path / "short.wav", np.zeros((1, 960)))
    for file, line in ((low, "must have 32 kHz or more"), (short, "must be at least 0.25 s long")):
        assert main(["diagnose", file, *BY_REFERENCES]) == 2
        err = capsys.readouterr().err
        assert file in err
        assert line in err
