"""A room as the spatial decomposition method gives it: a pressure response, a direction a sample.

MATLAB fields: `p`, `azi_rad`, `ele_rad` (elevation from the horizon), `fs`, and `room` for a name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError
from sonoscope.datasets import matlab_file
from sonoscope.simulation.measured import MeasuredRoom, direct_arrival

DIRECT_S = 0.001
_NEEDED = ("p", "azi_rad", "ele_rad", "fs")


def is_sdm(content: Mapping[str, Any]) -> bool:
    """Tell whether the variables of a MATLAB file are such a room."""
    return set(_NEEDED) <= set(content)


def room_of(content: Mapping[str, Any], path: Path) -> MeasuredRoom:
    """Give the room: one position, in the direction the first millisecond comes from.

    Raises
    ------
    InputError
        If the three series are not as long as each other, or not finite numbers.
    """
    rate_hz = matlab_file.rate(path, content["fs"])
    pressure, azimuth, elevation = (
        matlab_file.series(path, name, content[name]) for name in _NEEDED[:3]
    )
    shapes = [one.shape for one in (pressure, azimuth, elevation)]
    if pressure.ndim != 1 or len(set(shapes)) > 1 or not pressure.any():
        raise InputError(
            f"{path}: p, azi_rad and ele_rad must be of one length and p a sound, "
            f"but {shapes} was given"
        )
    towards = unit_vector(azimuth, elevation)
    arrival = direct_arrival(pressure[None], np.zeros(1))
    first = slice(int(arrival), int(arrival + DIRECT_S * rate_hz) + 1)
    direct = np.sum(pressure[first, None] ** 2 * towards[first], axis=0)
    return MeasuredRoom(
        name=str(content.get("room", path.stem)),
        rate_hz=rate_hz,
        responses=pressure[None, None].astype(np.float32),
        directions=(direct / np.linalg.norm(direct))[None],
        distance_m=np.full(1, np.nan),
        arrival=np.array([arrival]),
        channels="mono",
        credit=f"{path.name} (measured room, SDM; licence as its source says)",
        came_from=towards[None],
    )
