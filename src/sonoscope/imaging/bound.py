"""How well a direction can be known at all: the Cramér-Rao bound, and the ellipse that it draws.

Gaussian source and noise, bins independent, one source of power S in noise of covariance N G(f),
r = S / N against the incident plane wave, seen for T seconds, with the transfers a(f, u),
D = [∂a/∂t₁, ∂a/∂t₂] along two tangents, b = G^-½ a, E = G^-½ D:

    J_ij = 2T ∫ r² |b|² / (1 + r|b|²) Re{ E_iᴴ (I - b bᴴ/|b|²) E_j } df                       (4)

and no unbiased estimate has a covariance below J⁻¹. It is local: which of several directions that
look alike is right (spatial aliasing) it does not ask. Reverberation may count as diffuse noise.

Reference: P. Stoica, A. Nehorai, IEEE Trans. ASSP 37 (1989) 720 and 38 (1990) 1783 (stochastic).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.imaging.grids import tangents
from sonoscope.signal.receiver import Receiver, plane_wave_response

_STEP_RAD = 1e-3
_STENCIL = np.array([[-2, 1 / 12], [-1, -2 / 3], [1, 2 / 3], [2, -1 / 12]])
_REACH_RAD = _STENCIL[:, 0] * _STEP_RAD


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Where a direction is with some probability.

    Attributes
    ----------
    major_rad, minor_rad
        Half of its axes, as angles on the sphere.
    turn_rad
        From growing azimuth to the major axis, towards growing elevation, in [-pi/2, pi/2].
    """

    major_rad: float
    minor_rad: float
    turn_rad: float


def information(
    receiver: Receiver,
    direction: Float[ndarray, "3"],
    frequency_hz: Float[ndarray, " frequency"],
    ratio: float | Float[ndarray, " frequency"],
    duration_s: float,
    noise: Float[ndarray, "frequency channel channel"]
    | Complex[ndarray, "frequency channel channel"]
    | None = None,
) -> Float[ndarray, "2 2"]:
    """Give the Fisher information J of a plane wave's direction, eq. 4, by the trapezoid rule.

    Parameters
    ----------
    ratio
        Power of the wave to power of the noise, at each frequency.
    noise
        Covariance G of the channels' noise relative to its power; None is alike and independent.
        Sound from everywhere: `signal.sphere.diffuse_covariance`; other sources: q a aᴴ each.
    """
    if len(frequency_hz) < 2 or np.any(np.diff(frequency_hz) <= 0):
        raise SettingError("frequencies of a bound must be two at least, and grow")
    ratio = np.broadcast_to(np.asarray(ratio, np.float64), frequency_hz.shape)
    heard, slope = _heard_and_slope(receiver, direction, frequency_hz)
    if noise is not None:
        lower = np.linalg.cholesky(noise)
        heard = np.linalg.solve(lower, heard[..., None])[..., 0]
        slope = np.linalg.solve(lower, slope)
    square = (np.abs(heard) ** 2).sum(axis=1)
    along = np.einsum("fc,fci->fi", np.conj(heard), slope)
    across = np.einsum("fci,fcj->fij", np.conj(slope), slope)
    across = across - np.conj(along[:, :, None]) * along[:, None, :] / square[:, None, None]
    density = (ratio**2 * square / (1 + ratio * square))[:, None, None] * across.real
    return np.asarray(2 * duration_s * np.trapezoid(density, frequency_hz, axis=0))


def _heard_and_slope(
    receiver: Receiver, direction: Float[ndarray, "3"], frequency_hz: Float[ndarray, " frequency"]
) -> tuple[Complex[ndarray, "frequency channel"], Complex[ndarray, "frequency channel 2"]]:
    """Give the transfers and their slopes along the tangents, by differences of fourth order."""
    around = [direction]
    for tangent in tangents(direction):
        around += [np.cos(far) * direction + np.sin(far) * tangent for far in _REACH_RAD]
    heard = plane_wave_response(receiver, np.stack(around), frequency_hz)
    sides = heard[:, :, 1:].reshape(*heard.shape[:2], 2, len(_STENCIL))
    return heard[:, :, 0], np.asarray(sides @ _STENCIL[:, 1] / _STEP_RAD)


def rms_error(information: Float[ndarray, "2 2"]) -> float:
    """Give the least root mean square of the great-circle angle to the truth, √(trace J⁻¹)."""
    return float(np.sqrt(np.trace(np.linalg.inv(information))))


def ellipse(information: Float[ndarray, "2 2"], probability: float = 0.9) -> Ellipse:
    """Give where an estimate that attains the bound puts the direction with a probability.

    Raises
    ------
    SettingError
        If the probability is not between 0 and 1.
    """
    if not 0 < probability < 1:
        raise SettingError(f"probability must be between 0 and 1, but {probability:g} was given")
    value, axis = np.linalg.eigh(np.linalg.inv(information))
    reach = -2 * np.log1p(-probability)
    sideways, upward = axis[:, 1] if axis[0, 1] > 0 else -axis[:, 1]
    minor, major = np.sqrt(value * reach)
    return Ellipse(float(major), float(minor), float(np.arctan2(upward, sideways)))


def inside(
    information: Float[ndarray, "2 2"],
    estimate: Float[ndarray, "3"],
    truth: Float[ndarray, "3"],
    probability: float = 0.9,
) -> bool:
    """Tell whether the truth lies in the ellipse around an estimate."""
    miss = np.array([tangent @ truth for tangent in tangents(estimate)])
    return bool(miss @ information @ miss <= -2 * np.log1p(-probability))
