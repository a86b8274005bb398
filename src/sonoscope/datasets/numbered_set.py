"""Simulated recordings on disk by number: whole or not there, and never two sets in one folder.

What a recording is, how it is written and what a table says of it is the recipe's; its truth, a
JSON file in `truth/`, is written last and stands for a recording that is whole. So a run that was
broken off goes on with what is missing, and recording i of a seed is the same bytes in any process
and order.
"""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sonoscope import __version__
from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import to_json
from sonoscope.datasets.processes import each_done
from sonoscope.datasets.scene_set import MANIFEST, Reporting, WrittenSet
from sonoscope.simulation.inspection import NOTICE

TABLE = "table.csv"

_SAME = ("sonoscope", "recipe", "seed")


@runtime_checkable
class NumberedRecipe(Protocol):
    """What makes a set: settings that can be pickled and told as JSON."""

    @property
    def duration_s(self) -> float:
        """Length of every recording."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of the table's columns."""
        ...

    def begin(self, out: Path) -> None:
        """Write what all recordings share."""
        ...

    def files(self, out: Path, number: int) -> tuple[Path, ...]:
        """Name the files of a recording, its truth the last."""
        ...

    def write(self, seed: int, number: int, out: Path) -> dict[str, Any]:
        """Write all files of a recording but its truth, and give the truth."""
        ...

    def row(self, record: dict[str, Any]) -> list[str]:
        """Give the table's row of a recording from its truth."""
        ...


def write_numbered(
    recipe: NumberedRecipe,
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
        "recipe": json.loads(to_json(recipe)),
        "seed": seed,
    }
    _begin(recipe, out, told)
    numbers = range(count or 10)
    missing = [
        number
        for number in numbers
        if not all(path.is_file() for path in recipe.files(out, number))
    ]
    write = partial(_write_one, recipe, seed, out)
    done, made_s = len(numbers) - len(missing), 0.0
    reporting.progress(done, len(numbers), made_s)
    for _ in each_done(write, missing, max(1, min(workers, len(missing)))):
        done, made_s = done + 1, made_s + recipe.duration_s
        reporting.progress(done, len(numbers), made_s)
    records = [_read_json(path) for path in sorted((out / "truth").glob("*.json"))]
    write_text(out / TABLE, _table(recipe, records))
    scenes = [{key: record[key] for key in ("name", "number", "sha256")} for record in records]
    write_text(out / MANIFEST, json.dumps(told | {"recordings": scenes}, indent=1))
    return WrittenSet(out / MANIFEST, len(numbers), len(missing), made_s)


def _begin(recipe: NumberedRecipe, out: Path, told: dict[str, Any]) -> None:
    """Make the folders, and refuse to mix two sets in them."""
    path = out / MANIFEST
    if path.exists():
        before = _read_json(path)
        other = [key for key in _SAME if before.get(key) != told[key]]
        if other:
            named = " and ".join("version" if key == "sonoscope" else key for key in other)
            raise SettingError(f"{out}: holds recordings of another {named}; choose another --out")
    try:
        for file in recipe.files(out, 0):
            file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"--out must be a folder to write to, but {out}: {error.strerror}"
        ) from error
    recipe.begin(out)
    if not path.exists():
        write_text(path, json.dumps(told | {"recordings": []}, indent=1))


def _write_one(recipe: NumberedRecipe, seed: int, out: Path, number: int) -> None:
    """Make and write one recording, in whatever process."""
    truth = recipe.write(seed, number, out)
    *others, last = recipe.files(out, number)
    sums = {file.relative_to(out).as_posix(): _sum_of(file) for file in others}
    write_text(last, json.dumps({"name": last.stem, "number": number, "sha256": sums} | truth))


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _table(recipe: NumberedRecipe, records: Sequence[dict[str, Any]]) -> str:
    """Lay out one row a recording, for spreadsheets and training."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(recipe.columns)
    rows.writerows(recipe.row(record) for record in records)
    return text.getvalue()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: must be a truth or manifest of recordings: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must be a truth or manifest of recordings, but is not")
    return content
