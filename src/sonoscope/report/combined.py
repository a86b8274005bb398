"""Several recordings together: an index page that links to each report, and one csv of all events.

Columns of the csv: file, label, onset_s, offset_s, azimuth_deg, elevation_deg, score; the angles
are empty where no direction is known.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from sonoscope.core.durable import write_text
from sonoscope.core.event import Event
from sonoscope.report.clock import duration
from sonoscope.report.markup import element, number, text
from sonoscope.report.page import whole_page

COLUMNS = ("file", "label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "score")


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording of several.

    Attributes
    ----------
    name
        The recording's name.
    duration_s
        Its length, 0 if it could not be read.
    events
        What was found.
    report
        Where its page lies, or None if it has none.
    failure
        Why it could not be analysed; empty if it was.
    """

    name: str
    duration_s: float
    events: Sequence[Event]
    report: Path | None = None
    failure: str = ""


def write_combined(path: Path, entries: Sequence[Entry]) -> None:
    """Write the index page; links are relative to it."""
    total = sum(len(entry.events) for entry in entries)
    bad = sum(bool(entry.failure) for entry in entries)
    sound = duration(sum(entry.duration_s for entry in entries))
    lead = f"{len(entries)} recordings, {sound} of sound, {total} events."
    if bad:
        lead += f" {bad} could not be analysed."
    words = {"Recording": "cell word", "Duration": "cell", "Events": "cell", "Heard": "cell word"}
    heads = "".join(element("th", head, scope="col", class_=kind) for head, kind in words.items())
    rows = "".join(_row(path, entry) for entry in entries)
    table = element("table", element("thead", element("tr", heads)) + element("tbody", rows))
    body = element(
        "header",
        element("p", "sonoscope report", class_="kicker")
        + element("h1", "All recordings")
        + element("p", lead, class_="lead"),
    ) + element("section", element("div", table, class_="table-frame whole"), class_="index")
    write_text(path, whole_page(title="All recordings · sonoscope", body=body))


def _row(index: Path, entry: Entry) -> str:
    name = text(entry.name)
    if entry.report is not None:
        name = element("a", name, href=link(entry.report, index.parent))
    first = element("td", name, class_="word wide")
    if entry.failure:
        cells = element("td", text(entry.failure), colspan=3, class_="word wide failure")
        return element("tr", first + cells)
    kinds = Counter(event.label for event in entry.events).most_common()
    heard = ", ".join(label if n == 1 else f"{label} ×{n}" for label, n in kinds) or "nothing"
    cells = (
        element("td", duration(entry.duration_s))
        + element("td", str(len(entry.events)))
        + element("td", text(heard), class_="word wide")
    )
    return element("tr", first + cells)


def link(target: Path, folder: Path) -> str:
    """Give a relative address; a colon or a hash in a name stays part of the name."""
    return "./" + quote(Path(os.path.relpath(target, folder)).as_posix())


def write_combined_csv(path: Path, entries: Sequence[Entry]) -> None:
    """Write the events of all recordings as one table."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (
            entry.name,
            event.label,
            number(event.onset_s, 4),
            number(event.offset_s, 4),
            _degrees(event.azimuth),
            _degrees(event.elevation),
            number(event.score, 4),
        )
        for entry in entries
        for event in entry.events
    )
    write_text(path, buffer.getvalue())


def _degrees(angle: float | None) -> str:
    return "" if angle is None else number(float(np.rad2deg(angle)), 2)
