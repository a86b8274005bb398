"""Log bands are power densities, on the scale that is asked for, and normalised by band."""

import math

import numpy as np
import pytest
import torch
from tests.models.listening import noise

from sonoscope.core.errors import InputError, SettingError
from sonoscope.models.clip.build import EgaNetwork, build_clip_network, normalise_clips
from sonoscope.models.clip.ega import EgaSettings
from sonoscope.models.clip.log_mel import ULTRASOUND, LogMel, LogMelSettings
from sonoscope.signal.mel import Scale, band_matrix


@pytest.mark.parametrize("window_s", [0.02, 0.05])
def test_white_noise_has_its_density_in_every_band_whatever_the_window(window_s: float) -> None:
    settings = LogMelSettings(rate_hz=16_000, window_s=window_s, n_bands=32)
    maps = LogMel(settings).maps(0.1 * noise(1, 160_000))
    mean_density = maps.exp().mean(dim=2)[0, 0]
    wanted = 2 * 0.1**2 / 16_000
    np.testing.assert_allclose(mean_density[1:-1], wanted, rtol=0.15)  # not at 0 Hz and half rate


@pytest.mark.parametrize("scale", ["mel", "log", "linear"])
def test_a_tone_is_loudest_in_the_band_that_holds_it(scale: Scale) -> None:
    settings = LogMelSettings(
        rate_hz=192_000, window_s=0.005, hop_s=0.005, n_bands=48, scale=scale, lowest_hz=8e3
    )
    tone = torch.sin(2 * math.pi * 40_000 / 192_000 * torch.arange(19_200))[None]
    loudest = LogMel(settings).maps(tone)[0, 0, 5].argmax().item()
    weights = band_matrix(scale, 192_000, settings.n_fft, 48, 8e3)
    middle_hz = np.arange(len(weights)) * 192_000 / settings.n_fft @ weights / weights.sum(axis=0)
    assert loudest == np.abs(middle_hz - 40_000).argmin()


def test_low_bands_come_first_and_time_last() -> None:
    settings = LogMelSettings(rate_hz=16_000, n_bands=40)
    low = torch.sin(2 * math.pi * 200 / 16_000 * torch.arange(8_000))[None]
    maps = LogMel(settings)(low)
    assert maps.shape == (1, 1, 40, 50)
    assert maps[0, 0, :, 25].argmax() < 5


def test_silence_is_the_floor_and_finite() -> None:
    maps = LogMel(LogMelSettings(rate_hz=16_000, floor=1e-12)).maps(torch.zeros(1, 16_000))
    torch.testing.assert_close(maps, torch.full_like(maps, math.log(1e-12)))


def test_bands_have_mean_0_and_deviation_1_over_the_training() -> None:
    settings = EgaNetwork(maps=LogMelSettings(rate_hz=16_000), body=EgaSettings(width=0.25))
    network = build_clip_network(settings, 2)
    sounds = [noise(2, 16_000, seed=seed) * torch.linspace(0.01, 1, 16_000) for seed in (1, 2)]
    normalise_clips(network, sounds)
    (maps,) = network.maps(torch.cat(sounds))
    assert maps.mean(dim=(0, 1, 3)).abs().max() < 1e-4
    assert (maps.std(dim=(0, 1, 3), correction=0) - 1).abs().max() < 1e-4
    assert "front_ends.0.mean" in network.state_dict()


def test_ultrasound_has_bands_from_8_to_80_khz() -> None:
    front = LogMel(ULTRASOUND)
    bins_hz = np.arange(len(front.matrix)) * 192_000 / ULTRASOUND.n_fft
    heard_hz = bins_hz[front.matrix.sum(dim=1).numpy() > 0]
    assert heard_hz.min() == pytest.approx(8_000, abs=200)
    assert heard_hz.max() == pytest.approx(80_000, abs=200)


def test_half_precision_stays_out_of_the_front_end() -> None:
    front, sound = LogMel(LogMelSettings(rate_hz=16_000, n_bands=64)), noise(1, 8_000)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(front(sound), front(sound.float()))
        assert front(sound).dtype == torch.float32


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SettingError, match="have none"):
        LogMel(LogMelSettings(rate_hz=16_000, n_bands=512))
    with pytest.raises(SettingError, match="highest_hz must be at most"):
        LogMel(LogMelSettings(rate_hz=16_000, highest_hz=9_000))
    with pytest.raises(SettingError, match="above 0 where they are logarithmic"):
        LogMel(LogMelSettings(rate_hz=16_000, scale="log"))
    with pytest.raises(InputError, match="sound must have at least"):
        LogMel(LogMelSettings(rate_hz=16_000))(torch.zeros(1, 100))
