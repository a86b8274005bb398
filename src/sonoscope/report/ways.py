"""The way of an event as lines to draw: degrees over time, thinned, cut where azimuth wraps."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.direction import angles
from sonoscope.core.event import Event

TOLERANCE_DEG = 1.0
COARSE_DEG = 2.5
"""What a line may be off by where hundreds of events share a page."""
MOVES_DEG = 7.5
_MOVES_COS = math.cos(math.radians(MOVES_DEG))
_MANY = 300
_SAMPLES_IN_ALL = 60_000

Point = tuple[float, float, float]
"""Seconds, azimuth and elevation in degrees."""


@dataclass(frozen=True, slots=True)
class Way:
    """An event's directions.

    Attributes
    ----------
    runs
        Lines between which azimuth jumps from one edge of the map to the other.
    mean_deg
        Azimuth and elevation of the mean direction.
    moves
        Whether it strays further than 7.5 degrees from its mean.
    """

    runs: tuple[tuple[Point, ...], ...]
    mean_deg: tuple[float, float]
    moves: bool

    @property
    def first(self) -> Point:
        """Where it begins."""
        return self.runs[0][0]

    @property
    def last(self) -> Point:
        """Where it ends."""
        return self.runs[-1][-1]


def way_of(event: Event, n_events: int = 1) -> Way | None:
    """Give the way of an event among `n_events` on a page, or None where no direction is known."""
    if not event.path:
        return None
    if len(event.path) == 1:
        here = event.path[0]
        azimuth, elevation = np.rad2deg([here.azimuth, here.elevation]).tolist()
        azimuth = (azimuth + 180) % 360 - 180 if abs(azimuth) > 180 else azimuth
        line = ((event.onset_s, azimuth, elevation), (event.offset_s, azimuth, elevation))
        return Way((line,), (azimuth, elevation), moves=False)
    times = _moments(event, max(8, min(200, _SAMPLES_IN_ALL // max(1, n_events))))
    vectors = event.direction_at(times)
    mean = vectors.mean(axis=0)
    nearest = float((vectors @ mean).min()) / max(float(np.linalg.norm(mean)), 1e-12)
    azimuth_rad, elevation_rad = angles(vectors)
    points = np.stack([times, np.unwrap(azimuth_rad), elevation_rad], axis=1)
    points[:, 1:] = np.rad2deg(points[:, 1:])
    middle = np.rad2deg(np.array(angles(mean)))
    tolerance_deg = TOLERANCE_DEG if n_events < _MANY else COARSE_DEG
    return Way(
        _cut(_thin(points, tolerance_deg)),
        (float(middle[0]), float(middle[1])),
        moves=nearest < _MOVES_COS,
    )


def _moments(event: Event, most: int) -> Float[ndarray, " moment"]:
    """Take every waypoint if they are few, with points between: the way on a map is curved."""
    if len(event.path) > most:
        return np.linspace(event.onset_s, event.offset_s, most)
    even = np.linspace(event.onset_s, event.offset_s, 2 if len(event.path) >= 12 else 24)
    known = np.clip([w.time_s for w in event.path], event.onset_s, event.offset_s)
    return np.unique(np.concatenate([known, even]))


def _thin(points: Float[ndarray, "point 3"], tolerance_deg: float) -> Float[ndarray, "kept 3"]:
    """Leave out what a straight line shows as well (Ramer-Douglas-Peucker)."""
    keep = np.zeros(len(points), dtype=bool)
    keep[[0, -1]] = True
    open_spans = [(0, len(points) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        inner = points[first + 1 : last]
        share = (inner[:, :1] - points[first, 0]) / max(points[last, 0] - points[first, 0], 1e-12)
        line = points[first, 1:] + share * (points[last, 1:] - points[first, 1:])
        apart = np.abs(inner[:, 1:] - line).max(axis=1)
        worst = int(apart.argmax())
        if apart[worst] > tolerance_deg:
            middle = first + 1 + worst
            keep[middle] = True
            open_spans += [(first, middle), (middle, last)]
    return points[keep]


def _cut(points: Float[ndarray, "point 3"]) -> tuple[tuple[Point, ...], ...]:
    """Cut a way whose azimuth runs on past ±180 wherever it leaves the map."""
    start, *others = points.tolist()
    runs: list[list[Point]] = [[(start[0], start[1], start[2])]]
    turn = 0
    before = start
    for after in others:
        # straight behind may stand on either edge: 179, 180, 179 is no crossing
        goal = turn if abs(after[1] - 360 * turn) <= 180 else math.floor((after[1] + 180) / 360)
        while turn != goal:
            step = 1 if goal > turn else -1
            edge = 360 * turn + 180 * step
            share = (edge - before[1]) / (after[1] - before[1])
            at, height = (before[i] + share * (after[i] - before[i]) for i in (0, 2))
            runs[-1].append((at, 180.0 * step, height))
            runs.append([(at, -180.0 * step, height)])
            turn += step
        runs[-1].append((after[0], after[1] - 360 * turn, after[2]))
        before = after
    return tuple(tuple(run) for run in runs)
