"""Names given under noise as a table: Markdown for reading, csv for reckoning, a figure.

Beside each score stands its 95 % interval over originals. Columns of the csv, one line a noise,
ratio and treatment: snr_db ("inf" for clean clips), denoised (0 or 1), and for each score X in
macro_f1, weighted_f1, accuracy: X, X_low, X_high; X_loss of the clean score under the same
treatment less this one, X_gain of this one less that without denoising, each with its ends;
unknown, the share of clips below the model's threshold. Shares are fractions.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonoscope.core.durable import write_text
from sonoscope.metrics.estimates import Estimate
from sonoscope.metrics.noise_scores import ALL, NoiseCell
from sonoscope.metrics.noise_test import NoiseTest, NoiseTestSettings
from sonoscope.report.clip_comparison import gain_told, percent, score_columns, score_told
from sonoscope.report.comparison import csv_text, markdown_table
from sonoscope.report.markup import minus
from sonoscope.report.noise_figure import Line, NoiseFigure, Panel, noise_figure
from sonoscope.signal.denoise import DenoiseSettings
from sonoscope.simulation.noises import Noise, RecordedNoise

_NAMED = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}
TREATED = {False: "as they are", True: "denoised"}


@dataclass(frozen=True, slots=True)
class NoiseTable:
    """One model under noise.

    Attributes
    ----------
    title
        The model and what it heard.
    facts
        Sentences about clips, noises, ratios and the denoiser.
    cells
        Scores, all noises together first where there are several.
    n_labels
        How many labels the model tells.
    """

    title: str
    facts: Sequence[str]
    cells: Sequence[NoiseCell]
    n_labels: int


def noise_facts(
    says: str,
    test: NoiseTest,
    noises: Sequence[Noise],
    asked: NoiseTestSettings,
    rate_hz: int,
) -> tuple[str, ...]:
    """Say what was heard, under what, and how it was measured."""
    labels = len(set(test.label.tolist()))
    hidden = "; ".join(noise_in_words(noise) for noise in noises)
    part = "all of it" if asked.over == "whole" else "where something sounds in it"
    return (
        f"Heard: {says}: {len(test.label)} clips of {labels} labels, cut from"
        f" {len(set(test.groups))} originals, at {rate_hz} Hz.",
        f"Noises: {hidden}. Each clip has its own piece of each, the same at every ratio and for"
        f" both treatments (seed {asked.seed}).",
        f"Ratio: mean power of a clip, {part}, over that of its piece of noise, as the model hears"
        " them. The likeliest label counts, however unsure.",
        f"Denoised: wavelet packets, {denoiser_in_words(asked.denoiser)}.",
        "In brackets: 95 % intervals, originals drawn again. Losses and changes are paired.",
    )


def noise_in_words(noise: Noise) -> str:
    """Say what a noise is made of."""
    if isinstance(noise, RecordedNoise):
        count = len(noise.files)
        return f"{noise.name} ({count} recording{'s' * (count > 1)}, {noise.duration_s:.0f} s)"
    return simulated_noise(noise.name)


def simulated_noise(name: str) -> str:
    """Say so of a noise that is."""
    return f"{name} (simulated, another for each clip)"


def denoiser_in_words(how: DenoiseSettings) -> str:
    """Say how clips are denoised."""
    leaves = "all leaves" if how.choice.keep == "all" else f"leaves from score {how.choice.limit:g}"
    return (
        f"{how.wavelet}, depth {how.depth}, {how.basis} basis, {leaves}, {how.rule} threshold,"
        f" {how.threshold} times {how.strength:g}, noise by {how.noise}"
    )


def write_noise_table(folder: Path, table: NoiseTable) -> dict[str, Path]:
    """Write robustness.md, robustness.csv and robustness.svg; give their paths.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    texts = {
        "figure": ("robustness.svg", noise_figure(figure_of(table))),
        "csv": ("robustness.csv", csv_text(list(csv_lines(table.cells)))),
        "table": ("robustness.md", noise_markdown(table, "robustness.svg")),
    }
    for name, content in texts.values():
        write_text(folder / name, content)
    return {kind: folder / name for kind, (name, _) in texts.items()}


def noise_markdown(table: NoiseTable, picture: str = "") -> str:
    """Write the table for reading, with the picture of that name if there is one."""
    parts = [f"# {table.title}", *table.facts]
    for score, named in _NAMED.items():
        parts.append(f"## {named}, %")
        parts.append(_scores(table.cells, score))
    parts.append("## What denoising changes, points of accuracy (bold: zero lies outside)")
    parts.append(_gains(table.cells))
    if any(cell.unknown for cell in table.cells):
        parts.append("## Clips that the model calls unknown, %")
        parts.append(_unknown(table.cells))
    if picture:
        parts.append(f"![{table.title}]({picture})")
    return "\n\n".join(parts) + "\n"


def told_ratio(snr_db: float) -> str:
    """Write a ratio for reading."""
    return "clean" if math.isinf(snr_db) else minus(f"{snr_db:g}")


def lost_at(ratios: Iterable[float]) -> float:
    """Choose the ratio whose loss is told: 0 dB, or the lowest where it is not among them."""
    known = list(ratios)
    return 0.0 if 0.0 in known else min(known)


def rows_of(
    cells: Sequence[NoiseCell],
) -> dict[tuple[str, bool], dict[float, NoiseCell]]:
    """Lay cells out by noise and treatment, and then by ratio."""
    rows = dict[tuple[str, bool], dict[float, NoiseCell]]()
    for cell in cells:
        rows.setdefault((cell.noise, cell.is_denoised), {})[cell.snr_db] = cell
    return rows


def _scores(cells: Sequence[NoiseCell], score: str) -> str:
    rows = rows_of(cells)
    ratios = _ratios(cells)
    lost = lost_at(ratios)
    heads = ["Noise", "Clips", *heads_of(ratios), f"Loss to {minus(f'{lost:g}')} dB"]
    lines = [
        [
            noise_told(noise),
            TREATED[is_denoised],
            *(score_told(row[ratio].scores[score]) for ratio in ratios),
            gain_told(row[lost].loss[score]),
        ]
        for (noise, is_denoised), row in rows.items()
    ]
    return markdown_table(heads, lines)


def _gains(cells: Sequence[NoiseCell]) -> str:
    ratios = _ratios(cells)
    lines = [
        [noise_told(noise), *(gain_told(row[ratio].gain["accuracy"]) for ratio in ratios)]
        for (noise, is_denoised), row in rows_of(cells).items()
        if is_denoised
    ]
    return markdown_table(["Noise", *heads_of(ratios)], lines)


def _unknown(cells: Sequence[NoiseCell]) -> str:
    ratios = _ratios(cells)
    lines = [
        [noise_told(noise), TREATED[is_denoised], *(percent(row[r].unknown) for r in ratios)]
        for (noise, is_denoised), row in rows_of(cells).items()
    ]
    return markdown_table(["Noise", "Clips", *heads_of(ratios)], lines)


def noise_told(noise: str) -> str:
    """Name a noise, or all of them."""
    return "all together" if noise == ALL else noise


def heads_of(ratios: Iterable[float]) -> list[str]:
    """Give the heads of columns of ratios."""
    return ["Clean" if math.isinf(r) else f"{told_ratio(r)} dB" for r in ratios]


def _ratios(cells: Iterable[NoiseCell]) -> list[float]:
    return sorted({cell.snr_db for cell in cells}, reverse=True)


def figure_of(table: NoiseTable, score: str = "accuracy") -> NoiseFigure:
    """Say what the figure shows: a panel a noise, with and without denoising."""
    ratios = _ratios(table.cells)
    rows = rows_of(table.cells)
    panels = [
        Panel(
            noise_told(noise),
            [
                Line(
                    TREATED[is_denoised],
                    [rows[noise, is_denoised][ratio].scores[score] for ratio in ratios],
                )
                for is_denoised in (False, True)
            ],
        )
        for noise in dict.fromkeys(cell.noise for cell in table.cells)
    ]
    chance = 1 / table.n_labels if score == "accuracy" else None
    axis = f"{_NAMED[score]} (%)"
    return NoiseFigure(table.title, axis, [told_ratio(r) for r in ratios], panels, chance)


def csv_lines(
    cells: Sequence[NoiseCell], **told: str | float | int
) -> Iterator[dict[str, str | float | int]]:
    """Give the lines of the csv, each begun with what else is told."""
    for cell in cells:
        line: dict[str, str | float | int] = {
            **told,
            "noise": cell.noise,
            "snr_db": f"{cell.snr_db:g}",
            "denoised": int(cell.is_denoised),
        }
        for mark, found in (("", cell.scores), ("_loss", cell.loss), ("_gain", cell.gain)):
            columns = score_columns(found, mark)
            line |= {n: v for n, v in columns.items() if isinstance(v, str) or not math.isnan(v)}
        yield line | {"unknown": round(cell.unknown, 6)}


def as_object(cells: Sequence[NoiseCell]) -> list[dict[str, object]]:
    """Give scores as `--json` prints them; the ratio of clean clips is null."""

    def told(found: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
        return {
            name: {
                "value": round(each.value, 6),
                "low": round(each.low, 6),
                "high": round(each.high, 6),
            }
            for name, each in found.items()
        }

    return [
        {
            "noise": cell.noise,
            "snr_db": None if math.isinf(cell.snr_db) else cell.snr_db,
            "denoised": cell.is_denoised,
            "scores": told(cell.scores),
            "loss": told(cell.loss),
            "gain": told(cell.gain),
            "unknown": round(cell.unknown, 6),
        }
        for cell in cells
    ]
