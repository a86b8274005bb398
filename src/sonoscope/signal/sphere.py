"""What the capsules of an array hear of a plane wave, a point source, or sound from everywhere.

Convention: time goes as e^{+iωt}, so a response multiplies the spectra of numpy's rfft directly and
a positive phase is an earlier arrival. Directions point *to* the source. Everything is relative to
the free-field pressure at the origin with no array there.

Hankel functions h_n = j_n - i y_n overflow where the wave is much longer than the sphere, and near
sources divide one overflow by another. So only ratios σ_n(x) = x h_n(x) / h_{n-1}(x) are formed:

    σ_1 = 1 + ix,    σ_{n+1} = 2n + 1 - x² / σ_n,    x h_n'(x) / h_n(x) = n - σ_{n+1}(x)

which stay finite at every x, 0 included (σ_n = 2n - 1), and stable upward, because |h_n| grows with
n. The largest error against 50-digit arithmetic to kR = 160 is 1e-12.

Reference: E. G. Williams, "Fourier Acoustics", 1999; the rigid-sphere formula is the one of the TAU
spatial room impulse responses (Lan et al. 2022 print it without the derivative of the Hankel
function, with which it would grow without bound towards low frequencies). Point source: D. P.
Jarrett et al., JASA 132 (2012) 1462.
"""

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError

CLOSEST = 1.02
"""Distance of the nearest source that is computed, in radii of the sphere."""

_UNHEARD = 1e-13


def hankel_steps(order: int, x: Float[ndarray, " x"]) -> Complex[ndarray, "steps x"]:
    """Give σ_n(x) = x h_n(x) / h_{n-1}(x) for n = 1..order + 1, at x >= 0."""
    step = np.empty((order + 1, len(x)), np.complex128)
    step[0] = 1 + 1j * x
    for n in range(1, order + 1):
        step[n] = 2 * n + 1 - x**2 / step[n - 1]
    return step


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
    """Give the order that leaves less than 1e-12 unheard at kR = x.

    Orders above x fade over a range that widens like the cube root of x.
    """
    return int(np.ceil(x + 9 * x ** (1 / 3) + 12))


def near_order_for(x: float, distance: float) -> int:
    """Give the order that leaves less than 1e-12 unheard of a source at so many radii.

    Beyond n = kR the terms fall like (R/r)^n alone, at every frequency: a source at the sphere is
    sharper than any wave.
    """
    return max(order_for(x), int(np.ceil(x + np.log(1 / _UNHEARD) / np.log(distance))))


def modes(
    order: int, frequency_hz: Float[ndarray, " frequency"], radius_m: float
) -> Complex[ndarray, "order frequency"]:
    """Give the strength i^(n-1) / (x² h_n'(x)) of each order on a rigid sphere.

    The Wronskian form: the textbook difference j_n - (j_n'/h_n') h_n cancels itself to noise. At
    0 Hz only order 0 sounds, with strength 1.
    """
    x = 2 * np.pi * frequency_hz * radius_m / SPEED_OF_SOUND_M_S
    step = hankel_steps(order, x)
    n = np.arange(order + 1)[:, None]
    first = np.broadcast_to(-np.exp(1j * x), (1, len(x)))
    falling = np.cumprod(np.concatenate([first, 1j * x / step[:-1]]), axis=0)
    return np.asarray(falling / (n - step))


def near_modes(
    order: int, frequency_hz: Float[ndarray, " frequency"], radius_m: float, distance_m: float
) -> Complex[ndarray, "order frequency"]:
    """Give the strength -(r e^{ikr} / (k R²)) h_n(kr) / h_n'(kR) of each order, a source at r."""
    x = 2 * np.pi * frequency_hz * radius_m / SPEED_OF_SOUND_M_S
    here = hankel_steps(order, x)
    there = hankel_steps(order, x * (distance_m / radius_m))
    n = np.arange(order + 1)[:, None]
    first = np.broadcast_to(-np.exp(1j * x), (1, len(x)))
    fall = (radius_m / distance_m) * there[:-1] / here[:-1]
    return np.asarray(np.cumprod(np.concatenate([first, fall]), axis=0) / (n - here))


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
    order = order_for(_largest_x(frequency_hz, radius_m))
    return _summed(modes(order, frequency_hz, radius_m), cosine)


def rigid_sphere_near(
    cosine: Float[ndarray, " angle"],
    frequency_hz: Float[ndarray, " frequency"],
    radius_m: float,
    distance_m: float,
) -> Complex[ndarray, "frequency angle"]:
    """Give the same for a point source at a distance, its own 1/r and delay to the origin removed.

    H = -(r e^{ikr} / (k R²)) Σ_n (2n+1) h_n(kr) / h_n'(kR) P_n(cos γ).

    At 0 Hz it is the limit Σ_n (2n+1)/(n+1) (R/r)^n P_n(cos γ).

    Raises
    ------
    SettingError
        If the source is not outside the sphere, or nearer than `CLOSEST` radii.
    """
    if not distance_m >= CLOSEST * radius_m:
        raise SettingError(
            f"a source must be at least {CLOSEST * radius_m:g} m from the centre of a sphere of "
            f"{radius_m:g} m, but {distance_m:g} m was given"
        )
    order = near_order_for(_largest_x(frequency_hz, radius_m), distance_m / radius_m)
    return _summed(near_modes(order, frequency_hz, radius_m, distance_m), cosine)


def _largest_x(frequency_hz: Float[ndarray, " frequency"], radius_m: float) -> float:
    highest = float(frequency_hz.max(initial=0.0))
    return highest * 2 * np.pi * radius_m / SPEED_OF_SOUND_M_S


def _summed(
    strength: Complex[ndarray, "order frequency"], cosine: Float[ndarray, " angle"]
) -> Complex[ndarray, "frequency angle"]:
    order = len(strength) - 1
    weight = (strength * (2 * np.arange(order + 1)[:, None] + 1)).T
    pattern = legendre(order, cosine)
    heard = np.empty((len(weight), len(cosine)), np.complex128)
    heard.real, heard.imag = weight.real @ pattern, weight.imag @ pattern  # half of a complex one
    return heard


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


def array_response_near(
    array: MicArray,
    direction: Float[ndarray, "3"],
    distance_m: float,
    frequency_hz: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency capsule"]:
    """Give what every capsule hears of a point source, its 1/r and delay to the origin removed."""
    if array.baffle == "open":
        way = np.linalg.norm(distance_m * direction - array.positions, axis=1)
        late = (way - distance_m) / SPEED_OF_SOUND_M_S
        return np.asarray(distance_m / way * np.exp(-2j * np.pi * frequency_hz[:, None] * late))
    cosine = array.directions @ direction
    return rigid_sphere_near(cosine, frequency_hz, array.radius_m, distance_m)


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
    order = order_for(_largest_x(frequency_hz, array.radius_m))
    weight = (2 * np.arange(order + 1)[:, None] + 1) * np.abs(
        modes(order, frequency_hz, array.radius_m)
    ) ** 2
    field = weight.T @ legendre(order, np.clip(cosine, -1, 1).ravel())
    return np.asarray(field.reshape(len(frequency_hz), *cosine.shape))
