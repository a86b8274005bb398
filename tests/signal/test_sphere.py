"""The rigid sphere answers as 50-digit arithmetic says it must."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from jaxtyping import Complex
from numpy import ndarray

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import angles, sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.sphere import (
    array_response,
    array_response_near,
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


COSINES = (1.0, 0.3, -1 / 3, -1.0)
RADIUS_M = 0.042


def in_fifty_digits(frequency_hz: float, distance_m: float | None) -> Complex[ndarray, " cosine"]:
    """Equations 1 and 2 as they are printed, by Hankel functions that may be as large as needed."""
    with mpmath.workdps(50):
        radius = mpmath.mpf(str(RADIUS_M))
        k = 2 * mpmath.pi * mpmath.mpf(frequency_hz) / 343
        x, nearness = k * radius, RADIUS_M / (distance_m or 1e9)
        order = int(2 * x + 60 + 50 / np.log(1 / nearness))
        here = hankel2(order, x)
        slope = [n / x * here[n] - here[n + 1] for n in range(order)]
        if distance_m is None:
            part = [mpmath.mpc(0, 1) ** (n - 1) / (x**2 * slope[n]) for n in range(order)]
        else:
            r = mpmath.mpf(str(distance_m))
            there = hankel2(order, k * r)
            front = -r * mpmath.exp(1j * k * r) / (k * radius**2)
            part = [front * there[n] / slope[n] for n in range(order)]
        return np.array([complex(legendre_sum(part, mpmath.mpf(c))) for c in COSINES])


def hankel2(order: int, x: mpmath.mpf) -> list[mpmath.mpc]:
    h = [1j * mpmath.exp(-1j * x) / x, -(mpmath.exp(-1j * x) / x) * (1 - 1j / x)]
    for n in range(1, order):
        h.append((2 * n + 1) / x * h[n] - h[n - 1])
    return h


def legendre_sum(part: list[mpmath.mpc], cosine: mpmath.mpf) -> mpmath.mpc:
    total, before, now = mpmath.mpc(0), mpmath.mpf(0), mpmath.mpf(1)
    for n, strength in enumerate(part):
        total += (2 * n + 1) * strength * now
        before, now = now, ((2 * n + 1) * cosine * now - n * before) / (n + 1)
    return total


@pytest.mark.parametrize("frequency_hz", [20.0, 1_000.0, 24_000.0, 96_000.0])
def test_plane_waves_equal_fifty_digit_arithmetic_to_96_khz(frequency_hz: float) -> None:
    heard = rigid_sphere(np.array(COSINES), np.array([frequency_hz]), RADIUS_M)[0]
    assert np.abs(heard / in_fifty_digits(frequency_hz, None) - 1).max() < 1e-9


@pytest.mark.parametrize("frequency_hz", [20.0, 1_000.0, 24_000.0, 96_000.0])
@pytest.mark.parametrize("distance_m", [0.05, 0.3, 1.0, 4.0])
def test_near_sources_equal_fifty_digit_arithmetic(frequency_hz: float, distance_m: float) -> None:
    # Together with the highest frequency, for which the order is chosen, and apart from it.
    for frequency in (np.array([frequency_hz]), np.array([frequency_hz, 96_000.0])):
        heard = rigid_sphere_near(np.array(COSINES), frequency, RADIUS_M, distance_m)[0]
        assert np.abs(heard / in_fifty_digits(frequency_hz, distance_m) - 1).max() < 1e-9


def test_a_steady_pressure_near_the_sphere_is_that_of_a_source_beside_a_stone() -> None:
    frequency = np.array([0.0, 1e-3])
    still, slow = rigid_sphere_near(np.array(COSINES), frequency, RADIUS_M, 0.1)
    assert np.abs(still - slow).max() < 1e-4
    n = np.arange(200)
    in_front = ((2 * n + 1) / (n + 1) * (RADIUS_M / 0.1) ** n).sum()  # the limit of eq. 2
    assert abs(still[0] - in_front) < 1e-12


def test_a_sphere_of_kr_160_is_heard_without_overflow() -> None:
    top = 160 * 343 / (2 * np.pi * 0.0875)
    frequency = np.array([0.0, 1e-6, 1.0, top])
    for heard in (
        rigid_sphere(np.array(COSINES), frequency, 0.0875),
        rigid_sphere_near(np.array(COSINES), frequency, 0.0875, 0.09),
    ):
        assert np.isfinite(heard).all()
    assert abs(abs(rigid_sphere(np.array([1.0]), frequency, 0.0875)[-1, 0]) - 2) < 0.01


def test_no_source_is_inside_the_sphere() -> None:
    with pytest.raises(SettingError, match=r"at least 0\.04284 m .* but 0\.04 m"):
        rigid_sphere_near(np.array([1.0]), np.array([100.0]), RADIUS_M, 0.04)


def test_an_open_array_hears_a_near_source_by_each_capsules_own_distance() -> None:
    pair = on_sphere("pair", [(0.0, 0.0), (180.0, 0.0)], 0.1, "open")
    frequency = np.array([343.0])
    heard = array_response_near(pair, np.array([1.0, 0.0, 0.0]), 0.5, frequency)[0]
    turn = np.exp(2j * np.pi * 0.1)  # a tenth of a wavelength early or late
    assert np.abs(heard - [0.5 / 0.4 * turn, 0.5 / 0.6 / turn]).max() < 1e-12


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
