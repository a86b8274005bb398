"""Mel bands: triangles of equal area on Slaney's scale, linear to 1 kHz and logarithmic above.

Reference: M. Slaney, "Auditory Toolbox", Interval Technical Report 1998-010; the default of librosa
and of the DCASE baselines.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_HZ_PER_MEL = 200 / 3
_KNEE_HZ = 1_000.0
_LOG_STEP = np.log(6.4) / 27


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
    top_hz = rate_hz / 2 if highest_hz is None else highest_hz
    ends = hz_to_mel(np.array([lowest_hz, top_hz]))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2))
    bins = np.arange(n_fft // 2 + 1)[:, None] * (rate_hz / n_fft)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low)))
