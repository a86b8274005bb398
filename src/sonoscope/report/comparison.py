"""Networks compared in one table: Markdown for reading, csv for reckoning.

Beside each score stand its spread over seeds (±) and its 95 % interval over recordings, and below
the paired differences from one row, bold where zero lies outside the interval. How many of a row's
trainings are done is said in the row, which ones are not below, and what was published beside.

Columns of the csv, one line a row and reading (`metrics.scored_run`): for each
score X in er, f, de_deg, fr, seld, frame_er, frame_f: X, X_spread, X_low, X_high; and the same of
the difference as X_gain, X_gain_spread, X_gain_low, X_gain_high. F and FR are fractions.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from sonoscope.core.durable import write_text
from sonoscope.metrics.compared import ComparedRow, Comparison, Figures
from sonoscope.metrics.estimates import Estimate
from sonoscope.metrics.fold_scores import SCORES, differences, estimates
from sonoscope.metrics.scored_run import READINGS, Reading, ScoredRun
from sonoscope.report.detection_figure import detection_figure
from sonoscope.report.markup import minus

_NAMED = {"er": "ER", "f": "F %", "de_deg": "DE °", "fr": "FR %", "seld": "SELD"}
_DECIMALS = {"er": 3, "f": 1, "de_deg": 1, "fr": 1, "seld": 3}
_PERCENT = ("f", "fr")
NOTHING = "–"
_ENDS = ("", "_spread", "_low", "_high")
_UNKNOWN = {f"{name}{mark}{end}": "" for mark in ("", "_gain") for name in SCORES for end in _ENDS}

_TOLD: dict[Reading, str] = {
    "rounded": "Scores are those of the organisers' scorer of DCASE 2019, directions first rounded"
    " to its grid of 10 degrees.",
    "as-is": "Scores are those of the organisers' scorer of DCASE 2019, which floors directions to"
    " its grid of 10 degrees.",
    "strict": "Scores are those of DCASE 2019 in the mode `strict`.",
}


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write NAME.md, NAME.csv, NAME-runs.csv (every training by itself), and its pictures."""
    for each in comparison.pictures:
        drawn = detection_figure(each.caption, each.reference, each.heard, each.duration_s)
        write_text(folder / f"{comparison.name}-{each.name}.svg", drawn)
    write_text(folder / f"{comparison.name}.md", markdown(comparison))
    write_text(folder / f"{comparison.name}.csv", csv_text(_summary(comparison)))
    write_text(folder / f"{comparison.name}-runs.csv", csv_text(_each_run(comparison)))


def markdown(comparison: Comparison) -> str:
    """Write the table for reading."""
    rows, kind = comparison.rows, comparison.channel_format.upper()
    parts = [f"# {comparison.name}: {comparison.title} ({kind})", *comparison.facts]
    parts.append(_TOLD[comparison.reading])
    parts += [_scores(rows, comparison.reading), *_compared(comparison)]
    if done := [row for row in rows if row.runs]:
        parts += ["What each took", _costs(done)]
    if sources := dict.fromkeys(row.source for row in rows if row.source):
        parts.append(f"Published: {'; '.join(sources)}.")
    if missing := [f"- {row.name}: {', '.join(row.missing)}" for row in rows if row.missing]:
        parts.append("## Still missing\n\n" + "\n".join(missing))
    for each in comparison.pictures:
        parts.append(f"![{each.caption}]({comparison.name}-{each.name}.svg)\n\n{each.caption}")
    return "\n\n".join(parts) + "\n"


def _compared(comparison: Comparison) -> list[str]:
    """Say what differs from the reference, or why nothing can be said yet."""
    reference = _reference(comparison)
    others = [row for row in comparison.rows if row.runs and row is not reference]
    if not others:
        return []
    if not reference.runs:
        return [f"Differences from {reference.name} come as soon as it has a result."]
    return [
        f"Differences from {reference.name}, paired by recording, fold and seed",
        _gains(others, reference, comparison.reading),
    ]


def _reference(comparison: Comparison) -> ComparedRow:
    return next(row for row in comparison.rows if row.name == comparison.reference)


def _scores(rows: Sequence[ComparedRow], reading: Reading) -> str:
    heads = ["Network", *_NAMED.values(), "Folds", "Seeds", "Trainings", "Recordings"]
    heads.append("Published ER F DE FR")
    lines = []
    for row in rows:
        found = estimates(row.runs, reading) if row.runs else {}
        cells = [_score(name, found[name]) if found else NOTHING for name in _NAMED]
        published = NOTHING if row.is_gain else _published(row.published)
        lines.append([row.name, *cells, *_runs(row, reading), published])
    return markdown_table(heads, lines)


def _runs(row: ComparedRow, reading: Reading) -> list[str]:
    """Count folds, seeds, trainings done of those begun or asked for, and recordings tested."""
    whole = len(row.runs) + len(row.missing)
    done = f"{len(row.runs)} of {whole}" if row.missing else str(whole) if whole else NOTHING
    if not row.runs:
        return [NOTHING, NOTHING, done, NOTHING]
    by_fold = {run.fold: len(run.counts[reading]) for run in row.runs}
    seeds = [sum(run.fold == fold for run in row.runs) for fold in by_fold]
    most = str(max(seeds)) if len(set(seeds)) == 1 else f"{min(seeds)} to {max(seeds)}"
    return [", ".join(map(str, sorted(by_fold))), most, done, str(sum(by_fold.values()))]


def _gains(rows: Sequence[ComparedRow], reference: ComparedRow, reading: Reading) -> str:
    heads = ["Network", *(f"Δ {name}" for name in _NAMED.values()), "Pairs"]
    heads.append("Published Δ ER F DE FR")
    lines = []
    for row in rows:
        found = differences(row.runs, reference.runs, reading)
        cells = [_gain(name, found[name]) if found else NOTHING for name in _NAMED]
        pairs = str(len(_places(row) & _places(reference)))
        published = _published(row.published, signed=True) if row.is_gain else NOTHING
        lines.append([row.name, *cells, pairs, published])
    return markdown_table(heads, lines)


def _places(row: ComparedRow) -> set[tuple[int, int]]:
    return {(run.fold, run.seed) for run in row.runs}


def _costs(rows: Sequence[ComparedRow]) -> str:
    heads = [
        "Network", "Parameters", "Trained on", "Epochs", "Steps", "Sound s/s", "Training min",
        "Test min", "Machine",
    ]  # fmt: skip
    lines = []
    for row in rows:
        first = row.runs[0]
        lines.append(
            [
                row.name,
                f"{first.parameters:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
                f"{first.recordings} recordings",
                f"{fmean(run.epochs for run in row.runs):.1f}",
                ", ".join(dict.fromkeys(_step(run) for run in row.runs)),
                f"{fmean(run.sound_s_per_s for run in row.runs):.1f}",
                f"{fmean(run.trained_s for run in row.runs) / 60:.1f}",
                f"{fmean(run.tested_s for run in row.runs) / 60:.1f}",
                "; ".join(dict.fromkeys(run.machine for run in row.runs)),
            ]
        )
    return markdown_table(heads, lines)


def _step(run: ScoredRun) -> str:
    return str(run.steps) if run.step == run.steps else f"{run.step} of {run.steps}"


def _score(name: str, found: Estimate) -> str:
    spread = "" if math.isnan(found.spread) else f" ± {_number(name, found.spread)}"
    ends = f"{_number(name, found.low)} to {_number(name, found.high)}"
    return f"{_number(name, found.value)}{spread} ({ends})"


def _gain(name: str, found: Estimate) -> str:
    ends = f"{_number(name, found.low, signed=True)} to {_number(name, found.high, signed=True)}"
    value = _number(name, found.value, signed=True)
    return f"**{value}** ({ends})" if found.is_clear else f"{value} ({ends})"


def _number(name: str, value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return NOTHING
    scaled = 100 * value if name in _PERCENT else value
    return minus(f"{scaled:{'+' if signed else ''}.{_DECIMALS[name]}f}")


def _published(figures: Figures, *, signed: bool = False) -> str:
    """Write ER, F, DE and FR, or as much of them as there is."""
    if all(figure is None for figure in figures):
        return NOTHING
    names = ("er", "f", "de_deg", "fr")
    sign = "+" if signed else ""
    words = [
        NOTHING
        if value is None
        else f"{100 * value if name in _PERCENT else value:{sign}.{2 if name == 'er' else 1}f}"
        for name, value in zip(names, figures, strict=True)
    ]
    return minus(" / ".join(words))


def markdown_table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table whose first column is words and whose others are numbers."""
    rows = [heads, ["---", *(["---:"] * (len(heads) - 1))], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _summary(comparison: Comparison) -> list[dict[str, str | float | int]]:
    lines = []
    reference = _reference(comparison)
    for row in comparison.rows:
        for reading in READINGS:
            line: dict[str, str | float | int] = {
                "table": comparison.name,
                "network": row.name,
                "format": comparison.channel_format,
                "reading": reading,
                "runs": len(row.runs),
                "missing": len(row.missing),
                "folds": len({run.fold for run in row.runs}),
                "seeds": len({run.seed for run in row.runs}),
                "reference": comparison.reference,
                **_UNKNOWN,
            }
            if row.runs:
                line |= _columns(estimates(row.runs, reading), "")
                line |= _columns(differences(row.runs, reference.runs, reading), "_gain")
            lines.append(line)
    return lines


def _columns(found: dict[str, Estimate], mark: str) -> dict[str, str | float | int]:
    return {
        f"{name}{mark}{end}": round(value, 6)
        for name, each in found.items()
        for end, value in zip(_ENDS, (each.value, each.spread, each.low, each.high), strict=True)
    }


def _each_run(comparison: Comparison) -> list[dict[str, str | float | int]]:
    lines = []
    for row in comparison.rows:
        for run in row.runs:
            for reading in READINGS:
                found = estimates([run], reading)
                line: dict[str, str | float | int] = {
                    "table": comparison.name,
                    "network": row.name,
                    "format": comparison.channel_format,
                    "fold": run.fold,
                    "seed": run.seed,
                    "reading": reading,
                    "tested_recordings": len(run.counts[reading]),
                    "trained_recordings": run.recordings,
                    "epochs": round(run.epochs, 3),
                    "step": run.step,
                    "steps": run.steps,
                    "parameters": run.parameters,
                    "trained_s": round(run.trained_s, 1),
                    "tested_s": round(run.tested_s, 1),
                    "sound_s_per_s": round(run.sound_s_per_s, 2),
                    "machine": run.machine,
                }
                line |= {name: round(found[name].value, 6) for name in SCORES}
                lines.append(line)
    return lines


def csv_text(lines: Sequence[dict[str, str | float | int]]) -> str:
    """Write lines that may have different columns; what a line has not is empty."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()
