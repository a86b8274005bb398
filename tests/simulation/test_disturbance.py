"""Noises have the power, the lines and the times that were asked for."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.signal import hilbert

from sonoscope.simulation.disturbance import (
    AnyBed,
    CraneNoise,
    FloorNoise,
    RainNoise,
    RotorNoise,
    WindNoise,
    disturbance,
)

RATE = 96_000
BEDS: tuple[AnyBed, ...] = (RotorNoise(), WindNoise(), CraneNoise(), RainNoise(), FloorNoise())


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def density(sound: Float[ndarray, " sample"]) -> Float[ndarray, " bin"]:
    return np.asarray(np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2)


def band(power: Float[ndarray, " bin"], low_hz: float, high_hz: float) -> float:
    """Give the mean density of a second's spectrum over a band."""
    return float(power[int(low_hz) : int(high_hz)].mean())


def test_drops_that_ring_for_longer_than_a_pulse_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"cycles must take at most 0\.25 ms"):
        RainNoise(centre_hz=8_000, cycles=2.5)


@pytest.mark.parametrize("bed", BEDS)
@pytest.mark.parametrize("rate_hz", [96_000, 192_000])
def test_every_noise_has_unit_power_and_its_own_sound(bed: AnyBed, rate_hz: int) -> None:
    length = rate_hz // 8 + 7
    one, again, other = (disturbance(bed, rate_hz, length, rng(seed)) for seed in (0, 0, 1))
    assert one.shape == (length,)
    assert one.dtype == np.float32
    assert float(np.mean(one.astype(np.float64) ** 2)) == pytest.approx(1, abs=1e-4)
    assert np.array_equal(one, again)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.6


def test_a_rotor_is_the_same_bytes_on_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    made = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        made.append(disturbance(RotorNoise(rotors=1), RATE, 2 * RATE, rng(1)).tobytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert made[0] == made[1]


def test_floors_rise_by_the_octave_as_asked() -> None:
    for slope_db in (-3.0, 0.0, 3.0):
        power = density(disturbance(FloorNoise(slope_db=slope_db), RATE, RATE, rng(2)))
        octaves = 10 * np.log10(band(power, 20_000, 40_000) / band(power, 5_000, 10_000))
        assert abs(octaves / 2 - slope_db) < 0.15


def test_wind_lies_low_and_comes_in_gusts() -> None:
    power = density(disturbance(WindNoise(gustiness=0.0), RATE, RATE, rng(3)))
    fall = 10 * np.log10(band(power, 200, 400) / band(power, 2_000, 4_000))
    assert abs(fall - 33) < 2
    gusts = disturbance(WindNoise(gustiness=0.3), RATE, 8 * RATE, rng(4))
    steady = disturbance(WindNoise(gustiness=0.0), RATE, 8 * RATE, rng(4))
    swing = [np.std(np.log((s.reshape(-1, RATE // 4) ** 2).mean(axis=1))) for s in (gusts, steady)]
    assert swing[0] > 1.5 * swing[1]


def test_converters_whistle_at_multiples_of_their_switching() -> None:
    bed = CraneNoise(switching_hz=5_000, feed_hz=30, lines_db=10, switching_db=-3)
    power = density(disturbance(bed, RATE, RATE, rng(5)))
    for order in (1, 2, 4, 7):
        line = 5_000 * order
        near = power[line - 200 : line + 200].sum()
        beside = power[line + 1_000 : line + 1_400].sum()
        assert near > 10 * beside
    low = CraneNoise(mesh_hz=400, shaft_hz=10, feed_hz=30, lines_db=10, switching_db=-40)
    power = density(disturbance(low, RATE, RATE, rng(6)))
    for line in (400, 800, 60, 120):
        assert power[line - 5 : line + 6].max() > 30 * np.median(power[line - 30 : line + 31])


def test_motor_controllers_of_a_drone_whistle_where_rotors_are_silent() -> None:
    quiet, loud = (
        density(disturbance(RotorNoise(switching_db=level), RATE, RATE, rng(7)))
        for level in (-100.0, -20.0)
    )
    assert band(loud, 23_500, 24_500) > 5 * band(quiet, 23_500, 24_500)
    assert 0.8 < band(loud, 100, 5_000) / band(quiet, 100, 5_000) < 1.2


def test_rotors_have_the_lines_of_their_blades_and_little_ultrasound() -> None:
    power = density(disturbance(RotorNoise(vortex_db=-10), RATE, RATE, rng(8)))
    blades = power[150:220].max()
    assert blades > 30 * np.median(power[150:220])
    assert band(power, 20_000, 40_000) < 5e-3 * band(power, 200, 5_000)


def test_rain_is_drops_at_random_times() -> None:
    bed = RainNoise(drops_hz=100, spread_db=0, hiss_db=-60)
    sound = disturbance(bed, RATE, 8 * RATE, rng(9))
    loud = np.abs(hilbert(sound)) > 0.5 * np.quantile(np.abs(hilbert(sound)), 0.9999)
    onset = np.flatnonzero(loud[1:] & ~loud[:-1])
    onset = onset[np.diff(onset, prepend=-RATE) > 0.5e-3 * RATE]
    assert abs(len(onset) / 800 - 1) < 0.15
    gaps = np.diff(onset)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.15
    heavy = sound.astype(np.float64)
    assert (heavy**4).mean() > 10 * (heavy**2).mean() ** 2
