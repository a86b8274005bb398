"""Scenes on disk: whole, described, and the same whenever they are made."""

import json
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core import audio, event_table
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import from_table
from sonoscope.datasets.choice import ClipChoice, find_clips
from sonoscope.datasets.scene_set import SceneSetRecipe, scene_stream, write_scenes

RECIPE = from_table(
    {
        "name": "test",
        "labels": ["door_wood_knock", "siren"],
        "duration_s": 2.0,
        "data": {"modelled_share": 1.0},
        "scene": {"rate_hz": 16_000, "mono_share": 0.0, "empty_share": 0.0, "max_overlap": [1]},
    },
    SceneSetRecipe,
    where="test",
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_set_is_the_same_in_one_go_and_broken_off(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_scenes(RECIPE, whole, count=2, seed=5)
    write_scenes(RECIPE, parts, count=1, seed=5)
    (parts / "truth" / "scene_0000.csv").unlink()  # as if killed before the scene was whole
    write_scenes(RECIPE, parts, count=2, seed=5)
    assert contents(whole) == contents(parts)
    assert len(contents(whole)) == 2 * 4 + 1


def test_any_scene_can_be_made_again_from_the_manifest(tmp_path: Path) -> None:
    manifest = json.loads(write_scenes(RECIPE, tmp_path, count=2, seed=9).read_text())
    recipe = from_table(manifest["recipe"], SceneSetRecipe, where="manifest")
    scene = scene_stream(recipe, None, manifest["seed"]).scene(1, "tetra", recipe.duration_s)
    stored = audio.read(tmp_path / "tetra" / "scene_0001.wav").samples
    assert np.abs(stored - scene.recording.samples).max() < 1 / 32_000  # 16 bits
    truth = event_table.read_events(tmp_path / "truth" / "scene_0001.csv")
    assert [event.label for event in truth] == [event.label for event in scene.events]
    assert manifest["scenes"][1]["room_m"]
    assert manifest["snr_definition"].startswith("active")


def test_another_seed_does_not_mix_in(tmp_path: Path) -> None:
    write_scenes(RECIPE, tmp_path, count=1, seed=1)
    with pytest.raises(SettingError, match="another recipe or seed"):
        write_scenes(RECIPE, tmp_path, count=1, seed=2)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(SettingError, match="manifest"):
        write_scenes(RECIPE, tmp_path, count=1, seed=1)


def test_recordings_need_a_data_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data"):
        find_clips(ClipChoice(esc50_folds=(1,)), None, ["dog"])
    with pytest.raises(InputError):
        find_clips(ClipChoice(esc50_folds=(1,)), tmp_path, ["dog"])
    assert find_clips(ClipChoice(modelled_share=1.0), None, ["dog"]) == []
