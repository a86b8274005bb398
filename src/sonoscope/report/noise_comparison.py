"""Networks compared under noise: Markdown for reading, csv for reckoning, a picture.

Beside each score stand its spread over seeds (±) and its 95 % interval over originals; differences
and losses are paired. The csv is that of `report.noise_table`, each line begun with table, network,
runs and missing; spreads have columns X_spread where there are several seeds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sonoscope.core.durable import write_text
from sonoscope.metrics.compared import NoiseComparison
from sonoscope.metrics.estimates import Estimate
from sonoscope.metrics.noise_scores import ALL, NoiseCell, noise_cells, noise_differences
from sonoscope.report.clip_comparison import gain_told, percent, score_told
from sonoscope.report.comparison import NOTHING, csv_text, markdown_table
from sonoscope.report.markup import minus
from sonoscope.report.noise_figure import Line, NoiseFigure, Panel, noise_figure
from sonoscope.report.noise_table import (
    TREATED,
    csv_lines,
    denoiser_in_words,
    heads_of,
    lost_at,
    noise_told,
    rows_of,
    simulated_noise,
    told_ratio,
)

_SCORE = "macro_f1"


def write_noise_comparison(folder: Path, comparison: NoiseComparison) -> None:
    """Write NAME.md, NAME.csv and, once there is a result, NAME.svg.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    cells = {row.name: noise_cells(row.tests) for row in comparison.rows if row.tests}
    if cells:
        drawn = noise_figure(_figure(comparison, cells))
        write_text(folder / f"{comparison.name}.svg", drawn)
    write_text(folder / f"{comparison.name}.csv", csv_text(_lines(comparison, cells)))
    write_text(folder / f"{comparison.name}.md", comparison_markdown(comparison, cells))


def comparison_markdown(
    comparison: NoiseComparison, cells: Mapping[str, Sequence[NoiseCell]]
) -> str:
    """Write the table for reading."""
    parts = [f"# {comparison.name}: {comparison.title}", *comparison.facts, *_facts(comparison)]
    if cells:
        parts += ["## Macro-F1, %, all noises together", _scores(comparison, cells)]
        parts += _differences(comparison)
        parts += ["## What denoising changes, points of macro-F1", _gains(cells)]
        parts += ["## Macro-F1, %, noise by noise", _by_noise(cells)]
        parts.append(f"![{comparison.title}]({comparison.name}.svg)")
    if missing := [f"- {r.name}: {', '.join(r.missing)}" for r in comparison.rows if r.missing]:
        parts.append("## Still missing\n\n" + "\n".join(missing))
    return "\n\n".join(parts) + "\n"


def _facts(comparison: NoiseComparison) -> tuple[str, ...]:
    return (
        f"Noises: {'; '.join(map(simulated_noise, comparison.noises))}; none was trained on."
        " Ratio: mean power of the whole clip to that of its piece of noise.",
        f"Denoised: wavelet packets, {denoiser_in_words(comparison.denoiser)}; no network was"
        " trained on denoised clips.",
        "The paper's figures are of private recordings under noises that it does not describe: they"
        " stand beside, and are neither reached nor missed.",
    )


def _whole(cells: Sequence[NoiseCell]) -> dict[bool, dict[float, NoiseCell]]:
    """Give the cells of all noises together by treatment and ratio."""
    rows = rows_of(cells)
    noise = ALL if (ALL, False) in rows else cells[0].noise
    return {is_denoised: rows[noise, is_denoised] for is_denoised in (False, True)}


def _ratios(cells: Mapping[str, Sequence[NoiseCell]]) -> list[float]:
    return list(_whole(next(iter(cells.values())))[False])


def _scores(comparison: NoiseComparison, cells: Mapping[str, Sequence[NoiseCell]]) -> str:
    ratios = _ratios(cells)
    lost = lost_at(ratios)
    heads = ["Network", "Clips", *heads_of(ratios), f"Loss to {minus(f'{lost:g}')} dB"]
    heads += ["Folds", "Trainings", "Paper (private data)"]
    lines = []
    for row in (each for each in comparison.rows if each.tests):
        folds = ", ".join(str(fold) for fold in sorted({fold for fold, _ in row.tests}))
        whole = len(row.tests) + len(row.missing)
        done = f"{len(row.tests)} of {whole}" if row.missing else str(whole)
        paper = [percent(row.published[ratio]) for ratio in ratios if ratio in row.published]
        for is_denoised, found in _whole(cells[row.name]).items():
            told = " / ".join(paper) if paper and not is_denoised else NOTHING
            lines.append(
                [
                    row.name,
                    TREATED[is_denoised],
                    *(score_told(found[ratio].scores[_SCORE]) for ratio in ratios),
                    gain_told(found[lost].loss[_SCORE]),
                    folds,
                    done,
                    told,
                ]
            )
    return markdown_table(heads, lines)


def _differences(comparison: NoiseComparison) -> list[str]:
    """Say what each network scores more than the reference at each ratio."""
    reference = next(row for row in comparison.rows if row.name == comparison.reference)
    others = [row for row in comparison.rows if row.tests and row is not reference]
    if not others:
        return []
    if not reference.tests:
        return [f"Differences from {reference.name} come as soon as it was heard."]
    ratios = next(iter(reference.tests.values())).snr_db
    lines = []
    for row in others:
        found = [noise_differences(row.tests, reference.tests, ratio) for ratio in ratios]
        paper = [
            percent(row.published[ratio] - reference.published[ratio], signed=True)
            for ratio in ratios
            if ratio in row.published and ratio in reference.published
        ]
        told = [gain_told(each[_SCORE]) if each else NOTHING for each in found]
        lines.append([row.name, *told, " / ".join(paper) or NOTHING])
    heads = ["Network", *heads_of(ratios), "Paper (private data)"]
    title = f"## Differences from {reference.name}, points of macro-F1, clips as they are"
    return [title, markdown_table(heads, lines)]


def _gains(cells: Mapping[str, Sequence[NoiseCell]]) -> str:
    ratios = _ratios(cells)
    lines = [
        [name, *(gain_told(_whole(each)[True][ratio].gain[_SCORE]) for ratio in ratios)]
        for name, each in cells.items()
    ]
    return markdown_table(["Network", *heads_of(ratios)], lines)


def _by_noise(cells: Mapping[str, Sequence[NoiseCell]]) -> str:
    ratios = _ratios(cells)
    lines = [
        [name, noise, TREATED[is_denoised], *(score_told(row[r].scores[_SCORE]) for r in ratios)]
        for name, each in cells.items()
        for (noise, is_denoised), row in rows_of(each).items()
        if noise != ALL
    ]
    return markdown_table(["Network", "Noise", "Clips", *heads_of(ratios)], lines)


def _lines(
    comparison: NoiseComparison, cells: Mapping[str, Sequence[NoiseCell]]
) -> list[dict[str, str | float | int]]:
    lines = list[dict[str, str | float | int]]()
    for row in comparison.rows:
        told: dict[str, str | float | int] = {
            "table": comparison.name,
            "network": row.name,
            "runs": len(row.tests),
            "missing": len(row.missing),
        }
        lines += csv_lines(cells[row.name], **told) if row.tests else [told]
    return lines


def _figure(comparison: NoiseComparison, cells: Mapping[str, Sequence[NoiseCell]]) -> NoiseFigure:
    """Draw all noises together as they are and denoised, then each noise as it is."""
    ratios = _ratios(cells)
    rows = {name: rows_of(each) for name, each in cells.items()}
    noises = list(dict.fromkeys(noise for noise, _ in next(iter(rows.values()))))
    wanted = [(noises[0], False), (noises[0], True), *((n, False) for n in noises[1:])]

    def shares(name: str, noise: str, *, is_denoised: bool) -> list[Estimate | None]:
        return [rows[name][noise, is_denoised][ratio].scores[_SCORE] for ratio in ratios]

    panels = [
        Panel(
            f"{noise_told(noise)}, clips {TREATED[is_denoised]}",
            [Line(name, shares(name, noise, is_denoised=is_denoised)) for name in cells],
        )
        for noise, is_denoised in wanted
    ]
    return NoiseFigure(comparison.title, "Macro-F1 (%)", [told_ratio(r) for r in ratios], panels)
