"""The verb `analyze`: recordings in; tables, reports and lines on the screen out."""

import json
import os
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.screen import progress_bar, quiet_libraries
from sonoscope.core.errors import SettingError, SonoscopeError

if TYPE_CHECKING:
    from sonoscope.pipeline import Analysis, Format
    from sonoscope.report.combined import Entry

IN_PART, REFUSED = 1, 2
COMBINED_CSV, COMBINED_PAGE = "events.csv", "index.html"
_MOST_ROWS = 40
_KEYS = ("label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "score", "spread_deg")
_OF_PASSES = ("passes", "score_std", "wander_deg")

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="The recordings.")]
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
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a recording.")]


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
    bad = sum(bool(entry.failure) for entry in entries)
    if bad:
        raise typer.Exit(REFUSED if bad == len(entries) else IN_PART)


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
    names = [path.name for path in files]
    for path, folder in zip(files, folders(files, out), strict=True):
        name = path.name if names.count(path.name) == 1 else str(path)
        try:
            with progress_bar(path.name) as progress:
                found = pipeline.analyze(
                    path,
                    folder,
                    model=wanted.model,
                    channel_format=wanted.channel_format,
                    truth=wanted.truth,
                    monte_carlo=asked,
                    progress=progress,
                )
        except SonoscopeError as error:
            failure = " ".join(str(error).split())
            print(f"sonoscope: {failure}", file=sys.stderr)
            yield Entry(name, 0.0, (), None, failure)
            continue
        for warning in found.warnings:
            print(f"sonoscope: {path}: {warning}", file=sys.stderr)
        if as_json:
            print(json.dumps(as_object(found)), flush=True)
        else:
            show(found)
        yield Entry(name, found.file.duration_s, found.events, found.files["report"])


def folders(
    files: list[Path], out: Path, taken: Collection[str] = (COMBINED_CSV, COMBINED_PAGE)
) -> list[Path]:
    """Give each recording a folder of its own, named after it; equal or taken names get a number.

    Examples
    --------
    >>> [str(f) for f in folders([Path("a/dog.wav"), Path("b/dog.flac")], Path("out"))]
    ['out/dog', 'out/dog-2']
    """
    used = {*taken}
    given = []
    for path in files:
        stem = path.stem.lstrip(".") or "recording"
        name, number = stem, 1
        while name.casefold() in used:  # some file systems do not tell Dog from dog
            number += 1
            name = f"{stem}-{number}"
        used.add(name.casefold())
        given.append(out / name)
    return given


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
    if not told.lower().endswith(".toml"):
        raise SettingError(
            f"--format must be one of {', '.join(named)} or a geometry file (.toml), "
            f"but {told!r} was given"
        )
    return read_geometry(Path(told))
