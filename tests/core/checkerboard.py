"""A camera calibrated from checkerboards, by a plain bundle adjustment of its own.

Corners are projected by the lens equation written out once more, one point at a time, so that
nothing of `core.camera` is in them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from sonoscope.core.camera import Camera, Pose

BOARD = np.array([(0.03 * i, 0.03 * j, 0.0) for j in range(-3, 4) for i in range(-4, 5)])
"""63 corners of a board of squares of 3 cm."""


@dataclass(frozen=True)
class Truth:
    """A lens that no one knows but the corners that it makes."""

    size_px: tuple[int, int] = (1280, 960)
    focal: tuple[float, float] = (1004.3, 1001.8)
    centre: tuple[float, float] = (652.2, 470.9)
    distortion: tuple[float, ...] = (-0.31, 0.12, 0.0008, -0.0005, -0.02)

    def pixel(self, x: float, y: float, z: float) -> tuple[float, float]:
        k1, k2, p1, p2, k3 = self.distortion
        a, b = x / z, y / z
        s = a * a + b * b
        g = 1 + k1 * s + k2 * s**2 + k3 * s**3
        u = a * g + 2 * p1 * a * b + p2 * (s + 2 * a * a)
        v = b * g + p1 * (s + 2 * b * b) + 2 * p2 * a * b
        return self.focal[0] * u + self.centre[0], self.focal[1] * v + self.centre[1]


def photographed_boards(
    truth: Truth, count: int = 20, noise_px: float = 0.1, seed: int = 3
) -> list[Float[ndarray, "corner 2"]]:
    """Give the corners that a detector would find on photographs of a board held here and there."""
    draw = np.random.default_rng(seed)
    boards: list[Float[ndarray, "corner 2"]] = []
    while len(boards) < count:
        turn = Rotation.from_rotvec(draw.uniform(-0.7, 0.7, 3)).as_matrix()
        middle = np.array([draw.uniform(-0.06, 0.06), draw.uniform(-0.05, 0.05), 0.32])
        corners = np.array([truth.pixel(*place) for place in BOARD @ turn.T + middle])
        if np.all((corners > 0) & (corners < np.array(truth.size_px) - 1)):
            boards.append(corners + noise_px * draw.standard_normal(corners.shape))
    return boards


def calibrated(
    boards: list[Float[ndarray, "corner 2"]], size_px: tuple[int, int], pose: Pose
) -> Camera:
    """Fit a lens and the place of every board to the corners."""
    width, height = size_px
    start = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # in units of a width
    for corners in boards:
        middle = corners.mean(axis=0) - np.array([width, height]) / 2
        start += [0.0, 0.0, 0.0, *(0.3 * middle / width), 0.3]
    seen = np.stack(boards)

    def misses(parameters: Float[ndarray, " parameter"]) -> Float[ndarray, " miss"]:
        return np.asarray((_boards(parameters, width, height) - seen).ravel())

    fit = least_squares(misses, np.array(start), x_scale="jac")
    fx, fy, cx, cy, *distortion = fit.x[:9].tolist()
    return Camera(
        size_px, (width * fx, width * fy), (width * cx + width / 2, width * cy + height / 2),
        pose, tuple(distortion),
    )  # fmt: skip


def _boards(p: Float[ndarray, " parameter"], width: int, height: int) -> ndarray:
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = p[:9]
    poses = p[9:].reshape(-1, 6)
    turned = Rotation.from_rotvec(poses[:, :3]).as_matrix()
    places = BOARD @ turned.transpose(0, 2, 1) + poses[:, None, 3:]
    a, b = places[..., 0] / places[..., 2], places[..., 1] / places[..., 2]
    s = a * a + b * b
    g = 1 + k1 * s + k2 * s**2 + k3 * s**3
    u = a * g + 2 * p1 * a * b + p2 * (s + 2 * a * a)
    v = b * g + p1 * (s + 2 * b * b) + 2 * p2 * a * b
    across = width * (fx * u + cx) + width / 2
    return np.stack([across, width * (fy * v + cy) + height / 2], axis=-1)
