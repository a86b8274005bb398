"""Two trainings, the second begun with the checkpoint of the first: nothing heard is unlearnt."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sonoscope.core.errors import CheckpointError, SettingError
from sonoscope.models.build import Network, TwoStageNetwork, build
from sonoscope.models.paper_features import PaperFeatureSettings
from sonoscope.models.rivals.two_stage import Stage, TwoStageSettings
from sonoscope.training.checkpoint import read
from sonoscope.training.loop import Machine, Parts, fit
from sonoscope.training.recipe import LossSettings, TrainRecipe
from tests.training import tiny

ONE = Machine(device="cpu", workers=0, threads=1)
FEATURES = PaperFeatureSettings(
    rate_hz=tiny.RATE_HZ,
    window=20,
    hop=10,
    n_fft=64,
    n_mels=8,
    f_max_hz=500.0,
    spatial="gcc",
    gcc_n_fft=128,
)


def recipe(stage: Stage, n_filters: int = 4) -> TrainRecipe:
    body = TwoStageSettings(stage=stage, filters=(n_filters, 6), recurrent_units=5)
    first = stage == "detection"
    loss = LossSettings(
        direction="angles_mae", activity_weight=float(first), direction_weight=float(not first)
    )
    return replace(
        tiny.RECIPE, steps=6, network=TwoStageNetwork(features=FEATURES, body=body), loss=loss
    )


def train(recipe: TrainRecipe, out: Path, init: Path | None = None) -> Path:
    def network() -> Network:
        return build(recipe.network, n_labels=1)

    return fit(recipe, out, replace(tiny.PARTS, network=network), machine=ONE, init=init)


def averaged(path: Path, prefix: str) -> dict[str, torch.Tensor]:
    start = f"average.{prefix}"
    _, tensors = read(path)
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def test_the_second_stage_learns_where_and_keeps_what(tmp_path: Path) -> None:
    first = train(recipe("detection"), tmp_path / "first")
    second = train(recipe("direction"), tmp_path / "second", init=first)
    heard, kept = averaged(first, "body."), averaged(second, "body.detection.")
    assert heard.keys() == kept.keys()
    for name, value in heard.items():
        assert torch.equal(kept[name], value), name
    mean = averaged(first, "front_ends.0.")["mean"]
    assert torch.equal(averaged(second, "front_ends.0.")["mean"], mean)
    assert mean.abs().max() > 0
    learnt = averaged(second, "body.direction.")
    assert not torch.equal(learnt["convolutions.0.0.weight"], heard["convolutions.0.0.weight"])


def test_a_killed_second_stage_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    first = train(replace(recipe("detection"), steps=2), tmp_path / "first")
    asked = replace(recipe("direction"), steps=8)
    straight = train(asked, tmp_path / "straight", init=first)
    parts = Parts(
        lambda: build(asked.network, 1), tiny.TinyStream(1), tiny.TinyStream(2), data_hash="tiny"
    )
    often = replace(ONE, checkpoint_every=3)

    class KilledError(Exception):
        pass

    def kill(progress: object) -> None:
        if (tmp_path / "killed" / "checkpoint-000003.safetensors").exists():
            raise KilledError

    with pytest.raises(KilledError):
        fit(asked, tmp_path / "killed", parts, machine=often, init=first, on_progress=kill)
    resumed = fit(asked, tmp_path / "killed", parts, machine=often, resume=True)
    for name, value in averaged(straight, "").items():
        assert torch.equal(averaged(resumed, "")[name], value), name


def test_a_first_stage_of_another_size_is_refused(tmp_path: Path) -> None:
    first = train(replace(recipe("detection", n_filters=5), steps=1), tmp_path / "first")
    with pytest.raises(CheckpointError, match="must have the shape"):
        train(recipe("direction"), tmp_path / "second", init=first)


def test_a_second_stage_without_a_first_is_refused(tmp_path: Path) -> None:
    """What sounds would be told by random weights, which no training changes."""
    with pytest.raises(SettingError, match=r"--init"):
        train(recipe("direction"), tmp_path / "second")
    assert not list((tmp_path / "second").iterdir())
