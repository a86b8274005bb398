"""The cross-spectral matrix: how alike all pairs of channels sound, bin by bin.

    samples ─► blocks ─► window ─► rfft ─► C(f) = mean over blocks of p(f) p(f)ᴴ

C is a power spectrum: summed over all bins, its diagonal is the mean square of each channel. Time
goes as e^{+iωt}, so a source of power q behind a transfer a (`imaging.steering`) adds q a aᴴ.

Noise that every channel has for itself (wind, electronics) stands on the diagonal alone; what maps
make of `diagonal` can therefore be taken from them again.

Reference: P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from scipy.fft import rfft

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT

_AT_ONCE = 1 << 22  # samples of blocks whose spectra are held at a time
_PIECE = 1 << 16  # samples that are transformed at a time, 512 kB

_ROUNDING = 1e-13


@settings(config=STRICT)
class BlockSettings:
    """How a recording is cut into blocks.

    Attributes
    ----------
    block
        Samples in a block.
    overlap
        Share of a block that it has in common with the next.
    """

    block: Annotated[int, Field(ge=16, le=1 << 20)] = 1024
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    window: Literal["hann", "rectangular"] = "hann"

    @property
    def hop(self) -> int:
        """Samples from one block to the next."""
        return max(1, round(self.block * (1 - self.overlap)))


@dataclass(frozen=True, slots=True, eq=False)
class CrossSpectra:
    """Cross-spectral matrices of the bins of a band.

    Attributes
    ----------
    averages
        How many independent blocks would have left the same scatter; overlapping ones count less.
    alike
        How many bins next to each other say as much as one alone: 1 without a window, 2 with Hann
        at half overlap.
    """

    matrices: Complex[ndarray, "frequency channel channel"]
    frequency_hz: Float[ndarray, " frequency"]
    averages: float
    alike: float = 1.0

    @property
    def n_channels(self) -> int:
        """How many channels there are."""
        return int(self.matrices.shape[1])

    @property
    def effective_s(self) -> float:
        """Seconds of sound that all bins, two at least, together speak for (`imaging.bound`)."""
        return float(self.averages / (self.alike * np.diff(self.frequency_hz).mean()))

    @property
    def independent_bins(self) -> float:
        """How many bins, of as many averages each, say as much as all of these."""
        return max(1.0, len(self.frequency_hz) / self.alike)


def cross_spectra(
    samples: Float[ndarray, "channel sample"],
    rate_hz: float,
    band_hz: tuple[float, float],
    settings: BlockSettings | None = None,
) -> CrossSpectra:
    """Give the cross-spectral matrices of the bins at band_hz[0] <= f < band_hz[1].

    Raises
    ------
    InputError
        If there is not one whole block.
    SettingError
        If no bin lies in the band.
    """
    settings = settings or BlockSettings()
    if samples.shape[1] < settings.block:
        raise InputError(
            f"a recording must hold at least one block of {settings.block} samples, "
            f"but {samples.shape[1]} were given"
        )
    bins = _bins_within(band_hz, rate_hz, settings.block)
    window = window_of(settings)
    views = np.lib.stride_tricks.sliding_window_view(samples, settings.block, axis=1)
    blocks = views[:, :: settings.hop]
    n_blocks = blocks.shape[1]
    total = np.zeros((len(bins), len(samples), len(samples)), np.complex128)
    step = max(1, _AT_ONCE // (len(samples) * settings.block))
    for first in range(0, n_blocks, step):
        heard = _transformed(blocks[:, first : first + step], window, int(bins[0]), len(bins))
        total += heard @ np.conj(heard.transpose(0, 2, 1))
    sides = np.where((bins == 0) | (2 * bins == settings.block), 1.0, 2.0)
    scale = sides / (settings.block * float(window @ window) * n_blocks)
    averages = _independent(n_blocks, window, settings.hop)
    alike = averages * settings.block / _effective(n_blocks, window, settings.hop)
    return CrossSpectra(
        total * scale[:, None, None], bins * (rate_hz / settings.block), averages, alike
    )


def _transformed(
    blocks: Float[ndarray, "channel block sample"],
    window: Float[ndarray, " sample"],
    first_bin: int,
    n_bins: int,
) -> Complex[ndarray, "bin channel block"]:
    """Give some bins of all blocks, by pieces that stay near the processor."""
    n_channels, n_blocks, _ = blocks.shape
    heard = np.empty((n_bins, n_channels, n_blocks), np.complex128)
    step = max(1, _PIECE // (n_channels * len(window)))
    for first in range(0, n_blocks, step):
        some = slice(first, first + step)
        spectra = rfft(blocks[:, some] * window, axis=-1)
        heard[:, :, some] = np.moveaxis(spectra[..., first_bin : first_bin + n_bins], 2, 0)
    return heard


def _bins_within(
    band_hz: tuple[float, float], rate_hz: float, block: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    frequency = np.arange(block // 2 + 1) * (rate_hz / block)
    bins = np.flatnonzero((frequency >= band_hz[0]) & (frequency < band_hz[1]))
    if not bins.size:
        raise SettingError(
            f"a band must hold a bin between 0 and {rate_hz / 2:g} Hz, one every "
            f"{rate_hz / block:g} Hz, but {band_hz[0]:g} to {band_hz[1]:g} Hz was given"
        )
    return bins


def third_octave(centre_hz: float) -> tuple[float, float]:
    """Give the edges of the third octave around a frequency.

    Examples
    --------
    >>> [round(edge) for edge in third_octave(1000.0)]
    [891, 1122]
    """
    return centre_hz * 2 ** (-1 / 6), centre_hz * 2 ** (1 / 6)


def window_of(settings: BlockSettings) -> Float[ndarray, " sample"]:
    """Give the window of a block, periodic."""
    if settings.window == "rectangular":
        return np.ones(settings.block)
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.block) / settings.block)


def _independent(n_blocks: int, window: Float[ndarray, " sample"], hop: int) -> float:
    """Count blocks as Welch does: the likeness of windows, squared, is what they say twice."""
    alike = _likeness(n_blocks, window, hop)
    twice = (1 - np.arange(len(alike)) / n_blocks) * (alike / alike[0]) ** 2
    return float(n_blocks / (2 * twice.sum() - 1))


def _effective(n_blocks: int, window: Float[ndarray, " sample"], hop: int) -> float:
    """Count samples by the weight W that all blocks together give them, (Σ W)² / Σ W²."""
    weight = window**2
    shared = _likeness(n_blocks, weight, hop)
    pairs = n_blocks - np.arange(len(shared))
    square = 2 * (pairs @ shared) - n_blocks * shared[0]
    return float((n_blocks * weight.sum()) ** 2 / square)


def _likeness(n_blocks: int, weight: Float[ndarray, " sample"], hop: int) -> Float[ndarray, " lag"]:
    """Give the product of what two blocks give each sample, by how many hops they are apart."""
    apart = range(min(n_blocks, -(-len(weight) // hop)))
    return np.array([weight[k * hop :] @ weight[: len(weight) - k * hop] for k in apart])


def diagonal(
    matrices: Complex[ndarray, "frequency channel channel"],
) -> Float[ndarray, "frequency channel"]:
    """Give the power of every channel alone."""
    return np.asarray(np.einsum("fcc->fc", matrices).real)


def without_diagonal(
    matrices: Complex[ndarray, "frequency channel channel"],
) -> Complex[ndarray, "frequency channel channel"]:
    """Take the channels' own power away: what is left is what they share, and no longer >= 0."""
    left = matrices.copy()
    np.einsum("fcc->fc", left)[...] = 0
    return left


def factor(matrix: Complex[ndarray, "channel channel"]) -> Complex[ndarray, "channel channel"]:
    """Give a lower triangle L with C = L Lᴴ, also of a matrix that fewer blocks left singular."""
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        value, vector = np.linalg.eigh(matrix)
        root = vector * np.sqrt(np.maximum(value, 0))
        return np.asarray(np.conj(np.asarray(np.linalg.qr(np.conj(root.T), mode="r")).T))


def whitened(
    matrices: Complex[ndarray, "frequency channel channel"],
    noise: Float[ndarray, "frequency channel channel"],
) -> tuple[
    Complex[ndarray, "frequency channel channel"], Float[ndarray, "frequency channel channel"]
]:
    """Make noise of a known covariance G alike in all channels: C to G^-½ C G^-½; give G^-½ too.

    Transfers are to be multiplied by the same G^-½. For ideal FOA in diffuse sound this turns the
    cardioid that fits its transfers into the sharpest first-order beam.
    """
    value, vector = np.linalg.eigh(noise)
    if float(value.min()) <= _ROUNDING * float(value.max()):
        raise SettingError("a noise covariance must be positive definite, but a singular was given")
    root = (vector / np.sqrt(value)[:, None, :]) @ vector.transpose(0, 2, 1)
    return np.asarray(root @ matrices @ root), np.asarray(root)
