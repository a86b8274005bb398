"""The photograph that a camera on the array takes of the crane: flat patches, drawn by perspective.

Everything is a polygon in space whose edges are cut so short that a lens bends them as it should;
so a part is on the picture where `Camera.project` has its place. Farther patches are drawn first.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw

from sonoscope.core.camera import Camera
from sonoscope.simulation.crane import (
    BARS_RIGHT_M,
    DOOR_M,
    ENDS_UP_M,
    HALF_HEIGHT_M,
    HINGE_M,
    INSULATORS_RIGHT_M,
    PARTS,
    RINGS_UP_M,
    CraneView,
)

Colour = tuple[int, int, int]

_FINER = 2  # drawn so many times as large, then averaged
_PIECE_M = 0.05
_SKY: tuple[Colour, Colour] = ((150, 178, 205), (214, 222, 226))

_STEEL, _DARK, _YELLOW, _INSIDE = (122, 128, 134), (62, 66, 71), (205, 160, 40), (44, 47, 52)
_COPPER, _BRASS, _CARBON = (176, 98, 52), (196, 150, 78), (24, 24, 26)
_BROWN, _EPOXY, _GREY, _SHEET = (112, 58, 36), (170, 66, 42), (150, 155, 160), (168, 174, 180)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A polygon.

    Attributes
    ----------
    corners
        On the front's axes: right, up, out.
    """

    corners: Float[ndarray, "corner 3"]
    colour: Colour


def photograph(view: CraneView, camera: Camera) -> UInt8[ndarray, "row column 3"]:
    """Draw what the camera sees."""
    width, height = (_FINER * side for side in camera.size_px)
    picture = Image.fromarray(_sky(width, height))
    pen = ImageDraw.Draw(picture)
    for patch in crane_patches(view):
        pixels = camera.project(view.places(_cut(patch.corners)))
        if np.isfinite(pixels).all():
            fine = _FINER * (pixels + 0.5) - 0.5
            pen.polygon([(float(u), float(v)) for u, v in fine], fill=patch.colour)
    return np.asarray(picture.resize(camera.size_px, Image.Resampling.BOX))


def crane_patches(view: CraneView) -> list[Patch]:
    """Give all there is to see, the farthest first."""
    return [
        *_girder(),
        *_mast(),
        *_tank(),
        *_cable_ends(),
        *_cabinet(),
        *_insulators(),
        *_slip_rings(),
        *_bars(),
        *_loose_parts(),
        *_door(view),
    ]


# ── the parts ────────────────────────────────────────────────────────────────────────────────────


def _girder() -> list[Patch]:
    low, high, out = 1.42, 1.85, -0.4
    chords = [_box(0.0, up, 12.0, 0.07, out, _YELLOW) for up in (low, high)]
    ends = np.arange(-6.0, 6.0, 0.5)
    slopes = [
        _bar((a, low if i % 2 else high), (a + 0.5, high if i % 2 else low), 0.045, out, _YELLOW)
        for i, a in enumerate(ends)
    ]
    return [*slopes, *chords]


def _mast() -> list[Patch]:
    out = -0.3
    legs = [_box(right, -0.6, 0.08, 4.2, out, _YELLOW) for right in (-2.3, -1.75)]
    ends = np.arange(-2.6, 1.4, 0.4)
    slopes = [
        _bar((-2.3, a), (-1.75, a + 0.4), 0.04, out, _YELLOW)
        if i % 2
        else _bar((-1.75, a), (-2.3, a + 0.4), 0.04, out, _YELLOW)
        for i, a in enumerate(ends)
    ]
    deck = _box(0.0, -1.12, 12.0, 0.1, -0.1, _DARK)
    return [*slopes, *legs, deck]


def _tank() -> list[Patch]:
    right, up, out = PARTS["tank"].place
    bands = [_box(right, up + side * 0.2, 0.36, 0.03, out, _DARK) for side in (-1, 1)]
    return [
        _box(right, up, 0.34, 0.5, out - 0.02, _GREY),
        *bands,
        _disc(right, up, 0.06, out, _DARK),
    ]


def _cable_ends() -> list[Patch]:
    patches = []
    for i, up in enumerate(ENDS_UP_M):
        right, _, out = PARTS[f"cable end {i + 1}"].place
        cone = [(right - 0.03, up + 0.14), (right + 0.03, up + 0.14), (right + 0.08, up - 0.12)]
        corners = [(*each, out) for each in (*cone, (right - 0.08, up - 0.12))]
        cable = _bar((right, up - 0.12), (right - 0.25, up - 0.42), 0.045, out - 0.01, _CARBON)
        lead = _bar((right, up + 0.14), (-0.9, up + 0.2), 0.025, out, _COPPER)
        patches += [cable, lead, Patch(np.array(corners), _BROWN)]
    return patches


def _cabinet() -> list[Patch]:
    return [
        _box(0.0, 0.0, 2 * HINGE_M + 0.1, 2 * HALF_HEIGHT_M + 0.1, 0.0, _STEEL),
        _box(0.0, 0.0, 2 * HINGE_M, 2 * HALF_HEIGHT_M, 0.0, _INSIDE),
    ]


def _insulators() -> list[Patch]:
    patches = []
    for i, right in enumerate(INSULATORS_RIGHT_M):
        out = PARTS[f"insulator {i + 1}"].place[2]
        patches.append(_box(right, 1.08, 0.07, 0.3, out, _BROWN))
        patches += [_box(right, 0.97 + 0.055 * j, 0.17, 0.025, out, _BROWN) for j in range(5)]
        patches.append(_box(right, 1.25, 0.09, 0.05, out, _BRASS))
    patches.append(_box(0.0, 1.29, 1.3, 0.03, 0.05, _COPPER))
    return patches


def _slip_rings() -> list[Patch]:
    patches = [_box(-0.5, -0.15, 0.12, 1.3, 0.1, _GREY)]
    for i, up in enumerate(RINGS_UP_M):
        right, _, out = PARTS[f"brush {i + 1}"].place
        patches.append(_box(-0.5, up, 0.46, 0.09, out - 0.02, _COPPER))
        patches.append(_box(right + 0.11, up, 0.2, 0.12, out - 0.01, _BRASS))
        patches.append(_box(right, up, 0.07, 0.06, out, _CARBON))
    return patches


def _bars() -> list[Patch]:
    patches = [_box(0.5, -0.02, 0.56, 0.06, 0.05, _GREY)]
    for i, right in enumerate(BARS_RIGHT_M):
        support, bolt = PARTS[f"bar support {i + 1}"].place, PARTS[f"bolt {i + 1}"].place
        patches.append(_box(right, 0.33, 0.07, 0.68, 0.07, _COPPER))
        patches.append(_box(right, support[1], 0.12, 0.1, support[2], _EPOXY))
        patches.append(_disc(right, bolt[1], 0.028, bolt[2], _STEEL))
    return patches


def _loose_parts() -> list[Patch]:
    right, up, out = PARTS["shield"].place
    clamp = PARTS["loose clamp"].place
    wire = _bar((0.0, -0.9), (clamp[0], clamp[1]), 0.03, clamp[2] - 0.01, _CARBON)
    return [
        _disc(right, up, 0.15, out - 0.01, _DARK),
        _disc(right, up, 0.12, out, _GREY),
        wire,
        _box(clamp[0], clamp[1], 0.1, 0.07, clamp[2], _STEEL),
    ]


def _door(view: CraneView) -> list[Patch]:
    hinge, along = np.array([HINGE_M, 0.0, 0.0]), view.door_outward
    up = np.array([0.0, HALF_HEIGHT_M, 0.0])
    near, far = hinge + 0.02 * along, hinge + DOOR_M * along
    rim = Patch(np.stack([near - up, near + up, far + up, far - up]), _SHEET)
    middle, arm = (near + far) / 2, 0.42 * DOOR_M * along
    pane = [middle - arm - 0.9 * up, middle - arm + 0.9 * up, middle + arm + 0.9 * up]
    return [rim, Patch(np.stack([*pane, middle + arm - 0.9 * up]), (186, 191, 196))]


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────


def _box(right: float, up: float, width: float, height: float, out: float, colour: Colour) -> Patch:
    x, y = width / 2, height / 2
    corners = [(right - x, up - y), (right - x, up + y), (right + x, up + y), (right + x, up - y)]
    return Patch(np.array([(*each, out) for each in corners]), colour)


def _bar(
    start: tuple[float, float], end: tuple[float, float], width: float, out: float, colour: Colour
) -> Patch:
    a, b = np.array(start), np.array(end)
    along = (b - a) / np.linalg.norm(b - a)
    across = width / 2 * np.array([-along[1], along[0]])
    corners = [a - across, a + across, b + across, b - across]
    return Patch(np.array([(*each.tolist(), out) for each in corners]), colour)


def _disc(right: float, up: float, radius: float, out: float, colour: Colour) -> Patch:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    corners = [right + radius * np.cos(turn), up + radius * np.sin(turn), np.full(40, out)]
    return Patch(np.stack(corners, axis=1), colour)


def _cut(corners: Float[ndarray, "corner 3"]) -> Float[ndarray, "point 3"]:
    """Cut every edge into short pieces."""
    pieces = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / _PIECE_M)))
        pieces.append(a + np.arange(count)[:, None] / count * (b - a))
    return np.concatenate(pieces)


def _sky(width: int, height: int) -> UInt8[ndarray, "{height} {width} 3"]:
    down = np.linspace(0, 1, height)[:, None]
    rows = (1 - down) * np.array(_SKY[0]) + down * np.array(_SKY[1])
    return np.repeat(rows[:, None].round().astype(np.uint8), width, axis=1)
