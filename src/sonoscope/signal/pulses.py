"""Pulses in an envelope: peaks over the noise, a dead time apart.

The threshold is the median of the envelope's amplitude plus 6 times its median absolute deviation,
anew for every second, so that it follows the bed of noise and rare pulses do not raise it. Of peaks
nearer to each other than the dead time the highest stays. A peak's time and height are those of the
parabola through its three highest values of the logarithm.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from sonoscope.signal.envelope import Envelope

_WINDOW_S = 1.0
_SILENCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """What stands out of the noise.

    Attributes
    ----------
    time_s
        Of the peaks, rising.
    amplitude
        Of the envelope there; 1 is a sine of full scale.
    threshold
        What each had to pass.
    """

    time_s: Float64[ndarray, " pulse"]
    amplitude: Float64[ndarray, " pulse"]
    threshold: Float64[ndarray, " pulse"]

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def over_db(self) -> Float64[ndarray, " pulse"]:
        """How far each stands over its threshold, in decibels."""
        return np.asarray(20 * np.log10(self.amplitude / self.threshold))


def threshold_of(
    amplitude: Float64[ndarray, " value"], rate_hz: float, mads: float
) -> Float64[ndarray, " value"]:
    """Give the threshold at every value: median + `mads` MAD, by seconds; 0 mads: the median."""
    count = max(1, round(len(amplitude) / rate_hz / _WINDOW_S))
    limits = np.empty_like(amplitude)
    for part, out in zip(
        np.array_split(amplitude, count), np.array_split(limits, count), strict=True
    ):
        middle = np.median(part)
        if mads == 0:
            out[:] = middle
            continue
        out[:] = middle + mads * np.median(np.abs(part - middle))
    return np.asarray(np.maximum(limits, _SILENCE))


def pick(envelope: Envelope, mads: float, dead_s: float) -> Pulses:
    """Pick the pulses of an envelope.

    Parameters
    ----------
    mads
        Median absolute deviations between the median and the threshold.
    dead_s
        Least time between two pulses.
    """
    from scipy.signal import find_peaks  # slow to load, and few verbs need it

    amplitude = np.sqrt(2 * envelope.power)
    if len(amplitude) < 3:
        return Pulses(np.zeros(0), np.zeros(0), np.zeros(0))
    limits = threshold_of(amplitude, envelope.rate_hz, mads)
    at, _ = find_peaks(amplitude, height=limits, distance=max(1.0, dead_s * envelope.rate_hz))
    level = np.log(np.maximum(amplitude, _SILENCE))
    before, here, after = level[at - 1], level[at], level[at + 1]
    bend = np.minimum(before - 2 * here + after, -_SILENCE)
    shift = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    height = np.exp(here - (before - after) * shift / 4)
    return Pulses(np.asarray((at + shift) / envelope.rate_hz), np.asarray(height), limits[at])
