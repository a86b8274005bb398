"""Sources fitted together: places, powers and noise of what is known, and none in noise alone."""

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.imaging.sound_fields import SPIRAL

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.imaging.bound import information
from sonoscope.imaging.fit import FitSettings, diffuse_shape, fitted
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import Scan, transfers
from sonoscope.imaging.views import PlaneView, SphereView, View, normal_of
from sonoscope.signal.receiver import Capsules, IdealFoa, Receiver

AHEAD = np.array([1.0, 0.0, 0.0])
HALF = SphereView.of(0.05, AHEAD)
WALL = PlaneView.of(AHEAD, 2.0, (2.0, 1.5), 0.05)
ROUND = SphereView.of(0.07)
HIGH = np.arange(7000.0, 9000.0, 100.0)
LOW = np.arange(800.0, 1200.0, 25.0)
TWO = unit_vector(np.array([0.1, -0.35]), np.array([0.05, 0.2]))


def heard(
    receiver: Receiver,
    view: View,
    places: Float[ndarray, "source 3"],
    powers: list[float],
    frequency_hz: Float[ndarray, " frequency"],
    noise: Float[ndarray, "frequency channel channel"],
    averages: int | None = None,
) -> CrossSpectra:
    """Give the matrices that sources leave, exactly or as so many draws show them."""
    scan = Scan(receiver, view.placed(places), view.near)
    each = [(one.T * powers) @ np.conj(one) for one in transfers(scan, frequency_hz)]
    exact = np.stack(each) + noise
    if averages is None:
        return CrossSpectra(exact, frequency_hz, 1000.0)
    draw = np.random.default_rng(4)
    shape = (len(frequency_hz), receiver.n_channels, averages)
    white = (draw.standard_normal(shape) + 1j * draw.standard_normal(shape)) / 2**0.5
    drawn = np.linalg.cholesky(exact) @ white
    matrices = drawn @ np.conj(drawn.transpose(0, 2, 1)) / averages
    return CrossSpectra(matrices, frequency_hz, float(averages))


def white(receiver: Receiver, frequency_hz: ndarray, power: float) -> ndarray:
    return power * np.tile(np.eye(receiver.n_channels), (len(frequency_hz), 1, 1))


@pytest.mark.parametrize("view", [HALF, WALL], ids=["sphere", "plane"])
def test_two_sources_get_their_places_and_powers_back(view: View) -> None:
    receiver = Capsules(SPIRAL)
    spectra = heard(receiver, view, TWO, [1.0, 0.1], HIGH, white(receiver, HIGH, 0.03))
    starts = unit_vector(np.array([0.12, -0.33, 0.3]), np.array([0.03, 0.22, -0.3]))
    fit = fitted(spectra, receiver, view, starts)
    assert fit.field == "white"
    assert len(fit.sources) == 2
    for source, place, power in zip(fit.sources, TWO, [1.0, 0.1], strict=True):
        assert float(angle_between(source.direction, place)) < 1e-4
        np.testing.assert_allclose(source.power, power, rtol=1e-3)
    np.testing.assert_allclose(fit.noise, 0.03, rtol=1e-3)
    assert fit.sources[0].over_noise == pytest.approx(1 / 0.03, rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["white", "diffuse"])
@pytest.mark.parametrize(
    ("receiver", "frequency_hz", "view"),
    [(Capsules(SPIRAL), HIGH, HALF), (Capsules(TETRAHEDRON), LOW, ROUND), (IdealFoa(), LOW, ROUND)],
    ids=["spiral", "tetra", "foa"],
)
def test_noise_alone_holds_no_source(
    receiver: Receiver, frequency_hz: ndarray, view: View, field: str
) -> None:
    noise = white(receiver, frequency_hz, 1.0)
    if field == "diffuse":
        noise = 0.99 * diffuse_shape(receiver, frequency_hz) + 0.01 * noise
    spectra = heard(receiver, view, TWO[:0], [], frequency_hz, noise, averages=60)
    starts = view.points[:: len(view.points) // 8]
    assert fitted(spectra, receiver, view, starts).sources == ()


def test_a_source_in_sound_from_everywhere_is_told_from_it() -> None:
    receiver = Capsules(TETRAHEDRON)
    noise = 0.99 * diffuse_shape(receiver, LOW) + 0.01 * white(receiver, LOW, 1.0)
    spectra = heard(receiver, ROUND, TWO[:1], [2.0], LOW, noise, averages=400)
    fit = fitted(spectra, receiver, ROUND, unit_vector(np.array([0.3, 3.0]), np.array([0.1, 0.0])))
    assert fit.field == "diffuse"
    assert len(fit.sources) == 1
    assert float(angle_between(fit.sources[0].direction, TWO[0])) < np.deg2rad(2)
    assert fit.sources[0].power.mean() == pytest.approx(2.0, rel=0.1)


def test_of_one_source_the_information_is_the_bound_s() -> None:
    receiver = Capsules(SPIRAL)
    spectra = heard(receiver, HALF, TWO[:1], [1.0], HIGH, white(receiver, HIGH, 0.5))
    (source,) = fitted(spectra, receiver, HALF, TWO[:1]).sources
    lasting = spectra.averages / 100.0 * 20 / 19  # averages over the width of a bin; 19 steps of 20
    want = information(receiver, TWO[0], HIGH, 2.0, lasting)
    np.testing.assert_allclose(source.information, want, rtol=2e-3)


def test_a_second_source_costs_certainty() -> None:
    receiver, close = Capsules(SPIRAL), unit_vector(np.array([0.0, 0.25]), np.zeros(2))
    noise = white(receiver, HIGH, 0.1)
    alone = fitted(heard(receiver, HALF, close[:1], [1.0], HIGH, noise), receiver, HALF, close[:1])
    both = fitted(heard(receiver, HALF, close, [1.0, 1.0], HIGH, noise), receiver, HALF, close)
    assert len(both.sources) == 2
    sure, less = (np.trace(np.linalg.inv(one.sources[0].information)) for one in (alone, both))
    assert less > 1.02 * sure


def test_no_more_sources_than_asked_for_and_than_channels_can_tell() -> None:
    receiver = IdealFoa()
    places = unit_vector(np.arange(4) * np.pi / 2, np.zeros(4))
    spectra = heard(receiver, ROUND, places, [4.0, 3.0, 2.0, 1.0], LOW, white(receiver, LOW, 1e-3))
    assert len(fitted(spectra, receiver, ROUND, places).sources) <= 3
    one = fitted(spectra, receiver, ROUND, places, FitSettings(most=1))
    assert len(one.sources) == 1


def test_flat_arrays_face_one_way() -> None:
    facing = normal_of(SPIRAL)
    assert facing is not None
    np.testing.assert_allclose(facing, AHEAD, atol=1e-12)
    assert normal_of(TETRAHEDRON) is None


def test_a_plane_is_seen_from_the_array() -> None:
    np.testing.assert_allclose(WALL.grid[0, 0], [2.0, 1.0, 0.75])  # the upper left one
    np.testing.assert_allclose(WALL.facing, AHEAD)
    np.testing.assert_allclose(WALL.placed(WALL.points / 7), WALL.points, atol=1e-12)
    assert WALL.holds(np.array([[1.0, 0.4, 0.3], [1.0, 0.6, 0.0], [-1.0, 0.0, 0.0]])).tolist() == [
        True, False, False,
    ]  # fmt: skip
    below = PlaneView.of(np.array([0.0, 0.0, -1.0]), 10.0, (4.0, 4.0), 0.1)
    np.testing.assert_allclose(below.up, AHEAD, atol=1e-12)
    np.testing.assert_allclose(below.right, [0.0, -1.0, 0.0], atol=1e-12)
