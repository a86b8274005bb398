"""Simulated recordings of discharges on disk, each with its truth, by one microphone.

    OUT/sound/inspection_00000.wav   mono, 24 bit
    OUT/truth/inspection_00000.json  all that is known of it (`simulation.inspection.as_record`)
    OUT/table.csv                    file, what discharges, mains, ratios: one row a recording
    OUT/manifest.json                recipe, seed, version, hashes, and that all of it is simulated

Recording i of a seed is the same bytes in any process and order. Its truth is written last and
stands for a recording that is whole: a run that was broken off goes on with what is missing.
"""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from sonoscope import __version__
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT, from_table
from sonoscope.datasets.processes import each_done
from sonoscope.datasets.scene_set import MANIFEST, Reporting, WrittenSet
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection import NOTICE, Family, Inspection, SnrDefinition, as_record
from sonoscope.simulation.inspection_families import SNR_DB, BedKind, random_inspection

TABLE = "table.csv"

_SAME = ("sonoscope", "recipe", "seed")
_COLUMNS = (
    "file",
    "kinds",
    "family",
    "mains_hz",
    "snr_db",
    "snr_in_band_db",
    "beds",
    "is_simulated",
)

Decibels = Annotated[float, Field(ge=-60, le=120)]


@dataclass(config=STRICT)
class InspectionSetRecipe:
    """A set of simulated recordings of discharges, but for how many and the seed.

    Attributes
    ----------
    name
        What the set is called.
    families
        Which families of `simulation.inspection_families` to take in turn.
    kinds
        What discharges, recording after recording in turn: each a list of none, one or two kinds.
        None to draw it.
    duration_s, rate_hz
        Of each recording.
    snr_db
        Lowest and highest signal-to-noise ratio.
    snr
        Its definition, as of `simulation.inspection`.
    nominal_hz
        Of the mains; None to draw 50, 60 or 16.7.
    beds
        Which noises; None to draw them.
    file_type
        `wav` or `flac`.
    """

    kind: Literal["inspections"] = "inspections"
    name: str = "discharges"
    families: Annotated[tuple[Family, ...], Field(min_length=1)] = ("a", "b")
    kinds: tuple[tuple[Kind, ...], ...] | None = None
    duration_s: Annotated[float, Field(ge=0.05, le=3_600)] = 10.0
    rate_hz: Annotated[int, Field(ge=64_000, le=400_000)] = 96_000
    snr_db: tuple[Decibels, Decibels] = SNR_DB
    snr: SnrDefinition = "whole"
    nominal_hz: Annotated[float, Field(ge=10, le=70)] | None = None
    beds: tuple[BedKind, ...] | None = None
    file_type: Literal["wav", "flac"] = "wav"

    def recording(self, seed: int, number: int) -> Inspection:
        """Make recording `number` of a seed."""
        kinds = None if not self.kinds else self.kinds[number % len(self.kinds)]
        return random_inspection(
            self.families[number % len(self.families)],
            (seed << 32) + number,
            kinds=kinds,
            snr_db=self.snr_db,
            snr=self.snr,
            duration_s=self.duration_s,
            rate_hz=self.rate_hz,
            nominal_hz=self.nominal_hz,
            beds=self.beds,
        )


def write_inspections(
    recipe: InspectionSetRecipe,
    out: Path,
    *,
    count: int | None = None,
    seed: int,
    workers: int = 1,
    reporting: Reporting | None = None,
) -> WrittenSet:
    """Write recordings 0 to count-1 (ten where left out), those that are not there yet.

    Raises
    ------
    SettingError
        If `out` holds other recordings, or the seed is too large.
    """
    if not 0 <= seed < 1 << 31:
        raise SettingError(f"--seed must be 0 to 2^31 - 1, but {seed} was given")
    reporting = reporting or Reporting()
    told = {
        "notice": NOTICE,
        "sonoscope": __version__,
        "recipe": json.loads(TypeAdapter(InspectionSetRecipe).dump_json(recipe)),
        "seed": seed,
    }
    _begin(out, told)
    numbers = range(count or 10)
    missing = [number for number in numbers if not _is_whole(out, recipe, number)]
    text = json.dumps(told["recipe"])
    write = partial(_write_one, text, seed, out)
    done, made_s = len(numbers) - len(missing), 0.0
    reporting.progress(done, len(numbers), made_s)
    for _ in each_done(write, missing, max(1, min(workers, len(missing)))):
        done, made_s = done + 1, made_s + recipe.duration_s
        reporting.progress(done, len(numbers), made_s)
    records = [_read_json(path) for path in sorted((out / "truth").glob("*.json"))]
    write_text(out / TABLE, _table(records))
    scenes = [{key: record[key] for key in ("name", "number", "sha256")} for record in records]
    write_text(out / MANIFEST, json.dumps(told | {"recordings": scenes}, indent=1))
    return WrittenSet(out / MANIFEST, len(numbers), len(missing), made_s)


def _begin(out: Path, told: dict[str, Any]) -> None:
    """Make the folders, and refuse to mix two sets in them."""
    path = out / MANIFEST
    if path.exists():
        before = _read_json(path)
        other = [key for key in _SAME if before.get(key) != told[key]]
        if other:
            named = " and ".join("version" if key == "sonoscope" else key for key in other)
            raise SettingError(f"{out}: holds recordings of another {named}; choose another --out")
    try:
        for folder in ("sound", "truth"):
            (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"--out must be a folder to write to, but {out}: {error.strerror}"
        ) from error
    if not path.exists():
        write_text(path, json.dumps(told | {"recordings": []}, indent=1))


def _paths(out: Path, file_type: str, number: int) -> tuple[Path, Path]:
    name = f"inspection_{number:05d}"
    return out / "sound" / f"{name}.{file_type}", out / "truth" / f"{name}.json"


def _is_whole(out: Path, recipe: InspectionSetRecipe, number: int) -> bool:
    return all(path.is_file() for path in _paths(out, recipe.file_type, number))


def _write_one(recipe_text: str, seed: int, out: Path, number: int) -> None:
    """Make and write one recording, in whatever process."""
    recipe = from_table(json.loads(recipe_text), InspectionSetRecipe, where="recipe")
    made = recipe.recording(seed, number)
    sound, truth = _paths(out, recipe.file_type, number)
    audio.write(sound, Recording(made.samples[None], made.rate_hz), "pcm24")
    with sound.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    named = {"name": sound.stem, "number": number, "sha256": {f"sound/{sound.name}": digest}}
    write_text(truth, json.dumps(named | as_record(made.truth)))


def _table(records: Sequence[dict[str, Any]]) -> str:
    """Lay out one row a recording, for spreadsheets and training."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for record in records:
        asked = record["settings"]
        mains_hz = sum(record["mains"]["hz"]) / len(record["mains"]["hz"])
        rows.writerow(
            [
                next(iter(record["sha256"])),
                "+".join(record["kinds"]) or "none",
                asked["family"],
                f"{mains_hz:.4f}",
                *(_rounded(record[name]) for name in ("snr_db", "snr_in_band_db")),
                "+".join(bed["kind"] for bed in asked["beds"]),
                "yes",
            ]
        )
    return text.getvalue()


def _rounded(ratio_db: float | None) -> str:
    return "" if ratio_db is None else f"{ratio_db:.2f}"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: must be a truth or manifest of recordings: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must be a truth or manifest of recordings, but is not")
    return content
