"""The verb `analyze`: recordings in; tables, reports and lines on the screen out."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.recordings import AsJson, Files, Progress, end_with, one_by_one
from sonoscope.cli.screen import quiet_libraries
from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.pipeline import Analysis, Format
    from sonoscope.report.combined import Entry

COMBINED_CSV, COMBINED_PAGE = "events.csv", "index.html"
_MOST_ROWS = 40
_KEYS = ("label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "score", "spread_deg")
_OF_PASSES = ("passes", "score_std", "wander_deg")

Out = Annotated[Path, typer.Option(help="Folder for the results: OUT/NAME/ a recording.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="A shipped model (see `sonoscope models`) or a model file; by default the one for "
        "the format.",
    ),
]
FormatName = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="What the channels are: auto, foa, n3d, fuma, tetra, mono, stereo or a geometry file "
        "(.toml).",
    ),
]
Truth = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="The true events, to show and score beside those found."),
]
Asked = Annotated[
    int | None,
    typer.Option(
        min=2,
        metavar="N",
        help="Ask the network N times, each time with other units left out (Monte Carlo dropout), "
        "and tell by how much its answers differ; 200 is usual.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of what is left out in --passes.")]


def analyze(
    files: Files,
    out: Out,
    model: Model = None,
    channel_format: FormatName = "auto",
    truth: Truth = None,
    passes: Asked = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what sounded, when and from where.

    Each recording gets a folder OUT/NAME/ with events.csv, events.json, dcase2019.csv,
    dcase2020.csv, audacity.txt, raven.txt and report.html; several recordings also get
    OUT/events.csv and OUT/index.html. With a calibrated model, as those shipped are, a score is the
    probability that the event is right and a spread the radius that holds its true direction with
    90 % probability. A recording that cannot be read costs a line and exit code 1; the rest goes
    on.
    """
    if truth is not None and len(files) > 1:
        raise SettingError(f"--truth must come with one recording, but {len(files)} were given")
    # its matrix products are small, and idle BLAS threads would spin on the network's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    told = _format(channel_format)
    with quiet_libraries():
        if model is not None:
            from sonoscope.pipeline import open_detector

            open_detector(model)  # a model that cannot be used is said once, not for each file
        wanted = _Wanted(model, told, truth, passes, seed)
        entries = list(_each(files, out, wanted, as_json=as_json))
        if len(files) > 1:
            from sonoscope.report.combined import (
                write_combined,
                write_combined_csv,
            )

            write_combined_csv(out / COMBINED_CSV, entries)
            write_combined(out / COMBINED_PAGE, entries)
    end_with([entry.failure for entry in entries])


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options that each recording is analysed with."""

    model: str | None
    channel_format: "Format"
    truth: Path | None
    passes: int | None
    seed: int


def _each(files: list[Path], out: Path, wanted: _Wanted, *, as_json: bool) -> Iterator["Entry"]:
    """Analyse one recording after the other, telling of each what was found or why not."""
    from sonoscope import pipeline
    from sonoscope.inference.monte_carlo import MonteCarlo
    from sonoscope.report.combined import Entry

    asked = None if wanted.passes is None else MonteCarlo(wanted.passes, wanted.seed)

    def work(path: Path, folder: Path | None, progress: Progress) -> "Analysis":
        return pipeline.analyze(
            path,
            folder or out,
            model=wanted.model,
            channel_format=wanted.channel_format,
            truth=wanted.truth,
            monte_carlo=asked,
            progress=progress,
        )

    for name, found, failure in one_by_one(files, out, (COMBINED_CSV, COMBINED_PAGE), work):
        if found is None:
            yield Entry(name, 0.0, (), None, failure)
            continue
        if as_json:
            print(json.dumps(as_object(found)), flush=True)
        else:
            show(found)
        yield Entry(name, found.file.duration_s, found.events, found.files["report"])


def as_object(found: "Analysis") -> dict[str, Any]:
    """Give what `--json` prints: angles in degrees, null where unknown."""
    from sonoscope.core.event_table import to_json

    return {
        "file": str(found.file.path),
        "duration_s": round(found.file.duration_s, 6),
        "events": [
            {key: event.get(key) for key in _KEYS}
            | {key: event[key] for key in _OF_PASSES if key in event}
            for event in to_json(found.events)
        ],
        "files": {kind: str(path) for kind, path in found.files.items()},
    }


def show(found: "Analysis") -> None:
    """Print a recording's events as a table for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    said = as_object(found)
    events = said["events"]
    many = "1 event" if len(events) == 1 else f"{len(events)} events"
    format_name = found.channel_format
    console.print(
        f"{said['file']}: {said['duration_s']:.2f} s, {format_name}, {many}",
        markup=False,
        soft_wrap=True,
    )
    if events:
        table = Table("label", *_SHOWN)
        for column in table.columns[1:]:
            column.justify = "right"
        for event in events[:_MOST_ROWS]:
            table.add_row(escape(event["label"]), *_shown(event))
        console.print(table)
    if len(events) > _MOST_ROWS:
        console.print(f"and {len(events) - _MOST_ROWS} more in {found.files['events_csv']}")
    if found.scores:
        named = ", ".join(f"{name} {value:.3g}" for name, value in found.scores.items())
        console.print(f"against the truth (DCASE 2019, strict): {named}", soft_wrap=True)
    console.print(f"report: {found.files['report']}", markup=False, soft_wrap=True)


_SHOWN = ("from s", "to s", "azimuth", "elevation", "within", "score")


def _shown(event: dict[str, Any]) -> Iterator[str]:
    """Give the cells of an event behind its label."""
    yield f"{event['onset_s']:.2f}"
    yield f"{event['offset_s']:.2f}"
    for key, mark in (("azimuth_deg", ""), ("elevation_deg", ""), ("spread_deg", "±")):
        yield "" if event[key] is None else f"{mark}{round(event[key])}°"
    scatter = f" ±{event['score_std']:.2f}" if "score_std" in event else ""
    yield f"{event['score']:.2f}{scatter}"


def _format(told: str) -> "Format":
    """Read the option `--format`."""
    from sonoscope.core.array import read_geometry

    named: dict[str, Format] = {
        "auto": "auto",
        "foa": "foa",
        "n3d": "n3d",
        "fuma": "fuma",
        "tetra": "tetra",
        "mono": "mono",
        "stereo": "stereo",
    }
    if told in named:
        return named[told]
    if not told.lower().endswith((".toml", ".xml")):
        raise SettingError(
            f"--format must be one of {', '.join(named)} or a geometry file (.toml), "
            f"but {told!r} was given"
        )
    return read_geometry(Path(told))
