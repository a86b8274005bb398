"""Which hot spots of an image's windows are one source that goes on, or moves: their tracks.

    hot spots of a window, all bands ─► places ─► one detection each ─► `targets.tracks`

A place's detection is where the ellipses of its spots, taken for independent, put it: the mean
weighed by the inverse of their covariances. `LEAST_DEG` is added to its error, for what ellipses do
not know of: the array, the room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.imaging.bound import Ellipse
from sonoscope.imaging.grids import tangents
from sonoscope.imaging.image import SAME_RAD, HotSpot, Place, places
from sonoscope.targets.tracks import Detections, Track, Tracker, Tracking, tangent_to, turned

LEAST_DEG = 1.0
SILENT_WINDOWS = 3.5
"""A source that is not heard for so many windows, and for 1.5 s, is gone."""

_WIDE_RAD = np.deg2rad(45.0)  # an ellipse that reaches further does not tell a direction

Window = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class SpotTracks:
    """Tracks of an image, in the order of their numbers.

    Attributes
    ----------
    number_of
        The number of a hot spot's track, by the spot's id; not all have one.
    """

    tracks: tuple[Track, ...]
    number_of: Mapping[int, int]


def followed(
    spots: Sequence[HotSpot], windows: Sequence[Window], same_rad: float = SAME_RAD
) -> SpotTracks:
    """Follow hot spots through windows.

    Parameters
    ----------
    windows
        All that were looked at, in order, also those without any hot spot.
    same_rad
        Spots of a window closer than this are of one source.
    """
    by_window: dict[float, list[HotSpot]] = {start: [] for start, _ in windows}
    for spot in spots:
        if spot.ellipse.major_rad < _WIDE_RAD:
            by_window[spot.start_s].append(spot)
    found = [places(by_window[start], same_rad) for start, _ in windows]
    steps = [_detections(window, each) for window, each in zip(windows, found, strict=True)]
    longest = max((end - start for start, end in windows), default=0.0)
    wanted = Tracking(least_deg=LEAST_DEG, death_s=max(1.5, SILENT_WINDOWS * longest))
    tracks = Tracker(wanted).tracks(steps)
    at = {step.time_s: i for i, step in enumerate(steps)}
    number_of = {
        id(spot): track.id
        for track in tracks
        for time_s, which in zip(track.time_s.tolist(), track.detection.tolist(), strict=True)
        if which >= 0
        for spot in found[at[time_s]][which].spots
    }
    return SpotTracks(tracks, number_of)


def _detections(window: Window, found: Sequence[Place]) -> Detections:
    start, end = window
    each = [_where(place.spots) for place in found]
    power = [sum(spot.power for spot in place.spots) for place in found]
    return Detections(
        (start + end) / 2,
        np.array([direction for direction, _ in each]).reshape(-1, 3),
        np.array([covariance for _, covariance in each]).reshape(-1, 3, 3),
        10 * np.log10(np.maximum(2 * np.array(power, np.float64), 1e-30)),
    )


def _where(spots: Sequence[HotSpot]) -> tuple[Float[ndarray, "3"], Float[ndarray, "3 3"]]:
    """Give the direction of several spots of one source, and the covariance of its error."""
    surest = min(spots, key=lambda spot: spot.ellipse.major_rad).direction
    upright = np.outer(surest, surest)
    weight, pull = np.zeros((3, 3)), np.zeros(3)
    for spot in spots:
        turn = turned(spot.direction, surest)
        sure = np.linalg.inv(turn @ covariance(spot) @ turn.T + upright) - upright
        weight += sure
        pull += sure @ tangent_to(surest, spot.direction)
    around = np.linalg.inv(weight + upright) - upright
    aside = around @ pull
    direction = surest + aside  # nearer than 15 degrees: tangent and angle differ little
    direction = direction / np.linalg.norm(direction)
    turn = turned(surest, direction)
    return np.asarray(direction), np.asarray(turn @ around @ turn.T)


def covariance(spot: HotSpot) -> Float[ndarray, "3 3"]:
    """Give the covariance of a spot's error, as a tangent in space, that draws its ellipse."""
    ellipse: Ellipse = spot.ellipse
    sideways, upward = tangents(spot.direction)
    cos, sin = np.cos(ellipse.turn_rad), np.sin(ellipse.turn_rad)
    axes = np.stack([cos * sideways + sin * upward, cos * upward - sin * sideways])
    half = np.maximum([ellipse.major_rad, ellipse.minor_rad], 1e-9)
    variance = half**2 / (-2 * np.log(0.1))
    return np.asarray((axes.T * variance) @ axes)
