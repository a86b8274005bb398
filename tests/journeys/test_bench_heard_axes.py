"""What was heard is paired with the truth frame by frame, and each axis judged by itself."""

import numpy as np
import pytest
from bench.heard_axes import Pairs, in_one, learnt

from sonoscope.core.direction import unit_vector
from sonoscope.core.frame_table import FrameTable


def _frames(rows: list[tuple[int, int, float, float]]) -> FrameTable:
    frame, label, azimuth, elevation = map(np.array, zip(*rows, strict=True))
    return FrameTable(50, ("a", "b"), frame, label, np.deg2rad(azimuth), np.deg2rad(elevation))


def test_a_frame_counts_where_its_label_has_one_place_and_was_heard() -> None:
    truth = _frames([(0, 0, 10.0, 0.0), (0, 1, 50.0, 0.0), (1, 0, 10.0, 0.0), (1, 0, 90.0, 0.0)])
    heard = _frames([(1, 0, 11.0, 0.0), (0, 1, 51.0, 0.0), (2, 0, 12.0, 0.0)])
    found = in_one(truth, heard, overlapping=True)
    assert found.heard == pytest.approx(unit_vector(np.deg2rad([51.0]), np.zeros(1)))
    assert found.true == pytest.approx(unit_vector(np.deg2rad([50.0]), np.zeros(1)))
    assert found.overlapping.tolist() == [True]


def test_who_never_learnt_elevation_is_told_by_the_third_axis() -> None:
    rng = np.random.default_rng(1)
    azimuth, elevation = rng.uniform(-np.pi, np.pi, 4000), rng.uniform(-0.7, 0.7, 4000)
    nearly_flat = rng.normal(0, 0.01, 4000)
    flat = learnt(
        Pairs(unit_vector(azimuth, nearly_flat), unit_vector(azimuth, elevation), azimuth > 0)
    )
    assert flat is not None
    assert flat.axes[:2] == pytest.approx((1, 1), abs=0.05)
    assert flat.axes[2] == pytest.approx(0, abs=0.05)
    mean_deg = np.rad2deg(np.abs(elevation - nearly_flat))
    assert flat.alone_deg == pytest.approx(mean_deg[azimuth <= 0].mean(), abs=1e-3)
    assert flat.overlapping_deg == pytest.approx(mean_deg[azimuth > 0].mean(), abs=1e-3)


def test_a_network_that_hears_nothing_is_not_judged() -> None:
    nothing = Pairs(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool))
    assert learnt(nothing) is None
