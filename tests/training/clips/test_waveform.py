"""Changes of sound: each does what it says, to as many clips as it says."""

import numpy as np
import pytest
import torch

from sonoscope.training.clips import waveform
from sonoscope.training.clips.waveform import WaveformSettings

RATE_HZ, N = 8_000, 8_000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(freq_hz: float, n_samples: int = N) -> torch.Tensor:
    return torch.sin(2 * torch.pi * freq_hz * torch.arange(n_samples) / RATE_HZ)[None]


def test_at_its_own_speed_nothing_changes() -> None:
    sound = torch.from_numpy(rng().standard_normal((3, N))).float()
    bins = waveform.spectra(sound, N)
    bins = waveform.changed(bins, np.zeros(3), WaveformSettings(), RATE_HZ, rng())
    back = waveform.sounds_of(bins, N, np.zeros(3))
    torch.testing.assert_close(back, sound, atol=1e-5, rtol=0)


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_a_faster_tone_is_higher_by_as_much_and_as_loud(speed: float) -> None:
    sound = tone(500, round(N * speed))
    fast = waveform.sounds_of(waveform.spectra(sound, N), N, np.zeros(1))
    torch.testing.assert_close(fast, tone(500 * speed), atol=2e-2, rtol=0)


def test_gain_and_polarity() -> None:
    how = WaveformSettings(share=1, gain_db=6, polarity=True)
    gains_db = waveform.drawn_gains_db(how, 500, rng())
    assert np.abs(gains_db).max() <= 6
    assert np.abs(gains_db).mean() == pytest.approx(3, abs=0.3)
    sound = tone(500)
    bins = waveform.changed(waveform.spectra(sound, N), np.array([-6.0]), how, RATE_HZ, rng())
    changed = waveform.sounds_of(bins, N, np.zeros(1))
    torch.testing.assert_close(changed, -sound * 10 ** (-6 / 20), atol=1e-4, rtol=0)


def test_a_turn_is_cyclic() -> None:
    sound = torch.arange(8.0)[None]
    turned = waveform.sounds_of(torch.fft.rfft(sound), 8, np.array([0.25]))
    torch.testing.assert_close(turned[0], torch.arange(8.0).roll(2), atol=1e-5, rtol=0)


def test_a_curve_stays_within_its_decibels_and_is_smooth() -> None:
    how = WaveformSettings(share=1, colour_db=6)
    flat = torch.ones(50, N // 2 + 1, dtype=torch.complex64)
    gain_db = 20 * torch.log10(waveform.changed(flat, np.zeros(50), how, RATE_HZ, rng()).abs())
    assert gain_db.abs().max() <= 6.001
    assert gain_db.std(dim=1).mean() > 1
    assert gain_db.diff(dim=1)[:, 200:].abs().max() < 0.1


@pytest.mark.parametrize("least_db", [10.0, 30.0])
def test_noise_keeps_its_distance(least_db: float) -> None:
    how = WaveformSettings(share=1, noise_db=least_db)
    sound = tone(500).repeat(40, 1)
    bins = waveform.changed(waveform.spectra(sound, N), np.zeros(40), how, RATE_HZ, rng())
    noise = waveform.sounds_of(bins, N, np.zeros(40)) - sound
    ratio_db = 10 * torch.log10(sound.square().mean(dim=1) / noise.square().mean(dim=1))
    assert ratio_db.min() > least_db - 0.5
    assert ratio_db.max() < least_db + 30.5
    assert ratio_db.std() > 5


@pytest.mark.parametrize("tilt", [0.0, 2.0])
def test_noise_has_as_many_colours_as_are_asked_for(tilt: float) -> None:
    power = waveform.noises(60, 8_001, tilt, rng()).abs().square()
    rise_db = 10 * torch.log10(
        power[:, 4_000:8_000].mean(dim=1) / power[:, 1_000:2_000].mean(dim=1)
    )
    steepest = tilt * 20 * np.log10(2)  # two octaves lie between the bands
    assert rise_db.abs().max() < steepest + 0.5
    assert float(rise_db.std()) == pytest.approx(steepest / 3**0.5, abs=0.15 * steepest + 0.3)
    torch.testing.assert_close(power.sum(dim=1), torch.ones(60))


def test_silence_stays_silent() -> None:
    how = WaveformSettings(share=1, gain_db=6, colour_db=6, noise_db=30)
    bins = waveform.changed(torch.zeros(4, 101) + 0j, np.zeros(4), how, RATE_HZ, rng())
    assert torch.isfinite(bins.abs()).all()
    assert bins.abs().max() < 1e-9


def test_nothing_is_noise_of_many_levels() -> None:
    noise = waveform.nothing(64, N, WaveformSettings(), rng())
    level_db = 10 * torch.log10(noise.square().mean(dim=1))
    assert level_db.min() > -106
    assert level_db.max() < -4
    assert level_db.std() > 15


@pytest.mark.parametrize("n_samples", [10.0, 71_234.5, 123_457.0])
def test_quick_lengths_are_near_even_and_have_small_factors(n_samples: float) -> None:
    length = waveform.quick_length(n_samples)
    assert length % 2 == 0
    assert abs(length - n_samples) <= 0.02 * n_samples
    for factor in (2, 3, 5, 7):
        while length % factor == 0:
            length //= factor
    assert length == 1
