"""Arrays we know, and arrays from a user's geometry file."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.array import (
    ARRAYS,
    EM32,
    RING64,
    SPIRAL64,
    TETRAHEDRON,
    MicArray,
    array_of,
    as_toml,
    read_geometry,
)
from sonoscope.core.direction import angles
from sonoscope.core.errors import InputError, SettingError


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


def test_spiral_and_ring_are_12_cm_across_and_look_ahead() -> None:
    for array in (SPIRAL64, RING64):
        assert (array.n_capsules, array.baffle) == (64, "open")
        places = array.positions
        assert np.all(places[:, 0] == 0)
        apart = np.linalg.norm(places[:, None] - places, axis=2)
        assert apart.max() == pytest.approx(0.12, abs=0.004)
        np.testing.assert_allclose(places.mean(axis=0), 0, atol=0.002)
    np.testing.assert_allclose(np.linalg.norm(RING64.positions, axis=1), 0.06)
    # the same share of the disc for every capsule of the spiral
    within = [int((np.linalg.norm(SPIRAL64.positions, axis=1) < r).sum()) for r in (0.03, 0.0425)]
    assert within == [16, 32]


def test_an_array_is_told_by_name_or_file(tmp_path: Path) -> None:
    assert {name: array_of(name) for name in ARRAYS} == ARRAYS
    assert list(ARRAYS) == ["tetra", "em32", "spiral64", "ring64"]
    path = tmp_path / "mine.toml"
    path.write_text("capsules_m = [[0, 0, 0.1]]")
    assert array_of(str(path)).positions_m == ((0.0, 0.0, 0.1),)
    with pytest.raises(SettingError, match="must be one of tetra, em32, spiral64, ring64 or a geo"):
        array_of("spiral")


@pytest.mark.parametrize("array", [EM32, SPIRAL64])
def test_an_array_is_written_as_it_is_read(tmp_path: Path, array: MicArray) -> None:
    path = tmp_path / "mine.toml"
    odd = MicArray('a "name"\\', array.positions_m, array.baffle)
    path.write_text(as_toml(odd))
    assert read_geometry(path) == odd


def acoular(array: MicArray) -> str:
    rows = "".join(
        f' <pos Name="Point {i + 1}" x="{x!r}" y="{y!r}" z="{z!r}"/>\n'
        for i, (x, y, z) in enumerate(array.positions_m)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<MicArray name="{array.name}">\n{rows}</MicArray>'
    )


def test_a_geometry_of_acoular_is_read_as_acoular_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "array.XML"
    path.write_text(acoular(SPIRAL64))
    assert read_geometry(path) == SPIRAL64
    path.write_text('<MicArray><pos Name="a" x="1e-2" y="0" z="0"/></MicArray>')
    assert read_geometry(path) == MicArray("array", ((0.01, 0.0, 0.0),), "open")


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE MicArray [<!ENTITY a "aaaaaaaaaa">]>'
    '<MicArray><pos Name="&a;" x="0" y="0" z="0"/></MicArray>'
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LAUGHS, "must declare no document type and no entities"),
        ("<!DOCTYPE MicArray SYSTEM 'file:///etc/hosts'><MicArray/>", "no document type"),
        ("<MicArray><pos x='0' y='0' z='0'/>", "must be readable XML"),
        ("capsules_m = [[0, 0, 1]]", "must be readable XML"),
        ('<?xml version="1.0" encoding="x-none"?><MicArray/>', "must be readable XML"),
        ('<?xml version="1.0" encoding="shift_jis"?><MicArray/>', "must be readable XML"),
        ("<array><pos x='0' y='0' z='0'/></array>", "must be a MicArray of Acoular, but <array>"),
        ("<MicArray/>", "must have 1 to 1024 capsules"),
        ("<MicArray><pos x='0' y='0'/></MicArray>", "pos 1 must have x, y and z as finite numbers"),
        ("<MicArray><pos x='0' y='nan' z='0'/></MicArray>", "but '0', 'nan', '0' was given"),
        (
            "<MicArray><pos x='0' y='0' z='0'/><pos x='0' y='60' z='0'/></MicArray>",
            "60 m away .positions are in metres, not millimetres",
        ),
        (
            "<MicArray><pos x='0' y='0' z='0'/><pos x='0' y='0' z='0'/></MicArray>",
            "capsules 0 and 1 are at the same place",
        ),
    ],
)
def test_the_line_says_what_is_wrong_with_xml(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "mine.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=line):
        read_geometry(path)
    with pytest.raises(InputError, match="there is none of that name"):
        read_geometry(tmp_path / "none.xml")
