"""Pulse trains have the phases, amplitudes, regularity and harmonics of their kinds."""

from typing import get_args

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from pydantic import ValidationError

from sonoscope.simulation.discharge import (
    KINDS,
    AnyDischarge,
    Brush,
    Corona,
    Floating,
    Internal,
    Particle,
    PulseTrain,
    Surface,
    pulse_train,
)
from sonoscope.simulation.mains import Clock, MainsSettings, mains_clock

SECONDS = 4.0
OF_KIND: dict[str, AnyDischarge] = {
    one.kind: one for one in (Corona(), Surface(), Floating(), Internal(), Particle(), Brush())
}


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def mains(seed: int = 0, nominal_hz: float = 50.0) -> Clock:
    return mains_clock(MainsSettings(nominal_hz, wander_hz=0.02), 0.0, SECONDS, rng(seed))


def train(discharge: AnyDischarge, seed: int = 0, nominal_hz: float = 50.0) -> PulseTrain:
    return pulse_train(discharge, mains(seed, nominal_hz), rng(seed + 1_000))


def degrees(pulses: PulseTrain, lowest: float) -> Float[ndarray, " pulse"]:
    """Give phases in the circle from `lowest` on."""
    return np.asarray((pulses.turns * 360 - lowest) % 360 + lowest)


def harmonic(pulses: PulseTrain, order: int) -> float:
    """Give the share of a harmonic of the mains in the pulses' amplitudes."""
    turned = pulses.amplitude * np.exp(-2j * np.pi * order * pulses.turns)
    return float(abs(turned.sum()) / pulses.amplitude.sum())


def variation(values: Float[ndarray, " value"]) -> float:
    return float(values.std() / values.mean())


def test_every_kind_has_settings() -> None:
    assert set(OF_KIND) == set(KINDS)
    assert {type(one) for one in OF_KIND.values()} == set(get_args(AnyDischarge))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nominal_hz", [16.7, 60.0])
def test_pulses_come_in_order_and_at_the_turns_of_their_times(kind: str, nominal_hz: float) -> None:
    clock = mains(3, nominal_hz)
    pulses = pulse_train(OF_KIND[kind], clock, rng(4))
    assert len(pulses.time_s) > 50
    assert np.all(np.diff(pulses.time_s) >= 0)
    assert pulses.time_s[0] >= 0
    assert pulses.time_s[-1] <= clock.time_s[-1]
    assert np.abs(clock.turns_at(pulses.time_s) - pulses.turns).max() < 1e-6
    assert pulses.amplitude.min() > 0


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("corona", 1.0, 1.35), ("surface", 0.3, 0.65), ("internal", 0.0, 0.15), ("floating", 0, 0.05)],
)
def test_harmonics_of_the_mains_stand_as_measured_patterns_have_them(
    kind: str, low: float, high: float
) -> None:
    """Amplitude at the mains over that at twice it: corona 1.1, surface 0.47, internal 0.05, 0."""
    ratios = [
        harmonic(pulses, 1) / harmonic(pulses, 2)
        for pulses in (train(OF_KIND[kind], seed) for seed in range(3))
    ]
    assert low <= np.mean(ratios) <= high


@pytest.mark.parametrize(("point", "crest"), [("hv", 270), ("earth", 90)])
def test_corona_begins_as_a_narrow_cluster_at_one_crest(point: str, crest: int) -> None:
    discharge = Corona(overvoltage=1.15, point="hv" if point == "hv" else "earth")
    pulses = train(discharge)
    away = degrees(pulses, crest - 180) - crest
    assert abs(away.mean()) < 1
    assert np.abs(away).max() < np.rad2deg(np.arccos(1 / 1.17))
    assert variation(pulses.amplitude) < 0.15


def test_corona_widens_quickens_and_meets_streamers_as_the_voltage_rises() -> None:
    pulses = train(Corona(overvoltage=1.05, overvoltage_end=1.9, streamer_onset=1.5))
    away = degrees(pulses, 90) - 270
    early, late = pulses.time_s < 0.2 * SECONDS, pulses.time_s > 0.8 * SECONDS
    trichel = np.abs(away) < 90
    assert np.abs(away[early & trichel]).max() + 20 < np.abs(away[late & trichel]).max()
    assert np.count_nonzero(early & trichel) * 4 < np.count_nonzero(late & trichel)
    assert np.all(trichel[early])
    streamers, others = pulses.amplitude[late & ~trichel], pulses.amplitude[late & trichel]
    assert 15 < len(streamers) < 0.3 * len(others)
    assert 5 < 20 * np.log10(np.median(streamers) / np.median(others)) < 15
    assert variation(streamers) > 2 * variation(others)


def test_trichel_pulses_keep_their_distance_as_random_ones_do_not() -> None:
    """Within a cluster gaps vary less the more regular it is; random ones by all of themselves."""
    found = {}
    for regularity in (1.0, 40.0):
        # a voltage far above onset holds the rate nearly still about the crest
        discharge = Corona(overvoltage=3.0, rate_hz=3_000, rate_power=0, regularity=regularity)
        pulses = train(discharge)
        near = np.abs(degrees(pulses, 90) - 270) < 50
        gaps = np.diff(pulses.time_s[near])
        found[regularity] = variation(gaps[gaps < 5e-3])
    assert found[1.0] > 0.8
    assert abs(found[40.0] - 40**-0.5) < 0.05


def test_a_trichel_pulse_soon_after_another_is_weaker() -> None:
    discharge = Corona(
        overvoltage=2.0, regularity=2.0, depression=0.5, recovery_s=1e-4, spread_db=0
    )
    pulses = train(discharge)
    near = np.abs(degrees(pulses, 90) - 270) < 80
    gaps, amplitude = np.diff(pulses.time_s), pulses.amplitude[1:]
    soon, late = (gaps < 2e-5) & near[1:], (gaps > 1e-3) & near[1:]
    assert soon.sum() > 50
    assert abs(amplitude[soon].mean() - 0.55) < 0.05
    assert abs(amplitude[late].mean() - 1) < 0.01


def test_surface_lies_on_both_rising_flanks_one_of_them_stronger() -> None:
    pulses = train(Surface(imbalance=2.0))
    phase = degrees(pulses, -45)
    positive = phase < 135
    assert phase[positive].min() >= 0
    assert phase[positive].max() <= 100
    assert phase[~positive].min() >= 180
    assert phase[~positive].max() <= 280
    both = pulses.amplitude[positive].sum() / pulses.amplitude[~positive].sum()
    assert abs(both / 2 - 1) < 0.1
    assert abs(len(phase) / (2 * 10 * 50 * SECONDS) - 1) < 0.1
    turned = train(Surface(imbalance=2.0, stronger="negative"))
    is_positive = (turned.turns % 1) < 0.5
    assert turned.amplitude[~is_positive].sum() > 1.7 * turned.amplitude[is_positive].sum()


@pytest.mark.parametrize("cloud", ["triangle", "weibull"])
def test_surface_amplitudes_are_clouds_that_rise_over_the_phase(cloud: str) -> None:
    pulses = train(Surface(cloud="triangle" if cloud == "triangle" else "weibull", imbalance=1.0))
    since = degrees(pulses, 0) % 180
    early, late = pulses.amplitude[since < 25], pulses.amplitude[(since > 45) & (since < 90)]
    assert np.quantile(late, 0.95) > 1.3 * np.quantile(early, 0.95)
    assert np.quantile(late, 0.1) < 0.35 * np.quantile(late, 0.9)


def test_floating_sparks_are_few_equal_and_equally_spaced_in_voltage() -> None:
    pulses = train(Floating(spread=0.0, spread_db=0.0))
    phase = degrees(pulses, 0)
    assert variation(pulses.amplitude) < 1e-3
    assert 2 <= len(phase) / (50 * SECONDS) <= 8
    half = phase % 180
    assert half.min() > 20
    assert half.max() < 90
    levels = np.unique(np.sin(np.deg2rad(half)).round(3))
    assert np.abs(np.diff(levels) - 0.3).max() < 0.005
    scattered = train(Floating())
    assert variation(scattered.amplitude) < 0.1
    # as often in one half cycle as in the other, give or take one a cycle at most
    assert abs(np.mean((scattered.turns % 1) < 0.5) - 0.5) < 0.02


def test_internal_pulses_begin_before_the_zero_crossing_alike_in_both_halves() -> None:
    pulses = train(Internal())
    rising = degrees(pulses, -90) % 180
    rising = np.where(rising > 110, rising - 180, rising)
    low, high = np.quantile(rising, [0.01, 0.99])
    assert -45 < low < -15
    assert 60 < high < 100
    phase = degrees(pulses, -90)
    assert abs(np.mean(phase < 90) - 0.5) < 0.02
    assert 0.1 < variation(pulses.amplitude) < 0.6


def test_a_void_that_waits_longer_discharges_later_and_harder() -> None:
    quick, slow = train(Internal(lag_s=0.05e-3)), train(Internal(lag_s=1e-3))
    assert slow.amplitude.mean() > 1.2 * quick.amplitude.mean()
    assert len(slow.time_s) < 0.9 * len(quick.time_s)
    helped = train(Internal(lag_s=1e-3, detrapping=10.0))
    assert slow.amplitude.mean() > 1.05 * helped.amplitude.mean()


def test_a_charge_is_never_made_nor_lost() -> None:
    """Between two breakdowns the gap's voltage moves as the mains': the circuit's own law."""
    discharge = Floating(breakdown=0.7, step=0.5, spread=0.0, spread_db=0.0)
    pulses = train(discharge)
    voltage = np.sin(2 * np.pi * pulses.turns)
    # each spark leaves ±0.2 over the gap and the next comes at ±0.7: steps of 0.5 or 0.9
    steps = np.abs(np.diff(voltage))
    assert np.minimum(np.abs(steps - 0.5), np.abs(steps - 0.9)).max() < 1e-6


def test_particles_and_brushes_have_no_phase_of_the_mains() -> None:
    for kind in ("particle", "brush"):
        strength = [
            harmonic(pulses, order) * np.sqrt(len(pulses.time_s))
            for pulses in (train(OF_KIND[kind], seed) for seed in range(10))
            for order in (1, 2)
        ]
        assert np.mean(strength) < 2.5  # 0.9 to 1.2 for what is random, 23 for what is locked
    locked = train(Floating())
    assert harmonic(locked, 2) * np.sqrt(len(locked.time_s)) > 15


def test_particles_land_harder_after_longer_flights() -> None:
    for flights in ("gamma", "lognormal"):
        law = Particle(flights="gamma" if flights == "gamma" else "lognormal", spread_db=1.0)
        pulses = train(law)
        gaps = np.diff(pulses.time_s)
        assert abs(len(gaps) / (90 * SECONDS) - 1) < 0.1
        assert abs(variation(gaps) / 0.7 - 1) < 0.2
        assert np.corrcoef(np.log(gaps), np.log(pulses.amplitude[1:]))[0, 1] > 0.8


def test_brushes_are_locked_to_their_wheel() -> None:
    brush = Brush(wheel_hz=7.4, wander=0.0, missed=0.1, sparks=1.0)
    pulses = train(brush)
    passes = pulses.time_s * 7.4 * 12
    assert abs(np.exp(2j * np.pi * passes).mean()) > 0.95
    assert abs(len(passes) / (7.4 * 12 * SECONDS * 0.9) - 1) < 0.05
    # every segment has its own strength, turn after turn
    turn = abs((pulses.amplitude * np.exp(2j * np.pi * passes / 12)).sum()) / pulses.amplitude.sum()
    equal = train(Brush(wheel_hz=7.4, wander=0.0, missed=0.1, sparks=1.0, segment_spread_db=0))
    around = equal.amplitude * np.exp(2j * np.pi * equal.time_s * 7.4)
    assert turn > 2 * abs(around.sum()) / equal.amplitude.sum()


def test_a_source_on_another_phase_runs_ahead_by_a_third() -> None:
    clock = mains()
    here = pulse_train(Corona(), clock, rng(7))
    ahead = pulse_train(Corona(), clock, rng(7), shift_turns=1 / 3)
    assert abs(degrees(here, 90).mean() - 270) < 1
    assert abs(degrees(ahead, -30).mean() - 150) < 1


def test_same_generator_same_pulses() -> None:
    for discharge in OF_KIND.values():
        one, other = train(discharge, 5), train(discharge, 5)
        assert np.array_equal(one.time_s, other.time_s)
        assert np.array_equal(one.amplitude, other.amplitude)
        assert not np.array_equal(one.time_s[:20], train(discharge, 6).time_s[:20])


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="must grow"):
        Surface(begin_deg=50.0, mode_deg=40.0)
    with pytest.raises(ValidationError, match="residual"):
        Internal(breakdown=0.2, residual=0.19)
    with pytest.raises(ValidationError, match="step"):
        Floating(breakdown=0.2, step=0.5)
    with pytest.raises(ValidationError):
        Corona(overvoltage=0.9)
