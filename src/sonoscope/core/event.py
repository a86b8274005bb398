"""One sound that happened: what, when, and from where if that is known.

Times are seconds from the start of the recording, angles radians (core.direction's axes).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike

from sonoscope.core.direction import angles, unit_vector
from sonoscope.core.errors import InputError


class Waypoint(NamedTuple):
    """Where a source is at one moment."""

    time_s: float
    azimuth: float
    elevation: float
    distance_m: float | None = None


class Passes(NamedTuple):
    """How an event differs where a network is asked many times (Monte Carlo dropout).

    Attributes
    ----------
    n_passes
        How often it was asked.
    score_std
        Standard deviation of the event's mean activity.
    angle
        By how much its direction wanders, root mean square in radians; None without one.
    """

    n_passes: int
    score_std: float
    angle: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A labelled stretch of time, with the way its source took.

    Attributes
    ----------
    label
        What sounded.
    onset_s, offset_s
        When it began and ended.
    path
        Where it was, in order of time: empty where the direction is unknown, one waypoint for a
        source that stays.
    score
        How sure the detector is, 0 to 1; 1 for truth. Of a calibrated model it is the probability
        that the event is right.
    spread
        Radius in radians of the region around its direction that holds the true one with 90 %
        probability, where that is known.
    passes
        How it differs from pass to pass, where the network was asked many times.

    Examples
    --------
    >>> knock = Event("door_wood_knock", 1.0, 1.4, (Waypoint(1.0, 0.5, 0.0),))
    >>> knock.duration_s, knock.azimuth
    (0.3999999999999999, 0.5)
    """

    label: str
    onset_s: float
    offset_s: float
    path: tuple[Waypoint, ...] = ()
    score: float = 1.0
    spread: float | None = None
    passes: Passes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.onset_s <= self.offset_s:
            raise InputError(
                f"an event must end after it begins, at or after 0 s, "
                f"but {self.label} from {self.onset_s} to {self.offset_s} s was given"
            )

    @property
    def duration_s(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_s - self.onset_s

    @property
    def azimuth(self) -> float | None:
        """Azimuth of the mean direction, or None where no direction is known."""
        return float(angles(self._mean())[0]) if self.path else None

    @property
    def elevation(self) -> float | None:
        """Elevation of the mean direction, or None where no direction is known."""
        return float(angles(self._mean())[1]) if self.path else None

    def _mean(self) -> Float[ndarray, "3"]:
        return np.asarray(self._vectors().mean(axis=0))

    def _vectors(self) -> Float[ndarray, "waypoint 3"]:
        return unit_vector([w.azimuth for w in self.path], [w.elevation for w in self.path])

    def direction_at(self, time_s: float | ArrayLike) -> Float[ndarray, "*any 3"]:
        """Give unit vectors to the source at moments; held before the first and after the last."""
        if not self.path:
            raise InputError(f"{self.label} at {self.onset_s} s has no direction")
        times = np.asarray(time_s, np.float64)
        known = [w.time_s for w in self.path]
        line = np.stack([np.interp(times, known, axis) for axis in self._vectors().T], axis=-1)
        vector: Float[ndarray, "*any 3"] = line / np.linalg.norm(line, axis=-1, keepdims=True)
        return vector

    def distance_at(self, time_s: float | ArrayLike) -> Float[ndarray, "*any"]:
        """Give metres to the source at moments, between the waypoints that know; nan without."""
        times = np.asarray(time_s, np.float64)
        known = [(w.time_s, w.distance_m) for w in self.path if w.distance_m is not None]
        if not known:
            return np.full(times.shape, np.nan)
        at_s, metres = np.array(known, np.float64).T
        return np.asarray(np.interp(times, at_s, metres))
