"""A clock's turns are the integral of its frequency, and its drift is as asked."""

import numpy as np

from sonoscope.simulation.mains import MainsSettings, clock_of, mains_clock, wheel_clock


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_steady_mains_turn_as_often_as_asked_from_the_phase_asked() -> None:
    clock = mains_clock(MainsSettings(16.7, offset_hz=0.1, phase_turns=0.3), -1.0, 5.0, rng(0))
    times = np.array([-0.73, 0.0, 2.2222, 4.9])
    assert np.abs(clock.turns_at(times) - (0.3 + 16.8 * times)).max() < 1e-9
    assert np.abs(clock.time_at(clock.turns_at(times)) - times).max() < 1e-10


def test_turns_are_the_integral_of_the_frequency() -> None:
    knots = np.arange(11) / 10
    clock = clock_of(knots, 50 + 2 * knots, 0.25)
    times = rng(1).uniform(0, 1, 50)
    assert np.abs(clock.turns_at(times) - (0.25 + 50 * times + times**2)).max() < 3e-5
    assert np.abs(clock.hz_at(times) - (50 + 2 * times)).max() < 1e-9


def test_drift_has_the_deviation_and_the_memory_asked() -> None:
    mains = MainsSettings(wander_hz=0.02, memory_s=5.0)
    every = np.stack([mains_clock(mains, 0.0, 6.0, rng(i)).hz - 50 for i in range(250)])
    assert abs(every.std() / 0.02 - 1) < 0.1
    later = 5 * 160  # steps of a clock in five seconds
    kept = (every[:, 0] * every[:, later]).mean() / 0.02**2
    assert abs(kept - np.exp(-1)) < 0.15


def test_a_wheel_wanders_about_its_speed_from_any_angle() -> None:
    wheels = [wheel_clock(8.0, 0.005, 1.0, (-0.5, 10.0), rng(i)) for i in range(120)]
    speed = np.stack([wheel.hz for wheel in wheels])
    assert abs(speed.mean() / 8 - 1) < 0.001
    assert abs(speed.std() / 8 / 0.005 - 1) < 0.1
    angle = np.array([float(wheel.turns_at(np.zeros(1))[0]) for wheel in wheels])
    assert abs(np.exp(2j * np.pi * angle).mean()) < 0.2
