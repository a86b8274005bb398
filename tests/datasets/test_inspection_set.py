"""Recordings of discharges on disk: the same bytes again, also after a run was broken off."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core import audio
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.inspection_set import InspectionSetRecipe
from sonoscope.datasets.numbered_set import write_numbered
from sonoscope.datasets.scene_set import Reporting

SMALL = InspectionSetRecipe(duration_s=0.2, kinds=(("corona",), (), ("brush", "floating")))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_hold_what_the_recording_and_its_truth_are(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    reporting = Reporting(progress=lambda done, total, _made: seen.append((done, total)))
    written = write_numbered(SMALL, tmp_path, count=3, seed=5, reporting=reporting)
    assert (written.n_scenes, written.n_made) == (3, 3)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    made = SMALL.recording(5, 2)
    heard = audio.read(tmp_path / "sound" / "inspection_00002.wav")
    assert (heard.rate_hz, heard.n_channels) == (96_000, 1)
    assert np.abs(heard.samples[0] - made.samples).max() < 2**-22
    truth = json.loads((tmp_path / "truth" / "inspection_00002.json").read_text())
    assert "simulated" in truth["notice"]
    assert truth["kinds"] == ["brush", "floating"]
    assert truth["sources"][0]["time_s"] == made.truth.sources[0].time_s.tolist()
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kinds"] for row in rows] == ["corona", "none", "brush+floating"]
    assert [row["family"] for row in rows] == ["a", "b", "a"]
    assert rows[1]["snr_db"] == ""
    assert {row["is_simulated"] for row in rows} == {"yes"}
    assert made.truth.snr_db is not None
    assert abs(float(rows[2]["snr_db"]) - made.truth.snr_db) < 0.006
    assert (tmp_path / rows[0]["file"]).is_file()


def test_a_broken_run_goes_on_and_comes_to_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_numbered(SMALL, whole, count=3, seed=1)
    write_numbered(SMALL, broken, count=2, seed=1)
    (broken / "truth" / "inspection_00000.json").unlink()
    again = write_numbered(SMALL, broken, count=3, seed=1)
    assert again.n_made == 2
    assert contents(whole) == contents(broken)


@pytest.mark.slow
def test_any_number_of_processes_makes_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        write_numbered(SMALL, tmp_path / str(workers), count=3, seed=2, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_two_sets_are_never_mixed(tmp_path: Path) -> None:
    write_numbered(SMALL, tmp_path, count=1, seed=0)
    with pytest.raises(SettingError, match="another seed"):
        write_numbered(SMALL, tmp_path, count=1, seed=1)
    with pytest.raises(SettingError, match="seed must be"):
        write_numbered(SMALL, tmp_path / "other", count=1, seed=-1)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="manifest"):
        write_numbered(SMALL, tmp_path, count=1, seed=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="must be a folder"):
        write_numbered(SMALL, tmp_path / "file", count=1, seed=0)


def test_seeds_and_numbers_tell_recordings_apart() -> None:
    plain = InspectionSetRecipe(duration_s=0.1, kinds=((),), families=("a",))
    every = {
        plain.recording(seed, number).samples.tobytes() for seed in (0, 1) for number in (0, 1)
    }
    assert len(every) == 4
