"""The short-time spectrum that front ends begin with, as an FFT and as products of matrices.

Frame t is centred on sample t * hop, and N samples have the first floor(N / hop) frames::

    |<- n_fft / 2 made up ->|<-------------- sound -------------->|<- n_fft / 2 made up ->|
    |0    |====window====|    0|            frame 0
          |0    |====window====|    0|      frame 1, one hop later

Reference: J. W. Cooley and J. W. Tukey, "An Algorithm for the Machine Calculation of Complex
Fourier Series", Mathematics of Computation 19, 1965.
"""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import pad

from sonoscope.core.errors import InputError, SettingError

Edges = Literal["reflect", "zeros"]
"""What lies before the first sample and after the last.

- ``reflect``: … x2 x1 | x0 x1 … xn | xn-1 xn-2 … as librosa below 0.10 and the numbers of 2019-21
- ``zeros``:   … 0  0  | x0 x1 … xn | 0    0    … as librosa from 0.10 on
"""


class Spectrum(nn.Module):
    """Short-time spectra with a periodic Hann window in the middle of the transform.

    They are FFTs; in an exported graph they are products of matrices instead, for which every
    runtime has kernels. Both agree to 1e-6 of the loudest bin. Nothing of it is saved with a
    network.

    Parameters
    ----------
    window, hop, n_fft
        Samples: of the window, from frame to frame, and of the transform.
    edges
        What lies beyond the sound.

    Raises
    ------
    SettingError
        If the window is longer than the transform.
    """

    window: Tensor
    first: Tensor
    second: Tensor

    def __init__(self, window: int, hop: int, n_fft: int, edges: Edges = "reflect") -> None:
        super().__init__()
        if window > n_fft:
            raise SettingError(f"window must be at most n_fft ({n_fft}), but {window} was given")
        self.hop, self.n_fft, self.edges = hop, n_fft, edges
        first, second = _two_step_transform(n_fft)
        self._constant("window", _centred_hann(window, n_fft))
        self._constant("first", first)
        self._constant("second", second)

    def forward(
        self, sound: Float[Tensor, "batch channel sample"]
    ) -> tuple[Float[Tensor, "batch channel frame bin"], Float[Tensor, "batch channel frame bin"]]:
        """Give the real and the imaginary part of floor(sample / hop) frames.

        Raises
        ------
        InputError
            If the sound is too short for one frame, or to be reflected at its edges.
        """
        if torch.compiler.is_exporting():
            return self.by_matrix(sound)
        frames = self._padded(sound).unfold(-1, self.n_fft, self.hop)
        spectrum = torch.fft.rfft(frames * self.window)
        return spectrum.real, spectrum.imag

    def by_matrix(
        self, sound: Float[Tensor, "batch channel sample"]
    ) -> tuple[Float[Tensor, "batch channel frame bin"], Float[Tensor, "batch channel frame bin"]]:
        """Give the same by products of matrices (see `_two_step_transform`)."""
        frames = _framed(self._padded(sound), self.n_fft, self.hop) * self.window
        columns, rows = self.first.shape[1], self.second.shape[1] // 2
        partial = self.first @ frames.reshape(-1, columns, rows)
        partial = partial.reshape(-1, 2, columns, rows).permute(2, 0, 1, 3)
        bins = partial.reshape(columns, -1, 2 * rows) @ self.second
        bins = bins.reshape(columns, bins.shape[1], 2, -1).permute(2, 1, 3, 0)
        bins = bins.reshape(2, *frames.shape[:3], -1)[..., : self.n_fft // 2 + 1]
        return bins[0], bins[1]

    def _padded(self, sound: Float[Tensor, "batch channel _"]) -> Float[Tensor, "batch channel _"]:
        """Add what lies beyond the sound, as far as the frames reach."""
        hop, half, n_samples = self.hop, self.n_fft // 2, sound.shape[-1]
        if n_samples < max(hop, half + 1):
            raise InputError(
                f"sound must have at least {max(hop, half + 1)} samples, but {n_samples} were given"
            )
        mode = "reflect" if self.edges == "reflect" else "constant"
        return pad(sound, (half, half), mode=mode)[..., : (n_samples // hop - 1) * hop + 2 * half]

    def _constant(self, name: str, values: Float64[ndarray, "..."]) -> None:
        self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)


ROUNDING = 1e-6
"""How much smaller than a frame's loudest bin a difference between both forms may be."""


def phase(
    real: Float[Tensor, "*any"], imaginary: Float[Tensor, "*any"], floor: Float[Tensor, "*any"]
) -> Float[Tensor, "*any"]:
    """Give the phase in radians, 0 or pi (never -pi) where the imaginary part is within a floor.

    Frames that are their own mirror image (the first, where edges are reflected) and the bin at
    half the rate have real spectra, and the sign of pi would turn with a rounding error. That it is
    pi is spelt out, as an exported graph takes the phase of negative numbers for -pi.
    """
    on_axis = torch.where(real < 0, torch.pi, 0.0)
    return torch.where(imaginary.abs() > floor, torch.atan2(imaginary, real), on_axis)


def _centred_hann(length: int, n_fft: int) -> Float64[ndarray, " n_fft"]:
    window = np.zeros(n_fft)
    start = (n_fft - length) // 2
    window[start : start + length] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window


def _two_step_transform(
    n_fft: int,
) -> tuple[Float64[ndarray, "twice_column column"], Float64[ndarray, "column twice_row twice_out"]]:
    """Split the Fourier transform of real frames in two (Cooley and Tukey), 15 times less work.

    With n = rows p + q and k = c + columns d, and w = exp(-2 pi i / n_fft), ::

        X[k] = sum over q of w^(q k) * (sum over p of w^(rows p c) * x[n])
               `second`, one matrix a c                `first`

    Complex numbers are pairs along an axis: all real parts, then all imaginary ones. Of d only
    those are kept that reach n_fft / 2.
    """
    columns = max(i for i in range(1, math.isqrt(n_fft) + 1) if n_fft % i == 0)
    rows = n_fft // columns
    c, d, q = np.arange(columns), np.arange(rows // 2 + 1), np.arange(rows)
    inner = np.exp(-2j * np.pi * np.outer(c, c) / columns)
    k = c[:, None, None] + columns * d
    outer = np.exp(-2j * np.pi * (q[:, None] * k % n_fft) / n_fft)
    first = np.concatenate([inner.real, inner.imag])
    second = np.block([[outer.real, outer.imag], [-outer.imag, outer.real]])
    return first, second


def _framed(
    sound: Float[Tensor, "batch channel sample"], length: int, hop: int
) -> Float[Tensor, "batch channel frame length"]:
    # Tensor.unfold, by joining blocks of one hop: exporters know reshape and concatenation
    n_frames, per_frame = (sound.shape[-1] - length) // hop + 1, -(-length // hop)
    sound = pad(sound, (0, (n_frames - 1 + per_frame) * hop - sound.shape[-1]))
    blocks = sound.reshape(*sound.shape[:2], -1, hop)
    parts = [blocks[:, :, i : i + n_frames] for i in range(per_frame)]
    return torch.cat(parts, dim=-1)[..., :length]
