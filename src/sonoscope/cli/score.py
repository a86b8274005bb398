"""The verb `score`: how good predictions are, given the truth."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoscope.core.errors import InputError, SettingError

if TYPE_CHECKING:
    from sonoscope.core.event_table import Table
    from sonoscope.metrics.dcase2019 import Counts, Scores


class Metric(StrEnum):
    """Which scores."""

    DCASE2019 = "dcase2019"


class ScoreMode(StrEnum):
    """Whose counting."""

    OFFICIAL = "official"
    STRICT = "strict"


Pair = tuple[Path | None, Path | None]
"""The reference and the prediction of one recording; one of them may be missing."""


def score(
    ref: Annotated[
        Path, typer.Argument(help="The truth: a table of events or frames, or a folder.")
    ],
    pred: Annotated[Path, typer.Argument(help="What was heard: the same, under the same names.")],
    metric: Annotated[Metric, typer.Option(help="Which scores.")] = Metric.DCASE2019,
    mode: Annotated[
        ScoreMode,
        typer.Option(help="Count as the organisers' scorer does, or without its errors."),
    ] = ScoreMode.OFFICIAL,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Names of the class indices, in their order, separated by commas; "
            "without it those of DCASE 2019, where they fit."
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds that each recording lasts, for --mode strict; "
            "without it up to the last sound on either side.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare predicted events with the truth.

    Event csv, DCASE frame csv, Audacity labels, Raven tables and JSON are told by their columns. In
    a folder NAME.csv and NAME/events.csv belong to the recording NAME. A recording without
    prediction counts as one in which nothing was heard.
    """
    assert metric is Metric.DCASE2019  # the one metric there is
    names = None if labels is None else _split(labels)
    total: Counts | None = None
    pairs = list(_pairs(ref, pred))
    for pair in pairs:
        counts = _count(pair, mode, names, duration)
        total = counts if total is None else total + counts
    assert total is not None
    scores = total.scores()
    if as_json:
        print(json.dumps(_as_json(scores)))
    else:
        _show(scores, len(pairs), mode)


def _split(labels: str) -> list[str]:
    names = [name.strip() for name in labels.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise SettingError(
            f"--labels must be different names separated by commas, but {labels!r} was given"
        )
    return names


def _pairs(ref: Path, pred: Path) -> Iterator[Pair]:
    """Pair files, or those of two folders by their names; what has no partner is said on stderr."""
    for path in (ref, pred):
        if not path.exists():
            raise InputError(f"{path}: does not exist")
    if ref.is_dir() != pred.is_dir():
        raise InputError(f"{ref} and {pred} must both be files or both be folders")
    if not ref.is_dir():
        yield ref, pred
        return
    true, heard = _tables(ref), _tables(pred)
    if not true:
        raise InputError(f"{ref}: must hold csv files, but there are none")
    for name in sorted(true | heard):
        if name not in heard:
            print(f"{true[name]}: no prediction, counted as empty", file=sys.stderr)
        if name not in true:
            print(f"{heard[name]}: no reference, left out", file=sys.stderr)
            continue
        yield true[name], heard.get(name)


def _tables(folder: Path) -> dict[str, Path]:
    """Give the tables of a folder by the recording's name: NAME.csv, or NAME/events.csv."""
    inner = {path.parent.name: path for path in sorted(folder.glob("*/events.csv"))}
    return inner | {path.stem: path for path in sorted(folder.glob("*.csv"))}


def _count(
    pair: Pair, mode: ScoreMode, labels: Sequence[str] | None, duration: float | None
) -> "Counts":
    from sonoscope.core.event_table import named, read
    from sonoscope.metrics.dcase2019 import count

    true, heard = (() if path is None else read(path) for path in pair)
    names = labels or _names_2019(pair, true, heard)
    try:
        if names is not None:
            true, heard = named(true, names), named(heard, names)
        return count(true, heard, mode.value, duration_s=duration)
    except InputError as error:
        raise InputError(f"{pair[0]}, {pair[1]}: {error}") from error


def _names_2019(pair: Pair, true: "Table", heard: "Table") -> Sequence[str] | None:
    """Give the labels of 2019 where one side has names, all of them of 2019, the other indices."""
    from sonoscope.core.event_table import is_indexed, label_names
    from sonoscope.metrics.dcase2019 import LABELS_2019

    sides = [side for side in (true, heard) if label_names(side)]
    indexed = [is_indexed(side) for side in sides]
    if not any(indexed) or all(indexed):
        return None
    names = label_names(sides[indexed.index(False)])
    if names <= set(LABELS_2019):
        return LABELS_2019
    raise SettingError(
        f"--labels must be given, for one of {pair[0]} and {pair[1]} has class indices, the other "
        f"names that are not of DCASE 2019 ({', '.join(sorted(names - set(LABELS_2019)))[:60]})"
    )


def _as_json(scores: "Scores") -> dict[str, float | None]:
    keys = {
        "ER": scores.er,
        "F": scores.f,
        "DE": scores.de_deg,
        "FR": scores.fr,
        "SELD": scores.seld,
    }
    return {key: value if math.isfinite(value) else None for key, value in keys.items()}


def _show(scores: "Scores", n_recordings: int, mode: ScoreMode) -> None:
    from rich.console import Console
    from rich.table import Table as Grid

    recordings = "1 recording" if n_recordings == 1 else f"{n_recordings} recordings"
    grid = Grid(
        "score", "value", "frame by frame", "what it says", title=f"DCASE 2019, {mode.value}"
    )
    for name, value, by_frame, meaning in (
        ("ER", f"{scores.er:.4f}", f"{scores.frame_er:.4f}",
         "error rate in seconds: missed, false and confused labels over true ones; 0 is best"),
        ("F", f"{scores.f:.4f}", f"{scores.frame_f:.4f}",
         "labels right in the right second: precision and recall in one; 1 is best"),
        ("DE", f"{scores.de_deg:.2f}°", "",
         "angle between true and heard directions, whatever the label; 0 is best"),
        ("FR", f"{scores.fr:.4f}", "",
         "frame recall: share of frames with the right number of directions; 1 is best"),
        ("SELD", f"{scores.seld:.4f}", "",
         "mean of ER, 1 - F, DE / 180° and 1 - FR; 0 is best"),
    ):  # fmt: skip
        grid.add_row(name, value, by_frame, meaning)
    console = Console()
    console.print(grid)
    console.print(f"{recordings}, counted together")
