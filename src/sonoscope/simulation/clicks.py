"""What one pulse of a discharge sounds like, and thousands of them added up: ultrasonic clicks.

Three families of shapes, all with a peak of the envelope of 1, 1 m away in air without loss:

- `ringing`: a damped oscillation exp(-t/τ) sin(2π f t), as of what the spark strikes or of a
  resonant microphone; a part of it may ring at another frequency;
- `bipolar`: an N wave, as the weak shock of a short spark is once it has left its neighbourhood
  (Wright and Medendorp, JASA 43 (1968) 966), its corners rounded;
- `burst`: noise in a band about f beneath an envelope that rises fast and falls slowly, as of a
  spark of many branches.

What a discharge in air really sends depends on its current and length; shapes here are choices.

They are made on a grid many times finer than the samples and band-limited there, so that reading
every so many steps places a pulse between samples to 1/32 of one. Pulses last a millisecond at
most: within one neither its distance nor its Doppler shift changes (0.3 % at 1 m/s, 0.1 samples).
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from sonoscope.core.recipe import STRICT

_FINE = 16
_LEAD_S = 0.3e-3
_LONGEST_S = 1.0e-3
LONGEST_RING_S = _LONGEST_S / 4
"""Within what time an envelope falls to 1/e at the latest."""

_BAND = (0.41, 0.475)  # of the rate: whole up to the first, nothing from the second on
_LOWEST_HZ = 2_000.0
_FADE_S = 0.1e-3
_AT_ONCE = 1_024


@settings(config=STRICT)
class PulseShape:
    """What one pulse sounds like.

    Attributes
    ----------
    kind
        `ringing`, `bipolar` or `burst`.
    centre_hz
        Where its spectrum has most.
    cycles
        How many of them until its envelope has fallen to 1/e; without meaning for `bipolar`.
    attack
        Share of that in which it rises.
    partial, partial_ratio
        Level of a second oscillation of `ringing`, and its frequency over the first's.
    variation
        Relative standard deviation of `centre_hz` from pulse to pulse.
    """

    kind: Literal["ringing", "bipolar", "burst"] = "ringing"
    centre_hz: Annotated[float, Field(ge=5_000, le=90_000)] = 32_000.0
    cycles: Annotated[float, Field(gt=0, le=20)] = 3.0
    attack: Annotated[float, Field(ge=0, le=1)] = 0.1
    partial: Annotated[float, Field(ge=0, le=1)] = 0.0
    partial_ratio: Annotated[float, Field(ge=0.3, le=3)] = 1.5
    variation: Annotated[float, Field(ge=0, le=0.3)] = 0.04

    @model_validator(mode="after")
    def _ends(self) -> "PulseShape":
        check_ring(self.cycles, self.centre_hz)
        return self


def check_ring(cycles: float, centre_hz: float) -> None:
    """Refuse what would ring on when a pulse is over.

    Raises
    ------
    ValueError
        If it takes longer than `LONGEST_RING_S`, but for rounding.
    """
    if cycles / centre_hz > LONGEST_RING_S * (1 + 1e-9):
        raise ValueError(f"cycles must take at most {1e3 * LONGEST_RING_S:g} ms")


@dataclass(frozen=True, slots=True, eq=False)
class Clicks:
    """Some variants of a pulse on a fine grid.

    Attributes
    ----------
    spectrum
        Of the variants on the fine grid, band-limited to the samples' rate.
    size
        Steps of the fine grid, `fine` a sample.
    lead
        Samples before the peak of the envelope.
    """

    spectrum: ndarray
    size: int
    rate_hz: int
    fine: int = _FINE

    @property
    def lead(self) -> int:
        """Samples before the peak of the envelope."""
        return round(_LEAD_S * self.rate_hz)

    @property
    def frequency_hz(self) -> Float[ndarray, " bin"]:
        """Frequencies of the spectrum up to the samples' Nyquist frequency."""
        bins = self.size // (2 * self.fine) + 1
        return np.asarray(rfftfreq(self.size, 1 / (self.fine * self.rate_hz))[:bins])

    def rows(self, gains: Float[ndarray, "way bin"]) -> Float[ndarray, "way variant phase tap"]:
        """Give all variants through some zero-phase spectra, at every place between samples.

        Phase p of a row is the pulse p / `fine` samples later.
        """
        whole = np.zeros((len(gains), len(self.spectrum), self.size // 2 + 1), np.complex64)
        bins = gains.shape[1]
        whole[:, :, :bins] = self.spectrum[:, :bins] * gains[:, None]
        wave = irfft(whole, self.size)
        apart = wave.reshape(*wave.shape[:2], self.size // self.fine, self.fine)
        # Step j of the grid, read p steps earlier, is the pulse p steps later.
        later = np.empty((*wave.shape[:2], self.fine, self.size // self.fine), np.float32)
        later[:, :, 0] = apart[..., 0]
        for phase in range(1, self.fine):
            later[:, :, phase, 1:] = apart[:, :, :-1, self.fine - phase]
            later[:, :, phase, 0] = 0
        return later


def clicks(
    shape: PulseShape, rate_hz: int, generator: np.random.Generator, *, variants: int = 8
) -> Clicks:
    """Draw variants of a pulse."""
    fine_hz = _FINE * rate_hz
    samples = next_fast_len(round((_LEAD_S + _LONGEST_S) * rate_hz))
    time = np.arange(samples * _FINE) / fine_hz - _LEAD_S
    varied = 1 + shape.variation * generator.standard_normal(variants).clip(-2.5, 2.5)
    highest = 0.46 * rate_hz
    centre = (shape.centre_hz * varied).clip(max=highest)[:, None]
    match shape.kind:
        case "ringing":
            wave = _ringing(shape, time, centre, generator)
        case "bipolar":
            wave = _n_wave(time, centre)
        case "burst":
            wave = _burst(shape, time, centre, generator)
    wave *= ((time[-1] - time) / _FADE_S).clip(max=1)
    spectrum = rfft(wave) * _limits(len(time), fine_hz, rate_hz)
    bins = len(time) // (2 * _FINE) + 1
    analytic = np.zeros((variants, len(time)), np.complex128)
    analytic[:, :bins] = 2 * spectrum[:, :bins]
    envelope = np.abs(np.fft.ifft(analytic))
    peak = envelope.argmax(axis=1)
    late = peak - round(_LEAD_S * fine_hz)
    turn = np.exp(2j * np.pi * np.outer(late, np.arange(bins)) / len(time))
    scale = envelope.max(axis=1, keepdims=True)
    aligned = spectrum[:, :bins] * turn / scale
    return Clicks(aligned.astype(np.complex64), len(time), rate_hz)


def _limits(size: int, fine_hz: int, rate_hz: int) -> Float[ndarray, " bin"]:
    """Give a pass band that ends below the samples' Nyquist frequency; 2 kHz below, a high pass."""
    frequency = rfftfreq(size, 1 / fine_hz)
    past = ((frequency / rate_hz - _BAND[0]) / (_BAND[1] - _BAND[0])).clip(0, 1)
    low = (frequency / _LOWEST_HZ) ** 4
    return np.asarray((0.5 + 0.5 * np.cos(np.pi * past)) * low / (1 + low))


def _ringing(
    shape: PulseShape,
    time: Float[ndarray, " step"],
    centre_hz: Float[ndarray, "variant 1"],
    generator: np.random.Generator,
) -> Float[ndarray, "variant step"]:
    since = time.clip(min=0)
    fall = np.exp(-since * centre_hz / shape.cycles)
    rise = 1 - np.exp(-since * centre_hz / (shape.cycles * max(shape.attack, 0.01)))
    tone = np.sin(2 * np.pi * centre_hz * since)
    start = generator.uniform(0, 2 * np.pi, centre_hz.shape)
    other = np.sin(2 * np.pi * shape.partial_ratio * centre_hz * since + start)
    return np.asarray(fall * rise * (tone + shape.partial * other))


def _n_wave(
    time: Float[ndarray, " step"], centre_hz: Float[ndarray, "variant 1"]
) -> Float[ndarray, "variant step"]:
    """Fall straight from 1 to -1 between two jumps; its spectrum peaks at 0.66 / duration."""
    duration_s = 0.66 / centre_hz
    since = time / duration_s
    corner = 0.06  # of the duration
    inside = np.tanh(since / corner) - np.tanh((since - 1) / corner)
    return np.asarray((0.5 - since) * inside)


def _burst(
    shape: PulseShape,
    time: Float[ndarray, " step"],
    centre_hz: Float[ndarray, "variant 1"],
    generator: np.random.Generator,
) -> Float[ndarray, "variant step"]:
    """Modulate slow complex noise, half an octave wide, up to the centre."""
    size = len(time)
    step_hz = 1 / (size * (time[1] - time[0]))
    frequency = np.fft.fftfreq(size, 1 / (size * step_hz))
    width = 0.25 * centre_hz
    drawn = generator.standard_normal((len(centre_hz), size, 2)) @ np.array([1, 1j])
    slow = np.fft.ifft(drawn * np.exp(-((frequency / width) ** 2) / 2))
    slow /= np.sqrt((np.abs(slow) ** 2).mean(axis=1, keepdims=True))
    since = time.clip(min=0)
    fall = np.exp(-since * centre_hz / shape.cycles)
    rise = 1 - np.exp(-since * centre_hz / (shape.cycles * max(shape.attack, 0.01)))
    return np.asarray((slow * np.exp(2j * np.pi * centre_hz * time)).real * fall * rise)


def added(
    rows: Float[ndarray, "row tap"],
    which: Int[ndarray, " item"],
    gain: Float[ndarray, " item"],
    start: Int[ndarray, " item"],
    length: int,
) -> Float[ndarray, " {length}"]:
    """Add rows of a table where they start; what lies outside is cut."""
    taps = rows.shape[1]
    near = (start > -taps) & (start < length)
    which, gain, start = which[near], gain[near], start[near]
    gain, start = gain.astype(np.float32)[:, None], (start + taps)[:, None]
    heard = np.zeros(length + 2 * taps, np.float32)
    for first in range(0, len(which), _AT_ONCE):
        few = slice(first, first + _AT_ONCE)
        places = start[few] + np.arange(taps)
        np.add.at(heard, places.ravel(), (rows[which[few]] * gain[few]).ravel())
    return heard[taps : taps + length]
