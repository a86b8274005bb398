"""What a denoiser did, in one picture: tree, leaves and their evidence, sound before and after.

All panels share one axis of frequency, even from 0 to half the rate. The tree grows from left to
right; a leaf reaches on to the evidence that decided it. Before and after have the same colours.
One SVG without scripts or links.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sonoscope.report.clock import clock, tick_step_s
from sonoscope.report.colour_map import level_range, magma, png_data_uri
from sonoscope.report.markup import drawing, element, lettering, minus, number, text
from sonoscope.report.palette import LIGHT_PAPER
from sonoscope.report.panel import pleasant_step
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.signal.denoise import Leaf, Plan

WIDTH, HEIGHT = 1240.0, 640.0
_TOP, _PLOT_HEIGHT = 112.0, 430.0
_TREE_X, _TREE_WIDTH = 64.0, 200.0
_BARS_X, _BAR_WIDTH, _BAR_GAP = 280.0, 66.0, 18.0
_SOUND_X, _SOUND_WIDTH, _SOUND_GAP = 632.0, 284.0, 26.0
_INK, _FAINT, _RULE = "#2b2f36", "#dde1e6", "#9aa2ad"
_KEPT, _SILENT = "#2a7f62", "#c9ced6"
_THIN_PX = 10.0
_NAMED = {
    "shannon": "Shannon entropy",
    "log-energy": "log-energy",
    "lp": "lp norm",
    "threshold": "count above threshold",
    "sure": "SURE",
}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A column of evidence: what it shows, its ends and marks."""

    name: str
    unit: str
    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    value: Callable[[Leaf], float]


_BARS = (
    _Bar(
        "energy", "dB of all", -60.0, 0.0, ((-60.0, "-60"), (-30.0, ""), (0.0, "0")),
        lambda leaf: 10 * math.log10(max(leaf.share, 1e-30)),
    ),
    _Bar(
        "sudden", "kurtosis", 0.0, 3.0, ((0.0, "0"), (1.0, "9"), (2.0, "99"), (3.0, "")),
        lambda leaf: math.log10(1 + max(leaf.kurtosis, 0)),
    ),
    _Bar(
        "mains", "over floor", 0.0, 2.0, ((0.0, "1"), (1.0, "10"), (2.0, "100")),
        lambda leaf: math.log10(max(leaf.mains, 1)),
    ),
    _Bar(
        "score", "is it kept?", -10.0, 10.0, ((-10.0, "-10"), (0.0, "0"), (10.0, "10")),
        lambda leaf: leaf.score,
    ),
)  # fmt: skip


def wavelet_picture(title: str, plan: Plan, before: Spectrogram, after: Spectrogram) -> str:
    """Draw a plan, and the sound before and after; both spectrograms are even in frequency."""
    top_hz = plan.rate_hz / 2
    drawn = element("rect", width=number(WIDTH), height=number(HEIGHT), fill=LIGHT_PAPER)
    drawn += lettering(title, _TREE_X, 28.0, size=17, weight="600")
    drawn += lettering(_summary(plan), _TREE_X, 50.0)
    drawn += _frequencies(top_hz) + _tree(plan, top_hz)
    for i, bar in enumerate(_BARS):
        x = _BARS_X + i * (_BAR_WIDTH + _BAR_GAP)
        drawn += _evidence(bar, plan, x, top_hz)
    ends_db = level_range(before.level_db)
    duration_s = plan.n_samples / plan.rate_hz
    for i, (name, shown) in enumerate((("before", before), ("after", after))):
        x = _SOUND_X + i * (_SOUND_WIDTH + _SOUND_GAP)
        drawn += _sound(name, shown, x, duration_s, ends_db)
    drawn += _key(ends_db) + _legend()
    return drawing(title, drawn, WIDTH, HEIGHT, _INK)


def _summary(plan: Plan) -> str:
    settings, kept = plan.settings, sum(leaf.is_kept for leaf in plan.leaves)
    energy = sum(leaf.share for leaf in plan.leaves if leaf.is_kept)
    noise = "noise measured in each leaf" if settings.noise == "leaf" else "one sigma for all"
    basis = (
        f"best basis by {_NAMED[settings.cost.kind]}" if settings.basis == "best" else "all leaves"
    )
    if settings.strength == 0:
        rule = "no threshold"
    else:
        rule = f"{settings.rule} {settings.threshold} threshold, {noise}"
    return (
        f"{kept} of {len(plan.leaves)} leaves kept, in which {100 * energy:.3g} % of the energy "
        f"lay. {settings.wavelet}, depth {settings.depth}, {basis}; {rule}."
    )


def _y(frequency_hz: float, top_hz: float) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - frequency_hz / top_hz)


def _frequencies(top_hz: float) -> str:
    """Draw the axis at the left."""
    step = pleasant_step(top_hz / 8)
    drawn = lettering("Frequency (kHz)", _TREE_X - 40, _TOP - 12)
    for i in range(int(top_hz / step + 1e-9) + 1):
        y = _y(i * step, top_hz)
        drawn += element("path", d=f"M{number(_TREE_X - 5)} {number(y)}h5", stroke=_INK)
        drawn += lettering(f"{i * step / 1000:g}", _TREE_X - 9, y + 4, "end")
    return drawn


def _tree(plan: Plan, top_hz: float) -> str:
    """Draw every node down to the leaves."""
    depth = plan.settings.depth
    column = _TREE_WIDTH / (depth + 1)
    drawn = "".join(
        lettering(f"{level}", _TREE_X + (level + 0.5) * column, _TOP + _PLOT_HEIGHT + 18, "middle")
        for level in range(depth + 1)
    )
    drawn += lettering("Level of the tree", _TREE_X + _TREE_WIDTH / 2, _TOP + _PLOT_HEIGHT + 36,
                    "middle")  # fmt: skip
    for level in range(depth):  # what was halved further: plain columns behind the leaves
        drawn += element(
            "rect", x=number(_TREE_X + level * column), y=number(_TOP), width=number(column),
            height=number(_PLOT_HEIGHT), fill="#f3f4f6", stroke=_FAINT,
        )  # fmt: skip
    for leaf in plan.leaves:
        low, high = _y(leaf.low_hz, top_hz), _y(leaf.high_hz, top_hz)
        left = _TREE_X + leaf.level * column
        drawn += _halvings(leaf, column, top_hz)
        drawn += element(
            "rect",
            element("title", text(_told(leaf))),
            x=number(left), y=number(high), width=number(_TREE_X + _TREE_WIDTH - left),
            height=number(low - high), fill=_KEPT if leaf.is_kept else _SILENT,
            stroke=LIGHT_PAPER, stroke_width=1,
        )  # fmt: skip
    return drawn


def _halvings(leaf: Leaf, column: float, top_hz: float) -> str:
    """Draw the edges of a leaf's ancestors."""
    drawn = ""
    width = leaf.high_hz - leaf.low_hz
    for level in range(leaf.level):
        span = width * 2 ** (leaf.level - level)
        low = math.floor(leaf.low_hz / span + 1e-9) * span
        x = _TREE_X + level * column
        if abs(leaf.low_hz - low) < 1e-6 * span:
            d = f"M{number(x)} {number(_y(low, top_hz))}h{number(column)}"
            drawn += element("path", d=d, stroke=_RULE)
    return drawn


def _told(leaf: Leaf) -> str:
    fate = "kept" if leaf.is_kept else "silenced"
    return f"{leaf.low_hz / 1000:g} to {leaf.high_hz / 1000:g} kHz: {fate}; {leaf.why}"


def _evidence(bar: _Bar, plan: Plan, x: float, top_hz: float) -> str:
    """Draw one column of bars, a bar a leaf."""
    bottom = _TOP + _PLOT_HEIGHT

    def across(value: float) -> float:
        share = (value - bar.low) / (bar.high - bar.low)
        return x + _BAR_WIDTH * min(max(share, 0.0), 1.0)

    drawn = lettering(bar.name, x, _TOP - 26, weight="600")
    drawn += lettering(bar.unit, x, _TOP - 12, size=10)
    for value, mark in bar.marks:
        at = number(across(value))
        d = f"M{at} {number(_TOP)}V{number(bottom)}"
        drawn += element("path", d=d, stroke=_RULE if value == 0 else _FAINT)
        side = "start" if value == bar.low else "end" if value == bar.high else "middle"
        drawn += lettering(minus(mark), across(value), bottom + 18, side, size=10)
    zero = plan.settings.choice.limit if bar.name == "score" else bar.low
    for leaf in plan.leaves:
        low, high = _y(leaf.low_hz, top_hz), _y(leaf.high_hz, top_hz)
        ends = sorted((across(zero), across(bar.value(leaf))))
        thick = max(0.7 * (low - high), 1.0) if low - high < _THIN_PX else 8.0
        drawn += element(
            "rect", x=number(ends[0]), y=number((low + high - thick) / 2),
            width=number(max(ends[1] - ends[0], 1.0)), height=number(thick),
            fill=_KEPT if leaf.is_kept else _RULE,
        )  # fmt: skip
    return drawn


def _sound(
    name: str, shown: Spectrogram, x: float, duration_s: float, ends_db: tuple[float, float]
) -> str:
    """Draw a spectrogram with its axis of time."""
    bottom = _TOP + _PLOT_HEIGHT
    columns = _SOUND_WIDTH * shown.duration_s / max(duration_s, 1e-9)
    picture = element(
        "image", href=png_data_uri(shown.level_db, ends_db), x=number(x), y=number(_TOP),
        width=number(columns), height=number(_PLOT_HEIGHT), preserveAspectRatio="none",
    )  # fmt: skip
    drawn = lettering(name, x, _TOP - 12, size=13, weight="600")
    drawn += element(
        "svg", picture, x=number(x), y=number(_TOP), width=number(_SOUND_WIDTH),
        height=number(_PLOT_HEIGHT),
        viewBox=f"{number(x)} {number(_TOP)} {number(_SOUND_WIDTH)} {number(_PLOT_HEIGHT)}",
    )  # fmt: skip
    step = tick_step_s(max(duration_s, 1e-3), most=5)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    for i in range(int(duration_s / step + 1e-9) + 1):
        at = x + _SOUND_WIDTH * i * step / duration_s
        drawn += element("path", d=f"M{number(at)} {number(bottom)}v4", stroke=_INK)
        drawn += lettering(clock(i * step, duration_s, decimals), at, bottom + 18, "middle")
    return drawn + lettering("Time (s)" if duration_s <= 120 else "Time", x + _SOUND_WIDTH / 2,
                          bottom + 36, "middle")  # fmt: skip


def _key(ends_db: tuple[float, float]) -> str:
    """Draw what the colours mean."""
    y, width = HEIGHT - 36, 200.0
    stops = "".join(
        element("stop", offset=number(i / 16), stop_color="#" + bytes(colour).hex())
        for i, colour in enumerate(magma()[np.linspace(0, 255, 17).astype(int)].tolist())
    )
    shade = element("linearGradient", stops, id="shade")
    drawn = element("defs", shade)
    drawn += element("rect", x=number(_SOUND_X), y=number(y), width=number(width), height=10,
                     fill="url(#shade)")  # fmt: skip
    for at, level_db in zip((0.0, width), ends_db, strict=True):
        drawn += lettering(minus(f"{level_db:.0f}"), _SOUND_X + at, y + 24, "middle", size=11)
    words = "dB, a tone of full scale being 0; the same before and after"
    return drawn + lettering(words, _SOUND_X + width + 14, y + 9, size=11)


def _legend() -> str:
    drawn, x, y = "", _TREE_X, HEIGHT - 36
    for name, colour in (("leaf kept", _KEPT), ("leaf silenced", _SILENT)):
        drawn += element("rect", x=number(x), y=number(y), width=22, height=10, fill=colour)
        drawn += lettering(name, x + 28, y + 9, size=11)
        x += 110
    return drawn
