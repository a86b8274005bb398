"""The shipped detectors' front end: level and direction, the same from FOA and from capsules."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.models.front_end import BandIntensity, FrontEndSettings
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.simulation.impulses import Waves, impulse_table, response_of_waves

SETTINGS = FrontEndSettings()
FOUR: tuple[ChannelFormat, ...] = ("foa", "tetra")


def wave_from(direction: Tensor, channel_format: ChannelFormat, sound: Tensor) -> Tensor:
    """A plane wave, as the format hears it."""
    receiver = IdealFoa() if channel_format == "foa" else Capsules(TETRAHEDRON)
    table = impulse_table(receiver, 16_000)
    one = torch.ones(1)
    wave = Waves(direction[None], 20 * one.double(), one[:, None], one / 0)
    response = response_of_waves(table, wave, 80)[0]
    size = len(sound) + 128
    heard = torch.fft.irfft(torch.fft.rfft(sound, size) * torch.fft.rfft(response, size), size)
    return torch.as_tensor(heard)[None, :, : len(sound)]


@pytest.mark.parametrize("channel_format", FOUR)
def test_every_band_points_to_the_source(channel_format: ChannelFormat) -> None:
    front_end = BandIntensity(channel_format, SETTINGS)
    noise = torch.randn(16_000)
    for direction in torch.from_numpy(sphere_grid(9)).float():
        features = front_end(wave_from(direction, channel_format, noise))[0]
        way = features[1:, 2:-2].mean(dim=1).T.double().numpy()
        error_deg = np.rad2deg(angle_between(way, direction.double().numpy()))
        # the lowest bands hardly tell the capsules apart
        assert error_deg.max() < (1.0 if channel_format == "foa" else 20)
        assert error_deg.mean() < (0.3 if channel_format == "foa" else 4)


def test_both_formats_hear_the_same_level() -> None:
    noise = torch.randn(16_000)
    level = [
        BandIntensity(name, SETTINGS)(wave_from(torch.tensor([0.6, 0.0, 0.8]), name, noise))[0, 0]
        for name in FOUR
    ]
    assert (level[0] - level[1])[2:-2].abs().mean() < 1.0  # dB


@pytest.mark.parametrize("channel_format", FOUR)
def test_the_exported_form_is_the_same_analysis(channel_format: ChannelFormat) -> None:
    front_end = BandIntensity(channel_format, SETTINGS)
    sound = torch.randn(2, 4, 6_400)
    trained = front_end(sound)
    front_end.exporting = True
    assert (front_end(sound) - trained).abs().max() < 1e-3


def test_frames_are_centred_on_label_frames() -> None:
    sound = torch.zeros(1, 4, 3_200)
    sound[0, 0, 5 * 320 + 160] = 1.0  # the middle of frame 5
    level = BandIntensity("foa", SETTINGS)(sound)[0, 0].mean(dim=1)
    assert int(level.argmax()) == 5
    assert torch.allclose(level[4], level[6], atol=0.5)


def test_mono_has_a_level_and_no_direction() -> None:
    sound = torch.cat([torch.randn(1, 1, 3_200), torch.zeros(1, 3, 3_200)], dim=1)
    features = BandIntensity("foa", SETTINGS)(sound)
    assert torch.count_nonzero(features[:, 1:]) == 0
    assert features[:, 0].mean() > 0


def test_silence_is_finite() -> None:
    for name in FOUR:
        features = BandIntensity(name, SETTINGS)(torch.zeros(1, 4, 3_200))
        assert torch.isfinite(features).all()
        assert torch.count_nonzero(features[:, 1:]) == 0


def test_another_format_is_refused() -> None:
    with pytest.raises(SettingError, match="stereo"):
        BandIntensity("stereo", SETTINGS)
