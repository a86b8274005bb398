"""Tables of clip networks: what is planned, and that it is trained once, whatever stops it."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.clips import tiny_clips

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import read_recipe
from sonoscope.models.clip.build import build_clip_network
from sonoscope.pipeline import reproduce_clips
from sonoscope.training.clips.ega_tables import EGA, PAPER_SCALE, SCALES, SMALL, TABLE1, TABLE2
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.reproduce import (
    AskedClips,
    ClipPlan,
    ClipTraining,
    check_clips,
    planned_clips,
    scored_clips,
    shown_clips,
)
from sonoscope.training.clips.tables import ClipScale, ClipTable, recipe_of
from sonoscope.training.reproduce import Workplace

RECIPES = Path(__file__).parents[3] / "recipes"
ALL = AskedClips()


def recipe(name: str, scale: ClipScale) -> ClipRecipe:
    rows = {row.name: row for row in (*TABLE1.rows, *TABLE2.rows)}
    return recipe_of(rows[name], "esc10", 1, 0, scale)


@pytest.mark.parametrize("scale", SCALES)
def test_tables_share_trainings_and_every_row_has_one_before_any_has_two(
    tmp_path: Path, scale: str
) -> None:
    one, two = (planned_clips(t, "esc10", SCALES[scale], ALL, tmp_path) for t in (TABLE1, TABLE2))
    places = 3 * 2 if scale == "small" else 5 * 2
    assert len(one.trainings) == 14 * places
    assert len(two.trainings) == 9 * places  # two recipes, one of which is the scale's own
    shared = {t.folder for t in one.trainings} & {t.folder for t in two.trainings}
    assert len(shared) == 2 * places  # baseline and EGA
    order = [(each.seed, each.fold) for each in one.trainings]
    assert order == sorted(order)
    assert one.name == ("ega-table1-esc10" if scale == "small" else "ega-table1-esc10-paper")


def test_another_fold_seed_scale_or_set_is_another_folder(tmp_path: Path) -> None:
    asked = AskedClips((1, 2), 2, ("EGA",))
    names = {
        training.folder.name
        for scale in SCALES.values()
        for data in ("esc10", "esc50", "urbansound8k")
        for training in planned_clips(TABLE2, data, scale, asked, tmp_path).trainings
    }
    assert len(names) == 2 * 3 * 4
    with pytest.raises(SettingError, match="folds must be among 1 to 5, but 6"):
        recipe_of(EGA, "esc10", 6, 0, SMALL)
    with pytest.raises(SettingError, match="rows of ega-table2 must be among baseline"):
        planned_clips(TABLE2, "esc10", SMALL, AskedClips(rows=("none",)), tmp_path)


def test_names_of_rows_can_be_listed_with_commas() -> None:
    assert not any("," in row.name for table in (TABLE1, TABLE2) for row in table.rows)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("table", [TABLE1, TABLE2], ids=["table1", "table2"])
def test_every_row_is_of_its_own_and_all_hear_the_same(table: ClipTable, scale: str) -> None:
    made = [recipe_of(row, "esc10", 1, 0, SCALES[scale]) for row in table.rows]
    assert len({(each.window_s, each.network.maps.rate_hz) for each in made}) == 1  # type: ignore[union-attr]
    same = 2 if table is TABLE2 else 0
    assert len(set(made)) == len(made) - same
    assert {row.name for row in table.rows} >= set(table.references)


def test_networks_differ_as_their_names_say() -> None:
    def n_weights(name: str) -> int:
        network = build_clip_network(recipe(name, SMALL).network, 10)
        return sum(each.numel() for each in network.parameters())

    base, se, ega, both = map(n_weights, ("baseline", "+SE", "EGA", "+SE +IGAM"))
    masked, bare, stacked = map(
        n_weights, ("baseline/mask single", "EGA/mask none", "EGA/mask stacked")
    )
    assert se > base
    assert both - ega == se - base
    assert ega - bare == masked - base > 0
    assert stacked not in (bare, ega)
    assert ega - masked == bare - base > 0


def test_the_papers_recipe_is_the_papers() -> None:
    ours = recipe("EGA", PAPER_SCALE)
    theirs = read_recipe(RECIPES / "esc10_ega_paper.toml", ClipRecipe)
    assert replace(ours, name=theirs.name) == theirs
    small = recipe("EGA/paper's recipe", SMALL)
    for name in ("epochs", "batch_size", "optimizer", "learning_rate", "weight_decay", "schedule"):
        assert getattr(small, name) == getattr(theirs, name)


def test_masks_are_the_same_share_whatever_the_maps() -> None:
    for data, frames in (("esc10", 100), ("urbansound8k", 80)):
        asked = recipe_of(EGA, data, 1, 0, PAPER_SCALE)  # type: ignore[arg-type]
        assert (asked.masking.longest_frames, asked.masking.widest_bands) == (frames, 24)
    masking = recipe("EGA/paper's recipe", SMALL).masking
    assert (masking.longest_frames, masking.widest_bands) == (25, 12)
    assert recipe("EGA", SMALL).listening.crops == 3
    assert recipe("EGA", PAPER_SCALE).listening.crops == 1
    assert recipe("AudioFormer", SMALL).loss.kind == "own"


@pytest.mark.slow
def test_a_tiny_table_is_trained_once_and_goes_on(tmp_path: Path) -> None:
    """One of three rows is done; the others are done by the second call, one of them failing."""
    data, out = tiny_clips.write_esc10(tmp_path / "data"), tmp_path / "out"
    where = Workplace(data, tiny_clips.ONE)

    def plan(*rows: str) -> ClipPlan:
        asked = AskedClips((1,), rows=rows)
        return planned_clips(tiny_clips.TABLE, "esc10", tiny_clips.SCALE, asked, out)

    first = plan("one")
    reproduce_clips(first, where)
    result = first.trainings[0].folder / "result.json"
    before = result.stat().st_mtime_ns
    ended: list[ClipTraining] = []
    reproduce_clips(plan(), where, on_end=ended.append)
    assert [each.is_done for each in ended] == [True, False]
    assert result.stat().st_mtime_ns == before
    assert [len(scored_clips(row)) for row in plan().rows] == [1, 1, 0]
    assert scored_clips(first.rows[0])[0].clips == 10
    assert "loss must be a number" in ended[1].why_not
    text = (out / "ega-table2-esc10.md").read_text()
    assert "| one |" in text
    assert "- wild: fold 1 seed 0 (failed: the loss must be a number" in text
    assert (out / "ega-table2-esc10.csv").read_text().startswith("table,network,runs")
    assert (out / "ega-table2-esc10.svg").read_text().count("<circle") == 5  # 2 scores, 2 rings, Δ
    check_clips(plan(), data)
    tiny_clips.write_esc10(tmp_path / "other", 2)
    with pytest.raises(SettingError, match="was trained on others: name another --out"):
        check_clips(plan(), tmp_path / "other")


def test_every_call_shows_what_others_came_to(tmp_path: Path) -> None:
    """Fewer rows, seeds or folds are asked for, or others: nothing that is there goes away."""
    every = planned_clips(TABLE2, "esc10", SMALL, ALL, tmp_path)
    begun = every.trainings[0]
    begun.folder.mkdir(parents=True)
    other = planned_clips(TABLE2, "esc10", SMALL, AskedClips((5,), 1, ("+SE",)), tmp_path)
    places = {
        row.row.name: [(each.fold, each.seed) for each in row.trainings]
        for row in shown_clips(other)
    }
    assert places["+SE"] == [(5, 0)]
    assert places["baseline"] == places["baseline/better recipe"] == [(1, 0)]
    assert not places["EGA"]
    elsewhere = planned_clips(TABLE2, "esc50", SMALL, AskedClips(rows=("+SE",)), tmp_path)
    assert not shown_clips(elsewhere)[0].trainings
