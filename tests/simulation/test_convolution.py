"""Blocks change nothing."""

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from sonoscope.simulation.convolution import convolve, quick_size


@pytest.mark.parametrize("length", [1, 700, 24_000, 70_001])
@pytest.mark.parametrize("taps", [1, 300, 9_000])
def test_it_is_the_convolution_and_keeps_the_end(length: int, taps: int) -> None:
    draw = np.random.default_rng(length + taps)
    sound = draw.standard_normal(length).astype(np.float32)
    response = draw.standard_normal((3, taps)).astype(np.float32)
    wet = convolve(torch.from_numpy(sound), torch.from_numpy(response)).numpy()
    exact = fftconvolve(sound[None].astype(float), response.astype(float), axes=1)
    assert wet.shape == (3, length + taps - 1)
    assert np.abs(wet - exact).max() < 1e-5 * np.abs(exact).max() + 1e-5


def test_quick_sizes_hold_what_they_must() -> None:
    for length in (1, 2, 7, 100, 641, 80_000, 163_841):
        assert length <= quick_size(length) <= max(2 * length, 1)
