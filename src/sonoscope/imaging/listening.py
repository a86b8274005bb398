"""Listens to places: one channel for each, as if a microphone at the array's origin heard it alone.

    channels ─► rfft of fixed pieces ─► w(f)ᴴ x(f) for each place ─► irfft ─► one channel a place
                                         w = R⁻¹ h / (hᴴ R⁻¹ h)

h is what a place leaves in the channels, relative to the free-field pressure at the origin
(`imaging.steering`: near and far, open and rigid, Ambisonics). So whatever R is, sound of the place
comes out as it would at the origin: undelayed and with its level. R says what else there is to be
quiet to: nothing but noise of the channels' own makes this delay-and-sum (Johnson and Dudgeon
1993); with `over_noise` it holds the other places too, each as strong as an image found it. That is
Capon's beam (1969) with a modelled matrix: what is measured holds echoes that cohere with the
place, and would be used to cancel it.

Memory holds one piece and the filters. Pieces begin at the same samples however a stream is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal.windows import tukey

from sonoscope.core.errors import InputError
from sonoscope.imaging.steering import Scan, transfers

LOUDEST = 1e4
"""How far over the noise of a channel a place is taken to be at most, as a ratio of powers."""

_LEAST_TAPS = 1024
_LEADS = 8  # times as long as sound takes across the array: filters fade out beyond a quarter
_PIECES = 4  # of a filter's length in one transform
_FADING = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Beams:
    """Filters that listen to places, one after the other.

    Attributes
    ----------
    filters
        Impulse responses; sound leaves them half their length late, which `listen` takes back.
    """

    filters: Float[ndarray, "place channel tap"]

    def listen(
        self, blocks: Iterable[Float[ndarray, "channel _"]]
    ) -> Iterator[Float[ndarray, "place _"]]:
        """Listen to a stream: as many samples as go in, in time, in pieces of their own length.

        Raises
        ------
        InputError
            If blocks have other channels than the filters.
        """
        _, n_channels, taps = self.filters.shape
        size = _PIECES * taps
        hop = size - taps + 1
        spectrum = rfft(self.filters, size)
        line = np.zeros((n_channels, taps - 1 - taps // 2))
        owed = 0
        for block in blocks:
            if block.shape[0] != n_channels:
                raise InputError(
                    f"sound to listen to must have {n_channels} channels, "
                    f"but {block.shape[0]} was given"
                )
            owed += block.shape[1]
            line = np.concatenate([line, block.astype(np.float64)], axis=1)
            while line.shape[1] >= size:
                yield _piece(line[:, :size], spectrum, size, taps)
                line, owed = line[:, hop:], owed - hop
        while owed > 0:
            rest = np.pad(line[:, :size], ((0, 0), (0, max(0, size - line.shape[1]))))
            yield _piece(rest, spectrum, size, taps)[:, :owed]
            line, owed = line[:, hop:], owed - hop


def _piece(
    line: Float[ndarray, "channel sample"],
    spectrum: Complex[ndarray, "place channel bin"],
    size: int,
    taps: int,
) -> Float[ndarray, "place _"]:
    """Overlap-save: the part of a convolution that the wrap-around does not touch."""
    heard = np.einsum("pcf,cf->pf", spectrum, rfft(line))
    return np.asarray(irfft(heard, size)[:, taps - 1 :])


def filter_frequencies(extent_s: float, rate_hz: int) -> tuple[int, Float[ndarray, " frequency"]]:
    """Give how many taps filters have for an array that sound crosses in a time, and their bins."""
    taps = int(2 ** np.ceil(np.log2(max(_LEAST_TAPS, _LEADS * extent_s * rate_hz))))
    frequency = rfftfreq(taps, 1 / rate_hz)
    frequency[0] = frequency[1] / 2  # near a rigid sphere there is no transfer at 0 Hz
    return taps, np.asarray(frequency)


def beams(
    scan: Scan,
    rate_hz: int,
    extent_s: float,
    over_noise: Float[ndarray, " place"] | None = None,
) -> Beams:
    """Make the filters that listen to the points of a scan.

    Parameters
    ----------
    extent_s
        How long sound takes across the array.
    over_noise
        Power of each place at the origin to that of the noise of one channel (up to `LOUDEST`
        counts): each beam is quiet to the others. None listens by delay-and-sum.
    """
    taps, frequency = filter_frequencies(extent_s, rate_hz)
    response = np.empty((len(scan.points), scan.receiver.n_channels, len(frequency)), complex)
    power = None if over_noise is None else np.clip(over_noise, 0, LOUDEST)
    for i, heard in enumerate(transfers(scan, frequency)):
        aimed = heard
        if power is not None:
            expected = np.eye(heard.shape[1]) + (heard.T * power) @ heard.conj()
            aimed = np.linalg.solve(expected, heard.T).T
        gain = np.einsum("pc,pc->p", heard.conj(), aimed)
        response[:, :, i] = (aimed / gain[:, None]).conj()
    filters = np.roll(irfft(response, taps), taps // 2, axis=2)
    return Beams(np.asarray(filters * tukey(taps + 1, _FADING)[:-1]))
