"""Names of scenes: those of the published sets, each once."""

import re
from pathlib import Path

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.datasets.layout import LayoutKind, check_rooms, scene_name

NAMES: dict[LayoutKind, tuple[int, str]] = {
    "plain": (0, r"scene_\d{4}"),
    "tau2019": (5, r"split[1-4]_ir[0-4]_ov[12]_([1-9]\d?|100)"),
    "tau-nigens2020": (12, r"fold[1-6]_room[12]_mix0([0-4]\d|50)_ov[12]"),
    "tau-nigens2021": (
        12,
        r"(dev-train/fold[1-4]|dev-val/fold5|dev-test/fold6)_room[12]_mix0([0-4]\d|50)",
    ),
    "starss22": (
        11,
        r"(dev-train-tau/fold3_room[4679]|dev-train-sony/fold3_room2[12]"
        r"|dev-test-tau/fold4_room(2|8|10)|dev-test-sony/fold4_room2[34])_mix\d{3}",
    ),
}


@pytest.mark.parametrize("layout", NAMES)
def test_names_are_the_published_ones_and_each_is_there_once(layout: LayoutKind) -> None:
    rooms, pattern = NAMES[layout]
    count = 400 if layout == "tau2019" else 600
    names = [scene_name(layout, i, rooms, overlap=1 + i % 2) for i in range(count)]
    assert all(re.fullmatch(pattern, str(name)) for name in names)
    # by its number alone too: what may overlap is not known before a scene is drawn
    stems = {re.sub(r"_ov\d", "", name.name) for name in names}
    assert len(stems) == count


@pytest.mark.shared
def test_the_names_of_2019_and_2022_are_those_of_the_tables(shared: Path) -> None:
    of_2019 = {p.stem for p in (shared / "dcase2019" / "reference_events").glob("*.csv")}
    _, pattern = NAMES["tau2019"]
    assert all(re.fullmatch(pattern, name) for name in of_2019)
    within = shared / "starss22" / "metadata_dev"
    of_2022 = {p.relative_to(within).with_suffix("").as_posix() for p in within.rglob("*.csv")}
    _, pattern = NAMES["starss22"]
    assert all(re.fullmatch(pattern, name) for name in of_2022)
    made = {str(scene_name("starss22", i, 11, 1)) for i in range(11)}
    assert {name[:-3] for name in made} == {name[:-3] for name in of_2022}


@pytest.mark.parametrize(("layout", "rooms"), [("tau2019", 0), ("tau2019", 6), ("starss22", 12)])
def test_rooms_without_names_are_refused(layout: LayoutKind, rooms: int) -> None:
    with pytest.raises(SettingError, match=f"scene.rooms must be in 1.*but {rooms} was given"):
        check_rooms(layout, rooms)
