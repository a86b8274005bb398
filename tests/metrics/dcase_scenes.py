"""Random scenes on frames of 100 ms whose scores the organisers' scorers were asked for."""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.dcase2019 import Mode

LABELS = tuple(map(str, range(13)))

Rows = Sequence[Sequence[float]]
Row = tuple[float, float, float, float, float, float]
"""Frame, label, track, azimuth and elevation in degrees, distance in metres."""


MODES: list[Mode] = ["official", "strict"]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 34),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(-179, 180),
        st.integers(-60, 60),
        st.integers(50, 400).map(lambda centimetres: centimetres / 100),
    ),
    max_size=60,
    unique_by=lambda row: row[:3],
)


def table(rows: Rows, *, tracked: bool = True) -> FrameTable:
    """Build a table of 100 ms; rows may leave out what stands behind, which is then 0 or 1 m."""
    padded = [[*row, *(0, 0, 0, 0, 0, 1.0)[len(row) :]] for row in rows]
    columns = np.array(padded, np.float64).reshape(-1, 6).T
    return FrameTable(
        10,
        LABELS,
        columns[0].astype(int),
        columns[1].astype(int),
        np.deg2rad(columns[3]),
        np.deg2rad(columns[4]),
        columns[2].astype(int) if tracked else None,
        columns[5],
    )


def generator(seed: int) -> Callable[[], float]:
    """Give the linear congruential generator of the goldens."""
    state = seed

    def draw() -> float:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    return draw


def scene(seed: int) -> tuple[FrameTable, FrameTable]:
    """Give the truth and what was heard: some sources dropped, renamed, displaced, invented."""
    u, truth, heard = generator(seed), list[Row](), list[Row]()

    def place() -> tuple[int, int, int, int, int]:
        label, start, length = int(u() * 13), int(u() * 555), 3 + int(u() * 40)
        return label, start, length, int(u() * 360) - 180, int(u() * 101) - 50

    for track in range(24):
        label, start, length, azimuth, elevation = place()
        distance = 50 + int(u() * 400)
        stop = start + length
        truth += [
            (frame, label, track, azimuth, elevation, distance / 100)
            for frame in range(start, stop)
        ]
        dropped, swapped = u() < 0.15, u() < 0.08
        first, last = start + int(u() * 7) - 3, stop + int(u() * 7) - 3
        azimuth = (azimuth + int(u() * 61) - 30 + 180) % 360 - 180
        elevation = max(-90, min(90, elevation + int(u() * 31) - 15))
        metres = round(distance / 100 * (0.6 + 0.8 * u()), 4)
        if not dropped:
            heard += [
                (frame, (label + swapped) % 13, track, azimuth, elevation, metres)
                for frame in range(max(first, 0), min(last, 600))
            ]
    for k in range(3):
        label, start, length, azimuth, elevation = place()
        heard += [
            (frame, label, 100 + k, azimuth, elevation, 1.5)
            for frame in range(start, start + length)
        ]
    return table(truth), table(heard)
