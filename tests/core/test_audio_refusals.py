"""Every bad sound and geometry of the corpus costs one line, never a traceback, hang or memory."""

import tracemalloc
from pathlib import Path

import pytest
from tests.journeys.bad_files import BadFile, write_corpus

from sonoscope.core.array import read_geometry
from sonoscope.core.audio import AudioFile, check_format, probe, read_blocks
from sonoscope.core.errors import InputError
from sonoscope.signal.ambisonics import guess_format

_BLOCK = 24_000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[BadFile]:
    return write_corpus(tmp_path_factory.mktemp("bad"))


def _listen(entry: BadFile) -> tuple[AudioFile, int]:
    """Do with a recording what every door does before it looks for sounds."""
    file = probe(entry.path)
    heard = 0
    for block in read_blocks(file, 24_000, _BLOCK):
        heard += block.shape[1]
        if entry.channel_format is None:
            guess_format(block)
    match entry.channel_format:
        case "foa" | "fuma" | "n3d" | "tetra" | "mono" | "stereo" as channel_format:
            check_format(file, channel_format)
    return file, heard


def test_the_corpus_is_large_and_its_names_are_unique(corpus: list[BadFile]) -> None:
    assert len(corpus) >= 44
    assert len({entry.name for entry in corpus}) == len(corpus)


def test_bad_sounds_are_refused_in_one_line_that_names_the_file(corpus: list[BadFile]) -> None:
    refused = [entry for entry in corpus if entry.culprit == "sound" and entry.refused]
    assert len(refused) >= 30
    for entry in refused:
        with pytest.raises(InputError) as refusal:
            _listen(entry)
        message = str(refusal.value)
        assert "\n" not in message
        assert str(entry.path) in message or "must have 1 (mono), 2 (stereo) or 4" in message


def test_what_is_there_of_a_broken_file_is_heard(corpus: list[BadFile]) -> None:
    heard = {e.name: _listen(e) for e in corpus if e.culprit == "sound" and not e.refused}
    for name, (file, n_samples) in heard.items():
        assert n_samples == file.n_samples > 0, name
        halved = name.startswith("cut-in-half")
        assert (file.warning is not None) == (
            halved or name in ("riff-2gib.wav", "1-tib.flac", "1-eib.wav")
        ), name
        if halved:
            assert 5_000 < n_samples < 13_000, name
        else:
            assert n_samples == 24_000, name


def test_forged_lengths_take_no_memory(corpus: list[BadFile]) -> None:
    tracemalloc.start()
    for entry in corpus:
        if entry.culprit == "sound":
            try:
                _listen(entry)
            except InputError:
                continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 250e6  # 1024 channels of a second are 98 MB


def test_bad_geometries_are_refused_in_one_line(corpus: list[BadFile]) -> None:
    bad = [entry for entry in corpus if entry.culprit == "geometry"]
    assert len(bad) >= 15
    for entry in bad:
        with pytest.raises(InputError) as refusal:
            check_format(probe(entry.path), "array", read_geometry(entry.at_fault).n_capsules)
        assert "\n" not in str(refusal.value), entry.name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("768000-hz.wav", "rate must be 8000..192000 Hz, but 768000 was given"),
        ("5-channels-as-foa.wav", "foa must have 4 channels, but 5 was given"),
        ("4-channels-as-mono.wav", "mono must have 1 channel, but 4 was given"),
        ("empty.wav", "must be a sound file, but an empty file was given"),
        ("header-only.wav", "must hold at least one sample, but none was found"),
        ("folder.wav", "must be a regular file, but a directory was given"),
        ("pipe.wav", "must be a regular file, but a pipe or device was given"),
        (
            "nan.wav",
            "samples must be finite numbers, but nan was given at 0.041667 s in channel 2",
        ),
        (
            "minus-inf-late.wav",
            "samples must be finite numbers, but -inf was given at 2.875000 s in channel 2",
        ),
    ],
)
def test_the_line_says_what_is_wrong(corpus: list[BadFile], name: str, line: str) -> None:
    entry = next(entry for entry in corpus if entry.name == name)
    with pytest.raises(InputError) as refusal:
        _listen(entry)
    assert str(refusal.value) == f"{entry.path}: {line}"


def test_a_name_with_a_null_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        probe(tmp_path / "a\0b.wav")
