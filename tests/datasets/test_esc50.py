import re
from pathlib import Path

import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import esc50
from sonoscope.simulation.sources import assert_disjoint, attribution

LICENCE_TEXT = """101 - Dog:
- [1-100-A.ogg]: clip derived from bark (at night).wav (http://www.freesound.org/people/a%20b/sounds/100/) by a b [CC0]
- [2-200-B.ogg]:  clip derived from [Can[x]](http://www.freesound.org/people/c/sounds/200/) by c [CC-BY-NC]
"""  # noqa: E501
TABLE = """filename,fold,target,category,esc10,src_file,take
1-100-A-0.wav,1,0,dog,True,100,A
2-200-B-3.wav,2,3,cow,True,200,B
"""
COUNTS = {
    "clock_alarm": 24,
    "coughing": 27,
    "crying_baby": 32,
    "dog": 32,
    "door_wood_knock": 30,
    "footsteps": 28,
    "glass_breaking": 32,
    "keyboard_typing": 23,
    "laughing": 27,
    "siren": 19,
    "sneezing": 32,
    "vacuum_cleaner": 29,
}
FREE = ("CC0", "CC-BY")


def original_layout(folder: Path) -> Path:
    (folder / "audio").mkdir()
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text(TABLE)
    (folder / "LICENSE").write_text(LICENCE_TEXT)
    for name in ("1-100-A-0.wav", "2-200-B-3.wav"):
        (folder / "audio" / name).touch()
    return folder


def test_the_original_layout_gives_labels_groups_and_who_made_them(tmp_path: Path) -> None:
    dog, cow = esc50.clips(original_layout(tmp_path), folds=range(1, 6))
    assert (dog.label, dog.group, dog.fold, dog.licence) == ("dog", "freesound:100", "1", "CC0")
    assert dog.path == tmp_path / "audio" / "1-100-A-0.wav"
    assert dog.attribution == (
        "bark (at night).wav by a b, http://www.freesound.org/people/a%20b/sounds/100/ (ESC-50)"
    )
    assert (cow.licence, cow.attribution.split(" by ")[0]) == ("CC-BY-NC", "[Can[x]]")


def test_folds_labels_and_licences_choose(tmp_path: Path) -> None:
    folder = original_layout(tmp_path)
    assert [clip.label for clip in esc50.clips(folder, folds=[2])] == ["cow"]
    assert [clip.label for clip in esc50.clips(folder, folds=[1, 2], labels=["dog"])] == ["dog"]
    assert [clip.label for clip in esc50.clips(folder, folds=[1, 2], licences=FREE)] == ["dog"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither was found"):
        esc50.clips(tmp_path, folds=[1])
    folder = original_layout(tmp_path)
    with pytest.raises(SettingError, match="but unicorn was given"):
        esc50.clips(folder, folds=[1], labels=["unicorn"])
    (folder / "audio" / "2-200-B-3.wav").unlink()
    with pytest.raises(InputError, match=re.escape("2-200-B-3.wav must be a sound file")):
        esc50.clips(folder, folds=[2])
    (folder / "LICENSE").write_text(LICENCE_TEXT.splitlines()[1])
    with pytest.raises(InputError, match="none for 2-200-B was found"):
        esc50.clips(folder, folds=[2])
    (folder / "LICENSE").unlink()
    with pytest.raises(InputError, match="no such file"):
        esc50.clips(folder, folds=[1])
    (folder / "meta" / "esc50.csv").write_text("filename,fold\n")
    with pytest.raises(InputError, match="but filename, fold was given"):
        esc50.clips(folder, folds=[1])


@pytest.mark.shared
def test_the_free_training_clips_are_as_many_as_they_are(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=range(1, 5), labels=COUNTS, licences=FREE)
    counts = {label: sum(clip.label == label for clip in clips) for label in COUNTS}
    assert counts == COUNTS
    assert {clip.licence for clip in clips} == set(FREE)


@pytest.mark.shared
def test_the_licences_of_all_clips_agree_with_the_table_beside_them(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=range(1, 6))
    assert len(clips) == 2000
    table = (shared / "esc50" / "clip_licences.csv").read_text().splitlines()[1:]
    assert {f"{clip.path.name},{clip.licence}" for clip in clips} == set(table)
    assert all("freesound.org/people/" in clip.attribution for clip in clips)


@pytest.mark.shared
def test_no_original_of_these_labels_stands_in_two_folds(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=range(1, 6), labels=COUNTS)
    for fold in "12345":
        test = [clip for clip in clips if clip.fold == fold]
        assert_disjoint([clip for clip in clips if clip.fold != fold], test)


@pytest.mark.shared
def test_the_folds_of_the_whole_set_do_share_four_originals(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=range(1, 6))
    folds: dict[str, set[str]] = {}
    for clip in clips:
        folds.setdefault(clip.group, set()).add(clip.fold)
    leaky = {group for group, found in folds.items() if len(found) > 1}
    assert leaky == {f"freesound:{source}" for source in (131943, 134049, 209698, 234879)}
    with pytest.raises(SettingError, match="group freesound:209698"):
        assert_disjoint(
            [clip for clip in clips if clip.fold == "5"],
            [clip for clip in clips if clip.fold == "4"],
        )


@pytest.mark.shared
def test_every_original_is_credited_once(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=[1], labels=["dog"], licences=FREE)
    lines = attribution(clips + clips)
    assert len(lines) == len({clip.group for clip in clips})
    assert lines == sorted(lines)
    assert any("rose_bark.wav by nfrae" in line and line.endswith("[CC0]") for line in lines)


@pytest.mark.shared
def test_labels_come_in_the_order_of_targets_and_ten_of_them_are_esc10(shared: Path) -> None:
    found = esc50.labels(shared / "esc50")
    assert (len(found), found[0], found[49]) == (50, "dog", "hand_saw")
    rows = (shared / "esc50" / "esc50.csv").read_text().splitlines()[1:]
    ten = {row.split(",")[3] for row in rows if row.split(",")[4] == "True"}
    assert ten == set(esc50.ESC10_LABELS)


def test_a_table_without_targets_tells_no_order(tmp_path: Path) -> None:
    folder = original_layout(tmp_path)
    (folder / "meta" / "esc50.csv").write_text(TABLE.replace("target", "number"))
    with pytest.raises(InputError, match="must number the categories"):
        esc50.labels(folder)
