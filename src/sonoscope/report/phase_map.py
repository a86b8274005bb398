"""Pulses over phase and amplitude as a map: shades of cells, and the voltage that phase belongs to.

What is drawn comes as the data of paths, so that a still picture and a page with two themes each
give it colours of their own.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from sonoscope.report.markup import number
from sonoscope.report.panel import Panel

SHADES = 12
_FAINTEST = 0.02  # of a reference's maximum: below, nothing is drawn
_SWING, _POINTS = 0.42, 73  # of the sine: how much of the height, and corners


def used_rows(counts: Int64[ndarray, "phase amplitude"], without: tuple[int, int]) -> slice:
    """Give the amplitudes that hold pulses, and one more to each side; others without any."""
    used = np.flatnonzero(counts.any(axis=0))
    if not len(used):
        return slice(*without)
    return slice(max(0, int(used[0]) - 1), min(counts.shape[1], int(used[-1]) + 2))


def count_shades(counts: Float64[ndarray, "phase amplitude"]) -> Int64[ndarray, "_ _"]:
    """Give shades: 0 of nothing, the first of one pulse, the last of the most."""
    most = max(float(counts.max(initial=1.0)), 2.0)
    share = np.log(np.maximum(counts, 1)) / math.log(most)
    return np.where(counts > 0, 1 + np.rint((SHADES - 1) * share), 0).astype(np.int64)


def reference_shades(mean: Float64[ndarray, "phase amplitude"]) -> Int64[ndarray, "_ _"]:
    """Give shades of a kind's mean pattern, as wide apart among few pulses as among many."""
    seen = np.where(mean > _FAINTEST * mean.max(), np.sqrt(mean / mean.max()), 0.0)
    return np.asarray(np.ceil(SHADES * seen), np.int64)


def cells(shade: Int64[ndarray, "phase amplitude"], panel: Panel) -> Iterator[tuple[int, str]]:
    """Draw a map over the whole of a panel: each shade from 1 on, all its cells in one path."""
    wide, high = panel.width / shade.shape[0], panel.height / shade.shape[1]
    for step in range(1, SHADES + 1):
        of_shade = "".join(
            f"M{number(panel.x + column * wide, 2)} {number(panel.bottom - (row + 1) * high, 2)}"
            f"h{number(wide, 2)}v{number(high, 2)}h{number(-wide, 2)}z"
            for column, row in np.argwhere(shade == step).tolist()
        )
        if of_shade:
            yield step, of_shade


def sine(panel: Panel) -> str:
    """Draw the voltage that phase belongs to."""
    turns = np.linspace(0, 1, _POINTS)
    heights = panel.y + panel.height * (0.5 - _SWING * np.sin(2 * np.pi * turns))
    points = (
        f"{number(panel.across(turn), 1)} {number(height, 1)}"
        for turn, height in zip(turns.tolist(), heights.tolist(), strict=True)
    )
    return "M" + "L".join(points)


def rules(panel: Panel, levels: Sequence[float], every_deg: int = 90) -> str:
    """Draw a line at each level, and one every so many degrees of phase."""
    across = (
        f"M{number(panel.x)} {number(panel.up(level), 1)}h{number(panel.width)}" for level in levels
    )
    up = (
        f"M{number(panel.across(degrees / 360), 1)} {number(panel.y)}V{number(panel.bottom + 4)}"
        for degrees in range(0, 361, every_deg)
    )
    return "".join((*across, *up))
