"""Sources on frames of 100 ms, paired label by label: what the scores of 2020 to 2025 begin with.

A cell is one label in one frame. True and heard sources of a cell are paired so that the sum of
angles is least (Hungarian method), which angle being for each year to say. Angles are degrees here,
for the threshold of 20 degrees falls on whole degrees of the files, and the organisers' rounding
decides on which side a source lies.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.errors import InputError
from sonoscope.core.frame_table import FrameTable, to_events, to_frames
from sonoscope.metrics.dcase2019 import MAX_DURATION_S, Sounding
from sonoscope.metrics.matching import assign

FRAMES_PER_S = 10


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """One row for each source in each frame, ordered by cells, within a cell as in the file.

    Attributes
    ----------
    frame, label
        Frame of 100 ms and index of the label.
    track
        Which source of its label this is: the number that the file gives, or the place among the
        rows of the cell.
    azimuth_deg, elevation_deg
        Direction, whole degrees being whole again.
    distance_m
        Distance; not a number where unknown.
    n_labels
        How many labels there are.
    """

    frame: Int[ndarray, " row"]
    label: Int[ndarray, " row"]
    track: Int[ndarray, " row"]
    azimuth_deg: Float[ndarray, " row"]
    elevation_deg: Float[ndarray, " row"]
    distance_m: Float[ndarray, " row"]
    n_labels: int

    @property
    def cell(self) -> Int[ndarray, " row"]:
        """Number of each row's cell: the frame's times `n_labels`, plus the label's."""
        return np.asarray(self.frame * self.n_labels + self.label)

    @property
    def second_label(self) -> Int[ndarray, " row"]:
        """Number of each row's label in its second, as `cell` in its frame."""
        return np.asarray(self.frame // FRAMES_PER_S * self.n_labels + self.label)

    def before(self, frame: int) -> "Sources":
        """Keep what sounds before a frame."""
        kept = self.frame < frame
        return Sources(
            self.frame[kept],
            self.label[kept],
            self.track[kept],
            self.azimuth_deg[kept],
            self.elevation_deg[kept],
            self.distance_m[kept],
            self.n_labels,
        )


def names(*sides: Sounding) -> tuple[str, ...]:
    """Give the labels that occur, in order."""
    found: set[str] = set()
    for side in sides:
        if isinstance(side, FrameTable):
            found |= {side.labels[i] for i in np.unique(side.label)}
        else:
            found |= {event.label for event in side}
    return tuple(sorted(found))


def lay_out(side: Sounding, labels: Sequence[str], *, tracked: bool) -> Sources:
    """Lay a table of events or of frames out on frames of 100 ms.

    Parameters
    ----------
    side
        Events, each covering the frames between the nearest frame edges, or frames whose rate
        divides 10 a second.
    labels
        Names of the labels, in the order of their indices.
    tracked
        Tell sources of one label apart by their tracks, or where there are none by their directions
        (`core.frame_table`); without it by their place in the frame.

    Raises
    ------
    InputError
        If a label is none of `labels`, a source has no direction, frames have a rate that does not
        divide 10 a second, or something lies beyond a day.
    """
    table = side if isinstance(side, FrameTable) else _from_events(side)
    _check(table, labels)
    if tracked and table.track is None:
        table = to_frames(to_events(table), table.labels, table.frames_per_s)
    repeats = FRAMES_PER_S // table.frames_per_s
    index = {name: i for i, name in enumerate(labels)}
    number = np.array([index.get(name, -1) for name in table.labels], int)
    frame = (table.frame[:, None] * repeats + np.arange(repeats)).ravel()
    label, azimuth, elevation, distance = (
        np.repeat(column, repeats)
        for column in (
            number[table.label],
            np.rad2deg(table.azimuth).round(6),
            np.rad2deg(table.elevation).round(6),
            np.full(len(table.frame), np.nan) if table.distance_m is None else table.distance_m,
        )
    )
    cell = frame * len(labels) + label
    order = np.argsort(cell, kind="stable")
    if tracked and table.track is not None:
        track = _told_apart(cell[order], np.repeat(table.track, repeats)[order])
    else:
        track = _places(cell[order])
    frame, label, azimuth, elevation, distance = (
        column[order] for column in (frame, label, azimuth, elevation, distance)
    )
    return Sources(frame, label, track, azimuth, elevation, distance, len(labels))


def _from_events(events: Sounding) -> FrameTable:
    assert not isinstance(events, FrameTable)
    for event in events:
        if event.offset_s > MAX_DURATION_S:
            raise InputError(
                f"a recording must be at most {MAX_DURATION_S} s long, "
                f"but {event.label} until {event.offset_s:g} s was given"
            )
    return to_frames(events, names(events), FRAMES_PER_S)


def _check(table: FrameTable, labels: Sequence[str]) -> None:
    if FRAMES_PER_S % table.frames_per_s:
        raise InputError(
            f"frames must come at a rate that divides {FRAMES_PER_S} a second, "
            f"but {table.frames_per_s} a second were given"
        )
    last_s = table.frame.max(initial=0) / table.frames_per_s
    if last_s >= MAX_DURATION_S:
        raise InputError(
            f"a recording must be at most {MAX_DURATION_S} s long, "
            f"but something at {last_s:g} s was given"
        )
    for name in names(table):
        if name not in labels:
            raise InputError(
                f"labels must be among {', '.join(labels)[:200]}, but {name!r} was given"
            )
    unknown = np.isnan(table.azimuth + table.elevation)
    if unknown.any():
        row = int(unknown.argmax())
        raise InputError(
            f"every source must have a direction, but {table.labels[table.label[row]]} "
            f"at {table.frame[row] / table.frames_per_s:g} s has none"
        )


def _places(key: Int[ndarray, " row"]) -> Int[ndarray, " row"]:
    """Count up from 0 along the rows of each key; keys are in order."""
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    return np.asarray(np.arange(len(key)) - np.repeat(first, count))


def _told_apart(cell: Int[ndarray, " row"], track: Int[ndarray, " row"]) -> Int[ndarray, " row"]:
    """Give tracks other numbers; rows of one cell and track get their place, too."""
    _, track = np.unique(track, return_inverse=True)
    n_tracks = int(track.max(initial=0)) + 1
    key = cell * n_tracks + track
    order = np.argsort(key, kind="stable")
    place = np.empty_like(track)
    place[order] = _places(key[order])
    return np.asarray(place * n_tracks + track)


def until(true: Sources, heard: Sources, duration_s: float) -> tuple[Sources, Sources]:
    """Keep what sounds in the seconds that a duration reaches, a last one cut short being whole."""
    frame = FRAMES_PER_S * math.ceil(round(duration_s * FRAMES_PER_S) / FRAMES_PER_S)
    return true.before(frame), heard.before(frame)


# ── angles ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Geometry:
    """How far two sources are apart: rows to points, and points, broadcast, to degrees."""

    points: Callable[[Sources], Float[ndarray, "row part"]]
    apart: Callable[[ndarray, ndarray], ndarray]


def _unit_vectors(sources: Sources) -> Float[ndarray, "row part"]:
    return unit_vector(np.deg2rad(sources.azimuth_deg), np.deg2rad(sources.elevation_deg))


def _true_angle(one: Float[ndarray, "*a part"], other: Float[ndarray, "*b part"]) -> ndarray:
    return np.asarray(np.rad2deg(angle_between(one, other)).round(9))


def _polar(sources: Sources) -> Float[ndarray, "row part"]:
    return np.asarray(np.stack([sources.azimuth_deg, sources.elevation_deg], axis=1) * np.pi / 180)


def _polar_angle(one: Float[ndarray, "*a part"], other: Float[ndarray, "*b part"]) -> ndarray:
    (az1, el1), (az2, el2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    flat = np.cos(el1) * np.cos(el2) * np.cos(np.abs(az1 - az2))
    cosine = np.clip(np.sin(el1) * np.sin(el2) + flat, -1, 1)
    return np.asarray(np.arccos(cosine) * 180 / np.pi)


def _vectors(sources: Sources) -> Float[ndarray, "row part"]:
    azimuth, elevation = _polar(sources).T
    flat = np.cos(elevation)
    x, y, z = np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)
    norm = np.sqrt(x**2 + y**2 + z**2 + 1e-10)
    return np.stack([x / norm, y / norm, z / norm], axis=1)


def _vector_angle(one: Float[ndarray, "*a part"], other: Float[ndarray, "*b part"]) -> ndarray:
    (x1, y1, z1), (x2, y2, z2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    cosine = np.clip(x1 * x2 + y1 * y2 + z1 * z2, -1, 1)
    return np.asarray(np.arccos(cosine) * 180 / np.pi)


def _folded(sources: Sources) -> Float[ndarray, "row part"]:
    azimuth = (sources.azimuth_deg + 180) % 360 - 180
    behind = np.abs(azimuth) > 90
    folded = np.where(behind, np.where(azimuth < 0, -180, 180) - azimuth, azimuth)
    return np.asarray(folded[:, None])


def _difference(one: Float[ndarray, "*a part"], other: Float[ndarray, "*b part"]) -> ndarray:
    return np.asarray(np.abs(one[..., 0] - other[..., 0]))


EXACT = Geometry(_unit_vectors, _true_angle)
"""Great-circle angles, right to a billionth of a degree, so that 20 degrees are 20 degrees."""

BY_ANGLES = Geometry(_polar, _polar_angle)
"""The organisers' angle of 2020 and 2021: the arc cosine loses half the digits."""

BY_VECTORS = Geometry(_vectors, _vector_angle)
"""The organisers' angle since 2022: 1e-10 in the norm keeps every angle above 0.0008 degrees."""

BY_FOLDED_AZIMUTH = Geometry(_folded, _difference)
"""The angle of 2025: azimuths folded to -90..90 degrees, for two channels hear no front or back."""


# ── pairs ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows of true and heard sources that belong together, in order of cells."""

    true: Int[ndarray, " pair"]
    heard: Int[ndarray, " pair"]
    angle_deg: Float[ndarray, " pair"]


def pair(true: Sources, heard: Sources, geometry: Geometry) -> Pairs:
    """Pair the sources of each cell; cells with equally many on either side are solved together."""
    points = [geometry.points(side) for side in (true, heard)]
    (cells, *starts), (others, *other_starts) = (
        np.unique(side.cell, return_index=True, return_counts=True) for side in (true, heard)
    )
    _, here, there = np.intersect1d(cells, others, assume_unique=True, return_indices=True)
    start, n_true = (column[here] for column in starts)
    other_start, n_heard = (column[there] for column in other_starts)
    rows, columns, angles = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0)]
    widest = int(n_heard.max(initial=0)) + 1
    sizes = n_true * widest + n_heard
    for size in np.unique(sizes).tolist():
        n_rows, n_columns = divmod(size, widest)
        case = sizes == size
        row = start[case, None] + np.arange(n_rows)
        column = other_start[case, None] + np.arange(n_columns)
        angle = geometry.apart(points[0][row][:, :, None], points[1][column][:, None, :])
        of_row, of_column = assign(angle)
        cases = np.arange(len(angle))[:, None]
        rows.append(row[cases, of_row].ravel())
        columns.append(column[cases, of_column].ravel())
        angles.append(angle[cases, of_row, of_column].ravel())
    row, column, angle = (np.concatenate(parts) for parts in (rows, columns, angles))
    order = np.argsort(true.cell[row], kind="stable")
    return Pairs(row[order], column[order], angle[order])
