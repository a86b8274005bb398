"""A training that is killed ends like one that was not; refusals; what a run leaves behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from sonoscope.core.errors import CheckpointError, SonoscopeError
from sonoscope.simulation.stream import Batch
from sonoscope.training import checkpoint
from sonoscope.training.batches import Stream
from sonoscope.training.log import read_rows
from sonoscope.training.loop import Machine, Progress, fit
from sonoscope.training.validation import outputs, score

SCRIPT = Path(__file__).with_name("tiny.py")
ONE = Machine("cpu", workers=0, threads=1, checkpoint_every=10)


def start(out: Path, *words: str) -> subprocess.Popen[str]:
    """Start the tiny training as a process of its own: OUT WORKERS EVERY PAUSE [resume]."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for it, and leave nothing of it behind."""
    try:
        errors = process.communicate(timeout=280)[1]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, errors


def assert_same(one: Path, other: Path) -> None:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: ModuleType) -> Path:
    """Give a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    fit(tiny.RECIPE, out, tiny.PARTS, machine=ONE)
    return out


def test_a_run_learns_and_leaves_its_log_curve_and_two_checkpoints(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        "best.safetensors",
        "checkpoint-000030.safetensors",
        "checkpoint-000040.safetensors",
        "checkpoint.json",
        "curve.svg",
        "log.csv",
    ]
    rows = read_rows(whole / "log.csv")
    assert [row.step for row in rows] == [20, 40]
    assert rows[-1].loss < 0.5 * rows[0].loss
    assert rows[-1].f > 0.9
    assert rows[-1].de_deg < 20
    assert (whole / "curve.svg").read_text().count("polyline") == 4


@pytest.mark.parametrize("turned", [False, True])
def test_the_best_weights_are_those_of_the_least_seld_score(
    tmp_path: Path, tiny: ModuleType, *, turned: bool
) -> None:
    """With a truth that is turned round, what is learnt last is worst."""
    stream = Turned(tiny.PARTS.validation) if turned else tiny.PARTS.validation
    recipe = replace(tiny.RECIPE, validation=replace(tiny.RECIPE.validation, every=10))
    fit(recipe, tmp_path, replace(tiny.PARTS, validation=stream), machine=ONE)
    rows = read_rows(tmp_path / "log.csv")
    best = min(rows, key=lambda row: row.seld)
    assert (best.step < 40) is turned
    position, tensors = checkpoint.read(tmp_path / "best.safetensors")
    assert position.step == best.step
    assert all(name.startswith("average.") for name in tensors)
    network = tiny.TinyNetwork()
    checkpoint.start_from(tmp_path / "best.safetensors", network)
    again = score(outputs(network, [stream.batch(i, 4, 2.0) for i in range(2)]))
    assert again.seld == pytest.approx(best.seld, abs=1e-6)


class Turned:
    """A stream whose truth says that a label sounds where it does not."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        batch = self.stream.batch(step, size, window_s)
        return replace(batch, active=1 - batch.active)


@pytest.mark.slow
@pytest.mark.parametrize(("after", "workers"), [(10, "0"), (30, "2")])
def test_killed_at_any_moment_it_ends_with_the_same_weights(
    whole: Path, tmp_path: Path, after: int, workers: str
) -> None:
    process = start(tmp_path, "0", "5", "0.3")
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == after:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    stands = checkpoint.position(tmp_path)
    assert stands is not None
    assert 0 < stands.step < 40
    again = start(tmp_path, workers, "5", "0", "resume")
    finish(again)
    name = "checkpoint-000040.safetensors"
    assert_same(whole / name, tmp_path / name)
    assert [row.step for row in read_rows(tmp_path / "log.csv")] == [20, 40]


def test_resumed_in_process_from_every_checkpoint_it_ends_with_the_same_bytes(
    whole: Path, tmp_path: Path, tiny: ModuleType
) -> None:
    class StopError(Exception):
        pass

    for stop in (1, 2, 3):  # of four tellings and two validations
        told = 0

        def tell(_: Progress, stop: int = stop) -> None:
            nonlocal told
            told += 1
            if told == stop:
                raise StopError

        out = tmp_path / str(stop)
        with pytest.raises(StopError):
            fit(
                tiny.RECIPE,
                out,
                tiny.PARTS,
                machine=replace(ONE, checkpoint_every=3),
                on_progress=tell,
            )
        fit(tiny.RECIPE, out, tiny.PARTS, machine=ONE, resume=True)
        name = "checkpoint-000040.safetensors"
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_finished_run_resumed_changes_nothing(whole: Path, tiny: ModuleType) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    fit(tiny.RECIPE, whole, tiny.PARTS, machine=ONE, resume=True)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


def test_a_folder_with_a_run_is_not_overwritten(whole: Path, tiny: ModuleType) -> None:
    with pytest.raises(CheckpointError, match=r"without a run, but it holds one at step 40"):
        fit(tiny.RECIPE, whole, tiny.PARTS, machine=ONE)


def test_another_recipe_is_refused_by_the_name_of_what_differs(
    whole: Path, tiny: ModuleType
) -> None:
    other = replace(tiny.RECIPE, seed=3, loss=replace(tiny.RECIPE.loss, direction="mse"))
    with pytest.raises(CheckpointError, match=r"differs in loss.direction, seed$"):
        fit(other, whole, tiny.PARTS, machine=ONE, resume=True)


def test_other_clips_are_refused(whole: Path, tiny: ModuleType) -> None:
    with pytest.raises(CheckpointError, match="same clips"):
        fit(tiny.RECIPE, whole, replace(tiny.PARTS, data_hash="x"), machine=ONE, resume=True)


def test_a_loss_that_is_no_number_ends_the_run_in_one_line(
    tmp_path: Path, tiny: ModuleType
) -> None:
    recipe = replace(tiny.RECIPE, loss=replace(tiny.RECIPE.loss, activity_weight=float("inf")))
    with pytest.raises(SonoscopeError, match=r"loss must be a number, but (inf|nan) came"):
        fit(recipe, tmp_path, tiny.PARTS, machine=ONE)
    assert checkpoint.position(tmp_path) is None


def test_another_seed_gives_other_weights(whole: Path, tmp_path: Path, tiny: ModuleType) -> None:
    fit(replace(tiny.RECIPE, seed=1), tmp_path, tiny.PARTS, machine=ONE)
    name = "checkpoint-000040.safetensors"
    one, other = load_file(whole / name), load_file(tmp_path / name)
    assert not torch.equal(one["network.activity.weight"], other["network.activity.weight"])


def test_first_weights_can_come_from_another_run(
    whole: Path, tmp_path: Path, tiny: ModuleType
) -> None:
    recipe = replace(tiny.RECIPE, steps=1, learning_rate=1e-12)
    path = fit(
        recipe, tmp_path, tiny.PARTS, machine=ONE, init=whole / "checkpoint-000040.safetensors"
    )
    before, after = load_file(whole / "checkpoint-000040.safetensors"), load_file(path)
    name = "direction.weight"
    torch.testing.assert_close(after[f"network.{name}"], before[f"average.{name}"])


def test_weights_of_another_shape_are_refused(
    whole: Path, tmp_path: Path, tiny: ModuleType
) -> None:
    parts = replace(tiny.PARTS, network=lambda: tiny.TinyNetwork(2))
    with pytest.raises(CheckpointError, match=r"must have the shape \(2, 16\), but \(1, 16\)"):
        fit(tiny.RECIPE, tmp_path, parts, machine=ONE, init=whole / "checkpoint-000040.safetensors")


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle", b"\xff" * 64])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, tiny: ModuleType, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        fit(tiny.RECIPE, tmp_path / "out", tiny.PARTS, machine=ONE, init=path)


def test_bfloat16_learns_too(tmp_path: Path, tiny: ModuleType) -> None:
    fit(replace(tiny.RECIPE, precision="bfloat16"), tmp_path, tiny.PARTS, machine=ONE)
    rows = read_rows(tmp_path / "log.csv")
    assert rows[-1].f > 0.9


@pytest.mark.slow
def test_two_devices_share_a_batch(tmp_path: Path) -> None:
    process = start(tmp_path, "0", "10", "0", "devices")
    finish(process)
    rows = read_rows(tmp_path / "log.csv")
    assert [row.step for row in rows] == [20, 40]
    assert rows[-1].f > 0.9
