"""The paper's rows are the networks it describes, and rows that are alike are one training."""

from dataclasses import replace
from pathlib import Path

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.models.build import MaskCrnnNetwork, TwoStageNetwork, build
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.reproduce import Asked, planned
from sonoscope.training.seld_tables import ABLATIONS, PAPER_SCALE, SCALES, SMALL, TABLES, table
from sonoscope.training.tables import Format, Row, merged, recipes_of


def row(table_name: str, name: str) -> Row:
    return TABLES[table_name].some([name])[0]


@pytest.mark.parametrize(
    ("where", "name", "foa", "mic"),
    [
        ("seld-table3", "CRNN", 513_324, 515_052),
        ("seld-table3", "M-CRNN", 755_020, 755_404),
        ("seld-table3", "SELDnet 2019", 610_785, 610_785),
        ("seld-table4", "none", 633_708, 635_628),
        ("seld-table4", "scSE", 640_044, 641_964),
        ("seld-table5", "1", 658_476, 660_396),
        ("seld-table5", "2", 646_188, 648_108),
        ("seld-table5", "8", 636_972, 638_892),
        ("seld-table5", "16", 635_436, 637_356),
    ],
)
def test_a_rows_network_has_as_many_weights_as_it_should(
    where: str, name: str, foa: int, mic: int
) -> None:
    wanted: dict[Format, int] = {"foa": foa, "mic": mic}
    for heard_as, n_weights in wanted.items():
        (asked,) = recipes_of(row(where, name), heard_as, 1, 0, SMALL)
        network = build(asked.network, len(asked.labels))
        assert sum(each.numel() for each in network.parameters()) == n_weights


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_can_be_trained_and_listens_at_the_rate_of_its_recordings(
    name: str, scale: str
) -> None:
    for each in TABLES[name].rows:
        for heard_as in ("foa", "mic"):
            for asked in recipes_of(each, heard_as, 2, 1, SCALES[scale]):
                assert not isinstance(asked.network, MaskCrnnNetwork)
                assert asked.rate_hz == asked.network.features.rate_hz
                assert asked.network.formats == (("foa" if heard_as == "foa" else "tetra"),)
                assert asked.label_step_s == 0.02
                assert asked.seed == 1


def test_folds_are_the_organisers() -> None:
    for fold, (train, validation) in {1: ((3, 4), 2), 2: ((4, 1), 3), 4: ((2, 3), 1)}.items():
        (asked,) = recipes_of(row("seld-table3", "CRNN"), "foa", fold, 0, SMALL)
        assert asked.recordings is not None
        assert asked.recordings.folds == train
        assert asked.recordings.validation_folds == (validation,)
        assert asked.recordings.test_folds == (fold,)
    with pytest.raises(SettingError, match="folds must be among"):
        recipes_of(row("seld-table3", "CRNN"), "foa", 5, 0, SMALL)


def test_rows_with_one_recipe_are_one_training(tmp_path: Path) -> None:
    def folders(where: str, name: str) -> list[Path]:
        plan = planned(TABLES[where], SMALL, Asked(("foa",), rows=(name,)), tmp_path)
        return [each.folder for each in plan.trainings]

    assert folders("seld-table4", "scSE") == folders("seld-table5", "4")
    assert folders("seld-table4", "scSE") == folders("seld-table6", "Res-scSE-CRNN")
    assert folders("seld-table3", "CRNN") == folders("seld-ablations", "CRNN")
    assert folders("seld-table4", "none") == folders("seld-ablations", "residual")
    assert not set(folders("seld-table5", "4")) & set(folders("seld-table5", "8"))


def test_everything_that_decides_the_result_is_in_the_folders_name(tmp_path: Path) -> None:
    plain = row("seld-table3", "CRNN")
    other = (
        replace(plain, threshold=0.4),
        replace(plain, changes={"learning_rate": 1e-4}),
        replace(plain, first={"steps": 3}),
    )
    names = set()
    for each in (plain, *other):
        shown = replace(TABLES["seld-table3"], rows=(each,))
        names |= {
            t.folder for t in planned(shown, SMALL, Asked(("foa",), (1,), 1), tmp_path).trainings
        }
    assert len(names) == 4


def test_all_rows_have_one_training_before_any_has_two(tmp_path: Path) -> None:
    plan = planned(TABLES["seld-table4"], SMALL, Asked(folds=(1, 2), seeds=2), tmp_path)
    order = [(each.seed, each.fold, each.heard_as) for each in plan.trainings]
    assert len(order) == 4 * 2 * 2 * 2
    assert order[:5] == [(0, 1, "foa")] * 4 + [(0, 1, "mic")]
    assert order == sorted(order)


def test_the_second_of_two_stages_begins_with_the_first() -> None:
    first, second = recipes_of(row("seld-table3", "Two-stage"), "mic", 1, 0, SMALL)
    assert isinstance(first.network, TwoStageNetwork)
    assert isinstance(second.network, TwoStageNetwork)
    assert first.network.body.stage == "detection"
    assert second.network.body.stage == "direction"
    assert (first.loss.activity_weight, first.loss.direction_weight) == (1.0, 0.0)
    assert (second.loss.activity_weight, second.loss.direction_weight) == (0.0, 1.0)


def test_rows_of_the_ablations_differ_from_the_reference_in_what_they_say() -> None:
    def asked(name: str) -> TrainRecipe:
        return recipes_of(ABLATIONS.some([name])[0], "foa", 1, 0, SMALL)[0]

    plain = asked("CRNN")
    assert replace(asked("CRNN/swaps"), augmentation=plain.augmentation) == plain
    assert replace(asked("CRNN/mixup"), mixup=plain.mixup) == plain
    assert replace(asked("CRNN/no mask"), loss=plain.loss) == plain
    assert replace(asked("residual"), network=plain.network) == plain
    assert len({str(asked(each.name)) for each in ABLATIONS.rows}) == len(ABLATIONS.rows)


def test_paper_scale_is_fifty_epochs_of_two_hundred_minutes() -> None:
    (asked,) = recipes_of(row("seld-table3", "CRNN"), "foa", 1, 0, PAPER_SCALE)
    assert asked.steps * asked.batch_size * asked.window_s == 50 * 200 * 60
    assert asked.validation.every * 50 == asked.steps
    assert asked.validation.keep_best


def test_settings_lie_over_others_without_touching_them() -> None:
    below = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(below, {"a": {"c": 4}}) == {"a": {"b": 1, "c": 4}, "d": 3}
    assert below == {"a": {"b": 1, "c": 2}, "d": 3}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingError, match="NAME must be one of seld-table3"):
        table("seld-table7")
    with pytest.raises(SettingError, match="rows of seld-table4 must be among none, sSE"):
        TABLES["seld-table4"].some(["sse"])
