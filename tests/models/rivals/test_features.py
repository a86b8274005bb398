"""What rivals hear: GCC-PHAT of any channels at long windows, log-mels alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.models.listening import noise
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.models.paper_features import (
    CNN9,
    EINV2,
    PAIRS,
    PRESETS,
    TWO_STAGE,
    FourChannels,
    PaperFeatures,
    PaperFeatureSettings,
)


def plain_gcc(sound: Tensor, m: int, n: int, frame: int) -> Tensor:
    """Give the two-stage paper's GCC-PHAT of a pair at a frame, from its equation."""
    size, hop, n_lags = 2048, 320, 96
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    start = frame * hop - size // 2
    first, second = (
        np.fft.rfft(sound[0, i, start : start + size].numpy().astype(np.float64) * window)
        for i in (m, n)
    )
    lags = np.fft.irfft(np.exp(1j * np.angle(second * np.conj(first))))
    return torch.from_numpy(np.concatenate([lags[-n_lags // 2 :], lags[: n_lags // 2]])).float()


@pytest.mark.parametrize("channel_format", ["foa", "tetra"])
def test_two_stage_hears_four_log_mels_and_six_correlations(channel_format: FourChannels) -> None:
    settings = replace(TWO_STAGE, channel_format=channel_format)
    sound = 0.1 * noise(1, 4, 32_000)
    maps = PaperFeatures(settings).maps(sound)
    assert maps.shape == (1, 10, 100, 96)
    for pair, (m, n) in enumerate(PAIRS):
        torch.testing.assert_close(
            maps[0, 4 + pair, 20], plain_gcc(sound, m, n, frame=20), rtol=0, atol=2e-4
        )


def test_a_delay_of_forty_samples_lies_at_column_88() -> None:
    source = 0.1 * noise(1, 32_000)
    late = torch.stack([source.roll(delay, dims=-1) for delay in (0, 40, -40, 0)], dim=1)
    settings = replace(TWO_STAGE, channel_format="tetra")
    peaks = PaperFeatures(settings).maps(late)[0, 4:, 30].argmax(dim=-1)
    # of 1 behind 2 there are 80 samples, which lie beyond the 96 lags
    assert peaks[[0, 1, 2, 4, 5]].tolist() == [48 + 40, 48 - 40, 48, 48 - 40, 48 + 40]


def test_log_mels_are_those_of_the_short_window() -> None:
    sound = 0.1 * noise(1, 4, 32_000)
    alone = replace(TWO_STAGE, spatial="none", gcc_n_fft=None)
    assert torch.equal(
        PaperFeatures(alone).maps(sound), PaperFeatures(TWO_STAGE).maps(sound)[:, :4]
    )


def test_cnn9_hears_log_mels_alone_64_frames_a_second() -> None:
    assert PaperFeatures(CNN9)(0.1 * noise(2, 4, 32_000)).shape == (2, 4, 64, 64)


def test_einv2_hears_256_bands_40_frames_a_second() -> None:
    assert PaperFeatures(EINV2)(0.1 * noise(2, 4, 24_000)).shape == (2, 7, 40, 256)


def test_both_forms_of_the_long_spectrum_are_the_same() -> None:
    features = PaperFeatures(TWO_STAGE)
    sound = 0.1 * noise(1, 4, 16_000)
    for fast, exported in zip(
        features.gcc_spectrum(sound), features.gcc_spectrum.by_matrix(sound), strict=True
    ):
        assert (fast - exported).abs().max() < 1e-6 * fast.abs().max()


def test_every_preset_can_be_built() -> None:
    for name, settings in PRESETS.items():
        features = PaperFeatures(settings)
        assert features(0.1 * noise(1, 4, settings.rate_hz)).isfinite().all(), name


def test_capsules_have_no_intensity() -> None:
    with pytest.raises(SettingError, match='"gcc" or "none" where channel_format is "tetra"'):
        PaperFeatures(PaperFeatureSettings(channel_format="tetra", spatial="intensity"))
