"""Clotho: 15 to 30 s of everyday sound with five captions each, and no labels.

It tells nothing apart, so it is of use as a bed of noise and to learn from without labels, and for
nothing else here. The published layout is read: a folder of sounds a split (`development`,
`validation`, `evaluation`), beside `clotho_captions_<split>.csv` and `clotho_metadata_<split>.csv`.

Reference: K. Drossos, S. Lipping and T. Virtanen, "Clotho: an audio captioning dataset", ICASSP
2020.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sonoscope.core.errors import InputError
from sonoscope.simulation.sources import Clip

Split = Literal["development", "validation", "evaluation"]

LABEL = "unlabelled"
N_CAPTIONS = 5


@dataclass(frozen=True, slots=True)
class Captioned:
    """A recording and what five people said of it.

    Attributes
    ----------
    clip
        The recording, whose label is `LABEL` and whose fold is the split.
    captions
        Five sentences.
    keywords
        Tags of Freesound.
    """

    clip: Clip
    captions: tuple[str, ...]
    keywords: tuple[str, ...]


def recordings(folder: Path, split: Split = "development") -> list[Captioned]:
    """List a split's recordings, in the order of its captions.

    Raises
    ------
    InputError
        Where a table or a sound file is missing, or a recording is told of in one table alone.
    """
    captions = _table(folder / f"clotho_captions_{split}.csv", {"file_name", "caption_1"})
    about = {
        row["file_name"]: row
        for row in _table(folder / f"clotho_metadata_{split}.csv", {"file_name", "sound_id"})
    }
    return [_recording(folder / split, row, about, split) for row in captions]


def _recording(
    folder: Path, row: dict[str, str], about: dict[str, dict[str, str]], split: Split
) -> Captioned:
    name = row["file_name"]
    path = folder / name
    if name not in about:
        raise InputError(f"{path} must be told of in the split's metadata, but is not")
    if not path.is_file():
        raise InputError(f"{path} must be a sound file, but there is none")
    told = about[name]
    maker, link = told.get("manufacturer", "unknown"), told.get("sound_link", "")
    clip = Clip(
        LABEL,
        path,
        f"freesound:{told['sound_id']}",
        split,
        told.get("license", "unknown"),
        f"{name} by {maker}, {link} (Clotho)",
    )
    said = tuple(row[f"caption_{i + 1}"] for i in range(N_CAPTIONS) if row.get(f"caption_{i + 1}"))
    tags = tuple(tag.strip() for tag in told.get("keywords", "").split(";") if tag.strip())
    return Captioned(clip, said, tags)


def _table(path: Path, wanted: set[str]) -> list[dict[str, str]]:
    """Read a table; the published metadata are in Latin-1, the captions in ASCII."""
    if not path.is_file():
        raise InputError(f"{path} must tell of the recordings, but there is no such file")
    with path.open(encoding="latin-1", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    if not wanted <= set(reader.fieldnames or ()):
        raise InputError(
            f"{path} must have the columns {', '.join(sorted(wanted))},"
            f" but {', '.join(reader.fieldnames or ()) or 'none'} was given"
        )
    return rows
