"""Sounds of pulses whose phases are known: no rooms, no kinds, just what laws need."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

RATE_HZ = 96_000


def clicks(
    time_s: Float64[ndarray, " pulse"],
    amplitude: Float64[ndarray, " pulse"],
    duration_s: float,
    rate_hz: int = RATE_HZ,
    centre_hz: float = 30_000.0,
) -> Float64[ndarray, " sample"]:
    """Give Gaussian bursts of 0.1 ms whose envelopes peak at given times."""
    sound = np.zeros(round(duration_s * rate_hz))
    reach = round(0.5e-3 * rate_hz)
    for time, height in zip(time_s, amplitude, strict=True):
        middle = round(time * rate_hz)
        at = np.arange(max(0, middle - reach), min(len(sound), middle + reach))
        off = at / rate_hz - time
        burst = np.exp(-0.5 * (off / 50e-6) ** 2) * np.cos(2 * np.pi * centre_hz * off)
        sound[at] += height * burst
    return sound


def at_phases(
    phase_deg: Float64[ndarray, " pulse"],
    spread_deg: float,
    hz: float,
    duration_s: float,
    generator: np.random.Generator,
    start_rad: float = 0.0,
) -> Float64[ndarray, " pulse"]:
    """Give times at which a clock of `start_rad` at 0 s shows given phases, every cycle."""
    cycles = np.arange(-1, int(duration_s * hz) + 2)[:, None]
    phase = phase_deg + spread_deg * generator.standard_normal((len(cycles), len(phase_deg)))
    turns = (cycles + phase / 360).ravel() - start_rad / (2 * np.pi)
    time = np.sort(turns / hz)
    return np.asarray(time[(time >= 0.002) & (time < duration_s - 0.002)])


def floating_bars(
    hz: float,
    duration_s: float,
    *,
    seed: int = 0,
    start_rad: float = 0.0,
    noise: float = 0.02,
    rate_hz: int = RATE_HZ,
    centre_hz: float = 30_000.0,
) -> tuple[Float64[ndarray, " sample"], Float64[ndarray, " pulse"]]:
    """Give two bars a half cycle in weak noise, and the true times."""
    generator = np.random.default_rng(seed)
    bars = np.array([35.0, 55.0, 215.0, 235.0])
    time = at_phases(bars, 2.0, hz, duration_s, generator, start_rad)
    sound = clicks(time, np.ones(len(time)), duration_s, rate_hz, centre_hz)
    return 0.1 * (sound + noise * generator.standard_normal(len(sound))), time
