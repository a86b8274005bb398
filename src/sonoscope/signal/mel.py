"""Mel bands: triangles of equal area on Slaney's scale, linear to 1 kHz and logarithmic above.

Reference: M. Slaney, "Auditory Toolbox", Interval Technical Report 1998-010; the default of librosa
and of the DCASE baselines.
"""

from typing import Literal, assert_never

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError

_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1_000.0
_LOG_STEP = np.log(6.4) / 27

Scale = Literal["mel", "log", "linear"]
"""On what bands are equally wide: mels, octaves or hertz. Ultrasound is no matter of hearing."""


def hz_to_mel(frequency_hz: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Go from hertz to mels."""
    above = np.log(np.maximum(frequency_hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.asarray(np.minimum(frequency_hz, _KNEE_HZ) / _HZ_PER_MEL + above)


def mel_to_hz(mel: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Go from mels to hertz."""
    knee = _KNEE_HZ / _HZ_PER_MEL
    return np.asarray(
        np.minimum(mel, knee) * _HZ_PER_MEL * np.exp(np.maximum(mel - knee, 0) * _LOG_STEP)
    )


def mel_matrix(
    rate_hz: int, n_fft: int, n_mels: int, lowest_hz: float = 0.0, highest_hz: float | None = None
) -> Float[ndarray, "bin mel"]:
    """Give the weights of every Fourier bin in every band, each band of unit area in hertz.

    Examples
    --------
    >>> mel_matrix(24_000, 1_024, 64).shape
    (513, 64)
    """
    return band_matrix("mel", rate_hz, n_fft, n_mels, lowest_hz, highest_hz)


def band_matrix(
    scale: Scale,
    rate_hz: int,
    n_fft: int,
    n_bands: int,
    lowest_hz: float = 0.0,
    highest_hz: float | None = None,
) -> Float[ndarray, "bin band"]:
    """Give the weights of every Fourier bin in bands that are equally wide on a scale.

    Each is a triangle of unit area in hertz, from the middle of the band before to that of the one
    behind. The logarithmic scale needs a lowest frequency above 0.

    Raises
    ------
    SettingError
        If the lowest frequency is not below the highest, or 0 on the logarithmic scale.
    """
    top_hz = rate_hz / 2 if highest_hz is None else highest_hz
    if not 0 <= lowest_hz < top_hz or (scale == "log" and lowest_hz == 0):
        raise SettingError(
            f"bands must begin below {top_hz:g} Hz, above 0 where they are logarithmic, "
            f"but {lowest_hz:g} Hz was given"
        )
    edges = _edges(scale, lowest_hz, top_hz, n_bands + 2)
    bins = np.arange(n_fft // 2 + 1)[:, None] * (rate_hz / n_fft)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low)))


def _edges(scale: Scale, lowest_hz: float, highest_hz: float, n: int) -> Float[ndarray, " n"]:
    match scale:
        case "mel":
            ends = hz_to_mel(np.array([lowest_hz, highest_hz]))
            return mel_to_hz(np.linspace(ends[0], ends[1], n))
        case "log":
            return np.asarray(np.geomspace(lowest_hz, highest_hz, n))
        case "linear":
            return np.asarray(np.linspace(lowest_hz, highest_hz, n))
        case _:
            assert_never(scale)
