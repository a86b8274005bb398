"""Scores over signal-to-noise ratio, a panel a noise, as one still picture.

Ratios stand side by side at equal steps, clean first; whiskers are 95 % intervals. The picture is
one SVG without scripts or links.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sonoscope.metrics.estimates import Estimate
from sonoscope.report.markup import drawing, element, lettering, number, text
from sonoscope.report.palette import DASHES, LIGHT, LIGHT_PAPER

_ACROSS = 3  # panels in a row
_WIDE, _HIGH = 320.0, 210.0
_LEFT, _TOP, _BESIDE, _BETWEEN = 64.0, 74.0, 54.0, 74.0
_INK, _FAINT, _CHANCE = "#2b2f36", "#dde1e6", "#6b7480"
_MOST_WHISKERS = 3  # lines in a panel beyond which whiskers would hide them
_ASIDE = 4.0
_NAME_WIDE = 7.2  # of a letter in the key


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel: its name, and a share at each ratio; None where there is none."""

    name: str
    shares: Sequence[Estimate | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """One noise; every panel has the same lines."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class NoiseFigure:
    """What is drawn.

    Attributes
    ----------
    title, axis
        Words above the picture, and of the upward axes.
    ratios
        What stands below the axes.
    panels
        One a noise.
    chance
        The share that guessing has, marked by a line; None where it has no figure.
    """

    title: str
    axis: str
    ratios: Sequence[str]
    panels: Sequence[Panel]
    chance: float | None = None


def noise_figure(figure: NoiseFigure) -> str:
    """Draw it."""
    across = 2 if len(figure.panels) == 4 else min(len(figure.panels), _ACROSS)
    names = [line.name for line in figure.panels[0].lines]
    width = _LEFT + across * (_WIDE + _BESIDE) - _BESIDE + 24
    key, top = _key(names, width)
    told = _small_print(len(names), has_chance=figure.chance is not None)
    rows = -(-len(figure.panels) // across)
    height = top + rows * (_HIGH + _BETWEEN) + 8
    drawn = element("rect", width=number(width), height=number(height), fill=LIGHT_PAPER)
    drawn += lettering(figure.title, _LEFT, 26.0, size=16) + key
    drawn += lettering(told, _LEFT, height - 14.0, size=11)
    for place, panel in enumerate(figure.panels):
        row, column = divmod(place, across)
        x, y = _LEFT + column * (_WIDE + _BESIDE), top + row * (_HIGH + _BETWEEN)
        drawn += _axes(figure, panel.title, x, y)
        for i, line in enumerate(panel.lines):
            drawn += _drawn(line, i, len(panel.lines), (x, y))
    return drawing(figure.title, drawn, width, height, _INK)


def _key(names: Sequence[str], width: float) -> tuple[str, float]:
    """Name the lines in rows as wide as the picture; give how far down panels begin too."""
    drawn, x, y = "", _LEFT, 50.0
    for i, name in enumerate(names):
        wide = 44 + _NAME_WIDE * len(name)
        if x > _LEFT and x + wide > width:
            x, y = _LEFT, y + 20
        mark = f"M{number(x)} {number(y)}h26"
        drawn += element("path", d=mark, **_stroke(i)) + _dot(x + 13, y, i)
        drawn += lettering(name, x + 32, y + 4)
        x += wide
    return drawn, y + _TOP - 24


def _small_print(count: int, *, has_chance: bool) -> str:
    whiskers = ["whiskers: 95 % intervals over originals"] if count <= _MOST_WHISKERS else []
    return "; ".join(whiskers + ["dotted: guessing"] * has_chance)


def _axes(figure: NoiseFigure, title: str, x: float, y: float) -> str:
    right, bottom = x + _WIDE, y + _HIGH
    drawn = lettering(title, x, y - 10, size=13)
    for share in (0, 25, 50, 75, 100):
        at = y + _HIGH * (1 - share / 100)
        drawn += element("path", d=f"M{number(x)} {number(at)}H{number(right)}", stroke=_FAINT)
        drawn += lettering(str(share), x - 6, at + 4, "end")
    if figure.chance is not None:
        mark = f"M{number(x)} {number(y + _HIGH * (1 - figure.chance), 1)}H{number(right)}"
        drawn += element("path", d=mark, stroke=_CHANCE, stroke_dasharray="2 4")
    for i, ratio in enumerate(figure.ratios):
        drawn += lettering(ratio, x + _place(i, len(figure.ratios)), bottom + 18, "middle")
    drawn += lettering("Signal-to-noise ratio (dB)", x + _WIDE / 2, bottom + 36, "middle")
    turned = f"rotate(-90 {number(x - 40)} {number(y + _HIGH / 2)})"
    drawn += element(
        "text", text(figure.axis), x=number(x - 40), y=number(y + _HIGH / 2),
        text_anchor="middle", transform=turned,
    )  # fmt: skip
    outline = f"M{number(x)} {number(y)}V{number(bottom)}H{number(right)}"
    return drawn + element("path", d=outline, stroke=_INK, fill="none")


def _place(i: int, count: int) -> float:
    return _WIDE * (i + 0.5) / count


def _drawn(line: Line, i: int, of: int, corner: tuple[float, float]) -> str:
    """Draw a line with its marks and, where there are few, its whiskers."""
    x, y = corner
    aside = _ASIDE * (2 * i - of + 1) if of <= _MOST_WHISKERS else 0.0
    points, marks = list[str](), ""
    for place, share in enumerate(line.shares):
        if share is None:
            continue
        at = x + aside + _place(place, len(line.shares))
        value, low, high = (
            y + _HIGH * (1 - min(max(each, 0.0), 1.0))
            for each in (share.value, share.low, share.high)
        )
        points.append(f"{number(at, 1)} {number(value, 1)}")
        if of <= _MOST_WHISKERS:
            ends = f"M{number(at, 1)} {number(low, 1)}V{number(high, 1)}"
            marks += element("path", d=ends, stroke=_colour(i))
        marks += _dot(at, value, i)
    return element("path", d="M" + "L".join(points), **_stroke(i)) + marks if points else ""


def _dot(x: float, y: float, i: int) -> str:
    """Mark a point: a dot, or a square in every second line."""
    if i % 2:
        corner = {"x": number(x - 3.5, 1), "y": number(y - 3.5, 1)}
        return element("rect", **corner, width=7, height=7, fill=_colour(i))
    return element("circle", cx=number(x, 1), cy=number(y, 1), r=4, fill=_colour(i))


def _stroke(i: int) -> dict[str, object]:
    dash = DASHES[i // len(LIGHT) % len(DASHES)]
    return {"stroke": _colour(i), "fill": "none", "stroke_width": 2, "stroke_dasharray": dash}


def _colour(i: int) -> str:
    return LIGHT[i % len(LIGHT)]
