"""Where an image looks: directions over the sphere, points of a plane, and which are neighbours.

Directions are unit vectors towards the source, points are (x, y, z) in metres from the array's
origin. A map has one value a point, whatever the grid; `peaks` finds its hills on any of them.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.spatial import KDTree

from sonoscope.core.direction import sphere_grid
from sonoscope.core.errors import SettingError

MAX_POINTS = 1_000_000


def sphere_by_spacing(spacing_rad: float) -> Float[ndarray, "point 3"]:
    """Spread directions over the sphere so that each stands for a square of this side.

    Raises
    ------
    SettingError
        If that would be more than `MAX_POINTS`.
    """
    finest = np.sqrt(4 * np.pi / MAX_POINTS)
    if not finest <= spacing_rad <= 1:
        raise SettingError(
            f"spacing of directions must be in {np.rad2deg(finest):.2g}..57 degrees, "
            f"but {np.rad2deg(spacing_rad):g} was given"
        )
    return sphere_grid(round(4 * np.pi / spacing_rad**2))


def plane_grid(
    centre_m: Float[ndarray, "3"],
    right: Float[ndarray, "3"],
    up: Float[ndarray, "3"],
    size_m: tuple[float, float],
    spacing_m: float,
) -> Float[ndarray, "row column 3"]:
    """Give the points of a rectangle in space, its upper left one first.

    Raises
    ------
    SettingError
        If the axes are not at right angles, or the points are too many.
    """
    right, up = right / np.linalg.norm(right), up / np.linalg.norm(up)
    if abs(float(right @ up)) > 1e-6:
        raise SettingError("the axes of a plane must be at right angles, but others were given")
    columns, rows = (round(side / spacing_m) + 1 for side in size_m)
    if not 0 < rows * columns <= MAX_POINTS:
        raise SettingError(
            f"a plane must hold at most {MAX_POINTS} points, but {rows} x {columns} were asked for"
        )
    along = (np.arange(columns) - (columns - 1) / 2) * spacing_m
    down = ((rows - 1) / 2 - np.arange(rows)) * spacing_m
    return np.asarray(centre_m + down[:, None, None] * up + along[:, None] * right)


def tangents(
    direction: Float[ndarray, "3"],
) -> tuple[Float[ndarray, "3"], Float[ndarray, "3"]]:
    """Give two unit vectors across a direction: to growing azimuth, and to growing elevation.

    Straight up and down they are those of azimuth 0.
    """
    x, y, _ = direction
    flat = float(np.hypot(x, y))
    sideways = np.array([-y, x, 0.0]) / flat if flat > 1e-12 else np.array([0.0, 1.0, 0.0])
    return sideways, np.asarray(np.cross(direction, sideways))


def peaks(
    values: Float[ndarray, " point"], points: Float[ndarray, "point 3"], neighbours: int = 8
) -> Int[ndarray, " peak"]:
    """Give the points that are higher than all their neighbours, the highest first."""
    near = KDTree(points).query(points, k=min(neighbours + 1, len(points)))[1]
    highest = near.reshape(len(points), -1)[:, 1:]
    tops = np.flatnonzero(np.all(values[:, None] > values[highest], axis=1))
    return np.asarray(tops[np.argsort(-values[tops], kind="stable")])
