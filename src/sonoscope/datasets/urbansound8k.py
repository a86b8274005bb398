"""UrbanSound8K: 8732 excerpts of up to 4 s in ten classes of city noise, from Freesound.

The published layout is read: `metadata/UrbanSound8K.csv` and `audio/fold1` to `audio/fold10`. A
clip's group is the Freesound recording it was cut from (`fsID`): the ten official folds never
divide one. The set is CC BY-NC; the licences of single recordings are not published with it.

Reference: J. Salamon, C. Jacoby and J. P. Bello, "A Dataset and Taxonomy for Urban Sound Research",
ACM MM 2014.
"""

import csv
from collections.abc import Collection
from pathlib import Path

from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import Clip

FOLDS = tuple(range(1, 11))
LABELS = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
"""In the order of the set's `classID`."""

_LICENCE = "CC-BY-NC"
_COLUMNS = {"slice_file_name", "fsID", "fold", "classID", "class"}


def clips(
    folder: Path, *, folds: Collection[int] = FOLDS, labels: Collection[str] | None = None
) -> list[Clip]:
    """List the clips of some folds and labels, in the order of the table.

    Parameters
    ----------
    folder
        Where UrbanSound8K lies.
    folds
        Of 1 to 10.
    labels
        Classes to keep; all where None.

    Raises
    ------
    InputError
        Where the table or a sound file is missing, or the table is another one.
    SettingError
        For a label that the set does not have.
    """
    unknown = sorted(set(labels or ()) - set(LABELS))
    if unknown:
        raise SettingError(f"labels must be classes of UrbanSound8K, but {unknown[0]} was given")
    wanted = {str(fold) for fold in folds}
    return [
        _clip(folder, row)
        for row in _rows(folder / "metadata" / "UrbanSound8K.csv")
        if row["fold"] in wanted and (labels is None or row["class"] in labels)
    ]


def _clip(folder: Path, row: dict[str, str]) -> Clip:
    path = folder / "audio" / f"fold{row['fold']}" / row["slice_file_name"]
    if not path.is_file():
        raise InputError(f"{path} must be a sound file, but there is none")
    said = f"https://freesound.org/s/{row['fsID']}/ (UrbanSound8K)"
    return Clip(row["class"], path, f"freesound:{row['fsID']}", row["fold"], _LICENCE, said)


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise InputError(f"{table} must list the clips, but there is no such file")
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    if _COLUMNS - set(reader.fieldnames or ()):
        raise InputError(
            f"{table} must have the columns {', '.join(sorted(_COLUMNS))},"
            f" but {', '.join(reader.fieldnames or ()) or 'none'} was given"
        )
    return rows
