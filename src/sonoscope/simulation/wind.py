"""Wind in the microphones: pressure that drifts with the air and fades on its way.

Turbulence is carried past the capsules at U_c = 0.7 U, so two of them cohere by Corcos's model

    γ_ij = exp(-α k_c |d_∥|) exp(-β k_c |d_⊥|) exp(-i k_c d_∥),   k_c = ω / U_c

d_∥ and d_⊥ being their distance along and across the wind. The spectrum falls with the 3.3rd power
of frequency and grows with the 6.3rd of the wind's speed (63 dB a decade), and gusts move the level
by that law. FOA is encoded from its capsules; ideal FOA, which has none, from the four of the DCASE
tetrahedron. All receivers of a scene stand in one wind, at one origin.

References: G. M. Corcos, "Resolution of pressure in turbulence", JASA 35 (1963) 192; D. Mirabilii,
E. A. P. Habets, "Simulating multi-channel wind noise based on the Corcos model", IWAENC 2018 (α and
β outdoors); M. Strasberg, "Dimensional analysis of windscreen noise", JASA 83 (1988) 544 (spectrum
and speed).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.simulation import mixing
from sonoscope.simulation.ambience import encoder_spectrum

REFERENCE_M_S = 5.0
"""Wind whose pressure has unit density at 1 kHz."""

_STEEPNESS = 3.3
_SPEED_POWER = 6.3
_LOWEST_HZ = 20.0
_RING_S = 0.12
_ENCODER_S = 0.06
_KNOTS_A_SECOND = 10
_GUST_S = 1.5
_FREQUENCIES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Wind:
    """A wind past an array.

    Attributes
    ----------
    speed_m_s
        Its mean speed, U.
    towards
        Unit vector to where it blows.
    gustiness
        Relative deviation of its speed, rms.
    along, across
        Decay constants α and β.
    convection
        U_c / U.
    """

    speed_m_s: float
    towards: tuple[float, float, float] = (1.0, 0.0, 0.0)
    gustiness: float = 0.2
    along: float = 0.125
    across: float = 0.7
    convection: float = 0.7

    def __post_init__(self) -> None:
        if not 1 <= self.speed_m_s <= 50 or not 0 <= self.gustiness <= 0.5:
            raise SettingError(
                f"wind must blow at 1 to 50 m/s with a gustiness of 0 to 0.5, but "
                f"{self.speed_m_s:g} m/s and {self.gustiness:g} was given"
            )


def drawn_wind(generator: np.random.Generator) -> Wind:
    """Draw a level wind of 2 to 12 m/s from anywhere."""
    azimuth = generator.uniform(-np.pi, np.pi)
    return Wind(
        float(generator.uniform(2, 12)),
        (float(np.cos(azimuth)), float(np.sin(azimuth)), 0.0),
        float(generator.uniform(0.1, 0.3)),
    )


def wind_noise(
    wind: Wind,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what one wind does in the channels of every receiver."""
    joint = wind_filters(wind, receivers, rate_hz)
    size = length + joint.shape[-1] - 1
    white = generator.standard_normal((joint.shape[1], size), dtype=np.float32)
    sound = mixing.mix(torch.from_numpy(joint).to(device), torch.from_numpy(white).to(device))
    knots = 2 + length * _KNOTS_A_SECOND // rate_hz
    gust = mixing.wandering(1, knots, _GUST_S * _KNOTS_A_SECOND, generator)[0]
    speed = np.exp(wind.gustiness * gust - wind.gustiness**2 / 2)
    swell = torch.from_numpy((speed ** (_SPEED_POWER / 2)).astype(np.float32)).to(device)
    sound.mul_(mixing.ramped(swell, length))
    return list(torch.split(sound, [receiver.n_channels for receiver in receivers]))


def wind_filters(
    wind: Wind, receivers: tuple[Receiver, ...], rate_hz: int
) -> Float[ndarray, "channel channel tap"]:
    """Give the filters from white noises to the channels of all receivers, one below the other.

    The Cholesky factor of their joint covariance, which is smooth in frequency above 0 Hz.
    """
    points = _points(receivers)
    drift_s = float(np.abs(points @ np.array(wind.towards)).max())
    drift_s /= wind.convection * wind.speed_m_s
    is_encoded = any(not isinstance(receiver, Capsules) for receiver in receivers)
    n_taps = mixing.taps_for(_RING_S + 4 * drift_s + _ENCODER_S * is_encoded, rate_hz)
    frequency_hz = mixing.design_grid(n_taps, rate_hz)
    hearing = [_hearing(receiver, rate_hz, n_taps) for receiver in receivers]
    roots = [
        _root(wind, points, [each[few] for each in hearing], frequency_hz[few])
        for first in range(0, len(frequency_hz), _FREQUENCIES_AT_ONCE)
        for few in [slice(first, first + _FREQUENCIES_AT_ONCE)]
    ]
    loudness = np.sqrt(wind_density(wind, frequency_hz))
    return mixing.filters_of(loudness[:, None, None] * np.concatenate(roots), n_taps)


def wind_density(
    wind: Wind, frequency_hz: Float[ndarray, " frequency"]
) -> Float[ndarray, " frequency"]:
    """Give the power density on a capsule, relative to 5 m/s at 1 kHz; microphones end at 20 Hz."""
    held = np.maximum(frequency_hz, _LOWEST_HZ / 4)
    high_pass = 1 / (1 + (_LOWEST_HZ / held) ** 8)
    speed = (wind.speed_m_s / REFERENCE_M_S) ** _SPEED_POWER
    return np.asarray(speed * (held / 1_000) ** -_STEEPNESS * high_pass)


def corcos(
    wind: Wind, points_m: Float[ndarray, "point 3"], frequency_hz: Float[ndarray, " frequency"]
) -> Complex[ndarray, "frequency point point"]:
    """Give the complex coherence of the wind's pressure between points."""
    towards = np.array(wind.towards)
    apart = points_m[:, None] - points_m
    along = apart @ towards
    across = np.linalg.norm(apart - along[..., None] * towards, axis=-1)
    k = 2 * np.pi * frequency_hz[:, None, None] / (wind.convection * wind.speed_m_s)
    decay = wind.along * np.abs(along) + wind.across * across
    return np.asarray(np.exp(-k * (decay + 1j * along)))


def _points(receivers: tuple[Receiver, ...]) -> Float[ndarray, "point 3"]:
    """Give where the wind is felt: the capsules of all receivers, one after the other."""
    return np.concatenate([_felt_by(receiver).positions for receiver in receivers])


def _felt_by(receiver: Receiver) -> MicArray:
    return TETRAHEDRON if isinstance(receiver, IdealFoa) else receiver.array


def _root(
    wind: Wind,
    points: Float[ndarray, "point 3"],
    hearing: list[Complex[ndarray, "frequency _ _"]],
    frequency_hz: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency channel channel"]:
    """Give the Cholesky factor; what is singular, as at 0 Hz, is lifted by 1e-9 of the power."""
    n_channels = sum(each.shape[1] for each in hearing)
    heard = np.zeros((len(frequency_hz), n_channels, len(points)), np.complex128)
    row = column = 0
    for each in hearing:
        below, right = row + each.shape[1], column + each.shape[2]
        heard[:, row:below, column:right] = each
        row, column = below, right
    covariance = heard @ corcos(wind, points, frequency_hz) @ heard.conj().swapaxes(1, 2)
    power = np.einsum("fcc->fc", covariance).real
    lift = np.eye(n_channels) * (1e-9 * (power + power.mean(axis=1, keepdims=True)))[:, None]
    return np.asarray(np.linalg.cholesky(covariance + lift))


@lru_cache(maxsize=8)
def _hearing(
    receiver: Receiver, rate_hz: int, n_taps: int
) -> Complex[ndarray, "frequency channel capsule"]:
    """Give what a receiver makes of the pressure on its capsules."""
    match receiver:
        case IdealFoa():
            return encoder_spectrum(TETRAHEDRON, rate_hz, n_taps)
        case EncodedFoa(array):
            return encoder_spectrum(array, rate_hz, n_taps)
        case Capsules(array):
            same = np.eye(array.n_capsules, dtype=np.complex128)
            return np.broadcast_to(same, (n_taps + 1, *same.shape))
