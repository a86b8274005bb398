"""The table under noise: nothing is trained, nothing heard twice, clean is what the test said."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from tests.training.clips import tiny_clips

from sonoscope.core.errors import InputError, SettingError
from sonoscope.metrics.noise_test import Condition, NoiseTestSettings
from sonoscope.pipeline import reproduce_clips, reproduce_noise
from sonoscope.training.clips.ega_tables import SMALL, TABLE1, TABLE2
from sonoscope.training.clips.reproduce import AskedClips, planned_clips
from sonoscope.training.clips.scored import read_heard
from sonoscope.training.clips.under_noise import (
    PUBLISHED,
    TABLE3,
    NoisePlan,
    NoiseWork,
    as_text,
    read_test,
)
from sonoscope.training.reproduce import Workplace


def test_the_table_takes_the_trainings_of_the_others(tmp_path: Path) -> None:
    names = [row.name for row in TABLE3.rows]
    assert names[:4] == ["baseline", "+SE", "EGA", "+SE +IGAM"]
    assert len(names) == len(set(names)) == 4 + 12
    assert set(PUBLISHED) <= set(names)
    mine, one, two = (
        {each.folder for each in planned_clips(t, "esc10", SMALL, AskedClips(), tmp_path).trainings}
        for t in (TABLE3, TABLE1, TABLE2)
    )
    assert mine <= one | two


@pytest.mark.slow
def test_what_is_trained_is_heard_once_and_what_is_not_is_named(tmp_path: Path) -> None:
    data, out = tiny_clips.write_esc10(tmp_path / "data"), tmp_path / "out"
    where = Workplace(data, tiny_clips.ONE)
    scale = tiny_clips.SCALE
    trained = AskedClips((1,), rows=("one",))
    reproduce_clips(planned_clips(tiny_clips.TABLE, "esc10", scale, trained, out), where)
    every = planned_clips(tiny_clips.TABLE, "esc10", scale, AskedClips((1,)), out)
    plan = NoisePlan(every, NoiseTestSettings(snr_db=(0.0,)))
    ended: list[NoiseWork] = []
    reproduce_noise(plan, where, on_end=ended.append)
    (work,) = ended
    assert work.is_done

    tests = plan.heard()
    assert {name: list(found) for name, found in tests.items()} == {
        "one": [(1, 0)],
        "two": [],
        "wild": [],
    }
    test = tests["one"][1, 0]
    said = read_heard(work.training.folder / "heard.npz")
    assert test.label.tolist() == said.label.tolist()
    clean = test.said[Condition("", math.inf, False)]
    assert clean.tolist() == said.probability().argmax(axis=1).tolist()
    assert test.noises == ("rotor", "wind", "machine")

    name = "ega-table2-esc10"
    text = (out / f"{name}.md").read_text()
    assert "| one | as they are |" in text
    assert "- two: fold 1 seed 0 (not trained: ega-table1 and ega-table2 train it)" in text
    with (out / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2 * 2 + 2
    assert "all together, clips denoised" in (out / f"{name}.svg").read_text()

    before = (work.folder / "result.json").stat().st_mtime_ns
    ended.clear()
    reproduce_noise(plan, where, on_end=ended.append)
    assert not ended
    assert (work.folder / "result.json").stat().st_mtime_ns == before


def test_without_trainings_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    data, out = tiny_clips.write_esc10(tmp_path / "data"), tmp_path / "out"
    plan = NoisePlan(planned_clips(TABLE3, "esc10", SMALL, AskedClips((1,)), out))
    with pytest.raises(SettingError, match="`sonoscope reproduce ega-table1` and `ega-table2`"):
        reproduce_noise(plan, Workplace(data, tiny_clips.ONE))
    assert not out.exists()


def test_what_was_said_survives_its_text_and_what_is_none_is_refused(tmp_path: Path) -> None:
    from sonoscope.metrics.noise_test import NoiseTest

    conditions = [Condition("", math.inf, False), Condition("wind", 0.0, True)]
    test = NoiseTest(
        2,
        np.array([0, 1], np.int64),
        ("a", "b"),
        {each: np.array([i, 1], np.int64) for i, each in enumerate(conditions)},
        {each: np.array([True, False]) for each in conditions},
    )
    path = tmp_path / "result.json"
    path.write_text(as_text(test))
    json.loads(path.read_text(), parse_constant=pytest.fail)
    again = read_test(path)
    assert list(again.said) == conditions
    for each in conditions:
        assert again.said[each].tolist() == test.said[each].tolist()
        assert again.unsure[each].tolist() == test.unsure[each].tolist()
    assert (again.n_labels, again.groups) == (2, ("a", "b"))
    path.write_text('{"n_labels": 2}')
    with pytest.raises(InputError, match="does not tell what was said under noise"):
        read_test(path)
