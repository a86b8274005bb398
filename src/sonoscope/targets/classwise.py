"""Events to and from the class-wise target: for each label an activity and one direction a frame.

A frame belongs to an event from the frame edge nearest to its onset up to the one nearest to its
offset. Directions are unit vectors (core.direction's axes). Two events of one label at one moment
share a frame, and the direction there is that of the later onset: the representation holds one.

Reference: S. Adavanne et al., "Sound Event Localization and Detection of Overlapping Sources Using
Convolutional Recurrent Neural Networks", IEEE JSTSP 13(1), 2019.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.direction import angle_between, angles
from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.core.recipe import STRICT
from sonoscope.targets.apart import apart
from sonoscope.targets.calibration import raw_spread
from sonoscope.targets.sources import lay_out

WAYPOINT_STEP_S = 0.1
"""Seconds between the waypoints of a source that moves."""

NO_DIRECTION = 1e-6
"""Vectors that average to less than this point nowhere."""

Threshold = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(config=STRICT)
class Decoding:
    """How frames become events.

    Attributes
    ----------
    thresholds
        Activity at which an event of each label begins, in the labels' order.
    release
        Part of the threshold that the activity has to stay above for the event to go on.
    min_duration_s
        What is shorter is dropped, after gaps were closed.
    max_gap_s
        Pauses up to this long do not end an event.
    smoothing_s
        Length of the window around each moment over which directions are averaged.
    still_deg
        A source whose smoothed directions all stay this close to their mean counts as at rest.
    apart_deg
        Of events at one time from directions nearer than this the surest stays; 0 keeps all.
    """

    thresholds: tuple[Threshold, ...]
    release: Threshold = 0.6
    min_duration_s: Seconds = 0.1
    max_gap_s: Seconds = 0.2
    smoothing_s: Seconds = 1.0
    still_deg: Annotated[float, Field(ge=0, le=180)] = 5.0
    apart_deg: Annotated[float, Field(ge=0, le=180)] = 0.0


def encode(
    events: Sequence[Event], labels: Sequence[str], grid: FrameGrid, n_frames: int
) -> tuple[Bool[ndarray, "frame label"], Float32[ndarray, "frame label 3"]]:
    """Lay events out on frames.

    Returns
    -------
    The activity, and unit vectors where a label is active and its direction known, else zeros.
    What lies beyond the last frame is cut off.

    Raises
    ------
    InputError
        If an event's label is none of `labels`.
    """
    sources = lay_out(events, labels, grid, n_frames)
    return sources.active[..., 0], sources.direction[..., 0, :]


def decode(
    activity: Float[ndarray, "frame label"],
    direction: Float[ndarray, "frame label 3"] | None,
    labels: Sequence[str],
    grid: FrameGrid,
    decoding: Decoding,
) -> list[Event]:
    """Read events off frames, in order of onset.

    Parameters
    ----------
    activity
        How sure the detector is, 0 to 1; what is not finite counts as silence.
    direction
        Vectors of any length toward the source, or None where no direction can be known.

    Returns
    -------
    Events whose score is the mean activity from onset to offset, and whose spread is
    `calibration.raw_spread`; `calibration.calibrated` makes a probability and an angle of them. A
    source at rest has one waypoint, a moving one a waypoint every 0.1 s, one without any usable
    direction none.
    """
    if len(decoding.thresholds) != len(labels):
        raise SettingError(
            f"decoding.thresholds must be {len(labels)} numbers, one a label, "
            f"but {len(decoding.thresholds)} were given"
        )
    events = []
    for i, (label, threshold) in enumerate(zip(labels, decoding.thresholds, strict=True)):
        sure = np.clip(finite(activity[:, i].astype(np.float64)), 0.0, 1.0)
        for start, stop in _stretches(sure, threshold, grid, decoding):
            path: tuple[Waypoint, ...] = ()
            spread = None
            if direction is not None:
                toward = finite(direction[start:stop, i].astype(np.float64))
                path = _path(toward, sure[start:stop], start, grid, decoding)
                if path:
                    spread = raw_spread(toward, sure[start:stop])
            score = float(sure[start:stop].mean())
            onset_s, offset_s = grid.start_s(start), grid.start_s(stop)
            events.append(Event(label, onset_s, offset_s, path, score, spread))
    events = apart(events, decoding.apart_deg)
    return sorted(events, key=lambda event: (event.onset_s, event.label))


def finite(numbers: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Give numbers with 0 in the place of what is none or infinite."""
    return np.asarray(np.nan_to_num(numbers, posinf=0.0, neginf=0.0))


def _stretches(
    sure: Float[ndarray, " frame"], threshold: float, grid: FrameGrid, decoding: Decoding
) -> list[tuple[int, int]]:
    """Find where a label is active: hysteresis, then pauses closed, then short ones dropped."""
    edges = _edges(sure >= threshold * decoding.release)
    begun = [(a, b) for a, b in edges if sure[a:b].max() >= threshold]
    max_gap = grid.nearest_edge(decoding.max_gap_s)
    joined: list[tuple[int, int]] = []
    for start, stop in begun:
        if joined and start - joined[-1][1] <= max_gap:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    shortest = grid.nearest_edge(decoding.min_duration_s)
    return [(start, stop) for start, stop in joined if stop - start >= shortest]


def _edges(active: Bool[ndarray, " frame"]) -> list[tuple[int, int]]:
    """Give first frame and the one after the last of each run of True."""
    change: Int[ndarray, " edge"] = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return [(int(start), int(stop)) for start, stop in change.reshape(-1, 2)]


def _path(
    toward: Float[ndarray, "frame 3"],
    sure: Float[ndarray, " frame"],
    start: int,
    grid: FrameGrid,
    decoding: Decoding,
) -> tuple[Waypoint, ...]:
    """Give the way of one event's source, each direction smoothed over the moments around it.

    A network that regresses directions answers with shorter vectors where it is less sure, so
    their lengths weigh too.
    """
    pull = sure[:, None] * toward
    mean = pull.sum(axis=0)
    if np.linalg.norm(mean) <= NO_DIRECTION * len(pull):
        return ()
    smooth = _moving_sum(pull, reach=grid.nearest_edge(decoding.smoothing_s) // 2)
    smooth[np.linalg.norm(smooth, axis=1) <= NO_DIRECTION] = mean
    if np.rad2deg(angle_between(smooth, mean).max()) <= decoding.still_deg:
        return _waypoints(np.array([grid.start_s(start)]), mean[None])
    every = max(1, grid.nearest_edge(WAYPOINT_STEP_S))
    last = len(smooth) - 1
    kept = np.array([*range(0, last, every), last])
    return _waypoints((start + kept + 0.5) * grid.step_s, smooth[kept])


def _moving_sum(values: Float[ndarray, "frame 3"], reach: int) -> Float[ndarray, "frame 3"]:
    """Add up each frame with those up to `reach` before and after it, as far as there are any."""
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(values, axis=0)])
    frames = np.arange(len(values))
    last = np.minimum(frames + reach + 1, len(values))
    return np.asarray(total[last] - total[np.maximum(frames - reach, 0)])


def _waypoints(
    times_s: Float[ndarray, " point"], toward: Float[ndarray, "point 3"]
) -> tuple[Waypoint, ...]:
    azimuth, elevation = angles(toward)
    rows = zip(times_s.tolist(), azimuth.tolist(), elevation.tolist(), strict=True)
    return tuple(Waypoint(*row) for row in rows)
