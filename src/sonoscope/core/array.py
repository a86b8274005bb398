"""Microphone arrays: where the capsules sit and what they sit on.

A geometry file is TOML::

    name = "my tetrahedron"
    baffle = "rigid"            # or "open"
    radius_m = 0.042            # of the rigid sphere
    capsules_deg = [[45, 35.26], [-45, -35.26], [135, -35.26], [-135, 35.26]]   # azimuth, elevation
    # or, in place of capsules_deg:  capsules_m = [[x, y, z], ...]

or the XML of Acoular (`core.acoular_xml`), whose axes are taken as they stand, open. Axes are those
of all sonoscope: x ahead, y left, z up.

Reference for the DCASE tetrahedron: TAU Spatial Sound Events 2019, MIC format.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeGuard

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.acoular_xml import read_acoular_xml
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError, SettingError
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


def _across_x(
    name: str, radius_m: Float[ndarray, " capsule"], turn: Float[ndarray, " capsule"]
) -> MicArray:
    """Lay capsules into the plane across x: the array looks ahead (and, alike, behind)."""
    left, up = radius_m * np.cos(turn), radius_m * np.sin(turn)
    rows = tuple((0.0, float(y), float(z)) for y, z in zip(left, up, strict=True))
    return MicArray(name, rows, "open")


_64 = np.arange(64)

SPIRAL64 = _across_x("spiral64", 0.06 * np.sqrt((_64 + 0.5) / 64), _64 * np.pi * (3 - np.sqrt(5)))
"""64 capsules on a sunflower's spiral 12 cm across (Vogel 1979), in the plane across x, open."""

RING64 = _across_x("ring64", np.full(64, 0.06), _64 * np.pi / 32)
"""64 capsules on a ring 12 cm across, in the plane across x, the first on the left, open."""

ARRAYS = {array.name: array for array in (TETRAHEDRON, EM32, SPIRAL64, RING64)}
"""Arrays that need no file, by name."""


def array_of(told: str) -> MicArray:
    """Give the array of a name in `ARRAYS`, or of a geometry file.

    Raises
    ------
    SettingError
        If it is no such name and ends in neither .toml nor .xml.
    InputError
        As `read_geometry` does.
    """
    if told in ARRAYS:
        return ARRAYS[told]
    if not told.lower().endswith((".toml", ".xml")):
        raise SettingError(
            f"an array must be one of {', '.join(ARRAYS)} or a geometry file (.toml, or .xml of "
            f"Acoular), but {told!r} was given"
        )
    return read_geometry(Path(told))


def read_geometry(path: Path) -> MicArray:
    """Read a geometry file: XML of Acoular if its name ends in .xml, else TOML.

    Raises
    ------
    InputError
        If the file is neither, or describes no array that can exist.
    """
    if path.suffix.lower() == ".xml":
        name, places = read_acoular_xml(path)
        array = MicArray(name, tuple(places), "open")
        if not 1 <= len(places) <= MAX_CAPSULES:
            raise InputError(
                f"{path}: must have 1 to {MAX_CAPSULES} capsules (pos), but {len(places)} was given"
            )
        _check_possible(path, array)
        return array
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


def as_toml(array: MicArray) -> str:
    """Write an array down as a geometry file that `read_geometry` reads, to the last digit."""
    rows = ",\n".join(f"  [{x!r}, {y!r}, {z!r}]" for x, y, z in array.positions_m)
    name = json.dumps(array.name, ensure_ascii=False)  # a string of JSON is one of TOML
    return f'name = {name}\nbaffle = "{array.baffle}"\ncapsules_m = [\n{rows},\n]\n'


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
