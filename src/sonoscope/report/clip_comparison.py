"""Clip networks compared in one table: Markdown for reading, csv for reckoning, a picture.

Beside each score stand its spread over seeds (±) and its 95 % interval over originals; below are
the paired differences from each reference, bold where zero lies outside the interval.

Columns of the csv, one line a row: for each score X in macro_f1, weighted_f1, accuracy: X,
X_spread, X_low, X_high; and the same of the difference from each reference R as X_minus_R.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from sonoscope.core.durable import write_text
from sonoscope.metrics.clip_estimates import CLIP_SCORES, clip_differences, clip_estimates
from sonoscope.metrics.compared import ClipComparison, ComparedClips
from sonoscope.metrics.estimates import Estimate
from sonoscope.report.clip_figure import Shown, clip_figure
from sonoscope.report.comparison import NOTHING, csv_text, markdown_table
from sonoscope.report.markup import minus

_NAMED = {"macro_f1": "Macro-F1 %", "weighted_f1": "Weighted F1 %", "accuracy": "Accuracy %"}


_FACTS = (
    "Folds are the set's own. The paper's F1 is on private recordings, by a random split: it stands"
    " beside, and is neither reached nor missed. Published accuracies are of all folds at the set's"
    " full rate, after a thousand epochs and more."
)


def write_clip_comparison(folder: Path, comparison: ClipComparison) -> None:
    """Write NAME.md, NAME.csv and, once there is a result, NAME.svg."""
    if any(row.runs for row in comparison.rows):
        write_text(folder / f"{comparison.name}.svg", _picture(comparison))
    write_text(folder / f"{comparison.name}.md", clip_markdown(comparison))
    lines = [_line(row, comparison) for row in comparison.rows]
    write_text(folder / f"{comparison.name}.csv", csv_text(lines))


def clip_markdown(comparison: ClipComparison) -> str:
    """Write the table for reading."""
    rows = comparison.rows
    parts = [f"# {comparison.name}: {comparison.title}", *comparison.facts, _FACTS]
    parts.append(_scores(rows))
    for reference in _references(comparison):
        parts += _compared(rows, reference)
    if any(row.runs for row in rows):
        parts.append(f"![{comparison.title}]({comparison.name}.svg)")
    if missing := [f"- {row.name}: {', '.join(row.missing)}" for row in rows if row.missing]:
        parts.append("## Still missing\n\n" + "\n".join(missing))
    return "\n\n".join(parts) + "\n"


def _picture(comparison: ClipComparison) -> str:
    """Draw the networks that have results, differences from the first reference."""
    done = [row for row in comparison.rows if row.runs]
    first = next((row for row in done if row.name == comparison.references[0]), None)
    shown = []
    for row in done:
        against = {} if first is None or row is first else first.runs
        gain = clip_differences(row.runs, against).get("macro_f1")
        shown.append(Shown(row.name, clip_estimates(row.runs)["macro_f1"], gain, row.f1))
    return clip_figure(comparison.title, comparison.references[0], shown)


def _references(comparison: ClipComparison) -> list[ComparedClips]:
    return [row for row in comparison.rows if row.name in comparison.references]


def _scores(rows: Sequence[ComparedClips]) -> str:
    heads = ["Network", *_NAMED.values(), "Folds", "Trainings", "Parameters", "Training min"]
    heads += ["Paper's F1 % (private data)", "Published accuracy % (this set)"]
    lines = []
    for row in rows:
        found = clip_estimates(row.runs) if row.runs else {}
        cells = [score_told(found[name]) if found else NOTHING for name in _NAMED]
        folds = ", ".join(str(fold) for fold in sorted({fold for fold, _ in row.runs}))
        whole = len(row.runs) + len(row.missing)
        done = f"{len(row.runs)} of {whole}" if row.missing else str(whole)
        cost = [f"{row.parameters:,}", f"{row.trained_s / 60:.1f}"] if row.runs else [NOTHING] * 2
        published = [NOTHING if v is None else percent(v) for v in (row.f1, row.accuracy)]
        lines.append([row.name, *cells, folds or NOTHING, done, *cost, *published])
    return markdown_table(heads, lines)


def _compared(rows: Sequence[ComparedClips], reference: ComparedClips) -> list[str]:
    """Say what differs from a reference, or why nothing can be said yet."""
    others = [row for row in rows if row.runs and row is not reference]
    if not others:
        return []
    if not reference.runs:
        return [f"Differences from {reference.name} come as soon as it has a result."]
    lines = []
    for row in others:
        found = clip_differences(row.runs, reference.runs)
        cells = [gain_told(found[name]) if found else NOTHING for name in _NAMED]
        both = reference.f1 is not None and row.f1 is not None
        paper = percent((row.f1 or 0) - (reference.f1 or 0), signed=True) if both else NOTHING
        pairs = str(len(row.runs.keys() & reference.runs.keys()))
        lines.append([row.name, *cells, pairs, paper])
    heads = ["Network", *(f"Δ {name}" for name in _NAMED.values()), "Pairs", "Paper's Δ F1 %"]
    title = f"Differences from {reference.name}, paired by original, fold and seed"
    return [title, markdown_table(heads, lines)]


def score_told(found: Estimate) -> str:
    """Write a share in per cent, its spread over seeds if any, and its interval."""
    spread = "" if math.isnan(found.spread) else f" ± {percent(found.spread)}"
    return f"{percent(found.value)}{spread} ({percent(found.low)} to {percent(found.high)})"


def gain_told(found: Estimate) -> str:
    """Write a difference with its interval, bold where zero lies outside."""
    value, low, high = (percent(each, signed=True) for each in (found.value, found.low, found.high))
    return f"**{value}** ({low} to {high})" if found.is_clear else f"{value} ({low} to {high})"


def percent(share: float, *, signed: bool = False) -> str:
    """Write a share in per cent."""
    return minus(f"{100 * share:{'+' if signed else ''}.1f}")


def _line(row: ComparedClips, comparison: ClipComparison) -> dict[str, str | float | int]:
    line: dict[str, str | float | int] = {
        "table": comparison.name,
        "network": row.name,
        "runs": len(row.runs),
        "missing": len(row.missing),
        "folds": len({fold for fold, _ in row.runs}),
        "seeds": len({seed for _, seed in row.runs}),
        "parameters": row.parameters,
        "trained_s": round(row.trained_s, 1),
        "paper_f1": "" if row.f1 is None else row.f1,
        "published_accuracy": "" if row.accuracy is None else row.accuracy,
    }
    if not row.runs:
        return line
    line |= score_columns(clip_estimates(row.runs), "")
    for reference in _references(comparison):
        line |= score_columns(
            clip_differences(row.runs, reference.runs), f"_minus_{reference.name}"
        )
    return line


def score_columns(found: Mapping[str, Estimate], mark: str) -> dict[str, str | float | int]:
    """Give the columns of a csv line: of each score X the value X, X_spread, X_low and X_high."""
    ends = ("", "_spread", "_low", "_high")
    return {
        f"{name}{mark}{end}": round(value, 6)
        for name in CLIP_SCORES
        if name in found
        for end, value in zip(
            ends,
            (found[name].value, found[name].spread, found[name].low, found[name].high),
            strict=True,
        )
    }
