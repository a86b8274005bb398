"""The verb `classify`: clips and long recordings in; names out."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.recordings import AsJson, Files, OutIfAny, Progress, end_with, one_by_one
from sonoscope.cli.screen import quiet_libraries

if TYPE_CHECKING:
    from sonoscope.pipeline import Classification
    from sonoscope.report.combined import Entry
    from sonoscope.report.names import NamedSpan

NAMES_CSV, INDEX_PAGE = "names.csv", "index.html"
_LIKELIEST = 5

Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="A shipped model that names clips (see `sonoscope models`) or a model file.",
    ),
]


def classify(
    files: Files, model: Model = None, out: OutIfAny = None, as_json: AsJson = False
) -> None:
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
    end_with([entry.failure for entry in heard.entries])


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

    def work(path: Path, folder: Path | None, progress: Progress) -> "Classification":
        return pipeline.classify(path, folder, model=model, progress=progress)

    for name, found, failure in one_by_one(files, out, (NAMES_CSV, INDEX_PAGE), work):
        if found is None:
            heard.entries.append(Entry(name, 0.0, (), None, failure))
            continue
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
