"""Labelled clips of any layout: which set a folder holds, and which of its clips a model knows."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.audio import Recording, write
from sonoscope.core.errors import SettingError
from sonoscope.datasets.clip_sets import FoundClips, as_heard, found_clips
from sonoscope.simulation.sources import Clip

HEAD = "slice_file_name,fsID,start,end,salience,fold,classID,class"


def sound(path: Path, level: float = 0.5, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, Recording(np.full((channels, 1_600), level, np.float32), 16_000))
    return path


def esc50(folder: Path) -> Path:
    sound(folder / "audio" / "1-7-A-0.wav")
    sound(folder / "audio" / "5-8-A-0.wav")
    (folder / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-7-A-0.wav,1,0,dog,True,7,A\n5-8-A-0.wav,5,0,dog,True,8,A\n"
    )
    entries = (f"- [{name}.ogg]: clip derived from x (http://x.org) by y [CC0]" for name in
               ("1-7-A", "5-8-A"))  # fmt: skip
    (folder / "LICENSE").write_text("\n".join(entries))
    return folder


def urbansound8k(folder: Path) -> Path:
    sound(folder / "audio" / "fold10" / "7-3-0-0.wav")
    (folder / "metadata").mkdir()
    row = "7-3-0-0.wav,7,0,4,1,10,3,dog_bark"
    (folder / "metadata" / "UrbanSound8K.csv").write_text(f"{HEAD}\n{row}\n")
    return folder


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    esc = found_clips(esc50(tmp_path / "a"), [5])
    assert (esc.says, [clip.group for clip in esc.clips]) == ("ESC-50, fold 5", ["freesound:8"])
    urban = found_clips(urbansound8k(tmp_path / "b"), [10, 2])
    assert urban.says == "UrbanSound8K, folds 2, 10"
    assert [clip.label for clip in urban.clips] == ["dog_bark"]
    sound(tmp_path / "own" / "dog" / "x.wav")
    own = found_clips(tmp_path / "own")
    assert (own.says, [clip.label for clip in own.clips]) == ("own", ["dog"])


def test_folds_are_told_where_there_are_some_and_only_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--folds must tell which of ESC-50's 5 folds"):
        found_clips(esc50(tmp_path / "esc50"))
    with pytest.raises(SettingError, match="among 1 to 10 of UrbanSound8K, but 11"):
        found_clips(urbansound8k(tmp_path / "u"), [11])
    sound(tmp_path / "own" / "dog" / "x.wav")
    with pytest.raises(SettingError, match="--folds must go with"):
        found_clips(tmp_path / "own", [1])
    with pytest.raises(SettingError, match=r"--data must be a set's own folder, .*esc50, but"):
        found_clips(tmp_path, [5])


def test_clips_of_other_labels_are_left_out(tmp_path: Path) -> None:
    for label in ("cat", "dog", "owl"):
        sound(tmp_path / label / "x.wav", 0.1 * len(label) + 0.01 * ord(label[0]) / 100)
    found = found_clips(tmp_path).known_as(("owl", "cat"))
    assert [clip.label for clip in found.clips] == ["cat", "owl"]
    assert found.warnings == ("1 clips were left out, as the model does not know dog",)
    with pytest.raises(SettingError, match="the model's labels, cow, but holds cat, dog, owl"):
        found_clips(tmp_path).known_as(("cow",))
    with pytest.raises(SettingError, match="two originals or more"):
        found_clips(tmp_path).known_as(("cat",))
    many = FoundClips("x", found.clips)
    with pytest.raises(SettingError, match="0, 1, 2, 3, 4 and 5 more, but"):
        many.known_as([str(i) for i in range(10)])


def test_clips_are_heard_as_one_channel_at_the_listeners_rate(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.wav", 0.5, channels=2)
    clip = Clip("dog", path, "g", "1", "CC0", "x")
    (heard,) = as_heard([clip], ("cat", "dog"), 8_000, "whole")
    assert (heard.label, heard.group, heard.name) == (1, "g", "dog/1/x.wav")
    assert heard.samples.shape == (800,)
    assert heard.power == pytest.approx(float(np.mean(heard.samples**2)), rel=1e-6)
