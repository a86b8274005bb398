"""Pulses are found where they are, once each, and seldom where they are not."""

import numpy as np
from tests.signal.pulse_sounds import RATE_HZ, clicks

from sonoscope.signal.envelope import envelope
from sonoscope.signal.pulses import pick

BAND = (20e3, 40e3)


def test_times_and_heights_are_those_of_the_pulses() -> None:
    generator = np.random.default_rng(0)
    time = np.sort(generator.uniform(0.01, 0.99, 60))
    time = time[np.concatenate([[True], np.diff(time) > 2e-3])]
    height = generator.uniform(0.2, 1, len(time))
    sound = clicks(time, height, 1.0) + 1e-3 * generator.standard_normal(RATE_HZ)
    found = pick(envelope(sound[None], RATE_HZ, BAND), 6.0, 0.4e-3)
    loud = found.amplitude > 0.05
    assert loud.sum() == len(time)
    assert np.abs(found.time_s[loud] - time).max() < 20e-6
    ratio = found.amplitude[loud] / height
    assert ratio.std() / ratio.mean() < 0.02


def test_nearer_than_the_dead_time_only_the_higher_stays() -> None:
    time = np.array([0.1, 0.1005, 0.2, 0.203])
    sound = clicks(time, np.array([1.0, 0.6, 0.6, 1.0]), 0.5)
    sound += 1e-3 * np.random.default_rng(1).standard_normal(len(sound))
    heard = envelope(sound[None], RATE_HZ, BAND)
    found = pick(heard, 20.0, 1e-3)
    assert np.round(found.time_s, 3).tolist() == [0.1, 0.2, 0.203]
    assert len(pick(heard, 20.0, 0.3e-3)) == 4


def test_noise_gives_few_and_none_that_is_clear() -> None:
    sound = np.random.default_rng(2).standard_normal((1, 4 * RATE_HZ))
    found = pick(envelope(sound, RATE_HZ, BAND), 6.0, 0.4e-3)
    assert len(found) / 4 < 20
    assert (found.over_db >= 1.5).sum() / 4 < 2


def test_silence_and_a_moment_have_no_pulses() -> None:
    for length in (0, 10, RATE_HZ):
        assert not len(pick(envelope(np.zeros((1, length)), RATE_HZ, BAND), 6.0, 0.4e-3))
