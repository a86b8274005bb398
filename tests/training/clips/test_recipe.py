"""Recipes of clips: every one in the project is read, and the paper's is the paper's."""

from pathlib import Path

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_json, json_table, kind_of, read_recipe, to_json
from sonoscope.training.clips.recipe import ClipRecipe

RECIPES = Path(__file__).parents[3] / "recipes"
OF_CLIPS = sorted(path for path in RECIPES.glob("*.toml") if kind_of(path) == "clips")


def test_there_are_recipes_for_both_sets_and_none_is_taken_for_another_kind() -> None:
    names = {path.stem for path in OF_CLIPS}
    assert {"esc10_resnet18", "esc50_resnet18", "esc10_ega_paper", "esc50_ega_paper"} <= names
    assert kind_of(RECIPES / "detector.toml") is None


@pytest.mark.parametrize("path", OF_CLIPS, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_survives_its_text(path: Path) -> None:
    recipe = read_recipe(path, ClipRecipe)
    assert recipe.name == path.stem
    text = to_json(recipe)
    assert from_json(text, ClipRecipe, where="here") == recipe
    assert json_table(text)["kind"] == "clips"
    assert recipe.tested_on(3).data.split.test_folds == (3,)


@pytest.mark.parametrize("name", ["esc10_ega_paper", "esc50_ega_paper"])
def test_the_papers_recipe_says_what_the_paper_says(name: str) -> None:
    recipe = read_recipe(RECIPES / f"{name}.toml", ClipRecipe)
    assert (recipe.optimizer, recipe.learning_rate, recipe.weight_decay) == ("adam", 1e-3, 1e-4)
    schedule = recipe.schedule
    assert (schedule.kind, schedule.patience, schedule.factor) == ("plateau", 5, 0.5)
    assert (recipe.epochs, recipe.batch_size, recipe.least_rate) == (100, 128, 1e-6)
    masking, maps = recipe.masking, recipe.network.maps
    assert (masking.band_masks, masking.widest_bands) == (2, 24)
    n_frames = round(recipe.window_s / 0.01)
    assert (masking.time_masks, masking.longest_frames) == (2, n_frames // 5)
    assert maps.kind == "log_mel"
    assert (maps.rate_hz, maps.n_bands, maps.hop_s, maps.window_s) == (32_000, 128, 0.01, 0.025)
    assert (recipe.loss.kind, recipe.loss.smoothing) == ("cross_entropy", 0)
    assert recipe.validation.keep == "best"
    assert not any(recipe.mixing.shares)
    assert (recipe.waveform.gain_db, recipe.waveform.noise_db) == (0, None)
    assert recipe == read_recipe(RECIPES / f"{name}.toml", ClipRecipe)


def test_defaults_are_the_papers_but_for_its_masks() -> None:
    recipe = ClipRecipe(name="plain")
    assert (recipe.optimizer, recipe.epochs, recipe.batch_size) == ("adam", 100, 128)


def test_what_a_network_cannot_do_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    begin = 'name = "x"\nkind = "clips"\n'
    path.write_text(begin + 'loss = { kind = "own" }\nnetwork = { kind = "resnet18" }\n')
    with pytest.raises(SettingError, match=r"of names unless network\.kind is \"audio_former\""):
        read_recipe(path, ClipRecipe)
    path.write_text(begin + 'loss = { kind = "own" }\nnetwork = { kind = "audio_former" }\n')
    assert read_recipe(path, ClipRecipe).loss.kind == "own"
    path.write_text(begin + 'mixing = { frequency = 0.2 }\nnetwork = { kind = "eat" }\n')
    with pytest.raises(SettingError, match=r"mixing\.frequency must be 0 .* but 0\.2 was given"):
        read_recipe(path, ClipRecipe)


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\nkind = "clips"\n[mixing]\nmood = 1\n')
    with pytest.raises(SettingError, match=r"mixing\.mood: unknown key"):
        read_recipe(path, ClipRecipe)
    with pytest.raises(SettingError, match="not a recipe of this version"):
        from_json("{}", ClipRecipe, where="here")
