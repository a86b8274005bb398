"""The verb `score`: how good predictions are, given the truth."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.core.errors import InputError, SettingError

if TYPE_CHECKING:
    from sonoscope.core.event_table import Table
    from sonoscope.metrics.intervals import Counts, Interval


class Metric(StrEnum):
    """Which scores."""

    DCASE2019 = "dcase2019"
    DCASE2020 = "dcase2020"
    DCASE2021 = "dcase2021"
    DCASE2022 = "dcase2022"
    DCASE2023 = "dcase2023"
    DCASE2024 = "dcase2024"
    DCASE2025 = "dcase2025"


class ScoreMode(StrEnum):
    """Whose counting."""

    OFFICIAL = "official"
    STRICT = "strict"


class ScoreAverage(StrEnum):
    """Mean of the labels' scores, or all labels together."""

    MACRO = "macro"
    MICRO = "micro"


Pair = tuple[Path, Path | None]
"""The reference and the prediction of one recording; the prediction may be missing."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the two tables of one recording hold."""

    paths: Pair
    true: "Table"
    heard: "Table"


@dataclass(frozen=True, slots=True)
class Year:
    """How a year counts, which labels it has, and whether it looks at each label by itself."""

    count: Callable[..., Any]
    labels: tuple[str, ...]
    by_label: bool


def score(
    ref: Annotated[
        Path, typer.Argument(help="The truth: a table of events or frames, or a folder.")
    ],
    pred: Annotated[Path, typer.Argument(help="What was heard: the same, under the same names.")],
    *,
    metric: Annotated[Metric, typer.Option(help="Which scores.")] = Metric.DCASE2019,
    mode: Annotated[
        ScoreMode,
        typer.Option(help="Count as the organisers' scorer does, or without its errors."),
    ] = ScoreMode.OFFICIAL,
    average: Annotated[
        ScoreAverage | None,
        typer.Option(
            help="Mean of the labels' scores, or all labels together, for dcase2022 and later; "
            "without it macro, which is the official one."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Names of the class indices, in their order, separated by commas; "
            "without it those of the year, where they fit."
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds that each recording lasts. For dcase2019 with --mode strict, without it "
            "up to the last sound on either side; for later years with --mode official, without it "
            "60 s or, from dcase2022 on, up to the last true event.",
        ),
    ] = None,
    intervals: Annotated[
        bool,
        typer.Option("--intervals", help="Give 95 % intervals, too (jackknife over recordings)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare predicted events with the truth.

    Event csv, DCASE frame csv, Audacity labels, Raven tables and JSON are told by their columns. In
    a folder NAME.csv and NAME/events.csv belong to the recording NAME, or if there is neither
    FOLDER/NAME.csv. A recording without prediction counts as one in which nothing was heard; from
    dcase2020 on the organisers leave it out, and so does --mode official.
    """
    year = _year(metric)
    if average is not None and not year.by_label:
        raise SettingError(
            f"--average must be left out for {metric.value}, which counts all labels together, "
            f"but {average.value} was given"
        )
    _check_duration(duration)
    given = None if labels is None else _split(labels)
    skip = metric is not Metric.DCASE2019 and mode is ScoreMode.OFFICIAL
    recordings = [_read(paths) for paths in _pairs(ref, pred, skip=skip)]
    options: dict[str, Any] = {"duration_s": duration}
    if year.by_label:
        recordings, all_labels = _over_all_labels(recordings, given, year.labels)
        options |= {"labels": all_labels, "average": (average or ScoreAverage.MACRO).value}
    else:
        recordings = [r for each in recordings for r in _named([each], given, year.labels)]
    counts = [_count(recording, year, mode, options) for recording in recordings]
    scores, spans = _scored(counts, intervals=intervals)
    if as_json:
        print(json.dumps(_as_json(metric, scores, spans)))
        return
    averaged = f", {options['average']} over {len(all_labels)} labels" if year.by_label else ""
    title = f"DCASE {metric.value.removeprefix('dcase')}, {mode.value}{averaged}"
    _show(title, metric, scores, spans, len(counts))


def _year(metric: Metric) -> Year:
    # one at a time: what a year needs takes a while to load
    match metric:
        case Metric.DCASE2019:
            from sonoscope.metrics.dcase2019 import LABELS_2019
            from sonoscope.metrics.dcase2019 import count as count_2019

            return Year(count_2019, LABELS_2019, by_label=False)
        case Metric.DCASE2020:
            from sonoscope.metrics.dcase2020 import LABELS_2020
            from sonoscope.metrics.dcase2020 import count as count_2020

            return Year(count_2020, LABELS_2020, by_label=False)
        case Metric.DCASE2021:
            from sonoscope.metrics.dcase2021 import LABELS_2021
            from sonoscope.metrics.dcase2021 import count as count_2021

            return Year(count_2021, LABELS_2021, by_label=False)
        case Metric.DCASE2022 | Metric.DCASE2023:
            from sonoscope.metrics.dcase2022 import LABELS_2022
            from sonoscope.metrics.dcase2022 import count as count_2022

            return Year(count_2022, LABELS_2022, by_label=True)
        case Metric.DCASE2024:
            from sonoscope.metrics.dcase2024 import LABELS_2024
            from sonoscope.metrics.dcase2024 import count as count_2024

            return Year(count_2024, LABELS_2024, by_label=True)
        case Metric.DCASE2025:
            from sonoscope.metrics.dcase2025 import LABELS_2025
            from sonoscope.metrics.dcase2025 import count as count_2025

            return Year(count_2025, LABELS_2025, by_label=True)


def _check_duration(duration_s: float | None) -> None:
    from sonoscope.metrics.dcase2019 import MAX_DURATION_S

    if duration_s is not None and duration_s > MAX_DURATION_S:
        raise SettingError(
            f"--duration must be at most {MAX_DURATION_S} s, but {duration_s:g} was given"
        )


def _split(labels: str) -> list[str]:
    names = [name.strip() for name in labels.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise SettingError(
            f"--labels must be different names separated by commas, but {labels!r} was given"
        )
    return names


# ── which tables ─────────────────────────────────────────────────────────────────────────────────


def _pairs(ref: Path, pred: Path, *, skip: bool) -> list[Pair]:
    """Pair files, or those of two folders by their names."""
    for path in (ref, pred):
        if not path.exists():
            raise InputError(f"{path}: does not exist")
    if ref.is_dir() != pred.is_dir():
        raise InputError(f"{ref} and {pred} must both be files or both be folders")
    if not ref.is_dir():
        return [(ref, pred)]
    true, heard = _tables(ref), _tables(pred)
    if not true:
        raise InputError(f"{ref}: must hold csv files, but there are none")
    pairs = list(_partners(true, heard, skip=skip))
    if not pairs:
        raise InputError(f"{pred}: must hold predictions for {ref}, but there are none")
    return pairs


def _partners(true: dict[str, Path], heard: dict[str, Path], *, skip: bool) -> Iterator[Pair]:
    """Pair tables by name; what has no partner is said on stderr."""
    fate = "left out (--mode strict: counted as empty)" if skip else "counted as empty"
    for name in sorted(true | heard):
        if name not in heard:
            print(f"{true[name]}: no prediction, {fate}", file=sys.stderr)
        if name not in true:
            print(f"{heard[name]}: no reference, left out", file=sys.stderr)
        if name in true and (name in heard or not skip):
            yield true[name], heard.get(name)


def _tables(folder: Path) -> dict[str, Path]:
    """Give the tables of a folder by the recording's name: NAME.csv, or NAME/events.csv.

    Where there are none, those of its folders, such as `metadata_dev/dev-test-sony/NAME.csv`.
    """
    inner = {path.parent.name: path for path in sorted(folder.glob("*/events.csv"))}
    found = inner | {path.stem: path for path in sorted(folder.glob("*.csv"))}
    if found:
        return found
    for path in sorted(folder.glob("*/*.csv")):
        other = found.setdefault(path.stem, path)
        if other != path:
            raise InputError(f"{path} and {other} must not both be the table of one recording")
    return found


def _read(paths: Pair) -> Recording:
    from sonoscope.core.event_table import read

    reference, prediction = paths
    return Recording(paths, read(reference), () if prediction is None else read(prediction))


# ── what labels are called ───────────────────────────────────────────────────────────────────────


def _named(
    recordings: Sequence[Recording], given: Sequence[str] | None, of_year: Sequence[str]
) -> list[Recording]:
    """Name class indices as asked, or by the labels of the year where others have such names."""
    names = given or _needed(recordings, of_year)
    return list(recordings) if names is None else [_renamed(r, names) for r in recordings]


def _renamed(recording: Recording, names: Sequence[str]) -> Recording:
    from sonoscope.core.event_table import named

    try:
        return Recording(
            recording.paths, named(recording.true, names), named(recording.heard, names)
        )
    except InputError as error:
        raise InputError(f"{_files(recording)}: {error}") from error


def _needed(recordings: Sequence[Recording], of_year: Sequence[str]) -> Sequence[str] | None:
    """Give the labels of the year where some tables have names, all of that year, some indices."""
    from sonoscope.core.event_table import is_indexed, label_names

    indexed, names, example = False, set[str](), None
    for recording in recordings:
        for side in (recording.true, recording.heard):
            if is_indexed(side):
                indexed = True
            elif label_names(side):
                names |= label_names(side)
                example = example or recording
    if not indexed or example is None:
        return None
    if names <= set(of_year):
        return of_year
    raise SettingError(
        f"--labels must be given, for one of {_files(example)} has class indices, the other names "
        f"that are not of that year ({', '.join(sorted(names - set(of_year)))[:60]})"
    )


def _over_all_labels(
    recordings: Sequence[Recording], given: Sequence[str] | None, of_year: Sequence[str]
) -> tuple[list[Recording], tuple[str, ...]]:
    """Name class indices, and tell which labels there are: the year's, where they fit."""
    from sonoscope.core.event_table import is_indexed, label_names

    if given is None and all(
        is_indexed(side) or not label_names(side) for r in recordings for side in (r.true, r.heard)
    ):
        given = of_year
    recordings = _named(recordings, given, of_year)
    names = {name for r in recordings for name in label_names(r.true) | label_names(r.heard)}
    if given is not None:
        return recordings, tuple(given)
    return recordings, tuple(of_year if names <= set(of_year) else sorted(names))


def _files(recording: Recording) -> str:
    return ", ".join(str(path) for path in recording.paths if path is not None)


# ── scores ───────────────────────────────────────────────────────────────────────────────────────


def _count(recording: Recording, year: Year, mode: ScoreMode, options: dict[str, Any]) -> "Counts":
    try:
        counts: Counts = year.count(recording.true, recording.heard, mode.value, **options)
    except InputError as error:
        raise InputError(f"{_files(recording)}: {error}") from error
    return counts


def _scored(
    counts: Sequence["Counts"], *, intervals: bool
) -> tuple[dict[str, float], "dict[str, Interval]"]:
    from dataclasses import asdict

    from sonoscope.metrics.intervals import jackknife
    from sonoscope.metrics.pooling import pooled

    if intervals and len(counts) < 2:
        raise SettingError(
            f"--intervals must have at least 2 recordings, but {len(counts)} is given"
        )
    return asdict(pooled(counts).scores()), jackknife(counts) if intervals else {}


_ER = (
    "ER",
    "er",
    "error rate in seconds: missed, false and confused labels over true ones; 0 is best",
)
_BY_SECOND = (
    _ER,
    ("F", "f", "labels right in the right second and within 20°: precision and recall in one; "
               "1 is best"),
    ("LE", "le_deg", "angle between true and heard directions of one label; 0 is best"),
    ("LR", "lr", "localisation recall: share of labels found, wherever; 1 is best"),
    ("SELD", "seld", "mean of ER, 1 - F, LE / 180° and 1 - LR; 0 is best"),
)  # fmt: skip
_BY_FRAME = (
    ("F", "f", "sources right in the right frame, within 20° and twice the distance; 1 is best"),
    ("DOAE", "doae_deg", "angle between true and heard directions of one label; 0 is best"),
    ("RDE", "rde", "error of the distance over the true distance; 0 is best"),
    ("SELD", "seld", "mean of 1 - F, DOAE / 180° and RDE; 0 is best"),
)  # fmt: skip
SHOWN: dict[Metric, tuple[tuple[str, str, str], ...]] = {
    Metric.DCASE2019: (
        _ER,
        ("F", "f", "labels right in the right second: precision and recall in one; 1 is best"),
        ("DE", "de_deg", "angle between true and heard directions, whatever the label; 0 is best"),
        ("FR", "fr", "frame recall: share of frames with the right number of directions; "
                     "1 is best"),
        ("SELD", "seld", "mean of ER, 1 - F, DE / 180° and 1 - FR; 0 is best"),
    ),
    **dict.fromkeys((Metric.DCASE2020, Metric.DCASE2021), _BY_SECOND),
    **dict.fromkeys((Metric.DCASE2022, Metric.DCASE2023), _BY_SECOND),
    **dict.fromkeys((Metric.DCASE2024, Metric.DCASE2025), _BY_FRAME),
}  # fmt: skip
"""Name of each score in JSON and tables, in the counts' scores, and what it says."""


def _as_json(
    metric: Metric, scores: dict[str, float], spans: "dict[str, Interval]"
) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    answer: dict[str, Any] = {key: number(scores[name]) for key, name, _ in SHOWN[metric]}
    if spans:
        answer["intervals"] = {
            key: [number(spans[name].low), number(spans[name].high)]
            for key, name, _ in SHOWN[metric]
        }
    return answer


def _show(
    title: str,
    metric: Metric,
    scores: dict[str, float],
    spans: "dict[str, Interval]",
    n_recordings: int,
) -> None:
    from rich.console import Console
    from rich.table import Table as Grid

    def text(name: str, value: float) -> str:
        return f"{value:.2f}°" if name.endswith("_deg") else f"{value:.4f}"

    by_frame = metric is Metric.DCASE2019
    grid = Grid(
        "score",
        "value",
        *(["95 % interval"] if spans else []),
        *(["frame by frame"] if by_frame else []),
        "what it says",
        title=title,
    )
    for key, name, meaning in SHOWN[metric]:
        cells = [key, text(name, scores[name])]
        if spans:
            span = spans[name]
            cells.append(f"{text(name, span.low)} to {text(name, span.high)}")
        if by_frame:
            frames = scores.get(f"frame_{name}")
            cells.append("" if frames is None else text(name, frames))
        grid.add_row(*cells, meaning)
    console = Console()
    console.print(grid)
    recordings = "1 recording" if n_recordings == 1 else f"{n_recordings} recordings"
    console.print(f"{recordings}, counted together")
