"""Cameras: OpenCV's own figures, inverses, a calibration from checkerboards, and refusals."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.core.checkerboard import Truth, calibrated, photographed_boards

from sonoscope.core.camera import Camera, Pose, read_calibration
from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.core.errors import InputError, SonoscopeError

PLACES = np.array([[3, 1.2, 0.4], [5, -2, -1.1], [2, 0.3, -0.6], [10, 4.4, 2], [1.5, -0.2, 0.1]])
TURN = Rotation.from_rotvec([1.1, -1.3, 1.2]).as_matrix()
POSE = Pose(
    rotation=tuple((float(a), float(b), float(c)) for a, b, c in TURN),  # type: ignore[arg-type]
    translation_m=(0.05, -0.1, 0.2),
)
AHEAD = Pose(position_m=(0.0, 0.0, 0.0), azimuth_deg=0.0, elevation_deg=0.0)

# cv2.projectPoints of OpenCV 5.0.0 for these places, rotation vector and translation
OPENCV = {
    (-0.28, 0.09, 0.0004, -0.0002, 0.0): [
        (363.215985, 385.935799), (1409.119098, 759.268031), (745.175749, 883.684986),
        (271.980202, 330.125525), (1065.996247, 374.315587),
    ],
    (0.11, -0.05, 0.001, 0.002, 0.01, 0.05, -0.02, 0.003): [
        (321.911887, 375.423071), (1430.682463, 769.824898), (739.063168, 893.924017),
        (204.573706, 309.734835), (1066.75811, 373.223069),
    ],
}  # fmt: skip


def camera(distortion: tuple[float, ...], pose: Pose = POSE) -> Camera:
    return Camera((1920, 1080), (1404.2, 1403.8), (962.1, 538.4), pose, distortion)


@pytest.mark.parametrize("distortion", list(OPENCV))
def test_places_lie_where_opencv_puts_them(distortion: tuple[float, ...]) -> None:
    seen = camera(distortion).project(PLACES)
    np.testing.assert_allclose(seen, OPENCV[distortion], atol=1e-5)


@pytest.mark.parametrize("distortion", [*OPENCV, ()])
def test_a_ray_goes_through_the_place_that_its_pixel_shows(distortion: tuple[float, ...]) -> None:
    seen = camera(distortion)
    rays = seen.rays(seen.project(PLACES))
    assert np.max(angle_between(rays, PLACES - seen.pose.position)) < 1e-8


def test_every_pixel_of_a_photograph_comes_back() -> None:
    lens = camera((-0.28, 0.09, 0.0004, -0.0002, 0.0))
    pixels = np.stack(np.meshgrid(np.arange(0, 1920, 60.0), np.arange(0, 1080, 60.0)), -1)
    pixels = pixels.reshape(-1, 2)
    np.testing.assert_allclose(lens.project_directions(lens.rays(pixels)), pixels, atol=1e-6)


def test_what_looks_ahead_sees_left_on_the_left_and_up_at_the_top() -> None:
    ahead = camera((), AHEAD)
    (left, up, middle) = ahead.project(np.array([[5.0, 1, 0], [5.0, 0, 1], [5.0, 0, 0]]))
    np.testing.assert_allclose(middle, [962.1, 538.4])
    assert left[0] < middle[0]
    assert up[1] < middle[1]
    rolled = Pose(position_m=(0.0, 0.0, 0.0), azimuth_deg=0.0, elevation_deg=0.0, roll_deg=90.0)
    clockwise = camera((), rolled).project(np.array([[5.0, 0, 1]]))[0]
    assert clockwise[0] < middle[0] - 100  # the camera turned right, so the sky went left


def test_both_ways_to_write_a_pose_are_one() -> None:
    told = Pose(position_m=(0.1, -0.2, 0.3), azimuth_deg=30.0, elevation_deg=-50.0, roll_deg=7.0)
    rows, shift = told.turn, -told.turn @ told.position
    other = Pose(
        rotation=tuple(tuple(row) for row in rows.tolist()),  # type: ignore[arg-type]
        translation_m=tuple(shift.tolist()),
    )
    np.testing.assert_allclose(other.turn, told.turn, atol=1e-12)
    np.testing.assert_allclose(other.position, told.position, atol=1e-12)
    looks = unit_vector(np.deg2rad(30.0), np.deg2rad(-50.0))
    np.testing.assert_allclose(told.turn @ looks, [0, 0, 1], atol=1e-12)


def test_nothing_behind_or_folded_back_by_the_lens_is_seen() -> None:
    lens = camera((-0.28, 0.0, 0.0, 0.0, 0.0), AHEAD)
    around = sphere_grid(20_000)
    pixels = lens.project_directions(around)
    seen = np.isfinite(pixels[:, 0])
    assert not np.any(seen & (around[:, 0] <= 0))
    rays = lens.rays(pixels[seen])
    assert np.max(angle_between(rays, around[seen])) < 1e-6
    # without the fold the polynomial alone would put 60 degrees to the side into the photograph
    assert np.isnan(lens.project_directions(unit_vector(np.deg2rad(60.0), 0.0)[None]))[0, 0]


@pytest.mark.slow
def test_a_camera_calibrated_from_checkerboards_puts_places_within_a_pixel() -> None:
    truth = Truth()
    lens = calibrated(photographed_boards(truth), truth.size_px, AHEAD)
    draw = np.random.default_rng(0)
    aside = np.column_stack(
        [np.ones(500), draw.uniform(-0.6, 0.6, 500), draw.uniform(-0.4, 0.4, 500)]
    )
    places = 4.0 * aside
    want = np.array([truth.pixel(-y, -z, x) for x, y, z in places])
    inside = np.all((want > 0) & (want < np.array(truth.size_px) - 1), axis=1)
    assert inside.sum() > 300
    assert np.max(np.linalg.norm(lens.project(places[inside]) - want[inside], axis=1)) < 1.0


GOOD = """
size_px = [64, 48]
focal_px = [50, 50]
centre_px = [31.5, 23.5]
distortion = [-0.1, 0.01, 0, 0]
[pose]
position_m = [0, 0, 0.1]
azimuth_deg = 0
elevation_deg = 0
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(GOOD)
    lens = read_calibration(path)
    assert lens.size_px == (64, 48)
    np.testing.assert_allclose(lens.project(np.array([[5.0, 0, 0.1]]))[0], (31.5, 23.5))
    assert lens.shows(np.array([[-0.4, 47.4], [63.6, 0]])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("size_px = [64, 48]", "size_px = [0, 48]", "size_px.0"),
        ("focal_px = [50, 50]", "focal_px = [50]", "focal_px"),
        ("[pose]", "zoom = 2\n[pose]", "zoom: unknown key"),
        ("azimuth_deg = 0\n", "", "must have position_m, azimuth_deg and elevation_deg"),
        ("elevation_deg = 0", "elevation_deg = 0\ntranslation_m = [0, 0, 0]", "or rotation and"),
        ("[pose]", "[pose", "must be readable TOML"),
    ],
)
def test_what_is_no_camera_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(SonoscopeError, match=line) as refusal:
        read_calibration(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value).strip()


def test_a_mirror_is_no_rotation() -> None:
    with pytest.raises(ValueError, match="no mirror"):
        Pose(rotation=((1.0, 0, 0), (0, 1.0, 0), (0, 0, -1.0)), translation_m=(0.0, 0.0, 0.0))


def test_a_photograph_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"must be 1920 x 1080 pixels.*but 640 x 480 was given"):
        camera(()).check_size(Path("crane.jpg"), (640, 480))
