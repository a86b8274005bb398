"""The open air: direct sound, its image in the ground, and those in given reflectors; no tail.

The ground is the plane z = 0 and sounds are above it. Air counts exactly on every path: over 20 m
it takes 26 dB at 40 kHz. Every mirror is met once; what goes from wall to ground to array is left
out.

Reference: the image method of J. B. Allen and D. A. Berkley, JASA 65 (1979) 943, for single planes;
ISO 9613-1 for the air.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.signal.octaves import octave_centres
from sonoscope.simulation.materials import Surface, absorption_of, by_octave
from sonoscope.simulation.paths import (
    DIRECT,
    Geometry,
    Hearing,
    Path,
    Plate,
    mirror,
    paths_response,
)

_UPRIGHT = 0.999  # above this share of z a plate counts as lying


@dataclass(frozen=True, slots=True)
class Reflector:
    """A plane that mirrors on one side: a mast, a wall, the side of a crane.

    Attributes
    ----------
    point_m, normal
        Its centre, and where its mirroring side looks.
    size_m
        Its level length and its other one; None for a whole plane.
    surface
        What it is made of.
    """

    point_m: tuple[float, float, float]
    normal: tuple[float, float, float]
    size_m: tuple[float, float] | None = None
    surface: Surface = "concrete"

    def __post_init__(self) -> None:
        if not np.linalg.norm(self.normal) > 0:
            raise SettingError(f"normal must have a direction, but {self.normal} was given")
        if self.size_m is not None and min(self.size_m) <= 0:
            raise SettingError(f"size_m must be positive, but {self.size_m} was given")
        absorption_of(self.surface)


@dataclass(frozen=True, slots=True)
class Outdoors:
    """The open air.

    Attributes
    ----------
    ground
        What lies at z = 0; None far above everything: free field.
    reflectors
        Planes that mirror too.
    """

    ground: Surface | None = "grass"
    reflectors: tuple[Reflector, ...] = ()

    def __post_init__(self) -> None:
        if self.ground is not None:
            absorption_of(self.ground)


def outdoor_paths(outdoors: Outdoors, rate_hz: int) -> tuple[Path, ...]:
    """Give the direct way and one by every mirror: the ground's, then the reflectors'."""
    mirrors = list(outdoors.reflectors)
    if outdoors.ground is not None:
        mirrors.insert(0, Reflector((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), None, outdoors.ground))
    return (DIRECT, *(_path(one, rate_hz) for one in mirrors))


def outdoor_response(
    outdoors: Outdoors, geometry: Geometry, hearing: Hearing
) -> Float[Tensor, "channel sample"]:
    """Give the response from a source to a receiver, direct sound at 1/distance.

    Nothing sounds before the direct wave's own impulse; the last path ends it.
    """
    return paths_response(outdoor_paths(outdoors, hearing.rate_hz), geometry, hearing)


def _path(reflector: Reflector, rate_hz: int) -> Path:
    bands = len(octave_centres(rate_hz))
    absorption = np.array(by_octave(absorption_of(reflector.surface), bands))
    point = np.array(reflector.point_m, np.float64)
    normal = np.array(reflector.normal, np.float64)
    normal /= np.linalg.norm(normal)
    across = np.array([1.0, 0.0, 0.0] if abs(normal[2]) > _UPRIGHT else [0.0, 0.0, 1.0])
    level = np.cross(across, normal)
    level /= np.linalg.norm(level)
    half = np.full(2, np.inf) if reflector.size_m is None else np.array(reflector.size_m) / 2
    plate = Plate(point, normal, np.stack([level, np.cross(normal, level)]), half)
    return mirror(point, normal, np.sqrt(1 - absorption), plate=plate)
