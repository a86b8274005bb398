"""Microphone arrays: where the capsules sit and what they sit on.

A geometry file is TOML::

    name = "my tetrahedron"
    baffle = "rigid"            # or "open"
    radius_m = 0.042            # of the rigid sphere
    capsules_deg = [[45, 35.26], [-45, -35.26], [135, -35.26], [-135, 35.26]]   # azimuth, elevation
    # or, in place of capsules_deg:  capsules_m = [[x, y, z], ...]

Reference for the DCASE tetrahedron: TAU Spatial Sound Events 2019, MIC format.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeGuard

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError
from sonoscope.core.toml_file import read_toml

Baffle = Literal["rigid", "open"]

MAX_CAPSULES = 1024
MAX_RADIUS_M = 10.0


@dataclass(frozen=True, slots=True)
class MicArray:
    """Pressure capsules around an origin.

    Attributes
    ----------
    name
        What people call it.
    positions_m
        One row (x, y, z) a capsule, in metres; as nested tuples, so that arrays compare and hash.
    baffle
        "rigid": all capsules lie on a hard sphere around the origin; "open": nothing in between.
    """

    name: str
    positions_m: tuple[tuple[float, float, float], ...]
    baffle: Baffle

    @property
    def n_capsules(self) -> int:
        """How many capsules there are."""
        return len(self.positions_m)

    @property
    def radius_m(self) -> float:
        """Mean distance of the capsules from the origin."""
        return float(np.linalg.norm(self.positions, axis=1).mean())

    @property
    def positions(self) -> Float[ndarray, "capsule 3"]:
        """The positions as an array."""
        return np.array(self.positions_m, dtype=np.float64)

    @property
    def directions(self) -> Float[ndarray, "capsule 3"]:
        """Unit vectors from the origin to the capsules."""
        positions = self.positions
        return np.asarray(positions / np.linalg.norm(positions, axis=1, keepdims=True))


def on_sphere(
    name: str, angles_deg: list[tuple[float, float]], radius_m: float, baffle: Baffle = "rigid"
) -> MicArray:
    """Build an array from azimuth and elevation in degrees of each capsule."""
    azimuth, elevation = np.deg2rad(np.array(angles_deg, dtype=np.float64)).T
    positions = radius_m * unit_vector(azimuth, elevation)
    rows = tuple((float(x), float(y), float(z)) for x, y, z in positions)
    return MicArray(name, rows, baffle)


TETRAHEDRON = on_sphere(
    "tetra", [(45.0, 35.0), (-45.0, -35.0), (135.0, -35.0), (-135.0, 35.0)], 0.042
)
"""The four capsules of the DCASE MIC format, on a rigid sphere of 4.2 cm."""

_EM32_ZENITH_DEG = [
    (69, 0), (90, 32), (111, 0), (90, 328), (32, 0), (55, 45), (90, 69), (125, 45),
    (148, 0), (125, 315), (90, 291), (55, 315), (21, 91), (58, 90), (121, 90), (159, 89),
    (69, 180), (90, 212), (111, 180), (90, 148), (32, 180), (55, 225), (90, 249), (125, 225),
    (148, 180), (125, 135), (90, 111), (55, 135), (21, 269), (58, 270), (122, 270), (159, 271),
]  # fmt: skip

EM32 = on_sphere("em32", [(float(az), 90.0 - zenith) for zenith, az in _EM32_ZENITH_DEG], 0.042)
"""The 32 capsules of an Eigenmike em32 (zenith and azimuth from its data sheet)."""


def read_geometry(path: Path) -> MicArray:
    """Read a geometry file.

    Raises
    ------
    InputError
        If the file is not TOML, or describes no array that can exist.
    """
    table = read_toml(path, "a geometry file")
    baffle = table.pop("baffle", "open")
    if baffle not in ("rigid", "open"):
        raise InputError(f'{path}: baffle must be "rigid" or "open", but {baffle!r} was given')
    name = str(table.pop("name", path.stem))
    radius = table.pop("radius_m", None)
    rows_deg, rows_m = table.pop("capsules_deg", None), table.pop("capsules_m", None)
    if table:
        raise InputError(f"{path}: unknown keys {', '.join(sorted(table))}")
    if (rows_deg is None) == (rows_m is None):
        raise InputError(f"{path}: must have one of capsules_deg and capsules_m")
    if rows_deg is not None:
        array = _from_angles(path, name, rows_deg, radius, baffle)
    else:
        rows = _number_rows(path, "capsules_m", rows_m, 3)
        array = MicArray(name, tuple((x, y, z) for x, y, z in rows), baffle)
    _check_possible(path, array)
    return array


def _from_angles(path: Path, name: str, rows: object, radius: object, baffle: Baffle) -> MicArray:
    if not _is_number(radius) or not 0 < radius <= MAX_RADIUS_M:
        raise InputError(
            f"{path}: radius_m must be in 0..{MAX_RADIUS_M:g} m, but {radius!r} was given"
        )
    pairs = [
        (azimuth, elevation) for azimuth, elevation in _number_rows(path, "capsules_deg", rows, 2)
    ]
    return on_sphere(name, pairs, float(radius), baffle)


def _is_number(value: object) -> TypeGuard[float]:
    """Tell a finite number from all else; a number of more than nine digits is no position."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _number_rows(path: Path, key: str, rows: object, width: int) -> list[list[float]]:
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_CAPSULES:
        raise InputError(f"{path}: {key} must be a list of 1 to {MAX_CAPSULES} rows")
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width or not all(map(_is_number, row)):
            raise InputError(
                f"{path}: {key}[{i}] must be {width} finite numbers, but {row!r:.80} was given"
            )
    return [[float(x) for x in row] for row in rows]


def _check_possible(path: Path, array: MicArray) -> None:
    distance = np.linalg.norm(array.positions, axis=1)
    if distance.max() > MAX_RADIUS_M:
        raise InputError(
            f"{path}: capsules must lie within {MAX_RADIUS_M:g} m of the origin, but one is "
            f"{distance.max():g} m away (positions are in metres, not millimetres)"
        )
    if array.baffle == "rigid" and (distance.min() <= 0 or distance.max() > 1.02 * distance.min()):
        raise InputError(
            f"{path}: capsules on a rigid sphere must be at one distance from the origin, "
            f"but {distance.min():g} to {distance.max():g} m was given"
        )
    pairs = np.linalg.norm(array.positions[:, None] - array.positions[None], axis=2)
    np.fill_diagonal(pairs, np.inf)
    if pairs.min() < 1e-4:
        first, second = np.unravel_index(int(pairs.argmin()), pairs.shape)
        raise InputError(f"{path}: capsules {first} and {second} are at the same place")
