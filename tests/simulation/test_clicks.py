"""Pulses have the peak, the band and the place between samples that were asked for."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import hilbert

from sonoscope.simulation.clicks import PulseShape, added, clicks

SHAPES = (
    PulseShape("ringing"),
    PulseShape("ringing", 26_000, 4.0, 0.4, 0.6, 1.4),
    PulseShape("bipolar"),
    PulseShape("burst", 30_000, 4.0, 0.2),
)


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate_hz", [96_000, 192_000])
def test_envelopes_peak_at_one_where_they_should(shape: PulseShape, rate_hz: int) -> None:
    pulse = clicks(shape, rate_hz, rng(0))
    rows = pulse.rows(np.ones((1, len(pulse.frequency_hz)), np.float32))[0, :, 0]
    envelope = np.abs(hilbert(rows))
    assert np.all(np.abs(envelope.max(axis=1) - 1) < 0.02)
    assert np.all(np.abs(envelope.argmax(axis=1) - pulse.lead) <= 3)
    ends = np.abs(rows[:, [0, 1, -2, -1]])
    assert ends.max() < 0.02


@pytest.mark.parametrize("shape", SHAPES)
def test_spectra_peak_about_the_centre_and_end_below_nyquist(shape: PulseShape) -> None:
    pulse = clicks(shape, 192_000, rng(1), variants=32)
    power = (np.abs(pulse.spectrum) ** 2).mean(axis=0)
    mean = (power * pulse.frequency_hz).sum() / power.sum()
    assert abs(mean / shape.centre_hz - 1) < 0.35
    assert power[-8:].max() < 1e-5 * power.max()


def test_a_pulse_read_later_is_the_pulse_later() -> None:
    pulse = clicks(PulseShape(), 96_000, rng(2), variants=1)
    rows = pulse.rows(np.ones((1, len(pulse.frequency_hz)), np.float32))[0, 0]
    frequency = np.fft.rfftfreq(rows.shape[1])
    spectrum = np.fft.rfft(rows)
    late = np.exp(-2j * np.pi * np.outer(np.arange(16) / 16, frequency))
    exact = spectrum[0] * late
    assert np.abs(spectrum - exact)[:, :-1].max() < 2e-3 * np.abs(spectrum).max()


def test_what_a_way_leaves_acts_on_all_variants() -> None:
    pulse = clicks(PulseShape(), 96_000, rng(3), variants=3)
    ones = np.ones((1, len(pulse.frequency_hz)), np.float32)
    rows = pulse.rows(np.concatenate([ones, 0.25 * ones]))
    assert np.allclose(rows[1], 0.25 * rows[0], atol=1e-6)


def test_added_rows_stand_where_they_start_and_are_cut_at_the_ends() -> None:
    rows = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]], np.float32)
    which = np.array([0, 1, 0, 0, 1])
    gain = np.array([1.0, 0.1, 1.0, 2.0, 1.0])
    start = np.array([-1, 1, 6, 900, -3])
    heard = added(rows, which, gain, start, 8)
    assert heard.tolist() == pytest.approx([2, 3 + 1, 2, 3, 0, 0, 1, 2])


def test_many_pulses_are_the_sum_of_each() -> None:
    rows = rng(4).standard_normal((6, 40)).astype(np.float32)
    which, start = rng(5).integers(6, size=3_000), rng(6).integers(-60, 2_000, 3_000)
    gain = rng(7).uniform(0.1, 1, 3_000)
    exact = np.zeros(2_200)
    for row, first, level in zip(which, start, gain, strict=True):
        exact[first + 60 : first + 100] += level * rows[row]
    assert np.abs(added(rows, which, gain, start, 2_000) - exact[60:2_060]).max() < 1e-3


def test_a_shape_that_outlasts_its_room_is_refused() -> None:
    with pytest.raises(ValidationError, match="cycles"):
        PulseShape(centre_hz=20_000, cycles=12)
