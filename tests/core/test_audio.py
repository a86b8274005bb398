"""Files come back as they went, by blocks as at once, resampled without delay, in one breath."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.audio import (
    AudioFile,
    Recording,
    Sampling,
    check_format,
    probe,
    read,
    read_blocks,
    resample_chunks,
    resampled_length,
    write,
    write_blocks,
)
from sonoscope.core.errors import InputError, SettingError


def _noise(n_channels: int, n_samples: int, seed: int = 0) -> Float[ndarray, "channel sample"]:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (n_channels, n_samples))
    return noise.astype(np.float32)


@pytest.mark.parametrize(
    ("container", "subtype", "suffix", "error"),
    [
        ("WAV", "PCM_16", "wav", 1 / 32768), ("WAV", "FLOAT", "wav", 0),
        ("WAV", "PCM_U8", "wav", 1 / 64), ("WAVEX", "PCM_24", "wav", 1e-6),
        ("WAVEX", "DOUBLE", "wav", 1e-7), ("RF64", "FLOAT", "wav", 0),
        ("FLAC", "PCM_24", "flac", 1e-6), ("AIFF", "PCM_16", "aiff", 1 / 32768),
        ("AIFF", "FLOAT", "aif", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_every_exact_kind_of_file_is_read_exactly(
    tmp_path: Path, container: str, subtype: str, suffix: str, error: float, rate_hz: int
) -> None:
    samples = _noise(4, 5_000)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, samples.T, rate_hz, format=container, subtype=subtype)
    assert probe(path) == AudioFile(path, rate_hz, 4, 5_000)
    np.testing.assert_allclose(read(path).samples, samples, rtol=0, atol=error)


@pytest.mark.parametrize(
    ("subtype", "rate_hz"),
    [("VORBIS", 8_000), ("VORBIS", 96_000), ("OPUS", 8_000), ("OPUS", 48_000)],
)  # fmt: skip
def test_lossy_files_keep_time_and_channels(tmp_path: Path, subtype: str, rate_hz: int) -> None:
    time_s = np.arange(rate_hz) / rate_hz
    tones = np.stack([np.sin(2 * np.pi * f * time_s) for f in (300, 500, 800, 1_200)]) * 0.3
    path = tmp_path / "a.ogg"
    soundfile.write(path, tones.T, rate_hz, format="OGG", subtype=subtype)
    file = probe(path)
    assert (file.rate_hz, file.n_channels, file.n_samples) == (rate_hz, 4, rate_hz)
    assert (file.duration_s, file.warning) == (1.0, None)
    heard = read(path).samples
    if subtype == "VORBIS":  # Opus maps four channels to a layout of loudspeakers
        for tone, channel in zip(tones, heard, strict=True):
            assert np.corrcoef(tone, channel)[0, 1] > 0.98


def test_a_flac_that_was_written_into_a_pipe_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, _noise(2, 30_000).T, 24_000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # STREAMINFO: total samples unknown
    path.write_bytes(data)
    assert probe(path) == AudioFile(path, 24_000, 2, 30_000)
    assert read(path).n_samples == 30_000


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
@pytest.mark.parametrize("block", [1_000, 24_000, 70_001, 10**9])
def test_blocks_are_the_whole(tmp_path: Path, rate_hz: int, block: int) -> None:
    samples = _noise(3, 150_001)
    path = tmp_path / "a.wav"
    write(path, Recording(samples, 24_000))
    blocks = list(read_blocks(probe(path), rate_hz, block))
    assert all(b.shape[1] == block for b in blocks[:-1])
    assert 0 < blocks[-1].shape[1] <= block
    assert all(b.dtype == np.float32 for b in blocks)
    once = soxr.resample(samples.T, 24_000, rate_hz).T if rate_hz != 24_000 else samples
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), once, rtol=0, atol=1e-5)
    assert once.shape[1] == resampled_length(150_001, 24_000, rate_hz)


@given(
    cuts=st.lists(st.integers(0, 400), max_size=6),
    rates=st.tuples(*[st.sampled_from([8_000, 11_025, 24_000, 44_100, 48_000, 192_000])] * 2),
)
def test_resampling_any_chunks_is_resampling_the_whole(
    cuts: list[int], rates: tuple[int, int]
) -> None:
    whole = _noise(2, sum(cuts))
    chunks = np.split(whole, np.cumsum(cuts), axis=1)
    parts = list(resample_chunks(iter(chunks), *rates))
    once = soxr.resample(whole.T, *rates).T if whole.size and rates[0] != rates[1] else whole
    np.testing.assert_allclose(np.concatenate(parts, axis=1), once, rtol=0, atol=1e-5)
    assert sum(part.shape[1] for part in parts) == resampled_length(sum(cuts), *rates)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 24_000), (44_100, 24_000), (8_000, 24_000)]
)
def test_resampling_delays_nothing(from_hz: int, to_hz: int) -> None:
    def tone(rate_hz: int) -> Float[ndarray, "1 sample"]:
        time_s = np.arange(rate_hz) / rate_hz
        envelope = np.exp(-0.5 * ((time_s - 0.5) / 0.02) ** 2)
        return (envelope * np.cos(2 * np.pi * 1_000 * time_s)).astype(np.float32)[None]

    heard = np.concatenate(list(resample_chunks([tone(from_hz)], from_hz, to_hz)), axis=1)
    np.testing.assert_allclose(heard, tone(to_hz), rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "sampling", "error"),
    [
        ("a.wav", None, 0), ("a.wav", "pcm16", 1 / 32768), ("a.WAV", "pcm24", 1 / 2**23),
        ("a.flac", None, 1 / 2**23), ("a.flac", "pcm16", 1 / 32768),
    ],
)  # fmt: skip
def test_what_is_written_is_read(
    tmp_path: Path, name: str, sampling: Sampling | None, error: float
) -> None:
    recording = Recording(_noise(4, 70_000), 48_000)
    write(tmp_path / name, recording, sampling)
    again = read(tmp_path / name)
    assert (again.rate_hz, again.n_channels, again.duration_s) == (48_000, 4, 70_000 / 48_000)
    np.testing.assert_allclose(again.samples, recording.samples, rtol=0, atol=error)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    recording = Recording(_noise(4, 1_000), 24_000)
    for name in ("a.wav", "a.flac"):
        path = tmp_path / name
        write(path, recording)
        data = path.read_bytes()
        if name == "a.wav":
            stamp = data.find(b"PEAK") + 12
            assert stamp > 12
            assert data[stamp : stamp + 4] == bytes(4)
        write(path, recording)
        assert path.read_bytes() == data


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    write(path, Recording(_noise(1, 100), 24_000))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot be written: .*No space left"):
        write(path, Recording(_noise(1, 200), 24_000))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("name", "sampling"), [("a.mp3", None), ("a", None), ("a.flac", "float32")]
)
def test_unknown_kinds_are_not_written(
    tmp_path: Path, name: str, sampling: Sampling | None
) -> None:
    with pytest.raises(SettingError, match="sound must be written to"):
        write(tmp_path / name, Recording(_noise(1, 10), 24_000), sampling)


def test_sound_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    loud = Recording(np.full((1, 10), 1.5, np.float32), 24_000)
    with pytest.raises(InputError, match=r"within ±1, but 1.5 was given"):
        write(tmp_path / "a.wav", loud, "pcm16")
    broken = Recording(np.full((1, 10), np.nan, np.float32), 24_000)
    with pytest.raises(InputError, match="nan was given"):
        write(tmp_path / "a.wav", broken)
    with pytest.raises(InputError, match="cannot be written"):  # FLAC holds 8 channels at most
        write(tmp_path / "a.flac", Recording(_noise(9, 10), 24_000))
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "nowhere" / "a.wav", Recording(_noise(1, 10), 24_000))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_between_probe_and_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, Recording(_noise(2, 100), 24_000))
    file = probe(path)
    write(path, Recording(_noise(3, 100), 24_000))
    with pytest.raises(InputError, match="must not change while it is read"):
        list(read_blocks(file, 24_000, 10))


@pytest.mark.parametrize(("rate_hz", "block"), [(24_000, 0), (7_999, 10), (192_001, 10)])
def test_impossible_blocks_are_refused(tmp_path: Path, rate_hz: int, block: int) -> None:
    with pytest.raises(SettingError, match="blocks must have"):
        list(read_blocks(AudioFile(tmp_path, 24_000, 1, 1), rate_hz, block))


def test_channels_are_counted_against_the_array(tmp_path: Path) -> None:
    file = AudioFile(tmp_path / "x.wav", 24_000, 32, 1)
    check_format(file, "array", 32)
    with pytest.raises(InputError, match=r"x.wav: array must have 4 channels, but 32 was given"):
        check_format(file, "array", 4)


def _peak_bytes(path: Path) -> int:
    tracemalloc.start()
    for _ in read_blocks(probe(path), 24_000, 24_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, Recording(_noise(4, 48_000), 48_000), "pcm16")
    head = path.read_bytes()[:44]
    peaks = []
    for seconds in (10, 120):
        size = seconds * 48_000 * 8
        path.write_bytes(head[:40] + size.to_bytes(4, "little"))
        with path.open("r+b") as file:
            file.truncate(44 + size)  # silence that takes no disk
        assert probe(path).duration_s == seconds
        peaks.append(_peak_bytes(path))
    assert peaks[1] < 1.1 * peaks[0] < 30e6


def test_a_thousand_channels_are_resampled_each_by_itself() -> None:
    sound = np.random.default_rng(0).standard_normal((1024, 93)).astype(np.float32)
    whole = np.concatenate(list(resample_chunks([sound], 24_000, 8_000)), axis=1)
    one = np.concatenate(list(resample_chunks([sound[700:701]], 24_000, 8_000)), axis=1)
    assert np.array_equal(whole[700:701], one)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_blocks_of_any_length_give_the_same_file_as_the_whole(tmp_path: Path, name: str) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 1_000)).astype(np.float32)
    write(tmp_path / f"whole_{name}", Recording(samples, 48_000))
    blocks = np.split(samples, [1, 400, 400, 977], axis=1)
    write_blocks(tmp_path / name, blocks, 48_000, samples.shape)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"whole_{name}").read_bytes()
    with pytest.raises(InputError, match="samples must lie within"):
        write_blocks(tmp_path / "b.flac", [samples, 4 * samples], 48_000, (2, 2_000))
    assert not (tmp_path / "b.flac").exists()
