"""Reference tables replayed: what is in them, and whether they come out as they went in.

Every table of TAU Spatial Sound Events 2019 and of STARSS22 is read as a schedule; what the
renderer tells of each of its events at 24 kHz is written as the same kind of table, and compared
row by row. No sound is drawn or rendered.
"""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.tables import markdown
from sonoscope.core.event import Event
from sonoscope.core.event_table import read_events
from sonoscope.signal.receiver import IdealFoa
from sonoscope.simulation.render import Listener, heard_event
from sonoscope.simulation.replay import (
    STARSS22_LABELS,
    PlannedEvent,
    Schedule,
    read_schedule,
    speeds,
    write_table,
)
from sonoscope.simulation.script import Emission, Place
from sonoscope.simulation.track import Track

RATE = 24_000
HERE = Place(None, Track.still(np.zeros(3)))
LISTENER = Listener("foa", IdealFoa(), RATE)

Rows = NDArray[np.int64]


def heard(planned: PlannedEvent) -> Event:
    """Let the renderer tell what is heard of an event, in a place without echo."""
    length = round((planned.offset_s - planned.onset_s) * RATE)
    emission = Emission(
        planned.label,
        np.zeros(length, np.float32),
        planned.emission_s,
        planned.track,
        0.0,
        is_extra=False,
        attribution="",
    )
    event = heard_event(HERE, emission, np.inf, LISTENER)
    assert event is not None
    return event


def frames(path: Path) -> Rows:
    """Give the rows of a frame csv, each once and in order, azimuths in -180..179."""
    rows = np.loadtxt(path, delimiter=",", dtype=np.int64, ndmin=2)[:, :5]
    rows[:, 3] = (rows[:, 3] + 180) % 360 - 180
    return np.asarray(np.unique(rows, axis=0))


def frame_misses(one: Path, other: Path) -> tuple[int, NDArray[np.float64]]:
    """Compare frame tables: rows of which one has none, and degrees (azimuth, elevation) apart."""
    was, came = frames(one), frames(other)
    if was.shape != came.shape or (was[:, :3] != came[:, :3]).any():
        ours, theirs = ({tuple(row[:3]) for row in rows.tolist()} for rows in (was, came))
        return len(ours ^ theirs), np.zeros((0, 2))
    apart = np.abs(came[:, 3:] - was[:, 3:]).astype(np.float64)
    apart[:, 0] = np.minimum(apart[:, 0], 360 - apart[:, 0])
    return 0, apart


def event_misses(one: Path, other: Path, duration_s: float) -> tuple[int, NDArray[np.float64]]:
    """Compare event tables: events with another label, direction or distance, and seconds apart."""
    was, came = read_events(one), read_events(other)
    wrong, apart = abs(len(was) - len(came)), []
    for before, after in zip(was, came, strict=False):
        there, here = (
            (event.label, *np.round(np.rad2deg(event.path[0][1:3]), 6), event.path[0].distance_m)
            for event in (before, after)
        )
        wrong += there != here
        late = after.onset_s - before.onset_s, after.offset_s - min(before.offset_s, duration_s)
        apart.append(np.abs(late))
    return wrong, np.array(apart)


def _schedules(tables: list[Path]) -> tuple[list[Schedule], float]:
    start = time.process_time()
    generator = np.random.Generator(np.random.Philox(1))
    made = [read_schedule(table, generator, STARSS22_LABELS) for table in tables]
    return made, (time.process_time() - start) / max(1, len(tables))


def table(work: Path, data: Path, *, every: int = 1) -> str:
    """Replay each data set; of its tables one in `every`."""
    work.mkdir(parents=True, exist_ok=True)
    sets = {
        "TAU 2019": sorted((data / "dcase2019" / "reference_events").glob("*.csv"))[::every],
        "STARSS22": sorted((data / "starss22" / "metadata_dev").rglob("*.csv"))[::every],
    }
    head = [
        "set", "tables", "events", "hours", "overlap 1..5", "moving, events", "moving, time",
        "speed of the moving °/s: 50, 90, 99 %", "most °/s", "most m/s", "ms a table",
        "rows lost or won", "azimuth, elevation or time off by at most",
    ]  # fmt: skip
    return markdown(head, [_row(name, tables, work) for name, tables in sets.items()])


def _row(name: str, tables: list[Path], work: Path) -> list[object]:
    schedules, spent = _schedules(tables)
    events = [event for schedule in schedules for event in schedule.events]
    moving = [event for event in events if event.is_moving]
    share_s = sum(e.offset_s - e.onset_s for e in moving) / sum(
        e.offset_s - e.onset_s for e in events
    )
    overlaps = [schedule.overlap() for schedule in schedules]
    pace = np.rad2deg(np.concatenate([np.zeros(1), *map(speeds, moving)]))
    lost, apart = 0, [np.zeros((1, 2))]
    for path, schedule in zip(tables, schedules, strict=True):
        again = work / "again.csv"
        write_table(again, schedule, [heard(event) for event in schedule.events], STARSS22_LABELS)
        wrong, off = (
            frame_misses(path, again)
            if schedule.kind == "frames"
            else event_misses(path, again, schedule.duration_s)
        )
        lost += wrong
        apart.append(off)
    worst = np.concatenate(apart).max(axis=0)
    off_by = (
        f"{worst[0]:.0f}°, {worst[1]:.0f}°" if name == "STARSS22" else f"{1e6 * worst.max():.1f} µs"
    )
    return [
        name, len(tables), len(events),
        f"{sum(schedule.duration_s for schedule in schedules) / 3600:.2f}",
        ", ".join(str(overlaps.count(n)) for n in range(1, 6)),
        f"{len(moving) / len(events):.0%}", f"{share_s:.0%}",
        ", ".join(f"{np.percentile(pace, share):.1f}" for share in (50, 90, 99)),
        f"{pace.max():.0f}",
        f"{max((event.track.fastest_m_s for event in moving), default=0.0):.1f}",
        f"{1000 * spent:.0f}", lost, off_by,
    ]  # fmt: skip
