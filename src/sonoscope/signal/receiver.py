"""What listens: ideal first-order Ambisonics, the capsules of an array, or FOA encoded from them.

All are known by what a plane wave leaves in their channels, relative to its free-field pressure at
the origin; everything else (tables of impulses, diffuse sound, bounds) follows from that.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.signal.ambisonics import Encoder, array_encoder, foa_gains
from sonoscope.signal.sphere import array_response


@dataclass(frozen=True, slots=True)
class IdealFoa:
    """First-order Ambisonics as defined, at every frequency: ACN order, SN3D scale."""

    @property
    def n_channels(self) -> int:
        """W, Y, Z, X."""
        return 4


@dataclass(frozen=True, slots=True)
class Capsules:
    """The raw capsules of an array."""

    array: MicArray

    @property
    def n_channels(self) -> int:
        """One a capsule."""
        return self.array.n_capsules


@dataclass(frozen=True, slots=True)
class EncodedFoa:
    """FOA as an array of capsules gives it: ideal up to its aliasing limit, and wrong above.

    Attributes
    ----------
    rate_hz
        Rate for which the encoding filters are made.
    """

    array: MicArray
    rate_hz: int

    @property
    def n_channels(self) -> int:
        """W, Y, Z, X."""
        return 4


Receiver = IdealFoa | Capsules | EncodedFoa


def plane_wave_response(
    receiver: Receiver,
    directions: Float[ndarray, "direction 3"],
    frequency_hz: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency channel direction"]:
    """Give what every channel hears of a plane wave from every direction."""
    match receiver:
        case IdealFoa():
            gains = foa_gains(directions).T.astype(np.complex128)
            return np.broadcast_to(gains, (len(frequency_hz), *gains.shape))
        case Capsules(array):
            return array_response(array, directions, frequency_hz)
        case EncodedFoa(array, rate_hz):
            heard = array_response(array, directions, frequency_hz)
            return np.asarray(encoding_matrix(array, rate_hz, frequency_hz) @ heard)


def encoding_matrix(
    array: MicArray, rate_hz: int, frequency_hz: Float[ndarray, " frequency"]
) -> Complex[ndarray, "frequency acn=4 capsule"]:
    """Give what an array's encoding filters do at some frequencies, their delay taken back."""
    encoder = encoder_of(array, rate_hz)
    taps = np.arange(encoder.filters.shape[2]) - encoder.delay
    turn = np.exp(-2j * np.pi * frequency_hz[:, None] / rate_hz * taps)
    return np.asarray(np.moveaxis(encoder.filters @ turn.T, 2, 0))


@lru_cache(maxsize=8)
def encoder_of(array: MicArray, rate_hz: int) -> Encoder:
    """Give the encoder of an array, designed once a process."""
    return array_encoder(array, rate_hz)
