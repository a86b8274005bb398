"""The options of a training repeat to the bit, also when it is killed; ends and rates by scores."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from sonoscope.training import checkpoint
from sonoscope.training.log import read_rows
from sonoscope.training.loop import Machine, Progress, fit
from sonoscope.training.mixup import MixupSettings
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.schedule import ScheduleSettings

SCRIPT = Path(__file__).with_name("tiny.py")
ONE = Machine("cpu", workers=0, threads=1, checkpoint_every=3)
LAST = "checkpoint-000040.safetensors"
OPTIONS: dict[str, dict[str, object]] = {
    "union, adam, plateau": {
        "mixup": MixupSettings("union"),
        "optimizer": "adam",
        "schedule": ScheduleSettings("plateau", patience=0, factor=0.5),
    },
    "soft, cosine": {"mixup": MixupSettings("soft"), "schedule": ScheduleSettings("cosine")},
    "bfloat16, step": {
        "precision": "bfloat16",
        "schedule": ScheduleSettings("step", after=5, every=7),
    },
}


class StopError(Exception):
    """Ends a run in the middle."""


def tiny_with(tiny: ModuleType, options: Mapping[str, object]) -> TrainRecipe:
    often = replace(tiny.RECIPE.validation, every=4)
    recipe: TrainRecipe = replace(tiny.RECIPE, validation=often, **options)
    return recipe


@pytest.mark.parametrize("name", OPTIONS)
def test_stopped_at_any_telling_and_resumed_it_ends_with_the_same_bytes(
    tmp_path: Path, tiny: ModuleType, name: str
) -> None:
    recipe = tiny_with(tiny, OPTIONS[name])
    fit(recipe, tmp_path / "whole", tiny.PARTS, machine=ONE)
    told, stop = 0, random.Random(name).randrange(4, 30)

    def tell(_: Progress) -> None:
        nonlocal told
        told += 1
        if told == stop:
            raise StopError

    with pytest.raises(StopError):
        fit(recipe, tmp_path / "cut", tiny.PARTS, machine=ONE, on_progress=tell)
    stands = checkpoint.position(tmp_path / "cut")
    assert stands is not None
    assert 0 < stands.step < 40
    fit(recipe, tmp_path / "cut", tiny.PARTS, machine=ONE, resume=True)
    for file in (LAST, "best.safetensors"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_papers_crnn_with_every_option_survives_a_kill_at_a_random_moment(
    tmp_path: Path, tiny: ModuleType, workers: str
) -> None:
    recipe = replace(tiny.PAPER, steps=16)
    whole = tmp_path / "whole"
    fit(recipe, whole, tiny.PAPER_PARTS, machine=ONE)
    again = tmp_path / "again"
    fit(recipe, again, tiny.PAPER_PARTS, machine=ONE)
    last = "checkpoint-000016.safetensors"
    assert (again / last).read_bytes() == (whole / last).read_bytes()

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path / "cut"), *words, "paper"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    process = start("0", "2", "0.2")
    assert process.stdout is not None
    moment = random.Random(int(workers)).choice([4, 6, 10])
    for line in process.stdout:
        if int(line) >= moment:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    resumed = start(workers, "2", "0", "resume")
    errors = resumed.communicate(timeout=200)[1]
    assert resumed.returncode == 0, errors
    one, other = load_file(whole / last), load_file(tmp_path / "cut" / last)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_rate_falls_where_validations_bring_nothing(tmp_path: Path, tiny: ModuleType) -> None:
    stuck = {
        "learning_rate": 1e-12,
        "schedule": ScheduleSettings("plateau", patience=1, factor=0.5),
    }
    fit(tiny_with(tiny, stuck), tmp_path, tiny.PARTS, machine=ONE)
    rates = [row.learning_rate for row in read_rows(tmp_path / "log.csv")]
    falls = [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]
    assert rates == pytest.approx([1e-12 * each for each in falls])


def test_an_early_end_leaves_a_run_that_is_done(tmp_path: Path, tiny: ModuleType) -> None:
    recipe = tiny_with(tiny, {"learning_rate": 1e-12})
    recipe = replace(recipe, validation=replace(recipe.validation, patience=3))
    path = fit(recipe, tmp_path, tiny.PARTS, machine=ONE)
    assert path.name == "checkpoint-000016.safetensors"  # the first of every=4, and three more
    assert [row.step for row in read_rows(tmp_path / "log.csv")] == [4, 8, 12, 16]
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert fit(recipe, tmp_path, tiny.PARTS, machine=ONE, resume=True) == path
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_the_best_weights_are_the_result_where_the_recipe_says_so(
    tmp_path: Path, tiny: ModuleType
) -> None:
    recipe = tiny_with(tiny, {})
    recipe = replace(recipe, validation=replace(recipe.validation, keep_best=True))
    assert fit(recipe, tmp_path, tiny.PARTS, machine=ONE) == tmp_path / "best.safetensors"
    stands = checkpoint.position(tmp_path)
    assert stands is not None
    best, _ = checkpoint.read(tmp_path / "best.safetensors")
    assert len(stands.scores) == 10
    n_before = best.step // 4 - 1
    scores = [1.0 if score is None else score for score in stands.scores]
    assert scores[n_before] == min(scores)
    assert best.scores == stands.scores[:n_before]


def test_adam_lets_no_weight_decay(tmp_path: Path, tiny: ModuleType) -> None:
    """Two steps with decays that would tell; those of AdamW do."""
    weights = {}
    for optimizer in ("adam", "adamw"):
        for decay in (0.0, 0.9):
            options = {"optimizer": optimizer, "weight_decay": decay, "steps": 2}
            out = tmp_path / f"{optimizer}{decay}"
            path = fit(tiny_with(tiny, options), out, tiny.PARTS, machine=ONE)
            weights[optimizer, decay] = load_file(path)["network.activity.weight"]
    assert torch.equal(weights["adam", 0.0], weights["adam", 0.9])
    assert not torch.equal(weights["adamw", 0.0], weights["adamw", 0.9])
