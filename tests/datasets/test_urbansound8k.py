from pathlib import Path

import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import urbansound8k

TABLE = """slice_file_name,fsID,start,end,salience,fold,classID,class
100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark
100263-2-0-117.wav,100263,58.5,62.5,1,1,2,children_playing
100263-2-0-121.wav,100263,60.5,64.5,1,1,2,children_playing
"""


def published(folder: Path, table: str = TABLE) -> Path:
    (folder / "metadata").mkdir()
    (folder / "metadata" / "UrbanSound8K.csv").write_text(table)
    for name in ("fold5/100032-3-0-0", "fold1/100263-2-0-117", "fold1/100263-2-0-121"):
        path = folder / "audio" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_the_published_layout_gives_labels_folds_and_originals(tmp_path: Path) -> None:
    dog, one, other = urbansound8k.clips(published(tmp_path))
    assert (dog.label, dog.group, dog.fold) == ("dog_bark", "freesound:100032", "5")
    assert dog.path == tmp_path / "audio" / "fold5" / "100032-3-0-0.wav"
    assert one.group == other.group == "freesound:100263"
    assert dog.licence == "CC-BY-NC"
    assert "100032" in dog.attribution


def test_folds_and_labels_choose(tmp_path: Path) -> None:
    folder = published(tmp_path)
    assert len(urbansound8k.clips(folder, folds=[1])) == 2
    assert len(urbansound8k.clips(folder, labels=["dog_bark"])) == 1
    assert len(urbansound8k.LABELS) == 10


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"UrbanSound8K\.csv must list the clips"):
        urbansound8k.clips(tmp_path)
    folder = published(tmp_path)
    with pytest.raises(SettingError, match="but cow was given"):
        urbansound8k.clips(folder, labels=["cow"])
    (folder / "audio" / "fold5" / "100032-3-0-0.wav").unlink()
    with pytest.raises(InputError, match=r"100032-3-0-0\.wav must be a sound file"):
        urbansound8k.clips(folder)
    (folder / "metadata" / "UrbanSound8K.csv").write_text("name,fold\na,1\n")
    with pytest.raises(InputError, match="must have the columns"):
        urbansound8k.clips(folder)
