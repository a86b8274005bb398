"""A phase-resolved pattern as one still picture, beside the references it was compared with.

Left the counts over phase and amplitude, with the sine that phase belongs to, and below it the
curves H_n, H_qmax and H_qmean. Right each kind's mean reference, the likeliest first, and its
share. The picture is one SVG without scripts or links.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64
from numpy import ndarray

from sonoscope.report.colour_map import magma
from sonoscope.report.markup import drawing, element, lettering, minus, number
from sonoscope.report.palette import LIGHT, LIGHT_PAPER
from sonoscope.report.panel import Panel
from sonoscope.report.phase_map import (
    SHADES,
    cells,
    count_shades,
    reference_shades,
    rules,
    sine,
    used_rows,
)
from sonoscope.signal.patterns import decibels
from sonoscope.signal.prpd import Prpd
from sonoscope.signal.references import LOWEST_DB, References

WIDTH, HEIGHT = 1180.0, 760.0
_LEFT, _WIDE, _RIGHT = 72.0, 660.0, 842.0
_INK, _FAINT, _SINE = "#2b2f36", "#dde1e6", "#6b7480"
_DARKEST, _LIGHTEST = 20, 235  # of magma's 256 colours: neither black nor the paper's white

SAID = {
    "corona": "corona",
    "surface": "surface discharge",
    "floating": "floating part",
    "internal": "internal discharge",
    "brush": "sparking that keeps another clock than mains, as a brush does",
    "unphased": "pulses without a clock: a loose particle, loose metal or rain",
    "unknown": "locked to mains, but like no reference",
    "nothing": "nothing that stands out of the noise",
}
"""Verdicts in words."""


def prpd_picture(title: str, found: Prpd, known: References) -> str:
    """Draw a pattern.

    Parameters
    ----------
    title
        Of the recording.
    known
        What it was compared with.
    """
    drawn = element("rect", width=number(WIDTH), height=number(HEIGHT), fill=LIGHT_PAPER)
    drawn += lettering(title, _LEFT, 28.0, size=17)
    for line, words in enumerate(_facts(found)):
        drawn += lettering(words, _LEFT, 50.0 + 18 * line, size=13)
    drawn += _pattern(found) + _curves(found) + _references(found, known)
    return drawing(title, drawn, WIDTH, HEIGHT, _INK)


def said(found: Prpd) -> str:
    """Give the verdict in words."""
    if found.two is not None:
        return " and ".join(SAID[kind] for kind in found.kinds) + ", if these are two sources"
    return SAID[found.verdict]


def clock_said(found: Prpd) -> str:
    """Tell what clock is kept, in words."""
    if found.locked:
        return f"locked to mains of {found.mains_hz:.3f} Hz"
    if found.turned:
        return f"locked to {found.other.hz:.2f} Hz, not to mains"
    return "locked to no clock"


def _facts(found: Prpd) -> list[str]:
    low, high = (edge / 1e3 for edge in found.band)
    first = f"{said(found)}; {clock_said(found)}"
    second = (
        f"{found.duration_s:.2f} s heard from {low:g} to {high:g} kHz, "
        f"{found.clear_hz:.0f} clear pulses a second"
    )
    if found.locked:
        second += ". Absolute phase is not in sound: drawn as the likeliest kind lies"
    return [first[0].upper() + first[1:], second]


def _pattern(found: Prpd) -> str:
    counts, edges = found.absolute.counts, found.absolute.edges_db
    used = used_rows(counts, without=(29, 46))
    panel = Panel(_LEFT, 104.0, _WIDE, 360.0, float(edges[used.start]), float(edges[used.stop]))
    shown = counts[:, used].astype(np.float64)
    drawn = _axes(panel, "Amplitude (dB, 0 is full scale)", _round_ticks(panel))
    drawn += _map(count_shades(shown), panel)
    most = int(shown.max(initial=0))
    return drawn + _key(panel, most)


def _map(shade: Int64[ndarray, "phase amplitude"], panel: Panel) -> str:
    drawn = "".join(element("path", d=d, fill=_shade(step)) for step, d in cells(shade, panel))
    voltage = {"d": sine(panel), "stroke": _SINE, "fill": "none", "stroke_dasharray": "5 4"}
    return drawn + element("path", **voltage)


def _shade(step: int) -> str:
    """Give a colour, the more pulses the darker."""
    share = (step - 1) / (SHADES - 1)
    red, green, blue = magma()[round(_LIGHTEST + share * (_DARKEST - _LIGHTEST))].tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _key(panel: Panel, most: int) -> str:
    """Draw what the shades mean."""
    if not most:
        return ""
    wide, y = 12.0, panel.y - 14
    x = panel.right - SHADES * wide
    drawn = lettering("1 pulse", x - 6, y + 9, "end")
    for step in range(1, SHADES + 1):
        drawn += element(
            "rect", x=number(x + (step - 1) * wide), y=number(y), width=number(wide), height=10,
            fill=_shade(step),
        )  # fmt: skip
    return drawn + lettering(f"{most}", x + SHADES * wide + 6, y + 9)


def _curves(found: Prpd) -> str:
    count = found.curves.count.astype(np.float64)
    panel = Panel(_LEFT, 518.0, _WIDE, 84.0, 0.0, max(float(count.max(initial=1)) * 1.1, 1.0))
    ticks = [(value, f"{value:g}") for value in _even(panel.high)]
    drawn = _axes(panel, "H_n: pulses in a phase bin", ticks)
    drawn += _line(count, panel, LIGHT[0])
    heard = found.curves.count > 0
    levels = [decibels(found.curves.greatest), decibels(found.curves.mean)]
    shown = np.concatenate([level[heard] for level in levels]) if heard.any() else np.array([-60.0])
    low = 6 * float(np.floor(shown.min() / 6))
    panel = Panel(_LEFT, 640.0, _WIDE, 84.0, low, max(6 * float(np.ceil(shown.max() / 6)), low + 6))
    drawn += _axes(
        panel, "H_qmax and H_qmean: greatest and mean amplitude (dB)", _round_ticks(panel)
    )
    for level, colour in zip(levels, (LIGHT[4], LIGHT[1]), strict=True):
        drawn += _line(np.where(heard, level, np.nan), panel, colour)
    drawn += lettering("H_qmax", panel.right + 8, panel.y + 14, colour=LIGHT[4])
    drawn += lettering("H_qmean", panel.right + 8, panel.y + 32, colour=LIGHT[1])
    return drawn + lettering("Phase (°)", panel.x + panel.width / 2, HEIGHT - 4, "middle")


def _line(values: Float[ndarray, " phase"], panel: Panel, colour: str) -> str:
    """Draw a curve as steps, a gap where there is nothing."""
    wide = 1 / len(values)
    drawn, open_ = "", False
    for i, value in enumerate(values.tolist()):
        if np.isnan(value):
            open_ = False
            continue
        y = number(panel.up(value), 1)
        drawn += f"{'L' if open_ else 'M'}{number(panel.across(i * wide), 1)} {y}"
        drawn += f"H{number(panel.across((i + 1) * wide), 1)}"
        open_ = True
    return element("path", d=drawn, stroke=colour, fill="none", stroke_width=2) if drawn else ""


def _references(found: Prpd, known: References) -> str:
    """Draw each kind's mean map, the likeliest on top."""
    shares = found.fit.shares if found.fit is not None and found.locked else {}
    kinds = sorted(dict.fromkeys(known.kinds), key=lambda kind: -shares.get(kind, 0.0))
    drawn = lettering("References, each the mean of its kind's", _RIGHT, 82.0, size=13)
    for place, kind in enumerate(kinds):
        panel = Panel(_RIGHT, 120.0 + 160 * place, 300.0, 108.0, LOWEST_DB, 6.0)
        told = SAID[kind]
        if kind in shares:
            told += f": {100 * shares[kind]:.0f} %"
        ticks = [(level, minus(f"{level:g}")) for level in (-20.0, -10.0, 0.0)]
        drawn += _axes(panel, told, ticks)
        drawn += _map(reference_shades(known.of_kind(kind)), panel)
        if place == 0 and kind in found.kinds:
            drawn += element(
                "rect", x=number(panel.x - 46), y=number(panel.y - 24), width=number(360.0),
                height=number(panel.height + 48), fill="none", stroke=LIGHT[0], stroke_width=2,
                rx=6,
            )  # fmt: skip
    below = "levels in dB over the strongest twentieth of pulses"
    return drawn + lettering(below, _RIGHT, HEIGHT - 4)


def _axes(panel: Panel, title: str, ticks: Sequence[tuple[float, str]]) -> str:
    drawn = lettering(title, panel.x, panel.y - 7, size=13)
    drawn += element("path", d=rules(panel, [value for value, _ in ticks]), stroke=_FAINT)
    for value, word in ticks:
        drawn += lettering(word, panel.x - 6, panel.up(value) + 4, "end")
    for degrees in range(0, 361, 90):
        drawn += lettering(str(degrees), panel.across(degrees / 360), panel.bottom + 16, "middle")
    return drawn + element("path", d=panel.outline(), stroke=_INK, fill="none")


def _round_ticks(panel: Panel) -> list[tuple[float, str]]:
    """Give levels in steps of 6, 12 or 24 dB."""
    span = panel.high - panel.low
    step = next((step for step in (6.0, 12.0, 24.0) if span / step <= 8), 48.0)
    step = step if panel.height > 100 else max(step, 6.0 * float(np.ceil(span / 18)))
    first = step * float(np.ceil(panel.low / step))
    values = np.arange(first, panel.high + 1e-9, step)
    return [(float(value), minus(f"{value:g}")) for value in values]


def _even(high: float) -> list[float]:
    """Give up to four round values from 0."""
    for base in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000):
        if high / base <= 4:
            return np.arange(0, high, base).tolist()
    return [0.0, float(10 ** np.floor(np.log10(high)))]
