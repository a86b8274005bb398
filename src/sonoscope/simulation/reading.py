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
from jaxtyping import Complex, Float, Inexact
from numpy import ndarray
from scipy.special import jv
from torch import Tensor

RING = 48
"""Samples before and after a sound in which its band limit still rings above -80 dB."""

_DEGREE = 5
_TAPER_FROM = 0.82  # of the band, as the tables of impulses have it
_BLOCK = 2_048
_AT_ONCE = 1 << 17


class Readable(NamedTuple):
    """A sound, ready to be read anywhere.

    Attributes
    ----------
    coefficient
        Of the powers of μ, lowest first, around every sample; silent at both ends.
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
    filters = _filters(round(band, 3)).to(sound.device)
    padded = torch.nn.functional.pad(sound, (RING, RING))
    coefficient = filtered(padded[None], filters[:, None], RING)[:, 0]
    coefficient[:, 0] = 0
    coefficient[:, -1] = 0
    return Readable(coefficient, RING)


def filtered(
    lines: Float[Tensor, "line sample"], spectra: Inexact[Tensor, "*filter #line bin"], ring: int
) -> Float[Tensor, "*filter line sample"]:
    """Filter in blocks that fit the processor's cache; what rings outside is not kept.

    Parameters
    ----------
    spectra
        Of filters that ring no longer than `ring` samples to either side, at the bins of one block:
        a few times longer than that.
    """
    length, block = lines.shape[-1], 2 * (spectra.shape[-1] - 1)
    hop = block - 2 * ring
    count = -(-length // hop)
    padded = torch.nn.functional.pad(lines, (ring, count * hop - length + ring))
    turned = torch.fft.rfft(padded.unfold(-1, block, hop))
    turned = turned.mul_(spectra[:, None]) if spectra.ndim == 2 else turned * spectra[..., None, :]
    pieces: Tensor = torch.fft.irfft(turned, n=block)[..., ring : ring + hop]
    return pieces.flatten(-2)[..., :length]


def read(
    sound: Readable, nodes: Float[ndarray, "way node"], step: int
) -> Float[Tensor, "way place"]:
    """Read a sound at places that nodes give every `step` samples of what is read.

    Parameters
    ----------
    nodes
        Places in samples of the sound (float64). Between the second and the last but one a cubic
        is laid through four at a time; there are `step * (nodes - 3)` places.
    """
    base = np.floor(nodes[:, 1:-2])
    # Relative to a whole sample nearby float32 holds places to 1e-4 samples and better.
    local = np.lib.stride_tricks.sliding_window_view(nodes, 4, axis=1) - base[..., None]
    device = sound.coefficient.device
    near = torch.from_numpy(local.astype(np.float32)).to(device)
    start = torch.from_numpy(base.astype(np.int64) + sound.first).to(device)
    heard = sound.coefficient.new_empty(len(nodes), step * start.shape[1])
    rows = max(1, _AT_ONCE // step)
    for way in range(len(nodes)):
        for i in range(0, start.shape[1], rows):
            out = heard[way, i * step : (i + rows) * step]
            _look_up(sound.coefficient, start[way, i : i + rows], near[way, i : i + rows], out)
    return heard


def _look_up(coefficient: Tensor, start: Tensor, near: Tensor, out: Tensor) -> None:
    """Evaluate the polynomials around `start + near`, into `out`."""
    aside = near @ _cubic(len(out) // len(start)).to(near)
    whole = aside.round()
    aside = aside.sub_(whole).view(-1)
    index = whole.long().add_(start[:, None]).view(-1).clamp_(0, coefficient.shape[1] - 1)
    torch.index_select(coefficient[_DEGREE], 0, index, out=out)
    for power in range(_DEGREE - 1, -1, -1):
        torch.addcmul(coefficient[power].index_select(0, index), out, aside, out=out)


def upsampled(nodes: Float[Tensor, "*any node"], step: int) -> Float[Tensor, "*any sample"]:
    """Lay cubics through values at every `step` samples, as `read` does through places."""
    return (nodes.unfold(-1, 4, 1) @ _cubic(step).to(nodes)).flatten(-2)


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
    return torch.from_numpy(np.stack(weights))


@lru_cache(maxsize=16)
def _filters(band: float) -> Complex[Tensor, "power bin"]:
    """Give the filters whose outputs are the coefficients of the powers of μ."""
    part = np.arange(_BLOCK // 2 + 1) / (_BLOCK // 2)
    filters = np.zeros((_DEGREE + 1, len(part)), np.complex128)
    for k in range(_DEGREE + 1):
        share = (1 if k == 0 else 2) * 1j**k * jv(k, np.pi * part / 2)
        powers = np.polynomial.chebyshev.cheb2poly([0] * k + [1]) * 2.0 ** np.arange(k + 1)
        filters[: k + 1] += powers[:, None] * share
    high = np.clip((part / band - _TAPER_FROM) / (1 - _TAPER_FROM), 0, 1)
    filters *= 0.5 + 0.5 * np.cos(np.pi * high)
    return torch.from_numpy(filters.astype(np.complex64))
