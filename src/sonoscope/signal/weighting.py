"""How loud a frequency is to an ear, compared with 1 kHz: the weighting A of sound level meters.

Reference: IEC 61672-1:2013, annex E, eq. E.6.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_POLES_HZ = (20.598997, 107.65265, 737.86223, 12_194.217)


def a_weight(frequency_hz: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Give the weight of an amplitude, 1 at 1 kHz and 0 at 0 Hz.

    Examples
    --------
    >>> (20 * np.log10(a_weight(np.array([100.0, 1_000.0, 10_000.0])))).round(1).tolist()
    [-19.1, 0.0, -2.5]
    """
    return np.asarray(_response(np.asarray(frequency_hz)) / _response(np.asarray(1_000.0)))


def _response(frequency_hz: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    f1, f2, f3, f4 = (pole**2 for pole in _POLES_HZ)
    square = frequency_hz**2
    below = (square + f1) * np.sqrt((square + f2) * (square + f3)) * (square + f4)
    return np.asarray(f4 * square**2 / below)
