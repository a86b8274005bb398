"""Several diagnoses together: an index page that links to each report, and a csv of them.

Columns of the csv: file, status, kinds (joined by " + "), confidence (of the first), clock_hz,
level_db, over_noise_db, pulses_hz, failure; figures are of the strongest window.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sonoscope.report.advice import headline
from sonoscope.report.clock import duration
from sonoscope.report.combined import link
from sonoscope.report.markup import asset, element, number, text
from sonoscope.report.page import whole_page
from sonoscope.report.severity_table import MAIN
from sonoscope.targets.diagnosis import Answer, Window

COLUMNS = (
    "file", "status", "kinds", "confidence", "clock_hz", "level_db", "over_noise_db", "pulses_hz",
    "failure",
)  # fmt: skip
_URGENT_FIRST = ("found", "possible", "unknown", "unphased", "nothing")
_SHOWN = MAIN[:3]


@dataclass(frozen=True, slots=True)
class DiagnosedEntry:
    """One recording of several.

    Attributes
    ----------
    name, duration_s
        The recording's; 0 if it could not be read.
    answer, window
        What it came to, and its strongest window.
    report
        Where its page lies, or None if it has none.
    failure
        Why it could not be diagnosed; empty if it was.
    """

    name: str
    duration_s: float = 0.0
    answer: Answer | None = None
    window: Window | None = None
    report: Path | None = None
    failure: str = ""


def index_page(folder: Path, entries: Sequence[DiagnosedEntry]) -> str:
    """Give the index's HTML: what needs a look first; links are relative to the folder."""
    told = [entry for entry in entries if entry.answer is not None]
    signs = sum(entry.answer is not None and entry.answer.status == "found" for entry in told)
    lead = f"{len(entries)} recordings, {duration(sum(e.duration_s for e in entries))} of sound: "
    lead += f"signs of discharges in {signs}."
    bad = len(entries) - len(told)
    lead += f" {bad} could not be diagnosed." if bad else ""
    heads = ["Recording", "Duration", "Answer", *(each.name for each in _SHOWN)]
    head = "".join(
        element("th", text(name), scope="col", class_="cell word" if i in (0, 2) else "cell")
        for i, name in enumerate(heads)
    )
    rows = "".join(_row(folder, entry) for entry in sorted(entries, key=_urgency))
    table = element("table", element("thead", element("tr", head)) + element("tbody", rows))
    body = element(
        "header",
        element("p", "sonoscope diagnosis", class_="kicker")
        + element("h1", "All recordings")
        + element("p", text(lead), class_="lead"),
    ) + element("section", element("div", table, class_="table-frame whole"), class_="index")
    style = asset("diagnosis.css")
    return whole_page(title="All recordings · sonoscope diagnosis", body=body, style=style)


def _urgency(entry: DiagnosedEntry) -> tuple[int, float]:
    if entry.answer is None or entry.window is None:
        return len(_URGENT_FIRST), 0.0
    over_db = entry.window.severity.over_noise_db
    return _URGENT_FIRST.index(entry.answer.status), -(over_db or 0.0)


def _row(folder: Path, entry: DiagnosedEntry) -> str:
    name = text(entry.name)
    if entry.report is not None:
        name = element("a", name, href=link(entry.report, folder))
    first = element("td", name, class_="word wide")
    if entry.answer is None or entry.window is None:
        told = element("td", text(entry.failure), colspan=5, class_="word wide failure")
        return element("tr", first + told)
    figures = entry.window.severity
    cells = element("td", duration(entry.duration_s))
    cells += element(
        "td", text(headline(entry.answer)), class_=f"word wide status {entry.answer.status}"
    )
    cells += "".join(element("td", text(each.value(figures))) for each in _SHOWN)
    return element("tr", first + cells)


def diagnoses_csv(entries: Sequence[DiagnosedEntry]) -> str:
    """Write a row a recording, in the order given."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([entry.name, *_cells(entry), entry.failure])
    return buffer.getvalue()


def _cells(entry: DiagnosedEntry) -> list[str]:
    given, window = entry.answer, entry.window
    if given is None or window is None:
        return ["", "", "", "", "", "", ""]
    figures = window.severity
    numbers = (
        given.confidence[given.kinds[0]] if given.kinds else None,
        window.clock_hz,
        figures.level_db,
        figures.over_noise_db,
        figures.pulses_hz,
    )
    return [
        given.status,
        " + ".join(given.kinds),
        *("" if value is None else number(value, 4) for value in numbers),
    ]
