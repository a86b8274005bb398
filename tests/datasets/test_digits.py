from pathlib import Path

import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import digits
from sonoscope.simulation.sources import assert_disjoint


def words(folder: Path, *names: str) -> Path:
    (folder / "recordings").mkdir()
    for name in names:
        (folder / "recordings" / name).touch()
    return folder


def test_a_speaker_is_a_group(tmp_path: Path) -> None:
    folder = words(tmp_path, "0_ann_0.wav", "1_ann_0.wav", "0_bob_0.wav")
    clips = digits.clips(folder)
    assert [clip.group for clip in clips] == ["fsdd:ann", "fsdd:bob", "fsdd:ann"]
    assert {clip.label for clip in clips} == {"speech"}
    assert all(clip.is_word for clip in clips)
    assert [clip.path.name for clip in digits.clips(folder, speakers=["bob"])] == ["0_bob_0.wav"]
    assert digits.clips(folder / "recordings") == clips


def test_what_is_missing_or_misnamed_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="but none was found"):
        digits.clips(tmp_path)
    folder = words(tmp_path, "0_ann_0.wav")
    with pytest.raises(SettingError, match="but carl was given"):
        digits.clips(folder, speakers=["ann", "carl"])
    words_dir = folder / "recordings"
    (words_dir / "hello.wav").touch()
    with pytest.raises(InputError, match=r"hello\.wav was given"):
        digits.clips(folder)


@pytest.mark.shared
def test_the_two_halves_share_no_voice(shared: Path) -> None:
    train = digits.clips(shared / "digits", speakers=digits.TRAIN_SPEAKERS)
    test = digits.clips(shared / "digits", speakers=digits.TEST_SPEAKERS)
    assert (len(train), len(test)) == (400, 200)
    assert_disjoint(train, test)
    with pytest.raises(SettingError, match="fsdd:theo"):
        assert_disjoint([*train, test[0]], test)
