"""The envelope is that of a Hilbert transform, however blocks are cut."""

import numpy as np
import pytest
from scipy.signal import firwin, hilbert, oaconvolve

from sonoscope.core.errors import SettingError
from sonoscope.signal.envelope import (
    BANDS,
    Band,
    EnvelopeStream,
    bands_within,
    check_band,
    envelope,
)


def test_it_is_the_hilbert_envelope_of_the_band() -> None:
    rate, band = 96_000, (20_000.0, 40_000.0)
    sound = np.random.default_rng(0).standard_normal(48_000)
    # a much sharper filter than the tested one, applied to noise that lies well inside the band
    inside = oaconvolve(sound, firwin(2_001, (24_000, 36_000), pass_zero=False, fs=rate), "same")
    expected = np.abs(hilbert(inside))
    found = envelope(inside[None], rate, band, smoothing_s=0.0)
    step = round(rate / found.rate_hz)
    ours = np.sqrt(2 * found.power)
    away = slice(200, -200)
    assert np.abs(ours - expected[::step])[away].max() < 1e-3 * expected.max()


@pytest.mark.parametrize(
    ("rate_hz", "band"),
    [
        (44_100, (10e3, 20e3)),
        (96_000, (20e3, 40e3)),
        (192_000, (20e3, 60e3)),
        (48_000, (8e3, 14e3)),
    ],
)
def test_a_tone_has_half_its_amplitude_squared_and_what_is_outside_nothing(
    rate_hz: int, band: Band
) -> None:
    time = np.arange(rate_hz // 4) / rate_hz
    middle = sum(band) / 2
    for hz, wanted in ((middle, 0.5), (band[0] - 4_000, 0.0), (300.0, 0.0)):
        power = envelope(np.sin(2 * np.pi * hz * time)[None], rate_hz, band).power
        assert np.abs(power[100:-100] - wanted).max() < 1e-4


def test_every_value_belongs_to_its_sample() -> None:
    sound = np.zeros(96_000)
    for at in (24_000, 60_000):
        sound[at] = 1
    power = envelope(sound[None], 96_000, (20e3, 40e3))
    peaks = np.sort(np.argsort(power.power)[-2:])
    assert peaks.tolist() == [round(at / 96_000 * power.rate_hz) for at in (24_000, 60_000)]


def test_blocks_may_be_cut_anyhow() -> None:
    generator = np.random.default_rng(1)
    sound = generator.standard_normal((2, 50_001))
    whole = envelope(sound, 96_000, (20e3, 40e3))
    stream, parts, start = EnvelopeStream(96_000, (20e3, 40e3)), [], 0
    while start < sound.shape[1]:
        size = int(generator.integers(1, 9_000))
        parts.append(stream.feed(sound[:, start : start + size]))
        start += size
    cut = np.concatenate([*parts, stream.finish()])
    assert np.array_equal(cut, whole.power)
    assert len(cut) == -(-50_001 // round(96_000 / whole.rate_hz))


def test_channels_are_averaged_in_power() -> None:
    one, other = np.random.default_rng(2).standard_normal((2, 20_000))
    apart = [envelope(row[None], 96_000, (20e3, 40e3)).power for row in (one, other)]
    both = envelope(np.stack([one, other]), 96_000, (20e3, 40e3)).power
    assert np.allclose(both, np.mean(apart, axis=0))
    inverted = envelope(np.stack([one, -one]), 96_000, (20e3, 40e3)).power
    assert np.allclose(inverted, apart[0])


def test_a_rate_that_cannot_hold_the_band_is_refused() -> None:
    assert bands_within(96_000) == tuple(band for band in BANDS if band[1] <= 46_000)
    assert bands_within(44_100) == ((10e3, 20e3), (8e3, 14e3))
    with pytest.raises(SettingError, match=r"at least 32000 Hz .* 16000 Hz was given"):
        bands_within(16_000)
    with pytest.raises(SettingError, match="within 2 and 46 kHz at 96000 Hz, but 20 to 60 kHz"):
        check_band(96_000, (20e3, 60e3))
