"""From recipes to rivals, and from a first stage to a second."""

from typing import Any

import pytest
import torch
from tests.models.listening import noise, size
from torch import nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_json, from_table, to_json
from sonoscope.models.build import build, inherited, normalise, target_of
from sonoscope.models.output import Answer, TrackOutput
from sonoscope.models.paper_features import TWO_STAGE
from sonoscope.training.recipe import TrainRecipe

TINY_STAGE = {"filters": [4, 6], "recurrent_units": 5}
TINY_DCASE = {"filters": 4, "recurrent_units": 8, "head_units": 6}
TINY_EINV2 = {"filters": [4, 4, 4, 8], "inner": 8, "layers": 1}


def recipe_of(network: dict[str, Any], **rest: Any) -> TrainRecipe:
    table = {"name": "trial", "labels": ["a", "b", "c"], "network": network, **rest}
    recipe = from_table(table, TrainRecipe, where="test")
    assert from_json(to_json(recipe), TrainRecipe, where="test") == recipe
    return recipe


def listened(recipe: TrainRecipe, rate_hz: int) -> Answer:
    network = build(recipe.network, n_labels=3).eval()
    with torch.no_grad():
        answer: Answer = network(0.1 * noise(2, 4, rate_hz))
    return answer


@pytest.mark.parametrize("stage", ["detection", "direction"])
@pytest.mark.parametrize("channel_format", ["foa", "tetra"])
def test_both_stages_answer_fifty_times_a_second(stage: str, channel_format: str) -> None:
    features = {"preset": "two_stage", "channel_format": channel_format}
    body = {**TINY_STAGE, "stage": stage}
    recipe = recipe_of({"kind": "two_stage", "features": features, "body": body})
    assert recipe.network.formats == (channel_format,)
    assert target_of(recipe.network) == "classwise-xyz"
    assert listened(recipe, 32_000)[0].shape == (2, 50, 3)


def test_features_that_are_not_named_are_the_published_ones() -> None:
    network = recipe_of({"kind": "two_stage"}).network
    assert network.kind == "two_stage"
    assert network.features == TWO_STAGE
    assert size(build(network, 11)) == 5_890_977


def test_cnn9_answers_fifty_times_a_second() -> None:
    recipe = recipe_of({"kind": "cnn9"})
    assert target_of(recipe.network) == "classwise-xyz"
    assert listened(recipe, 32_000)[0].shape == (2, 50, 3)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"year": 2021, "tracks": 1}, "accdoa"),
        ({"year": 2022}, "multi-accdoa"),
        ({"year": 2023}, "multi-accdoa"),
        ({"year": 2024}, "multi-accdoa-distance"),
        ({"year": 2024, "tracks": 1}, "accdoa"),
    ],
)
def test_a_baseline_answers_ten_times_a_second(body: dict[str, Any], target: str) -> None:
    recipe = recipe_of({"kind": "dcase_crnn", "body": {**TINY_DCASE, **body}})
    assert target_of(recipe.network) == target
    vector = listened(recipe, 24_000)[0]
    assert vector is not None
    assert vector.shape == (2, 10, body.get("tracks", 3), 3, 3)


def test_a_baseline_may_hear_salsa_lite() -> None:
    network = {"kind": "dcase_crnn", "features": {"kind": "salsa_lite"}, "body": TINY_DCASE}
    recipe = recipe_of(network)
    assert recipe.network.formats == ("tetra",)
    assert listened(recipe, 24_000)[0].shape == (2, 10, 3, 3, 3)
    with pytest.raises(SettingError, match="n_mels: unknown key"):
        recipe_of({**network, "features": {"kind": "salsa_lite", "n_mels": 64}})


def test_einv2_answers_ten_times_a_second() -> None:
    recipe = recipe_of({"kind": "einv2", "body": TINY_EINV2})
    assert target_of(recipe.network) == "tracks"
    answer = listened(recipe, 24_000)
    assert isinstance(answer, TrackOutput)
    assert answer.activity.shape == (2, 10, 2, 3)
    assert answer.direction.shape == (2, 10, 2, 3)


def test_salsa_lite_is_normalised_by_the_sounds_given() -> None:
    network = build(
        recipe_of({"kind": "dcase_crnn", "features": {"kind": "salsa_lite"}}).network, n_labels=2
    )
    sounds = [0.3 * noise(2, 4, 24_000, seed=seed) for seed in range(2)]
    normalise(network, sounds)
    maps = torch.cat([network.front_ends[0](sound) for sound in sounds])
    assert maps.mean(dim=(0, 2)).abs().max() < 1e-3


def staged(stage: str) -> nn.Module:
    body = {**TINY_STAGE, "stage": stage}
    network = build(recipe_of({"kind": "two_stage", "body": body}).network, n_labels=3)
    normalise(network, [0.1 * noise(1, 4, 32_000, seed=1 + len(stage))])
    return network


def test_a_second_stage_inherits_features_and_convolutions() -> None:
    first, second = staged("detection"), staged("direction")
    second.load_state_dict(inherited(second, first.state_dict()))
    heard, own = first.state_dict(), second.state_dict()
    assert torch.equal(own["front_ends.0.mean"], heard["front_ends.0.mean"])
    for name in ("convolutions.0.0.weight", "convolutions.2.4.running_var"):
        assert torch.equal(own[f"body.direction.{name}"], heard[f"body.{name}"])
    sound = 0.1 * noise(1, 4, 32_000)
    first.eval(), second.eval()
    assert torch.equal(second(sound).activity, first(sound).activity)


def test_a_network_that_goes_on_with_its_own_kind_inherits_everything() -> None:
    for stage in ("detection", "direction"):
        weights = staged(stage).state_dict()
        assert inherited(staged(stage), weights).keys() == weights.keys()
        for name, value in inherited(staged(stage), weights).items():
            assert torch.equal(value, weights[name])
