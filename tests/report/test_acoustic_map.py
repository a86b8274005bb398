"""Maps drawn: what is left is on the left, up is at the top, and nothing breaks out of a page."""

import re

import numpy as np
import pytest

from sonoscope.core.direction import unit_vector
from sonoscope.imaging.bound import Ellipse
from sonoscope.imaging.image import BandImage, HotSpot, places
from sonoscope.imaging.views import PlaneView, SphereView
from sonoscope.report.acoustic_map import (
    Frame,
    below_highest_db,
    looked_up,
    map_picture,
    plain_map,
    range_db,
    raster,
)
from sonoscope.report.hot_spot_table import Told, spots_csv
from sonoscope.report.image_page import ImageReport, render_image_page

ROUND = SphereView.of(0.07)
WALL = PlaneView.of(np.array([1.0, 0.0, 0.0]), 4.0, (4.0, 3.0), 0.1)


def spot(azimuth_deg: float, elevation_deg: float, power: float = 1e-4) -> HotSpot:
    direction = unit_vector(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
    shape = Ellipse(0.2, 0.1, 0.5)
    return HotSpot((900.0, 1100.0), 0.0, 1.0, direction, None, power, 10.0, 99.0, shape)


def test_the_sphere_lies_flat_with_left_on_the_left() -> None:
    frame = Frame.of(ROUND)
    left, up, ahead = frame.at(unit_vector(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])))
    np.testing.assert_allclose(ahead, [360, 180])
    assert left[0] < 360
    assert up[1] < 180


def test_a_plane_is_as_the_array_sees_it() -> None:
    frame = Frame.of(WALL)
    (corner,) = frame.at(np.array([[4.0, 2.0, 1.5]]) / 5)
    np.testing.assert_allclose(corner, [0, 0], atol=1e-9)


def test_rasters_have_what_is_up_in_their_last_rows() -> None:
    values = np.where(ROUND.points @ unit_vector(1.5, 0.9) > 0.98, 1.0, 0.0)
    row, column = np.unravel_index(int(raster(ROUND, values).argmax()), (181, 360))
    assert row > 120
    assert column < 120
    flat = np.zeros(WALL.grid.shape[:2])
    flat[2, 3] = 1.0
    shown = raster(WALL, flat.ravel())
    assert shown[-3, 3] == 1.0


@pytest.mark.parametrize("view", [ROUND, WALL], ids=["sphere", "plane"])
def test_values_between_points_are_between_theirs(view: SphereView | PlaneView) -> None:
    toward = unit_vector(0.1, 0.05)
    slope = view.points @ toward / np.linalg.norm(view.points, axis=1)
    asked = unit_vector(np.array([0.13, -0.2]), np.array([0.02, 0.17]))
    np.testing.assert_allclose(looked_up(view, slope, asked), asked @ toward, atol=6e-3)
    if isinstance(view, PlaneView):
        assert looked_up(view, slope, -asked).tolist() == [0.0, 0.0]


def test_levels_are_below_the_highest() -> None:
    assert below_highest_db(np.array([0.1, 1.0, 10.0])).tolist() == [-20.0, -10.0, 0.0]
    assert np.all(np.isneginf(below_highest_db(np.zeros(3))))


def test_colours_reach_as_far_as_a_map_falls_but_no_farther_than_15_db() -> None:
    assert range_db(np.array([0.0, 0.0, 1.0])) == 15.0
    assert range_db(np.zeros(3)) == 15.0
    assert range_db(np.ones(3)) == 3.0
    assert range_db(np.linspace(0.2, 1.0, 1001)) == pytest.approx(6.2, abs=0.1)


def test_an_ellipse_behind_is_cut_at_the_edge() -> None:
    drawn = plain_map(ROUND, np.zeros(len(ROUND.points)), [("1", spot(179.0, 0.0))])
    rim = re.findall(r'<path d="(M[^"]*)"></path><circle', drawn)[0]
    assert rim.count("M") >= 2
    xs = [float(x) for x in re.findall(r"[ML](-?[\d.]+) ", rim)]
    assert min(xs) < 40
    assert max(xs) > 680


def test_names_cannot_break_out_of_page_or_picture() -> None:
    image = BandImage(
        (900.0, 1100.0), 0.0, 1.0, "capon", np.ones(len(ROUND.points)), (spot(30, 10),), "white"
    )
    found = places(image.spots)
    told = Told(ROUND)
    bad = "<script>alert(1)</script>"
    report = ImageReport(bad, 1.0, (image,), image.spots, found, told, facts={bad: bad})
    page = render_image_page(report)
    assert bad not in page
    assert "One place sounds" in page
    assert bad not in map_picture(bad, ROUND, image.values, [], bad)
    assert spots_csv(told, image.spots, found).splitlines()[1].startswith("1,0.0,1.0,900.0,1100.0,")


def test_nothing_found_is_said() -> None:
    image = BandImage((900.0, 1100.0), 0.0, 1.0, "capon", np.zeros(len(WALL.points)), (), "white")
    page = render_image_page(ImageReport("a", 1.0, (image,), (), (), Told(WALL)))
    assert "Nothing stands out of the noise" in page
    assert "no hot spot" in page
