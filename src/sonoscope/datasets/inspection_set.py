"""Simulated recordings of discharges on disk, each with its truth, by one microphone.

    OUT/sound/inspection_00000.wav   mono, 24 bit
    OUT/truth/inspection_00000.json  all that is known of it (`simulation.inspection.as_record`)
    OUT/table.csv                    file, what discharges, mains, ratios: one row a recording
    OUT/manifest.json                recipe, seed, version, hashes, and that all of it is simulated

Written by number: `datasets.numbered_set`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.recipe import STRICT
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection import Family, Inspection, SnrDefinition, as_record
from sonoscope.simulation.inspection_families import SNR_DB, BedKind, random_inspection

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

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of the table's columns."""
        told = ("file", "kinds", "family", "mains_hz", "snr_db", "snr_in_band_db", "beds")
        return (*told, "is_simulated")

    def begin(self, out: Path) -> None:
        """Write what all recordings share: nothing."""

    def files(self, out: Path, number: int) -> tuple[Path, ...]:
        """Name the sound and the truth of a recording."""
        name = f"inspection_{number:05d}"
        return out / "sound" / f"{name}.{self.file_type}", out / "truth" / f"{name}.json"

    def write(self, seed: int, number: int, out: Path) -> dict[str, Any]:
        """Write the sound of a recording and give its truth."""
        made = self.recording(seed, number)
        sound = Recording(made.samples[None], made.rate_hz)
        audio.write(self.files(out, number)[0], sound, "pcm24")
        return as_record(made.truth)

    def row(self, record: dict[str, Any]) -> list[str]:
        """Give the table's row of a recording from its truth."""
        asked = record["settings"]
        mains_hz = sum(record["mains"]["hz"]) / len(record["mains"]["hz"])
        return [
            next(iter(record["sha256"])),
            "+".join(record["kinds"]) or "none",
            asked["family"],
            f"{mains_hz:.4f}",
            *(_rounded(record[name]) for name in ("snr_db", "snr_in_band_db")),
            "+".join(bed["kind"] for bed in asked["beds"]),
            "yes",
        ]


def _rounded(ratio_db: float | None) -> str:
    return "" if ratio_db is None else f"{ratio_db:.2f}"
