"""What the capsules of an array hear of a plane wave, a point source, or sound from everywhere.

Convention: time goes as e^{+iωt}, so a response multiplies the spectra of numpy's rfft directly and
a positive phase is an earlier arrival. Directions point *to* the source. Everything is relative to
the free-field pressure at the origin with no array there.

Reference: E. G. Williams, "Fourier Acoustics", 1999; the rigid-sphere formula is the one of the TAU
spatial room impulse responses (Lan et al. 2022 print it without the derivative of the Hankel
function, with which it would grow without bound towards low frequencies).
"""

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray


def spherical_hankel2(
    order: int, x: Float[ndarray, " x"]
) -> tuple[Complex[ndarray, "order x"], Complex[ndarray, "order x"]]:
    """Give h_n = j_n - i y_n and its derivative for n = 0..order, at x > 0.

    Upward recurrence is stable for h. High orders at small x overflow to infinity, which is right:
    a sphere much smaller than the wavelength does not radiate them.
    """
    h = np.empty((order + 2, len(x)), np.complex128)
    with np.errstate(over="ignore", invalid="ignore"):
        h[0] = 1j * np.exp(-1j * x) / x
        h[1] = -(np.exp(-1j * x) / x) * (1 - 1j / x)
        for n in range(1, order + 1):
            h[n + 1] = (2 * n + 1) / x * h[n] - h[n - 1]
        derivative = np.arange(order + 1)[:, None] / x * h[:-1] - h[1:]
    return h[:-1], derivative


def legendre(order: int, cosine: Float[ndarray, "*any"]) -> Float[ndarray, "#orders *any"]:
    """Give the Legendre polynomials P_0..P_order at a cosine."""
    p = np.empty((order + 1, *cosine.shape))
    p[0] = 1.0
    if order:
        p[1] = cosine
    for n in range(1, order):
        p[n + 1] = ((2 * n + 1) * cosine * p[n] - n * p[n - 1]) / (n + 1)
    return p


def order_for(x: float) -> int:
    """Give the order that leaves less than 1e-10 unheard at kR = x."""
    return max(30, int(np.ceil(1.1 * x + 24)))


def modes(
    order: int, frequency_hz: Float[ndarray, " frequency"], radius_m: float
) -> Complex[ndarray, "order frequency"]:
    """Give the strength i^(n-1) / (x² h_n'(x)) of each order on a rigid sphere.

    The Wronskian form: the textbook difference j_n - (j_n'/h_n') h_n cancels itself to noise. At
    0 Hz only order 0 sounds, with strength 1.
    """
    x = 2 * np.pi * frequency_hz * radius_m / SPEED_OF_SOUND_M_S
    strength = np.zeros((order + 1, len(x)), np.complex128)
    strength[0, x == 0] = 1.0
    sounding = x > 0
    _, slope = spherical_hankel2(order, x[sounding])
    turn = 1j ** (np.arange(order + 1)[:, None] - 1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = turn / (x[sounding] ** 2 * slope)
    strength[:, sounding] = np.where(np.isfinite(value), value, 0)
    return strength


def rigid_sphere(
    cosine: Float[ndarray, " angle"], frequency_hz: Float[ndarray, " frequency"], radius_m: float
) -> Complex[ndarray, "frequency angle"]:
    """Give the pressure on a rigid sphere under a plane wave, by the cosine to its direction.

    H = 1/x² Σ_n i^(n-1) (2n+1) / h_n'(x) P_n(cos γ), x = kR.

    Examples
    --------
    >>> rigid_sphere(np.array([1.0]), np.array([1_000.0]), 0.042).round(4)[0, 0].item()
    (0.5406+1.1445j)
    """
    top = float(frequency_hz.max(initial=0.0)) * 2 * np.pi * radius_m / SPEED_OF_SOUND_M_S
    order = order_for(top)
    weight = modes(order, frequency_hz, radius_m) * (2 * np.arange(order + 1)[:, None] + 1)
    return np.asarray(weight.T @ legendre(order, cosine))


def rigid_sphere_near(
    cosine: Float[ndarray, " angle"],
    frequency_hz: Float[ndarray, " frequency"],
    radius_m: float,
    distance_m: float,
) -> Complex[ndarray, "frequency angle"]:
    """Give the same for a point source at a distance, its own 1/r and delay to the origin removed.

    H = -(r e^{ikr} / (k R²)) Σ_n (2n+1) h_n(kr) / h_n'(kR) P_n(cos γ), at frequencies above 0.
    """
    k = 2 * np.pi * frequency_hz / SPEED_OF_SOUND_M_S
    order = order_for(float(k.max()) * radius_m)
    there, _ = spherical_hankel2(order, k * distance_m)
    _, slope = spherical_hankel2(order, k * radius_m)
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = there / slope
    ratio = np.where(np.isfinite(ratio), ratio, 0)
    weight = (2 * np.arange(order + 1)[:, None] + 1) * ratio
    front = -distance_m * np.exp(1j * k * distance_m) / (k * radius_m**2)
    return np.asarray((front * weight).T @ legendre(order, cosine))


def array_response(
    array: MicArray,
    directions: Float[ndarray, "direction 3"],
    frequency_hz: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency capsule direction"]:
    """Give what every capsule hears of a plane wave from every direction."""
    if array.baffle == "open":
        lead = array.positions @ directions.T / SPEED_OF_SOUND_M_S
        return np.asarray(np.exp(2j * np.pi * frequency_hz[:, None, None] * lead))
    cosine = array.directions @ directions.T
    heard = rigid_sphere(cosine.ravel(), frequency_hz, array.radius_m)
    return np.asarray(heard.reshape(len(frequency_hz), *cosine.shape))


def diffuse_covariance(
    array: MicArray, frequency_hz: Float[ndarray, " frequency"]
) -> Float[ndarray, "frequency capsule capsule"]:
    """Give the covariance of the capsules in sound of equal power from everywhere.

    Rigid: G_ij = Σ_n (2n+1) |B_n|² P_n(cos γ_ij). Open: sin(kd)/(kd).
    """
    if array.baffle == "open":
        apart = np.linalg.norm(array.positions[:, None] - array.positions[None], axis=-1)
        return np.asarray(np.sinc(2 * frequency_hz[:, None, None] * apart / SPEED_OF_SOUND_M_S))
    cosine = array.directions @ array.directions.T
    top = float(frequency_hz.max(initial=0.0)) * 2 * np.pi * array.radius_m / SPEED_OF_SOUND_M_S
    order = order_for(top)
    weight = (2 * np.arange(order + 1)[:, None] + 1) * np.abs(
        modes(order, frequency_hz, array.radius_m)
    ) ** 2
    field = weight.T @ legendre(order, np.clip(cosine, -1, 1).ravel())
    return np.asarray(field.reshape(len(frequency_hz), *cosine.shape))
