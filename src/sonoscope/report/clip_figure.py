"""Clip networks one below the other as one still picture: macro-F1, and what it differs by.

Whiskers are 95 % intervals, bars the spread over seeds. A difference stands in full colour where
zero lies outside its interval. A ring is what the paper has, on other recordings. The picture is
one SVG without scripts or links.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sonoscope.metrics.estimates import Estimate
from sonoscope.report.markup import drawing, element, lettering, minus, number
from sonoscope.report.palette import LIGHT, LIGHT_PAPER

_NAMES, _WIDE, _BESIDE, _EDGE = 190.0, 330.0, 44.0, 24.0
_TOP, _STEP, _BELOW = 84.0, 26.0, 44.0
_INK, _FAINT, _QUIET = "#2b2f36", "#dde1e6", "#6b7480"
_SCORE, _GAIN = LIGHT[0], LIGHT[2]


@dataclass(frozen=True, slots=True)
class Shown:
    """A network.

    Attributes
    ----------
    name
        What it is called by.
    score
        Its macro-F1.
    gain
        How much that is more than the reference's; None for the reference itself.
    published
        The paper's macro-F1.
    """

    name: str
    score: Estimate
    gain: Estimate | None = None
    published: float | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    """From where to where an axis goes, in shares, and where it stands."""

    x: float
    low: float
    high: float

    def across(self, share: float) -> float:
        inside = min(max(share, self.low), self.high)
        return self.x + _WIDE * (inside - self.low) / (self.high - self.low)

    def ticks(self, step: float = 0.1) -> list[float]:
        first, last = (round(end / step) for end in (self.low, self.high))
        return [i * step for i in range(first, last + 1) if i % 2 == 0 or last - first < 8]


def clip_figure(title: str, reference: str, rows: Sequence[Shown]) -> str:
    """Draw networks; the reference names what differences are from."""
    gains = [row.gain for row in rows if row.gain is not None]
    score = _Axis(_NAMES, 0.0, 1.0)
    most = max((max(abs(gain.low), abs(gain.high)) for gain in gains), default=0.1)
    end = min(max(math.ceil(10 * most) / 10, 0.1), 1.0)
    gained = _Axis(_NAMES + _WIDE + _BESIDE, -end, end)
    width = (gained if gains else score).x + _WIDE + _EDGE
    height = _TOP + _STEP * len(rows) + _BELOW
    drawn = element("rect", width=number(width), height=number(height), fill=LIGHT_PAPER)
    drawn += lettering(title, _EDGE, 28.0, size=16)
    drawn += _scale(score, "Macro-F1 (%); ring: the paper's, private data", len(rows))
    if gains:
        drawn += _scale(gained, f"Macro-F1 less that of {reference} (%)", len(rows), signed=True)
    for i, row in enumerate(rows):
        y = _TOP + _STEP * (i + 0.5)
        drawn += lettering(row.name, _NAMES - 12, y + 4, "end") + _mark(score, row.score, y, _SCORE)
        if row.published is not None:
            ring = {"cx": number(score.across(row.published), 1), "cy": number(y, 1)}
            drawn += element("circle", **ring, r=4.5, fill="none", stroke=_QUIET, stroke_width=1.5)
        if row.gain is not None:
            drawn += _mark(gained, row.gain, y, _GAIN if row.gain.is_clear else _QUIET)
    return drawing(title, drawn, width, height, _INK)


def _scale(axis: _Axis, name: str, n_rows: int, *, signed: bool = False) -> str:
    bottom = _TOP + _STEP * n_rows
    drawn = lettering(name, axis.x + _WIDE / 2, _TOP - 26, "middle", size=13)
    for share in axis.ticks():
        x, is_zero = number(axis.across(share), 1), abs(share) < 1e-9
        line = f"M{x} {number(_TOP)}V{number(bottom)}"
        drawn += element("path", d=line, stroke=_QUIET if signed and is_zero else _FAINT)
        written = minus(f"{100 * share:{'+' if signed and not is_zero else ''}.0f}")
        drawn += lettering(written, axis.across(share), bottom + 18, "middle")
    return drawn


def _mark(axis: _Axis, found: Estimate, y: float, colour: str) -> str:
    low, high = (number(axis.across(end), 1) for end in (found.low, found.high))
    drawn = element("path", d=f"M{low} {number(y, 1)}H{high}", stroke=colour, stroke_width=1.5)
    if not math.isnan(found.spread):
        ends = (axis.across(found.value + side * found.spread) for side in (-1, 1))
        left, right = (number(end, 1) for end in ends)
        bar = f"M{left} {number(y, 1)}H{right}"
        drawn += element("path", d=bar, stroke=colour, stroke_width=6, stroke_opacity=0.35)
    centre = {"cx": number(axis.across(found.value), 1), "cy": number(y, 1)}
    return drawn + element("circle", **centre, r=4, fill=colour)
