"""Arrays we know, and arrays from a user's geometry file."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, read_geometry
from sonoscope.core.direction import angles
from sonoscope.core.errors import InputError


def test_the_dcase_tetrahedron_is_one() -> None:
    assert (TETRAHEDRON.n_capsules, TETRAHEDRON.baffle) == (4, "rigid")
    assert TETRAHEDRON.radius_m == pytest.approx(0.042)
    cosine = TETRAHEDRON.directions @ TETRAHEDRON.directions.T
    np.testing.assert_allclose(cosine[~np.eye(4, dtype=bool)], -1 / 3, atol=0.02)
    azimuth, elevation = np.rad2deg(angles(TETRAHEDRON.positions))
    np.testing.assert_allclose(azimuth, [45, -45, 135, -135])
    np.testing.assert_allclose(elevation, [35, -35, -35, 35])


def test_the_em32_is_balanced() -> None:
    """Its capsules integrate polynomials of order 1 and 2 over the sphere as it was built to."""
    directions = EM32.directions
    assert directions.shape == (32, 3)
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=0.002)
    np.testing.assert_allclose(directions.T @ directions / 32, np.eye(3) / 3, atol=0.004)


def test_a_geometry_in_angles_is_the_one_in_metres(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "t"\nbaffle = "rigid"\nradius_m = 0.042\n'
        "capsules_deg = [[45, 35], [-45, -35], [135, -35], [-135, 35]]\n"
    )
    by_angles = read_geometry(path)
    assert by_angles == MicArray("t", TETRAHEDRON.positions_m, "rigid")
    rows = ", ".join(str(list(row)) for row in TETRAHEDRON.positions_m)
    path.write_text(f'baffle = "rigid"\ncapsules_m = [{rows}]\n')
    by_metres = read_geometry(path)
    assert by_metres.name == "mine"
    np.testing.assert_allclose(by_metres.positions, TETRAHEDRON.positions)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("capsules_m = [[0, 0, 42]]", "positions are in metres, not millimetres"),
        ("capsules_m = [[0, 0, 1]]\ngain = 3", "unknown keys gain"),
        ("radius_m = -1\ncapsules_deg = [[0, 0]]", "radius_m must be in 0..10 m, but -1 was given"),
        ("capsules_m = [[0, 0, true]]", r"capsules_m\[0\] must be 3 finite numbers"),
        (
            "capsules_m = [[0, 0, 1], [0, 1, 0], [0, 0, 1]]",
            "capsules 0 and 2 are at the same place",
        ),
        ('baffle = "rigid"\ncapsules_m = [[0, 0, 1], [0, 2, 0]]', "must be at one distance"),
        ("", "must have one of capsules_deg and capsules_m"),
    ],
)
def test_the_line_says_what_is_wrong(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=line):
        read_geometry(path)
