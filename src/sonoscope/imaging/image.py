"""Acoustic images as values: a map of a band and a time, the hot spots in it, and places.

A hot spot is a source of one band and time; a place is where several of them come from. Levels are
of the free-field pressure that a source alone would cause at the array's origin: 0 dB is a sine of
full scale, or 20 µPa where the microphones' sensitivity is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial import KDTree

from sonoscope.core.direction import angle_between, angles
from sonoscope.imaging.bound import Ellipse
from sonoscope.imaging.grids import tangents
from sonoscope.imaging.views import PlaneView, View

Band = tuple[float, float]
Method = Literal[
    "clean-sc", "capon", "conventional", "functional", "music", "srp-phat", "orthogonal", "damas"
]

IN_POINTS: tuple[Method, ...] = ("clean-sc", "orthogonal", "damas")
"""Methods that put a source into few points; the others draw it as wide as they see it."""

WITHOUT_LEVEL: tuple[Method, ...] = ("music", "srp-phat")
"""Methods whose maps are likenesses and no levels; hot spots have levels with all."""

SAME_RAD = float(np.deg2rad(5.0))
"""Hot spots that close are one place, whatever their ellipses."""

FAR_RAD = float(np.deg2rad(15.0))
"""Those further apart never are; arrays of few capsules call all that is closer one."""

PASCAL_DB = 94.0
"""Level of 1 Pa over 20 µPa, the sound that microphones' sensitivities are told for."""

_SPREAD = 1.2  # grid steps by which a source in one point is drawn and looked for
_REACH = 3.5  # in the same, beyond which nothing of it is left
_CIRCLE = 48


@dataclass(frozen=True, slots=True, eq=False)
class HotSpot:
    """A source of one band and time.

    Attributes
    ----------
    band_hz, start_s, end_s
        When and in what it was heard.
    direction
        Unit vector from the array's origin.
    place_m
        Where that is on the plane of the image, if it shows one.
    power
        Mean square of its pressure at the origin, full scale being 1.
    over_noise
        The same to that of the noise in one channel.
    gain
        How much likelier the sound is with it, in nats.
    ellipse
        Holds its direction with 90 % probability, if array, noise and surroundings are as modelled.
    """

    band_hz: Band
    start_s: float
    end_s: float
    direction: Float[ndarray, "3"]
    place_m: Float[ndarray, "3"] | None
    power: float
    over_noise: float
    gain: float
    ellipse: Ellipse

    @property
    def angles_deg(self) -> tuple[float, float]:
        """Azimuth and elevation."""
        azimuth, elevation = angles(self.direction)
        return float(np.rad2deg(azimuth)), float(np.rad2deg(elevation))

    def level_db(self, sensitivity_db: float | None = None) -> float:
        """Give the level over a sine of full scale, or over 20 µPa.

        Parameters
        ----------
        sensitivity_db
            What 94 dB of sound gives, over a sine of full scale; microphones' data sheets tell it.
        """
        level = 10 * float(np.log10(max(2 * self.power, 1e-30)))
        return level if sensitivity_db is None else level - sensitivity_db + PASCAL_DB

    @property
    def over_noise_db(self) -> float:
        """The same for the noise of one channel."""
        return 10 * float(np.log10(max(self.over_noise, 1e-30)))

    def outline(self) -> Float[ndarray, "point 3"]:
        """Give the directions on the rim of the ellipse, the first again at the end."""
        turn = np.linspace(0, 2 * np.pi, _CIRCLE + 1)
        major = min(self.ellipse.major_rad, np.pi / 2)
        minor = min(self.ellipse.minor_rad, np.pi / 2)
        cos, sin = np.cos(self.ellipse.turn_rad), np.sin(self.ellipse.turn_rad)
        along, across = major * np.cos(turn), minor * np.sin(turn)
        flat = np.stack([along * cos - across * sin, along * sin + across * cos], axis=1)
        far = np.linalg.norm(flat, axis=1, keepdims=True)
        aside = flat @ np.stack(tangents(self.direction)) / np.maximum(far, 1e-15)
        return np.asarray(np.cos(far) * self.direction + np.sin(far) * aside)


@dataclass(frozen=True, slots=True, eq=False)
class BandImage:
    """The map of a band and a time.

    Attributes
    ----------
    values
        At each point of the view: mean squares, or likenesses (`WITHOUT_LEVEL`).
    spots
        The hot spots, the loudest first.
    field
        What the noise was taken for: white, or diffuse.
    """

    band_hz: Band
    start_s: float
    end_s: float
    method: Method
    values: Float[ndarray, " point"]
    spots: tuple[HotSpot, ...]
    field: str

    def drawn(self, view: View) -> Float[ndarray, " point"]:
        """Give the map as it is to be drawn: sources in single points a little wider."""
        values = np.maximum(self.values, 0)
        return smeared(values, view) if self.method in IN_POINTS else values


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where hot spots of several bands and times come from.

    Attributes
    ----------
    loudest
        The hot spot with the most power.
    spots
        All of them, the loudest first.
    """

    loudest: HotSpot
    spots: tuple[HotSpot, ...]

    @property
    def band_hz(self) -> Band:
        """From the lowest to the highest edge of a band in which it is heard."""
        return min(s.band_hz[0] for s in self.spots), max(s.band_hz[1] for s in self.spots)

    @property
    def surest(self) -> HotSpot:
        """The hot spot whose ellipse is smallest: what places it best."""
        return min(self.spots, key=lambda spot: spot.ellipse.major_rad)


def places(spots: Sequence[HotSpot], same_rad: float = SAME_RAD) -> tuple[Place, ...]:
    """Gather hot spots by where they are, the loudest place first.

    A spot belongs to the nearest louder one within an angle, or within its own ellipse if that is
    wider, up to 15 degrees.
    """
    found: list[list[HotSpot]] = []
    for spot in sorted(spots, key=lambda one: -one.power):
        apart = [float(angle_between(spot.direction, group[0].direction)) for group in found]
        wide = [max(spot.ellipse.major_rad, group[0].ellipse.major_rad) for group in found]
        near = [
            (gap, i)
            for i, (gap, reach) in enumerate(zip(apart, wide, strict=True))
            if gap <= float(np.clip(reach, same_rad, FAR_RAD))
        ]
        if near:
            found[min(near)[1]].append(spot)
        else:
            found.append([spot])
    return tuple(Place(group[0], tuple(group)) for group in found)


def added(images: Sequence[BandImage], spots: Sequence[HotSpot] | None = None) -> BandImage:
    """Make one image of several of one view: maps are added as powers, or averaged as likenesses.

    Images of one band at several times are averaged in either case.
    """
    first = images[0]
    total = np.sum([image.values for image in images], axis=0)
    if first.method in WITHOUT_LEVEL or all(i.band_hz == first.band_hz for i in images):
        total = total / len(images)
    band = min(i.band_hz[0] for i in images), max(i.band_hz[1] for i in images)
    every = [spot for image in images for spot in image.spots] if spots is None else spots
    return replace(
        first,
        band_hz=band,
        start_s=min(i.start_s for i in images),
        end_s=max(i.end_s for i in images),
        values=np.asarray(total),
        spots=tuple(sorted(every, key=lambda spot: -spot.power)),
    )


def smeared(values: Float[ndarray, " point"], view: View) -> Float[ndarray, " point"]:
    """Draw what stands in single points as small hills; a lone point keeps its height."""
    points = view.points
    step = view.spacing_m if isinstance(view, PlaneView) else view.spacing_rad
    wide = _SPREAD * step
    used = np.flatnonzero(values > 0)
    out = np.zeros_like(values)
    near = KDTree(points).query_ball_point(points[used], _REACH * wide)
    for source, around in zip(used, near, strict=True):
        apart = np.linalg.norm(points[around] - points[source], axis=1)
        out[around] += values[source] * np.exp(-0.5 * (apart / wide) ** 2)
    return out
