"""Octave bands that share the spectrum out: their amplitude weights sum to one at every frequency.

Walls, air and reverberation times are known by octave. Weights that are real, positive and sum to
one turn a number an octave into a smooth zero-phase spectrum, and equal numbers into exactly no
change. Centres are those of ISO 266, 125 Hz and its doublings.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

LOWEST_HZ = 125.0


def octave_centres(rate_hz: int) -> Float[ndarray, " band"]:
    """Give the centres from 125 Hz upward that lie below Nyquist; always at least the first.

    Examples
    --------
    >>> octave_centres(24_000).tolist()
    [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    """
    doublings = int(np.ceil(np.log2(rate_hz / 2 / LOWEST_HZ)))
    return np.asarray(LOWEST_HZ * 2.0 ** np.arange(max(doublings, 1)))


def octave_weights(
    frequency_hz: Float[ndarray, " frequency"], rate_hz: int
) -> Float[ndarray, "band frequency"]:
    """Give the share of every octave in every frequency.

    Raised cosines over the logarithm of frequency: one at a band's centre, a half at its edges,
    nothing at its neighbours' centres. The lowest holds down to 0 Hz, the highest up to Nyquist.

    Examples
    --------
    >>> octave_weights(np.array([0.0, 250.0, 1_000 * 2**0.5]), 8_000).round(3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.5]]
    """
    bands = len(octave_centres(rate_hz))
    octave = np.log2(np.maximum(frequency_hz, LOWEST_HZ) / LOWEST_HZ).clip(0, bands - 1)
    apart = np.abs(octave - np.arange(bands)[:, None]).clip(max=1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * apart))
