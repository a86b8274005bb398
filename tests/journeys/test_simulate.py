"""Sets of scenes as they are made: by many processes, killed, interrupted, made again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = """
name = "journey"
labels = ["door_wood_knock", "siren", "footsteps"]
extra_labels = ["vacuum_cleaner"]
duration_s = 2.0
layout = "tau-nigens2020"
year = 2020
[data]
modelled_share = 1.0
[scene]
rate_hz = 16_000
rooms = 3
max_overlap = [2, 3]
event_s = 1.5
t60_s = [0.2, 0.3]
volume_m3 = [40.0, 80.0]
distance_m = [0.7, 1.5]
extra_share = 0.2
mono_share = 0.0
empty_share = 0.0
[scene.motion]
share = 0.3
"""
COUNT = 7

pytestmark = pytest.mark.slow


def command(out: Path, workers: int, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "sonoscope.cli", "simulate", *more),
        *("--out", str(out), "--workers", str(workers)),
    ]


def asked(recipe: Path, count: int = COUNT) -> list[str]:
    return [str(recipe), "--count", str(count), "--seed", "11"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def done(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=200)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "journey.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def whole(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the set in one go, in one process."""
    out = tmp_path_factory.mktemp("whole")
    result = done(command(out, 1, *asked(recipe)))
    assert (result.returncode, result.stderr) == (0, "")
    return out


def begun(arguments: list[str], out: Path, scenes: int) -> subprocess.Popen[str]:
    """Start a run in a process group of its own and wait until some scenes are there."""
    # Where the tests run in the background interrupts are ignored, which a child would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen(
        arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    )
    until = time.monotonic() + 100
    while len(list((out / "truth").glob("*.json"))) < scenes:
        assert time.monotonic() < until
        assert run.poll() is None
        time.sleep(0.01)
    return run


def test_any_number_of_workers_makes_the_same_bytes(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    result = done(command(tmp_path, 4, *asked(recipe)))  # for two: see below
    assert (result.returncode, result.stderr) == (0, "")
    assert contents(tmp_path) == contents(whole)


def test_a_run_that_was_stopped_goes_on_with_nothing_double_and_nothing_half(
    recipe: Path, whole: Path, tmp_path: Path
) -> None:
    wanted = contents(whole)
    run = begun(command(tmp_path, 2, *asked(recipe)), tmp_path, 1)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, err = run.communicate(timeout=100)
    assert (run.returncode, err) == (130, "sonoscope: interrupted\n")
    assert not any(Path(name).name.startswith(".") for name in contents(tmp_path))
    begun_with = n_whole(contents(tmp_path))
    run = begun(command(tmp_path, 2, *asked(recipe)), tmp_path, begun_with + 1)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    found = contents(tmp_path)
    for name in found:  # what is there under its name is whole
        if not Path(name).name.startswith(".") and name != "manifest.json":
            assert found[name] == wanted[name]
    assert begun_with < n_whole(found) < COUNT
    result = done(command(tmp_path, 2, *asked(recipe), "--json"))
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["made"] == COUNT - n_whole(found)
    assert contents(tmp_path) == wanted


def n_whole(found: dict[str, bytes]) -> int:
    return sum(name.startswith("truth/") and name.endswith(".json") for name in found)


def test_a_scene_of_the_manifest_is_made_again_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    name = manifest["scenes"][5]["name"]
    given = ("--from", str(whole / "manifest.json"), "--only", name)
    result = done(command(tmp_path, 1, *given))
    assert (result.returncode, result.stderr) == (0, "")
    made = contents(tmp_path)
    assert made.pop("manifest.json") != (whole / "manifest.json").read_bytes()
    assert made == {key: file for key, file in contents(whole).items() if name in key}
    assert len(made) == 5
