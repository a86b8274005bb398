"""The verb `classify`: clips and long recordings in; names out."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.analyze import IN_PART, REFUSED, folders
from sonoscope.cli.screen import progress_bar, quiet_libraries
from sonoscope.core.errors import SonoscopeError

if TYPE_CHECKING:
    from sonoscope.pipeline import Classification
    from sonoscope.report.combined import Entry
    from sonoscope.report.names import NamedSpan

NAMES_CSV, INDEX_PAGE = "names.csv", "index.html"
_LIKELIEST = 5

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="The recordings.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="A shipped model that names clips (see `sonoscope models`) or a model file.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the results; without it nothing is written.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a recording.")]


def classify(files: Files, model: Model = None, out: Out = None, as_json: AsJson = False) -> None:
    """Name clips, and what sounds in long recordings from when to when.

    Recordings may have any length, rate and number of channels, which are heard as one. Where no
    label is probable enough, and in silence, the name is "unknown". With --out there is
    OUT/names.csv with a row for each recording and each window; a recording that is longer than
    the model's window also gets a folder OUT/NAME/ with events.csv, events.json, audacity.txt,
    raven.txt and report.html, and several recordings get OUT/index.html. A recording that cannot
    be read costs a line and exit code 1; the rest goes on.
    """
    # its matrix products are small, and idle BLAS threads would spin on the network's cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with quiet_libraries():
        from sonoscope.pipeline import open_classifier

        open_classifier(model)  # a model that cannot be used is said once, not for each file
        heard = _Heard()
        for said in _each(files, model, out, heard):
            print(json.dumps(as_object(said)) if as_json else line(said), flush=True)
        if out is not None and heard.spans:
            _write_together(out, heard)
    bad = sum(bool(entry.failure) for entry in heard.entries)
    if bad:
        raise typer.Exit(REFUSED if bad == len(files) else IN_PART)


@dataclass(slots=True)
class _Heard:
    """What is told of all recordings together."""

    entries: "list[Entry]" = field(default_factory=list)
    spans: "list[NamedSpan]" = field(default_factory=list)


def _each(
    files: list[Path], model: str | None, out: Path | None, heard: _Heard
) -> Iterator["Classification"]:
    """Name one recording after the other; of one that cannot be, tell why."""
    from sonoscope import pipeline
    from sonoscope.report.combined import Entry

    names = [path.name for path in files]
    given = folders(files, out or Path(), (NAMES_CSV, INDEX_PAGE))
    for path, folder in zip(files, given, strict=True):
        name = path.name if names.count(path.name) == 1 else str(path)
        name = name.encode("utf-8", "replace").decode()  # a file name need not be valid text
        try:
            with progress_bar(path.name) as progress:
                found = pipeline.classify(
                    path, None if out is None else folder, model=model, progress=progress
                )
        except SonoscopeError as error:
            failure = " ".join(str(error).split())
            print(f"sonoscope: {failure}", file=sys.stderr)
            heard.entries.append(Entry(name, 0.0, (), None, failure))
            continue
        for warning in found.warnings:
            print(f"sonoscope: {path}: {warning}", file=sys.stderr)
        report = found.files.get("report")
        heard.entries.append(Entry(name, found.file.duration_s, found.events, report))
        heard.spans.extend(found.spans(name))
        yield found


def _write_together(out: Path, heard: _Heard) -> None:
    from sonoscope.pipeline import made_folder
    from sonoscope.report.combined import write_combined
    from sonoscope.report.names import write_names

    write_names(made_folder(out) / NAMES_CSV, heard.spans)
    if len(heard.entries) > 1:
        write_combined(out / INDEX_PAGE, heard.entries)


def as_object(found: "Classification") -> dict[str, Any]:
    """Give what `--json` prints."""
    named = found.named
    return {
        "file": str(found.file.path),
        "duration_s": round(found.file.duration_s, 6),
        "label": named.label,
        "probability": round(named.score, 6),
        "likeliest": [
            {"label": label, "probability": round(probability, 6)}
            for label, probability in named.likeliest(_LIKELIEST)
        ],
        "events": [
            {
                "label": event.label,
                "onset_s": round(event.onset_s, 4),
                "offset_s": round(event.offset_s, 4),
                "probability": round(event.score, 6),
            }
            for event in found.events
        ],
        "files": {kind: str(path) for kind, path in found.files.items()},
    }


def line(found: "Classification") -> str:
    """Say it to people, in one line."""
    named = found.named
    likeliest = [f"{label} {probability:.2f}" for label, probability in named.likeliest(3)]
    is_named = named.label == named.likeliest(1)[0][0]
    told = f"{likeliest[0]}, then {', '.join(likeliest[1:])}"
    if not is_named:
        told = f"{named.label}, likeliest {', '.join(likeliest)}"
    if named.is_silent:
        told = f"{named.label}, silence"
    if len(named.start_s) > 1:
        spans = "1 span" if len(found.events) == 1 else f"{len(found.events)} spans"
        told += f"; {spans} in {found.file.duration_s:.2f} s"
    if "report" in found.files:
        told += f", report: {found.files['report']}"
    return f"{found.file.path}: {told}"
