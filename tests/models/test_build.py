"""From settings to network: every kind listens to raw sound."""

from typing import Any

import pytest
import torch

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_json, from_table, to_json
from sonoscope.models.build import CrnnNetwork, MCrnnNetwork, ResScseCrnnNetwork, build, normalise
from sonoscope.models.paper_features import PAPER48, PaperFeatures, PaperFeatureSettings
from sonoscope.training.recipe import TrainRecipe

LABELS = {"name": "trial", "labels": ["a", "b"]}


@pytest.mark.parametrize(
    ("network", "formats"),
    [
        ({}, ("foa", "tetra")),
        ({"kind": "mask_crnn", "formats": ["tetra"]}, ("tetra",)),
        ({"kind": "crnn"}, ("foa",)),
        ({"kind": "m_crnn"}, ("foa",)),
        ({"kind": "res_scse_crnn", "features": {"channel_format": "tetra"}}, ("tetra",)),
    ],
)
def test_a_recipe_names_its_network(network: dict[str, Any], formats: tuple[str, ...]) -> None:
    recipe = from_table({**LABELS, "network": network}, TrainRecipe, where="test")
    assert recipe.network.formats == formats
    assert build(recipe.network, 2).formats == formats


def test_a_kind_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"network: .*mask_crnn.*res_scse_crnn"):
        from_table({**LABELS, "network": {"kind": "transformer"}}, TrainRecipe, where="test")
    with pytest.raises(SettingError, match="surprise: unknown key"):
        from_table({**LABELS, "network": {"surprise": 1}}, TrainRecipe, where="test")


@pytest.mark.parametrize("settings", [CrnnNetwork(), MCrnnNetwork(), ResScseCrnnNetwork()])
def test_the_papers_networks_answer_at_the_label_rate(
    settings: CrnnNetwork | MCrnnNetwork | ResScseCrnnNetwork,
) -> None:
    network = build(settings, n_labels=3).eval()
    with torch.no_grad():
        output = network(0.1 * torch.randn(1, 4, 24_000))
    assert output.activity.shape == (1, 50, 3)
    assert output.direction.shape == (1, 50, 3, 3)


def test_a_recipe_may_begin_from_a_preset() -> None:
    def features(**table: Any) -> PaperFeatureSettings:
        network = {"kind": "crnn", "features": table}
        recipe = from_table({**LABELS, "network": network}, TrainRecipe, where="test")
        assert isinstance(recipe.network, CrnnNetwork)
        assert from_json(to_json(recipe), TrainRecipe, where="test") == recipe
        return recipe.network.features

    assert features(preset="paper") == PaperFeatureSettings()
    assert features(preset="paper48") == PAPER48
    tetra = features(preset="paper48", channel_format="tetra")
    assert (tetra.rate_hz, tetra.channel_format) == (48_000, "tetra")
    with pytest.raises(
        SettingError, match=r"features: .*paper, paper48.*, but 'paper96' was given"
    ):
        features(preset="paper96")


def test_features_are_normalised_by_the_sounds_given() -> None:
    features = PaperFeatureSettings(channel_format="tetra")
    network = build(CrnnNetwork(features), n_labels=2)
    sounds = [0.3 * torch.randn(2, 4, 24_000) for _ in range(2)]
    normalise(network, sounds)
    front = network.front_ends[0]
    assert isinstance(front, PaperFeatures)
    maps = torch.cat([front(sound) for sound in sounds])
    assert maps.mean(dim=(0, 2)).abs().max() < 1e-3
    assert (maps.std(dim=(0, 2)) - 1).abs().max() < 0.02
