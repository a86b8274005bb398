"""The bench of inspections by drone, small: a loud discharge is found where the truth has it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.drone_inspection import NEAR, Inspections, add_inspection, grid_pixels, hills

from sonoscope.simulation.discharge import Corona
from sonoscope.simulation.drone_inspection import (
    CAMERA,
    DroneInspectionSettings,
    PartDischarge,
    drone_inspection,
)

ONE = DroneInspectionSettings(
    duration_s=0.1, sources=(PartDischarge("cable end 2", Corona()),), snr_db=10.0
)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["conventional", "clean-sc"])
def test_the_highest_hill_is_at_the_part(method: str) -> None:
    made = drone_inspection(ONE, 1)
    (place,) = made.truth.places
    assert place.pixel is not None
    (hill,) = hills(made, "clean-sc" if method == "clean-sc" else "conventional", 1)
    assert np.linalg.norm(hill - np.array(place.pixel)) < NEAR * CAMERA.size_px[0]
    other = drone_inspection(replace(ONE, sources=(PartDischarge("shield", Corona()),)), 1)
    (elsewhere,) = hills(other, "conventional", 1)
    assert np.linalg.norm(elsewhere - hill) > 0.1 * CAMERA.size_px[0]


@pytest.mark.slow
def test_an_inspection_is_counted(tmp_path: Path) -> None:
    made = drone_inspection(replace(ONE, duration_s=1.0), 1)
    score = Inspections()
    add_inspection(score, made, tmp_path)
    (off,) = score.off
    assert off < NEAR
    assert (score.scenes, score.right, score.denied, score.false) == (1, 1, 0, 0)
    wrong = replace(made.truth, places=tuple(
        replace(place, kind="brush", pixel=(5.0, 5.0)) for place in made.truth.places
    ))  # fmt: skip
    add_inspection(score, replace(made, truth=wrong), tmp_path)
    assert score.off[1] > 0.2
    assert (score.scenes, score.right, score.false) == (2, 1, 1)
    assert len(score.row()) == 14


def test_the_grid_covers_the_photograph() -> None:
    pixels = grid_pixels(CAMERA)
    assert pixels.shape == (101 * 76, 2)
    assert CAMERA.shows(pixels).all()
    np.testing.assert_allclose(pixels.max(axis=0), np.array(CAMERA.size_px) - 1)
