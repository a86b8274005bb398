"""Figures of a discharge: what a gain raises, what pulses at known phases come to."""

from dataclasses import asdict

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.signal.pulse_sounds import RATE_HZ, at_phases, clicks, floating_bars

from sonoscope.signal.envelope import envelope
from sonoscope.signal.prpd import PrpdSettings, phase_resolve
from sonoscope.signal.severity import Severity, phase_spread_deg, phase_width_deg, severity

WANTED = PrpdSettings(band_hz=(20_000.0, 40_000.0))
LEVELS = {
    "level_db", "peak_db", "background_db", "rms_db", "cycle_peak_db", "audible_db", "quadratic_db",
}  # fmt: skip


def figures(sound: Float[ndarray, " sample"]) -> Severity:
    found = phase_resolve(sound, RATE_HZ, WANTED)
    power = envelope(sound[None], RATE_HZ, (20_000.0, 40_000.0))
    return severity(found, power, WANTED.clear_db)


@pytest.fixture(scope="module")
def bars() -> Float[ndarray, " sample"]:
    return floating_bars(50.0, 2.0)[0]


def test_a_gain_raises_levels_by_itself_and_nothing_else(bars: ndarray) -> None:
    once, louder = asdict(figures(bars)), asdict(figures(bars * 10 ** (6 / 20)))
    for name, value in once.items():
        assert louder[name] == pytest.approx(value + 6 * (name in LEVELS), abs=1e-6), name


def test_figures_of_pulses_that_are_known(bars: ndarray) -> None:
    found = figures(bars)
    assert found.pulses_a_cycle == pytest.approx(4, abs=0.05)
    assert found.pulses_hz == pytest.approx(200, abs=3)
    assert found.active_cycles == pytest.approx(1, abs=0.02)
    assert found.stronger_half == pytest.approx(0.5, abs=0.01)
    assert found.phase_spread_deg == pytest.approx(np.hypot(10, 2), abs=1)  # bars 20° apart
    assert found.phase_width_deg is not None
    assert 20 <= found.phase_width_deg <= 60
    # all pulses are alike: what is smoothed off one is smoothed off all
    assert found.level_db is not None
    assert found.peak_db == pytest.approx(found.level_db, abs=1)
    assert found.cycle_peak_db == pytest.approx(found.level_db, abs=1)
    assert found.quadratic_db == pytest.approx(found.level_db + 10 * np.log10(200), abs=1)
    assert found.twice > 5 * found.once


def test_one_half_cycle_swings_at_the_mains_itself() -> None:
    generator = np.random.default_rng(1)
    time = at_phases(np.array([260.0, 270.0, 280.0]), 3.0, 50.0, 2.0, generator)
    sound = 0.1 * clicks(time, np.ones(len(time)), 2.0)
    found = figures(sound + 1e-4 * generator.standard_normal(len(sound)))
    assert found.stronger_half == pytest.approx(1)
    assert found.once > 0.8 * found.twice > 0.5


def test_halving_the_cycles_halves_what_is_active(bars: ndarray) -> None:
    gaps = bars.copy().reshape(50, -1)  # two cycles each
    quiet = 2e-3 * np.random.default_rng(2).standard_normal(gaps[::2].shape)
    gaps[::2] = quiet
    found = figures(gaps.ravel())
    assert found.active_cycles == pytest.approx(0.5, abs=0.06)


def test_noise_and_silence_have_no_pulses() -> None:
    noise = figures(0.01 * np.random.default_rng(3).standard_normal(2 * RATE_HZ))
    assert noise.pulses_a_cycle is None
    assert noise.phase_spread_deg is None
    assert noise.once < 0.1
    silence = figures(np.zeros(RATE_HZ))
    assert silence.level_db is silence.peak_db is silence.over_noise_db is None
    assert all(np.isfinite(value) for value in asdict(silence).values() if value is not None)


def test_phases_spread_evenly_are_as_wide_as_said() -> None:
    even = np.deg2rad(np.arange(0, 360, 0.5))
    assert phase_width_deg(even) == 325  # 324 to the next bin of 5°
    assert phase_spread_deg(even) > 100
    assert phase_width_deg(np.full(9, 1.0)) == 5
    assert phase_spread_deg(np.full(9, 1.0)) == pytest.approx(0, abs=1e-4)
