"""A recipe survives JSON, and says what is wrong with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_json, from_table, read_recipe, to_json
from sonoscope.training.recipe import (
    LossSettings,
    TrainRecipe,
    differences,
    fingerprint,
)

PLAIN = TrainRecipe(name="plain", labels=("dog", "siren"))


def test_json_gives_the_same_recipe_back() -> None:
    recipe = replace(PLAIN, learning_rate=0.1 + 0.2, extra_labels=("rain",))
    text = to_json(recipe)
    assert from_json(text, TrainRecipe, where="here") == recipe
    assert to_json(from_json(text, TrainRecipe, where="here")) == text


def test_a_file_is_read_with_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'name = "a"\nlabels = ["dog"]\nsteps = 7\n[scene]\nrate_hz = 8000\n'
        '[loss]\ndirection = "mse2020"\n[data]\nesc50_folds = [1, 2]\n'
    )
    recipe = read_recipe(path, TrainRecipe)
    assert (recipe.steps, recipe.scene.rate_hz, recipe.loss.direction) == (7, 8000, "mse2020")
    assert recipe.data.esc50_folds == (1, 2)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"device": "cuda"}, "device: unknown key"),
        ({"loss": {"kind": "bce"}}, "loss.kind: unknown key"),
        ({"steps": 0}, "steps: .*greater than or equal to 1"),
        ({"labels": []}, "labels must be at least one"),
        ({"extra_labels": ["dog"]}, "must all differ"),
    ],
)
def test_what_does_not_fit_is_named(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        from_table({"name": "a", "labels": ["dog"]} | table, TrainRecipe, where="a.toml")


def test_differences_are_named_in_full() -> None:
    other = replace(PLAIN, steps=5, loss=LossSettings(direction="mse"))
    assert differences(to_json(PLAIN), to_json(other)) == ["loss.direction", "steps"]
    assert differences(to_json(PLAIN), to_json(PLAIN)) == []


def test_fingerprints_tell_where_one_part_ends() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("ab", "c") == fingerprint("ab", "c")


def test_what_is_no_recipe_is_refused() -> None:
    with pytest.raises(SettingError, match="here: not a recipe of this version"):
        from_json('{"name": 1}', TrainRecipe, where="here")
