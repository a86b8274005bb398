"""Turns and mirrors of space, and how the channels of a recording follow them.

A transform is an orthogonal matrix T: what came from u comes from T u. First-order Ambisonics
follows every T, for W stays and (X, Y, Z) is a vector. The capsules of an array follow those T that
lay the array onto itself: T d_q = d_m says that capsule m hears of the new scene what capsule q
heard of the old one. Nothing is tabulated: published tables of channel swaps have errors.

Source of the idea: Q. Wang, J. Du, H.-X. Wu et al., "A four-stage data augmentation approach to
ResNet-Conformer based acoustic modeling for sound event localization and detection", TASLP 31
(2023).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError

EXACT = 1e-9
"""Misfit below which an array's symmetry is exact but for rounding."""


def signed_permutations() -> Float[ndarray, "48 3 3"]:
    """Give all turns and mirrors that lay the axes onto the axes, the identity first."""
    return np.stack(
        [
            np.diag(signs) @ np.eye(3)[list(axes)]
            for axes in permutations(range(3))
            for signs in product((1.0, -1.0), repeat=3)
        ]
    )


def keeps_elevation(transform: Float[ndarray, "3 3"]) -> bool:
    """Tell whether every elevation stays what it was, or changes its sign alone."""
    return bool(np.allclose(np.abs(transform[2]), (0, 0, 1), rtol=0, atol=EXACT))


def elevation_keeping() -> Float[ndarray, "16 3 3"]:
    """Give those of the 48 signed permutations that keep an elevation an elevation."""
    return np.stack([each for each in signed_permutations() if keeps_elevation(each)])


def swap_name(transform: Float[ndarray, "3 3"]) -> str:
    """Name a signed permutation as the field does: what becomes of azimuth and elevation.

    One that mixes elevation with azimuth is named by what x, y and z become.

    Examples
    --------
    >>> swap_name(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, -1]]))
    'az-90,-el'
    >>> swap_name(np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]))
    'x,y,z=-z,y,x'
    """
    if not keeps_elevation(transform):
        return "x,y,z=" + ",".join(_signed_axes(transform, "xyz"))
    _signed_axes(transform, "xyz")  # refuses what is no signed permutation
    mirrored = "-" if np.linalg.det(transform[:2, :2]) < 0 else ""
    flipped = "-" if transform[2, 2] < 0 else ""
    turn_deg = round(float(np.rad2deg(np.arctan2(transform[1, 0], transform[0, 0]))))
    turn = "" if turn_deg == 0 else f"{180 if abs(turn_deg) == 180 else turn_deg:+d}"
    return f"{mirrored}az{turn},{flipped}el"


def foa_matrix(transform: Float[ndarray, "3 3"]) -> Float[ndarray, "4 4"]:
    """Give the matrix that takes W, Y, Z, X of a scene to those of the transformed one."""
    matrix = np.eye(4)
    yzx = [1, 2, 0]
    matrix[1:, 1:] = transform[np.ix_(yzx, yzx)]
    return matrix


def foa_swap_name(transform: Float[ndarray, "3 3"]) -> str:
    """Say what the new W, Y, Z, X are, for a signed permutation.

    Examples
    --------
    >>> foa_swap_name(np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, -1]]))
    'W,-X,-Z,Y'
    """
    return ",".join(["W", *_signed_axes(foa_matrix(transform)[1:, 1:], "YZX")])


def _signed_axes(matrix: Float[ndarray, "3 3"], names: str) -> list[str]:
    """Name each row of a signed permutation by its one entry."""
    rounded = np.round(matrix)
    is_signed = np.allclose(matrix, rounded, rtol=0, atol=EXACT)
    if not is_signed or not (np.abs(rounded).sum(axis=0) == 1).all():
        raise SettingError(
            f"a swap must lay the axes onto the axes, but {matrix.round(3).tolist()} was given"
        )
    signs = ["-" if row.sum() < 0 else "" for row in rounded]
    axes = [names[int(np.abs(row).argmax())] for row in rounded]
    return [sign + axis for sign, axis in zip(signs, axes, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class ArraySymmetry:
    """A turn or mirror that lays an array onto itself.

    Attributes
    ----------
    transform
        What came from u comes from `transform @ u` once the channels are reordered.
    order
        New channel m is old channel `order[m]`.
    misfit
        Farthest that a moved capsule lies from the one whose place it takes, over the distance of
        the farthest capsule from the origin.
    """

    transform: Float[ndarray, "3 3"]
    order: tuple[int, ...]
    misfit: float


def array_symmetries(array: MicArray, tolerance: float = EXACT) -> tuple[ArraySymmetry, ...]:
    """Find every turn and mirror about the origin that lays an array's capsules onto themselves.

    Parameters
    ----------
    array
        Where the capsules sit.
    tolerance
        Greatest misfit. A loose one finds near symmetries too, each with the transform that fits
        all capsules best (Procrustes).

    Returns
    -------
    In the order of their channel orders; the identity comes first.

    Raises
    ------
    SettingError
        If the capsules lie on one line through the origin: then there is no end of them.
    """
    points = array.positions
    points = points / np.linalg.norm(points, axis=1).max()
    chosen = _spanning(points)
    if len(chosen) < 2:
        raise SettingError(
            f"array must not lie on a line through its origin, but {array.name} does: every turn "
            f"about that line is a symmetry"
        )
    found: dict[tuple[tuple[int, ...], bool], ArraySymmetry] = {}
    for rough in _rough_transforms(points, chosen, 4 * tolerance + EXACT):
        symmetry = _settled(points, rough)
        if symmetry is not None and symmetry.misfit <= tolerance:
            is_turn = bool(np.linalg.det(symmetry.transform) > 0)
            found.setdefault((symmetry.order, not is_turn), symmetry)
    return tuple(found[key] for key in sorted(found))


def _spanning(points: Float[ndarray, "capsule 3"]) -> list[int]:
    """Pick up to three capsules that span what all of them span, each far from those before."""
    rest, chosen = points.copy(), list[int]()
    while len(chosen) < 3:
        farthest = int(np.linalg.norm(rest, axis=1).round(9).argmax())
        length = np.linalg.norm(rest[farthest])
        if length < 1e-3:
            break
        chosen.append(farthest)
        axis = rest[farthest] / length
        rest = rest - np.outer(rest @ axis, axis)
    return chosen


def _rough_transforms(
    points: Float[ndarray, "capsule 3"], chosen: list[int], slack: float
) -> Iterator[Float[ndarray, "3 3"]]:
    """Lay the chosen capsules onto all others that have the same lengths and angles."""
    gram = points @ points.T
    wanted = gram[np.ix_(chosen, chosen)]

    def images(so_far: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        i = len(so_far)
        if i == len(chosen):
            yield so_far
            return
        fits = np.abs(np.diag(gram) - wanted[i, i]) <= slack
        for j, image in enumerate(so_far):
            fits &= np.abs(gram[:, image] - wanted[i, j]) <= slack
        for place in np.flatnonzero(fits):
            yield from images((*so_far, int(place)))

    flat = len(chosen) == 2
    basis = _with_normal(points[chosen], 1.0)
    for image in images(()):
        for side in (1.0, -1.0) if flat else (1.0,):
            yield np.linalg.solve(basis, _with_normal(points[list(image)], side)).T


def _with_normal(rows: Float[ndarray, "chosen 3"], side: float) -> Float[ndarray, "3 3"]:
    """Complete two vectors to three."""
    if len(rows) == 3:
        return rows
    return np.stack([*rows, side * np.cross(rows[0], rows[1])])


def _settled(
    points: Float[ndarray, "capsule 3"], rough: Float[ndarray, "3 3"]
) -> ArraySymmetry | None:
    """Find the channel order that a transform implies, and the transform that suits it best."""
    apart = np.linalg.norm(points[:, None] - (points @ rough.T)[None], axis=2)
    order = apart.argmin(axis=1)
    if len(set(order.tolist())) < len(points):
        return None
    left, _, right = np.linalg.svd(points.T @ points[order])
    sides = np.array([1.0, 1.0, np.linalg.det(left @ right) * np.sign(np.linalg.det(rough))])
    transform = (left * sides) @ right
    transform = np.where(np.abs(transform) < EXACT, 0.0, transform)
    misfit = np.linalg.norm(points - points[order] @ transform.T, axis=1).max()
    return ArraySymmetry(transform, tuple(order.tolist()), float(misfit))
