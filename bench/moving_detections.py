"""Sources on the sphere, and what a detector with known faults makes of them: for `bench.tracks`.

Everything here is simulated: sources on great circles at constant speed (or shaken by white
acceleration), detections with normal errors in the tangent plane, some missing, some false, the
false ones spread evenly over the sphere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.targets.tracks import Detections

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A source that sounds from one moment to another, on a great circle.

    Attributes
    ----------
    start
        Where it is at 0 s.
    velocity
        Radians a second, a tangent there.
    """

    start: Float[ndarray, "3"]
    velocity: Float[ndarray, "3"]
    onset_s: float
    offset_s: float

    def at(self, time_s: float) -> Float[ndarray, "3"]:
        """Give its direction at a moment."""
        speed = float(np.linalg.norm(self.velocity))
        if speed == 0:
            return self.start
        angle = speed * time_s
        return np.asarray(np.cos(angle) * self.start + np.sin(angle) / speed * self.velocity)

    def sounds(self, time_s: float) -> bool:
        """Tell whether it sounds at a moment."""
        return self.onset_s <= time_s < self.offset_s


@dataclass(frozen=True, slots=True)
class Faults:
    """How a detector errs.

    Attributes
    ----------
    error_deg
        Standard deviation along each of two axes.
    missed
        Share of a source's detections that are missing.
    false_per_step
        Mean number of detections that are of no source.
    merged_deg
        Sources closer than this are detected as one, between them.
    """

    error_deg: float = 2.0
    missed: float = 0.1
    false_per_step: float = 0.2
    merged_deg: float = 0.0


def anywhere(rng: Rng) -> Float[ndarray, "3"]:
    """Draw a direction, evenly from the sphere."""
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def aside(rng: Rng, direction: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Draw a unit tangent, evenly from all sides."""
    vector = np.cross(direction, anywhere(rng))
    return np.asarray(vector / np.linalg.norm(vector))


def off_by(rng: Rng, direction: Float[ndarray, "3"], error_rad: float) -> Float[ndarray, "3"]:
    """Draw a direction near another, with normal errors along both axes."""
    side = aside(rng, direction)
    one, other = error_rad * rng.standard_normal(2)
    step = one * side + other * np.cross(direction, side)
    far = float(np.linalg.norm(step))
    return np.asarray(np.cos(far) * direction + np.sinc(far / np.pi) * step)


def crossing(rng: Rng, duration_s: float, speeds_deg_s: tuple[float, float]) -> tuple[Source, ...]:
    """Draw two sources that meet in the middle at an angle of 60 to 120 degrees."""
    meeting = anywhere(rng)
    first = aside(rng, meeting)
    turn = np.deg2rad(rng.uniform(60, 120))
    second = np.cos(turn) * first + np.sin(turn) * np.cross(meeting, first)
    return tuple(
        _through(meeting, np.deg2rad(speed) * way, duration_s)
        for speed, way in zip(speeds_deg_s, (first, second), strict=True)
    )


def _through(
    place: Float[ndarray, "3"], velocity: Float[ndarray, "3"], duration_s: float
) -> Source:
    """Give the source that is at a place in the middle of the time."""
    speed = float(np.linalg.norm(velocity))
    back, ahead = speed * duration_s / 2, velocity / speed
    start = np.cos(back) * place - np.sin(back) * ahead
    return Source(start, speed * (np.cos(back) * ahead + np.sin(back) * place), 0.0, duration_s)


def coming_and_going(rng: Rng, n_sources: int, duration_s: float) -> tuple[Source, ...]:
    """Draw sources that begin and end at different times, half of them at rest."""
    sources = []
    for i in range(n_sources):
        start = anywhere(rng)
        speed = 0.0 if i % 2 else np.deg2rad(rng.uniform(5, 30))
        onset = rng.uniform(0, duration_s / 2)
        offset = onset + rng.uniform(duration_s / 4, duration_s / 2)
        sources.append(Source(start, speed * aside(rng, start), onset, offset))
    return tuple(sources)


def detected(
    rng: Rng, sources: Sequence[Source], faults: Faults, times_s: Float[ndarray, " step"]
) -> list[Detections]:
    """Draw what is detected of sources; the order within a step tells nothing."""
    error = float(np.deg2rad(faults.error_deg))
    steps = []
    for time_s in times_s.tolist():
        there = [source.at(time_s) for source in sources if source.sounds(time_s)]
        if len(there) == 2 and there[0] @ there[1] > np.cos(np.deg2rad(faults.merged_deg)):
            both = there[0] + there[1]
            there = [both / np.linalg.norm(both)]
        found = [off_by(rng, one, error) for one in there if rng.random() >= faults.missed]
        found += [anywhere(rng) for _ in range(rng.poisson(faults.false_per_step))]
        order = rng.permutation(len(found))
        direction = np.array([found[i] for i in order]).reshape(-1, 3)
        steps.append(Detections.alike(time_s, direction, error))
    return steps
