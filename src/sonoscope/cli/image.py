"""The verb `image`: a recording of an array in; where it sounds out, also on a photograph."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.cli.screen import progress_bar
from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.core.camera import Camera
    from sonoscope.inference.hot_spots import Array, ImageSettings
    from sonoscope.pipeline import CameraView, Imaged

_AMBISONICS = ("foa", "n3d", "fuma")
_METHODS = (
    "clean-sc", "capon", "conventional", "functional", "music", "srp-phat", "orthogonal", "damas",
)  # fmt: skip
_VIDEO_WINDOW_S = 0.1
_MOST_LINES = 10

Sound = Annotated[Path, typer.Argument(help="The recording, or a video whose sound it is.")]
ArrayTold = Annotated[
    str,
    typer.Option(
        "--array",
        metavar="GEOMETRY",
        help="foa, n3d, fuma, tetra, em32, spiral64, ring64 or a geometry file (.toml, or .xml of "
        "Acoular).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for report.html, spots.csv and image.svg, overlay.png, overlay.mp4."),
]
Method = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{', '.join(_METHODS)}; clean-sc if not given, capon with fewer than 8 channels.",
    ),
]
Bands = Annotated[
    list[str] | None,
    typer.Option(
        "--band", metavar="LOW,HIGH",
        help="In kHz, such as 20,40; may be given again. Third octaves if not given.",
    ),
]  # fmt: skip
Window = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="An image for each; one of all if not given."),
]
Plane = Annotated[
    float | None, typer.Option(metavar="METRES", help="Look at a plane so far ahead.")
]
Size = Annotated[str | None, typer.Option(metavar="WIDTH,HEIGHT", help="Of the plane, in metres.")]
Sphere = Annotated[
    bool, typer.Option("--sphere", help="Look at directions, also with a flat array.")
]
Facing = Annotated[
    str | None,
    typer.Option(metavar="AZIMUTH,ELEVATION", help="Where the array looks, in degrees."),
]
Sources = Annotated[
    int | None,
    typer.Option(min=1, help="How many music and orthogonal count on; found if not given."),
]
Most = Annotated[int, typer.Option(min=1, max=32, help="Hot spots in a band and time, at most.")]
Sensitivity = Annotated[
    float | None,
    typer.Option(
        metavar="DBFS",
        help="What 94 dB of sound gives, as microphones' data sheets tell it (such as -26): levels "
        "are then sound pressure levels.",
    ),
]
Photo = Annotated[Path | None, typer.Option(help="A photograph to paint on; needs --camera.")]
Calibration = Annotated[
    Path | None, typer.Option("--camera", help="Calibration of the camera (.toml).")
]
Video = Annotated[
    Path | None, typer.Option(help="A video to paint on; needs --camera and the extra `video`.")
]
Begins = Annotated[
    float,
    typer.Option(metavar="SECONDS", help="Time of the recording at the video's first frame."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def image(
    file: Sound,
    *,
    array: ArrayTold,
    out: Out = None,
    method: Method = None,
    band: Bands = None,
    window: Window = None,
    plane: Plane = None,
    size: Size = None,
    sphere: Sphere = False,
    facing: Facing = None,
    sources: Sources = None,
    most: Most = 5,
    sensitivity: Sensitivity = None,
    photo: Photo = None,
    camera: Calibration = None,
    video: Video = None,
    video_begins: Begins = 0.0,
    as_json: AsJson = False,
) -> None:
    """Show where the sound of an array's recording comes from.

    Maps of the sphere, or of a plane for flat arrays, in each third octave, and a table of hot
    spots: when, in what band, where, how loud, how far above the noise, and the ellipse that holds
    the true place with 90 % probability. Directions are as everywhere: azimuth counter-clockwise
    from ahead, elevation up. With --photo or --video and --camera the image is painted on what a
    camera on the array saw.
    """
    # one thread: its matrix products are small, and threads would wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sonoscope import pipeline

    if video is not None and out is None:
        raise SettingError("--video must have a folder to write to, but no --out was given")
    wanted = settings(
        method, band, window, plane, size, facing, sources, most, sphere=sphere,
        moving=video is not None,
    )  # fmt: skip
    seen = camera_view(photo, camera, video, video_begins)
    with progress_bar(file.name) as progress:
        found = pipeline.image(
            file, array_told(array), out, wanted=wanted, sensitivity_db=sensitivity, seen=seen,
            progress=progress,
        )  # fmt: skip
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(as_object(found, file)))
    else:
        print("\n".join(lines(found, file)))


def settings(
    method: str | None,
    bands: list[str] | None,
    window: float | None,
    plane: float | None,
    size: str | None,
    facing: str | None,
    sources: int | None,
    most: int,
    *,
    sphere: bool,
    moving: bool,
) -> "ImageSettings":
    """Turn options into settings."""
    from sonoscope.core.recipe import from_table
    from sonoscope.inference.hot_spots import ImageSettings

    if method is not None and method not in _METHODS:
        raise SettingError(f"--method must be one of {', '.join(_METHODS)}, but {method} was given")
    if sphere and plane is not None:
        raise SettingError("--sphere and --plane must not be given together")
    told: dict[str, Any] = {"method": method, "sources": sources, "most": most, "sphere": sphere}
    if bands:
        told["bands_hz"] = tuple(_band_hz(each) for each in bands)
    if window is not None or moving:
        told["window_s"] = _VIDEO_WINDOW_S if window is None else window
    if plane is not None:
        told["plane_m"] = plane
    if size is not None:
        told["size_m"] = _pair("--size", size, "a width and a height in metres, such as 4,3")
    if facing is not None:
        told["facing"] = _facing(facing)
    return from_table(told, ImageSettings, where="sonoscope image")


def _band_hz(told: str) -> tuple[float, float]:
    low, high = _pair("--band", told, "two rising frequencies in kHz, such as 20,40")
    if not 0 < low < high < 1e3:
        raise SettingError(
            f"--band must be two rising frequencies in kHz, such as 20,40, but {told!r} was given"
        )
    return 1e3 * low, 1e3 * high


def _facing(told: str) -> tuple[float, float, float]:
    import numpy as np

    from sonoscope.core.direction import unit_vector

    pair = _pair("--facing", told, "azimuth and elevation in degrees, such as 0,-90")
    x, y, z = unit_vector(*np.deg2rad(pair).tolist()).tolist()
    return x, y, z


def _pair(option: str, told: str, what: str) -> tuple[float, float]:
    try:
        one, other = (float(number) for number in told.split(","))
    except ValueError:
        raise SettingError(f"{option} must be {what}, but {told!r} was given") from None
    return one, other


def array_told(told: str) -> "Array":
    """Turn a name or a geometry file into what channels are."""
    from sonoscope.core.array import ARRAYS, array_of

    match told:
        case "foa" | "n3d" | "fuma":
            return told
    if told not in ARRAYS and not told.lower().endswith((".toml", ".xml")):
        raise SettingError(
            f"--array must be one of {', '.join((*_AMBISONICS, *ARRAYS))} or a geometry file "
            f"(.toml, or .xml of Acoular), but {told!r} was given"
        )
    return array_of(told)


def camera_view(
    photo: Path | None, calibration: Path | None, video: Path | None, begins_s: float
) -> "CameraView | None":
    """Turn a calibration and pictures into what a camera saw."""
    from sonoscope.core.camera import read_calibration
    from sonoscope.pipeline import CameraView

    if calibration is None:
        if photo is not None or video is not None:
            raise SettingError(
                "--photo and --video need --camera, the calibration that says where a pixel looks"
            )
        return None
    camera: Camera = read_calibration(calibration)
    return CameraView(camera, photo, video, begins_s)


def as_object(found: "Imaged", path: Path) -> dict[str, Any]:
    """Give what `--json` prints; what is not known is null."""
    from sonoscope.report.hot_spot_table import numbers
    from sonoscope.report.image_page import headline
    from sonoscope.report.track_picture import track_rows

    number_of = numbers(found.places)
    told = found.told
    return {
        "file": str(path),
        "duration_s": round(found.file.duration_s, 6),
        "answer": headline(found.places),
        "method": found.looker.method,
        "settings": found.looker.settings(),
        "places": [
            {
                **told.row(place.surest, i),
                "level_db": round(told.level(place.loudest), 2),
                "loudest_band_hz": [round(edge, 3) for edge in place.loudest.band_hz],
                "heard_in_hz": [round(edge, 3) for edge in place.band_hz],
                "hot_spots": len(place.spots),
            }
            for i, place in enumerate(found.places, 1)
        ],
        "hot_spots": [
            told.row(spot, number_of.get(id(spot)), found.followed.number_of.get(id(spot)))
            for spot in found.spots
        ],
        "tracks": track_rows(found.followed.tracks),
        "files": {kind: str(written) for kind, written in found.files.items()},
        "warnings": list(found.warnings),
    }


def lines(found: "Imaged", path: Path) -> list[str]:
    """Say it to people."""
    from sonoscope.report.hot_spot_table import band_words
    from sonoscope.report.image_page import headline

    told = found.told
    rows = [f"{path}: {headline(found.places)} ({found.looker.method})"]
    rows += [
        f"  {i:>2}  {told.where(place.surest)}  {told.ellipse(place.surest)}  "
        f"{told.in_db(place.loudest)} in {band_words(place.loudest.band_hz)}"
        for i, place in enumerate(found.places[:_MOST_LINES], 1)
    ]
    if len(found.places) > _MOST_LINES:
        rows.append(f"      and {len(found.places) - _MOST_LINES} quieter ones")
    return rows + [f"  {kind:<8} {written}" for kind, written in found.files.items()]
