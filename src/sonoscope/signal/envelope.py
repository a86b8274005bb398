"""How loud a band of ultrasound is from moment to moment: the analytic envelope, by blocks.

The band is cut out by a complex FIR filter that passes positive frequencies alone, so that its
output is the analytic signal z of the band and |z| the envelope, as a Hilbert transform would give
it. Blocks are filtered by overlap-save; of each block's spectrum only the bins of the band go back,
so that z comes out decimated without a further filter. Its power |z|² is smoothed by a Hann kernel
about as short as a discharge's ringing, and decimated again:

::

    samples  ──rfft──► bins of the band ──ifft──► z ──|z|²──► Hann kernel ──► every D-th ──► power
    96 kHz                                     48 kHz                              16 kHz

Value n belongs to sample n D: no delay. Blocks may be cut anyhow and the values stay the same.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Complex128, Float, Float64
from numpy import ndarray

from sonoscope.core.errors import SettingError

Band = tuple[float, float]
"""Lowest and highest frequency in Hz."""

BANDS: tuple[Band, ...] = (
    (20_000.0, 40_000.0),
    (20_000.0, 60_000.0),
    (30_000.0, 46_000.0),
    (10_000.0, 30_000.0),
)
"""Among these a band is chosen; 20 to 60 kHz and, outdoors, 10 to 30 kHz are Q/GDW 11061-2013."""

LOW_BANDS: tuple[Band, ...] = ((10_000.0, 20_000.0), (8_000.0, 14_000.0))
"""Among these where a rate holds none of `BANDS`: what is left of a discharge below 20 kHz."""

EDGE_HZ = 4_000.0
"""Width of the filter's edges, which lie half outside the band."""

ENVELOPE_HZ = 16_000.0
"""The envelope has at least this rate, or that of the band's analytic signal if that is lower."""

SMOOTHING_S = 0.2e-3
_STOPBAND_DB = 90.0  # rotors are 60 dB louder below 8 kHz than discharges above 20
_FFT = 8_192


def holds(rate_hz: int, band: Band) -> bool:
    """Tell whether a rate holds a band with the filter's edges.

    Examples
    --------
    >>> holds(96_000, (20_000.0, 40_000.0)), holds(44_100, (20_000.0, 40_000.0))
    (True, False)
    """
    return EDGE_HZ / 2 <= band[0] < band[1] <= rate_hz / 2 - EDGE_HZ / 2


def bands_within(rate_hz: int) -> tuple[Band, ...]:
    """List the bands of `BANDS` that a rate holds, else those of `LOW_BANDS`.

    Raises
    ------
    SettingError
        If it holds none.
    """
    held = tuple(band for band in BANDS if holds(rate_hz, band))
    held = held or tuple(band for band in LOW_BANDS if holds(rate_hz, band))
    if not held:
        low, high = LOW_BANDS[-1]
        raise SettingError(
            f"rate must be at least {2 * high + EDGE_HZ:.0f} Hz to hold "
            f"{low / 1e3:g} to {high / 1e3:g} kHz, but {rate_hz:g} Hz was given"
        )
    return held


def check_band(rate_hz: int, band: Band) -> None:
    """Refuse a band that a rate cannot hold.

    Raises
    ------
    SettingError
        In one line.
    """
    if not holds(rate_hz, band):
        raise SettingError(
            f"band must lie within {EDGE_HZ / 2e3:g} and {(rate_hz - EDGE_HZ) / 2e3:g} kHz at "
            f"{rate_hz:g} Hz, but {band[0] / 1e3:g} to {band[1] / 1e3:g} kHz was given"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Power of a band over time.

    Attributes
    ----------
    power
        Mean square of the band's sound; a sine of amplitude A within the band has A² / 2.
    rate_hz
        Values per second; value n belongs to n / rate_hz seconds.
    band
        Which.
    """

    power: Float64[ndarray, " value"]
    rate_hz: float
    band: Band

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(len(self.power) / self.rate_hz)


class EnvelopeStream:
    """Turns blocks of one channel or several into the power of a band.

    The power of several channels is averaged, without regard to directions.

    Examples
    --------
    >>> stream = EnvelopeStream(96_000, (20_000.0, 40_000.0))
    >>> stream.rate_hz
    24000.0
    >>> sum(len(part) for part in (stream.feed(np.zeros((1, 96_000))), stream.finish()))
    24000
    """

    def __init__(self, rate_hz: int, band: Band, smoothing_s: float = SMOOTHING_S) -> None:
        check_band(rate_hz, band)
        filter_ = _BandFilter.of(rate_hz, band)
        kernel = _hann(smoothing_s * rate_hz / filter_.down)
        self._filter, self._kernel = filter_, kernel
        self._stride = max(1, int(rate_hz / filter_.down / ENVELOPE_HZ))
        self.rate_hz = rate_hz / filter_.down / self._stride
        self._lead = len(kernel) // 2
        self._n_samples = 0
        self._sound: Float64[ndarray, "channel sample"] | None = None
        self._power = np.zeros(self._lead)  # silence before the start
        self._n_values = 0

    def feed(self, block: Float[ndarray, "channel sample"]) -> Float64[ndarray, " value"]:
        """Take the next samples and give what they complete."""
        if self._sound is None:
            self._sound = np.zeros((block.shape[0], self._filter.lead))
        self._n_samples += block.shape[1]
        self._sound = np.concatenate([self._sound, block.astype(np.float64)], axis=1)
        return self._advance()

    def finish(self) -> Float64[ndarray, " value"]:
        """Give the rest, as if silence followed; nothing can be fed afterwards."""
        if self._sound is None:
            return np.zeros(0)
        wanted = -(-self._n_samples // (self._filter.down * self._stride))
        tail = self._filter.size + len(self._kernel) * self._filter.down
        self._sound = np.pad(self._sound, ((0, 0), (0, tail + self._filter.hop)))
        done = self._n_values
        return self._advance()[: wanted - done]

    def _advance(self) -> Float64[ndarray, " value"]:
        assert self._sound is not None
        power, used = self._filter.power(self._sound)
        self._sound = self._sound[:, used:]
        self._power = np.concatenate([self._power, power])
        count = (len(self._power) - len(self._kernel)) // self._stride + 1
        if count < 1:
            return np.zeros(0)
        span = (count - 1) * self._stride + len(self._kernel)
        smooth = np.convolve(self._power[:span], self._kernel, "valid")[:: self._stride]
        self._power = self._power[count * self._stride :]
        self._n_values += count
        return np.maximum(smooth, 0.0)


def envelope(
    samples: Float[ndarray, "channel sample"],
    rate_hz: int,
    band: Band,
    smoothing_s: float = SMOOTHING_S,
) -> Envelope:
    """Give the power of a band of sound in memory.

    Raises
    ------
    SettingError
        If the rate cannot hold the band.
    """
    stream = EnvelopeStream(rate_hz, band, smoothing_s)
    parts = [*stream_of(stream, (samples,)), stream.finish()]
    return Envelope(np.concatenate(parts), stream.rate_hz, band)


_PIECE = 1 << 18


def stream_of(
    stream: EnvelopeStream, blocks: Iterable[Float[ndarray, "channel sample"]]
) -> Iterator[Float64[ndarray, " value"]]:
    """Feed blocks in pieces, so that a huge one is not copied whole; the end is not finished."""
    for block in blocks:
        for start in range(0, block.shape[1], _PIECE):
            yield stream.feed(block[:, start : start + _PIECE])


def impulsiveness(power: Float64[ndarray, " value"]) -> float:
    """Give the logarithm of mean(P²) / mean(P)², 0 of silence."""
    mean = float(power.mean()) if len(power) else 0.0
    return math.log(float((power**2).mean()) / mean**2) if mean > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _BandFilter:
    """Overlap-save with decimation.

    Attributes
    ----------
    spectrum
        The filter's, at the bins kept, scaled so that |z|² is the band's mean square.
    first
        The first of these bins.
    lead
        Silence before the start, so that the first value is centred on the first sample.
    size, hop
        Samples in a block and to the next.
    down
        Decimation.
    """

    spectrum: Complex128[ndarray, " bin"]
    first: int
    lead: int
    size: int
    hop: int
    down: int

    @classmethod
    def of(cls, rate_hz: int, band: Band) -> "_BandFilter":
        from scipy.signal import firwin, kaiserord  # slow to load, and few verbs need it

        low, high = band
        width = high - low
        taps, beta = kaiserord(_STOPBAND_DB, EDGE_HZ / (rate_hz / 2))
        down = 1 << max(0, int(math.log2(rate_hz / (width + EDGE_HZ))))
        taps = -(-taps // (2 * down)) * 2 * down + 1  # its middle falls on a value that is kept
        base = firwin(taps, width / 2, window=("kaiser", beta), fs=rate_hz)
        turn = np.exp(2j * np.pi * (low + high) / 2 / rate_hz * (np.arange(taps) - taps // 2))
        kept = _FFT // down
        first = round((low + high) / 2 / rate_hz * _FFT) - kept // 2
        hop = (_FFT - taps + 1) // down * down
        bins = np.arange(first, first + kept) % _FFT
        spectrum = np.fft.fft(base * turn, _FFT)[bins] * (2**0.5 / down)
        return cls(np.asarray(spectrum), first, taps // 2, _FFT, hop, down)

    def power(
        self, sound: Float64[ndarray, "channel sample"]
    ) -> tuple[Float64[ndarray, " value"], int]:
        """Give the decimated power of all whole blocks, and how many samples are done with."""
        count = (sound.shape[1] - self.size) // self.hop + 1
        if count < 1:
            return np.zeros(0), 0
        views = np.lib.stride_tricks.sliding_window_view(sound, self.size, axis=1)
        blocks = views[:, : self.hop * count : self.hop]
        spectrum = scipy.fft.rfft(blocks, axis=-1)
        kept = np.zeros((*spectrum.shape[:-1], len(self.spectrum)), np.complex128)
        inside = np.arange(self.first, self.first + len(self.spectrum))
        here = (inside >= 0) & (inside < spectrum.shape[-1])
        kept[..., here] = spectrum[..., inside[here]] * self.spectrum[here]
        z = scipy.fft.ifft(kept, axis=-1)
        # the filter's first taps - 1 outputs are wrapped; lead is half of them
        start = 2 * self.lead // self.down
        z = z[..., start : start + self.hop // self.down]
        return (z.real**2 + z.imag**2).mean(axis=0).reshape(-1), self.hop * count


def _hann(width: float) -> Float64[ndarray, " tap"]:
    """Give a kernel of sum 1 whose half height lies `width` / 2 apart, of an odd length."""
    half = max(0, round(width) - 1)
    offset = np.arange(-half, half + 1)
    kernel = 0.5 + 0.5 * np.cos(np.pi * offset / (half + 1))
    return np.asarray(kernel / kernel.sum())
