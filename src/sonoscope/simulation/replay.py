"""Schedules from reference tables: what sounded when and where in a data set, to sound again.

An event table (DCASE 2019) gives seconds and one direction an event; a frame table (DCASE 2020 to
2024, STARSS) a row for each source in each 100 ms. Neither says whether its times are the source's
or the array's: they are taken as *arrivals at the array*, which is what the truth of a simulated
scene tells. `PlannedEvent.track` therefore starts each source earlier by its time of flight.

 table ──read_schedule──► Schedule of PlannedEvent ──render──► heard Events ──write_table──► table

and the table that comes out equals the one that went in: times of event tables to one sample, and
of frame tables the same frames, classes, sources, and directions within a degree.

A frame table's directions are rounded to whole degrees, so a path drawn through them would go in
steps. What is taken instead is the smoothest of all paths that round to the table,

    min Σ (z[i-1] - 2 z[i] + z[i+1])²   with   |z[i] - row[i]| <= TOLERANCE_DEG                (1)

for azimuth (unwrapped) and elevation. Its Lagrange multipliers are the weights of a weighted
Whittaker smoother, and are found by scaling each with how far its row is missed.

References: E. T. Whittaker, "On a new method of graduation", Proc. Edinburgh Math. Soc. 41 (1923);
A. Politis et al., "STARSS22: a dataset of spatial recordings of real scenes with spatiotemporal
annotations of sound events", DCASE Workshop 2022; S. Adavanne, A. Politis, T. Virtanen, "A
multi-room reverberant dataset for sound event localization and detection", DCASE Workshop 2019.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.linalg import solveh_banded

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.direction import angle_between, angles, unit_vector
from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.event_table import Table, named, read, write_dcase_events
from sonoscope.core.frame_table import FrameTable, directions, frame_range, to_events
from sonoscope.simulation.sources import SoundBank, frame_power, normalised
from sonoscope.simulation.track import Track

STARSS22_LABELS = (
    "female_speech", "male_speech", "clapping", "telephone", "laughter", "domestic_sounds",
    "footsteps", "door", "music", "musical_instrument", "water_tap", "bell", "knock",
)  # fmt: skip
"""The classes of STARSS22 and STARSS23 in the order of their indices."""

EVENT_TABLE_S = 60.0
DURATION_STEP_S = 5.0
TOLERANCE_DEG = 0.49
"""How far a path may pass from a row's whole degrees: less than half, so that it rounds to them."""
STILL_DEG = 1.0
"""A source whose rows all lie within so much, in azimuth and in elevation, does not move."""

_POLE_DEG = 85.0  # above, azimuth means too little to be smoothed
_ROUNDS = 15
_WEIGHTS = (1e-8, 1e8)

_TRIES = 4
_LEAST_DRAW_S = 1.0
_FADE_S = 0.01
_CROSS_FADE_S = 0.1
_STEADY_DB = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEvent:
    """An event that is to be heard.

    Attributes
    ----------
    label
        What sounds.
    onset_s, offset_s
        When its direct sound arrives at the array, first and last.
    times_s
        When the array hears it from each direction; one moment for a source that stays.
    directions
        Unit vectors to it.
    distance_m
        Its distances, one for each direction.
    source
        Its number in the table, 0 where there are none.
    """

    label: str
    onset_s: float
    offset_s: float
    times_s: Float[ndarray, " point"]
    directions: Float[ndarray, "point 3"]
    distance_m: Float[ndarray, " point"]
    source: int

    @property
    def is_moving(self) -> bool:
        """Whether the source moves."""
        return len(self.times_s) > 1

    @property
    def emission_s(self) -> float:
        """When the source must begin for its direct sound to arrive at the onset."""
        return self.onset_s - float(self.distance_m[0]) / SPEED_OF_SOUND_M_S

    @property
    def track(self) -> Track:
        """Where the source is at which time, relative to the array: a time of flight earlier."""
        positions = self.directions * self.distance_m[:, None]
        if not self.is_moving:
            return Track.still(positions[0])
        return Track(self.times_s - self.distance_m / SPEED_OF_SOUND_M_S, positions)

    def as_heard(self) -> Event:
        """Give the event that a renderer must report."""
        azimuth, elevation = angles(self.directions)
        path = [
            Waypoint(float(time), float(az), float(el), float(metres))
            for time, az, el, metres in zip(
                self.times_s, azimuth, elevation, self.distance_m, strict=True
            )
        ]
        return Event(self.label, self.onset_s, self.offset_s, tuple(path))


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """All that is to be heard in one scene.

    Attributes
    ----------
    name
        The table's name, without suffix.
    kind
        "events" for a table of events, "frames" for one of 100 ms frames.
    duration_s
        Length of the scene.
    events
        In the order of the table (events) or of onset (frames).
    """

    name: str
    kind: Literal["events", "frames"]
    duration_s: float
    events: tuple[PlannedEvent, ...]

    def overlap(self) -> int:
        """Count the events that are heard at once, at most."""
        edges = [(e.onset_s, 1) for e in self.events] + [(e.offset_s, -1) for e in self.events]
        return int(np.max(np.cumsum([step for _, step in sorted(edges)]), initial=0))


# ── from a table ─────────────────────────────────────────────────────────────────────────────────


def read_schedule(
    path: Path,
    generator: np.random.Generator,
    labels: Sequence[str] | None = None,
    *,
    distance_m: tuple[float, float] = (1.0, 3.0),
    join_frames: int = 0,
) -> Schedule:
    """Read a table of any kind as a schedule.

    Parameters
    ----------
    path
        The table.
    generator
        Draws the distances that the table does not tell, one for each source and label.
    labels
        Names of the class indices, for a table that has no names.
    distance_m
        Between which such distances are drawn, uniformly.
    join_frames
        How many missing frames of a source are filled up to make one event of two. With any but 0
        the scene's truth has frames that its table lacks.

    Raises
    ------
    InputError
        As `event_table.read`, if an index has no name or an event no direction.
    """
    table = read(path)
    try:
        table = table if labels is None else named(table, labels)
        return _schedule(table, path.stem, generator, distance_m, join_frames)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _schedule(
    table: Table,
    name: str,
    generator: np.random.Generator,
    distance_m: tuple[float, float],
    join_frames: int,
) -> Schedule:
    if isinstance(table, FrameTable) and table.track is not None:
        planned = tuple(_of_frames(table, generator, distance_m, join_frames))
        end = float(table.frame.max(initial=-1) + 1) / table.frames_per_s
        return Schedule(name, "frames", _rounded_up(end), planned)
    events = to_events(table) if isinstance(table, FrameTable) else table
    last = max((event.onset_s for event in events), default=0.0)
    duration = EVENT_TABLE_S
    if last >= EVENT_TABLE_S:
        duration = _rounded_up(max(event.offset_s for event in events))
    planned = tuple(_of_event(event, duration, generator, distance_m) for event in events)
    return Schedule(name, "events", duration, planned)


def _rounded_up(seconds: float) -> float:
    return DURATION_STEP_S * max(1.0, float(np.ceil(seconds / DURATION_STEP_S - 1e-9)))


def _of_event(
    event: Event,
    duration_s: float,
    generator: np.random.Generator,
    distance_m: tuple[float, float],
) -> PlannedEvent:
    """Plan an event with its path; what reaches beyond the recording is not heard."""
    if not event.path:
        raise InputError(
            f"every event must have a direction, but {event.label} at {event.onset_s:g} s has none"
        )
    drawn = float(generator.uniform(*distance_m))
    away = [drawn if point.distance_m is None else point.distance_m for point in event.path]
    return PlannedEvent(
        event.label,
        event.onset_s,
        min(event.offset_s, duration_s),
        np.array([point.time_s for point in event.path]),
        unit_vector([p.azimuth for p in event.path], [p.elevation for p in event.path]),
        np.array(away, np.float64),
        0,
    )


class _Rows(NamedTuple):
    """The rows of one source, a frame each, angles in degrees."""

    label: str
    source: int
    frame: Int[ndarray, " row"]
    azimuth: Float[ndarray, " row"]
    elevation: Float[ndarray, " row"]
    distance_m: Float[ndarray, " row"]


def _of_frames(
    table: FrameTable,
    generator: np.random.Generator,
    distance_m: tuple[float, float],
    join_frames: int,
) -> list[PlannedEvent]:
    planned: list[PlannedEvent] = []
    for rows in _sources(table):
        drawn = float(generator.uniform(*distance_m))
        breaks = np.flatnonzero(np.diff(rows.frame) > 1 + join_frames) + 1
        for first, last in pairwise([0, *breaks.tolist(), len(rows.frame)]):
            part = _Rows(rows.label, rows.source, *(column[first:last] for column in rows[2:]))
            planned.append(_of_rows(part, table.frames_per_s, drawn))
    return sorted(planned, key=lambda event: (event.onset_s, event.offset_s, event.label))


def _sources(table: FrameTable) -> Iterator[_Rows]:
    """Give the rows of each label and source number in order of frames, each row once.

    Where a table has two directions for one source in a frame, they are two sources.
    """
    assert table.track is not None
    away = np.full(len(table.frame), np.nan) if table.distance_m is None else table.distance_m
    away = np.where(np.isnan(away), -1.0, away)  # not a number is never the same as another
    azimuth = 180.0 - (180.0 - np.rad2deg(table.azimuth)) % 360.0  # -180 and 180 are one
    angle = np.round(np.stack([azimuth, np.rad2deg(table.elevation)], axis=1), 9)
    keys = np.stack([table.label, table.track, table.frame], axis=1)
    rows = np.unique(np.concatenate([keys, angle, away[:, None]], axis=1), axis=0)
    copies = np.zeros(len(rows), int)
    for i in range(1, len(rows)):
        if (rows[i, :3] == rows[i - 1, :3]).all():
            copies[i] = copies[i - 1] + 1
    groups = np.concatenate([rows[:, :2].astype(int), copies[:, None]], axis=1)
    for label, source, copy in np.unique(groups, axis=0):
        frame, azimuth, elevation, metres = rows[
            (groups == (label, source, copy)).all(axis=1), 2:
        ].T
        metres = np.where(metres < 0, np.nan, metres)
        yield _Rows(table.labels[label], int(source), frame.astype(int), azimuth, elevation, metres)


def _of_rows(rows: _Rows, frames_per_s: int, drawn_m: float) -> PlannedEvent:
    """Plan one event: the smoothest path that its rows allow, or one place if that will do."""
    first, last = int(rows.frame[0]), int(rows.frame[-1])
    place = rows.frame - first
    known = np.zeros(last - first + 1, bool)
    known[place] = True
    azimuth = np.interp(np.arange(len(known)), place, np.unwrap(rows.azimuth, period=360))
    elevation = np.interp(np.arange(len(known)), place, rows.elevation)
    metres = np.interp(np.arange(len(known)), place, rows.distance_m)
    metres = np.where(np.isnan(metres), drawn_m, metres)
    times = (np.arange(first, last + 1) + 0.5) / frames_per_s
    if np.ptp(azimuth) <= STILL_DEG and np.ptp(elevation) <= STILL_DEG and np.ptp(metres) < 0.01:
        here = [(angle.min() + angle.max()) / 2 for angle in (azimuth, elevation)]
        towards = unit_vector(*np.deg2rad(here))[None]
        times, metres = times[:1], metres[:1]
    else:
        if np.abs(elevation).max() < _POLE_DEG:
            azimuth = smoothest(azimuth, known, TOLERANCE_DEG)
            elevation = smoothest(elevation, known, TOLERANCE_DEG)
        towards = unit_vector(np.deg2rad(azimuth), np.deg2rad(elevation))
    return PlannedEvent(
        rows.label,
        first / frames_per_s,
        (last + 1) / frames_per_s,
        times,
        towards,
        metres,
        rows.source,
    )


def smoothest(
    rows: Float[ndarray, " row"], known: ndarray, tolerance: float
) -> Float[ndarray, " row"]:
    """Give the series with the least squared second difference within `tolerance` of known rows.

    (1) of the module, to within a few percent; what is left outside is put onto the limit.
    """
    n = len(rows)
    if n < 3:
        return rows
    bands = _second_differences(n)
    weights = np.where(known, 1e-2, 0.0)
    goal = 0.95 * tolerance
    series = rows
    for _ in range(_ROUNDS):
        system = bands.copy()
        system[-1] += weights
        series = solveh_banded(system, weights * rows, check_finite=False)
        missed = np.abs(series - rows) / goal
        weights = np.where(known, np.clip(weights * np.maximum(missed, 0.05), *_WEIGHTS), 0.0)
    return np.asarray(np.where(known, np.clip(series, rows - tolerance, rows + tolerance), series))


def _second_differences(n: int) -> Float[ndarray, "3 n"]:
    """Give DᵀD of the second difference, upper bands, the diagonal last."""
    bands = np.zeros((3, n))
    for offset, weights in enumerate(((1.0, 4.0, 1.0), (-2.0, -2.0), (1.0,))):
        for start, weight in enumerate(weights):
            bands[2 - offset, offset + start : n - 2 + offset + start] += weight
    return bands


# ── and back ─────────────────────────────────────────────────────────────────────────────────────


def write_table(
    path: Path, schedule: Schedule, heard: Sequence[Event], labels: Sequence[str]
) -> None:
    """Write what was heard as the same kind of table that was planned from.

    Parameters
    ----------
    path
        Where to.
    schedule
        What was planned.
    heard
        The truth of the rendered scene, an event for each planned one in the same order.
    labels
        Names of the class indices of a frame table.

    Raises
    ------
    InputError
        If an event has no direction or a label that is none of `labels`.
    """
    if schedule.kind == "events":
        write_dcase_events(path, heard)
        return
    table = frame_rows(schedule, heard, labels)
    assert table.track is not None
    azimuth, elevation = (
        np.rint(np.rad2deg(angle)).astype(int) for angle in (table.azimuth, table.elevation)
    )
    columns = (table.frame, table.label, table.track, (azimuth + 180) % 360 - 180, elevation)
    rows = np.stack(columns, axis=1).tolist()
    write_text(path, "".join(",".join(map(str, row)) + "\n" for row in rows))


def frame_rows(
    schedule: Schedule, heard: Sequence[Event], labels: Sequence[str], frames_per_s: int = 10
) -> FrameTable:
    """Spread what was heard over frames, each event with its source's number in the plan."""
    index = {label: i for i, label in enumerate(labels)}
    unknown = sorted({event.label for event in heard} - set(index))
    if unknown or len(heard) != len(schedule.events):
        raise InputError(
            f"{schedule.name}: {len(schedule.events)} events with labels among "
            f"{', '.join(labels)} must be heard, but {len(heard)} was given"
            + (f" and {unknown[0]!r}" if unknown else "")
        )
    spans = [frame_range(event, frames_per_s) for event in heard]
    lengths = [len(span) for span in spans]
    ways = [directions(event, span, frames_per_s) for event, span in zip(heard, spans, strict=True)]
    frame = np.concatenate([np.zeros(0, int), *(np.arange(s.start, s.stop) for s in spans)])
    label = np.repeat(np.array([index[event.label] for event in heard], int), lengths)
    source = np.repeat(np.array([event.source for event in schedule.events], int), lengths)
    order = np.lexsort((source, label, frame))
    return FrameTable(
        frames_per_s=frames_per_s,
        labels=tuple(labels),
        frame=frame[order],
        label=label[order],
        azimuth=np.concatenate([np.zeros(0), *(azimuth for azimuth, _ in ways)])[order],
        elevation=np.concatenate([np.zeros(0), *(elevation for _, elevation in ways)])[order],
        track=source[order],
    )


# ── sounds of a given length ─────────────────────────────────────────────────────────────────────


class Filling(NamedTuple):
    """A dry sound of a planned length, and where its parts came from."""

    sound: Float[ndarray, " sample"]
    attribution: str


def fill(
    bank: SoundBank, label: str, length: int, rate_hz: int, generator: np.random.Generator
) -> Filling:
    """Draw a sound that lasts exactly as long as planned.

    Of a few drawn pieces the first that is long enough is cut, with a fade. If none is: the longest
    steady one goes round and round, each turn cross-faded into the next (one source stays one); a
    label of short events, such as knocks, has another drawn as soon as one ends. Either way no
    pause is put in: what is planned as active sounds.

    Parameters
    ----------
    bank
        What to draw from.
    label
        What of.
    length
        How many samples, at least 1.
    rate_hz
        Rate of the bank.
    generator
        Draws.
    """
    if length < 1:
        raise SettingError(f"length must be at least 1 sample, but {length} was given")
    longest_s = max(length / rate_hz, _LEAST_DRAW_S)
    pieces: list[tuple[ndarray, str]] = []
    for _ in range(_TRIES):
        pieces.append(bank.draw(label, generator, longest_s))
        if len(pieces[-1][0]) >= length:
            break
    sound, said = max(pieces, key=lambda piece: len(piece[0]))
    used = [said]
    if len(sound) < length and is_steady(sound, rate_hz):
        sound = _loop(sound, length, round(_CROSS_FADE_S * rate_hz))
    while len(sound) < length:
        more, said = bank.draw(label, generator, longest_s)
        sound = _joined(sound, more, min(round(_FADE_S * rate_hz), len(more) // 2))
        used.append(said)
    whole = _faded_end(sound[:length], round(_FADE_S * rate_hz), is_cut=len(sound) > length)
    return Filling(normalised(whole, rate_hz), "; ".join(dict.fromkeys(used)))


def is_steady(sound: Float[ndarray, " sample"], rate_hz: int) -> bool:
    """Tell a sound that goes on from one that strikes and dies away.

    The median power of its frames lies within 12 dB of the loudest tenth.
    """
    power = frame_power(sound, rate_hz)
    loud = float(np.percentile(power, 90)) if len(power) else 0.0
    return loud > 0 and float(np.median(power)) > loud * 10 ** (-_STEADY_DB / 10)


def _loop(sound: ndarray, length: int, fade: int) -> Float[ndarray, " sample"]:
    fade = min(fade, len(sound) // 4)
    turn = sound
    while len(turn) < length and fade:
        turn = _joined(turn, turn, fade)  # twice as long each time
    return turn


def _joined(one: ndarray, other: ndarray, fade: int) -> Float[ndarray, " sample"]:
    """Let one go over into the other at equal power."""
    fade = min(fade, len(one), len(other))
    turn = 0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)
    middle = one[len(one) - fade :] * np.cos(turn) + other[:fade] * np.sin(turn)
    return np.concatenate([one[: len(one) - fade], middle, other[fade:]]).astype(np.float32)


def _faded_end(sound: ndarray, fade: int, *, is_cut: bool) -> Float[ndarray, " sample"]:
    faded = sound.astype(np.float32)
    fade = min(fade, len(faded) // 2) if is_cut else 0
    ramp = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    faded[len(faded) - fade :] *= ramp.astype(np.float32)
    return faded


# ── what a schedule is like ──────────────────────────────────────────────────────────────────────


def speeds(event: PlannedEvent) -> Float[ndarray, " step"]:
    """Give a moving source's speed as seen from the array between its points, radians a second."""
    turned = angle_between(event.directions[:-1], event.directions[1:])
    return np.asarray(turned / np.diff(event.times_s))
