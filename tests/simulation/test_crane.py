"""The crane: mirrors obey their law, and every part is where the photograph shows it."""

import numpy as np
import pytest

from sonoscope.core.camera import Camera, Pose
from sonoscope.simulation.crane import (
    DOOR_M,
    HALF_HEIGHT_M,
    HINGE_M,
    PARTS,
    CraneView,
    image_in,
    is_hidden,
    seen_in,
)
from sonoscope.simulation.crane_picture import crane_patches, photograph
from sonoscope.simulation.drone_inspection import CAMERA

HERE = np.zeros(3)
VIEWS = [CraneView(3.2, 0.2, -0.1, 4.0, 80.0), CraneView(5.5, -0.15, 0.1, -3.0, 97.0)]


def door_points(view: CraneView) -> np.ndarray:
    """Give points all over the door, 1 cm apart, in the array's axes."""
    along, up = np.meshgrid(np.arange(0, DOOR_M, 0.01), np.arange(-HALF_HEIGHT_M, 0.9, 0.01))
    hinge = np.array([HINGE_M, 0.0, 0.0])
    rise = np.array([0.0, 1.0, 0.0])
    points = hinge + along[..., None] * view.door_outward + up[..., None] * rise
    return view.places(points.reshape(-1, 3))


@pytest.mark.parametrize("view", VIEWS)
def test_the_echo_takes_the_shortest_way_by_the_door(view: CraneView) -> None:
    points, heard = door_points(view), 0
    for name in PARTS:
        place = view.part(name)
        image = image_in(view.door, place)
        ways = np.linalg.norm(points - place, axis=1) + np.linalg.norm(points, axis=1)
        straight = float(np.linalg.norm(image))
        assert ways.min() > straight - 1e-9
        if seen_in(view.door, image, HERE) == 1.0:
            heard += 1
            assert ways.min() < straight + 1e-4
        if ways.min() > straight + 0.01:  # the mirror point lies beyond the door
            assert seen_in(view.door, image, HERE) == 0.0
    assert heard > 0


def test_a_door_hides_what_is_behind_it_alone() -> None:
    view = CraneView(4.0, door_deg=70.0)  # the array sees its outer side
    behind = view.places(np.array([[0.7, 0.0, 0.3], [1.0, 0.0, 0.3], [0.7, 2.0, 0.3]]))
    assert [is_hidden(view.door, place, HERE) for place in behind] == [True, False, False]
    assert seen_in(view.door, image_in(view.door, behind[0]), HERE) == 0.0  # it looks the other way


@pytest.mark.parametrize("view", VIEWS)
def test_every_part_is_drawn_where_it_projects(view: CraneView) -> None:
    picture = photograph(view, CAMERA)
    width, height = CAMERA.size_px
    assert picture.shape == (height, width, 3)
    shown = CAMERA.project(np.stack([view.part(name) for name in PARTS]))
    assert CAMERA.shows(shown).all()
    for name, (u, v) in zip(PARTS, shown, strict=True):
        # the topmost patch that surrounds the place on the front
        here = [p.colour for p in crane_patches(view) if surrounds(p.corners, PARTS[name].place)]
        near = picture[round(v) - 1 : round(v) + 2, round(u) - 1 : round(u) + 2].reshape(-1, 3)
        assert (near == here[-1]).all(), name


def surrounds(corners: np.ndarray, place: tuple[float, float, float]) -> bool:
    """Tell whether a polygon parallel to the front has a place within, at most 3 cm behind it."""
    if np.ptp(corners[:, 2]) > 1e-9 or abs(corners[0, 2] - place[2]) > 0.03:
        return False
    apart = corners[:, :2] - np.array(place[:2])
    after = np.roll(apart, -1, axis=0)
    cross = apart[:, 0] * after[:, 1] - apart[:, 1] * after[:, 0]
    dot = (apart * after).sum(axis=1)
    return abs(float(np.arctan2(cross, dot).sum())) > np.pi


def test_a_pinhole_sees_the_front_in_proportion() -> None:
    """Without a lens's bend the picture of a front that faces the camera is the front, scaled."""
    camera = Camera(
        size_px=(400, 300),
        focal_px=(300.0, 300.0),
        centre_px=(199.5, 149.5),
        pose=Pose(position_m=(0.0, 0.0, 0.0), azimuth_deg=0.0, elevation_deg=0.0),
    )
    places = np.array([part.place for part in PARTS.values()])
    pixels = camera.project(CraneView(4.0).places(places))
    scale = 300 / (4.0 - places[:, 2])
    np.testing.assert_allclose(pixels[:, 0], 199.5 + scale * places[:, 0], atol=1e-9)
    np.testing.assert_allclose(pixels[:, 1], 149.5 - scale * places[:, 1], atol=1e-9)
