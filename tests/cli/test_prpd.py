"""The verb `prpd`: tables, picture and words for a recording, refusals in one line."""

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.signal.pulse_sounds import RATE_HZ, floating_bars

from sonoscope.cli import main as door
from sonoscope.core import audio
from sonoscope.core.audio import Recording


def written(path: Path, samples: Float[ndarray, "channel sample"], rate_hz: int = RATE_HZ) -> str:
    audio.write(path, Recording(samples.astype(np.float32), rate_hz))
    return str(path)


@pytest.fixture(scope="module")
def bars() -> Float[ndarray, "1 sample"]:
    return floating_bars(50.07, 2.0)[0][None]


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert door.main(["prpd", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_a_discharge_is_told_to_people(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bars.wav", bars)
    assert door.main(["prpd", file, "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "bars.wav: 1 channel, 96000 Hz, 2.00 s" in out
    assert "verdict    floating part" in out
    assert "clock      locked to mains of 50.0" in out
    assert "by chance: less than 1e-9" in out
    assert "absolute phase and polarity" in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"bars.pattern.csv", "bars.curves.csv", "bars.prpd.svg"}


def test_tables_picture_and_object_say_the_same(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bars.wav", bars)
    answer = asked(capsys, file, "--out", str(tmp_path), "--band", "20,40")
    assert answer["verdict"] == "floating"
    assert answer["band_hz"] == [20_000, 40_000]
    assert abs(answer["mains"]["hz"] - 50.07) < 5e-3
    assert answer["false_alarm"] < 1e-9
    assert sum(answer["shares"].values()) == pytest.approx(1, abs=1e-3)
    with Path(answer["files"]["pattern"]).open() as table:
        cells = list(csv.DictReader(table))
    assert sum(int(cell["count"]) for cell in cells) == answer["clear_pulses"]
    with Path(answer["files"]["curves"]).open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 72
    assert sum(int(row["count"]) for row in rows) == answer["clear_pulses"]
    svg = ElementTree.parse(answer["files"]["picture"]).getroot()
    texts = {element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert "bars.wav" in texts
    assert any(text and text.startswith("floating part: ") for text in texts)


def test_two_sources_are_told_when_asked(
    tmp_path: Path, bars: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bars.wav", bars)
    answer = asked(capsys, file, "--out", str(tmp_path), "--two")
    assert answer["kinds"] == [answer["two_sources"][name]["kind"] for name in ("first", "second")]
    assert "if these are two sources" in (tmp_path / "bars.prpd.svg").read_text()


def test_noise_is_told_as_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, RATE_HZ))
    answer = asked(capsys, written(tmp_path / "n.wav", noise), "--out", str(tmp_path))
    assert answer["verdict"] == "nothing"
    assert answer["mains"] is None
    assert answer["shares"] is None
    assert answer["channels"] == "the mean power of 2 channels, without regard to directions"
    assert "NaN" not in json.dumps(answer)
    assert door.main(["prpd", str(tmp_path / "n.wav"), "--out", str(tmp_path)]) == 0
    assert "nothing that stands out of the noise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--band", "20,60"], "band must lie within 2 and 46 kHz at 96000 Hz, but 20 to 60 kHz"),
        (["--band", "40,20"], "--band must be two rising frequencies in kHz"),
        (["--band", "x"], "--band must be two rising frequencies in kHz"),
        (["--mains", "55"], "--mains must be 50, 60 or 16.7, but 55 was given"),
        (["--channel", "2"], "channel must be one of 1"),
        (["--channel", "0"], "channel"),
    ],
)
def test_refusals_are_one_line(
    tmp_path: Path,
    bars: ndarray,
    options: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(tmp_path / "bars.wav", bars[:, : RATE_HZ // 2])
    assert door.main(["prpd", file, "--out", str(tmp_path / "out"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_rate_without_ultrasound_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "low.wav", np.zeros((1, 16_000)), 16_000)
    assert door.main(["prpd", file, "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"sonoscope: {file}: rate must be at least 32000 Hz to hold 8 to 14 kHz")
    short = written(tmp_path / "short.wav", np.zeros((1, 960)))
    assert door.main(["prpd", short, "--out", str(tmp_path)]) == 2
    assert "must be at least 0.25 s long" in capsys.readouterr().err
    assert door.main(["prpd", str(tmp_path / "none.wav"), "--out", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
