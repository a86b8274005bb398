"""Files of which any part can be read at once: themselves where they are, else copies."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.prepared import CACHE_VARIABLE, cache_folder, prepared


def sound(rate_hz: int, seconds: float = 0.5, peak: float = 0.5) -> Recording:
    noise = np.random.default_rng(0).uniform(-peak, peak, (4, round(seconds * rate_hz)))
    return Recording(noise.astype(np.float32), rate_hz)


def test_a_wav_of_the_rate_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, sound(16_000), "pcm16")
    (file,) = prepared([path], 16_000, tmp_path / "cache")
    assert file.path == path
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("name", "rate_hz"), [("a.flac", 16_000), ("a.wav", 48_000)])
def test_anything_else_is_copied_once(name: str, rate_hz: int, tmp_path: Path) -> None:
    path, cache = tmp_path / name, tmp_path / "cache"
    audio.write(path, sound(rate_hz), "pcm16")
    (file,) = prepared([path], 16_000, cache)
    assert (file.path.parent, file.rate_hz, file.n_samples) == (cache, 16_000, 8_000)
    heard, wanted = audio.read(file.path).samples, audio.read(path, 16_000).samples
    assert np.abs(heard - wanted).max() <= 1 / 32_768 + 1e-7  # a step of 16 bits
    written = file.path.stat().st_mtime_ns
    assert prepared([path], 16_000, cache)[0].path == file.path
    assert file.path.stat().st_mtime_ns == written


def test_a_changed_file_gets_another_copy(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.flac", tmp_path / "cache"
    audio.write(path, sound(16_000), "pcm16")
    (before,) = prepared([path], 16_000, cache)
    audio.write(path, sound(16_000, 0.7), "pcm16")
    (after,) = prepared([path], 16_000, cache)
    assert (before.n_samples, after.n_samples) == (8_000, 11_200)


def test_a_sound_at_full_scale_may_ring(tmp_path: Path) -> None:
    square = np.sign(np.sin(2 * np.pi * 700 * np.arange(24_000) / 48_000))
    path = tmp_path / "a.wav"
    audio.write(path, Recording(np.tile(square, (4, 1)).astype(np.float32), 48_000), "pcm16")
    assert np.abs(audio.read(path, 16_000).samples).max() > 1.05
    (file,) = prepared([path], 16_000, tmp_path / "cache")
    assert np.abs(audio.read(file.path).samples).max() <= 1


def test_the_folder_for_copies_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "sonoscope" / "sound"
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "mine"))
    path = tmp_path / "a.flac"
    audio.write(path, sound(16_000), "pcm16")
    assert prepared([path], 16_000)[0].path.parent == tmp_path / "mine"
    (tmp_path / "taken").touch()
    with pytest.raises(SettingError, match="must be a folder for copies"):
        prepared([path], 16_000, tmp_path / "taken")


def test_any_part_of_a_file_is_read_as_it_is_in_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, sound(16_000), "pcm16")
    file, whole = audio.probe(path), audio.read(path).samples
    for start, count in ((0, 8_000), (123, 1), (7_999, 1), (5_000, 3_000), (8_000, 0)):
        assert np.array_equal(audio.read_span(file, start, count), whole[:, start : start + count])
    with pytest.raises(InputError, match="must hold 2 samples from 7999, but 1 were read"):
        audio.read_span(file, 7_999, 2)
    with pytest.raises(InputError, match="from 9000"):
        audio.read_span(file, 9_000, 1)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        audio.read_span(file, 0, 1)
