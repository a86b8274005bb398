"""Which clips a recipe gets, and which it must not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import Clip
from sonoscope.training.material import data_hash, gather, held_out_groups
from sonoscope.training.recipe import DataSettings, TrainRecipe

RECIPE = TrainRecipe(name="mine", labels=("bang",), data=DataSettings(own=True))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for side in ("train", "validation"):
        for label in ("bang", "hum"):
            folder = tmp_path / "own" / side / label
            folder.mkdir(parents=True)
            soundfile.write(folder / f"{side}.wav", 0.1 * generator.standard_normal(800), 8_000)
    return tmp_path


def test_own_clips_of_the_labels_are_taken(data: Path) -> None:
    material = gather(RECIPE, data)
    assert [clip.path.name for clip in material.train] == ["train.wav"]
    assert [clip.label for clip in material.validation] == ["bang"]


def test_extra_labels_come_along(data: Path) -> None:
    material = gather(replace(RECIPE, extra_labels=("hum",)), data)
    assert [clip.label for clip in material.train] == ["bang", "hum"]


def test_held_out_groups_are_a_share_of_each_label_and_never_words() -> None:
    clips = [
        Clip(label, Path(f"{label}{i}.wav"), f"{label}{i // 2}", "1", "CC0", "me")
        for label, count in (("dog", 80), ("siren", 8))
        for i in range(count)
    ]
    spoken = Clip("speech", Path("w.wav"), "ann", "1", "CC0", "me", is_word=True)
    held = held_out_groups([*clips, spoken], 0.1)
    assert sum(group.startswith("dog") for group in held) == 4
    assert sum(group.startswith("siren") for group in held) == 2
    assert "ann" not in held
    assert held_out_groups([spoken, *reversed(clips)], 0.1) == held


def test_held_out_clips_change_sides(data: Path) -> None:
    generator = np.random.default_rng(1)
    for i in range(5):
        path = data / "own/train/bang" / f"{i}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(800), 8_000)
    asked = DataSettings(own=True, held_out_share=0.4)
    material = gather(replace(RECIPE, data=asked), data)
    names = [{clip.path.name for clip in side} for side in (material.train, material.validation)]
    assert (len(names[0]), len(names[1])) == (4, 2)
    assert not names[0] & names[1]
    assert "validation.wav" not in names[1]


def test_the_same_bytes_on_both_sides_are_refused(data: Path) -> None:
    content = (data / "own/train/bang/train.wav").read_bytes()
    (data / "own/validation/bang/validation.wav").write_bytes(content)
    with pytest.raises(SettingError, match="one side of a split"):
        gather(RECIPE, data)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data must be the folder of the clips"):
        gather(RECIPE, None)
    with pytest.raises(InputError, match="own/train"):
        gather(RECIPE, tmp_path)


def test_the_hash_follows_recipe_and_names_but_not_the_place(data: Path, tmp_path: Path) -> None:
    material = gather(RECIPE, data)
    moved = data.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    assert data_hash(RECIPE, material) == data_hash(RECIPE, gather(RECIPE, moved))
    assert data_hash(RECIPE, material) != data_hash(replace(RECIPE, seed=1), material)
    fewer = replace(material, train=())
    assert data_hash(RECIPE, material) != data_hash(RECIPE, fewer)


@pytest.mark.shared
def test_folds_and_speakers_stand_apart(shared: Path) -> None:
    recipe = TrainRecipe(
        name="folds",
        labels=("dog", "speech"),
        data=DataSettings(
            esc50_folds=(1, 2, 3, 4),
            esc50_validation_folds=(5,),
            digits_speakers=("george", "jackson"),
            digits_validation_speakers=("theo",),
        ),
    )
    material = gather(recipe, shared)
    assert {clip.label for clip in material.train} == {"dog", "speech"}
    assert {clip.fold for clip in material.validation} == {"5", "theo"}
    assert {clip.licence for clip in material.train} <= {"CC0", "CC-BY", "CC-BY-SA"}
    heard = replace(recipe, data=replace(recipe.data, esc50_validation_folds=(4,)))
    with pytest.raises(SettingError, match="one side of a split"):
        gather(heard, shared)
