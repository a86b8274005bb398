"""The drawings of a diagnosis: a pattern beside its references, and sound before and after.

Inline SVG whose colours are the page's own, light or dark: parts have classes, and
`assets/diagnosis.css` and `shade_style` say what they look like. Drawn at the width of the page;
where that is narrower the figure scrolls.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from sonoscope.report.clock import tick_step_s
from sonoscope.report.colour_map import magma, png_data_uri
from sonoscope.report.markup import element, minus, number, text
from sonoscope.report.panel import Panel, pleasant_step
from sonoscope.report.phase_map import (
    SHADES,
    cells,
    count_shades,
    reference_shades,
    rules,
    sine,
    used_rows,
)
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.signal.denoise import Leaf, Plan
from sonoscope.signal.envelope import Band
from sonoscope.signal.prpd import Prpd
from sonoscope.signal.references import LOCKED, LOWEST_DB, References

WIDTH = 1144.0
_LIGHT_ENDS, _DARK_ENDS = (228, 20), (70, 250)  # of magma's 256 colours, few pulses to many
_HIGH_HZ, _LEAST_RANGE_DB = 10_000.0, 40.0
_TOP_DB = 6.0  # of a reference's axis


def shade_style() -> str:
    """Write the colours of counts, for both themes."""
    sheets = []
    for ends in (_LIGHT_ENDS, _DARK_ENDS):
        places = np.rint(np.linspace(*ends, SHADES)).astype(int)
        colours = [bytes(colour).hex() for colour in magma()[places].tolist()]
        rules = [f".fig .s{i + 1}{{fill:#{colour}}}" for i, colour in enumerate(colours)]
        sheets.append("".join(rules))
    return f"{sheets[0]}\n@media screen and (prefers-color-scheme:dark){{{sheets[1]}}}\n"


def pattern_figure(
    found: Prpd, known: References, confidence: Mapping[str, float], named: Sequence[str]
) -> str:
    """Draw a pattern, its pulses over phase, and the mean reference of each locked kind.

    Parameters
    ----------
    confidence
        What each kind was given, shown beside its reference; may lack kinds.
    named
        Kinds whose references are framed.
    """
    counts, edges = found.absolute.counts, found.absolute.edges_db
    used = used_rows(counts, without=(20, 35))
    panel = Panel(56.0, 34.0, 568.0, 250.0, float(edges[used.start]), float(edges[used.stop]))
    shown = counts[:, used].astype(np.float64)
    drawn = _words("Clear pulses: level (dBFS) over phase", 56.0, 20.0, "t")
    drawn += _axes(panel, [(db, minus(f"{db:g}")) for db in _even_db(panel)])
    drawn += _map(count_shades(shown), panel) + _key(panel, int(shown.max()))
    low = Panel(
        56.0, 326.0, 568.0, 62.0, 0.0, max(1.0, 1.1 * float(found.curves.count.max(initial=0)))
    )
    drawn += _words("Pulses in 5° of phase", 56.0, 318.0, "t")
    drawn += _axes(low, [(value, f"{value:g}") for value in _few(low.high)])
    drawn += _steps(found.curves.count.astype(np.float64), low)
    drawn += _words("Phase of the mains (°)", 340.0, 424.0, anchor="middle")
    drawn += _words("References, learnt from simulated discharges", 676.0, 20.0, "t")
    order = sorted(LOCKED, key=lambda kind: -confidence.get(kind, 0.0))
    for place, kind in enumerate(order):
        at = Panel(
            712.0 + 232 * (place % 2), 58.0 + 196 * (place // 2), 176.0, 112.0, LOWEST_DB, _TOP_DB
        )
        given = f" {confidence[kind]:.2f}" if kind in confidence else ""
        drawn += _reference(at, known.of_kind(kind), f"{kind}{given}", is_named=kind in named)
    drawn += _words("levels in dB over the strongest twentieth of pulses", 676.0, 424.0)
    return _figure("Phase-resolved pattern beside the references", drawn, 432.0)


def sound_figure(plan: Plan, before: Spectrogram, after: Spectrogram, band: Band) -> str:
    """Draw the chosen wavelet tree, and sound before and after, above one axis of frequency."""
    top_hz = plan.rate_hz / 2
    tree = Panel(56.0, 34.0, 232.0, 260.0, 0.0, top_hz)
    drawn = _words("kept", 75.0, 20.0, "t")
    drawn += element("rect", x=56, y=10, width=14, height=11, class_="kept")
    drawn += element("rect", x=124, y=10, width=14, height=11, class_="silent")
    drawn += _words("silenced packets", 143.0, 20.0, "t")
    step = pleasant_step(top_hz / 6)
    for i in range(int(top_hz / step + 1e-9) + 1):
        drawn += _words(f"{i * step / 1000:g}", 50.0, tree.up(i * step) + 4, anchor="end")
    drawn += "".join(_leaf(leaf, tree, plan.settings.depth) for leaf in plan.leaves)
    drawn += element(
        "path", d=f"M{number(tree.right + 5)} {number(tree.up(band[0]))}"
        f"h5V{number(tree.up(band[1]))}h-5", class_="line",
    )  # fmt: skip
    drawn += _words("Frequency (kHz); ] heard for pulses", 56.0, 332.0)
    ends = ends_db(before)
    duration_s = plan.n_samples / plan.rate_hz
    for x, name, picture in ((322.0, "Before", before), (744.0, "After", after)):
        panel = Panel(x, 34.0, 384.0, 260.0, 0.0, top_hz)
        drawn += _words(f"{name} denoising", x, 20.0, "t") + _sound(
            panel, picture, ends, duration_s
        )
        drawn += _seconds(panel, duration_s)
    said = f"Time in the window (s); colours from {ends[0]:.0f} to {ends[1]:.0f} dBFS in both"
    drawn += _words(minus(said), 322.0, 332.0)
    return _figure("Sound before and after denoising, and what was kept", drawn, 340.0)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def _figure(name: str, drawn: str, height: float) -> str:
    box = f"0 0 {number(WIDTH)} {number(height)}"
    svg = element("svg", drawn, viewBox=box, role="img", aria_label=name)
    return element("div", svg, class_="fig")


def _reference(panel: Panel, mean: Float64[ndarray, "72 15"], name: str, *, is_named: bool) -> str:
    drawn = ""
    if is_named:
        drawn += element(
            "rect", x=number(panel.x - 34), y=number(panel.y - 24), width=number(panel.width + 46),
            height=number(panel.height + 48), rx=6, class_="named",
        )  # fmt: skip
    drawn += _words(name, panel.x, panel.y - 8, "t")
    drawn += _axes(panel, [(db, minus(f"{db:g}")) for db in (-20.0, 0.0)], every_deg=180)
    return drawn + _map(reference_shades(mean), panel)


def _map(shade: Int64[ndarray, "phase amplitude"], panel: Panel) -> str:
    drawn = (element("path", d=d, class_=f"s{step}") for step, d in cells(shade, panel))
    return "".join(drawn) + element("path", d=sine(panel), class_="sine")


def _steps(values: Float64[ndarray, " phase"], panel: Panel) -> str:
    wide = panel.width / len(values)
    line = "".join(f"V{number(panel.up(value), 1)}h{number(wide, 3)}" for value in values.tolist())
    base = f"{number(panel.x)} {number(panel.bottom)}"
    return element("path", d=f"M{base}{line}V{number(panel.bottom)}z", class_="steps")


def _key(panel: Panel, most: int) -> str:
    """Draw what the shades mean."""
    if most < 1:
        return _words("no clear pulses", panel.x + panel.width / 2, panel.y + 24, anchor="middle")
    wide, x = 9.0, panel.right - 24 - 9.0 * SHADES
    drawn = _words("1 pulse", x - 6, 20.0, anchor="end")
    drawn += "".join(
        element("path", d=f"M{number(x + i * wide)} 11h{wide:g}v10h{-wide:g}z", class_=f"s{i + 1}")
        for i in range(SHADES)
    )
    return drawn + _words(f"{most}", x + SHADES * wide + 5, 20.0)


def _axes(panel: Panel, ticks: Sequence[tuple[float, str]], every_deg: int = 90) -> str:
    drawn = element("path", d=rules(panel, [value for value, _ in ticks], every_deg), class_="rule")
    for value, word in ticks:
        drawn += _words(word, panel.x - 6, panel.up(value) + 4, anchor="end")
    for degrees in range(0, 361, every_deg):
        x = panel.across(degrees / 360)
        drawn += _words(f"{degrees}", x, panel.bottom + 17, anchor="middle")
    return drawn + element("path", d=panel.outline(), class_="line")


def _leaf(leaf: Leaf, panel: Panel, depth: int) -> str:
    """Draw a leaf from its level's column to the right end."""
    x = panel.x + panel.width * leaf.level / (depth + 1)
    low, high = panel.up(leaf.low_hz), panel.up(leaf.high_hz)
    fate = "kept" if leaf.is_kept else "silenced"
    told = f"{leaf.low_hz / 1000:g} to {leaf.high_hz / 1000:g} kHz: {fate}; {leaf.why}"
    return element(
        "rect", element("title", text(told)), x=number(x), y=number(high),
        width=number(panel.right - x), height=number(low - high),
        class_="kept" if leaf.is_kept else "silent",
    )  # fmt: skip


def _sound(panel: Panel, shown: Spectrogram, ends: tuple[float, float], duration_s: float) -> str:
    """Draw a spectrogram; what its last column has beyond the sound's end is cut off."""
    share = shown.duration_s / max(duration_s, 1e-9)
    picture = element(
        "image", href=png_data_uri(shown.level_db, ends), width=number(panel.width * share),
        height=number(panel.height), preserveAspectRatio="none",
    )  # fmt: skip
    return element(
        "svg", picture, x=number(panel.x), y=number(panel.y), width=number(panel.width),
        height=number(panel.height),
        viewBox=f"0 0 {number(panel.width)} {number(panel.height)}",
    )  # fmt: skip


def ends_db(shown: Spectrogram) -> tuple[float, float]:
    """Give the levels of the darkest and the lightest colour: those of what lies high enough.

    Rotors and voices are tens of decibels louder below than clicks are above.
    """
    high = shown.edges_hz[:-1] >= min(_HIGH_HZ, float(shown.edges_hz[-1]) / 2)
    floor = float(np.quantile(shown.level_db[high], 0.05))
    return floor, max(float(shown.level_db[high].max()), floor + _LEAST_RANGE_DB)


def _seconds(panel: Panel, duration_s: float) -> str:
    step = tick_step_s(max(duration_s, 1e-3), most=5)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    drawn = ""
    for i in range(int(duration_s / step + 1e-9) + 1):
        x = panel.x + panel.width * i * step / duration_s
        drawn += element("path", d=f"M{number(x)} {number(panel.bottom)}v4", class_="line")
        drawn += _words(f"{i * step:.{decimals}f}", x, panel.bottom + 17, anchor="middle")
    return drawn


def _even_db(panel: Panel) -> list[float]:
    span = panel.high - panel.low
    step = next((step for step in (6.0, 12.0, 24.0) if span / step <= 7), 48.0)
    return np.arange(step * math.ceil(panel.low / step), panel.high + 1e-9, step).tolist()


def _few(high: float) -> list[float]:
    step = pleasant_step(high / 3)
    return np.arange(0, high, max(step, 1.0)).tolist()


def _words(
    words: str, x: float, y: float, kind: str | None = None, anchor: str | None = None
) -> str:
    return element(
        "text", text(words), x=number(x, 1), y=number(y, 1), text_anchor=anchor, class_=kind
    )
