"""From frames in which several sources of a label may sound to events, one a source.

Networks that can hear a label twice say so on tracks, and nothing holds a source to its track: the
training lets them stand in any order in each frame, and shows one source alone on every track at
once. So, label by label:

 1. `unified`: tracks of a frame that point the same way (15 degrees) are one source;
 2. `followed`: sources are put in order frame by frame, each beside the one of the frame before
    that lay nearest, so that a track is one source for as long as it sounds;
 3. what a track then holds becomes events as class-wise frames do (`classwise.decode`).

Reference: K. Shimada et al., "Multi-ACCDOA", ICASSP 2022, section 3.3 (the angle of unification).
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.targets import classwise
from sonoscope.targets.apart import apart
from sonoscope.targets.classwise import NO_DIRECTION, Decoding, finite

SAME_SOURCE_DEG = 15.0
"""Tracks of one label that point closer together than this are one source."""

ANOTHER_SOURCE_DEG = 45.0
"""A source that turns up further than this from where one was lately heard is another one, as long
as there is a free track for it."""

_REPLACED = 1.01


class Copies(NamedTuple):
    """What a network says of each label's sources, several at a moment.

    Attributes
    ----------
    activity
        How sure it is of each, 0 to 1.
    direction
        Vectors towards them, of any length.
    distance_m
        How far away they are; None where the network does not say.
    """

    activity: Float[ndarray, "frame label copy"]
    direction: Float[ndarray, "frame label copy 3"]
    distance_m: Float[ndarray, "frame label copy"] | None = None

    @classmethod
    def of_vectors(
        cls,
        vector: Float[ndarray, "frame label copy 3"],
        distance_m: Float[ndarray, "frame label copy"] | None = None,
    ) -> "Copies":
        """Read vectors as activities (their lengths, at most 1) and directions."""
        length = np.linalg.norm(finite(vector), axis=-1)
        return cls(np.minimum(length, 1.0), vector, distance_m)


def decode(
    copies: Copies,
    labels: Sequence[str],
    grid: FrameGrid,
    decoding: Decoding,
    *,
    directed: bool = True,
) -> list[Event]:
    """Read events off frames, in order of onset: those of one label may overlap.

    Parameters
    ----------
    directed
        Whether the sound tells directions; without them a label's sources cannot be told apart,
        and the surest counts for all.
    """
    if not directed:
        return classwise.decode(copies.activity.max(axis=-1), None, labels, grid, decoding)
    n_copies, together = copies.activity.shape[-1], replace(decoding, apart_deg=0.0)
    if n_copies > 1:
        heard = np.array(decoding.thresholds) * decoding.release
        copies = unified(copies, heard)
        copies = followed(copies, heard, grid.nearest_edge(decoding.max_gap_s))
    column = {label: i for i, label in enumerate(labels)}
    events: list[Event] = []
    for copy in range(n_copies):
        activity, direction = copies.activity[..., copy], copies.direction[..., copy, :]
        found = classwise.decode(activity, direction, labels, grid, together)
        if copies.distance_m is not None:
            away = copies.distance_m[..., copy]
            found = [
                _placed(event, activity[:, i], away[:, i], grid, decoding)
                for event in found
                for i in (column[event.label],)
            ]
        events += found
    events = apart(events, decoding.apart_deg)
    return sorted(events, key=lambda event: (event.onset_s, event.label))


def unified(
    copies: Copies, heard: Float[ndarray, " label"], within_deg: float = SAME_SOURCE_DEG
) -> Copies:
    """Make one of those copies that point the same way.

    Copies that are joined by a chain of such pairs are one. It stands at the first of them, is as
    sure as the surest, points where they all do together and is as far as they are on average,
    each weighed by how sure it is; the others fall silent.

    Parameters
    ----------
    heard
        Activity from which on a copy counts; what is below stays as it is.
    """
    weight = np.where(copies.activity >= heard[:, None], copies.activity, 0.0)
    towards = _unit(copies.direction)
    cosine = np.einsum("flid,fljd->flij", towards, towards)
    near = cosine > np.cos(np.deg2rad(within_deg))
    near &= (weight[..., :, None] > 0) & (weight[..., None, :] > 0)
    near |= np.eye(near.shape[-1], dtype=np.bool_)
    for _ in range(near.shape[-1] - 2):
        near = near @ near
    first = near.argmax(axis=-1) == np.arange(near.shape[-1])
    shares = near * weight[..., None, :]
    several = near.sum(axis=-1) > 1
    activity = np.where(several, shares.max(axis=-1), copies.activity)
    together = shares @ finite(copies.direction)
    direction = np.where(several[..., None], together, copies.direction)
    distance_m = copies.distance_m
    if distance_m is not None:
        total = np.maximum(shares.sum(axis=-1), NO_DIRECTION)
        mean = np.einsum("flij,flj->fli", shares, finite(distance_m)) / total
        distance_m = np.where(first, np.where(several, mean, distance_m), 0.0)
    return Copies(
        np.where(first, activity, 0.0), np.where(first[..., None], direction, 0.0), distance_m
    )


def followed(copies: Copies, heard: Float[ndarray, " label"], memory: int) -> Copies:
    """Put each frame's copies in such an order that each stays one source.

    In every frame the order is taken for which the sources, all together, lie nearest to those
    that the tracks held lately. A track without memory costs what `ANOTHER_SOURCE_DEG` costs, one
    that has to forget its source for another one hardly more: whichever gives way, others stay.

    Parameters
    ----------
    heard
        Activity from which on a copy counts.
    memory
        For how many silent frames a track remembers its source.
    """
    order = _orders(copies.activity >= heard[:, None], _unit(copies.direction), memory)
    distance_m = copies.distance_m
    return Copies(
        np.take_along_axis(copies.activity, order, axis=-1),
        np.take_along_axis(copies.direction, order[..., None], axis=-2),
        None if distance_m is None else np.take_along_axis(distance_m, order, axis=-1),
    )


def _orders(
    sounds: Bool[ndarray, "frame label copy"],
    towards: Float[ndarray, "frame label copy 3"],
    memory: int,
) -> Int[ndarray, "frame label copy"]:
    """Tell which copy each track takes in each frame."""
    n_frames, n_labels, n_copies = sounds.shape
    ways = np.array(list(itertools.permutations(range(n_copies))), np.intp)
    track, row = np.arange(n_copies), np.arange(n_labels)[:, None]
    another = 1 - np.cos(np.deg2rad(ANOTHER_SOURCE_DEG))
    last = np.zeros((n_labels, n_copies, 3))
    silent_for = np.full((n_labels, n_copies), memory + 1)
    order = np.broadcast_to(track, sounds.shape).copy()
    for frame in range(n_frames):
        here = sounds[frame]
        if here.any():
            turned = 1 - np.einsum("ltd,lcd->ltc", last, towards[frame])
            cost = np.minimum(turned, _REPLACED * another)
            cost[silent_for > memory] = another
            cost *= here[:, None, :]
            taken = ways[cost[:, track, ways].sum(axis=-1).argmin(axis=-1)]
            order[frame] = taken
            on = here[row, taken]
            last[on] = towards[frame][row, taken][on]
            silent_for[on] = -1
        silent_for += 1
    return order


def _placed(
    event: Event,
    activity: Float[ndarray, " frame"],
    distance_m: Float[ndarray, " frame"],
    grid: FrameGrid,
    decoding: Decoding,
) -> Event:
    """Tell how far away an event is at each of its waypoints, smoothed like its directions."""
    start, stop = grid.nearest_edge(event.onset_s), grid.nearest_edge(event.offset_s)
    weight, away = activity[start:stop], distance_m[start:stop]
    reach = grid.nearest_edge(decoding.smoothing_s) // 2
    still = len(event.path) == 1
    path = []
    for point in event.path:
        frame = min(int(point.time_s / grid.step_s) - start, stop - start - 1)
        near = slice(0, None) if still else slice(max(0, frame - reach), frame + reach + 1)
        total = max(float(weight[near].sum()), NO_DIRECTION)
        metres = float((weight[near] * away[near]).sum()) / total
        path.append(Waypoint(point.time_s, point.azimuth, point.elevation, max(metres, 0.0)))
    return replace(event, path=tuple(path))


def _unit(vector: Float[ndarray, "*any 3"]) -> Float[ndarray, "*any 3"]:
    """Give vectors of length 1; those that point nowhere stay zero."""
    exact = finite(vector.astype(np.float64))
    length = np.linalg.norm(exact, axis=-1, keepdims=True)
    return np.asarray(exact / np.maximum(length, NO_DIRECTION) * (length > NO_DIRECTION))
