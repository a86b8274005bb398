"""What sounded over time: spectrogram, activity, azimuth and elevation above one time axis.

Each panel is an SVG whose user units are seconds across and frequency rows, lanes or degrees down,
stretched to whatever width there is; strokes keep their width on the screen. So zooming is nothing
but another viewBox, and a mark at 2.5 s stands at x = 2.5. Words are HTML beside the drawings and
never stretched. Azimuth and elevation are drawn as `y = -degrees`: left (+90) and up are high.

The three panels of the SELD papers (L. Jiang et al., 2022, Fig. 10 and 11; S. Adavanne et al.,
IEEE JSTSP 13(1), 2019), reference above prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.event import Event
from sonoscope.report.clock import clock, tick_step_s
from sonoscope.report.colour_map import gradient, level_range, png_data_uri
from sonoscope.report.markup import element, minus, number, text
from sonoscope.report.palette import HOLLOW_MARKS, SQUARE_MARKS, Look
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.report.ways import Point, Way

ACTIVITY_COLUMNS = 2000
_ELEVATION = 2  # in a point
_CURVE_STEPS = 40  # heights that a curve can have
_SMALLEST_HOLLOW_PX = 6.0
_FREQUENCIES_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 40_000, 80_000)


@dataclass(frozen=True, slots=True)
class Track:
    """An event with the way it took, if any, as every drawing wants it."""

    event: Event
    way: Way | None


def time_figure(panels: Sequence[str], duration_s: float) -> str:
    """Put panels above one time axis."""
    span = max(duration_s, 1e-3)
    step = tick_step_s(span)
    decimals = max(0, -int(np.floor(np.log10(step)))) if step < 1 else 0
    ticks = "".join(
        element(
            "i",
            data_l=clock(i * step, span, decimals),
            style=f"--t:{number(i * step)}",
        )
        for i in range(int(span / step + 1e-9) + 1)
    )
    unit = "s" if span <= 120 else "min:s" if span < 3600 else "h:min:s"
    overlay = (
        element("div", ticks, class_="ticks")
        + element("div", "", class_="band", hidden="")
        + element("div", "", class_="cursor", hidden="")
    )
    return element(
        "div",
        element("div", overlay, class_="overlay")
        + "".join(panels)
        + element("div", f"Time ({unit})", class_="axis-name"),
        class_="timeline",
        id="timeline",
        tabindex="0",
        style=f"--t0:0;--dt:{number(span)}",
        data_duration=number(span),
        role="group",
        aria_label="What sounded over time",
    )


def spectrogram_panel(spectrogram: Spectrogram, duration_s: float) -> str:
    """Draw the spectrogram with its frequency axis and the key to its colours."""
    rows = spectrogram.level_db.shape[0]
    picture = (
        f'<image x="0" y="0" width="{number(spectrogram.duration_s)}" height="{rows}" '
        f'preserveAspectRatio="none" href="{png_data_uri(spectrogram.level_db)}"/>'
    )
    ticks = [
        (1 - share, f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz")
        for hz, share in _frequency_ticks(spectrogram)
    ]
    floor, top = level_range(spectrogram.level_db)
    key = (
        element("span", minus(f"{floor:.0f}"))
        + element("i", "", class_="key", style=f"background:{gradient()}")
        + element("span", minus(f"{top:.0f} dB"))
    )
    return _panel(
        "spectrogram",
        element("span", "Spectrogram") + element("span", key, class_="level-key"),
        _gutter(ticks),
        _plot(picture, duration_s, 0, rows, "Spectrogram"),
    )


def _frequency_ticks(spectrogram: Spectrogram) -> list[tuple[int, float]]:
    """Round frequencies and how far up they stand, none too near to another."""
    edges = spectrogram.edges_hz
    places = np.linspace(0, 1, len(edges))
    chosen: list[tuple[int, float]] = []
    for hz in _FREQUENCIES_HZ:
        if edges[0] <= hz <= edges[-1]:
            share = float(np.interp(hz, edges, places))
            if not chosen or share - chosen[-1][1] > 0.09:
                chosen.append((hz, share))
    return chosen


def activity_panel(
    rows: Sequence[tuple[str, Look]],
    found: Sequence[Track],
    truth: Sequence[Track] | None,
    activity: Mapping[str, Float[ndarray, " frame"]],
    duration_s: float,
) -> str:
    """Draw one lane a label: how sure the model was, when it said so, and when it was true.

    `activity` holds a curve per label, 0 to 1, spread evenly over the duration.
    """
    lanes = {label: place for place, (label, _) in enumerate(rows)}
    drawn: list[str] = [
        element("path", d="".join(f"M0 {i}H{number(duration_s)}" for i in range(1, len(rows))),
                class_="rule")
    ]  # fmt: skip
    top, low, bottom = (0.1, 0.66, 0.9) if truth is None else (0.36, 0.72, 0.92)
    for label, look in rows:
        lane = lanes[label]
        parts = []
        if label in activity:
            parts.append(_curve(activity[label], duration_s, lane + top, lane + bottom))
        mine = [track.event for track in found if track.event.label == label]
        parts.append(_bars(mine, lane + low, lane + bottom, "bar"))
        if truth is not None:
            true = [track.event for track in truth if track.event.label == label]
            parts.append(_bars(true, lane + 0.1, lane + 0.28, "bar true"))
        drawn.append(element("g", "".join(parts), class_=look.classes))
    names = "".join(
        element(
            "span",
            element("b", text(label)) + swatch(look),
            class_=f"lane k{look.place}",
            style=f"top:{number(100 * (lane + 0.5) / len(rows))}%",
            title=label,
        )
        for lane, (label, look) in enumerate(rows)
    )
    title = "Activity" if truth is None else "Activity: reference (outlined) above found (filled)"
    return _panel(
        "activity",
        element("span", title),
        element("div", names, class_="gutter"),
        _plot("".join(drawn), duration_s, 0, max(1, len(rows)), title),
        height_px=max(1, len(rows)) * (26 if truth is None else 38),
    )


def trend_panel(
    title: str,
    curves: Mapping[str, Float[ndarray, " span"]],
    edges_s: Float[ndarray, " edge"],
    marks: Sequence[tuple[float, str]],
    duration_s: float,
) -> str:
    """Draw figures that hold for a span of time each, as steps; a gap where one is NaN.

    Parameters
    ----------
    curves
        By their class in the style sheet.
    edges_s
        Between spans, one more than there are values.
    marks
        Heights and their words, lowest first: the first and the last are the panel's ends.
    """
    low, high = marks[0][0], marks[-1][0]
    rules = "".join(
        f"M0 {number((high - mark) / (high - low), 4)}H{number(duration_s)}" for mark, _ in marks
    )
    drawn = element("path", d=rules, class_="rule")
    for kind, values in curves.items():
        heights = np.clip((high - values) / (high - low), 0, 1).tolist()
        line, open_ = "", False
        for start, end, height in zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), heights,
                                      strict=True):  # fmt: skip
            if np.isnan(height):
                open_ = False
                continue
            line += f"{'L' if open_ else 'M'}{start:.7g} {height:.4f}H{end:.7g}"
            open_ = True
        drawn += element("path", d=line, class_=kind) if line else ""
    ticks = [((high - mark) / (high - low), word) for mark, word in marks]
    return _panel(
        "trend",
        element("span", text(title)),
        _gutter(ticks),
        _plot(drawn, duration_s, 0, 1, title),
    )


def _curve(activity: Float[ndarray, " frame"], duration_s: float, top: float, bottom: float) -> str:
    """Draw a stepped area; runs of equal height become one step, so that silence costs nothing."""
    heights = np.floor(_CURVE_STEPS * np.clip(pooled(activity), 0, 1) + 1e-6).astype(int)
    if not heights.any():
        return ""
    starts = np.flatnonzero(np.diff(heights, prepend=heights[0] - 1))
    lengths = np.diff(starts, append=len(heights))
    steps: list[str] = []
    level = 0
    for height, length in zip(heights[starts].tolist(), lengths.tolist(), strict=True):
        steps.append(f"v{height - level}h{length}" if height != level else f"h{length}")
        level = height
    scale = f"{duration_s / len(heights):.9g} {-(bottom - top) / _CURVE_STEPS:.6g}"
    return element(
        "path",
        d=f"M0 0{''.join(steps)}V0z",
        transform=f"translate(0 {number(bottom)}) scale({scale})",
        class_="curve",
    )


def pooled(
    activity: Float[ndarray, " frame"], columns: int = ACTIVITY_COLUMNS
) -> Float[ndarray, " column"]:
    """Keep the highest of neighbouring frames, so that no more than `columns` are left."""
    if len(activity) <= columns:
        return activity
    starts = np.arange(columns) * len(activity) // columns
    return np.asarray(np.maximum.reduceat(activity, starts))


def _bars(events: Sequence[Event], top: float, bottom: float, kind: str) -> str:
    if not events:
        return ""
    height = number(bottom - top)
    d = "".join(
        f"M{number(e.onset_s)} {number(top)}v{height}H{number(e.offset_s)}v-{height}z"
        for e in events
    )
    return element("path", d=d, class_=kind)


def angle_panel(
    name: Literal["azimuth", "elevation"],
    tracks: Sequence[Track],
    looks: Mapping[str, Look],
    duration_s: float,
    *,
    ghosts: Sequence[Track] = (),
    kind: Literal["", "reference", "found"] = "",
) -> str:
    """Draw azimuth or elevation over time; ghosts lie pale behind, for comparison."""
    axis, limit, step = (1, 180, 90) if name == "azimuth" else (2, 90, 45)
    named = {180: "behind", 90: "left", 0: "ahead", -90: "right", -180: "behind"}
    if name == "elevation":
        named = {90: "above", 0: "horizon", -90: "below"}
    marks = range(limit, -limit - 1, -step)
    rules = "".join(f"M0 {-mark}H{number(duration_s)}" for mark in marks if abs(mark) < limit)
    drawn = element("path", d=rules, class_="rule")
    drawn += _ghosts(ghosts, looks, axis)
    drawn += _regions(tracks, looks, axis)
    drawn += _ways(tracks, looks, axis, f"{name}-{kind or 'found'}")
    ticks = [
        (
            (limit - mark) / (2 * limit),
            f"{named[mark]} {mark:+d}°" if mark in named else f"{mark:+d}°",
        )
        for mark in marks
    ]
    ticks = [(share, minus(word).replace("+0°", "0°")) for share, word in ticks]
    title = name.capitalize() + (f", {kind}" if kind else "")
    title += " (reference pale behind)" if ghosts else ""
    return _panel(
        f"{name} angle",
        element("span", text(title)),
        _gutter(ticks),
        _plot(drawn, duration_s, -limit, 2 * limit, title),
    )


def no_directions_panel(reason: str) -> str:
    """Say in place of azimuth and elevation why there are none."""
    return _panel("none", element("span", "Azimuth and elevation"), "", element("p", text(reason)))


def _ways(tracks: Sequence[Track], looks: Mapping[str, Look], axis: int, name: str) -> str:
    """Draw lines and marks, one group a label; the lines have ids."""
    groups = []
    for label, ways in _by_label(tracks).items():
        look = looks[label]
        starts = "".join(f"M{w.first[0]:.7g} {-w.first[axis]:.4g}h0" for w in ways)
        line = element("path", d=_line(ways, axis), class_="line", id=f"{name}-{look.place}")
        groups.append(element("g", line + mark_at(starts, look), class_=look.classes))
    return "".join(groups)


def _regions(tracks: Sequence[Track], looks: Mapping[str, Look], axis: int) -> str:
    """Draw the band that holds the true angle with 90 % probability, as far as it is known."""
    bands: dict[str, list[str]] = {}
    for track in tracks:
        if track.way is not None and track.event.spread is not None:
            reach = _reach_deg(track.event.spread, track.way.mean_deg[1], axis)
            bands.setdefault(track.event.label, []).extend(
                _band(run, axis, reach) for run in track.way.runs
            )
    return "".join(
        element("path", d="".join(drawn), class_=f"region {looks[label].classes}")
        for label, drawn in bands.items()
    )


def _reach_deg(spread: float, elevation_deg: float, axis: int) -> float:
    """Give how far a region reaches to either side: in azimuth further, the higher it lies."""
    if axis == _ELEVATION:
        return float(np.rad2deg(spread))
    share = np.sin(spread) / max(np.cos(np.deg2rad(elevation_deg)), 1e-9)
    return 180.0 if spread >= np.pi / 2 or share >= 1 else float(np.rad2deg(np.arcsin(share)))


def _band(run: Sequence[Point], axis: int, reach_deg: float) -> str:
    upper = "L".join(f"{p[0]:.7g} {-p[axis] - reach_deg:.4g}" for p in run)
    lower = "L".join(f"{p[0]:.7g} {-p[axis] + reach_deg:.4g}" for p in reversed(run))
    return f"M{upper}L{lower}z"


def _ghosts(tracks: Sequence[Track], looks: Mapping[str, Look], axis: int) -> str:
    """Draw lines alone, wide and pale."""
    return "".join(
        element("path", d=_line(ways, axis), class_=f"ghost {looks[label].classes}")
        for label, ways in _by_label(tracks).items()
    )


def _by_label(tracks: Sequence[Track]) -> dict[str, list[Way]]:
    ways: dict[str, list[Way]] = {}
    for track in tracks:
        if track.way is not None:
            ways.setdefault(track.event.label, []).append(track.way)
    return ways


def _line(ways: Sequence[Way], axis: int) -> str:
    return "".join(
        "M" + "L".join(f"{p[0]:.7g} {-p[axis]:.4g}" for p in run)
        for way in ways
        for run in way.runs
    )


def mark_at(spots: str, look: Look, size_px: float | None = None) -> str:
    """Draw a label's mark at the zero-length strokes of a path.

    A stroke without length shows its caps alone, which no stretched viewBox can distort.
    """
    square = 0.86 if look.mark in SQUARE_MARKS else 1.0
    style = None if size_px is None else f"--w:{number(size_px * square, 1)}px"
    inner = element("path", d=spots, class_="mark", style=style)
    if look.mark in HOLLOW_MARKS and not (size_px is not None and size_px < _SMALLEST_HOLLOW_PX):
        style = None if size_px is None else f"--w:{number(size_px * square * 0.45, 1)}px"
        inner += element("path", d=spots, class_="mark hole", style=style)
    return inner


def swatch(look: Look) -> str:
    """Draw a label's colour, mark and dash for a legend."""
    drawn = element("path", d="M2 7H26", class_="line") + mark_at("M8 7h0", look)
    return (
        f'<svg class="swatch {look.classes}" viewBox="0 0 28 14" aria-hidden="true">{drawn}</svg>'
    )


def _plot(drawn: str, duration_s: float, top: int, height: int, name: str) -> str:
    box = f"0 {top} {number(max(duration_s, 1e-3))} {height}"
    return (
        f'<svg class="plot" viewBox="{box}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(name)}">{drawn}</svg>'
    )


def _gutter(ticks: Sequence[tuple[float, str]]) -> str:
    spans = "".join(
        element("span", text(word), style=f"top:{number(100 * share, 2)}%") for share, word in ticks
    )
    return element("div", spans, class_="gutter")


def _panel(kind: str, title: str, gutter: str, plot: str, height_px: int | None = None) -> str:
    return element(
        "div",
        element("div", title, class_="title") + gutter + plot,
        class_=f"panel {kind}",
        style=f"--h:{height_px}px" if height_px else None,
    )
