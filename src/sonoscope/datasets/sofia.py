"""Responses of a spherical array as the SOFiA toolbox stores them (a MATLAB "miro" struct).

One struct holds the responses of every capsule position of a sphere to what was played. Its
`elevation` is the zenith angle; both angles are radians. Sources that sounded one after the other
lie in one response: they are cut apart here, each from 1 ms before its loudest half millisecond to
14 ms after, the last half millisecond faded (in the anechoic set A3 the next source follows 16 ms
later).

Reference: B. Bernschütz, C. Pörschmann, S. Spors, S. Weinzierl, "SOFiA sound field analysis
toolbox", ICSA 2011.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError
from sonoscope.datasets import matlab_file
from sonoscope.simulation.measured import MeasuredRoom, measured_room

BEFORE_S, AFTER_S = 0.001, 0.014
_FADE_S = 0.0005
_SMOOTH_S = 0.0005
_ANGLES = re.compile(r"(?P<azimuth>[-\d.°,\s]+?)°?\s*AZ\D*?(?P<elevation>[-\d.°,\s]+?)°?\s*EL")
_NEEDED = ("irChOne", "azimuth", "elevation", "fs", "radius", "sourcePosition", "scatterer")


def is_struct(content: object) -> bool:
    """Tell whether a MATLAB value is such a struct."""
    return all(hasattr(content, name) for name in _NEEDED)


def room_of(struct: Any, path: Path) -> MeasuredRoom:
    """Give the room of a struct: one position for each source it names.

    Raises
    ------
    InputError
        If the struct does not say where the sources were, or not so many are heard.
    """
    array, rate_hz = _array(struct, path), matlab_file.rate(path, struct.fs)
    heard = matlab_file.series(path, "irChOne", struct.irChOne).T.astype(np.float32)
    if heard.ndim != 2 or heard.shape[0] != array.n_capsules:
        raise InputError(
            f"{path}: irChOne must have a column for each of {array.n_capsules} positions, "
            f"but {heard.shape[::-1]} was given"
        )
    directions = _directions(str(struct.sourcePosition), path)
    starts = direct_sounds(heard, rate_hz, len(directions))
    if len(starts) < len(directions):
        raise InputError(
            f"{path}: must hold {len(directions)} direct sounds one after the other, "
            f"but {len(starts)} was found"
        )
    distance = getattr(struct, "sourceDistance", None)
    away = np.nan if distance is None else matlab_file.number(path, "sourceDistance", distance)
    return measured_room(
        str(getattr(struct, "name", path.stem)),
        rate_hz,
        np.stack([_piece(heard, start, rate_hz) for start in starts]),
        directions,
        np.full(len(directions), away),
        array,
        _credit(struct),
        str(path),
    )


def direct_sounds(heard: Float[ndarray, "capsule tap"], rate_hz: int, count: int) -> list[int]:
    """Find up to `count` direct sounds at least a window apart, by the mean power; in order."""
    power = np.mean(np.square(heard, dtype=np.float64), axis=0)
    width = max(1, round(_SMOOTH_S * rate_hz))
    left = np.convolve(power, np.ones(width) / width, "same")
    apart = round((BEFORE_S + AFTER_S) * rate_hz)
    floor = 1e-2 * left.max(initial=0.0)
    found: list[int] = []
    while len(found) < count and left.max(initial=0.0) > floor > 0:
        peak = int(left.argmax())
        found.append(peak)
        left[max(0, peak - apart) : peak + apart] = 0
    return sorted(found)


def _piece(
    heard: Float[ndarray, "capsule tap"], peak: int, rate_hz: int
) -> Float[ndarray, "capsule piece"]:
    """Cut the window of one source, with silence where the record begins or ends within it."""
    before, after = round(BEFORE_S * rate_hz), round(AFTER_S * rate_hz)
    wide = np.pad(heard, ((0, 0), (before, after)))
    piece = wide[:, peak : peak + before + after].copy()
    fade = round(_FADE_S * rate_hz)
    piece[:, -fade:] *= (0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(
        np.float32
    )
    return piece


def _array(struct: Any, path: Path) -> MicArray:
    azimuth = matlab_file.series(path, "azimuth", struct.azimuth)
    zenith = matlab_file.series(path, "elevation", struct.elevation)
    radius = matlab_file.number(path, "radius", struct.radius)
    if azimuth.shape != zenith.shape or not 0 < radius < 10 or np.abs(zenith).max() > 3.2:
        raise InputError(
            f"{path}: azimuth and elevation (from the zenith) must be radians of as many "
            f"positions on a sphere of less than 10 m, but {azimuth.shape}, {zenith.shape} and "
            f"{radius:g} m was given"
        )
    rows = radius * unit_vector(azimuth, np.pi / 2 - zenith)
    name = str(getattr(struct, "quadGrid", path.stem))
    positions = tuple((float(x), float(y), float(z)) for x, y, z in rows)
    return MicArray(name, positions, "rigid" if struct.scatterer else "open")


def _directions(text: str, path: Path) -> Float[ndarray, "source 3"]:
    """Read "45° 15° 345° 315° AZ, 90° EL", elevation from the zenith as everywhere here."""
    found = _ANGLES.search(text)
    numbers = [
        [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", found[name])] if found else []
        for name in ("azimuth", "elevation")
    ]
    azimuth, zenith = numbers
    if not azimuth or len(zenith) not in (1, len(azimuth)):
        raise InputError(
            f'{path}: sourcePosition must read like "45° 315° AZ, 90° EL", '
            f"but {text[:80]!r} was given"
        )
    return unit_vector(np.deg2rad(azimuth), np.pi / 2 - np.deg2rad(zenith))


def _credit(struct: Any) -> str:
    parts = [str(getattr(struct, name, "")) for name in ("name", "engineer", "location")]
    return f"{', '.join(part for part in parts if part)} (SOFiA; licence as its source says)"
