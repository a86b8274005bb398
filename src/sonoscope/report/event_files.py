"""What was heard as files: the events in every table form that can hold them."""

from collections.abc import Sequence
from pathlib import Path

from sonoscope.core import event_table
from sonoscope.core.event import Event

_DCASE = ("dcase2019", "dcase2020")


def write_named(out: Path, events: Sequence[Event], high_hz: float) -> dict[str, Path]:
    """Write events in every form that needs no directions; give the files by kind.

    Parameters
    ----------
    out
        A folder.
    high_hz
        Up to where was listened.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    names = {
        "events_csv": "events.csv",
        "events_json": "events.json",
        "audacity": "audacity.txt",
        "raven": "raven.txt",
    }
    files = {kind: out / name for kind, name in names.items()}
    event_table.write_events(files["events_csv"], events)
    event_table.write_json(files["events_json"], events)
    event_table.write_audacity(files["audacity"], events)
    event_table.write_raven(files["raven"], events, high_hz=high_hz)
    return files


def write_placed(out: Path, events: Sequence[Event], labels: Sequence[str]) -> dict[str, Path]:
    """Write the frames of events that have a direction: the DCASE forms know no other."""
    files = {kind: out / f"{kind}.csv" for kind in _DCASE}
    placed = [event for event in events if event.path]
    event_table.write_frames_2019(files["dcase2019"], placed, labels)
    event_table.write_frames_2020(files["dcase2020"], placed, labels)
    return files


def remove_placed(out: Path) -> None:
    """Remove frames that an earlier recording of that name has left in the folder."""
    for kind in _DCASE:
        (out / f"{kind}.csv").unlink(missing_ok=True)
