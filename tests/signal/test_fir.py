"""What stands for scipy.signal gives what scipy.signal gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks, firwin, kaiserord, upfirdn

from sonoscope.signal.fir import decimated, kaiser_order, low_pass, peaks


@pytest.mark.parametrize("stopband_db", [60.0, 90.0])
@pytest.mark.parametrize("edge", [0.02, 0.0833, 0.3])
def test_windows_are_as_long_and_as_round(stopband_db: float, edge: float) -> None:
    length, beta = kaiserord(stopband_db, edge)
    ours, roundness = kaiser_order(stopband_db, edge)
    assert ours == length
    assert roundness == pytest.approx(beta, abs=1e-12)


def test_low_passes_are_those_of_firwin() -> None:
    by_kaiser = firwin(273, 10_000.0, window=("kaiser", 8.9), fs=96_000)
    assert low_pass(10_000 / 48_000, np.kaiser(273, 8.9)) == pytest.approx(by_kaiser, abs=1e-14)
    assert low_pass(0.2, np.hamming(33)) == pytest.approx(firwin(33, 0.2), abs=1e-14)


def test_filtering_and_keeping_some_is_upfirdn() -> None:
    generator = np.random.default_rng(0)
    for length, count, down in ((1, 9, 1), (33, 1000, 4), (17, 501, 3)):
        taps, values = generator.standard_normal(length), generator.standard_normal(count)
        ours = decimated(values, taps, down)
        assert ours == pytest.approx(upfirdn(taps, values, 1, down)[: len(ours)], abs=1e-12)
        assert len(ours) == -(-count // down)


@given(seed=st.integers(0, 10_000), apart=st.floats(1, 12), steps=st.integers(2, 200))
def test_peaks_are_those_of_find_peaks(seed: int, apart: float, steps: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.floor(steps * generator.random(80)) + 1e-6 * generator.random(80).cumsum() * (
        steps > 100
    )
    least = steps * generator.random(80)
    theirs, _ = find_peaks(values, height=least, distance=apart)
    ours = peaks(values, least, apart)
    if steps > 100:  # equal heights are nobody's to decide
        assert ours.tolist() == theirs.tolist()
    without, _ = find_peaks(values, height=least)
    assert peaks(values, least, 1.0).tolist() == without.tolist()


def test_a_constant_has_no_peak() -> None:
    assert peaks(np.zeros(9), np.zeros(9), 3.0).tolist() == []
    assert peaks(np.array([0.0, 2.0, 2.0, 0.0]), np.zeros(4), 3.0).tolist() == [1]
