"""Each formulation keeps what its paper promises, and transfers are those of the sphere."""

from typing import get_args

import numpy as np
import pytest
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.steering import Formulation, Scan, held, transfers, weighed, weights
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa
from sonoscope.signal.sphere import array_response, array_response_near

FORMULATIONS: tuple[Formulation, ...] = get_args(Formulation)
OPEN = MicArray("open", EM32.positions_m, "open")
BOTH = pytest.mark.parametrize("array", [OPEN, EM32], ids=["open", "rigid"])
FREQUENCIES = np.array([500.0, 1000.0, 1500.0, 4000.0])


def rows(scan: Scan, frequency_hz: Float[ndarray, " frequency"]) -> Complex[ndarray, "f p c"]:
    return np.stack([heard.copy() for heard in transfers(scan, frequency_hz)])


def map_of(
    scan: Scan, frequency_hz: float, source: Complex[ndarray, " channel"]
) -> Float[ndarray, " point"]:
    listening = next(weights(scan, np.array([frequency_hz])))
    return np.asarray(np.abs(np.conj(listening) @ source) ** 2)


@BOTH
def test_far_transfers_are_those_of_the_array(array: MicArray) -> None:
    grid = sphere_grid(30)
    heard = rows(Scan(Capsules(array), grid), FREQUENCIES)
    assert np.abs(heard - array_response(array, grid, FREQUENCIES).transpose(0, 2, 1)).max() < 1e-12


@BOTH
def test_near_transfers_are_those_of_the_array_at_every_distance(array: MicArray) -> None:
    distance = np.array([0.06, 0.5, 3.0])
    points = sphere_grid(3) * distance[:, None]
    heard = rows(Scan(Capsules(array), points, near=True), FREQUENCIES)
    for i in range(3):
        want = array_response_near(array, sphere_grid(3)[i], float(distance[i]), FREQUENCIES)
        assert np.abs(heard[:, i] - want).max() < 1e-11


def test_points_at_one_distance_and_at_many_hear_the_same() -> None:
    points = 0.4 * sphere_grid(20)
    one = rows(Scan(Capsules(EM32), points, near=True), FREQUENCIES)
    more = np.concatenate([points, [[0.0, 0.0, 0.9]]])
    many = rows(Scan(Capsules(EM32), more, near=True), FREQUENCIES)
    assert np.abs(one - many[:, :20]).max() < 1e-12


def test_evenly_spaced_bins_are_turned_into_each_other_exactly() -> None:
    even = np.arange(190, 240) * 93.75
    scan = Scan(Capsules(OPEN), sphere_grid(20) * 2.0, near=True, formulation="II")
    turned = np.stack([h.copy() for h in weights(scan, even)])
    each = np.stack([next(weights(scan, one[None])) for one in even])
    assert np.abs(turned - each).max() < 1e-13


def test_phases_are_exact_after_any_number_of_turns() -> None:
    turns = np.concatenate([np.arange(-8, 9) / 8, [1e-17, 0.5 - 2**-54, 0.5 + 1e-9, 3e5 + 0.25]])
    far = MicArray("far", ((1.0, 0.0, 0.0),), "open")
    scan = Scan(Capsules(far), np.array([[1.0, 0.0, 0.0]]))
    heard = np.array([next(transfers(scan, np.array([343.0 * t])))[0, 0] for t in turns])
    angle = 2 * np.pi * (turns - np.rint(turns))
    assert np.abs(heard - (np.cos(angle) + 1j * np.sin(angle))).max() < 1e-15


@BOTH
def test_held_weights_are_the_weights_also_of_some_of_the_points(array: MicArray) -> None:
    scan = Scan(Capsules(array), sphere_grid(20), formulation="IV")
    kept = held(scan, FREQUENCIES)
    for given, want in zip(
        weights(kept.part(3, 11), FREQUENCIES), weights(scan, FREQUENCIES), strict=True
    ):
        assert np.array_equal(given, want[3:11])
    with pytest.raises(SettingError, match="held of the bins of a map, but others"):
        next(weights(kept, FREQUENCIES[:2]))


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_of_plane_waves_on_an_open_array_all_are_the_same(formulation: Formulation) -> None:
    plain = next(weights(Scan(Capsules(OPEN), sphere_grid(9)), FREQUENCIES[:1])).copy()
    scan = Scan(Capsules(OPEN), sphere_grid(9), formulation=formulation)
    assert np.abs(next(weights(scan, FREQUENCIES[:1])) - plain).max() < 1e-15


def near_volume() -> Float[ndarray, "point 3"]:
    side = np.linspace(-0.1, 0.1, 9)
    offset = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(np.array([0.25, 0.05, 0.0]) + offset)


@BOTH
@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_place_is_right_with_one_and_four_and_level_with_two_and_three(
    formulation: Formulation, array: MicArray
) -> None:
    points = near_volume()
    true = len(points) // 2
    scan = Scan(Capsules(array), points, near=True, formulation=formulation)
    source = rows(scan, np.array([3000.0]))[0, true]
    seen = map_of(scan, 3000.0, source)
    place_right = int(seen.argmax()) == true
    level_right = abs(seen[true] - 1) < 1e-10
    assert place_right == (formulation in ("I", "IV"))
    assert level_right == (formulation in ("II", "III"))


def test_the_third_formulation_lets_least_noise_through_of_those_that_keep_the_level() -> None:
    heard = rows(Scan(Capsules(OPEN), near_volume(), near=True), np.array([3000.0]))[0]
    noise = {f: (np.abs(weighed(heard, f)) ** 2).sum(axis=1) for f in FORMULATIONS}
    assert np.all(noise["III"] < noise["II"])
    assert noise["IV"] == pytest.approx(1 / 32)


def test_foa_hears_a_plane_wave_as_defined_and_a_near_source_tends_to_it() -> None:
    ahead = unit_vector(0.3, 0.2)[None]
    far = rows(Scan(IdealFoa(), ahead), np.array([100.0]))[0, 0]
    assert far.tolist() == [1, ahead[0, 1], ahead[0, 2], ahead[0, 0]]
    near = rows(Scan(IdealFoa(), 500 * ahead, near=True), np.array([100.0]))[0, 0]
    assert np.abs(near - far).max() == pytest.approx(0, abs=2e-3)
    close = rows(Scan(IdealFoa(), 0.1 * ahead, near=True), np.array([100.0]))[0, 0]
    step = 1e-5 * np.stack([np.zeros(3), *np.eye(3)])
    k = 2 * np.pi * 100 / 343.0
    way = np.linalg.norm(0.1 * ahead - step, axis=1)
    pressure = 0.1 / way * np.exp(-1j * k * (way - 0.1))
    slope = (pressure[1:] - pressure[0]) / 1e-5 / (1j * k)  # a plane wave's is its direction
    assert close[[3, 1, 2]] == pytest.approx(slope, rel=1e-3)


def test_encoded_foa_is_ideal_where_its_array_can_be() -> None:
    encoded = EncodedFoa(EM32, 24_000)
    for near, points in ((False, sphere_grid(12)), (True, 4.0 * sphere_grid(12))):
        got = rows(Scan(encoded, points, near=near), np.array([1500.0]))
        assert (
            np.abs(got - rows(Scan(IdealFoa(), points, near=near), np.array([1500.0]))).max() < 0.1
        )


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(SettingError, match=r"must be III or IV for Ambisonics.* but I was given"):
        Scan(IdealFoa(), sphere_grid(4), formulation="I")
    with pytest.raises(SettingError, match="unit vectors"):
        Scan(Capsules(TETRAHEDRON), 2 * sphere_grid(4))
    with pytest.raises(SettingError, match=r"at least 0\.04284 m .* but 0\.02 m was"):
        next(transfers(Scan(Capsules(TETRAHEDRON), 0.02 * sphere_grid(4), near=True), FREQUENCIES))
    inner = sphere_grid(2) * np.array([[0.5], [0.02]])
    with pytest.raises(SettingError, match=r"at least 0\.04284 m .* but one is 0\.02 m away"):
        next(transfers(Scan(Capsules(TETRAHEDRON), inner, near=True), FREQUENCIES))
    with pytest.raises(SettingError, match=r"67108864, but 4 bins of 600000 points and 32 chan"):
        held(Scan(Capsules(OPEN), np.tile(sphere_grid(1), (600_000, 1))), FREQUENCIES)
    with pytest.raises(SettingError, match="lie in a capsule"):
        next(transfers(Scan(Capsules(OPEN), OPEN.positions, near=True), FREQUENCIES))
