"""Simulated inspections by drone on disk: all that `sonoscope inspect` takes, and the truth.

    OUT/sound/drone_00000.wav    64 capsules, 96 kHz, 24 bit
    OUT/photo/drone_00000.png    what the drone's camera sees
    OUT/places/drone_00000.csv   a row each place that sounds: metres, pixels, kind, level, mains
    OUT/truth/drone_00000.json   all that is known of it, every pulse
    OUT/array.toml, camera.toml  geometry and calibration, of all of them
    OUT/table.csv, manifest.json as of `datasets.inspection_set`

Written by number: `datasets.numbered_set`.
"""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope import __version__
from sonoscope.core import audio
from sonoscope.core.array import as_toml
from sonoscope.core.audio import Recording
from sonoscope.core.camera import Camera
from sonoscope.core.durable import write_bytes, write_text
from sonoscope.core.recipe import STRICT, to_json
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.drone_families import random_drone_inspection
from sonoscope.simulation.drone_inspection import (
    ARRAYS,
    CAMERA,
    ArrayName,
    DroneInspection,
    DroneTruth,
)
from sonoscope.simulation.inspection import Family

ARRAY, CALIBRATION = "array.toml", "camera.toml"

_PLACES = (
    "number", "kind", "part", "is_reflection", "x_m", "y_m", "z_m", "u_px", "v_px", "distance_m",
    "level_db", "mains_hz", "is_simulated",
)  # fmt: skip


@dataclass(config=STRICT)
class DroneSetRecipe:
    """A set of simulated inspections by drone, but for how many and the seed.

    Attributes
    ----------
    name
        What the set is called.
    array
        What hangs under the drone.
    families
        Which families to take in turn.
    kinds
        What discharges, recording after recording in turn; None to draw it.
    duration_s, rate_hz
        Of each recording.
    snr_db
        Signal-to-noise ratios between 20 and 40 kHz, taken in turn.
    file_type
        `wav` or `flac` (which holds eight channels at most: `wav` alone here).
    """

    kind: Literal["drone-inspections"] = "drone-inspections"
    name: str = "drone-inspection"
    array: ArrayName = "spiral64"
    families: Annotated[tuple[Family, ...], Field(min_length=1)] = ("a", "b")
    kinds: tuple[tuple[Kind, ...], ...] | None = None
    duration_s: Annotated[float, Field(ge=0.05, le=30)] = 2.0
    rate_hz: Annotated[int, Field(ge=64_000, le=192_000)] = 96_000
    snr_db: Annotated[tuple[Annotated[float, Field(ge=-60, le=120)], ...], Field(min_length=1)] = (
        20.0,
        10.0,
        0.0,
    )
    file_type: Literal["wav"] = "wav"

    def recording(self, seed: int, number: int) -> DroneInspection:
        """Make recording `number` of a seed."""
        kinds = None if not self.kinds else self.kinds[number % len(self.kinds)]
        return random_drone_inspection(
            self.families[number % len(self.families)],
            (seed << 32) + number,
            kinds=kinds,
            snr_db=self.snr_db[number % len(self.snr_db)],
            duration_s=self.duration_s,
            rate_hz=self.rate_hz,
            array=self.array,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of the table's columns."""
        told = ("file", "photo", "kinds", "parts", "reflections", "family", "mains_hz")
        return (*told, "snr_in_band_db", "snr_whole_db", "distance_m", "is_simulated")

    def begin(self, out: Path) -> None:
        """Write geometry and calibration."""
        write_text(out / ARRAY, as_toml(ARRAYS[self.array]))
        write_text(out / CALIBRATION, calibration_toml(CAMERA))

    def files(self, out: Path, number: int) -> tuple[Path, ...]:
        """Name the files of a recording, its truth the last."""
        name = f"drone_{number:05d}"
        ends = {"sound": "wav", "photo": "png", "places": "csv", "truth": "json"}
        return tuple(out / folder / f"{name}.{end}" for folder, end in ends.items())

    def write(self, seed: int, number: int, out: Path) -> dict[str, Any]:
        """Write sound, photograph and places of a recording, and give its truth."""
        sound, photo, places, _ = self.files(out, number)
        made = self.recording(seed, number)
        audio.write(sound, Recording(made.samples, made.rate_hz), "pcm24")
        picture = io.BytesIO()
        Image.fromarray(made.picture).save(picture, "png")
        write_bytes(photo, picture.getvalue())
        write_text(places, places_csv(made.truth))
        return truth_record(made.truth)

    def row(self, record: dict[str, Any]) -> list[str]:
        """Give the table's row of a recording from its truth."""
        sound, photo, _ = record["sha256"]
        heard = [place for place in record["places"] if not place["is_reflection"]]
        mains_hz = sum(record["mains"]["hz"]) / len(record["mains"]["hz"])
        ratios = (record[name] for name in ("snr_in_band_db", "snr_whole_db"))
        return [
            sound,
            photo,
            "+".join(place["kind"] for place in heard) or "none",
            "+".join(place["part"] for place in heard),
            str(len(record["places"]) - len(heard)),
            record["settings"]["family"],
            f"{mains_hz:.4f}",
            *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
            f"{record['settings']['view']['distance_m']:.3f}",
            "yes",
        ]


def truth_record(truth: DroneTruth) -> dict[str, Any]:
    """Give a truth as plain tables and lists, ready for JSON."""
    return {
        "notice": truth.notice,
        "sonoscope": __version__,
        "seed": truth.seed,
        "snr_in_band_db": truth.snr_in_band_db,
        "snr_whole_db": truth.snr_whole_db,
        "settings": json.loads(to_json(truth.settings)),
        "mains": {"time_s": truth.grid_s.tolist(), "hz": truth.mains_hz.tolist()},
        "places": [asdict(place) for place in truth.places],
        "sources": [
            {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in asdict(source).items()
            }
            for source in truth.sources
        ],
    }


def places_csv(truth: DroneTruth) -> str:
    """Lay out one row a place; places that the photograph does not show have no pixels."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_PLACES)
    for place in truth.places:
        pixel = ("", "") if place.pixel is None else [f"{value:.2f}" for value in place.pixel]
        rows.writerow(
            [
                place.number,
                place.kind,
                place.part,
                "yes" if place.is_reflection else "no",
                *(f"{value:.4f}" for value in place.place_m),
                *pixel,
                f"{place.distance_m:.4f}",
                f"{place.level_db:.2f}",
                f"{truth.mains_hz.mean():.4f}",
                "yes",
            ]
        )
    return text.getvalue()


def calibration_toml(camera: Camera) -> str:
    """Write a camera, placed by angles, as `core.camera.read_calibration` reads it."""
    pose = camera.pose
    assert pose.position_m is not None
    return (
        f'name = "{camera.name}"\n'
        f"size_px = {list(camera.size_px)}\n"
        f"focal_px = {list(camera.focal_px)}\n"
        f"centre_px = {list(camera.centre_px)}\n"
        f"distortion = {list(camera.distortion)}\n\n"
        f"[pose]\n"
        f"position_m = {list(pose.position_m)}\n"
        f"azimuth_deg = {pose.azimuth_deg}\n"
        f"elevation_deg = {pose.elevation_deg}\n"
        f"roll_deg = {pose.roll_deg}\n"
    )
