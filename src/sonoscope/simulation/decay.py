"""How the image sources of a shoebox decay on average over all places in it.

For a source and a receiver anywhere in the room, images are as dense as one a room volume, and an
image that lies u room lengths away along an axis was mirrored floor(u) or floor(u) + 1 times
there, with the odds of the fraction. So the energy per second at time t, for amplitudes 1/d, is

    4 π c / V · < Π_axis G_axis(c t |n_axis| / L_axis) >_directions n · exp(-a c t)        (1)

with G linear between whole numbers of mirrorings, exp(-Σ of the walls' exponents) at them. At first
this falls with the absorption coefficients, as Sabine has it; later with their exponents
-ln(1 - α), as Eyring has it; in the end with those directions that meet walls least.

Reference: the same mean by histogram in E. Lehmann and A. Johansson, IEEE TASLP 18 (2010) 1429.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S

_NODES = 16
_MOST_EXPONENT = 34.0  # a wall this dead leaves -148 dB


def walls_decay(
    size_m: tuple[float, float, float],
    exponents: Float[ndarray, "wall=6 band"],
    time_s: Float[ndarray, " time"],
) -> Float[ndarray, "time band"]:
    """Give the share of their energy that images of one time still have, by (1) without air.

    `exponents` are -ln(1 - α) of the walls x = 0, x = L, y = 0, ... by octave.
    """
    directions, weights = _octant()
    left = np.ones((len(time_s) * len(weights), exponents.shape[1]))
    for axis, length in enumerate(size_m):
        lengths = SPEED_OF_SOUND_M_S / length * np.outer(time_s, directions[:, axis]).reshape(-1)
        whole = np.floor(lengths).astype(np.int64)
        part = (lengths - whole)[:, None]
        after = _after_mirrorings(exponents[2 * axis : 2 * axis + 2], int(whole.max()) + 2)
        left *= (1 - part) * after[whole] + part * after[whole + 1]
    return np.asarray(np.einsum("n,tnb->tb", weights, left.reshape(len(time_s), len(weights), -1)))


def fitting_factor(
    size_m: tuple[float, float, float],
    exponents: Float[ndarray, "wall=6 band"],
    time_s: Float[ndarray, " time"],
    wanted: Float[ndarray, " band"],
) -> Float[ndarray, " band"]:
    """Give the factor on the walls' exponents, by octave, that leaves a wanted mean energy.

    The mean over `time_s` of (1) is log-convex in the factor, so Newton's steps from 0 rise to the
    answer and never pass it.
    """
    factor = np.zeros(exponents.shape[1])
    for _ in range(12):
        step = 1e-4 * (1 + factor)
        both = np.concatenate([exponents * factor, exponents * (factor + step)], axis=1)
        here, there = np.split(np.log(walls_decay(size_m, both, time_s).mean(axis=0)), 2)
        slope = np.minimum((there - here) / step, -1e-12)
        change = (np.log(wanted) - here) / slope
        most = _MOST_EXPONENT / exponents.max(axis=0).clip(1e-12)
        factor = (factor + change).clip(0, most)
        if np.all(np.abs(change) < 1e-6 * (1e-3 + factor)):
            break
    return factor


def exponent_of(absorption: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Turn absorption coefficients into exponents -ln(1 - α)."""
    return np.asarray(-np.log(np.maximum(1 - absorption, np.exp(-_MOST_EXPONENT))))


def _after_mirrorings(
    exponents: Float[ndarray, "wall=2 band"], most: int
) -> Float[ndarray, "mirroring band"]:
    """Give what is left after n mirrorings between two walls, half of them starting at either."""
    n = np.arange(most)
    more, less = ((n + 1) // 2)[:, None], (n // 2)[:, None]
    one = np.exp(-(more * exponents[0] + less * exponents[1]))
    other = np.exp(-(more * exponents[1] + less * exponents[0]))
    return np.asarray((one + other) / 2)


@lru_cache(maxsize=1)
def _octant() -> tuple[Float[ndarray, "node 3"], Float[ndarray, " node"]]:
    """Give directions and weights to average over an eighth of the sphere (Gauss-Legendre)."""
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    up, around = np.meshgrid((points + 1) / 2, (points + 1) * np.pi / 4, indexing="ij")
    flat = np.sqrt(1 - up**2)
    directions = np.stack([flat * np.cos(around), flat * np.sin(around), up], axis=-1)
    return directions.reshape(-1, 3), np.outer(weights / 2, weights / 2).reshape(-1)
