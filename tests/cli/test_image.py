"""The verb `image`: what it prints, writes and paints, and what it refuses, in one line."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from PIL import Image
from tests.core.checkerboard import Truth, calibrated, photographed_boards
from tests.core.films import GREY, film
from tests.imaging.sound_fields import SPIRAL
from tests.inference.places_heard import Sounding, heard

from sonoscope.cli.main import main
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.camera import Camera, Pose
from sonoscope.core.direction import unit_vector
from sonoscope.core.video import frames, probe_video
from sonoscope.signal.ambisonics import foa_gains

RATE_HZ = 48_000
BAND = ("--band", "7.127,8.979")
UP_M = 0.08  # the camera stands so far above the array
SOURCES = [
    Sounding((3.0, 0.6, 0.4), 1e-3, (6000, 12000)),
    Sounding((3.0, -0.5, -0.3), 4e-4, (6000, 12000)),
]


def written(path: Path, samples: Float[ndarray, "channel sample"]) -> str:
    audio.write(path, Recording(samples.astype(np.float32), RATE_HZ))
    return str(path)


def geometry(path: Path, scale: float = 1.0, count: int = 24) -> str:
    rows = (scale * SPIRAL.positions[:count]).tolist()
    path.write_text(f'name = "spiral"\nbaffle = "open"\ncapsules_m = {rows}\n')
    return str(path)


def calibration(path: Path, camera: Camera) -> str:
    pose = camera.pose
    path.write_text(
        f"size_px = {list(camera.size_px)}\nfocal_px = {list(camera.focal_px)}\n"
        f"centre_px = {list(camera.centre_px)}\ndistortion = {list(camera.distortion)}\n"
        f"[pose]\nposition_m = {list(pose.position_m or ())}\n"
        f"azimuth_deg = {pose.azimuth_deg}\nelevation_deg = {pose.elevation_deg}\n"
    )
    return str(path)


SMALL = Camera(
    (160, 120), (130.0, 130.0), (79.5, 59.5),
    Pose(position_m=(0.0, 0.0, UP_M), azimuth_deg=0.0, elevation_deg=0.0), (-0.1, 0.02, 0.0, 0.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("image")
    written(made / "two.wav", heard(SPIRAL.positions, SOURCES, RATE_HZ, 0.4, noise=2e-5))
    geometry(made / "spiral.toml")
    calibration(made / "camera.toml", SMALL)
    Image.new("RGB", SMALL.size_px, (90, 120, 150)).save(made / "photo.png")
    return made


def asked(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    code = main(["image", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def two(folder: Path, *more: str | Path) -> list[str | Path]:
    return [folder / "two.wav", "--array", folder / "spiral.toml", *BAND, "--plane", "3", *more]


def test_places_are_told_to_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", *map(str, two(folder))]) == 0
    out, err = capsys.readouterr()
    first, *rows = out.splitlines()
    assert first.endswith("two.wav: 2 places sound (clean-sc)")
    assert rows[0].startswith("   1  0.60 m left, 0.40 m up  ± ")
    assert rows[1].startswith("   2  0.50 m right, 0.30 m down  ± ")
    assert "dBFS in 7.13 to 8.98 kHz" in rows[0]
    assert "behind it as if it were in front" in err
    assert sorted(path.name for path in folder.iterdir()) == [
        "camera.toml", "photo.png", "spiral.toml", "two.wav",
    ]  # fmt: skip


@pytest.mark.slow
def test_tables_pictures_and_a_page_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    answer = asked(capsys, *two(folder, "--window", "0.2", "--out", out))
    assert {path.name for path in out.iterdir()} == {"report.html", "spots.csv", "image.svg"}
    assert [place["hot_spots"] for place in answer["places"]] == [2, 2]
    with (out / "spots.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["place"] for row in rows] == ["1", "2", "1", "2"]
    assert [float(row["start_s"]) for row in rows] == [0.0, 0.0, 0.2, 0.2]
    for row, source in zip(rows, SOURCES * 2, strict=True):
        place = [float(row[axis]) for axis in ("x_m", "y_m", "z_m")]
        assert np.linalg.norm(np.subtract(place, source.place_m)) < 0.02
        assert float(row["right_m"]) == pytest.approx(-source.place_m[1], abs=0.02)
        assert row["level_over"] == "dBFS"
        share = 10 * np.log10(2 * source.power * (8979 - 7127) / 6000)
        assert float(row["level_db"]) == pytest.approx(share, abs=0.6)
        assert 0 < float(row["ellipse_minor_deg"]) <= float(row["ellipse_major_deg"]) < 0.5
    page = (out / "report.html").read_text()
    assert "2 places sound" in page
    assert "Over time" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "<script" not in (out / "image.svg").read_text()


def test_a_known_sensitivity_makes_levels_sound_pressure_levels(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    relative = asked(capsys, *two(folder))["places"][0]
    absolute = asked(capsys, *two(folder, "--sensitivity", "-26"))["places"][0]
    assert absolute["level_over"] == "dB SPL"
    assert absolute["level_db"] - relative["level_db"] == pytest.approx(120.0)


@pytest.mark.slow
def test_marks_on_a_photograph_lie_within_2_pixels_of_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = Truth()
    lens = calibrated(photographed_boards(truth), truth.size_px, SMALL.pose)
    written(tmp_path / "two.wav", heard(SPIRAL.positions, SOURCES, RATE_HZ, 0.4, noise=1e-5))
    Image.new("RGB", truth.size_px, (40, 60, 40)).save(tmp_path / "photo.png")
    out = tmp_path / "out"
    answer = asked(
        capsys, tmp_path / "two.wav", "--array", geometry(tmp_path / "array.toml"), *BAND,
        "--plane", "3", "--photo", tmp_path / "photo.png",
        "--camera", calibration(tmp_path / "camera.toml", lens), "--out", out,
    )  # fmt: skip
    painted = np.asarray(Image.open(out / "overlay.png").convert("RGB")).astype(int)
    assert painted.shape == (960, 1280, 3)
    marked = np.abs(painted - [0x7D, 0xF9, 0xFF]).sum(axis=2) < 30
    y, x = np.nonzero(marked)
    for place, source in zip(answer["places"], SOURCES, strict=True):
        ahead, left, up = source.place_m
        want = np.array(truth.pixel(-left, -(up - UP_M), ahead))
        told = np.array([place["pixel_x"], place["pixel_y"]])
        assert np.linalg.norm(told - want) < 2
        near = np.hypot(x - want[0], y - want[1]) < 40
        ring = np.array([np.ptp(x[near]) / 2 + x[near].min(), np.ptp(y[near]) / 2 + y[near].min()])
        assert near.sum() > 20
        assert np.linalg.norm(ring - want) < 2
    assert "data:image/jpeg" in (out / "report.html").read_text()


def test_colours_on_a_photograph_are_where_it_sounds(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = ("--photo", folder / "photo.png", "--camera", folder / "camera.toml")
    asked(capsys, *two(folder, *shown, "--out", tmp_path))
    plain = np.asarray(Image.open(folder / "photo.png")).astype(int)
    painted = np.asarray(Image.open(tmp_path / "overlay.png")).astype(int)
    change = np.abs(painted - plain).sum(axis=2)
    for source in SOURCES:
        column, row = SMALL.project(np.array([source.place_m]))[0].round().astype(int)
        assert change[row - 3 : row + 4, column - 3 : column + 4].min() > 40
    assert change[:20, :40].max() == 0
    assert change[-20:, :40].max() == 0


def test_ambisonics_are_shown_all_around(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = 0.05 * np.random.default_rng(2).standard_normal(RATE_HZ // 2)
    foa = foa_gains(unit_vector(2.5, -0.4))[:, None] * sound
    foa += 1e-3 * np.random.default_rng(3).standard_normal(foa.shape)
    file = written(tmp_path / "foa.wav", foa)
    answer = asked(capsys, file, "--array", "foa", "--band", "0.5,2", "--out", tmp_path / "out")
    assert answer["method"] == "capon"
    (place,) = answer["places"]
    assert place["azimuth_deg"] == pytest.approx(np.rad2deg(2.5), abs=1)
    assert place["elevation_deg"] == pytest.approx(np.rad2deg(-0.4), abs=1)
    assert place["x_m"] is None
    assert any("ideal Ambisonics were assumed" in told for told in answer["warnings"])
    assert "Azimuth, left is positive" in (tmp_path / "out" / "report.html").read_text()


def test_silence_has_a_page_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "silence.wav", np.zeros((4, RATE_HZ // 2)))
    answer = asked(capsys, file, "--array", "tetra", "--out", tmp_path / "out")
    assert answer["places"] == []
    assert answer["answer"] == "Nothing stands out of the noise"
    assert "no hot spot" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--array", "tetra"], "must have 4 channels, one a capsule of the array 'tetra'"),
        (["--array", "foa"], "foa must have 4 channels, but 24 was given"),
        (["--array", "circle"], "--array must be one of foa, n3d, fuma, tetra"),
        (["--method", "best"], "--method must be one of clean-sc, capon"),
        (["--band", "20"], "--band must be two rising frequencies in kHz"),
        (["--band", "40,20"], "--band must be two rising frequencies in kHz"),
        (["--band", "20,40"], "a band must lie between 0 and 24000 Hz"),
        (["--window", "0.001"], "must last at least"),
        (["--sphere", "--plane", "3"], "--sphere and --plane must not be given together"),
        (["--plane", "3", "--size", "4"], "--size must be a width and a height in metres"),
        (["--plane", "-3"], "plane_m"),
        (["--facing", "up"], "--facing must be azimuth and elevation in degrees"),
        (["--photo", "photo.png"], "--photo and --video need --camera"),
        (["--camera", "none.toml"], "a camera calibration must be a file"),
    ],
)
def test_refusals_are_one_line(
    folder: Path,
    tmp_path: Path,
    options: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    array = [] if "--array" in options else ["--array", str(folder / "spiral.toml")]
    band = [] if "--band" in options else BAND
    out = tmp_path / "out"
    given = ["image", str(folder / "two.wav"), *array, *band, *options, "--out", str(out)]
    assert refused(given, capsys, line)
    assert not out.exists()


def refused(given: list[str], capsys: pytest.CaptureFixture[str], line: str) -> bool:
    assert main(given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert line in err
    return True


def test_a_geometry_in_millimetres_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = geometry(tmp_path / "mm.toml", scale=1000.0)
    given = ["image", str(folder / "two.wav"), "--array", array]
    assert refused(given, capsys, "positions are in metres, not millimetres")


def test_a_geometry_of_metres_is_doubted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = geometry(tmp_path / "wide.toml", scale=50.0)
    answer = asked(capsys, folder / "two.wav", "--array", array, "--band", "0.5,1", "--plane", "9")
    assert any("check that the geometry is not in centimetres" in w for w in answer["warnings"])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("other.png", "must be 160 x 120 pixels, as the camera was calibrated, but 64 x 48"),
        ("two.wav", "must be a photograph, but no picture was found in it"),
        ("none.png", "cannot be read: No such file"),
    ],
)
def test_photographs_that_cannot_be_painted_on_are_refused(
    folder: Path, tmp_path: Path, name: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "other.png")
    photo = folder / name if name == "two.wav" else tmp_path / name
    shown: list[str | Path] = ["--photo", photo, "--camera", folder / "camera.toml"]
    shown += ["--out", tmp_path / "out"]
    assert refused(["image", *map(str, two(folder, *shown))], capsys, line)
    assert not (tmp_path / "out").exists()


def test_without_pyav_a_video_is_refused(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"nothing")
    given = ["image", str(tmp_path / "film.mp4"), "--array", "foa"]
    assert refused(given, capsys, "videos need PyAV, which is not installed: pip install")


def foa_film(path: Path, azimuth_deg: float, elevation_deg: float) -> Path:
    sound = 0.05 * np.random.default_rng(2).standard_normal(RATE_HZ // 2)
    where = unit_vector(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
    foa = foa_gains(where)[:, None] * sound
    foa += 1e-3 * np.random.default_rng(3).standard_normal(foa.shape)
    return film(path, n_frames=5, sound=foa)


@pytest.mark.slow
def test_a_video_is_heard_and_painted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = foa_film(tmp_path / "film.mkv", 12.0, 8.0)
    answer = asked(
        capsys, path, "--array", "foa", "--band", "0.5,2", "--video", path,
        "--camera", folder / "camera.toml", "--out", tmp_path / "out",
    )  # fmt: skip
    (place,) = answer["places"]
    assert place["hot_spots"] == 5
    painted = list(frames(probe_video(tmp_path / "out" / "overlay.mp4")))
    assert len(painted) == 5
    far = SMALL.project_directions(unit_vector(np.deg2rad(12.0), np.deg2rad(8.0))[None])[0]
    assert np.hypot(place["pixel_x"] - far[0], place["pixel_y"] - far[1]) < 2
    column, row = far.round().astype(int)
    for _, frame in painted:
        change = np.abs(frame.astype(int) - GREY).sum(axis=2)
        assert change[row - 12 : row + 13, column - 12 : column + 13].mean() > 60
        assert change[-30:].max() < 30


def test_videos_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mute = str(film(tmp_path / "mute.mkv", n_frames=2))
    assert refused(["image", mute, "--array", "foa"], capsys, "must have sound to be looked at")
    large = film(tmp_path / "large.mkv", n_frames=2, size_px=(320, 240))
    shown: list[str | Path] = ["--video", large, "--camera", folder / "camera.toml"]
    given = ["image", *map(str, two(folder, *shown))]
    line = "must be 160 x 120 pixels, as the camera was calibrated, but 320 x 240 was given"
    assert refused([*given, "--out", str(tmp_path / "out")], capsys, line)
    assert refused(given, capsys, "--video must have a folder to write to")
    assert not (tmp_path / "out").exists()
