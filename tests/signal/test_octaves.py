"""Octave weights share a spectrum out and lose nothing."""

import numpy as np
import pytest

from sonoscope.signal.octaves import octave_centres, octave_weights


@pytest.mark.parametrize("rate_hz", [250, 8_000, 16_000, 24_000, 48_000, 192_000])
def test_the_shares_of_every_frequency_sum_to_one(rate_hz: int) -> None:
    frequency = np.concatenate([[0.0, 1.0], np.geomspace(20, rate_hz / 2, 500)])
    weights = octave_weights(frequency, rate_hz)
    assert np.allclose(weights.sum(axis=0), 1, atol=1e-14)
    assert weights.min() >= 0
    assert np.count_nonzero(weights > 1e-12, axis=0).max() == min(2, len(weights))


@pytest.mark.parametrize("rate_hz", [250, 8_000, 16_000, 24_000, 48_000, 192_000])
def test_a_band_holds_all_of_its_centre_and_half_of_its_edges(rate_hz: int) -> None:
    centres = octave_centres(rate_hz)
    assert np.allclose(octave_weights(centres, rate_hz), np.eye(len(centres)), atol=1e-14)
    edges = octave_weights(centres[:-1] * 2**0.5, rate_hz)
    for band in range(len(centres) - 1):
        assert edges[band : band + 2, band] == pytest.approx([0.5, 0.5])


def test_the_outer_bands_hold_what_lies_outside() -> None:
    weights = octave_weights(np.array([0.0, 60.0, 12_000.0]), 24_000)
    assert weights[0].tolist() == [1, 1, 0]
    assert weights[-1].tolist() == [0, 0, 1]


def test_centres_lie_below_nyquist() -> None:
    assert octave_centres(16_000)[-1] == 4_000  # 8 kHz is Nyquist itself
    assert octave_centres(16_100)[-1] == 8_000
    assert octave_centres(192_000)[-1] == 64_000
    assert octave_centres(100).tolist() == [125]
