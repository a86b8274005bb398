"""Events laid out on label frames: what sounds of each label, as often as it overlaps itself.

The `copy` axis tells sources of one label apart that sound at one moment: copy 0 is the one that
began last, copy 1 the one before it, and so on; what began before all copies that fit is left out.
A source therefore changes its copy when another of its label begins: nothing that reads copies may
depend on their order, but for class-wise targets, which hold copy 0 and nothing else.

A frame belongs to an event from the frame edge nearest to its onset up to the one nearest to its
offset, and to at least one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event
from sonoscope.core.frames import FrameGrid


class Sources(NamedTuple):
    """What sounds in each frame.

    Attributes
    ----------
    active
        Whether so many sources of the label sound; copy i + 1 sounds nowhere without copy i.
    direction
        Unit vectors where a source sounds and its direction is known, else zeros.
    distance_m
        How far away it is where that is known, else 0.
    """

    active: Bool[ndarray, "frame label copy"]
    direction: Float32[ndarray, "frame label copy 3"]
    distance_m: Float32[ndarray, "frame label copy"]


def lay_out(
    events: Sequence[Event],
    labels: Sequence[str],
    grid: FrameGrid,
    n_frames: int,
    n_copies: int = 1,
) -> Sources:
    """Lay events out on frames; what lies beyond the last frame is cut off.

    Raises
    ------
    InputError
        If an event's label is none of `labels`.
    """
    shape = (n_frames, len(labels), n_copies)
    active = np.zeros(shape, dtype=np.bool_)
    direction = np.zeros((*shape, 3), dtype=np.float32)
    distance_m = np.zeros(shape, dtype=np.float32)
    column = {label: i for i, label in enumerate(labels)}
    for event in sorted(events, key=lambda event: event.onset_s):
        if event.label not in column:
            raise InputError(
                f"an event's label must be one of {', '.join(labels)}, "
                f"but {event.label!r} was given"
            )
        frames = frames_of(event, grid, n_frames)
        here = slice(frames.start, frames.stop), column[event.label]
        middles = (np.arange(frames.start, frames.stop) + 0.5) * grid.step_s
        for held in (active, direction, distance_m):
            held[here][:, 1:] = held[here][:, :-1].copy()
        active[here][:, 0] = True
        direction[here][:, 0] = event.direction_at(middles) if event.path else 0.0
        distance_m[here][:, 0] = np.nan_to_num(event.distance_at(middles))
    return Sources(active, direction, distance_m)


def frames_of(event: Event, grid: FrameGrid, n_frames: int) -> range:
    """Give the frames that belong to an event, of so many."""
    start = grid.nearest_edge(event.onset_s)
    stop = max(start + 1, grid.nearest_edge(event.offset_s))
    return range(min(start, n_frames), min(stop, n_frames))
