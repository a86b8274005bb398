"""Inspections by drone on disk: what lies there is what was made, and readers can read it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sonoscope.core import audio
from sonoscope.core.array import SPIRAL64, read_geometry
from sonoscope.core.camera import read_calibration
from sonoscope.datasets.drone_set import DroneSetRecipe
from sonoscope.datasets.numbered_set import write_numbered

SMALL = DroneSetRecipe(duration_s=0.05, kinds=(("internal",), ()), snr_db=(20.0, 0.0))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_hold_what_the_recording_and_its_truth_are(tmp_path: Path) -> None:
    write_numbered(SMALL, tmp_path, count=2, seed=3)
    made = SMALL.recording(3, 0)
    heard = audio.read(tmp_path / "sound" / "drone_00000.wav")
    assert (heard.rate_hz, heard.samples.shape) == (96_000, (64, 4_800))
    assert np.abs(heard.samples - made.samples).max() < 2**-22
    picture = np.asarray(Image.open(tmp_path / "photo" / "drone_00000.png"))
    np.testing.assert_array_equal(picture, made.picture)
    assert read_geometry(tmp_path / "array.toml") == SPIRAL64
    camera = read_calibration(tmp_path / "camera.toml")
    assert camera == made.truth.settings.camera
    with (tmp_path / "places" / "drone_00000.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made.truth.places) >= 1
    for row, place in zip(rows, made.truth.places, strict=True):
        where = np.array([[float(row[f"{axis}_m"]) for axis in "xyz"]])
        shown = camera.project(where)[0]
        assert abs(shown[0] - float(row["u_px"])) < 0.05
        assert abs(shown[1] - float(row["v_px"])) < 0.05
        assert (row["kind"], row["part"]) == ("internal", place.part)
        assert row["is_reflection"] == ("yes" if place.is_reflection else "no")
        assert row["is_simulated"] == "yes"
    truth = json.loads((tmp_path / "truth" / "drone_00000.json").read_text())
    assert "simulated" in truth["notice"]
    assert truth["sources"][0]["time_s"] == made.truth.sources[0].time_s.tolist()
    assert truth["snr_in_band_db"] == 20.0
    with (tmp_path / "table.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["kinds"] for row in table] == ["internal", "none"]
    assert [row["snr_in_band_db"] for row in table] == ["20.00", ""]


@pytest.mark.slow
def test_any_number_of_processes_and_any_break_make_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_numbered(SMALL, whole, count=2, seed=1)
    write_numbered(SMALL, broken, count=2, seed=1, workers=2)
    assert contents(whole) == contents(broken)
    (broken / "truth" / "drone_00001.json").unlink()
    (broken / "photo" / "drone_00000.png").unlink()
    assert write_numbered(SMALL, broken, count=2, seed=1).n_made == 2
    assert contents(whole) == contents(broken)
