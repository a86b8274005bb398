"""The door of `classify`: names on the screen, in tables and on a page; what it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.inference.clip_toy import CARD, RATE_HZ, WINDOW, toy

from sonoscope import pipeline
from sonoscope.cli.main import main
from sonoscope.core.audio import Recording, write
from sonoscope.core.event_table import read_events
from sonoscope.inference import model_file
from sonoscope.inference.classifier import Classifier
from sonoscope.targets.clip_card import ClipCard

DETECTOR = Path(__file__).parents[1] / "inference" / "toys" / "foa.onnx"


def sound(*levels: float) -> np.ndarray:
    """Give a tenth of a second, which is a window, at each level."""
    return np.repeat(np.array(levels, np.float32), WINDOW)[None]


def recording(path: Path, *levels: float) -> str:
    write(path, Recording(sound(*levels), RATE_HZ))
    return str(path)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(toy(tmp_path / "toy.onnx"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_clip_is_one_line(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip = recording(tmp_path / "a.wav", 0.1)
    assert main(["classify", clip, "--model", model]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{clip}: positive 1.00, then negative 0.00\n"
    assert printed.err == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.wav", "toy.onnx"]


def test_what_is_not_sure_is_unknown(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = recording(tmp_path / "a.wav", 0.1, 0.1, -0.1)
    assert main(["classify", mixed, "--model", model]) == 0
    assert capsys.readouterr().out == (
        f"{mixed}: unknown, likeliest positive 0.70, negative 0.30; 3 spans in 0.30 s\n"
    )


def test_silence_is_said_to_be(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    silent, out = recording(tmp_path / "a.wav", 0), tmp_path / "out"
    assert main(["classify", silent, "--model", model, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{silent}: unknown, silence\n"
    assert [row["likeliest"] for row in rows(out / "names.csv")] == ["", ""]


def test_long_recordings_get_a_timeline_and_a_page(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    long, short = (
        recording(tmp_path / "long.wav", 0.1, 0.1, -0.1),
        recording(tmp_path / "short.wav", -0.1),
    )
    out = tmp_path / "out"
    assert main(["classify", long, short, "--model", model, "--out", str(out), "--json"]) == 0
    first, second = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert [first["label"], second["label"]] == ["unknown", "negative"]
    assert first["likeliest"][0]["label"] == "positive"
    assert [event["label"] for event in first["events"]] == ["positive", "unknown", "negative"]
    assert first["events"][-1]["offset_s"] == 0.3
    assert second["files"] == {}
    assert sorted(each.name for each in out.iterdir()) == ["index.html", "long", "names.csv"]
    assert {path.name for path in (out / "long").iterdir()} == {
        "events.csv", "events.json", "audacity.txt", "raven.txt", "report.html",
    }  # fmt: skip
    events = read_events(out / "long" / "events.csv")
    assert [event.label for event in events] == ["positive", "unknown", "negative"]
    assert [event.onset_s for event in events] == pytest.approx([0, 0.175, 0.225])


def test_the_csv_has_the_whole_and_every_window(tmp_path: Path, model: str) -> None:
    files = [
        recording(tmp_path / "long.wav", 0.1, 0.1, -0.1),
        recording(tmp_path / "short.wav", -0.1),
    ]
    assert main(["classify", *files, "--model", model, "--out", str(tmp_path / "out")]) == 0
    table = rows(tmp_path / "out" / "names.csv")
    assert [row["part"] for row in table] == ["whole", *["window"] * 5, "whole", "window"]
    assert {row["file"] for row in table} == {"long.wav", "short.wav"}
    assert [row["label"] for row in table[:6]] == [
        "unknown", "positive", "positive", "positive", "unknown", "negative",
    ]  # fmt: skip
    assert (table[0]["probability"], table[0]["likeliest"]) == ("0.7", "positive")
    assert [float(row["start_s"]) for row in table[1:6]] == [0, 0.05, 0.1, 0.15, 0.2]
    assert [float(row["end_s"]) for row in table[1:6]] == [0.1, 0.15, 0.2, 0.25, 0.3]


def test_the_page_speaks_of_names_and_not_of_directions(tmp_path: Path, model: str) -> None:
    long = recording(tmp_path / "long.wav", 0.1, 0.1, -0.1)
    assert main(["classify", long, "--model", model, "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "long" / "report.html").read_text()
    assert "As a whole: unknown, likeliest positive 0.70; then negative 0.30." in page
    assert "Over time: positive 58 %, negative 25 %, unknown 17 %." in page
    assert "5 of 0.1 s, every 0.05 s" in page
    assert page.count('<svg class="plot"') == 2  # spectrogram and activity
    body = page[page.index("<body") : page.index("<script")]
    for word in ("direction", "zimuth", "levation", "Where from"):
        assert word not in body


def test_files_of_any_kind_and_some_that_are_none(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stereo = tmp_path / "stereo.flac"
    write(stereo, Recording(np.tile(np.full(9_600, 0.1, np.float32), (2, 1)), 96_000))
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    files = [str(stereo), str(bad), str(tmp_path / "nowhere.wav")]
    assert main(["classify", *files, "--model", model, "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{stereo}: positive 1.00")
    assert [each.partition(": ")[0] for each in printed.err.splitlines()] == ["sonoscope"] * 2
    assert "bad.wav" in printed.err
    assert "could not be analysed" in (tmp_path / "out" / "index.html").read_text()
    assert main(["classify", *files[1:], "--model", model]) == 2


def test_equal_names_are_told_apart(tmp_path: Path, model: str) -> None:
    (tmp_path / "b").mkdir()
    files = [
        recording(tmp_path / "x.wav", 0.1, 0.1, 0.1),
        recording(tmp_path / "b" / "x.wav", -0.1, -0.1),
    ]
    out = tmp_path / "out"
    assert main(["classify", *files, "--model", model, "--out", str(out)]) == 0
    assert (out / "x" / "report.html").exists()
    assert (out / "x-2" / "report.html").exists()
    assert [row["file"] for row in rows(out / "names.csv") if row["part"] == "whole"] == files


def test_a_dull_recording_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = ClipCard("high", "1", CARD.labels, rate_hz=16_000, window=WINDOW)
    clip = recording(tmp_path / "a.wav", 0.1)
    assert main(["classify", clip, "--model", str(toy(tmp_path / "high.onnx", card))]) == 0
    assert "ends at 4 kHz and the model listens up to 8 kHz" in capsys.readouterr().err


def test_without_a_shipped_model_it_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "shipped", lambda: [DETECTOR])
    assert main(["classify", recording(tmp_path / "a.wav", 0.1)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for word in ("--model", "sonoscope train", "sonoscope export"):
        assert word in told


def test_the_shipped_model_is_found_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ships = [DETECTOR, toy(tmp_path / f"{pipeline.SOUNDS_MODEL}.onnx")]
    monkeypatch.setattr(pipeline, "shipped", lambda: ships)
    monkeypatch.setattr(model_file, "shipped", lambda: ships)
    assert main(["classify", recording(tmp_path / "a.wav", 0.1)]) == 0
    assert "positive 1.00" in capsys.readouterr().out


def test_each_kind_of_model_is_for_its_own_verb(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = recording(tmp_path / "a.wav", 0.1)
    assert main(["classify", clip, "--model", str(DETECTOR)]) == 2
    told = capsys.readouterr().err
    assert "detects and locates, which is for `sonoscope analyze`" in told
    assert told.count("\n") == 1
    assert main(["analyze", clip, "--model", model, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "names clips, which is for `sonoscope classify`" in told
    assert told.count("\n") == 1


def test_a_model_that_sees_patterns_is_refused_before_any_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy(tmp_path / "p.onnx")
    session = Classifier.load(path)._session
    card = ClipCard("p", "1", ("a", "b"), hears=("prpd",), pattern=(36, 32))
    monkeypatch.setattr(Classifier, "load", lambda _: Classifier(card, session))
    assert main(["classify", "nowhere.wav", "--model", str(path)]) == 2
    assert capsys.readouterr().err == (
        "sonoscope: p: a model must hear sound alone to name recordings, but it takes prpd\n"
    )
