"""The bound is the closed form where there is one, and the published table everywhere else."""

import numpy as np
import pytest

from sonoscope.core.array import TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.bound import ellipse, information, inside, rms_error
from sonoscope.imaging.grids import tangents
from sonoscope.imaging.spectra import third_octave
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.signal.sphere import diffuse_covariance

LEAN = float(np.rad2deg(np.arctan(2**-0.5)))
REGULAR = on_sphere(
    "regular", [(45.0, LEAN), (-45.0, -LEAN), (135.0, -LEAN), (-135.0, LEAN)], 0.042, "open"
)
RATIOS_DB = (-10, 0, 10, 20, 30)
TABLE = {  # rms great-circle bound in degrees, rigid tetrahedron of 4.2 cm, 0.1 s, as printed
    ((200.0, 4000.0), "white"): ("5.09", "1.05", "0.311", "0.098", "0.031"),
    ((200.0, 4000.0), "diffuse"): ("6.67", "1.26", "0.360", "0.112", "0.036"),
    ((200.0, 8000.0), "white"): ("1.79", "0.383", "0.114", "0.036", "0.011"),
    ((200.0, 8000.0), "diffuse"): ("2.72", "0.513", "0.147", "0.046", "0.0145"),
    (third_octave(1000.0), "diffuse"): ("39", "7.4", "2.1", "0.66", "0.21"),
    (third_octave(4000.0), "diffuse"): ("8.9", "1.7", "0.48", "0.15", "0.048"),
    ((20_000.0, 40_000.0), "white"): ("0.19", "0.043", "0.013", "0.004", "0.0013"),
}


def test_in_free_field_it_is_the_closed_form() -> None:
    frequency = np.linspace(200, 8000, 1561)
    ratio = 10 ** (np.array(RATIOS_DB) / 10)
    share = 2 * 0.1 * 4 * ratio**2 / (1 + 4 * ratio) * (2 * np.pi / 343.0) ** 2
    closed = np.sqrt(2 / (share * 4 * 0.042**2 / 3 * (8000**3 - 200**3) / 3))
    assert np.rad2deg(closed[1]) == pytest.approx(0.5520, abs=5e-5)
    for direction in sphere_grid(3):
        given = [
            rms_error(information(Capsules(REGULAR), direction, frequency, float(r), 0.1))
            for r in ratio
        ]
        assert np.array(given) == pytest.approx(closed, rel=1e-5)


@pytest.mark.parametrize(("band_hz", "kind"), TABLE)
def test_on_the_rigid_sphere_it_is_the_published_table(
    band_hz: tuple[float, float], kind: str
) -> None:
    frequency = np.linspace(*band_hz, 96)
    noise = diffuse_covariance(TETRAHEDRON, frequency) if kind == "diffuse" else None
    for level, printed in zip(RATIOS_DB, TABLE[band_hz, kind], strict=True):
        square = [
            rms_error(
                information(
                    Capsules(TETRAHEDRON), direction, frequency, 10 ** (level / 10), 0.1, noise
                )
            )
            ** 2
            for direction in sphere_grid(24)
        ]
        unit = 10.0 ** -len(printed.partition(".")[2])
        assert np.rad2deg(np.sqrt(np.mean(square))) == pytest.approx(float(printed), abs=unit)


def test_it_falls_with_the_root_of_time_and_of_a_high_ratio() -> None:
    frequency = np.linspace(500, 4000, 50)
    receiver, ahead = Capsules(TETRAHEDRON), unit_vector(0.4, 0.2)
    once = rms_error(information(receiver, ahead, frequency, 1e4, 0.1))
    assert rms_error(information(receiver, ahead, frequency, 1e4, 0.4)) == pytest.approx(once / 2)
    louder = rms_error(information(receiver, ahead, frequency, 1e6, 0.1))
    assert louder == pytest.approx(once / 10, rel=1e-3)


def test_ideal_foa_knows_all_directions_alike() -> None:
    frequency = np.linspace(500, 1500, 11)
    errors = [
        rms_error(information(IdealFoa(), direction, frequency, 10.0, 0.1))
        for direction in sphere_grid(9)
    ]
    closed = np.sqrt(2 / (2 * 0.1 * 1000 * 10**2 * 2 / (1 + 10 * 2)))
    assert np.array(errors) == pytest.approx(closed, rel=1e-9)


def test_white_noise_given_as_a_covariance_changes_nothing() -> None:
    frequency = np.linspace(500, 4000, 20)
    receiver, ahead = Capsules(TETRAHEDRON), unit_vector(0.4, 0.2)
    plain = information(receiver, ahead, frequency, 2.0, 0.1)
    given = np.broadcast_to(np.eye(4), (20, 4, 4))
    assert information(receiver, ahead, frequency, 2.0, 0.1, given) == pytest.approx(plain)


def test_a_flat_array_knows_azimuth_and_elevation_as_its_width_and_height_let_it() -> None:
    corners = [(0.0, y, z) for y in (-0.1, 0.1) for z in (-0.05, 0.05)]
    flat = Capsules(MicArray("flat", tuple(corners), "open"))
    known = information(flat, unit_vector(0.0, 0.0), np.linspace(500, 1500, 11), 10.0, 0.1)
    drawn = ellipse(known)
    assert abs(drawn.turn_rad) == pytest.approx(np.pi / 2, abs=1e-6)
    assert drawn.major_rad / drawn.minor_rad == pytest.approx(2, rel=1e-6)


def test_the_ellipse_holds_as_many_draws_as_it_says() -> None:
    known = np.array([[4e4, 1e4], [1e4, 9e3]])
    truth = unit_vector(2.0, -0.5)
    frame = np.stack(tangents(truth))
    rng = np.random.default_rng(0)
    misses = rng.multivariate_normal(np.zeros(2), np.linalg.inv(known), size=4000)
    drawn = ellipse(known, 0.9)
    turn = np.array(
        [[np.cos(drawn.turn_rad), np.sin(drawn.turn_rad)],
         [-np.sin(drawn.turn_rad), np.cos(drawn.turn_rad)]]
    )  # fmt: skip
    axes = misses @ turn.T / [drawn.major_rad, drawn.minor_rad]
    assert np.mean((axes**2).sum(axis=1) <= 1) == pytest.approx(0.9, abs=0.015)
    estimates = truth + misses @ frame
    held = [inside(known, e / np.linalg.norm(e), truth, 0.9) for e in estimates[:500]]
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)


def test_no_certainty_and_no_band_are_refused() -> None:
    with pytest.raises(SettingError, match="between 0 and 1, but 1 was given"):
        ellipse(np.eye(2), 1.0)
    with pytest.raises(SettingError, match="two at least, and grow"):
        information(Capsules(REGULAR), unit_vector(0.0, 0.0), np.array([1e3]), 1.0, 1.0)
