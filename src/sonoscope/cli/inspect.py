"""The verb `inspect`: a recording of an array in; what discharges where, on one page, out."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.diagnose import Model
from sonoscope.cli.image import (
    ArrayTold,
    AsJson,
    Calibration,
    Facing,
    Plane,
    Sensitivity,
    Size,
    Sphere,
    array_told,
    camera_view,
)
from sonoscope.cli.image import settings as image_settings
from sonoscope.cli.prpd import Mains, mains_hz
from sonoscope.cli.screen import progress_bar, quiet_libraries

if TYPE_CHECKING:
    from sonoscope.pipeline import Inspected

Sound = Annotated[Path, typer.Argument(help="The recording.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for report.html, places.csv, overlay.png and a WAV file a place."),
]
Bands = Annotated[
    list[str] | None,
    typer.Option(
        "--band", metavar="LOW,HIGH",
        help="Where places are looked for, in kHz; may be given again. 20,40 if not given, or the "
        "highest octave that the rate holds.",
    ),
]  # fmt: skip
Most = Annotated[int, typer.Option(min=1, max=12, help="Places in a band, at most.")]
Photo = Annotated[Path | None, typer.Option(help="A photograph to mark; needs --camera.")]


def inspect(
    file: Sound,
    *,
    array: ArrayTold,
    out: Out = None,
    band: Bands = None,
    plane: Plane = None,
    size: Size = None,
    sphere: Sphere = False,
    facing: Facing = None,
    most: Most = 5,
    mains: Mains = None,
    model: Model = None,
    sensitivity: Sensitivity = None,
    photo: Photo = None,
    camera: Calibration = None,
    as_json: AsJson = False,
) -> None:
    """Find electrical discharges in an array's recording: where they are and of what kind.

    Hot spots of ultrasound are found as `image` does, each is listened to by a beam towards it,
    and diagnosed as `diagnose` does. Echoes, and what leaks from one place into another, are told
    apart. With --out there is report.html, one page with the places (marked on a photograph with
    --photo and --camera), what each is and how sure, its pattern over the mains' phase, how strong
    it is and what to do. Kinds were learnt from simulated discharges.
    """
    # one thread: its matrix products are small, and threads would wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sonoscope import pipeline
    from sonoscope.inference.diagnosis import DiagnosisSettings

    looking = image_settings(
        None, band, None, plane, size, facing, None, most, sphere=sphere, moving=False
    )
    wanted = DiagnosisSettings(mains_hz(mains), None, model)
    seen = camera_view(photo, camera, None, 0.0)
    with quiet_libraries(), progress_bar(file.name) as progress:
        found = pipeline.inspect(
            file, array_told(array), out, looking=looking, wanted=wanted,
            sensitivity_db=sensitivity, seen=seen, progress=progress,
        )  # fmt: skip
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(as_object(found, file)))
    else:
        print("\n".join(lines(found, file)))


def as_object(found: "Inspected", path: Path) -> dict[str, Any]:
    """Give what `--json` prints; what is not known is null."""
    from sonoscope.report.inspection_page import headline, row

    return {
        "file": str(path),
        "duration_s": round(found.file.duration_s, 6),
        "answer": headline(found.places),
        "named_by": found.named_by,
        "settings": found.looker.settings(),
        "places": [row(found.told, number, each) for number, each in enumerate(found.places, 1)],
        "files": {kind: str(written) for kind, written in found.files.items()},
        "warnings": list(found.warnings),
    }


def lines(found: "Inspected", path: Path) -> list[str]:
    """Say it to people."""
    from sonoscope.report.inspection_page import headline, note, what

    told = found.told
    rows = [f"{path}: {headline(found.places)}"]
    rows += [
        f"  {number:>2}  {told.where(each.place.surest)}  {told.in_db(each.place.loudest)}  "
        f"{note(each.repeat) or what(each)}"
        for number, each in enumerate(found.places, 1)
    ]
    return rows + [f"  {kind:<8} {written}" for kind, written in found.files.items()]
