"""A training on clips learns, leaves what it says it leaves, and survives being killed."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonoscope.core.errors import CheckpointError, SettingError, SonoscopeError
from sonoscope.inference.classifier import Classifier
from sonoscope.models.clip.build import AudioFormerNetwork
from sonoscope.models.clip.rivals.audio_former import AudioFormerSettings
from sonoscope.training import checkpoint
from sonoscope.training.clips.assembly import clip_parts, gather_clips, train_clips
from sonoscope.training.clips.export import export_clips
from sonoscope.training.clips.log import read_rows
from sonoscope.training.clips.loop import ClipProgress, fit_clips
from sonoscope.training.clips.losses import ClipLossSettings
from sonoscope.training.clips.recipe import ClipValidation
from sonoscope.training.clips.scored import read_heard, read_scored

SCRIPT = Path(__file__).with_name("tiny_clips.py")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_clips: ModuleType, tones: Path) -> Path:
    """Give a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    train_clips(gather_clips(tiny_clips.RECIPE, tones), out, machine=tiny_clips.ONE)
    return out


def start(data: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    """Start the tiny training as a process of its own: CHECKPOINT_EVERY PAUSE_S [resume]."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(data), str(out), *words],
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


@pytest.mark.slow
def test_a_run_learns_and_leaves_its_log_curve_checkpoints_and_result(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        "best.safetensors",
        "checkpoint-000050.safetensors",
        "checkpoint-000060.safetensors",
        "checkpoint.json",
        "curve.svg",
        "heard.npz",
        "log.csv",
        "result.json",
    ]
    rows = read_rows(whole / "log.csv")
    assert [row.step for row in rows] == [12, 24, 36, 48, 60]
    assert [row.epoch for row in rows] == [2, 4, 6, 8, 10]
    assert rows[-1].loss < 0.8 * rows[0].loss
    assert rows[-1].accuracy > 0.8
    rates = [row.learning_rate for row in rows]
    assert rates == sorted(rates, reverse=True)
    scored = read_scored(whole / "result.json")
    assert scored.scores["accuracy"].value > 0.8
    assert (scored.clips, scored.trained_clips, scored.leaks) == (6, 48, 0)
    assert scored.labels == ["high", "low", "middle"]
    heard = read_heard(whole / "heard.npz")
    assert heard.scores.accuracy == scored.scores["accuracy"].value
    assert (whole / "curve.svg").read_text().count("polyline") == 4


@pytest.mark.slow
def test_the_best_weights_are_those_of_the_best_macro_f1(whole: Path) -> None:
    rows = read_rows(whole / "log.csv")
    best = max(rows, key=lambda row: (row.macro_f1, -row.step))
    position, _ = checkpoint.read(whole / "best.safetensors")
    assert position.step == best.step


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    whole: Path, tmp_path: Path, tiny_clips: ModuleType, tones: Path
) -> None:
    short = replace(tiny_clips.RECIPE, epochs=2)
    paths = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        material = gather_clips(replace(short, seed=seed), tones)
        out = tmp_path / name
        fit_clips(material.recipe, out, clip_parts(material), machine=tiny_clips.ONE)
        paths.append(out / "checkpoint-000012.safetensors")
    one, again, other = paths
    assert_same(one, again)
    weight = "network.body.head.weight"
    first, second = load_file(one), load_file(other)
    name = weight if weight in first else next(key for key in first if key.endswith("weight"))
    assert not torch.equal(first[name], second[name])


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_weights(
    whole: Path, tmp_path: Path, tones: Path
) -> None:
    out = tmp_path / "killed"
    process = start(tones, out, "5", "0.2")
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 30:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate()
    before = checkpoint.position(out)
    assert before is not None
    assert 0 < before.step < 60
    finish(start(tones, out, "10", "0", "resume"))
    for name in ("checkpoint-000060.safetensors", "best.safetensors"):
        assert_same(whole / name, out / name)
    log, other = (read_rows(folder / "log.csv") for folder in (whole, out))
    assert [row.macro_f1 for row in log] == [row.macro_f1 for row in other]


@pytest.mark.slow
def test_own_losses_are_gone_on_with_before_and_after_names_are_learnt(
    tmp_path: Path, tiny_clips: ModuleType, tones: Path
) -> None:
    """Stopped at steps 10 and 20, with checkpoints at 5 and 15; gaps are filled up to step 12."""
    body = AudioFormerSettings(width=16, layers=1, heads=2, inner=16, books=2, codes=8, views=2)
    network = AudioFormerNetwork(tiny_clips.NETWORK.maps, body=replace(body, pretraining=0.4))
    own = ClipLossSettings("own", smoothing=0.1)
    often = replace(tiny_clips.RECIPE.validation, every_epochs=1 / 6)
    recipe = replace(tiny_clips.RECIPE, epochs=5, network=network, loss=own, validation=often)
    material = gather_clips(recipe, tones)
    machine = replace(tiny_clips.ONE, checkpoint_every=5)
    parts = clip_parts(material)

    def stop(at: int, progress: ClipProgress) -> None:
        if progress.step == at:
            raise KeyboardInterrupt

    whole, out = tmp_path / "whole", tmp_path / "stopped"
    fit = partial(fit_clips, material.recipe, parts=parts, resume=True, machine=machine)
    fit(out=whole)
    for at in (10, 20):
        with pytest.raises(KeyboardInterrupt):
            fit(out=out, on_progress=partial(stop, at))
    fit(out=out)
    for name in ("checkpoint-000030.safetensors", "best.safetensors"):
        assert_same(whole / name, out / name)
    rows = read_rows(out / "log.csv")
    assert [row.step for row in rows] == list(range(1, 31))
    losses = [row.validation_loss for row in rows[:12]]
    assert losses != sorted(losses, reverse=True)  # and yet no rate falls before names are learnt
    assert {row.learning_rate for row in rows[:14]} == {recipe.learning_rate}


@pytest.mark.slow
def test_a_run_is_not_taken_up_unasked_nor_by_another_recipe(
    whole: Path, tiny_clips: ModuleType, tones: Path
) -> None:
    material = gather_clips(tiny_clips.RECIPE, tones)
    parts = clip_parts(material)
    with pytest.raises(CheckpointError, match="--resume goes on with it"):
        fit_clips(material.recipe, whole, parts, machine=tiny_clips.ONE)
    other = replace(material.recipe, seed=9)
    with pytest.raises(CheckpointError, match="of the same recipe"):
        fit_clips(other, whole, parts, resume=True, machine=tiny_clips.ONE)
    with pytest.raises(CheckpointError, match="of the same clips"):
        fit_clips(
            material.recipe,
            whole,
            replace(parts, data_hash="?"),
            resume=True,
            machine=tiny_clips.ONE,
        )


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_training(
    tmp_path: Path, tiny_clips: ModuleType, tones: Path
) -> None:
    recipe = replace(tiny_clips.RECIPE, learning_rate=1e30, optimizer="adamw")
    material = gather_clips(recipe, tones)
    with pytest.raises(SonoscopeError, match="must be a number"):
        fit_clips(material.recipe, tmp_path, clip_parts(material), machine=tiny_clips.ONE)


@pytest.mark.slow
def test_an_exported_model_says_what_the_network_said(
    whole: Path, tmp_path: Path, tones: Path
) -> None:
    card = export_clips(whole / "best.safetensors", tmp_path / "tones.onnx", data=tones)
    assert card.labels == ("high", "low", "middle")
    assert card.metrics["test"]["clips"] == 6
    assert card.threshold > 0
    classifier = Classifier.load(tmp_path / "tones.onnx")
    assert classifier.card == card
    heard = read_heard(whole / "heard.npz")
    found = sorted((tones / "clips").glob("*/*.wav"))
    material_names = {path: classifier.name_file(path) for path in found}
    right = [named.likeliest(1)[0][0] == path.parent.name for path, named in material_names.items()]
    assert np.mean(right) > 0.8
    assert heard.logits.shape[1] == 3
    with pytest.raises(SettingError, match=r"must end in \.onnx"):
        export_clips(whole / "best.safetensors", tmp_path / "tones.txt")


def test_a_recipe_that_keeps_the_best_needs_validation_clips(tiny_clips: ModuleType) -> None:
    recipe = tiny_clips.RECIPE
    split = replace(recipe.data.split, kind="folds", validation_share=0)
    with pytest.raises(ValueError, match="validation_share must be above 0"):
        replace(recipe, data=replace(recipe.data, split=split))
    kept = replace(recipe.validation, keep="last")
    assert isinstance(kept, ClipValidation)
