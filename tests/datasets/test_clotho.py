from pathlib import Path

import pytest

from sonoscope.core.errors import InputError
from sonoscope.datasets import clotho

CAPTIONS = """file_name,caption_1,caption_2,caption_3,caption_4,caption_5
Rain.wav,Rain falls,It rains,Water drips,"Drops fall, slowly",A shower
"""
METADATA = """file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license
Rain.wav,rain;water drops,4711,https://freesound.org/s/4711,"[0, 99]",Zo\xeb,CC0
"""


def published(folder: Path) -> Path:
    (folder / "clotho_captions_development.csv").write_text(CAPTIONS)
    table = folder / "clotho_metadata_development.csv"
    table.write_text(METADATA, encoding="latin-1")
    (folder / "development").mkdir()
    (folder / "development" / "Rain.wav").touch()
    return folder


def test_a_recording_has_five_captions_and_no_label_of_its_own(tmp_path: Path) -> None:
    (rain,) = clotho.recordings(published(tmp_path))
    assert rain.clip.label == clotho.LABEL
    assert rain.captions[3] == "Drops fall, slowly"
    assert len(rain.captions) == clotho.N_CAPTIONS
    assert rain.keywords == ("rain", "water drops")
    assert rain.clip.group == "freesound:4711"
    assert rain.clip.licence == "CC0"
    assert "Zo\xeb" in rain.clip.attribution


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"captions_evaluation\.csv must tell"):
        clotho.recordings(tmp_path, "evaluation")
    folder = published(tmp_path)
    (folder / "development" / "Rain.wav").unlink()
    with pytest.raises(InputError, match=r"Rain\.wav must be a sound file"):
        clotho.recordings(folder)
    (folder / "clotho_metadata_development.csv").write_text("file_name,sound_id\n")
    with pytest.raises(InputError, match="must be told of"):
        clotho.recordings(folder)
    (folder / "clotho_captions_development.csv").write_text("file_name\n")
    with pytest.raises(InputError, match="must have the columns"):
        clotho.recordings(folder)
