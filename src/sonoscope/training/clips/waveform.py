"""What is done to training sounds before they become maps, for a whole batch at once.

All that is linear is done on the spectra of the clips, so that one transform there and one back pay
for all of it::

    cut of n' samples ─ rfft ─ cut or padded to the bins of n ─ · curve ─ + noise ─ irfft ─ turned
                    (speed n'/n: faster and higher)        (colour, level)          (cyclically)

Spectra are those of sound that repeats, so the first and last samples of a cut ring a little into
each other; a cyclic turn joins them anyway.

Reference: A. Gazneli, G. Zimerman, T. Ridnik, G. Sharir and A. Noy, "End-to-end audio strikes back:
boosting augmentations towards an efficient audio classification network", 2022.
"""

from functools import lru_cache
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from sonoscope.core.recipe import STRICT

_LOWEST_HZ = 50.0
"""Below it the curve of an equaliser is level."""

_FADED = 1e-20
"""Power below which a clip is silence, to which no noise is fitted."""

Share = Annotated[float, Field(ge=0, le=1)]
Decibels = Annotated[float, Field(ge=0)]


@settings(config=STRICT)
class WaveformSettings:
    """How training sounds are changed; not at all by default.

    Attributes
    ----------
    share
        Share of the clips that each change is made to.
    gain_db
        Louder or softer by up to so much.
    polarity
        Whether signs are turned.
    turn
        Whether clips are turned cyclically, by any number of samples.
    speed
        Faster and higher, or slower and lower, by up to this factor.
    speed_groups
        How many speeds there are in a batch.
    colour_db, colour_knots
        A curve over the logarithm of frequency, up or down by so much at its knots.
    noise_db
        Least ratio of signal to an added noise; up to 30 dB more are as likely. None adds none.
    noise_tilt
        Its power goes with a power of frequency between minus and plus this: 2 reaches from
        red to violet.
    nothing_share
        Share of the clips that give way to noise alone, of any colour that comes and goes, which
        is none of the labels.
    """

    share: Share = 0.5
    gain_db: Decibels = 0.0
    polarity: bool = False
    turn: bool = False
    speed: Annotated[float, Field(ge=1, le=2)] = 1.0
    speed_groups: Annotated[int, Field(ge=1)] = 4
    colour_db: Decibels = 0.0
    colour_knots: Annotated[int, Field(ge=2)] = 6
    noise_db: float | None = None
    noise_tilt: Annotated[float, Field(ge=0)] = 2.0
    nothing_share: Share = 0.0


def drawn_speeds(how: WaveformSettings, rng: np.random.Generator) -> Float[ndarray, " group"]:
    """Draw the speeds of a batch, a number a group; the first group goes at its own."""
    if how.speed == 1:
        return np.ones(1)
    speeds = np.exp(rng.uniform(-1, 1, how.speed_groups) * np.log(how.speed))
    speeds[rng.random(how.speed_groups) >= how.share] = 1.0
    return np.asarray(speeds)


def quick_length(n_samples: float) -> int:
    """Give the nearest even length that a Fourier transform takes in its stride.

    Examples
    --------
    >>> quick_length(80_000.0), quick_length(71_234.5)
    (80000, 71442)
    """
    ladder = _quick_lengths()
    return int(ladder[np.abs(ladder - n_samples).argmin()])


def _quick_lengths() -> Float[ndarray, " length"]:
    """List even numbers up to four million of small factors alone."""
    exponents = np.arange(23)
    powers = [np.array([p**e for e in exponents if p**e <= 4e6]) for p in (2, 3, 5, 7)]
    products = np.array([2.0])
    for factors in powers:
        products = np.outer(products, factors).ravel()
        products = products[products <= 4e6]
    return np.unique(products)


def spectra(cuts: Float[Tensor, "cut sample"], n_samples: int) -> Complex[Tensor, "cut bin"]:
    """Give the spectra of cuts once they are stretched or squeezed to a number of samples."""
    bins, wanted = torch.fft.rfft(cuts), n_samples // 2 + 1
    scale = n_samples / cuts.shape[1]
    if bins.shape[1] >= wanted:
        cut: Tensor = bins[:, :wanted] * scale
        return cut
    padded: Tensor = torch.nn.functional.pad(bins, (0, wanted - bins.shape[1])) * scale
    return padded


def drawn_gains_db(
    how: WaveformSettings, n_clips: int, rng: np.random.Generator
) -> Float[ndarray, " clip"]:
    """Draw how much louder each clip becomes."""
    gains = rng.uniform(-how.gain_db, how.gain_db, n_clips)
    return np.where(rng.random(n_clips) < how.share, gains, 0.0)


def changed(
    bins: Complex[Tensor, "clip bin"],
    gains_db: Float[ndarray, " clip"],
    how: WaveformSettings,
    rate_hz: int,
    rng: np.random.Generator,
) -> Complex[Tensor, "clip bin"]:
    """Colour and amplify clips, turn signs, add noise."""
    n_clips, n_bins = bins.shape
    curve = _amplitudes(gains_db).astype(np.float32)[:, None]
    if how.polarity:
        sign = np.where(rng.random(n_clips) < how.share, -1.0, 1.0)
        curve = curve * sign.astype(np.float32)[:, None]
    if how.colour_db:
        curve = curve * _colours(how, n_clips, n_bins, rate_hz, rng)
    bins = bins * torch.from_numpy(curve).to(bins.device)
    if how.noise_db is not None:
        noisy = np.flatnonzero(rng.random(n_clips) < how.share)
        if not len(noisy):
            return bins
        ratio_db = how.noise_db + rng.uniform(0, 30, len(noisy))
        noise = noises(len(noisy), n_bins, how.noise_tilt, rng).to(bins.device)
        at = torch.from_numpy(noisy).to(bins.device)
        power = torch.view_as_real(bins[at]).square().sum(dim=(1, 2)).clamp(min=_FADED)
        level = power.sqrt() * torch.from_numpy(_amplitudes(-ratio_db)).float().to(bins.device)
        bins = bins.index_add(0, at, noise * level[:, None])
    return bins


def noises(
    n_clips: int, n_bins: int, tilt: float, rng: np.random.Generator
) -> Complex[Tensor, "clip bin"]:
    """Draw spectra of noise, each of power 1 in all, its power going with f to some power."""
    parts = rng.standard_normal((n_clips, n_bins, 2), dtype=np.float32)
    exponent = rng.uniform(-tilt, tilt, (n_clips, 1)).astype(np.float32) / 2
    parts *= np.exp(exponent * _log_frequency(n_bins))[:, :, None]
    parts[:, 0] = 0.0  # no constant
    power = np.einsum("cbp,cbp->c", parts, parts)
    parts /= np.sqrt(power)[:, None, None]
    return torch.view_as_complex(torch.from_numpy(parts))


@lru_cache(maxsize=4)
def _log_frequency(n_bins: int) -> Float[ndarray, " bin"]:
    """Give the logarithm of each bin's frequency in units of the highest, not below 1/1000."""
    share = np.maximum(np.arange(n_bins) / n_bins, 1e-3)
    return np.asarray(np.log(share), np.float32)


def sounds_of(
    bins: Complex[Tensor, "clip bin"], n_samples: int, turn: Float[ndarray, " clip"]
) -> Float[Tensor, "clip sample"]:
    """Go back from spectra to sound, each turned by a share of its length."""
    sounds: Tensor = torch.fft.irfft(bins, n=n_samples)
    if not turn.any():
        return sounds
    turned = [
        sound.roll(round(share * n_samples))
        for sound, share in zip(sounds, turn.tolist(), strict=True)
    ]
    return torch.stack(turned)


def drawn_turns(
    how: WaveformSettings, n_clips: int, rng: np.random.Generator
) -> Float[ndarray, " clip"]:
    """Draw by which share of its length each clip is turned."""
    if not how.turn:
        return np.zeros(n_clips)
    return np.where(rng.random(n_clips) < how.share, rng.random(n_clips), 0.0)


def nothing(
    n_clips: int, n_samples: int, how: WaveformSettings, rng: np.random.Generator
) -> Float[Tensor, "clip sample"]:
    """Make noise of any colour, between -100 and -10 dB of full scale, that comes and goes."""
    sound = torch.fft.irfft(noises(n_clips, n_samples // 2 + 1, how.noise_tilt, rng), n=n_samples)
    rms = sound.square().mean(dim=1, keepdim=True).sqrt().clamp(min=_FADED)
    level = torch.from_numpy(_amplitudes(rng.uniform(-100, -10, (n_clips, 1)))).float()
    swings, phase = rng.uniform(0.2, 8, (n_clips, 1)), rng.uniform(0, 2 * np.pi, (n_clips, 1))
    depth = rng.uniform(0, 1, (n_clips, 1)) * (rng.random((n_clips, 1)) < how.share)
    place = np.linspace(0, 2 * np.pi, n_samples, endpoint=False)
    swell = 1 + depth * np.sin(swings * place + phase)
    noise: Tensor = sound / rms * level * torch.from_numpy(swell.astype(np.float32))
    return noise


def _amplitudes(decibels: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    return np.asarray(10 ** (decibels / 20))


def _colours(
    how: WaveformSettings, n_clips: int, n_bins: int, rate_hz: int, rng: np.random.Generator
) -> Float[ndarray, "clip bin"]:
    """Draw smooth curves: straight lines between knots over the logarithm of frequency."""
    knots_db = rng.uniform(-how.colour_db, how.colour_db, (n_clips, how.colour_knots))
    knots_db[rng.random(n_clips) >= how.share] = 0.0
    nepers = (knots_db * np.log(10) / 20).astype(np.float32)
    return np.asarray(np.exp(nepers @ _between_knots(how.colour_knots, n_bins, rate_hz)))


@lru_cache(maxsize=4)
def _between_knots(n_knots: int, n_bins: int, rate_hz: int) -> Float[ndarray, "knot bin"]:
    top = rate_hz / 2
    frequency = np.clip(np.linspace(0, top, n_bins), _LOWEST_HZ, top)
    place = np.log(frequency / _LOWEST_HZ) / np.log(top / _LOWEST_HZ) * (n_knots - 1)
    return np.asarray(np.clip(1 - np.abs(place - np.arange(n_knots)[:, None]), 0, 1), np.float32)
