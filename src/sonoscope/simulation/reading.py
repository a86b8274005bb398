"""A sound read at places between its samples that move: what a changing delay does to it.

Around every sample the band-limited sound is a polynomial. Its coefficients are filters of the
sound, known exactly: with μ the way from the sample, in samples,

    e^{iωμ} = Σ_k (2 - δ_k0) i^k J_k(ω/2) T_k(2μ),   |μ| <= 1/2        (Jacobi and Anger)

cut at degree 5, where the rest is -75 dB at 0.8 Nyquist and -64 dB at Nyquist. So reading costs
six look-ups a sample, whatever the delays do, and the coefficients serve every path of a sound.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from scipy.special import jv
from torch import Tensor

from sonoscope.simulation.convolution import quick_size

RING = 48
"""Samples before and after a sound in which its band limit still rings above -80 dB."""

_DEGREE = 5
_TAPER_FROM = 0.8  # of the band, as the tables of impulses have it
_AT_ONCE = 1 << 16


class Readable(NamedTuple):
    """A sound, ready to be read anywhere.

    Attributes
    ----------
    coefficient
        Of the powers of 2μ, lowest first, around every sample; silent at both ends.
    first
        Where the sound's own first sample is.
    """

    coefficient: Float[Tensor, "power sample"]
    first: int


def readable(sound: Float[Tensor, " sample"], band: float = 1.0) -> Readable:
    """Prepare a sound for reading.

    Parameters
    ----------
    band
        What is kept of its band, as a share of Nyquist; below 1 where it will be read faster than
        it was recorded. The upper fifth of it fades out.
    """
    size = quick_size(len(sound) + 2 * RING)
    spectrum = torch.fft.rfft(torch.nn.functional.pad(sound, (RING, size - RING - len(sound))))
    spectrum = spectrum * _band_limit(size, round(band, 3)).to(sound.device)
    coefficient = torch.fft.irfft(spectrum * _filters(size).to(sound.device), n=size)
    coefficient[:, 0] = 0
    coefficient[:, -1] = 0
    return Readable(coefficient, RING)


def read(sound: Readable, nodes: Float[ndarray, " node"], step: int) -> Float[Tensor, " place"]:
    """Read a sound at places that nodes give every `step` samples of what is read.

    Parameters
    ----------
    nodes
        Places in samples of the sound (float64). Between the second and the last but one a cubic
        is laid through four at a time; there are `step * (nodes - 3)` places.
    """
    device = sound.coefficient.device
    base = np.floor(nodes[1:-2])
    # Relative to a whole sample nearby float32 holds places to 1e-4 samples and better.
    local = np.lib.stride_tricks.sliding_window_view(nodes, 4) - base[:, None]
    near = torch.from_numpy(local.astype(np.float32)).to(device)
    start = torch.from_numpy(base.astype(np.int64) + sound.first).to(device, torch.int32)
    rows = max(1, _AT_ONCE // step)
    pieces = [
        _look_up(sound.coefficient, start[i : i + rows], near[i : i + rows], step)
        for i in range(0, len(start), rows)
    ]
    return torch.cat(pieces)


def _look_up(coefficient: Tensor, start: Tensor, near: Tensor, step: int) -> Tensor:
    place = near @ _cubic(step).to(near.device)
    whole = place.round()
    aside = (place - whole).mul_(2).view(-1)
    index = (whole.to(torch.int32) + start[:, None]).view(-1)
    index.clamp_(0, coefficient.shape[1] - 1)
    value = coefficient[_DEGREE].index_select(0, index)
    for power in range(_DEGREE - 1, -1, -1):
        torch.addcmul(coefficient[power].index_select(0, index), value, aside, out=value)
    return value


def upsampled(nodes: Float[Tensor, "*any node"], step: int) -> Float[Tensor, "*any sample"]:
    """Lay cubics through values at every `step` samples, as `read` does through places."""
    return (nodes.unfold(-1, 4, 1) @ _cubic(step).to(nodes.device)).flatten(-2)


@lru_cache(maxsize=32)
def _cubic(step: int) -> Float[Tensor, "node=4 sample"]:
    """Give Lagrange's weights of four nodes at the samples between the middle two."""
    x = np.arange(step) / step
    weights = [
        -x * (x - 1) * (x - 2) / 6,
        (x + 1) * (x - 1) * (x - 2) / 2,
        -(x + 1) * x * (x - 2) / 2,
        (x + 1) * x * (x - 1) / 6,
    ]
    return torch.from_numpy(np.stack(weights).astype(np.float32))


@lru_cache(maxsize=8)
def _filters(size: int) -> Complex[Tensor, "power bin"]:
    """Give the filters whose outputs are the coefficients of the powers of 2μ."""
    half = np.pi * np.arange(size // 2 + 1) / size
    filters = np.zeros((_DEGREE + 1, len(half)), np.complex128)
    for k in range(_DEGREE + 1):
        share = (1 if k == 0 else 2) * 1j**k * jv(k, half)
        powers = np.polynomial.chebyshev.cheb2poly([0] * k + [1])
        filters[: k + 1] += powers[:, None] * share
    return torch.from_numpy(filters.astype(np.complex64))


@lru_cache(maxsize=16)
def _band_limit(size: int, band: float) -> Float[Tensor, " bin"]:
    share = torch.fft.rfftfreq(size) * (2 / band)
    high = ((share - _TAPER_FROM) / (1 - _TAPER_FROM)).clamp(0, 1)
    return 0.5 + 0.5 * torch.cos(np.pi * high)
