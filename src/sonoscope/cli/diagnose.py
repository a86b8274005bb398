"""The verb `diagnose`: recordings in; discharges, how strong they are and what to do out."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.prpd import Channel, Mains, mains_hz
from sonoscope.cli.recordings import AsJson, Files, OutIfAny, Progress, end_with, one_by_one
from sonoscope.cli.screen import quiet_libraries

if TYPE_CHECKING:
    from sonoscope.inference.diagnosis import DiagnosisSettings
    from sonoscope.pipeline import Diagnosed
    from sonoscope.report.diagnosis_index import DiagnosedEntry

INDEX_PAGE, INDEX_CSV = "index.html", "diagnoses.csv"

Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_FILE",
        help="A model that names discharges, or `references` to name them by reference patterns.",
    ),
]


def diagnose(
    files: Files,
    *,
    out: OutIfAny = None,
    mains: Mains = None,
    channel: Channel = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether recordings hold electrical discharges, of what kind, how strong, what to do.

    Recordings of 32 kHz or more, of any length and number of channels; 96 kHz or more holds
    ultrasound. They are heard in windows of two seconds. With --out there is a folder OUT/NAME/
    for each with report.html, one page for people, and windows.csv; several recordings get
    OUT/index.html and OUT/diagnoses.csv. A recording that cannot be read costs a line and exit
    code 1; the rest goes on. Kinds were learnt from simulated discharges; levels are uncalibrated.
    """
    # its matrix products are small, and idle BLAS threads would spin on the windows' cores
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    wanted = settings(mains, channel, model)
    with quiet_libraries():
        from sonoscope.inference.diagnosis import open_namer

        open_namer(model)  # a model that cannot be used is said once, not for each file
        entries = list(_each(files, out, wanted, as_json=as_json))
        if out is not None and len(files) > 1:
            _write_together(out, entries)
    end_with([entry.failure for entry in entries])


def settings(mains: str | None, channel: int | None, model: str | None) -> "DiagnosisSettings":
    """Turn options into settings."""
    from sonoscope.inference.diagnosis import DiagnosisSettings

    return DiagnosisSettings(mains_hz(mains), None if channel is None else channel - 1, model)


def _each(
    files: list[Path], out: Path | None, wanted: "DiagnosisSettings", *, as_json: bool
) -> Iterator["DiagnosedEntry"]:
    """Diagnose one recording after the other; of one that cannot be, tell why."""
    from sonoscope import pipeline
    from sonoscope.report.diagnosis_index import DiagnosedEntry

    def work(path: Path, folder: Path | None, progress: Progress) -> "Diagnosed":
        return pipeline.diagnose(path, folder, wanted=wanted, progress=progress)

    for name, found, failure in one_by_one(files, out, (INDEX_CSV, INDEX_PAGE), work):
        if found is None:
            yield DiagnosedEntry(name, failure=failure)
            continue
        print(json.dumps(as_object(found)) if as_json else "\n".join(lines(found)), flush=True)
        yield DiagnosedEntry(
            name,
            found.file.duration_s,
            found.answer,
            found.windows[found.strongest],
            found.files.get("report"),
        )


def _write_together(out: Path, entries: "list[DiagnosedEntry]") -> None:
    from sonoscope.core.durable import write_text
    from sonoscope.pipeline import made_folder
    from sonoscope.report.diagnosis_index import diagnoses_csv, index_page

    write_text(made_folder(out) / INDEX_CSV, diagnoses_csv(entries))
    write_text(out / INDEX_PAGE, index_page(out, entries))


def as_object(found: "Diagnosed") -> dict[str, Any]:
    """Give what `--json` prints; what is not known is null."""
    from sonoscope.report.advice import advised, headline

    given = found.answer
    return {
        "file": str(found.file.path),
        "duration_s": round(found.file.duration_s, 6),
        "channels": found.heard_as,
        "named_by": found.named_by,
        "answer": headline(given),
        "status": given.status,
        "kinds": [
            {
                "kind": kind,
                "confidence": round(given.confidence[kind], 4),
                "windows": given.count[kind],
            }
            for kind in given.kinds
        ],
        "tentative": given.tentative,
        "strongest": _window(found, found.strongest),
        "windows": [_window(found, number) for number in range(len(found.windows))],
        "next": [step for advice in advised(given) for step in advice.steps],
        "files": {kind: str(path) for kind, path in found.files.items()},
        "warnings": list(found.warnings),
    }


def _window(found: "Diagnosed", number: int) -> dict[str, Any]:
    from dataclasses import asdict

    window = found.windows[number]
    figures = asdict(window.severity)
    return {
        "start_s": round(window.start_s, 4),
        "end_s": round(window.end_s, 4),
        "said": list(window.said),
        "confidence": {kind: round(sure, 4) for kind, sure in window.confidence.items()},
        "band_hz": list(window.band),
        "clock": window.clock,
        "clock_hz": None if window.clock_hz is None else round(window.clock_hz, 4),
        **{name: None if value is None else round(value, 4) for name, value in figures.items()},
    }


def lines(found: "Diagnosed") -> list[str]:
    """Say it to people."""
    from sonoscope.report.advice import advised, headline
    from sonoscope.report.diagnosis_page import in_words
    from sonoscope.report.severity_table import MAIN

    file, given, window = found.file, found.answer, found.windows[found.strongest]
    by = "likeness" if found.named_by == "references" else "confidence"
    strong = [
        f"{each.name.lower()} {each.value(window.severity)}"
        for each in MAIN
        if getattr(window.severity, each.field) is not None
    ]
    rows = [
        ("because", in_words(given, window, file.duration_s, by)),
        ("strength", ", ".join(strong)),
        ("next", advised(given)[0].steps[0]),
        *((kind, str(path)) for kind, path in found.files.items()),
    ]
    return [
        f"{file.path}: {headline(given)}",
        *(f"  {name:<9} {told}" for name, told in rows),
    ]
