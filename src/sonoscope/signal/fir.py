"""Low-pass filters of finite length, and peaks: what listening needs of `scipy.signal`.

That package takes half a second to load, a third of what a whole process of a short recording may
last; tests hold these to its values.
"""

import math

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray


def kaiser_order(stopband_db: float, edge: float) -> tuple[int, float]:
    """Give length and β of a Kaiser window (J. F. Kaiser, 1974).

    Parameters
    ----------
    stopband_db
        How much is stopped, over 50.
    edge
        Width of the edge over half the rate.

    Examples
    --------
    >>> length, beta = kaiser_order(90.0, 4_000 / 48_000)
    >>> length, round(beta, 3)
    (139, 8.959)
    """
    length = (stopband_db - 7.95) / 2.285 / (math.pi * edge) + 1
    return math.ceil(length), 0.1102 * (stopband_db - 8.7)


def low_pass(cutoff: float, window: Float64[ndarray, " tap"]) -> Float64[ndarray, " tap"]:
    """Give a windowed sinc of gain 1 at 0 Hz.

    Parameters
    ----------
    cutoff
        Over half the rate.
    """
    at = np.arange(len(window)) - (len(window) - 1) / 2
    taps = np.sinc(cutoff * at) * window
    return np.asarray(taps / taps.sum())


def decimated(
    values: Float64[ndarray, " value"], taps: Float64[ndarray, " tap"], down: int
) -> Float64[ndarray, " _"]:
    """Filter, and keep every so many: Σ_j taps[j] values[k down - j]."""
    before = np.pad(values, (len(taps) - 1, 0))
    windows = np.lib.stride_tricks.sliding_window_view(before, len(taps))[::down]
    return np.asarray(windows @ taps[::-1])


def peaks(
    values: Float64[ndarray, " value"], least: Float64[ndarray, " value"], apart: float
) -> Int64[ndarray, " peak"]:
    """Find what is higher than both neighbours, the middle of a plateau.

    Parameters
    ----------
    least
        How high a peak must be, where it is.
    apart
        Least distance between two; the higher one stays.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    ends = np.concatenate([starts[1:] - 1, [len(values) - 1]])
    level = values[starts]
    is_peak = (level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])
    found = ((starts[1:-1] + ends[1:-1]) // 2)[is_peak]
    found = found[values[found] >= least[found]]
    return np.asarray(found[_apart(found, values[found], math.ceil(apart))])


def _apart(
    place: Int64[ndarray, " peak"], height: Float64[ndarray, " peak"], apart: int
) -> Bool[ndarray, " peak"]:
    """Tell which stay, the highest first."""
    stays = np.ones(len(place), bool)
    if not (np.diff(place) < apart).any():
        return stays
    where, kept = place.tolist(), [True] * len(place)
    for peak in np.argsort(height)[::-1].tolist():
        if not kept[peak]:
            continue
        for step in (-1, 1):
            beside = peak + step
            while 0 <= beside < len(where) and abs(where[beside] - where[peak]) < apart:
                kept[beside] = False
                beside += step
    return np.array(kept, bool)
