"""A still picture of one recording: what sounded and where, reference beside prediction.

Six panels as the papers draw them: labels, azimuth and elevation over time, each as it was and as
it was heard. A label keeps its lane and colour throughout. The picture is one SVG without scripts
or links, to stand in a document.

Reference: C. Lan et al., EURASIP JASMP 2022:29, figures 10 and 11.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from sonoscope.core.frame_table import FrameTable
from sonoscope.report.clock import tick_step_s
from sonoscope.report.markup import drawing, element, lettering, minus, number
from sonoscope.report.palette import LIGHT, LIGHT_PAPER
from sonoscope.report.panel import Panel

WIDTH, _PLOT_WIDTH, _PLOT_HEIGHT = 1180.0, 500.0, 190.0
_LEFT, _TOP, _BETWEEN, _BELOW = 92.0, 64.0, 46.0, 8.0
_INK, _FAINT = "#2b2f36", "#dde1e6"
_NEAR_PX = 0.6  # a line keeps a point only if it leaves the straight by more
_JUMP_DEG = 30.0


def detection_figure(
    title: str, reference: FrameTable, heard: FrameTable, duration_s: float
) -> str:
    """Draw one recording.

    Parameters
    ----------
    reference, heard
        Rows of frames with the same labels.
    """
    sides = (("reference", reference), ("predicted", heard))
    height = _TOP + 3 * (_PLOT_HEIGHT + _BETWEEN) + _BELOW
    drawn = element("rect", width=number(WIDTH), height=number(height), fill=LIGHT_PAPER)
    drawn += lettering(title, WIDTH / 2, 24.0, "middle", size=16)
    used = sorted({int(label) for _, side in sides for label in np.unique(side.label)})
    for column, (kind, side) in enumerate(sides):
        x = _LEFT + column * (_PLOT_WIDTH + _LEFT - 20)
        drawn += _labels_panel(kind, side, used, duration_s, _panel(x, 0, -0.5, len(used) - 0.5))
        for row, (name, limit) in enumerate((("Azimuth", 180.0), ("Elevation", 90.0)), start=1):
            angle = side.azimuth if name == "Azimuth" else side.elevation
            panel = _panel(x, row, -limit, limit)
            drawn += _frame(f"{name}, {kind} (°)", panel, duration_s, _angle_ticks(limit))
            drawn += _angles(side, np.rad2deg(angle), duration_s, panel)
    drawn += lettering("Time (s)", WIDTH / 2, height - 8, "middle")
    return drawing(title, drawn, WIDTH, height, _INK)


def _panel(x: float, row: int, low: float, high: float) -> Panel:
    y = _TOP + row * (_PLOT_HEIGHT + _BETWEEN)
    return Panel(x, y, _PLOT_WIDTH, _PLOT_HEIGHT, low, max(high, low + 1.0))


def _angle_ticks(limit: float) -> list[tuple[float, str]]:
    marks = np.linspace(-limit, limit, 5)
    return [(float(mark), minus(f"{mark:+.0f}").replace("+0", "0")) for mark in marks]


def _frame(title: str, panel: Panel, duration_s: float, ticks: Sequence[tuple[float, str]]) -> str:
    """Draw a panel's title, axes and rules."""
    drawn = lettering(title, panel.x, panel.y - 8, "start", size=13)
    for value, word in ticks:
        y = panel.up(value)
        rule = f"M{number(panel.x)} {number(y)}H{number(panel.right)}"
        drawn += element("path", d=rule, stroke=_FAINT)
        drawn += lettering(word, panel.x - 6, y + 4, "end")
    step = tick_step_s(duration_s)
    for i in range(int(duration_s / step + 1e-9) + 1):
        x = panel.across(i * step / duration_s)
        mark = f"M{number(x)} {number(panel.bottom)}v4"
        drawn += element("path", d=mark, stroke=_INK)
        drawn += lettering(f"{i * step:g}", x, panel.bottom + 17, "middle")
    return drawn + element("path", d=panel.outline(), stroke=_INK, fill="none")


def _labels_panel(
    kind: str, side: FrameTable, used: Sequence[int], duration_s: float, panel: Panel
) -> str:
    """Draw a lane for each label, a bar wherever it sounds."""
    ticks = [(float(lane), side.labels[label]) for lane, label in enumerate(used)]
    drawn = _frame(f"Labels, {kind}", panel, duration_s, ticks)
    thick = min(10.0, 0.7 * _PLOT_HEIGHT / max(len(used), 1))
    for lane, label in enumerate(used):
        y = panel.up(float(lane))
        frames = np.unique(side.frame[side.label == label])
        bars = "".join(
            f"M{number(_x(int(run[0]), side, duration_s, panel), 1)} {number(y, 1)}"
            f"H{number(_x(int(run[-1]) + 1, side, duration_s, panel), 1)}"
            for run in _runs(frames)
        )
        if bars:
            drawn += element("path", d=bars, stroke=_colour(label), stroke_width=number(thick, 1))
    return drawn


def _angles(
    side: FrameTable, degrees: Float[ndarray, " row"], duration_s: float, panel: Panel
) -> str:
    """Draw a label's directions, one line as long as it neither stops nor jumps."""
    drawn = ""
    for label in np.unique(side.label).tolist():
        here = (side.label == label) & np.isfinite(degrees)
        lines = "".join(
            _line(frames, values, side, duration_s, panel)
            for frames, values in _ways(side.frame[here], degrees[here])
        )
        if lines:
            drawn += element(
                "path", d=lines, stroke=_colour(label), stroke_width=3, fill="none",
                stroke_linecap="round",
            )  # fmt: skip
    return drawn


def _ways(
    frame: Int[ndarray, " row"], degrees: Float[ndarray, " row"]
) -> Iterator[tuple[Int[ndarray, " run"], Float[ndarray, " run"]]]:
    """Follow sources from frame to frame; of several in a frame each goes on with the nearest."""
    open_ways: list[tuple[list[int], list[float]]] = []
    order = np.argsort(frame, kind="stable")
    for now, value in zip(frame[order].tolist(), degrees[order].tolist(), strict=True):
        near = [
            way
            for way in open_ways
            if way[0][-1] == now - 1 and abs(way[1][-1] - value) <= _JUMP_DEG
        ]
        if near:
            best = min(near, key=lambda way: abs(way[1][-1] - value))
            best[0].append(now)
            best[1].append(value)
        else:
            open_ways.append(([now], [value]))
    for frames, values in open_ways:
        yield np.array(frames), np.array(values)


def _line(
    frames: Int[ndarray, " run"],
    values: Float[ndarray, " run"],
    side: FrameTable,
    duration_s: float,
    panel: Panel,
) -> str:
    """Draw one way, with no more points than can be seen."""
    points = [(_x(int(frames[0]), side, duration_s, panel), panel.up(float(values[0])))]
    for frame, value in zip(frames[1:].tolist(), values[1:].tolist(), strict=True):
        y = panel.up(value)
        if abs(y - points[-1][1]) > _NEAR_PX:
            points.append((_x(frame, side, duration_s, panel), y))
    points.append((_x(int(frames[-1]) + 1, side, duration_s, panel), panel.up(float(values[-1]))))
    return "M" + "L".join(f"{number(x, 1)} {number(y, 1)}" for x, y in points)


def _runs(frames: Int[ndarray, " frame"]) -> Iterator[Int[ndarray, " run"]]:
    """Split frames where they do not follow each other."""
    breaks = np.flatnonzero(np.diff(frames) > 1) + 1
    yield from (run for run in np.split(frames, breaks) if len(run))


def _x(frame: int, side: FrameTable, duration_s: float, panel: Panel) -> float:
    return panel.across(min(1.0, frame / side.frames_per_s / duration_s))


def _colour(label: int) -> str:
    return LIGHT[label % len(LIGHT)]
