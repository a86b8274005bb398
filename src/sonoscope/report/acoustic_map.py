"""Acoustic images drawn: a map with its hot spots, on the sphere laid flat or on a plane.

The sphere is equirectangular, ahead in the middle and left on the left, as `report.directions` has
it; a plane is as the array sees it, in metres from its middle. Colours are decibels below the
highest point of the map, whatever it is a map of; marks are numbered as in the tables, and their
ellipses hold the true place with 90 % probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from sonoscope.core.direction import angles, unit_vector
from sonoscope.imaging.image import HotSpot
from sonoscope.imaging.views import PlaneView, SphereView, View
from sonoscope.report.colour_map import png_data_uri
from sonoscope.report.markup import drawing, element, minus, number, text
from sonoscope.report.palette import LIGHT_PAPER
from sonoscope.report.panel import pleasant_step

RANGE_DB = 15.0
"""From the lightest colour, the highest point of a map, to the darkest, at most."""

_LEAST_RANGE_DB = 3.0

Mark = tuple[str, HotSpot]
"""What is written beside a hot spot, and the spot."""

_INK = "#2b2f36"
_WIDTH = 720.0
_TALLEST = 620.0
_LEFT, _TOP, _BOTTOM, _RIGHT = 64.0, 16.0, 78.0, 28.0
_NEIGHBOURS = 4
_OFF_GRID = 2.5  # steps of the grid from its nearest point, beyond which a map has no value
_RASTER = (181, 360)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a view lies in a drawing; (0, 0) is the upper left corner of the map itself."""

    view: View
    width: float
    height: float

    @classmethod
    def of(cls, view: View) -> "Frame":
        """Make a view as large as there is room."""
        if isinstance(view, SphereView):
            return cls(view, _WIDTH, _WIDTH / 2)
        across, up = view.size_m
        width = min(_WIDTH, _TALLEST * across / up)
        return cls(view, width, width * up / across)

    def at(self, directions: Float[ndarray, "point 3"]) -> Float[ndarray, "point 2"]:
        """Give where directions lie."""
        if isinstance(self.view, SphereView):
            azimuth, elevation = angles(directions)
            shares = np.stack([0.5 - azimuth / (2 * np.pi), 0.5 - elevation / np.pi], axis=1)
        else:
            flat = self.view.across(self.view.placed(directions)) / np.array(self.view.size_m)
            shares = np.stack([0.5 + flat[:, 0], 0.5 - flat[:, 1]], axis=1)
        return np.asarray(shares * np.array([self.width, self.height]))

    def ticks(self) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        """Give the marks of both axes: where, and what stands there."""
        if isinstance(self.view, SphereView):
            across = [(0.5 - a / 360, minus(f"{a:+d}°") if a else "0°") for a in _AZIMUTHS]
            down = [(0.5 - e / 180, minus(f"{e:+d}°") if e else "0°") for e in _ELEVATIONS]
        else:
            across, down = (_metres(size) for size in self.view.size_m)
            down = [(1 - share, word) for share, word in down]
        return (
            [(share * self.width, word) for share, word in across],
            [(share * self.height, word) for share, word in down],
        )


_AZIMUTHS = (180, 120, 60, 0, -60, -120, -180)
_ELEVATIONS = (90, 60, 30, 0, -30, -60, -90)


def _metres(size: float) -> list[tuple[float, str]]:
    step = pleasant_step(size / 6)
    last = int(size / 2 / step + 1e-9)
    return [(0.5 + i * step / size, minus(f"{i * step:g}")) for i in range(-last, last + 1)]


def below_highest_db(values: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Give a map in decibels below its highest point."""
    top = float(np.max(values, initial=0.0))
    if top <= 0:
        return np.full(values.shape, -np.inf)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(np.maximum(values, 0) / top))


def range_db(values: Float[ndarray, " point"]) -> float:
    """Give by how much the darkest colour is below the lightest: the map's own range, if less.

    Beams of few capsules fall by some decibels only.
    """
    levels = np.maximum(below_highest_db(values), -RANGE_DB)
    return float(np.clip(-np.quantile(levels, 0.05), _LEAST_RANGE_DB, RANGE_DB))


def looked_up(
    view: View, values: Float[ndarray, " point"], directions: Float[ndarray, "wanted 3"]
) -> Float[ndarray, " wanted"]:
    """Give a map's values between its points, 0 off the map.

    On a plane they are bilinear, on the sphere weighed by how near the next points are.
    """
    wanted, points = view.placed(directions), view.points
    if isinstance(view, PlaneView):
        rows, columns = view.grid.shape[:2]
        right, up = (view.across(wanted) / view.spacing_m).T
        where = np.stack([(rows - 1) / 2 - up, (columns - 1) / 2 + right])
        return np.asarray(map_coordinates(values.reshape(rows, columns), where, order=1))
    step = view.spacing_rad
    found_near = KDTree(points).query(wanted, k=min(_NEIGHBOURS, len(points)))
    near, which = (np.reshape(each, (len(wanted), -1)) for each in found_near)
    weight = 1 / (near + 1e-3 * step) ** 2
    found = (weight * values[which]).sum(axis=1) / weight.sum(axis=1)
    return np.where(near[:, 0] <= _OFF_GRID * step, found, 0.0)


def raster(view: View, values: Float[ndarray, " point"]) -> Float[ndarray, "row column"]:
    """Give a map as a picture's rows, the lowest first."""
    if isinstance(view, PlaneView):
        return values.reshape(view.grid.shape[:2])[::-1]
    rows, columns = _RASTER
    azimuth = np.pi - (np.arange(columns) + 0.5) * 2 * np.pi / columns
    elevation = -np.pi / 2 + (np.arange(rows) + 0.5) * np.pi / rows
    grid = unit_vector(*np.meshgrid(azimuth, elevation)).reshape(-1, 3)
    return looked_up(view, values, grid).reshape(rows, columns)


def map_drawing(
    view: View, values: Float[ndarray, " point"], marks: Sequence[Mark], caption: str
) -> tuple[str, float, float]:
    """Draw one image with axes, key and marks: its parts, width and height."""
    frame = Frame.of(view)
    inner = plain_map(view, values, marks)
    across, down = frame.ticks()
    words = "".join(
        _words(word, _LEFT + x, _TOP + frame.height + 18, "middle") for x, word in across
    )
    words += "".join(_words(word, _LEFT - 8, _TOP + y + 4, "end") for y, word in down)
    under = _TOP + frame.height
    words += _words(_axis_words(view), _LEFT + frame.width / 2, under + 38, "middle")
    words += _words(caption, _LEFT, under + 66)
    words += _key(_LEFT + frame.width, under + 56, range_db(values))
    placed = element(
        "svg", inner, x=number(_LEFT), y=number(_TOP), width=number(frame.width),
        height=number(frame.height), viewBox=f"0 0 {number(frame.width)} {number(frame.height)}",
    )  # fmt: skip
    return placed + words, _LEFT + frame.width + _RIGHT, under + _BOTTOM


def map_figure(
    view: View, values: Float[ndarray, " point"], marks: Sequence[Mark], caption: str
) -> str:
    """Draw an image for a page."""
    drawn, width, height = map_drawing(view, values, marks, caption)
    box = f"0 0 {number(width)} {number(height)}"
    svg = element("svg", drawn, viewBox=box, role="img", aria_label=text(caption))
    return element("div", svg, class_="fig")


def map_picture(
    title: str, view: View, values: Float[ndarray, " point"], marks: Sequence[Mark], caption: str
) -> str:
    """Draw an image as an SVG file of its own."""
    drawn, width, height = map_drawing(view, values, marks, caption)
    paper = element("rect", width=number(width), height=number(height), fill=LIGHT_PAPER)
    return drawing(title, paper + drawn, width, height, _INK)


def thumbnail(view: View, values: Float[ndarray, " point"], marks: Sequence[Mark]) -> str:
    """Draw an image without axes."""
    frame = Frame.of(view)
    box = f"0 0 {number(frame.width)} {number(frame.height)}"
    return element("svg", plain_map(view, values, marks, 2.0), viewBox=box, role="img",
                   aria_label="Map")  # fmt: skip


def plain_map(
    view: View, values: Float[ndarray, " point"], marks: Sequence[Mark], scale: float = 1.0
) -> str:
    """Draw colours, a faint grid and marks."""
    frame = Frame.of(view)
    width, height = number(frame.width), number(frame.height)
    span = range_db(values)
    levels = np.maximum(below_highest_db(raster(view, values)), -span)
    uri = png_data_uri(levels, (-span, 0.0))
    drawn = element("image", href=uri, width=width, height=height, preserveAspectRatio="none")
    across, down = frame.ticks()
    lines = "".join(f"M{number(x)} 0V{height}" for x, _ in across)
    lines += "".join(f"M0 {number(y)}H{width}" for y, _ in down)
    drawn += element("path", d=lines, stroke="#fff", stroke_opacity=0.16, fill="none")
    return drawn + "".join(_mark(frame, mark, scale) for mark in reversed(marks))


def _mark(frame: Frame, mark: Mark, scale: float) -> str:
    word, spot = mark
    rim = frame.at(spot.outline())
    jumps = np.abs(np.diff(rim[:, 0])) > frame.width / 2
    if isinstance(frame.view, PlaneView):
        jumps[:] = False
        rim = np.clip(rim, -4 * frame.width, 4 * frame.width)
    moves = ["M", *("M" if jump else "L" for jump in jumps.tolist())]
    path = "".join(
        f"{move}{number(x, 1)} {number(y, 1)}"
        for move, (x, y) in zip(moves, rim.tolist(), strict=True)
    )
    x, y = frame.at(spot.direction[None])[0].tolist()
    round_ = element("circle", cx=number(x, 1), cy=number(y, 1), r=number(4 * scale))
    shape = element("path", d=path) + round_
    halo = element("g", shape, stroke="#000", stroke_opacity=0.6, stroke_width=4 * scale,
                   fill="none")  # fmt: skip
    line = element("g", shape, stroke="#7df9ff", stroke_width=1.6 * scale, fill="none")
    left = x > frame.width - 40 * scale
    said = element(
        "text", text(word), x=number(x + (-9 if left else 9) * scale, 1),
        y=number(max(y - 7 * scale, 15 * scale), 1), font_size=number(15 * scale),
        font_weight=700, text_anchor="end" if left else None,
        style="fill:#fff;stroke:#000;stroke-width:3px;paint-order:stroke",
    )  # fmt: skip
    return halo + line + said


def _key(right: float, y: float, span: float) -> str:
    """Draw what colours mean, ending at the right."""
    uri = png_data_uri(np.linspace(-span, 0, 64)[None], (-span, 0.0))
    drawn = element("image", href=uri, x=number(right - 168), y=number(y), width=120, height=12,
                    preserveAspectRatio="none")  # fmt: skip
    drawn += _words(minus(f"{-span:.3g}"), right - 174, y + 11, "end")
    return drawn + _words("0 dB", right, y + 11, "end")


def _axis_words(view: View) -> str:
    if isinstance(view, SphereView):
        return "Azimuth, left is positive; elevation upwards"
    return f"Metres right and up from the middle of a plane {view.distance_m:g} m away"


def _words(words: str, x: float, y: float, anchor: str | None = None) -> str:
    return element("text", text(words), x=number(x, 1), y=number(y, 1), text_anchor=anchor)
