"""Patterns count every pulse once, and the operators mean what they say."""

import numpy as np
import pytest

from sonoscope.signal.patterns import (
    absolute_pattern,
    curves,
    folded,
    normalised_pattern,
    operators,
    phase_bin,
)

GENERATOR = np.random.default_rng(0)
PHASE = GENERATOR.uniform(-20, 40, 500)
AMPLITUDE = GENERATOR.lognormal(-4, 0.6, 500)


def test_counts_are_the_pulses() -> None:
    for pattern in (
        absolute_pattern(PHASE, AMPLITUDE, 72),
        normalised_pattern(PHASE, AMPLITUDE, 36),
    ):
        assert pattern.counts.sum() == 500
    found = curves(PHASE, AMPLITUDE, 72)
    assert found.count.sum() == 500
    assert found.greatest.max() == AMPLITUDE.max()
    assert (found.mean * found.count).sum() == pytest.approx(AMPLITUDE.sum())
    assert (found.count == absolute_pattern(PHASE, AMPLITUDE, 72).counts.sum(axis=1)).all()


def test_doubling_the_amplitude_moves_one_axis_of_one_pattern() -> None:
    one, double = (absolute_pattern(PHASE, gain * AMPLITUDE, 72) for gain in (1, 10**0.3))
    assert (np.roll(one.counts, 3, axis=1) == double.counts).all()
    one, double = (normalised_pattern(PHASE, gain * AMPLITUDE, 72) for gain in (1, 10**0.3))
    assert np.abs(one.counts - double.counts).sum() <= 2  # a pulse on an edge may round over
    assert double.reference_db - one.reference_db == pytest.approx(6.0)


def test_phases_wrap() -> None:
    turns = np.array([0.0, 2 * np.pi, -1e-9, np.pi, 7 * np.pi + 1e-6])
    assert phase_bin(turns, 72).tolist() == [0, 0, 71, 36, 36]


def test_halves_are_log_counts_of_both_half_cycles() -> None:
    pattern = normalised_pattern(PHASE, AMPLITUDE, 72)
    halves = pattern.halves()
    assert halves.shape == (2, 36, 32)
    assert np.expm1(halves).sum() == pytest.approx(500)
    assert np.allclose(np.expm1(halves[1]), pattern.counts[36:])


def test_operators_of_patterns_that_are_known() -> None:
    bins = np.arange(72)
    phase = (bins + 0.5) * 2 * np.pi / 72
    even = operators(curves(np.tile(phase, 4), np.tile(1 + (bins % 36) / 36, 4), 72))
    assert even.skewness == pytest.approx((0, 0), abs=1e-9)
    assert even.kurtosis == pytest.approx((-1.2, -1.2), abs=0.01)  # of a uniform distribution
    assert even.correlation == pytest.approx(1.0)
    assert even.asymmetry == pytest.approx(1.0)
    assert even.f1_share < 1e-9
    half = operators(curves(phase[:36], np.ones(36), 72))
    assert half.f1_share == pytest.approx(2 / np.pi, abs=0.01)
    assert np.isnan(half.asymmetry) or half.asymmetry == 0
    louder = operators(curves(phase, np.where(bins < 36, 2.0, 1.0), 72))
    assert louder.asymmetry == pytest.approx(0.5)


def test_no_pulse_is_no_number() -> None:
    nothing = operators(curves(np.zeros(0), np.zeros(0), 72))
    assert np.isnan(nothing.skewness).all()
    assert np.isnan(nothing.asymmetry)
    assert normalised_pattern(np.zeros(0), np.zeros(0), 72).counts.sum() == 0


def test_a_folded_envelope_keeps_every_value_and_turns_and_adds_up() -> None:
    generator = np.random.default_rng(4)
    phase = generator.uniform(-20, 20, 5_000)
    over_db = generator.normal(0, 5, 5_000)
    fine = folded(phase, over_db, 360)
    assert fine.counts.sum() == 5_000
    assert np.array_equal(fine.coarser(5).counts, folded(phase, over_db, 72).counts)
    turned = folded(phase + np.deg2rad(30), over_db, 360)
    assert np.abs(fine.turned(np.deg2rad(30)).counts - turned.counts).sum() <= 4
    assert fine.plus(turned).counts.sum() == 10_000
