"""Presets: published labels and clocks, every label its own sounds, also without data."""

import csv
import json
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from sonoscope.core import audio, event_table
from sonoscope.core.errors import SettingError
from sonoscope.datasets import digits
from sonoscope.datasets.presets.presets import PRESETS, preset
from sonoscope.datasets.scene_set import Order, SceneMaker, write_scenes
from sonoscope.simulation.scene_settings import Shell
from sonoscope.simulation.stimuli import STIMULI

PUBLISHED = {  # rate, csv, labels: the first and the last, and how many
    "tau2019": (48_000, 2019, "clearthroat", "speech", 11),
    "tau-nigens2020": (24_000, 2020, "alarm", "piano", 14),
    "tau-nigens2021": (24_000, 2021, "alarm", "piano", 12),
    "starss22": (24_000, 2022, "Female speech, woman speaking", "Knock", 13),
    "drone-survey": (48_000, 2023, "alarm", "chainsaw", 6),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_as_published(name: str) -> None:
    recipe = preset(name, None)
    labels = recipe.labels
    told = (recipe.scene.rate_hz, recipe.year, labels[0], labels[-1], len(labels))
    assert told == PUBLISHED[name]
    assert (recipe.duration_s, recipe.formats) == (60.0, ("foa", "tetra"))
    assert recipe.name == name


def test_the_grid_of_2019_is_the_measured_one() -> None:
    assert preset("tau2019", None).scene.shells == (
        Shell(1.0, (-40.0, 40.0), 10.0),
        Shell(2.0, (-20.0, 20.0), 10.0),
    )


@pytest.mark.parametrize("name", PRESETS)
def test_no_sound_stands_for_two_labels(name: str) -> None:
    recipe = preset(name, None)
    assert set(recipe.sounds) == {*recipe.labels, *recipe.extra_labels}
    used = Counter(chain.from_iterable(recipe.sounds.values()))
    assert max(used.values()) == 1
    # a label that is also the name of a sound must be of that sound
    assert all(x not in used or x in recipe.sounds[x] for x in recipe.sounds)


@pytest.mark.shared
@pytest.mark.parametrize("name", PRESETS)
def test_every_stand_in_is_a_sound_and_nothing_is_left_out(name: str, shared: Path) -> None:
    recipe = preset(name, shared)
    rows = csv.DictReader((shared / "esc50" / "esc50.csv").read_text().splitlines())
    speakers = {f"speech/{speaker}" for speaker in digits.TRAIN_SPEAKERS}
    known = {*(row["category"] for row in rows), *STIMULI, "speech", *speakers}
    assert set(chain.from_iterable(recipe.sounds.values())) <= known
    maker = SceneMaker(Order.of(recipe, 0, shared))
    assert maker.left_out == ()
    script = maker.stream.script(3, 20.0)
    assert script.emissions
    for emission in script.emissions:
        source = emission.attribution.partition(": ")[0]
        assert source in recipe.sounds[emission.label]


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_models_alone_make_what_they_can(name: str, tmp_path: Path) -> None:
    recipe = replace(preset(name, None), duration_s=3.0)
    written = write_scenes(recipe, tmp_path, count=1, seed=4)
    folder = "metadata_dev" if name != "drone-survey" else "dcase2023"
    (table,) = (tmp_path / folder).rglob("*.csv")
    within = table.relative_to(tmp_path / folder).with_suffix(".wav")
    foa, mic = ("foa_dev", "mic_dev") if name != "drone-survey" else ("foa", "tetra")
    for sounds in (foa, mic):
        sound = audio.read(tmp_path / sounds / within)
        assert sound.samples.shape == (4, 3 * recipe.scene.rate_hz)
        assert sound.rate_hz == recipe.scene.rate_hz
    (truth,) = (tmp_path / "truth").glob("*.json")
    record = json.loads(truth.read_text(encoding="utf-8"))
    sounded = [e["sounded"] for e in (*record["events"], *record["interferers"])]
    assert sounded
    assert all(text.endswith(": modelled") for text in sounded)
    assert 0 < len(written.left_out) < len(recipe.labels)
    assert not {e.label for e in event_table.read_events(table, recipe.labels)} & {
        *written.left_out
    }


def test_an_unknown_preset_names_all() -> None:
    known = ", ".join((*PRESETS, "drone-inspection", "discharges"))
    with pytest.raises(SettingError, match=known + ", but tau2018 was given"):
        preset("tau2018", None)


def test_own_clips_join_in_where_there_are_any(tmp_path: Path) -> None:
    assert not preset("starss22", tmp_path).data.own
    (tmp_path / "own").mkdir()
    assert preset("starss22", tmp_path).data.own
