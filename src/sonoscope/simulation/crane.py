"""A slip-ring cabinet on a crane: what may discharge there, where it is, and its open steel door.

Places stand in the front's own axes, in metres: to the right, up, and out of it towards who looks;
`CraneView` says where the front is in the axes of an array (x ahead, y left, z up). The cabinet is
an invention, with the parts that such cabinets have; the door stands out of it as a mirror does.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.recipe import STRICT
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.paths import Plate

Place = tuple[float, float, float]

HINGE_M, DOOR_M, HALF_HEIGHT_M = 0.9, 1.5, 0.9
"""Where the door hangs to the right, how wide it is, and half its height."""

_EDGE_HZ = 25_000.0


@dataclass(frozen=True, slots=True)
class Part:
    """Something that may discharge.

    Attributes
    ----------
    place
        Where: right, up, out.
    kinds
        How.
    """

    place: Place
    kinds: tuple[Kind, ...]


RINGS_UP_M = (-0.55, -0.3, -0.05, 0.2)
BARS_RIGHT_M = (0.3, 0.5, 0.7)
INSULATORS_RIGHT_M = (-0.55, 0.0, 0.55)
ENDS_UP_M = (0.45, -0.15)

PARTS: dict[str, Part] = {
    **{f"brush {i + 1}": Part((-0.24, up, 0.16), ("brush",)) for i, up in enumerate(RINGS_UP_M)},
    **{
        f"insulator {i + 1}": Part((right, 1.05, 0.05), ("surface",))
        for i, right in enumerate(INSULATORS_RIGHT_M)
    },
    **{
        f"bolt {i + 1}": Part((right, 0.62, 0.1), ("corona",))
        for i, right in enumerate(BARS_RIGHT_M)
    },
    **{
        f"bar support {i + 1}": Part((right, 0.25, 0.08), ("internal",))
        for i, right in enumerate(BARS_RIGHT_M)
    },
    **{
        f"cable end {i + 1}": Part((-1.3, up, 0.05), ("surface", "internal", "corona"))
        for i, up in enumerate(ENDS_UP_M)
    },
    "shield": Part((0.5, -0.4, 0.12), ("floating",)),
    "loose clamp": Part((0.1, -0.7, 0.1), ("floating",)),
    "tank": Part((-1.3, -0.75, 0.2), ("particle",)),
}
"""All parts by name."""


@settings(config=STRICT)
class CraneView:
    """Where the front is, as an array sees it that looks at it.

    Attributes
    ----------
    distance_m
        How far ahead the middle of the front is.
    aside_m, above_m
        How far to the left and up of straight ahead.
    turn_deg
        How far the front is turned counter-clockwise, seen from above, from facing the array.
    door_deg
        How far the door is opened; at 90 it stands straight out.
    sheet
        Pressure that the door's steel sheet sends back.
    """

    distance_m: Annotated[float, Field(ge=2, le=30)] = 4.0
    aside_m: Annotated[float, Field(ge=-2, le=2)] = 0.0
    above_m: Annotated[float, Field(ge=-2, le=2)] = 0.0
    turn_deg: Annotated[float, Field(ge=-20, le=20)] = 0.0
    door_deg: Annotated[float, Field(ge=60, le=110)] = 86.0
    sheet: Annotated[float, Field(ge=0, le=1)] = 0.8

    @property
    def axes(self) -> Float[ndarray, "3 3"]:
        """Right, up and out of the front, as rows."""
        turn = np.deg2rad(self.turn_deg)
        out = np.array([-np.cos(turn), -np.sin(turn), 0.0])
        up = np.array([0.0, 0.0, 1.0])
        return np.stack([np.cross(up, out), up, out])

    def places(self, on_front: Float[ndarray, "point 3"]) -> Float[ndarray, "point 3"]:
        """Give places of the front in the array's axes."""
        middle = np.array([self.distance_m, self.aside_m, self.above_m])
        return np.asarray(on_front @ self.axes + middle)

    def part(self, name: str) -> Float[ndarray, "3"]:
        """Give where a part is."""
        return np.asarray(self.places(np.array([PARTS[name].place]))[0])

    @property
    def door_outward(self) -> Float[ndarray, "3"]:
        """The direction along the door from its hinge, on the front's axes."""
        opened = np.deg2rad(self.door_deg)
        return np.array([-np.cos(opened), 0.0, np.sin(opened)])

    @property
    def door(self) -> Plate:
        """The door's inner side, in the array's axes."""
        along = self.door_outward
        middle = np.array([HINGE_M, 0.0, 0.0]) + DOOR_M / 2 * along
        inward = np.array([-along[2], 0.0, along[0]])
        sides = np.stack([along, [0.0, 1.0, 0.0]]) @ self.axes
        half = np.array([DOOR_M / 2, HALF_HEIGHT_M])
        return Plate(self.places(middle[None])[0], inward @ self.axes, sides, half)


def image_in(plate: Plate, place_m: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Give where a place is seen in a mirror."""
    depth = float((place_m - plate.centre_m) @ plate.normal)
    return np.asarray(place_m - 2 * depth * plate.normal)


def seen_in(plate: Plate, image_m: Float[ndarray, "3"], ear_m: Float[ndarray, "3"]) -> float:
    """Tell how much of an image is heard: 1 well inside the mirror, ½ at its edge, 0 beyond.

    The edge is as wide as the first Fresnel zone at 25 kHz.
    """
    behind = -float((image_m - plate.centre_m) @ plate.normal)
    before = float((ear_m - plate.centre_m) @ plate.normal)
    if behind <= 0 or before <= 0:
        return 0.0
    part = before / (behind + before)
    inside = plate.half_m - np.abs(
        (ear_m + part * (image_m - ear_m) - plate.centre_m) @ plate.sides.T
    )
    wave_m = SPEED_OF_SOUND_M_S / _EDGE_HZ
    length = float(np.linalg.norm(image_m - ear_m))
    zone = max(float(np.sqrt(wave_m * length * part * (1 - part))), 1e-3)
    return float((0.5 + inside / zone).clip(0, 1).prod())


def is_hidden(plate: Plate, place_m: Float[ndarray, "3"], ear_m: Float[ndarray, "3"]) -> bool:
    """Tell whether a plate stands between a place and who listens, by less than 5 cm beside it."""
    start = float((place_m - plate.centre_m) @ plate.normal)
    end = float((ear_m - plate.centre_m) @ plate.normal)
    if start * end > 0:
        return False
    crossing = ear_m + end / (end - start) * (place_m - ear_m) if end != start else place_m
    aside = np.abs((crossing - plate.centre_m) @ plate.sides.T)
    return bool(np.all(aside < plate.half_m + 0.05))
