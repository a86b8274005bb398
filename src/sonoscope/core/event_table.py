"""Tables of events and of frames, read and written; which kind a file is, its columns tell.

 kind           columns                                                          angles
 events         label,onset_s,offset_s[,azimuth_deg,elevation_deg][,score]       degrees
                [,spread_deg][,passes,score_std[,wander_deg]]
 DCASE events   sound_event_recording,start_time,end_time,ele,azi,dist           degrees
                or class,start,end,ele,azi,dist
 DCASE 2019     frame of 20 ms, class, azimuth, elevation; no header             degrees
 DCASE 2020     frame of 100 ms, class, track, azimuth, elevation; no header     degrees
 DCASE 2023     the same and distance in cm                                      degrees
 vectors        frame of 100 ms, class, track, x, y, z[, distance]; no header    of any length
 with a header  frame, class[, track], azimuth[, elevation] or x, y, z           degrees
                [, distance][, onscreen], in any order; source is the track;
                frames of 20 ms where they are the four of 2019, else of 100 ms
 Audacity       onset, offset, label; tabs; direction at the label's end         "dog 30° -5°"
 Raven          Begin Time (s), End Time (s), Annotation ...; tabs               degrees
 JSON           a list of events, or an object with one under "events"           degrees

Six numbers a row are a vector where the last three are 2 long at most, for no distance is so short.
Behind vectors some write metres: a distance is taken for metres where none reaches 20, else for cm.
A table without elevation (DCASE 2025) lies in the horizon; whether a source is on screen is not
kept.

A byte order mark, CRLF and blank last lines are accepted. A file without rows holds no events. A
row that cannot be is refused by its line. Numbers are rounded when written, never cut off.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.direction import angles
from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Passes, Waypoint
from sonoscope.core.frame_table import FrameTable, frame_range, to_events, to_frames

MAX_BYTES = 1 << 28
MAX_TIME_S = 1e7
MAX_CLASSES = 10_000
MAX_TRACKS = 1_000_000

_OURS = ("label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "score")
_UNSURE = ("spread_deg", "passes", "score_std", "wander_deg")
"""What is written of events that know how unsure they are: `Event.spread` and `Event.passes`."""
_DCASE_EVENTS = {
    "sound_event_recording": "label",
    "class": "label",
    "start_time": "onset_s",
    "start": "onset_s",
    "end_time": "offset_s",
    "end": "offset_s",
    "ele": "elevation_deg",
    "azi": "azimuth_deg",
    "dist": "distance_m",
}
_RAVEN = {
    "Annotation": "label",
    "Begin Time (s)": "onset_s",
    "End Time (s)": "offset_s",
    "Azimuth (deg)": "azimuth_deg",
    "Elevation (deg)": "elevation_deg",
    "Score": "score",
}
_NEEDED = ("label", "onset_s", "offset_s")

_FRAME_COLUMNS = {
    4: ("frame", "class", "azimuth", "elevation"),
    5: ("frame", "class", "track", "azimuth", "elevation"),
    6: ("frame", "class", "track", "azimuth", "elevation", "distance"),
    7: ("frame", "class", "track", "x", "y", "z", "distance"),
}
_VECTOR = ("x", "y", "z")
_FRAME_NAMES = {
    **{name: name for names in _FRAME_COLUMNS.values() for name in names},
    "onscreen": "onscreen",
    "source": "track",
    "azi": "azimuth",
    "ele": "elevation",
    "dist": "distance",
}
_WHOLE = ("frame", "class", "track", "onscreen")
_LONGEST_VECTOR = 2.0
_NO_METRES = 20.0
_RANGES = {
    "class": (0, MAX_CLASSES - 1),
    "track": (0, MAX_TRACKS),
    "azimuth": (-360, 360),
    "elevation": (-90, 90),
    "distance": (0, 1e8),
    "x": (-10, 10),
    "y": (-10, 10),
    "z": (-10, 10),
    "onscreen": (0, 1),
    "azimuth_deg": (-360, 360),
    "elevation_deg": (-90, 90),
    "onset_s": (0, MAX_TIME_S),
    "offset_s": (0, MAX_TIME_S),
    "time_s": (0, MAX_TIME_S),
    "distance_m": (0, 1e6),
    "score": (0, 1),
    "spread_deg": (0, 180),
    "passes": (1, 1e9),
    "score_std": (0, 1),
    "wander_deg": (0, 180),
}
_WANTED = (
    "an event csv (header label,onset_s,offset_s,... or sound_event_recording,start_time,"
    "end_time,ele,azi,dist), a DCASE frame csv (4 to 7 numbers a row, or a header "
    "frame,class,...), Audacity labels, a Raven selection table or JSON"
)
_DIRECTION = re.compile(r"(?P<label>.*?)\s+(?P<azimuth>-?[\d.]+)°(?:\s+(?P<elevation>-?[\d.]+)°)?")

Table = tuple[Event, ...] | FrameTable


def read(path: Path) -> Table:
    """Read a table of any kind: events, or frames whose labels are their indices as text.

    Raises
    ------
    InputError
        If the file cannot be read, is no such table, or a row cannot be; names the line.
    """
    lines = _lines(path)
    first = next((line.strip() for line in lines), "")
    cells = [cell.strip() for cell in first.split(",")]
    if not lines:
        return ()
    if first.startswith(("[", "{")):
        return _read_json(path, lines)
    if "\t" in first:
        return _read_tabs(path, lines)
    if len(cells) in _FRAME_COLUMNS and all(_is_number(cell) for cell in cells):
        return _read_frames(path, lines)
    names = [_FRAME_NAMES.get(cell.lower(), cell) for cell in cells]
    if {"frame", "class"} <= set(names):
        return _read_named_frames(path, lines, names)
    return _read_event_csv(path, lines)


def read_events(path: Path, labels: Sequence[str] | None = None) -> tuple[Event, ...]:
    """Read a table of any kind as events; `labels` name what the file gives by index.

    Raises
    ------
    InputError
        As `read`, and where an index has no name.
    """
    table = read(path)
    try:
        table = table if labels is None else named(table, labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return to_events(table) if isinstance(table, FrameTable) else table


def label_names(table: Table) -> set[str]:
    """Give the names that occur in a table."""
    if isinstance(table, FrameTable):
        return {table.labels[i] for i in np.unique(table.label)}
    return {event.label for event in table}


def is_indexed(table: Table) -> bool:
    """Tell whether a table has labels and all of them are numbers, not names."""
    names = label_names(table)
    return bool(names) and all(name.isdecimal() for name in names)


def named(table: Table, labels: Sequence[str]) -> Table:
    """Give label indices their names; a table that has names keeps them.

    Raises
    ------
    InputError
        If an index has no name.
    """
    if not is_indexed(table):
        return table
    highest = max(int(name) for name in label_names(table))
    if highest >= len(labels):
        raise InputError(
            f"class indices must be in 0..{len(labels) - 1} for {len(labels)} labels, "
            f"but {highest} was given"
        )
    if isinstance(table, FrameTable):
        return table.with_labels(labels)
    return tuple(replace(event, label=labels[int(event.label)]) for event in table)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def _lines(path: Path) -> list[str]:
    """Give the lines of a text file without blank last ones."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be {_WANTED}, but it is no UTF-8 text") from error
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: a table must have at most {MAX_BYTES >> 20} MiB, but has more")
    lines = text.replace("\r\n", "\n").rstrip().split("\n")
    return [] if lines == [""] else lines


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(where: str, name: str, text: str) -> float:
    low, high = _RANGES[name]
    value = float(text) if _is_number(text) else np.nan
    if not low <= value <= high:
        raise InputError(
            f"{where}: {name} must be a number in {low:g}..{high:g}, but {text!r} was given"
        )
    return value


def _event(where: str, cells: Mapping[str, str]) -> Event:
    """Build an event from its cells by our own names; empty cells are unknown."""
    label = cells["label"].strip()
    if not label:
        raise InputError(f"{where}: label must not be empty")
    onset_s, offset_s = (_number(where, name, cells[name]) for name in ("onset_s", "offset_s"))
    if offset_s < onset_s:
        raise InputError(
            f"{where}: offset_s must not lie before onset_s, "
            f"but {cells['onset_s'].strip()} to {cells['offset_s'].strip()} was given"
        )
    score = cells.get("score", "").strip()
    return Event(
        label,
        onset_s,
        offset_s,
        _path(where, onset_s, cells),
        score=_number(where, "score", score) if score else 1.0,
        spread=_angle(where, "spread_deg", cells),
        passes=_passes(where, cells),
    )


def _angle(where: str, name: str, cells: Mapping[str, str]) -> float | None:
    told = cells.get(name, "").strip()
    return float(np.deg2rad(_number(where, name, told))) if told else None


def _passes(where: str, cells: Mapping[str, str]) -> Passes | None:
    n_passes, score_std = (cells.get(name, "").strip() for name in ("passes", "score_std"))
    if not n_passes and not score_std:
        return None
    return Passes(
        int(_number(where, "passes", n_passes)),
        _number(where, "score_std", score_std),
        _angle(where, "wander_deg", cells),
    )


def _path(where: str, time_s: float, cells: Mapping[str, str]) -> tuple[Waypoint, ...]:
    azimuth, elevation, distance = (
        cells.get(name, "").strip() for name in ("azimuth_deg", "elevation_deg", "distance_m")
    )
    if not azimuth and not elevation:
        return ()
    return (
        Waypoint(
            time_s,
            float(np.deg2rad(_number(where, "azimuth_deg", azimuth))),
            float(np.deg2rad(_number(where, "elevation_deg", elevation))),
            _number(where, "distance_m", distance) if distance else None,
        ),
    )


def _rows(
    path: Path, lines: Sequence[str], delimiter: str, *, quoted: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Give each row with the number of its last line; blank lines are left out."""
    reader = csv.reader(
        (line + "\n" for line in lines),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=quoted,
    )
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not a readable row: {error}") from error


def _records(
    path: Path, rows: Iterable[tuple[int, list[str]]], columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    for line, row in rows:
        if len(row) != len(columns):
            raise InputError(
                f"{path}: line {line}: a row must have {len(columns)} cells like its header, "
                f"but {len(row)} were given"
            )
        yield f"{path}: line {line}", dict(zip(columns, row, strict=True))


def _read_event_csv(path: Path, lines: Sequence[str]) -> tuple[Event, ...]:
    rows = _rows(path, lines, ",")
    line, header = next(rows)
    header = [name.strip() for name in header]
    ours = {name: name for name in (*_OURS, *_UNSURE)}
    columns = next(
        (
            [names[name] for name in header]
            for names in (ours, _DCASE_EVENTS)
            if set(header) <= set(names)
        ),
        [],
    )
    if not set(_NEEDED) <= set(columns) or len(set(columns)) < len(columns):
        shown = ",".join(header)[:80]
        raise InputError(f"{path}: line {line}: must be {_WANTED}, but {shown!r} was given")
    return tuple(_event(where, cells) for where, cells in _records(path, rows, columns))


def _read_frames(path: Path, lines: Sequence[str]) -> FrameTable:
    names = _FRAME_COLUMNS[lines[0].count(",") + 1]
    table = _numbers(path, lines, names)
    if len(names) == 6 and (np.linalg.norm(table[:, 3:], axis=1) <= _LONGEST_VECTOR).all():
        names = _FRAME_COLUMNS[7][:-1]
    return _frame_table(path, dict(zip(names, table.T, strict=True)))


def _read_named_frames(path: Path, lines: Sequence[str], names: Sequence[str]) -> Table:
    placed = "azimuth" in names or set(_VECTOR) <= set(names)
    both = {"azimuth", "elevation"} & set(names) and set(_VECTOR) & set(names)
    known = set(names) <= set(_FRAME_NAMES.values())
    if not placed or both or not known or len(set(names)) < len(names):
        raise InputError(
            f"{path}: line 1: a frame csv must have the columns frame, class, track, azimuth, "
            f"elevation or x, y, z, distance and onscreen, all but frame, class and a direction "
            f"optional, but {lines[0].strip()[:80]!r} was given"
        )
    if len(lines) == 1:
        return ()
    table = _numbers(path, lines[1:], names, above=1)
    return _frame_table(path, dict(zip(names, table.T, strict=True)), above=1)


def _frame_table(
    path: Path, columns: Mapping[str, Float[ndarray, " row"]], above: int = 0
) -> FrameTable:
    frames_per_s = 50 if set(columns) == set(_FRAME_COLUMNS[4]) else 10
    _check_frames(path, columns, frames_per_s, above)
    if "x" in columns:
        azimuth, elevation = _angles_of(
            path, np.stack([columns[name] for name in _VECTOR], 1), above
        )
    else:
        azimuth = np.deg2rad(columns["azimuth"])
        elevation = np.deg2rad(columns.get("elevation", np.zeros(len(azimuth))))
    label = columns["class"].astype(int)
    return FrameTable(
        frames_per_s=frames_per_s,
        labels=tuple(str(i) for i in range(int(label.max()) + 1)),
        frame=columns["frame"].astype(int),
        label=label,
        azimuth=azimuth,
        elevation=elevation,
        track=columns["track"].astype(int) if "track" in columns else None,
        distance_m=_in_metres(columns),
    )


def _angles_of(
    path: Path, vector: Float[ndarray, "row 3"], above: int
) -> tuple[Float[ndarray, " row"], Float[ndarray, " row"]]:
    nowhere = ~vector.any(axis=1)
    if nowhere.any():
        raise InputError(
            f"{path}: line {int(nowhere.argmax()) + 1 + above}: x, y, z must point somewhere, "
            f"but 0, 0, 0 was given"
        )
    return angles(vector)


def _in_metres(columns: Mapping[str, Float[ndarray, " row"]]) -> Float[ndarray, " row"] | None:
    distance = columns.get("distance")
    if distance is None:
        return None
    metres = "x" in columns and distance.max() < _NO_METRES
    return distance if metres else distance / 100


def _numbers(
    path: Path, lines: Sequence[str], names: Sequence[str], above: int = 0
) -> Float[ndarray, "row column"]:
    try:
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        table = np.zeros((0, 0))
    if table.shape == (len(lines), len(names)):
        return table
    for number, line in enumerate(lines, start=1 + above):
        cells = line.split(",")
        if len(cells) != len(names) or not all(_is_number(cell) for cell in cells):
            raise InputError(
                f"{path}: line {number}: must be {len(names)} numbers ({', '.join(names)}), "
                f"but {line.strip()[:80]!r} was given"
            )
    # what Python takes for a number and the fast reader does not, such as 1_000
    return np.array([[float(cell) for cell in line.split(",")] for line in lines])


def _check_frames(
    path: Path, columns: Mapping[str, Float[ndarray, " row"]], frames_per_s: int, above: int
) -> None:
    ranges = _RANGES | {"frame": (0, MAX_TIME_S * frames_per_s)}
    for name, values in columns.items():
        low, high = ranges[name]
        whole = name in _WHOLE
        good = (values >= low) & (values <= high) & (not whole or np.isfinite(values))
        if whole:
            good &= np.where(good, values, 0.5) % 1 == 0
        if not good.all():
            row = int(good.argmin())
            kind = "whole number" if whole else "number"
            raise InputError(
                f"{path}: line {row + 1 + above}: {name} must be a {kind} in {low:g}..{high:g}, "
                f"but {values[row]:g} was given"
            )


def _read_tabs(path: Path, lines: Sequence[str]) -> tuple[Event, ...]:
    rows = _rows(path, lines, "\t", quoted=False)
    line, first = next(rows)
    names = [name.strip() for name in first]
    if set(names) >= {"Begin Time (s)", "End Time (s)", "Annotation"}:
        return _read_raven(path, rows, names)
    if len(first) == 3 and all(_is_number(cell) for cell in first[:2]):
        return tuple(_audacity_events(path, lines))
    raise InputError(f"{path}: line {line}: must be {_WANTED}, but {first[:6]} was given")


def _read_raven(
    path: Path, rows: Iterable[tuple[int, list[str]]], header: Sequence[str]
) -> tuple[Event, ...]:
    columns = [_RAVEN.get(name, name) for name in header]
    events: dict[str, Event] = {}
    for where, cells in _records(path, rows, columns):
        # Raven writes a selection once for every view (waveform, spectrogram) that shows it
        events.setdefault(cells.get("Selection") or where, _event(where, cells))
    return tuple(events.values())


def _audacity_events(path: Path, lines: Sequence[str]) -> Iterator[Event]:
    for line, row in _rows(path, lines, "\t", quoted=False):
        if row[0].strip() == "\\":  # the frequency range of the label above
            continue
        if len(row) != 3:
            raise InputError(
                f"{path}: line {line}: must be onset, offset and label between tabs, "
                f"but {len(row)} cells were given"
            )
        cells = {"onset_s": row[0], "offset_s": row[1], "label": row[2]}
        found = _DIRECTION.fullmatch(row[2].strip())
        if found:
            cells["label"], cells["azimuth_deg"] = found["label"], found["azimuth"]
            cells["elevation_deg"] = found["elevation"] or "0"
        yield _event(f"{path}: line {line}", cells)


def _read_json(path: Path, lines: Sequence[str]) -> tuple[Event, ...]:
    try:
        content = json.loads("\n".join(lines))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not readable JSON: {error}") from error
    records = content.get("events") if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise InputError(f'{path}: must be a list of events or have one under "events"')
    return tuple(_json_event(f"{path}: events[{i}]", record) for i, record in enumerate(records))


def _json_event(where: str, record: object) -> Event:
    if not isinstance(record, dict) or not set(_NEEDED) <= set(record):
        raise InputError(
            f"{where}: must be an object with {', '.join(_NEEDED)}, but {record!r:.80} was given"
        )
    cells = {
        name: "" if value is None else str(value)
        for name, value in record.items()
        if name in (*_OURS, *_UNSURE, "distance_m")
    }
    event = _event(where, cells)
    if record.get("path"):
        event = replace(event, path=_json_path(where, record["path"]))
    return event


def _json_path(where: str, points: object) -> tuple[Waypoint, ...]:
    shape = "path must be a list of [time_s, azimuth_deg, elevation_deg] or with distance_m behind"
    if not isinstance(points, list):
        raise InputError(f"{where}: {shape}, but {points!r:.80} was given")
    path = []
    for point in points:
        if not isinstance(point, list) or len(point) not in (3, 4):
            raise InputError(f"{where}: {shape}, but {point!r:.80} was given")
        names = ("time_s", "azimuth_deg", "elevation_deg", "distance_m")
        known = [_number(where, *pair) for pair in zip(names, map(str, point), strict=False)]
        azimuth, elevation = (float(np.deg2rad(angle)) for angle in known[1:3])
        path.append(Waypoint(known[0], azimuth, elevation, known[3] if len(known) > 3 else None))
    if any(after.time_s < before.time_s for before, after in pairwise(path)):
        raise InputError(f"{where}: path must be in order of time")
    return tuple(path)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def write_events(path: Path, events: Sequence[Event]) -> None:
    """Write our event csv: milliseconds, tenths of a degree, empty cells where unknown.

    What no event knows of its uncertainty gets no column.
    """
    unsure = [_unsure(event) for event in events]
    known = [name for name in _UNSURE if any(name in each for each in unsure)]
    rows = (
        [
            *(label, f"{e.onset_s:.3f}", f"{e.offset_s:.3f}", *rest),
            *(str(each.get(name, "")) for name in known),
        ]
        for e, each in zip(events, unsure, strict=True)
        for label, *rest in (_text(e),)
    )
    _write_rows(path, [(*_OURS, *known), *rows])


def write_dcase_events(path: Path, events: Sequence[Event]) -> None:
    """Write an event csv as the metadata of DCASE 2019: whole degrees.

    Raises
    ------
    InputError
        If an event has no direction, for which the format has no place.
    """
    _check_directions(path, events)
    rows = [
        [_name(e), f"{e.onset_s:.6f}", f"{e.offset_s:.6f}", *_whole_angles(e)[::-1], _metres(e)]
        for e in events
    ]
    header = ("sound_event_recording", "start_time", "end_time", "ele", "azi", "dist")
    _write_rows(path, [header, *rows])


def write_frames_2019(path: Path, events: Sequence[Event], labels: Sequence[str]) -> None:
    """Write a DCASE 2019 frame csv: frame of 20 ms, class, azimuth, elevation in whole degrees.

    Raises
    ------
    InputError
        If an event has no direction or a label that is none of `labels`.
    """
    _check_directions(path, events)
    table = to_frames(events, labels, frames_per_s=50)
    _write_frames(path, [table.frame, table.label, *_whole_degrees(table)])


def write_frames_2020(
    path: Path, events: Sequence[Event], labels: Sequence[str], *, with_distance: bool = False
) -> None:
    """Write a DCASE 2020 to 2024 frame csv: frame of 100 ms, class, track, azimuth, elevation.

    Frame k, from 0, has a row if the event covers its middle (k + 1/2) / 10 s, and every event has
    one row at least; the direction is that at the middle. What is read from such a file and written
    again is the same, byte by byte.

    Parameters
    ----------
    path, events, labels
        Where to, what, and the labels in the order of their class indices.
    with_distance
        Add the distance in whole cm, as from 2023 on.

    Raises
    ------
    InputError
        If an event has no direction (or distance) or a label that is none of `labels`.
    """
    _check_directions(path, events)
    table = to_frames(_in_order(events, labels), labels, frames_per_s=10)
    assert table.track is not None
    assert table.distance_m is not None
    columns = [table.frame, table.label, table.track, *_whole_degrees(table)]
    if with_distance:
        if np.isnan(table.distance_m).any():
            raise InputError(f"{path}: every event of this format must have a distance")
        columns.append(np.rint(table.distance_m * 100).astype(int))
    _write_frames(path, columns)


def write_audacity(path: Path, events: Sequence[Event]) -> None:
    """Write labels for Audacity, the direction behind the label: `dog 30.0° -5.0°`."""
    lines = [
        f"{e.onset_s:.6f}\t{e.offset_s:.6f}\t"
        + " ".join([_name(e), *(f"{angle}°" for angle in _angles_text(e) if angle)])
        for e in events
    ]
    write_text(path, "".join(line + "\n" for line in lines))


def write_raven(path: Path, events: Sequence[Event], *, high_hz: float) -> None:
    """Write a Raven selection table whose selections reach from 0 Hz to `high_hz`."""
    header = (
        "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)",
        "Low Freq (Hz)", "High Freq (Hz)", *(name for name in _RAVEN if "Time" not in name),
    )  # fmt: skip
    band = ("0.0", f"{high_hz:.1f}")
    rows = [
        (str(i), "Spectrogram 1", "1", f"{e.onset_s:.6f}", f"{e.offset_s:.6f}", *band, *_text(e))
        for i, e in enumerate(events, start=1)
    ]
    write_text(path, "".join("\t".join(row) + "\n" for row in [header, *rows]))


def to_json(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Give events as JSON values: null where unknown, the way of a moving source as `path`."""
    return [_json_record(event) for event in events]


def write_json(path: Path, events: Sequence[Event]) -> None:
    """Write `{"events": [...]}`."""
    write_text(path, json.dumps({"events": to_json(events)}, ensure_ascii=False, indent=1) + "\n")


def _json_record(event: Event) -> dict[str, Any]:
    azimuth, elevation = (float(text) if text else None for text in _angles_text(event))
    record: dict[str, Any] = {
        "label": _name(event),
        "onset_s": round(event.onset_s, 3),
        "offset_s": round(event.offset_s, 3),
        "azimuth_deg": azimuth,
        "elevation_deg": elevation,
        "score": round(event.score, 3),
    }
    if len(event.path) > 1:
        record["path"] = [
            [round(w.time_s, 3), _degrees(w.azimuth), _degrees(w.elevation), *_centimetres(w)]
            for w in event.path
        ]
    else:
        record.update(("distance_m", metres) for w in event.path for metres in _centimetres(w))
    return record | _unsure(event)


def _unsure(event: Event) -> dict[str, float | int]:
    """Give what is known of an event's uncertainty, by the names of its columns."""
    known: dict[str, float | int] = {}
    if event.spread is not None:
        known["spread_deg"] = _degrees(event.spread)
    if event.passes is not None:
        known["passes"] = event.passes.n_passes
        known["score_std"] = round(event.passes.score_std, 4)
        if event.passes.angle is not None:
            known["wander_deg"] = _degrees(event.passes.angle)
    return known


def _centimetres(point: Waypoint) -> list[float]:
    return [] if point.distance_m is None else [round(point.distance_m, 2)]


def _name(event: Event) -> str:
    return " ".join(event.label.split())


def _degrees(angle: float) -> float:
    return round(float(np.rad2deg(angle)), 1) + 0.0  # + 0.0: no -0.0


def _angles_text(event: Event) -> tuple[str, str]:
    if event.azimuth is None or event.elevation is None:
        return "", ""
    return f"{_degrees(event.azimuth):.1f}", f"{_degrees(event.elevation):.1f}"


def _text(event: Event) -> tuple[str, str, str, str]:
    return _name(event), *_angles_text(event), f"{event.score:.3f}"


def _whole_angles(event: Event) -> tuple[str, str]:
    assert event.azimuth is not None
    assert event.elevation is not None
    azimuth, elevation = np.rint(np.rad2deg([event.azimuth, event.elevation])).astype(int)
    return str((azimuth + 180) % 360 - 180), str(elevation)


def _metres(event: Event) -> str:
    known = [w.distance_m for w in event.path if w.distance_m is not None]
    return f"{sum(known) / len(known):g}" if known else ""


def _whole_degrees(table: FrameTable) -> tuple[Int[ndarray, " row"], Int[ndarray, " row"]]:
    azimuth, elevation = (np.rint(np.rad2deg(x)) for x in (table.azimuth, table.elevation))
    return ((azimuth + 180) % 360 - 180).astype(int), elevation.astype(int)


def _in_order(events: Sequence[Event], labels: Sequence[str]) -> list[Event]:
    """Sort by first and last frame, then label: an order that can be told from the rows alone."""
    index = {label: i for i, label in enumerate(labels)}

    def key(event: Event) -> tuple[int, int, int]:
        frames = frame_range(event, 10)
        return frames.start, frames.stop, index.get(event.label, -1)

    return sorted(events, key=key)


def _check_directions(path: Path, events: Iterable[Event]) -> None:
    for event in events:
        if not event.path:
            raise InputError(
                f"{path}: every event of this format must have a direction, "
                f"but {event.label} at {event.onset_s:g} s has none"
            )


def _write_frames(path: Path, columns: Sequence[Int[ndarray, " row"]]) -> None:
    rows = np.stack(columns, axis=1).tolist()
    write_text(path, "".join(",".join(map(str, row)) + "\n" for row in rows))


class _Lines(list[str]):
    """A file for csv.writer that keeps its lines."""

    write = list[str].append


def _write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    lines = _Lines()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    write_text(path, "".join(lines))
