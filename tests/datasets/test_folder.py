from pathlib import Path

import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import folder
from sonoscope.simulation.sources import assert_disjoint


def sounds(root: Path, **contents: str) -> Path:
    """Write files named label__name or label__group__name, whose content is given."""
    for name, content in contents.items():
        path = root.joinpath(*name.split("__")).with_suffix(".wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_folder_is_a_label_and_a_folder_below_a_group(tmp_path: Path) -> None:
    root = sounds(tmp_path / "mine", siren__a="1", knock__door__a="2", knock__door__b="3")
    (root / "siren" / "notes.txt").touch()
    clips = folder.clips(root, licence="CC0")
    assert [(clip.label, clip.path.name) for clip in clips] == [
        ("knock", "a.wav"),
        ("knock", "b.wav"),
        ("siren", "a.wav"),
    ]
    assert clips[0].group == clips[1].group == "folder:knock/door"
    assert (clips[2].fold, clips[2].licence, clips[2].attribution) == ("mine", "CC0", "siren/a.wav")
    assert folder.clips(root, labels=["siren"], attribution="Ann")[0].attribution == "Ann"


def test_a_copy_under_another_name_is_a_leak(tmp_path: Path) -> None:
    train = folder.clips(sounds(tmp_path / "train", siren__a="one", siren__b="two"))
    test = folder.clips(sounds(tmp_path / "test", siren__c="three"))
    assert_disjoint(train, test)
    leaky = folder.clips(sounds(tmp_path / "leaky", siren__renamed="two"))
    with pytest.raises(SettingError, match=r"renamed\.wav"):
        assert_disjoint(train, leaky)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a folder"):
        folder.clips(tmp_path / "nowhere")
    with pytest.raises(InputError, match="none was found"):
        folder.clips(tmp_path)
    with pytest.raises(SettingError, match="but cow was given"):
        folder.clips(sounds(tmp_path, siren__a="1"), labels=["cow"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty must hold sound files"):
        folder.clips(tmp_path)


def test_a_rule_for_names_makes_groups(tmp_path: Path) -> None:
    root = sounds(tmp_path, hum__motor7_1="1", hum__motor7_2="2", hiss__motor7_3="3")
    ruled = folder.clips(root, group_rule=r"([a-z]+\d+)_")
    assert {clip.group for clip in ruled} == {"name:motor7"}
    assert {clip.group for clip in folder.clips(root, group_rule=r"[a-z]+")} == {"name:motor"}
    with pytest.raises(InputError, match="must follow the rule"):
        folder.clips(root, group_rule=r"\d")
    with pytest.raises(SettingError, match="must be a regular expression"):
        folder.clips(root, group_rule="(")
