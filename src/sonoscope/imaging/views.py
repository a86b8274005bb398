"""What an image shows: the sphere of directions around an array, or a plane in front of it.

A view has points to scan, and turns a direction from the array's origin into the point that stands
for it, so that whatever is refined or drawn as directions holds for planes too.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError
from sonoscope.imaging.grids import plane_grid, sphere_by_spacing

_FLAT = 0.02  # thickness to width of an array that counts as a plane
_FINEST_RAD, _COARSEST_RAD = np.deg2rad(1.0), np.deg2rad(4.0)
_POINTS_A_BEAM = 4.0
_MOST_COLUMNS = 101
_FEWEST_COLUMNS = 41
_SHALLOW = 0.05  # sine of the flattest angle at which a direction is followed to a plane


@dataclass(frozen=True, slots=True, eq=False)
class SphereView:
    """All directions, or those of the half that an array faces.

    Attributes
    ----------
    points
        Unit vectors.
    facing
        Where a flat array looks; it cannot tell before from behind. None is all around.
    """

    points: Float[ndarray, "point 3"]
    spacing_rad: float
    facing: Float[ndarray, "3"] | None = None

    @classmethod
    def of(cls, spacing_rad: float, facing: Float[ndarray, "3"] | None = None) -> "SphereView":
        """Spread directions evenly."""
        points = sphere_by_spacing(spacing_rad)
        if facing is not None:
            points = points[points @ facing > 0]
        return cls(points, spacing_rad, facing)

    @property
    def near(self) -> bool:
        """Whether points are places and not directions."""
        return False

    def placed(self, directions: Float[ndarray, "point 3"]) -> Float[ndarray, "point 3"]:
        """Give the points that directions stand for: themselves."""
        return directions

    def holds(self, directions: Float[ndarray, "point 3"]) -> Bool[ndarray, " point"]:
        """Tell which directions are in view."""
        if self.facing is None:
            return np.ones(len(directions), bool)
        return np.asarray(directions @ self.facing > 0)


@dataclass(frozen=True, slots=True, eq=False)
class PlaneView:
    """A rectangle at right angles to where the array looks.

    Attributes
    ----------
    grid
        Its points in metres from the array's origin, the upper left one first.
    right, up
        Its axes, as seen from the array.
    size_m
        Width and height.
    """

    grid: Float[ndarray, "row column 3"]
    right: Float[ndarray, "3"]
    up: Float[ndarray, "3"]
    distance_m: float
    size_m: tuple[float, float]
    spacing_m: float

    @classmethod
    def of(
        cls,
        facing: Float[ndarray, "3"],
        distance_m: float,
        size_m: tuple[float, float],
        spacing_m: float,
    ) -> "PlaneView":
        """Lay a plane ahead of an array; upwards is up, or ahead where it looks up or down."""
        upright = np.array([0.0, 0.0, 1.0])
        if abs(float(facing @ upright)) > np.cos(np.deg2rad(5)):
            upright = np.array([1.0, 0.0, 0.0])
        up = upright - (upright @ facing) * facing
        up = up / np.linalg.norm(up)
        right = np.cross(facing, up)
        grid = plane_grid(distance_m * facing, right, up, size_m, spacing_m)
        return cls(grid, right, up, distance_m, size_m, spacing_m)

    @property
    def near(self) -> bool:
        """Whether points are places and not directions."""
        return True

    @property
    def points(self) -> Float[ndarray, "point 3"]:
        """The grid as one list."""
        return self.grid.reshape(-1, 3)

    @property
    def facing(self) -> Float[ndarray, "3"]:
        """Where the array looks."""
        return np.asarray(np.cross(self.up, self.right))

    @property
    def spacing_rad(self) -> float:
        """How far neighbours are apart, seen from the array, in the middle."""
        return self.spacing_m / self.distance_m

    def placed(self, directions: Float[ndarray, "point 3"]) -> Float[ndarray, "point 3"]:
        """Follow directions to the plane; flat and backward ones stay finite, far outside."""
        along = np.maximum(directions @ self.facing, _SHALLOW)
        return np.asarray(directions * (self.distance_m / along)[:, None])

    def across(self, points_m: Float[ndarray, "point 3"]) -> Float[ndarray, "point 2"]:
        """Give how far right and how far up points lie from the middle."""
        return np.stack([points_m @ self.right, points_m @ self.up], axis=1)

    def holds(self, directions: Float[ndarray, "point 3"]) -> Bool[ndarray, " point"]:
        """Tell which directions end on the rectangle."""
        inside = np.abs(self.across(self.placed(directions))) <= np.array(self.size_m) / 2
        return np.asarray(inside.all(axis=1) & (directions @ self.facing > _SHALLOW))


View = SphereView | PlaneView


def extent_m(array: MicArray) -> float:
    """Give the largest distance between two capsules."""
    apart = array.positions[:, None] - array.positions[None]
    return float(np.linalg.norm(apart, axis=-1).max())


def normal_of(array: MicArray) -> Float[ndarray, "3"] | None:
    """Give where a flat array looks, None of one with depth.

    Both sides sound the same to it: of the two the one nearer to ahead, left, or up is given, in
    this order, as its largest component says.
    """
    if array.baffle == "rigid" or array.n_capsules < 3:
        return None
    _, size, axes = np.linalg.svd(array.positions - array.positions.mean(axis=0))
    if size[2] > _FLAT * size[0]:
        return None
    normal = axes[2]
    return np.asarray(normal * np.sign(normal[int(np.abs(normal).argmax())]))


def on_a_line(array: MicArray) -> bool:
    """Tell whether all capsules lie on a line, so that only the angle to it can be heard."""
    size = np.linalg.svd(array.positions - array.positions.mean(axis=0), compute_uv=False)
    return bool(array.n_capsules < 3 or size[1] <= _FLAT * size[0])


def spacing_for(extent: float, highest_hz: float) -> float:
    """Give how far apart directions may be so that a beam of the array has several; radians."""
    beam = SPEED_OF_SOUND_M_S / highest_hz / max(extent, 1e-3)
    return float(np.clip(beam / _POINTS_A_BEAM, _FINEST_RAD, _COARSEST_RAD))


def plane_spacing_for(extent: float, highest_hz: float, distance_m: float, width_m: float) -> float:
    """Give how far apart the points of a plane may be, likewise; metres.

    Raises
    ------
    SettingError
        If distance or width are no lengths.
    """
    if not (0 < distance_m < 1e4 and 0 < width_m < 1e4):
        raise SettingError(
            f"distance and size of a plane must be in 0..10000 m, but {distance_m:g} and "
            f"{width_m:g} were given"
        )
    beam = distance_m * SPEED_OF_SOUND_M_S / highest_hz / max(extent, 1e-3)
    most, fewest = _MOST_COLUMNS - 1, _FEWEST_COLUMNS - 1
    return float(np.clip(beam / _POINTS_A_BEAM, width_m / most, width_m / fewest))
