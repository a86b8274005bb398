"""Directions in space: unit vectors, azimuth and elevation, angles between them, even grids.

x points ahead, y left, z up. Azimuth runs counter-clockwise from ahead, elevation up from the
horizon. Everything here is in radians; degrees live at the doors.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike


def unit_vector(
    azimuth: float | ArrayLike, elevation: float | ArrayLike
) -> Float[ndarray, "*any 3"]:
    """Point along azimuth and elevation.

    Examples
    --------
    >>> unit_vector(np.pi / 2, 0.0).round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    azimuth, elevation = np.broadcast_arrays(
        np.asarray(azimuth, np.float64), np.asarray(elevation, np.float64)
    )
    flat = np.cos(elevation)
    return np.stack([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)], axis=-1)


def angles(
    vector: Float[ndarray, "*any 3"],
) -> tuple[Float[ndarray, "*any"], Float[ndarray, "*any"]]:
    """Give azimuth in (-pi, pi] and elevation; vectors may have any length, zero gives (0, 0)."""
    x, y, z = np.moveaxis(np.asarray(vector, np.float64), -1, 0)
    return np.asarray(np.arctan2(y, x)), np.asarray(np.arctan2(z, np.hypot(x, y)))


def angle_between(
    one: Float[ndarray, "*any 3"], other: Float[ndarray, "*many 3"]
) -> Float[ndarray, "*both"]:
    """Give the great-circle angle between directions, exact for tiny and for opposite ones too.

    The two broadcast against each other (Kahan's formula: arccos loses half the digits near 0).
    """
    one = one / np.linalg.norm(one, axis=-1, keepdims=True)
    other = other / np.linalg.norm(other, axis=-1, keepdims=True)
    apart = np.linalg.norm(one - other, axis=-1)
    together = np.linalg.norm(one + other, axis=-1)
    return np.asarray(2 * np.arctan2(apart, together))


def sphere_grid(count: int) -> Float[ndarray, "{count} 3"]:
    """Spread directions evenly over the sphere (Fibonacci spiral)."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    height = 1 - (2 * np.arange(count) + 1) / count
    return unit_vector(turn, np.arcsin(height))
