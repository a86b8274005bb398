"""Tracks over time: azimuth and elevation of every source that was followed, and what it was from.

A line is a track, the band around it holds the true angle with 90 % probability, dots are the hot
spots of windows: in the colour of their track, pale if they are of none. One SVG without scripts or
links, which the page shows as it is; and the same as csv.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.direction import angles
from sonoscope.core.event import Event, Waypoint
from sonoscope.imaging.image import HotSpot
from sonoscope.report.clock import clock, tick_step_s
from sonoscope.report.markup import drawing, element, lettering, minus, number
from sonoscope.report.palette import LIGHT, LIGHT_PAPER
from sonoscope.report.panel import Panel
from sonoscope.report.ways import way_of
from sonoscope.targets.tracks import Track

COLUMNS = (
    "track", "time_s", "azimuth_deg", "elevation_deg", "spread_deg", "speed_deg_s", "level_db",
    "heard",
)  # fmt: skip

WIDTH = 1000.0
_LEFT, _TOP, _WIDE, _HIGH, _BETWEEN, _BELOW = 84.0, 44.0, 890.0, 250.0, 34.0, 40.0
_INK, _FAINT, _PALE = "#2b2f36", "#dde1e6", "#a8b0ba"
_MOST_DOTS = 4000


def tracks_csv(tracks: Sequence[Track], over_db: float = 0.0) -> str:
    """Write every moment of every track.

    Parameters
    ----------
    over_db
        What is added to levels, to have them over 20 µPa where the sensitivity is known.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for track in tracks:
        azimuth, elevation = (np.rad2deg(each) for each in angles(track.direction))
        speed = np.rad2deg(np.linalg.norm(track.velocity, axis=1))
        spread = np.rad2deg(track.spread_rad)
        for i, time_s in enumerate(track.time_s.tolist()):
            level = track.level_db[i] + over_db
            table.writerow(
                [
                    track.id, round(time_s, 4), round(float(azimuth[i]), 3),
                    round(float(elevation[i]), 3), round(float(spread[i]), 3),
                    round(float(speed[i]), 3), "" if np.isnan(level) else round(float(level), 2),
                    int(track.heard[i]),
                ]
            )  # fmt: skip
    return out.getvalue()


def track_rows(tracks: Sequence[Track]) -> list[dict[str, float | int]]:
    """Give what `--json` tells of tracks: where each begins and ends."""
    rows: list[dict[str, float | int]] = []
    for track in tracks:
        azimuth, elevation = (np.rad2deg(each).round(3) for each in angles(track.direction))
        rows.append(
            {
                "track": track.id,
                "onset_s": round(track.onset_s, 4),
                "offset_s": round(track.offset_s, 4),
                "first_azimuth_deg": float(azimuth[0]),
                "first_elevation_deg": float(elevation[0]),
                "last_azimuth_deg": float(azimuth[-1]),
                "last_elevation_deg": float(elevation[-1]),
                "heard": int(track.heard.sum()),
            }
        )
    return rows


def track_picture(
    title: str,
    tracks: Sequence[Track],
    spots: Sequence[HotSpot],
    number_of: Mapping[int, int],
    duration_s: float,
) -> str:
    """Draw tracks and the hot spots that they are from.

    Parameters
    ----------
    number_of
        The track of a hot spot, by the spot's id.
    """
    height = _TOP + 2 * _HIGH + _BETWEEN + _BELOW
    drawn = element("rect", width=number(WIDTH), height=number(height), fill=LIGHT_PAPER)
    drawn += lettering(title, _LEFT, 22.0, size=15)
    for row, (name, limit) in enumerate((("Azimuth", 180.0), ("Elevation", 90.0))):
        panel = Panel(_LEFT, _TOP + row * (_HIGH + _BETWEEN), _WIDE, _HIGH, -limit, limit)
        drawn += _axes(name, panel, duration_s)
        drawn += _dots(spots, number_of, panel, duration_s, row)
        drawn += "".join(_line(track, panel, duration_s, row) for track in tracks)
    return drawing(title, drawn, WIDTH, height, _INK)


def colour(track: int) -> str:
    """Give a track's colour."""
    return LIGHT[(track - 1) % len(LIGHT)]


def _axes(name: str, panel: Panel, duration_s: float) -> str:
    marks = np.linspace(panel.low, panel.high, 5).tolist()
    rules = "".join(
        f"M{number(panel.x)} {number(panel.up(mark))}H{number(panel.right)}" for mark in marks
    )
    drawn = element("path", d=rules, stroke=_FAINT)
    drawn += element("path", d=panel.outline(), stroke=_INK, fill="none")
    drawn += lettering(f"{name} (°)", panel.x, panel.y - 6)
    for mark in marks:
        drawn += lettering(minus(f"{mark:.0f}"), panel.x - 8, panel.up(mark) + 4, "end")
    step = tick_step_s(max(duration_s, 1e-3), 10)
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    for i in range(int(duration_s / step + 1e-9) + 1):
        x = panel.across(i * step / duration_s)
        drawn += lettering(clock(i * step, duration_s, decimals), x, panel.bottom + 16, "middle")
    return drawn


def _dots(
    spots: Sequence[HotSpot],
    number_of: Mapping[int, int],
    panel: Panel,
    duration_s: float,
    axis: int,
) -> str:
    """Draw hot spots, one path a colour; strokes without length are dots."""
    paths: dict[str, str] = {}
    for spot in sorted(spots, key=lambda spot: -spot.power)[:_MOST_DOTS]:
        track = number_of.get(id(spot))
        x = panel.across((spot.start_s + spot.end_s) / 2 / duration_s)
        y = panel.up(spot.angles_deg[axis])
        ink = _PALE if track is None else colour(track)
        paths[ink] = paths.get(ink, "") + f"M{number(x, 1)} {number(y, 1)}h0"
    return "".join(
        element(
            "path", d=d, stroke=ink, stroke_width=5, stroke_linecap="round", stroke_opacity=0.45
        )
        for ink, d in paths.items()
    )


def _line(track: Track, panel: Panel, duration_s: float, axis: int) -> str:
    azimuth, elevation = angles(track.direction)
    rows = zip(track.time_s.tolist(), azimuth.tolist(), elevation.tolist(), strict=True)
    path = tuple(Waypoint(*row) for row in rows)
    way = way_of(Event(str(track.id), track.onset_s, track.offset_s, path))
    if way is None:
        return ""
    lines = "".join(
        "M"
        + "L".join(
            f"{number(panel.across(point[0] / duration_s), 1)} "
            f"{number(panel.up(point[1 + axis]), 1)}"
            for point in run
        )
        for run in way.runs
    )
    ink = colour(track.id)
    drawn = _band(track, panel, duration_s, axis)
    drawn += element("path", d=lines, stroke=ink, stroke_width=2, fill="none")
    x, y = panel.across(way.first[0] / duration_s), panel.up(way.first[1 + axis])
    return drawn + lettering(str(track.id), x + 3, y - 6, weight="600", colour=ink)


def _band(track: Track, panel: Panel, duration_s: float, axis: int) -> str:
    """Draw what holds the true angle with 90 %: in azimuth wider, the higher it is."""
    middle = np.rad2deg(angles(track.direction)[axis])
    reach = np.rad2deg(track.spread_rad)
    if axis == 0:
        reach = reach / np.maximum(np.cos(angles(track.direction)[1]), 1e-3)
    pieces = "".join(
        _piece(track.time_s[i : j + 1], middle[i : j + 1], reach[i : j + 1], panel, duration_s)
        for i, j in pairwise(range(len(middle)))
        if abs(middle[j] - middle[i]) < panel.high
    )
    return element("path", d=pieces, fill=colour(track.id), fill_opacity=0.15)


def _piece(
    time_s: Float[ndarray, "2"],
    middle: Float[ndarray, "2"],
    reach: Float[ndarray, "2"],
    panel: Panel,
    duration_s: float,
) -> str:
    left, right = (panel.across(float(t) / duration_s) for t in time_s)
    edges = np.clip([middle + reach, middle - reach], panel.low, panel.high)
    (a, b), (c, d) = [[number(panel.up(float(v)), 1) for v in edge] for edge in edges]
    return f"M{number(left, 1)} {a}L{number(right, 1)} {b}V{d}L{number(left, 1)} {c}z"
