"""From simulated inspections to diagnoses an engineer can act on, by the command's verb."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sonoscope.cli.main import main
from sonoscope.core.audio import Recording, write
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection_families import random_inspection

RATE_HZ = 96_000
SEED = 960_000


def simulated(kind: Kind | None, seconds: float, seed: int = SEED) -> np.ndarray:
    made = random_inspection(
        "a",
        seed,
        kinds=() if kind is None else (kind,),
        snr_db=10.0,
        snr="in_band",
        duration_s=seconds,
        nominal_hz=50.0,
        beds=("rotor",),
    )
    return np.asarray(made.samples)


def diagnosed(
    sound: np.ndarray, folder: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> dict[str, Any]:
    path = folder / "inspection.wav"
    write(path, Recording(sound[None].astype(np.float32), RATE_HZ))
    told = [str(path), "--json", "--out", str(folder / "out"), "--model", "references", *options]
    assert main(["diagnose", *told]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["corona", "floating"])
def test_a_simulated_discharge_is_named(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = diagnosed(simulated(kind, 4.0), tmp_path, capsys)
    assert [each["kind"] for each in answer["kinds"]] == [kind]
    assert answer["status"] == "found"
    page = (tmp_path / "out" / "inspection" / "report.html").read_text()
    assert answer["answer"] in page


@pytest.mark.slow
def test_a_discharge_within_noise_has_its_place_in_the_timeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = simulated("corona", 6.0)
    bed = simulated(None, 12.0, SEED + 1)
    bed *= 0.1 * np.sqrt((sound**2).mean() / (bed**2).mean())
    bed[4 * RATE_HZ : 10 * RATE_HZ] += sound
    answer = diagnosed(bed, tmp_path, capsys)
    assert [each["said"] for each in answer["windows"]] == [
        ["nothing"], ["nothing"], ["corona"], ["corona"], ["corona"], ["nothing"],
    ]  # fmt: skip
    assert 4 <= answer["strongest"]["start_s"] < 10
    with Path(answer["files"]["windows"]).open() as table:
        rows = list(csv.DictReader(table))
    assert [row["said"] for row in rows] == [
        "nothing", "nothing", "corona", "corona", "corona", "nothing",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_louder_recording_is_louder_by_as_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = simulated("floating", 2.0)
    sound *= 0.2 / np.abs(sound).max()
    quiet = diagnosed(sound, tmp_path, capsys)["strongest"]
    loud = diagnosed(4 * sound, tmp_path, capsys)["strongest"]
    gain_db = 20 * np.log10(4)
    for name in ("level_db", "background_db", "quadratic_db", "rms_db"):
        assert loud[name] - quiet[name] == pytest.approx(gain_db, abs=2e-3)
    for name in ("over_noise_db", "pulses_hz", "phase_spread_deg", "once"):
        assert loud[name] == pytest.approx(quiet[name], abs=2e-3)


@pytest.mark.slow
def test_noise_of_a_drone_is_no_discharge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = diagnosed(simulated(None, 20.0, SEED + 2), tmp_path, capsys)
    assert answer["status"] == "nothing"
    assert all(each["said"] == ["nothing"] for each in answer["windows"])
