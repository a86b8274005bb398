"""A sound read between its samples is what it would have been there."""

import numpy as np
import pytest
import torch

from sonoscope.simulation.reading import RING, filtered, read, readable, upsampled


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.8])
def test_a_tone_is_read_to_minus_sixty_db_wherever_the_places_lie(part: float) -> None:
    omega = np.pi * part
    sound = torch.from_numpy(np.cos(omega * np.arange(8_000) + 0.3).astype(np.float32))
    nodes = 0.97 * 64 * np.arange(-1, 120.0) + 200 + 5 * np.sin(np.arange(-1, 120.0) / 20)
    places = upsampled(torch.from_numpy(nodes), 64).numpy()
    heard = read(readable(sound), nodes[None], 64)[0].numpy()
    error = np.abs(heard - np.cos(omega * places + 0.3)).max()
    assert 20 * np.log10(error) < -60


def test_whole_places_give_the_samples() -> None:
    generator = np.random.default_rng(0)
    spectrum = np.zeros(2_001, np.complex128)
    spectrum[:1_500] = np.exp(2j * np.pi * generator.random(1_500))
    sound = np.fft.irfft(spectrum).astype(np.float32)  # nothing above 0.75 Nyquist
    heard = read(readable(torch.from_numpy(sound)), np.arange(-50, 4_100.0, 50)[None], 50)[0]
    inside = slice(200, 3_800)
    assert np.abs(heard.numpy()[inside] - sound[inside]).max() < 1e-3 * np.abs(sound).max()


def test_places_outside_the_sound_are_silent() -> None:
    sound = torch.ones(1_000)
    for start in (-9_000.0, 1_000.0 + RING):
        nodes = start + 20 * np.arange(100.0)
        assert read(readable(sound), nodes[None], 20).abs().max() == 0


def test_a_band_is_kept_where_reading_faster_would_alias() -> None:
    omega = 0.95 * np.pi
    sound = torch.from_numpy(np.cos(omega * np.arange(4_000)).astype(np.float32))
    nodes = 1.25 * 32 * np.arange(-1, 60.0) + 400
    whole = read(readable(sound), nodes[None], 32)
    kept = read(readable(sound, 1 / 1.25), nodes[None], 32)
    assert whole.abs().max() > 0.05
    assert kept.abs().max() < 1e-3


def test_filtering_in_blocks_is_filtering() -> None:
    generator = np.random.default_rng(2)
    taps = generator.standard_normal(21)
    sound = generator.standard_normal(5_000)
    wrapped = np.zeros(256)
    wrapped[:11], wrapped[-10:] = taps[10:], taps[:10]
    spectrum = torch.from_numpy(np.fft.rfft(wrapped))
    heard = filtered(torch.from_numpy(sound)[None], spectrum[None], 10)[0].numpy()
    assert np.allclose(heard, np.convolve(sound, taps, "same"))
