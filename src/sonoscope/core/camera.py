"""Cameras: where a point in space lies on a photograph, and what a pixel looks at.

A pinhole with the lens of Brown and Conrady, as OpenCV has it. Camera axes are x right, y down,
z ahead; pixel (0, 0) is the middle of the upper left one. With a point R x + t in camera axes,
(x, y) = (X / Z, Y / Z) and r² = x² + y²:

    x' = x (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶) + 2 p1 x y + p2 (r² + 2 x²)
    y' = y (same) + p1 (r² + 2 y²) + 2 p2 x y          u = fx x' + cx        v = fy y' + cy

A calibration is TOML; its pose stands in the array's axes (x ahead, y left, z up)::

    name = "drone camera"
    size_px = [1920, 1080]
    focal_px = [1404.2, 1403.8]
    centre_px = [962.1, 538.4]
    distortion = [-0.28, 0.09, 0.0004, -0.0002, 0.0]    # k1 k2 p1 p2 [k3 [k4 k5 k6]]

    [pose]
    position_m = [0.0, 0.0, 0.05]    # of the camera, from the array's origin
    azimuth_deg = 0.0                # where it looks
    elevation_deg = -10.0
    roll_deg = 0.0                   # turned clockwise, seen from behind the camera
    # or, in place of these, from the array's axes to the camera's:
    # rotation = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    # translation_m = [0.0, 0.05, 0.0]

Reference: D. C. Brown, Photogrammetric Engineering 32 (1966) 444; OpenCV, module calib3d.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT, from_table
from sonoscope.core.toml_file import read_toml

Row = tuple[float, float, float]

_WIDEST = 20.0  # tan of 87 degrees off the axis
_ROUNDS = 40
_CLOSE = 1e-10

_Positive = Annotated[float, Field(gt=0)]
_Pixels = Annotated[int, Field(ge=1, le=100_000)]


@settings(config=STRICT)
class Pose:
    """How a camera stands on an array: where it is and looks, or a rotation and a translation."""

    position_m: Row | None = None
    azimuth_deg: float | None = None
    elevation_deg: float | None = None
    roll_deg: float = 0.0
    rotation: tuple[Row, Row, Row] | None = None
    translation_m: Row | None = None

    def __post_init__(self) -> None:
        """Refuse both ways at once, none, and what is no rotation."""
        looks = (self.position_m, self.azimuth_deg, self.elevation_deg)
        turns = (self.rotation, self.translation_m)
        by_looks = None not in looks and turns == (None, None)
        by_turns = None not in turns and looks == (None, None, None) and self.roll_deg == 0
        if not by_looks and not by_turns:
            raise SettingError(
                "must have position_m, azimuth_deg and elevation_deg (roll_deg), "
                "or rotation and translation_m"
            )
        if self.rotation is not None:
            turn = np.array(self.rotation)
            if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0:
                raise SettingError(
                    "rotation must have rows at right angles of length 1 that are no mirror"
                )

    @property
    def turn(self) -> Float[ndarray, "3 3"]:
        """From the array's axes to the camera's."""
        if self.rotation is not None:
            left, _, right = np.linalg.svd(np.array(self.rotation, np.float64))
            return np.asarray(left @ right)  # what a file rounds is made a rotation again
        assert self.azimuth_deg is not None
        assert self.elevation_deg is not None
        return looking(*np.deg2rad([self.azimuth_deg, self.elevation_deg, self.roll_deg]).tolist())

    @property
    def position(self) -> Float[ndarray, "3"]:
        """Where the camera is, in metres from the array's origin."""
        if self.position_m is not None:
            return np.array(self.position_m, np.float64)
        return np.asarray(-self.turn.T @ np.array(self.translation_m, np.float64))


@settings(config=STRICT)
class Camera:
    """A calibrated camera on an array; see the head of this file.

    Attributes
    ----------
    size_px
        Width and height of its photographs.
    distortion
        In OpenCV's order: k1 k2 p1 p2 k3 k4 k5 k6, those that are not given 0.
    """

    size_px: tuple[_Pixels, _Pixels]
    focal_px: tuple[_Positive, _Positive]
    centre_px: tuple[float, float]
    pose: Pose
    distortion: Annotated[tuple[float, ...], Field(max_length=8)] = ()
    name: str = "camera"

    def project(self, points_m: Float[ndarray, "point 3"]) -> Float[ndarray, "point 2"]:
        """Give the pixels of places, NaN for those that the lens does not see."""
        return self._seen((points_m - self.pose.position) @ self.pose.turn.T)

    def project_directions(
        self, directions: Float[ndarray, "point 3"]
    ) -> Float[ndarray, "point 2"]:
        """Give the pixels of what is far away, NaN likewise."""
        return self._seen(directions @ self.pose.turn.T)

    def rays(self, pixels: Float[ndarray, "point 2"]) -> Float[ndarray, "point 3"]:
        """Give the unit vectors, in the array's axes, from the camera to what pixels show.

        NaN where no direction comes to lie.
        """
        lens = _Lens.of(self.distortion)
        distorted = (pixels - np.array(self.centre_px)) / np.array(self.focal_px)
        flat = lens.undone(distorted)
        ray = np.concatenate([flat, np.ones((len(flat), 1))], axis=1) @ self.pose.turn
        return np.asarray(ray / np.linalg.norm(ray, axis=1, keepdims=True))

    def shows(self, pixels: Float[ndarray, "point 2"]) -> ndarray:
        """Tell which pixels lie on the photograph."""
        size = np.array(self.size_px)
        return np.asarray(np.all((pixels >= -0.5) & (pixels <= size - 0.5), axis=1))

    def check_size(self, path: Path, size_px: tuple[int, int]) -> None:
        """Refuse a photograph of another size.

        Raises
        ------
        InputError
            If it is not as large as those that the camera was calibrated with.
        """
        if tuple(size_px) != self.size_px:
            raise InputError(
                f"{path}: must be {self.size_px[0]} x {self.size_px[1]} pixels, as the camera was "
                f"calibrated, but {size_px[0]} x {size_px[1]} was given"
            )

    def _seen(self, points: Float[ndarray, "point 3"]) -> Float[ndarray, "point 2"]:
        ahead = points[:, 2] > 0
        depth = np.where(ahead, points[:, 2], 1.0)
        flat = points[:, :2] / depth[:, None]
        lens = _Lens.of(self.distortion)
        seen = ahead & (np.hypot(flat[:, 0], flat[:, 1]) < _fold(lens))
        pixels = lens.bent(np.where(seen[:, None], flat, 0.0)) * np.array(self.focal_px)
        return np.where(seen[:, None], pixels + np.array(self.centre_px), np.nan)


def read_calibration(path: Path) -> Camera:
    """Read a calibration file.

    Raises
    ------
    InputError, SettingError
        If it is not TOML, or describes no camera that can exist.
    """
    return from_table(read_toml(path, "a camera calibration"), Camera, where=str(path))


def looking(azimuth: float, elevation: float, roll: float = 0.0) -> Float[ndarray, "3 3"]:
    """Give the rotation to the axes of a camera that looks somewhere; radians.

    Examples
    --------
    >>> (looking(0.0, 0.0) @ np.array([2.0, 0.0, 1.0])).tolist()
    [0.0, -1.0, 2.0]
    """
    ahead = unit_vector(azimuth, elevation)
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    down = np.cross(ahead, right)
    turned = np.cos(roll) * right + np.sin(roll) * down
    return np.stack([turned, np.cross(ahead, turned), ahead])


@dataclass(frozen=True, slots=True)
class _Lens:
    """What a lens does to (x, y); hashable, so that its fold is sought once."""

    k: tuple[float, float, float, float, float, float]
    p: tuple[float, float]

    @classmethod
    def of(cls, distortion: tuple[float, ...]) -> "_Lens":
        k1, k2, p1, p2, k3, k4, k5, k6 = (*distortion, *(8 - len(distortion)) * (0.0,))
        return cls((k1, k2, k3, k4, k5, k6), (p1, p2))

    def gain(self, square: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        k1, k2, k3, k4, k5, k6 = self.k
        above = 1 + square * (k1 + square * (k2 + square * k3))
        below = 1 + square * (k4 + square * (k5 + square * k6))
        return np.asarray(above / below)

    def bent(self, flat: Float[ndarray, "point 2"]) -> Float[ndarray, "point 2"]:
        x, y = flat.T
        square, (p1, p2) = x * x + y * y, self.p
        gain = self.gain(square)
        sideways = x * gain + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        downward = y * gain + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        return np.stack([sideways, downward], axis=1)

    def undone(self, bent: Float[ndarray, "point 2"]) -> Float[ndarray, "point 2"]:
        """Invert `bent` by Newton's steps, slopes from differences; NaN where it has no inverse."""
        flat, step = bent.copy(), 1e-6
        right, under = np.array([step, 0.0]), np.array([0.0, step])
        for _ in range(_ROUNDS):
            miss = self.bent(flat) - bent
            if np.abs(miss).max(initial=0) < _CLOSE:
                break
            across = (self.bent(flat + right) - self.bent(flat - right)) / (2 * step)
            down = (self.bent(flat + under) - self.bent(flat - under)) / (2 * step)
            size = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
            size = np.where(np.abs(size) < 1e-3, 1e-3, size)
            move_x = (miss[:, 0] * down[:, 1] - miss[:, 1] * down[:, 0]) / size
            move_y = (across[:, 0] * miss[:, 1] - across[:, 1] * miss[:, 0]) / size
            flat = flat - np.clip(np.stack([move_x, move_y], axis=1), -0.5, 0.5)
        apart = np.abs(self.bent(flat) - bent).max(axis=1)
        good = (apart < 1e-6) & (np.hypot(flat[:, 0], flat[:, 1]) < _fold(self))
        return np.where(good[:, None], flat, np.nan)


@lru_cache(maxsize=16)
def _fold(lens: _Lens) -> float:
    """Give the tangent off the axis at which a lens' polynomial turns back.

    What is beyond would fold into the photograph.
    """
    radius = np.linspace(0, _WIDEST, 20_001)
    back = np.flatnonzero(np.diff(radius * lens.gain(radius**2)) <= 0)
    return float(radius[back[0]]) if len(back) else _WIDEST
