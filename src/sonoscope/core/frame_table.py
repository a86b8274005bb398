"""What sounds in each frame, row by row, and the way from events to frames and back.

An event covers the frames between the frame edges nearest to its onset and its offset, and at
least one. A frame's direction is the one at its middle. Angles are radians.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.direction import angle_between, angles, unit_vector
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid

JOIN_ANGLE = np.deg2rad(30.0)
"""How far a source may jump between two frames and still be one, where no track tells."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameTable:
    """One row for each source in each frame.

    Attributes
    ----------
    frames_per_s
        Frames a second: 50 in DCASE 2019, 10 since 2020.
    labels
        Names of the label indices.
    frame, label
        Frame number and label index of each row.
    azimuth, elevation
        Direction of each row in radians, not a number where unknown.
    track
        Which source of the frame this is, the same over an event; None where the file has none.
    distance_m
        Distance of each row; None where the file has none.
    """

    frames_per_s: int
    labels: tuple[str, ...]
    frame: Int[ndarray, " row"]
    label: Int[ndarray, " row"]
    azimuth: Float[ndarray, " row"]
    elevation: Float[ndarray, " row"]
    track: Int[ndarray, " row"] | None = None
    distance_m: Float[ndarray, " row"] | None = None

    def with_labels(self, labels: Sequence[str]) -> "FrameTable":
        """Name the label indices; refuses where an index has no name."""
        highest = int(self.label.max(initial=-1))
        if highest >= len(labels):
            raise InputError(
                f"class indices must be in 0..{len(labels) - 1} for {len(labels)} labels, "
                f"but {highest} was given"
            )
        return replace(self, labels=tuple(labels))


def frame_range(event: Event, frames_per_s: int) -> range:
    """Give the frames that an event covers.

    Examples
    --------
    >>> frame_range(Event("knock", 0.049, 0.101), frames_per_s=50)
    range(2, 5)
    """
    grid = FrameGrid(rate_hz=frames_per_s, hop=1)
    first = grid.nearest_edge(event.onset_s)
    return range(first, max(first + 1, grid.nearest_edge(event.offset_s)))


def directions(
    event: Event, frames: range, frames_per_s: int
) -> tuple[Float[ndarray, " frame"], Float[ndarray, " frame"]]:
    """Give azimuth and elevation at the middle of each frame; not a number where unknown."""
    if len(event.path) > 1:
        return angles(
            event.direction_at((np.arange(frames.start, frames.stop) + 0.5) / frames_per_s)
        )
    here = event.path[0] if event.path else Waypoint(0.0, np.nan, np.nan)
    return np.full(len(frames), float(here.azimuth)), np.full(len(frames), float(here.elevation))


def to_frames(events: Sequence[Event], labels: Sequence[str], frames_per_s: int) -> FrameTable:
    """Spread events over frames, in order of frames; an event keeps its track throughout.

    Raises
    ------
    InputError
        If an event's label is none of `labels`.
    """
    index = {label: i for i, label in enumerate(labels)}
    spans = [frame_range(event, frames_per_s) for event in events]
    for event in events:
        if event.label not in index:
            raise InputError(
                f"labels must be among {', '.join(labels)}, but {event.label!r} was given"
            )
    ways = [directions(e, span, frames_per_s) for e, span in zip(events, spans, strict=True)]
    tracks = _tracks(spans)
    lengths = [len(span) for span in spans]
    frame = np.concatenate([np.zeros(0, int), *(np.arange(s.start, s.stop) for s in spans)])
    order = np.argsort(frame, kind="stable")
    return FrameTable(
        frames_per_s=frames_per_s,
        labels=tuple(labels),
        frame=frame[order],
        label=np.repeat(np.array([index[e.label] for e in events], int), lengths)[order],
        azimuth=np.concatenate([np.zeros(0), *(azimuth for azimuth, _ in ways)])[order],
        elevation=np.concatenate([np.zeros(0), *(elevation for _, elevation in ways)])[order],
        track=np.repeat(np.array(tracks, int), lengths)[order],
        distance_m=np.concatenate(
            [
                np.zeros(0),
                *(_distances(e, s, frames_per_s) for e, s in zip(events, spans, strict=True)),
            ]
        )[order],
    )


def _distances(event: Event, frames: range, frames_per_s: int) -> Float[ndarray, " frame"]:
    return event.distance_at((np.arange(frames.start, frames.stop) + 0.5) / frames_per_s)


def _tracks(spans: Sequence[range]) -> list[int]:
    """Give each span the lowest number that no span has which overlaps or touches it."""
    numbers = [0] * len(spans)
    last: list[int] = []  # where each track's latest span stops
    for i in sorted(range(len(spans)), key=lambda i: spans[i].start):
        free = (track for track, stop in enumerate(last) if stop < spans[i].start)
        number = next(free, len(last))
        if number == len(last):
            last.append(0)
        last[number] = spans[i].stop
        numbers[i] = number
    return numbers


@dataclass(slots=True)
class _Run:
    """A source while it is being followed from frame to frame."""

    label: str
    start: int
    stop: int
    vector: Float[ndarray, "3"]
    path: list[Waypoint] = field(default_factory=list)


def to_events(table: FrameTable) -> tuple[Event, ...]:
    """Join the rows of successive frames into events, in order of onset.

    Rows of one label and track belong together; in a table without tracks, rows of one label that
    lie within `JOIN_ANGLE` of each other, the nearest first.
    """
    runs: list[_Run] = []
    going: dict[tuple[int, int], list[_Run]] = {}
    vectors = unit_vector(table.azimuth, table.elevation)
    for i in np.lexsort((table.label, table.frame)):
        frame, label = int(table.frame[i]), int(table.label[i])
        track = -1 if table.track is None else int(table.track[i])
        followed = [run for run in going.get((label, track), []) if run.stop >= frame]
        run = _nearest(followed, frame, vectors[i], free=table.track is not None)
        if run is None:
            run = _Run(table.labels[label], frame, frame, vectors[i])
            followed.append(run)
            runs.append(run)
        run.stop, run.vector = frame + 1, vectors[i]
        run.path.extend(_waypoint(table, int(i)))
        going[label, track] = followed
    step = table.frames_per_s
    return tuple(
        Event(run.label, run.start / step, run.stop / step, _straight(run.path))
        for run in sorted(runs, key=lambda run: (run.start, run.stop, run.label))
    )


def _nearest(
    runs: Sequence[_Run], frame: int, vector: Float[ndarray, "3"], *, free: bool
) -> _Run | None:
    waiting = [run for run in runs if run.stop == frame]
    if not waiting or free:
        return waiting[0] if waiting else None
    away = [float(np.nan_to_num(angle_between(run.vector, vector))) for run in waiting]
    best = int(np.argmin(away))
    return waiting[best] if away[best] <= JOIN_ANGLE else None


def _waypoint(table: FrameTable, row: int) -> Iterator[Waypoint]:
    azimuth, elevation = float(table.azimuth[row]), float(table.elevation[row])
    if not np.isnan(azimuth):
        time_s = (int(table.frame[row]) + 0.5) / table.frames_per_s
        metres = np.nan if table.distance_m is None else float(table.distance_m[row])
        yield Waypoint(time_s, azimuth, elevation, None if np.isnan(metres) else metres)


def _straight(path: Sequence[Waypoint]) -> tuple[Waypoint, ...]:
    """Leave out every waypoint that says the same as both its neighbours."""
    if all(point[1:] == path[0][1:] for point in path):
        return tuple(path[:1])
    inner = (
        point
        for before, point, after in zip(path, path[1:], path[2:], strict=False)
        if not before[1:] == point[1:] == after[1:]
    )
    return (path[0], *inner, path[-1])
