"""ESC-50: 2000 clips of 5 s in 50 classes of everyday sounds, from Freesound.

Both layouts are read: the original (`meta/esc50.csv`, `audio/`, `LICENSE`) and a flat one
(`esc50.csv` beside `audio/`). Labels are the set's own categories, in five folds; a clip's group
is the Freesound sound it was cut from. The licence of each clip, its title and its author come
from the set's `LICENSE`: the set as a whole is CC BY-NC, most clips are CC0 or CC-BY.

Four originals stand in two folds, under two labels each (clock_alarm and clock_tick: 131943,
209698; hen and rooster: 134049, 234879): who uses both labels should call `assert_disjoint`.

Reference: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM MM 2015.
"""

import csv
import re
from collections.abc import Collection
from pathlib import Path

from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import Clip

ESC10_LABELS = (
    "chainsaw",
    "clock_tick",
    "crackling_fire",
    "crying_baby",
    "dog",
    "helicopter",
    "rain",
    "rooster",
    "sea_waves",
    "sneezing",
)
"""The ten categories of ESC-10, whose clips are those of ESC-50 in the same folds."""

_ENTRY = re.compile(  # one entry is misprinted as 5-141683-Ad: what follows the take is let go
    r"- \[(?P<name>\d-\d+-[A-Z])[^\]]*\]:\s+clip derived from (?P<title>.*?)\s*"
    r"\((?P<url>https?://\S+)\) by (?P<author>.+) \[(?P<licence>[^\]]+)\]"
)


def clips(
    folder: Path,
    *,
    folds: Collection[int],
    labels: Collection[str] | None = None,
    licences: Collection[str] | None = None,
) -> list[Clip]:
    """List the clips of some folds, labels and licences, in the order of the table.

    Parameters
    ----------
    folder
        Where ESC-50 lies.
    folds
        Of 1 to 5.
    labels
        Categories to keep; all where None.
    licences
        Of `CC0`, `CC-BY`, `CC-BY-NC`, `CC-Sampling+`; all where None.

    Raises
    ------
    InputError
        Where a table or a sound file is missing, or a clip has no entry in `LICENSE`.
    SettingError
        For a label that the set does not have.
    """
    table = _table(folder)
    rows = _rows(table)
    unknown = sorted(set(labels or ()) - {row["category"] for row in rows})
    if unknown:
        raise SettingError(f"labels must be categories of ESC-50, but {unknown[0]} was given")
    credits_by_name = _credits(folder / "LICENSE")
    found = []
    for row in rows:
        if int(row["fold"]) not in folds or (labels is not None and row["category"] not in labels):
            continue
        clip = _clip(folder, row, credits_by_name)
        if licences is None or clip.licence in licences:
            found.append(clip)
    return found


def labels(folder: Path) -> tuple[str, ...]:
    """List the set's categories in the order of its targets.

    Raises
    ------
    InputError
        Where the table is missing, or names no targets.
    """
    table = _table(folder)
    rows = _rows(table)
    try:
        targets = {int(row["target"]): row["category"] for row in rows}
    except (KeyError, ValueError) as error:
        raise InputError(f"{table} must number the categories in a column target") from error
    return tuple(targets[target] for target in sorted(targets))


def _clip(folder: Path, row: dict[str, str], credits_by_name: dict[str, tuple[str, str]]) -> Clip:
    path = folder / "audio" / row["filename"]
    name = path.stem.rsplit("-", 1)[0]  # FOLD-SOURCE-TAKE-TARGET without its target
    if name not in credits_by_name:
        raise InputError(
            f"{folder / 'LICENSE'} must have an entry for each clip, but none for {name} was found"
        )
    if not path.is_file():
        raise InputError(f"{path} must be a sound file, but there is none")
    licence, attribution = credits_by_name[name]
    group = f"freesound:{row['src_file']}"
    return Clip(row["category"], path, group, row["fold"], licence, attribution)


def _table(folder: Path) -> Path:
    for table in (folder / "meta" / "esc50.csv", folder / "esc50.csv"):
        if table.is_file():
            return table
    raise InputError(f"{folder} must hold esc50.csv or meta/esc50.csv, but neither was found")


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    wanted = {"filename", "fold", "category", "src_file"}
    if not wanted <= set(reader.fieldnames or ()):
        raise InputError(
            f"{table} must have the columns {', '.join(sorted(wanted))},"
            f" but {', '.join(reader.fieldnames or ()) or 'none'} was given"
        )
    return rows


def _credits(path: Path) -> dict[str, tuple[str, str]]:
    """Read licence and attribution of every clip, by FOLD-SOURCE-TAKE."""
    if not path.is_file():
        raise InputError(f"{path} must list the clips' licences, but there is no such file")
    entries = _ENTRY.finditer(path.read_text(encoding="utf-8", errors="replace"))
    return {
        entry["name"]: (
            entry["licence"],
            f"{entry['title']} by {entry['author']}, {entry['url']} (ESC-50)",
        )
        for entry in entries
    }
