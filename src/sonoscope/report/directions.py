"""Where it sounded: a map of azimuth and elevation, and the same seen from above.

The map is equirectangular, ahead in the middle and left on the left (`x = -azimuth`,
`y = -elevation`, in degrees). The view from above has ahead up and the horizon as its rim; the
middle is straight above or below, and the radius is 90 degrees less the height over or under the
horizon.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from sonoscope.core.direction import angles, unit_vector
from sonoscope.report.markup import element, minus, number, text
from sonoscope.report.palette import Look
from sonoscope.report.timeline import Track, mark_at
from sonoscope.report.ways import Point

Projection = Callable[[float, float], tuple[float, float]]
"""Azimuth and elevation in degrees to x and y."""

_ARC_STEP_DEG = 6.0
_CIRCLE_POINTS = 36
_JUMP_DEG = 180.0  # neighbouring points further apart lie on both edges of the map
_CROWD = 200  # so many events have room for marks of full size
MOST_CROSSES = 500
"""With more true events than these the map leaves them to the time axis."""
_NUDGE_DEG = 3.0  # half the size of the cross that marks the truth


def on_map(azimuth_deg: float, elevation_deg: float) -> tuple[float, float]:
    """Place a direction on the equirectangular map.

    Examples
    --------
    >>> on_map(90.0, 0.0)[0] < on_map(0.0, 0.0)[0]
    True
    """
    return -azimuth_deg, -elevation_deg


def from_above(azimuth_deg: float, elevation_deg: float) -> tuple[float, float]:
    """Place a direction on the view from above.

    Examples
    --------
    >>> [round(x, 6) + 0 for x in from_above(90.0, 0.0)]
    [-90.0, 0.0]
    """
    radius = 90 - abs(elevation_deg)
    azimuth = math.radians(azimuth_deg)
    return -radius * math.sin(azimuth), -radius * math.cos(azimuth)


def direction_map(found: Sequence[Track], truth: Sequence[Track], looks: Mapping[str, Look]) -> str:
    """Draw the map of azimuth and elevation."""
    rules = "".join(f"M{x} -90V90" for x in range(-150, 180, 30))
    rules += "".join(f"M-180 {y}H180" for y in (-60, -30, 30, 60))
    grid = (
        element("rect", x=-180, y=-90, width=360, height=180, class_="paper")
        + element("path", d=rules, class_="rule")
        + element("path", d="M0 -90V90M-180 0H180", class_="rule main")
    )
    plot = _svg("-180 -90 360 180", grid + _marks(found, truth, looks, on_map), "Map of directions")
    across = (
        (0, "behind"),
        (25, "left +90°"),
        (50, "ahead 0°"),
        (75, "right −90°"),
        (100, "behind"),
    )
    down = (
        (0, "+90°"),
        (16.67, "+60°"),
        (33.33, "+30°"),
        (50, "0°"),
        (66.67, "−30°"),
        (83.33, "−60°"),
        (100, "−90°"),
    )
    words = "".join(element("span", text(w), class_="x", style=f"left:{x}%") for x, w in across)
    words += "".join(element("span", text(w), class_="y", style=f"top:{y}%") for y, w in down)
    return element(
        "figure",
        element("figcaption", "All around: azimuth across, elevation up")
        + element("div", plot + words, class_="map-frame"),
        class_="map",
    )


def view_from_above(
    found: Sequence[Track], truth: Sequence[Track], looks: Mapping[str, Look]
) -> str:
    """Draw the compass, ahead up."""
    rays = "".join(
        f"M0 0L{number(90 * math.sin(math.radians(a)))} {number(90 * math.cos(math.radians(a)))}"
        for a in range(0, 360, 30)
    )
    grid = (
        element("circle", r=90, class_="paper")
        + element("path", d=rays, class_="rule")
        + "".join(element("circle", r=r, class_="rule") for r in (30, 60))
        + element("circle", r=90, class_="rule main")
        + element("path", d="M0 -7L5 6L0 3L-5 6z", class_="listener")
    )
    plot = _svg("-97 -97 194 194", grid + _marks(found, truth, looks, from_above), "From above")
    around = (("top", "ahead"), ("left", "left"), ("right", "right"), ("bottom", "behind"))
    words = "".join(element("span", word, class_=place) for place, word in around)
    return element(
        "figure",
        element("figcaption", "From above: rings at 30° and 60°")
        + element("div", plot + words, class_="compass-frame"),
        class_="compass",
    )


def _svg(box: str, drawn: str, name: str) -> str:
    return f'<svg viewBox="{box}" role="img" aria-label="{text(name)}">{drawn}</svg>'


def _marks(
    found: Sequence[Track], truth: Sequence[Track], looks: Mapping[str, Look], place: Projection
) -> str:
    scale = min(1.0, math.sqrt(_CROWD / max(1, len(found), len(truth))))
    crosses = [
        _cross(track, looks[track.event.label], place, scale)
        for track in (truth if len(truth) <= MOST_CROSSES else ())
    ]
    # long events first: a short one's small dot must not vanish below
    order = sorted(range(len(found)), key=lambda i: -found[i].event.duration_s)
    dots = [_dot(i, found[i], looks[found[i].event.label], place, scale) for i in order]
    return "".join(crosses + dots)


def dot_size_px(duration_s: float) -> float:
    """Give the diameter of an event's dot: its area grows with the duration, within limits."""
    return min(26.0, math.sqrt(64 + 90 * duration_s))


def _dot(index: int, track: Track, look: Look, place: Projection, scale: float) -> str:
    if track.way is None:
        return ""
    azimuth, elevation = track.way.first[1:] if track.way.moves else track.way.mean_deg
    x, y = place(azimuth, elevation)
    size_px = max(3.0, scale * dot_size_px(track.event.duration_s))
    drawn = mark_at(f"M{number(x, 1)} {number(y, 1)}h0", look, size_px)
    if track.event.spread is not None and not track.way.moves and scale == 1.0:
        drawn = _region(azimuth, elevation, track.event.spread, place) + drawn
    if track.way.moves:
        lines = "".join(_line(run, place) for run in track.way.runs)
        drawn = element("path", d=lines, class_="line") + drawn
    return element("g", drawn, class_=f"spot {look.classes}", data_i=index)


def _region(azimuth_deg: float, elevation_deg: float, radius: float, place: Projection) -> str:
    """Draw all directions so far from one; what crosses the map's edge is left unfilled."""
    spots = [place(*around) for around in circle(azimuth_deg, elevation_deg, radius)]
    jumps = [abs(x - before_x) > _JUMP_DEG for (before_x, _), (x, _) in pairwise(spots)]
    moves = ["M", *("M" if jump else "L" for jump in jumps)]
    d = "".join(
        f"{move}{number(x, 1)} {number(y, 1)}" for move, (x, y) in zip(moves, spots, strict=True)
    )
    return element("path", d=d, class_="region open" if any(jumps) else "region")


def circle(azimuth_deg: float, elevation_deg: float, radius: float) -> list[tuple[float, float]]:
    """Give directions (azimuth, elevation, degrees) all around one, a radius in radians away.

    Examples
    --------
    >>> around = circle(0.0, 0.0, math.radians(10))
    >>> round(max(azimuth for azimuth, _ in around), 6), len(around), around[0] == around[-1]
    (10.0, 37, True)
    """
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    ahead = unit_vector(azimuth, elevation)
    left, up = unit_vector(azimuth + np.pi / 2, 0.0), unit_vector(azimuth, elevation + np.pi / 2)
    turn = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS + 1)[:, None]
    turn[-1] = 0.0
    around = np.cos(radius) * ahead
    around = around + np.sin(radius) * (np.cos(turn) * left + np.sin(turn) * up)
    pairs = np.rad2deg(np.stack(angles(around), axis=1)).tolist()
    return [(pair[0], pair[1]) for pair in pairs]


def _cross(track: Track, look: Look, place: Projection, scale: float) -> str:
    if track.way is None:
        return ""
    azimuth, elevation = track.way.first[1:] if track.way.moves else track.way.mean_deg
    x, y = place(azimuth, elevation)
    n = max(1.0, _NUDGE_DEG * scale)
    arm = number(2 * n, 1)
    d = f"M{number(x - n, 1)} {number(y - n, 1)}l{arm} {arm}m0 -{arm}l-{arm} {arm}"
    if track.way.moves:
        d += "".join(_line(run, place) for run in track.way.runs)
    return element("path", d=d, class_=f"cross {look.classes}")


def _line(run: Sequence[Point], place: Projection) -> str:
    spots = (place(azimuth, elevation) for azimuth, elevation in _fine(run))
    return "M" + "L".join(f"{number(x, 1)} {number(y, 1)}" for x, y in spots)


def _fine(run: Sequence[Point]) -> Iterator[tuple[float, float]]:
    """Put points between: a straight line over azimuth is an arc from above."""
    yield run[0][1:]
    for before, after in pairwise(run):
        steps = max(1, math.ceil(abs(after[1] - before[1]) / _ARC_STEP_DEG))
        for k in range(1, steps + 1):
            share = k / steps
            yield (
                before[1] + share * (after[1] - before[1]),
                before[2] + share * (after[2] - before[2]),
            )


def in_words(azimuth_deg: float, elevation_deg: float) -> str:
    """Say a direction as one would to a person.

    Examples
    --------
    >>> in_words(45.0, 0.0), in_words(-170.0, 32.0), in_words(0.0, 85.0)
    ('ahead to the left', 'behind, above', 'straight above')
    """
    if abs(elevation_deg) > 70:
        return "straight above" if elevation_deg > 0 else "straight below"
    sectors = ("ahead", "ahead to the left", "the left", "behind to the left", "behind",
               "behind to the right", "the right", "ahead to the right")  # fmt: skip
    words = sectors[round(azimuth_deg / 45) % 8]
    if abs(elevation_deg) > 20:
        words += ", above" if elevation_deg > 0 else ", below"
    return words


def degrees(value: float) -> str:
    """Write an angle for reading, signed, without a negative zero.

    Examples
    --------
    >>> degrees(-45.2), degrees(-0.2)
    ('−45°', '0°')
    """
    whole = round(value)
    return minus(f"{whole:+d}°") if whole else "0°"
