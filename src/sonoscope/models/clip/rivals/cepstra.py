"""Five cepstra of a sound: its bands on five scales, compressed, and their cosine transforms.

    sound ─ Spectrum ─ |X|² ─┬─ gammatones     ─ ∛  ─ DCT ─ 20 GFCC
                             ├─ Bark bands     ─ ln ─ DCT ─ 20 BFCC
                             ├─ mel bands      ─ ln ─ DCT ─ 20 MFCC
                             ├─ linear bands   ─ ln ─ DCT ─ 20 LFCC
                             └─ gammachirps    ─ ∛  ─ DCT ─ 20 NGCC

Maps are `batch channel=1 bin frame` with the coefficients as bins, each with the training's mean 0
and deviation 1. Every bank has weights that add up to 1 in each band, so that a band is a mean of
the spectrum.

- gammatone of order 4 around f0: power ∝ (1 + x²)⁻⁴ with x = (f − f0) / (1.019 ERB(f0)),
  ERB(f) = 24.7 (4.37 f / 1000 + 1) Hz; centres equally spaced in ERBs
- gammachirp: the same times exp(2 c atan x) with c = −2, which leans it to low frequencies
- Bark band: Hermansky's curve of a critical band, rising 25 dB a Bark to a plateau of one Bark and
  falling 10 dB a Bark, with z = 6 asinh(f / 600)
- mels are Slaney's, as all mels of this project

References: G. Sharma, K. Umapathy and S. Krishnan, "Trends in audio signal feature extraction
methods", Applied Acoustics 158, 2020; B. R. Glasberg and B. C. J. Moore, Hearing Research 47, 1990;
T. Irino and R. D. Patterson, "A time-domain, level-dependent auditory filter: the gammachirp", JASA
101, 1997; H. Hermansky, "Perceptual linear predictive (PLP) analysis of speech", JASA 87, 1990.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.fft import dct
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.mono_maps import EvenFrames, MonoMaps
from sonoscope.models.spectrum import Spectrum
from sonoscope.signal.mel import band_matrix

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]

_N_BANKS = 5
_ERB_WIDTH = 1.019
_CHIRP = -2.0
_BARK_RISE_DB, _BARK_FALL_DB = 25.0, 10.0


@dataclass(config=STRICT)
class CepstraSettings(EvenFrames):
    """How sound becomes cepstra.

    Attributes
    ----------
    rate_hz
        Rate at which it listens.
    window_s, hop_s
        Length of the Hann window, and from frame to frame.
    n_bands, n_coefficients
        Bands of each scale, and how many coefficients of each are kept.
    lowest_hz, highest_hz
        Where bands begin and end; half the rate where no end is given.
    floor
        Least mean power of a band: that of silence.
    """

    kind: Literal["cepstra"] = "cepstra"
    rate_hz: Count = 32_000
    window_s: Positive = 0.025
    hop_s: Positive = 0.01
    n_bands: Count = 24
    n_coefficients: Count = 20
    lowest_hz: Positive = 50.0
    highest_hz: Positive | None = None
    floor: Positive = 1e-10


class Cepstra(MonoMaps):
    """The front end.

    Raises
    ------
    SettingError
        If more coefficients are to be kept than there are bands, bands end above half the rate, or
        one is so narrow that no bin lies in it.
    """

    bands: Tensor
    cosines: Tensor

    def __init__(self, settings: CepstraSettings) -> None:
        super().__init__(n_maps=1, n_bins=_N_BANKS * settings.n_coefficients)
        if settings.n_coefficients > settings.n_bands:
            raise SettingError(
                f"n_coefficients must be at most n_bands ({settings.n_bands}), "
                f"but {settings.n_coefficients} were given"
            )
        self.settings = settings
        self.spectrum = Spectrum(settings.window, settings.hop, settings.n_fft, "zeros")
        banks = np.concatenate(banks_of(settings), axis=1)
        self.register_buffer("bands", torch.from_numpy(banks).float(), persistent=False)
        cosines = dct(np.eye(settings.n_bands), norm="ortho", axis=0)[: settings.n_coefficients].T
        self.register_buffer("cosines", torch.from_numpy(cosines).float(), persistent=False)

    def maps(
        self, sound: Float[Tensor, "batch sample"]
    ) -> Float[Tensor, "batch channel=1 frame bin"]:
        """Give the coefficients in their own units: GFCC, BFCC, MFCC, LFCC, NGCC."""
        real, imaginary = self.spectrum(sound[:, None])
        power = (real.square() + imaginary.square()) @ self.bands
        power = power.clamp(min=self.settings.floor).reshape(*power.shape[:3], _N_BANKS, -1)
        logarithm = power[..., 1:4, :].log()
        # by way of the logarithm: exporters know no cube root
        root = [torch.exp(power[..., i : i + 1, :].log() / 3) for i in (0, 4)]
        compressed = torch.cat([root[0], logarithm, root[1]], dim=3)
        return (compressed @ self.cosines).flatten(3)


def banks_of(settings: CepstraSettings) -> list[Float[ndarray, "bin band"]]:
    """Give the five banks, in the order of the maps.

    Raises
    ------
    SettingError
        If bands end above half the rate, or one has no bin.
    """
    rate_hz, n_bands = settings.rate_hz, settings.n_bands
    lowest_hz, highest_hz = settings.lowest_hz, settings.highest_hz or rate_hz / 2
    if not lowest_hz < highest_hz <= rate_hz / 2:
        raise SettingError(
            f"highest_hz must be in {lowest_hz:g}..{rate_hz / 2:g}, but {highest_hz:g} was given"
        )
    bins = np.arange(settings.n_fft // 2 + 1) * (rate_hz / settings.n_fft)
    gammatones = gammatone_bank(bins, n_bands, lowest_hz, highest_hz)
    chirps = gammatone_bank(bins, n_bands, lowest_hz, highest_hz, chirp=_CHIRP)
    barks = bark_bank(bins, n_bands, lowest_hz, highest_hz)
    mels, linear = (
        band_matrix(scale, rate_hz, settings.n_fft, n_bands, lowest_hz, highest_hz)
        for scale in ("mel", "linear")
    )
    banks = [gammatones, barks, mels, linear, chirps]
    for bank in banks:
        if not bank.sum(axis=0).all():
            raise SettingError(
                f"n_bands must be so few that a bin lies in each, but {n_bands} were given"
            )
    return [bank / bank.sum(axis=0) for bank in banks]


def erb_hz(frequency_hz: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Tell how wide the ear's filter is at a frequency (Glasberg and Moore)."""
    return np.asarray(24.7 * (4.37 * frequency_hz / 1000 + 1))


def gammatone_bank(
    bins_hz: Float[ndarray, " bin"],
    n_bands: int,
    lowest_hz: float,
    highest_hz: float,
    chirp: float = 0.0,
) -> Float[ndarray, "bin band"]:
    """Give gammatones' (or gammachirps') power at some frequencies, at most 1.

    Examples
    --------
    >>> gammatone_bank(np.array([50.0, 1000.0]), 2, 50.0, 1000.0).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    ends = np.log1p(4.37e-3 * np.array([lowest_hz, highest_hz]))
    rate = np.linspace(ends[0], ends[1], n_bands)
    centre = np.expm1(rate) / 4.37e-3
    x = (bins_hz[:, None] - centre) / (_ERB_WIDTH * erb_hz(centre))
    power = (1 + x**2) ** -4.0 * np.exp(2 * chirp * np.arctan(x))
    peak = chirp / 4  # where the derivative is zero
    return np.asarray(power / ((1 + peak**2) ** -4.0 * np.exp(2 * chirp * np.arctan(peak))))


def bark_bank(
    bins_hz: Float[ndarray, " bin"], n_bands: int, lowest_hz: float, highest_hz: float
) -> Float[ndarray, "bin band"]:
    """Give the curves of critical bands, centres equally spaced in Barks, at some frequencies."""
    bark = 6 * np.arcsinh(bins_hz / 600)
    ends = 6 * np.arcsinh(np.array([lowest_hz, highest_hz]) / 600)
    away = bark[:, None] - np.linspace(ends[0], ends[1], n_bands)
    rise, fall = _BARK_RISE_DB * (away + 0.5), -_BARK_FALL_DB * (away - 0.5)
    level_db = np.minimum(np.minimum(rise, fall), 0)
    return np.asarray(np.where((away > -1.3) & (away < 2.5), 10 ** (level_db / 10), 0.0))
