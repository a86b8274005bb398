"""The rigid sphere answers as 50-digit arithmetic says it must."""

import numpy as np
import pytest

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import angles, sphere_grid
from sonoscope.signal.sphere import (
    array_response,
    diffuse_covariance,
    rigid_sphere,
    rigid_sphere_near,
)

# 50-digit values of H at R = 4.2 cm, c = 343 m/s, for cos γ = 1, 0, -1/3, -1
GOLDEN = {
    100: (
        0.9937753412 + 0.1155026499j,
        0.9986973497 + 0.0001508216j,
        0.9981463142 - 0.0383391328j,
        0.9937578534 - 0.1152010064j,
    ),
    1000: (
        0.5405608994 + 1.1444593490j,
        0.9493977782 + 0.0892635435j,
        0.8717669594 - 0.2999413019j,
        0.4070996146 - 0.9625209532j,
    ),
    4000: (
        -1.7653262842 - 0.2930941070j,
        1.1701961319 + 0.1791373479j,
        0.4535547875 - 0.9017090409j,
        0.2624323123 + 1.1217526964j,
    ),
    8000: (
        1.9113097235 + 0.0276079338j,
        1.2872611521 + 0.1212916488j,
        -0.5598187045 - 0.7700131638j,
        -0.9604532388 + 0.5898712976j,
    ),
    16000: (
        1.9362791313 - 0.3526684500j,
        1.3227902160 + 0.0891566973j,
        -0.3195214210 + 0.8840731970j,
        0.4657333692 - 0.8772591025j,
    ),
}


@pytest.mark.parametrize("frequency_hz", GOLDEN)
def test_the_response_equals_fifty_digit_arithmetic(frequency_hz: int) -> None:
    cosine = np.array([1, 0, -1 / 3, -1])
    heard = rigid_sphere(cosine, np.array([float(frequency_hz)]), 0.042)[0]
    assert np.abs(heard - np.array(GOLDEN[frequency_hz])).max() < 1e-9


def test_a_sphere_much_smaller_than_the_wavelength_is_not_there() -> None:
    heard = rigid_sphere(np.array([1.0, -1.0]), np.array([0.0, 1.0]), 0.042)
    assert np.abs(heard - 1).max() < 2e-3
    assert heard[0].tolist() == [1.0, 1.0]


def test_a_far_point_source_is_a_plane_wave_and_a_near_one_is_not() -> None:
    frequency, cosine = np.array([125.0, 1_000.0, 8_000.0]), np.linspace(-1, 1, 9)
    plane = rigid_sphere(cosine, frequency, 0.042)
    error_db = [
        20 * np.log10(np.abs(rigid_sphere_near(cosine, frequency, 0.042, r) - plane).max())
        for r in (0.3, 1.0, 4.0, 1_000.0)
    ]
    assert error_db == sorted(error_db, reverse=True)
    assert error_db[0] > -13
    assert error_db[-1] < -70


def test_diffuse_sound_is_the_mean_over_all_directions() -> None:
    frequency = np.array([125.0, 1_000.0, 2_000.0, 6_000.0])
    heard = array_response(TETRAHEDRON, sphere_grid(4_000), frequency)
    mean = np.einsum("fcd,fed->fce", heard, heard.conj()) / 4_000
    assert np.abs(diffuse_covariance(TETRAHEDRON, frequency) - mean).max() < 2e-3


def test_diffuse_coherence_of_a_tetrahedral_pair() -> None:
    covariance = diffuse_covariance(TETRAHEDRON, np.array([125.0, 500.0, 1_000.0, 2_000.0]))
    coherence = covariance[:, 0, 1] / covariance[:, 0, 0]
    assert np.abs(coherence - [0.991, 0.849, 0.461, -0.022]).max() < 2e-3


def test_an_open_array_hears_delays_only() -> None:
    pair = on_sphere("pair", [(0.0, 0.0), (180.0, 0.0)], 0.1715, "open")
    heard = array_response(pair, np.array([[1.0, 0, 0]]), np.array([500.0]))[0, :, 0]
    assert np.allclose(heard, [1j, -1j])  # a quarter of a period early and late
    coherence = diffuse_covariance(pair, np.array([500.0]))[0, 0, 1]
    assert abs(coherence) < 1e-12  # kd = π


def test_turning_source_and_array_together_changes_nothing() -> None:
    turned = on_sphere("turned", [(az + 30.0, el) for az, el in _angles(EM32)], EM32.radius_m)
    source, frequency = np.array([[1.0, 0, 0]]), np.array([700.0, 5_000.0])
    rotated = np.array([[np.cos(np.pi / 6), np.sin(np.pi / 6), 0]])
    here = array_response(EM32, source, frequency)
    there = array_response(turned, rotated, frequency)
    assert np.abs(here - there).max() < 1e-9


def _angles(array: MicArray) -> list[tuple[float, float]]:
    azimuth, elevation = angles(array.directions)
    return [
        (float(a), float(e))
        for a, e in zip(np.rad2deg(azimuth), np.rad2deg(elevation), strict=True)
    ]
