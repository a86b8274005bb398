"""Clocks are found to millihertz, followed as they drift, and not found in noise."""

import numpy as np
import pytest
from jaxtyping import Float64
from numpy import ndarray

from sonoscope.signal.envelope import Envelope
from sonoscope.signal.mains import Activity, activity, find_clock, find_mains, likeliest_mains

RATE_HZ = 4_000.0


def heard(phase: Float64[ndarray, " value"], seed: int = 0, noise: float = 0.5) -> Activity:
    """Give an activity that rises near 40° and 220° of a phase."""
    bumps = sum(np.exp((np.cos(phase - at) - 1) / 0.05) for at in (0.7, 0.7 + np.pi))
    bumps = bumps + 0.4 * np.exp((np.cos(phase - 0.7) - 1) / 0.05)
    values = bumps + noise * np.random.default_rng(seed).standard_normal(len(phase))
    return Activity(np.asarray(values - values.mean()), RATE_HZ)


def times(duration_s: float) -> Float64[ndarray, " value"]:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


@pytest.mark.parametrize("hz", [49.87, 50.003, 50.613, 59.95, 60.31, 16.72, 16.5])
def test_each_mains_is_told_from_the_others_to_millihertz(hz: float) -> None:
    clock = find_mains(heard(2 * np.pi * hz * times(2.0) + 1.0))
    assert abs(clock.hz - hz) < 10e-3
    assert clock.false_alarm < 1e-9
    nominal = min((50.0, 60.0, 50 / 3), key=lambda each: abs(each - hz))
    assert clock.nominal_hz == nominal


def test_drift_is_followed_second_by_second() -> None:
    time = times(40.0)
    hz = 50 + 0.05 * np.sin(2 * np.pi * time / 25)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    clock = find_mains(heard(phase))
    inner = (clock.time_s > 2) & (clock.time_s < 38)
    true_hz = np.interp(clock.time_s, time, hz)
    assert np.abs(clock.track_hz - true_hz)[inner].max() < 0.02
    off = clock.phase_at(time) - phase
    off = np.rad2deg(off - off.mean())
    assert np.abs(off[(time > 2) & (time < 38)]).max() < 6


def test_a_band_can_be_chosen_before_its_phase_is_followed() -> None:
    found = heard(2 * np.pi * 60.31 * times(5.0) + 1.0)
    followed, likeliest = find_mains(found), likeliest_mains(found)
    assert (likeliest.log_score, likeliest.score) == (followed.log_score, followed.score)
    assert likeliest.false_alarm == followed.false_alarm
    assert likeliest.nominal_hz == followed.nominal_hz == 60


@pytest.mark.slow
def test_noise_is_taken_for_mains_as_seldom_as_said() -> None:
    generator = np.random.default_rng(4)
    chances = []
    for _ in range(200):
        power = generator.standard_gamma(2.0, 32_000)
        found = activity(Envelope(power, 16_000.0, (1.0, 2.0)), 6.0)
        chances.append(find_mains(found).false_alarm)
    below = [np.mean(np.array(chances) < limit) for limit in (0.02, 0.1)]
    assert 0.0 <= below[0] < 0.06
    assert 0.04 < below[1] < 0.2


def test_a_turning_clock_is_found_beside_mains_and_not_taken_for_it() -> None:
    time = times(2.0)
    hz = 87.3 * (1 + 0.004 * np.sin(2 * np.pi * time / 1.5))
    wheel = heard(2 * np.pi * np.cumsum(hz) / RATE_HZ)
    mains = find_mains(wheel)
    other = find_clock(wheel, 10.0, 330.0, mains)
    # two bumps a turn: the clock itself or its double is right
    assert min(abs(other.hz / 87.3 - ratio) for ratio in (1, 2)) < 0.01
    assert other.log_score > mains.log_score
    assert other.false_alarm < 1e-9


def test_what_lies_beyond_the_range_is_not_mains() -> None:
    for hz in (51.1, 58.7):
        clock = find_mains(heard(2 * np.pi * hz * times(2.0)))
        assert clock.false_alarm > 0.1 or abs(clock.nominal_hz - hz) > 2


def test_a_shift_in_time_turns_the_phase() -> None:
    time = times(2.0)
    hz, late_s = 50.03, 0.0031
    first = find_mains(heard(2 * np.pi * hz * time))
    later = find_mains(heard(2 * np.pi * hz * (time - late_s)))
    assert abs(first.hz - later.hz) < 4e-3
