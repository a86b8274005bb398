"""How strong a discharge is heard, in figures that inspection engineers know.

Airborne ultrasound knows no charge, so every level is that of the recording: 0 dB is a sine of full
scale. Gain, distance, direction and weather are in it; only figures of one spot, recorder and
distance can be compared, by their trend. A gain of g dB raises `level_db`, `peak_db`,
`cycle_peak_db`, `rms_db`, `background_db`, `audible_db` and `quadratic_db` by g, and nothing else.

Continuous figures (effective value, cycle peak, components at once and twice the mains) are those
of hand-held ultrasonic instruments (Q/GDW 11061-2013). Pulse rate and quadratic rate
D = Σ q² / T are those of IEC 60270, with amplitude in place of charge.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from sonoscope.signal.envelope import Envelope
from sonoscope.signal.patterns import decibels
from sonoscope.signal.prpd import Prpd

STRONG = 0.95
"""The level of pulses is this quantile of theirs: largest, but occurring again and again."""

HELD = 0.9
"""Share of the pulses that `Severity.phase_width_deg` holds."""

_WIDTH_BINS = 72
_SILENCE_DB = -240.0


@dataclass(frozen=True, slots=True)
class Severity:
    """Figures of one stretch of sound; None where there is nothing to measure.

    Attributes
    ----------
    level_db
        Amplitude that 95 % of the clear pulses stay below.
    peak_db
        Of the strongest pulse.
    over_noise_db
        How far `level_db` stands over the background.
    background_db
        Median of the band's envelope: what is there between pulses.
    rms_db
        Effective value of the band, pulses and background; a sine of full scale has -3 dB.
    cycle_peak_db
        Mean over mains cycles of each cycle's highest envelope.
    audible_db
        What a pulse had to exceed to be counted: the limit of this recording.
    quadratic_db
        Σ amplitude² of clear pulses a second.
    pulses_hz
        Clear pulses a second.
    pulses_a_cycle
        The same a mains cycle; None without mains.
    active_cycles
        Share of mains cycles with a clear pulse; None without mains.
    phase_spread_deg
        Circular standard deviation of the pulses' phase modulo half a cycle; None without mains.
    phase_width_deg
        Degrees of a cycle, of 360, that hold 90 % of the pulses; None without mains.
    stronger_half
        Share of the pulses that lie in the half cycle with more of them; None without mains.
    once, twice
        How far the envelope swings at the mains frequency and at its double, over its mean.
    """

    level_db: float | None
    peak_db: float | None
    over_noise_db: float | None
    background_db: float
    rms_db: float
    cycle_peak_db: float
    audible_db: float | None
    quadratic_db: float | None
    pulses_hz: float
    pulses_a_cycle: float | None
    active_cycles: float | None
    phase_spread_deg: float | None
    phase_width_deg: float | None
    stronger_half: float | None
    once: float
    twice: float


def severity(found: Prpd, envelope: Envelope, clear_db: float) -> Severity:
    """Measure one stretch of sound.

    Parameters
    ----------
    found
        Its pattern.
    envelope
        Of the band that the pattern was heard in.
    clear_db
        How far over the threshold a pulse counted as clear (`PrpdSettings.clear_db`).
    """
    amplitude = np.sqrt(2 * envelope.power)
    time_s = np.arange(len(amplitude)) / envelope.rate_hz
    turns = found.mains.phase_at(time_s) / (2 * np.pi)
    background_db = _db(float(np.median(amplitude)))
    heard = found.pulses.amplitude[found.clear]
    strong_db = _db(float(np.quantile(heard, STRONG))) if len(heard) else None
    limits = found.pulses.threshold
    phase = found.phase[found.clear]
    is_phased = found.locked and len(phase) > 0
    return Severity(
        level_db=strong_db,
        peak_db=_db(float(heard.max())) if len(heard) else None,
        over_noise_db=None if strong_db is None else strong_db - background_db,
        background_db=background_db,
        rms_db=_db(float(np.sqrt(envelope.power.mean()))),
        cycle_peak_db=_db(_cycle_peak(amplitude, turns)),
        audible_db=_db(float(np.median(limits))) + clear_db if len(limits) else None,
        quadratic_db=_db(float(np.sqrt((heard**2).sum() / found.duration_s)))
        if len(heard)
        else None,
        pulses_hz=found.clear_hz,
        pulses_a_cycle=found.clear_hz / found.mains_hz if is_phased else None,
        active_cycles=_active_cycles(found, turns) if is_phased else None,
        phase_spread_deg=phase_spread_deg(phase) if is_phased else None,
        phase_width_deg=phase_width_deg(phase) if is_phased else None,
        stronger_half=_stronger_half(phase) if is_phased else None,
        once=_swing(amplitude, turns, 1),
        twice=_swing(amplitude, turns, 2),
    )


def phase_spread_deg(phase: Float64[ndarray, " pulse"]) -> float:
    """Give the circular standard deviation modulo half a cycle: that of one half cycle's pulses.

    Examples
    --------
    >>> round(phase_spread_deg(np.deg2rad(np.array([40.0, 50.0, 220.0, 230.0]))), 1)
    5.0
    """
    resultant = float(np.abs(np.exp(2j * phase).mean()))
    return float(np.rad2deg(np.sqrt(-2 * np.log(np.clip(resultant, 1e-12, 1.0))) / 2))


def phase_width_deg(phase: Float64[ndarray, " pulse"]) -> float:
    """Give how many degrees, the fullest first, hold 90 % of the pulses; 324 if evenly spread."""
    turns = phase / (2 * np.pi)
    counts, _ = np.histogram(turns - np.floor(turns), _WIDTH_BINS, (0.0, 1.0))
    reached = np.cumsum(np.sort(counts)[::-1])
    return float(360 / _WIDTH_BINS * (1 + np.searchsorted(reached, HELD * len(phase) - 1e-9)))


def _db(amplitude: float) -> float:
    return max(float(decibels(np.array([amplitude]))[0]), _SILENCE_DB)


def _cycle_peak(amplitude: Float64[ndarray, " value"], turns: Float64[ndarray, " value"]) -> float:
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=np.nan) != 0)
    return float(np.maximum.reduceat(amplitude, starts).mean())


def _active_cycles(found: Prpd, turns: Float64[ndarray, " value"]) -> float:
    cycles = np.floor(turns[-1]) - np.floor(turns[0]) + 1
    active = np.unique(np.floor(found.phase[found.clear] / (2 * np.pi)))
    return min(1.0, float(len(active) / cycles))


def _stronger_half(phase: Float64[ndarray, " pulse"]) -> float:
    first = float((np.sin(phase) > 0).mean())
    return max(first, 1 - first)


def _swing(
    amplitude: Float64[ndarray, " value"], turns: Float64[ndarray, " value"], harmonic: int
) -> float:
    """Give 2 |c_k| over the mean: 1 where the envelope swings as 1 + cos, up to 2 for one burst."""
    mean = float(amplitude.mean())
    swing = np.abs((amplitude * np.exp(-2j * np.pi * harmonic * turns)).mean())
    return 2 * float(swing) / mean if mean > 0 else 0.0
