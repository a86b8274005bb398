"""From a recording to tables and a report, through the command as a user types it.

The model is one of the toys, which hear three pure tones and point at them, so that the right
answer is known for any recording made here.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.cli.main import main
from sonoscope.core import event_table
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.audio import Recording, write
from sonoscope.core.event import Event
from sonoscope.inference import model_file
from sonoscope.signal.sphere import array_response
from tests.journeys.bad_files import write_corpus

TOYS = Path(__file__).parents[1] / "inference" / "toys"
SCRIPT = [("hum", 500.0, 0.5, 1.5, 30.0, 20.0), ("beep", 1000.0, 2.1, 3.2, -100.0, -40.0)]
FORMS = ["audacity", "dcase2019", "dcase2020", "events_csv", "events_json", "raven", "report"]


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the toys be what ships."""
    monkeypatch.setattr(model_file, "shipped", lambda: [TOYS / "foa.onnx", TOYS / "tetra.onnx"])


def gains(name: str, azimuth: float, elevation: float, tone_hz: float) -> list[complex]:
    """What a plane wave does to each channel of a format."""
    flat = np.cos(elevation)
    x, y, z = flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)
    root = 3**0.5
    arrays = {"tetra": TETRAHEDRON, "array": ARRAY}
    if name in arrays:
        response = array_response(arrays[name], np.array([[x, y, z]]), np.array([tone_hz]))
        return list(response[0, :, 0])
    known: dict[str, list[complex]] = {
        "foa": [1, y, z, x],
        "n3d": [1, root * y, root * z, root * x],
        "fuma": [0.5**0.5, x, y, z],
        "mono": [1],
        "stereo": [1, 1],
    }
    return known[name]


ARRAY = MicArray(
    "six",
    tuple((0.05 * a, 0.05 * b, 0.05 * c) for a, b, c in
          [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]),
    "open",
)  # fmt: skip


def sound(name: str, rate_hz: int = 24_000, seconds: float = 4.0) -> Float[ndarray, "channel _"]:
    """The script's tones in a little noise."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    mixed = 0.0
    for _, tone_hz, onset, offset, azimuth, elevation in SCRIPT:
        gain = np.array(gains(name, np.deg2rad(azimuth), np.deg2rad(elevation), tone_hz))
        wave = 0.1 * np.exp(2j * np.pi * tone_hz * time) * ((time >= onset) & (time < offset))
        mixed = mixed + (gain[:, None] * wave).real
    noise = np.random.default_rng(4).normal(size=np.shape(mixed))
    return np.asarray(mixed + 1e-4 * noise, np.float32)


def record(path: Path, name: str = "foa", rate_hz: int = 24_000, seconds: float = 4.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, Recording(sound(name, rate_hz, seconds), rate_hz))
    return path


def analysed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["analyze", *map(str, arguments), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


def check_script(
    events: list[dict[str, Any]],
    *,
    directed: bool = True,
    within_deg: float = 1.0,
    within_s: float = 0.08,
) -> None:
    assert [event["label"] for event in events] == ["hum", "beep"]
    for event, (_, _, onset, offset, azimuth, elevation) in zip(events, SCRIPT, strict=True):
        assert event["onset_s"] == pytest.approx(onset, abs=within_s)
        assert event["offset_s"] == pytest.approx(offset, abs=within_s)
        if directed:
            assert event["azimuth_deg"] == pytest.approx(azimuth, abs=within_deg)
            assert event["elevation_deg"] == pytest.approx(elevation, abs=within_deg)
        else:
            assert (event["azimuth_deg"], event["elevation_deg"]) == (None, None)


def test_the_object_that_others_rely_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(tmp_path / "take.wav", rate_hz=48_000)
    answer = analysed(capsys, path, "--out", tmp_path / "out")
    assert list(answer) == ["file", "duration_s", "events", "files"]
    assert (answer["file"], answer["duration_s"]) == (str(path), 4.0)
    keys = ["label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "score", "spread_deg"]
    assert all(list(event) == keys for event in answer["events"])
    assert all(0.9 < event["score"] <= 1 for event in answer["events"])
    check_script(answer["events"])
    assert sorted(answer["files"]) == FORMS
    there = {str(file) for file in (tmp_path / "out" / "take").iterdir()}
    assert there == set(answer["files"].values())


def test_every_table_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = analysed(capsys, record(tmp_path / "a.flac"), "--out", tmp_path)["files"]
    for form in ("events_csv", "events_json", "audacity", "raven", "dcase2019", "dcase2020"):
        events: tuple[Event, ...] = event_table.read_events(
            Path(files[form]), ("hum", "beep", "whistle")
        )
        check_script(event_table.to_json(events), within_s=0.08 if form != "dcase2020" else 0.13)


@pytest.mark.parametrize("name", ["foa", "n3d", "fuma"])
def test_every_scale_of_ambisonics_points_the_same_way(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "a.wav", name)
    check_script(analysed(capsys, path, "--out", tmp_path, "--format", name)["events"])


@pytest.mark.parametrize("name", ["foa", "tetra"])
def test_the_format_is_guessed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "a.wav", name)
    assert main(["analyze", str(path), "--out", str(tmp_path)]) == 0
    assert f"4.00 s, {name}, 2 events" in capsys.readouterr().out.replace("\n", "")


def test_a_tetrahedron_may_be_encoded_for_an_foa_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "a.wav", "tetra")
    told = ("--format", "tetra", "--model", "foa")
    check_script(analysed(capsys, path, "--out", tmp_path, *told)["events"], within_deg=5)


def test_any_array_by_its_geometry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ", ".join(str(list(row)) for row in ARRAY.positions_m)
    geometry = tmp_path / "six.toml"
    geometry.write_text(f'name = "six"\nbaffle = "open"\ncapsules_m = [{rows}]\n')
    path = record(tmp_path / "a.wav", "array")
    answer = analysed(capsys, path, "--out", tmp_path, "--format", geometry)
    check_script(answer["events"], within_deg=5)


@pytest.mark.parametrize("name", ["mono", "stereo"])
def test_no_direction_is_invented(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = analysed(capsys, record(tmp_path / "a.wav"), "--out", tmp_path)["files"]
    answer = analysed(capsys, record(tmp_path / "a.wav", name), "--out", tmp_path)
    check_script(answer["events"], directed=False)
    assert sorted(answer["files"]) == [form for form in FORMS if not form.startswith("dcase")]
    assert not Path(before["dcase2019"]).exists()  # nothing of an older analysis stays
    for event in event_table.read_events(Path(answer["files"]["events_csv"])):
        assert event.path == ()


def test_a_model_for_capsules_refuses_other_channels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "a.wav")
    told = ["--format", "fuma", "--model", "tetra"]
    assert main(["analyze", str(path), "--out", str(tmp_path), *told]) == 2
    assert "must be of the tetrahedron, but fuma was given" in capsys.readouterr().err


def test_the_truth_is_shown_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = tmp_path / "truth.csv"
    rows = [f"{label},{a},{b},{azi},{ele}\n" for label, _, a, b, azi, ele in SCRIPT]
    truth.write_text("label,onset_s,offset_s,azimuth_deg,elevation_deg\n" + "".join(rows))
    path = record(tmp_path / "a.wav")
    assert main(["analyze", str(path), "--out", str(tmp_path), "--truth", str(truth)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "against the truth (DCASE 2019, strict): ER 0, F 1, DE 0.0" in told
    assert "Reference events (2)" in (tmp_path / "a" / "report.html").read_text()


def test_several_recordings_and_a_bad_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [record(tmp_path / "one" / "a.wav"), record(tmp_path / "two" / "a.wav", "mono")]
    bad = tmp_path / "b.wav"
    bad.write_text("not sound")
    out = tmp_path / "out"
    files = [str(path) for path in (good[0], bad, good[1])]
    assert main(["analyze", *files, "--out", str(out), "--json"]) == 1
    told = capsys.readouterr()
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert [answer["file"] for answer in answers] == [files[0], files[2]]
    assert told.err.startswith(f"sonoscope: {bad}: must be a sound file")
    assert told.err.count("\n") == 1
    assert sorted(path.name for path in out.iterdir()) == ["a", "a-2", "events.csv", "index.html"]
    with (out / "events.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [(row["file"], row["label"]) for row in rows] == [
        (file, label) for file in (files[0], files[2]) for label in ("hum", "beep")
    ]
    page = (out / "index.html").read_text()
    assert "./a/report.html" in page
    assert "./a-2/report.html" in page
    assert "could not be analysed" in page


def test_nothing_of_a_refused_recording_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sick = sound("foa", seconds=40.0)
    path = tmp_path / "a.wav"
    write(path, Recording(sick, 24_000))
    data = bytearray(path.read_bytes())
    data[-16:-12] = np.float32("nan").tobytes()
    path.write_bytes(bytes(data))
    assert main(["analyze", str(path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "samples must be finite numbers, but nan was given at 39.99" in told.err
    assert not (tmp_path / "out").exists()


def test_long_sound_is_heard_by_blocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seven blocks, each event where it belongs in time."""
    once = sound("foa", 8_000)
    path = tmp_path / "long.wav"
    write(path, Recording(np.tile(once, (1, 10)), 8_000))
    events = analysed(capsys, path, "--out", tmp_path)["events"]
    assert len(events) == 20
    for i in range(10):
        shifted = [
            event | {"onset_s": event["onset_s"] - 4 * i, "offset_s": event["offset_s"] - 4 * i}
            for event in events[2 * i : 2 * i + 2]
        ]
        check_script(shifted)


def test_a_truncated_file_is_analysed_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "a.wav", seconds=6.0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    assert main(["analyze", str(path), "--out", str(tmp_path), "--json"]) == 0
    told = capsys.readouterr()
    check_script(json.loads(told.out)["events"])
    assert told.err.startswith(f"sonoscope: {path}: the file is truncated")
    assert "the file is truncated" in (tmp_path / "a" / "report.html").read_text()


def test_a_name_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(tmp_path / "good.wav").rename(tmp_path / "b\udcff[red].wav")
    answer = analysed(capsys, path, "--out", tmp_path)
    check_script(answer["events"])


@pytest.mark.slow
def test_bad_input_costs_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    assert len(corpus) >= 40
    for i, bad in enumerate(corpus):
        out = tmp_path / f"out-{i}"
        code = main(["analyze", str(bad.path), "--out", str(out), "--json", *bad.options])
        told = capsys.readouterr()
        if bad.refused:
            assert (code, told.out) == (2, ""), bad.name
            assert told.err.startswith("sonoscope: "), bad.name
            assert told.err.count("\n") == 1, bad.name
            assert str(bad.at_fault) in told.err or str(bad.path) in told.err, bad.name
            assert not out.exists(), bad.name
        else:
            assert code == 0, (bad.name, told.err)
            assert Path(json.loads(told.out)["files"]["report"]).exists()
            assert told.err.count("\n") <= 1, bad.name


@pytest.mark.slow
def test_bad_files_do_not_stop_the_good_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds = [bad for bad in write_corpus(tmp_path) if bad.culprit == "sound" and not bad.options]
    refused = [bad for bad in sounds if bad.refused]
    good = record(tmp_path / "the good one.wav")
    files = [str(bad.path) for bad in refused]
    code = main(["analyze", *files, str(good), "--out", str(tmp_path / "out"), "--json"])
    told = capsys.readouterr()
    assert code == 1
    check_script(json.loads(told.out)["events"])
    assert len(told.err.splitlines()) == len(refused) >= 20


def test_listening_loads_no_torch(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav")
    code = (
        "import sys; from sonoscope.cli.main import main\n"
        f"code = main(['analyze', {str(path)!r}, '--out', {str(tmp_path)!r}, '--json', "
        f"'--model', {str(TOYS / 'foa.onnx')!r}])\n"
        "print(code, sorted({'torch', 'onnx', 'matplotlib', 'librosa'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n0 []\n")
    assert done.stderr == ""
