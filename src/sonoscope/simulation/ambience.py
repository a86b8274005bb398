"""Sound from everywhere: noise whose channels cohere as diffuse sound does on the array.

FOA (SN3D) has the covariance diag(1, 1/3, 1/3, 1/3); an array that of `signal.sphere`
(eq. 3: Σ (2n+1) |B_n|² P_n(cos γ)). A phantom source, or noise that is independent on every
channel, would teach a network what never happens.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.array import MicArray
from sonoscope.signal.sphere import diffuse_covariance

_TAPS = 512
_BANK_S = 48


def mixing_filters(array: MicArray | None, rate_hz: int) -> Float[ndarray, "channel channel tap"]:
    """Give the filters C with C C^H = G: the principal square root, smooth in frequency."""
    if array is None:
        gains = np.diag([1.0, 3**-0.5, 3**-0.5, 3**-0.5])
        filters = np.zeros((4, 4, 1))
        filters[:, :, 0] = gains
        return filters
    covariance = diffuse_covariance(array, np.fft.rfftfreq(_TAPS, 1 / rate_hz))
    power, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.clip(power, 0, None))[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    impulse = np.roll(np.fft.irfft(root, n=_TAPS, axis=0), _TAPS // 2, axis=0)
    return np.asarray(np.moveaxis(impulse * np.hanning(_TAPS)[:, None, None], 0, -1))


@lru_cache(maxsize=4)
def noise_bank(array: MicArray | None, rate_hz: int) -> Float[Tensor, "channel sample"]:
    """Give white diffuse noise of unit power on an omnidirectional channel, to cut pieces from.

    Filtering anew for every scene would cost more than the rest of the scene. `array` None is FOA.
    """
    generator = np.random.Generator(np.random.Philox(key=[rate_hz, 0xD1FF]))
    length = _BANK_S * rate_hz
    filters = mixing_filters(array, rate_hz)
    channels = filters.shape[0]
    white = generator.standard_normal((channels, length), dtype=np.float32)
    if filters.shape[-1] == 1:
        return torch.from_numpy((filters[:, :, 0].astype(np.float32)) @ white)
    size = length  # circular, so that the bank has no edges
    spectrum = np.fft.rfft(white, n=size)
    shape = np.fft.rfft(filters, n=size)
    mixed = np.zeros((channels, length), np.float32)
    for out in range(channels):
        mixed[out] = np.fft.irfft((shape[out] * spectrum).sum(axis=0), n=size)
    return torch.from_numpy(mixed)


def quick_size(length: int) -> int:
    """Give the next size whose Fourier transform is quick: 2^n, or 5/8 or 3/4 of one."""
    power = 1 << (length - 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= length)


def cut(
    bank: Float[Tensor, "channel sample"], length: int, generator: np.random.Generator
) -> Float[Tensor, "channel {length}"]:
    """Cut a piece from a random place of the bank, its channels' common sign at random."""
    size = bank.shape[-1]
    start = int(generator.integers(size))
    if start + length <= size:
        return bank[:, start : start + length]
    repeats = -(-(start + length) // size)
    return bank.repeat(1, repeats)[:, start : start + length]


def coloured(
    noise: Float[Tensor, "channel sample"], rate_hz: int, generator: np.random.Generator
) -> Float[Tensor, "channel sample"]:
    """Colour noise as rooms hum: a slope of 0 to -9 dB an octave, one broad resonance, slow swell.

    One filter for all channels keeps their coherence. The result has unit power on channel 0.
    """
    length = noise.shape[-1]
    frequency = np.fft.rfftfreq(1_024, 1 / rate_hz)
    octave = np.log2(np.maximum(frequency, 40.0) / 1_000)
    slope_db = generator.uniform(-9, 0)
    centre, width = generator.uniform(-3, 2.5), generator.uniform(0.4, 1.5)
    bump_db = generator.uniform(-6, 9)
    level_db = slope_db * octave + bump_db * np.exp(-(((octave - centre) / width) ** 2))
    impulse = np.fft.fftshift(np.fft.irfft(10 ** (level_db / 20))) * np.hanning(1_024)
    size = quick_size(length + 1_023)
    spectrum = torch.fft.rfft(noise, n=size) * torch.fft.rfft(
        torch.from_numpy(impulse.astype(np.float32)), n=size
    )
    shaped = torch.fft.irfft(spectrum, n=size)[:, 512 : 512 + length]
    knots = 10 ** (generator.uniform(-2, 2, size=max(2, length // rate_hz)) / 20)
    swell = np.interp(np.linspace(0, len(knots) - 1, length), np.arange(len(knots)), knots)
    shaped = shaped * torch.from_numpy(swell.astype(np.float32))
    power: Tensor = shaped[0].square().mean()
    unit: Tensor = shaped / power.sqrt().clamp_min(1e-12)
    return unit
