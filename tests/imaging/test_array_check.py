"""Geometry against a source of known direction: every wrong arrangement is found, or said open."""

import numpy as np
import pytest
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.array import EM32, RING64, SPIRAL64, TETRAHEDRON, MicArray
from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.imaging.array_check import (
    ArrayVerdict,
    CapsuleFault,
    check_array,
    judged,
    reordered,
    turned,
    usual_orders,
)
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import Scan, transfers
from sonoscope.signal.receiver import Capsules
from sonoscope.signal.sphere import array_response
from sonoscope.signal.symmetry import signed_permutations

SOURCE = unit_vector(np.deg2rad(55.0), np.deg2rad(15.0))
FREQUENCIES = np.linspace(600.0, 8_000.0, 24)
TURNS = signed_permutations()


def heard(
    array: MicArray,
    *,
    source: Float[ndarray, "3"] = SOURCE,
    snr_db: float = 10.0,
    seed: int = 0,
    gains: Complex[ndarray, " channel"] | None = None,
) -> CrossSpectra:
    """Draw the matrices of a plane wave in white noise, from 200 blocks."""
    generator = np.random.default_rng(seed)
    scan, matrices = Scan(Capsules(array), source[None]), []
    for a in transfers(scan, FREQUENCIES):
        drawn = generator.standard_normal((array.n_capsules + 1, 200, 2)) @ [1, 1j] / 2**0.5
        clean = a[0][:, None] * drawn[0] * (1 if gains is None else gains[:, None])
        both = clean + 10 ** (-snr_db / 20) * drawn[1:]
        matrices.append(both @ np.conj(both.T) / 200)
    return CrossSpectra(np.stack(matrices), FREQUENCIES, 200.0)


def judge(array: MicArray, spectra: CrossSpectra) -> ArrayVerdict:
    return judged(spectra, array, SOURCE)


@pytest.mark.slow
@pytest.mark.parametrize("array", [TETRAHEDRON, EM32], ids=["tetra", "em32"])
def test_all_48_arrangements_are_told_at_10_db(array: MicArray) -> None:
    for number, turn in enumerate(TURNS):
        found = judge(array, heard(turned(array, turn), seed=number))
        np.testing.assert_array_equal(found.transform, turn)
        assert found.alike == ()
        assert found.order is None
        assert found.share > 0.95
        assert found.explained > 0.9
        assert found.off < 0.1
        assert found.faults == ()


@pytest.mark.slow
@pytest.mark.parametrize("array", [SPIRAL64, RING64], ids=["spiral", "ring"])
def test_flat_arrays_leave_their_own_mirror_open_and_nothing_else(array: MicArray) -> None:
    across = np.diag([-1.0, 1.0, 1.0])
    for number in range(0, 48, 11):
        turn = TURNS[number]
        found = judge(array, heard(turned(array, turn), seed=number))
        (other,) = found.alike
        both = {found.transform.tobytes(), (other + 0.0).tobytes()}
        assert both == {turn.tobytes(), (turn @ across + 0.0).tobytes()}
        assert found.explained > 0.9


def test_a_geometry_that_is_right_is_left_alone() -> None:
    found = judge(TETRAHEDRON, heard(TETRAHEDRON))
    assert found.is_as_said
    assert found.same_as_order is None
    # 4 degrees beside what was said
    aside = unit_vector(np.deg2rad(59.0), np.deg2rad(15.0))
    assert judge(TETRAHEDRON, heard(TETRAHEDRON, source=aside)).is_as_said


def test_a_turn_of_a_symmetric_array_is_an_order_of_its_capsules_too() -> None:
    for order in [(1, 0, 2, 3), (3, 1, 2, 0), (1, 2, 3, 0)]:
        found = judge(TETRAHEDRON, heard(reordered(TETRAHEDRON, order)))
        assert found.same_as_order == order
        assert not found.is_as_said


def test_a_source_on_an_axis_leaves_eight_arrangements_open() -> None:
    ahead = np.array([1.0, 0.0, 0.0])
    spectra = heard(EM32, source=ahead)
    found = judged(spectra, EM32, ahead)
    assert len(found.alike) == 7
    assert all(np.allclose(turn.T @ ahead, ahead) for turn in (found.transform, *found.alike))


def test_a_sound_from_elsewhere_is_no_arrangement() -> None:
    """Arrangements leave little of the sphere: here is what is farthest from all of them."""
    grid = sphere_grid(2_000)
    astray = grid[int(angle_between(grid[:, None], TURNS @ SOURCE).min(axis=1).argmax())]
    found = judge(EM32, heard(EM32, source=astray))
    assert found.elsewhere > 0.8


@pytest.mark.parametrize("name", ["reversed", "begun with capsule 9", "every 16th capsule first"])
def test_usual_orders_of_many_channels_are_found(name: str) -> None:
    order = next(order for order, each in usual_orders(64) if each == name)
    found = judge(SPIRAL64, heard(reordered(SPIRAL64, order)))
    assert (found.order, found.order_name) == (order, name)
    assert found.explained > 0.9
    assert found.faults == ()


def test_no_order_is_named_where_none_explains_the_recording() -> None:
    order = tuple(int(i) for i in np.random.default_rng(1).permutation(64))
    found = judge(SPIRAL64, heard(reordered(SPIRAL64, order)))
    assert found.order is None
    assert not found.is_explained


def test_single_channels_are_named() -> None:
    order = list(range(64))
    order[60], order[3] = 3, 60  # 23 mm apart towards the source
    gains = np.ones(64, np.complex128)
    gains[7], gains[11] = -1.0, 0.0
    found = judge(SPIRAL64, heard(reordered(SPIRAL64, tuple(order)), gains=gains, snr_db=25.0))
    assert found.faults == (
        CapsuleFault(3, "exchanged", 60),
        CapsuleFault(7, "inverted"),
        CapsuleFault(11, "silent"),
        CapsuleFault(60, "exchanged", 3),
    )


def test_orders_are_permutations() -> None:
    for count in (4, 30, 64):
        assert all(sorted(order) == list(range(count)) for order, _ in usual_orders(count))


@pytest.mark.parametrize("number", [0, 13, 37])
def test_a_recording_in_time_is_judged_alike(number: int) -> None:
    rate, size = 48_000, 24_000
    generator = np.random.default_rng(number)
    array = turned(TETRAHEDRON, TURNS[number])
    frequency = np.fft.rfftfreq(256, 1 / rate)
    impulse = np.fft.irfft(array_response(array, SOURCE[None], frequency)[:, :, 0].T, 256)
    dry = generator.standard_normal(size)
    sound = np.stack([np.convolve(dry, np.roll(row, 64))[:size] for row in impulse])
    noisy = sound + 10 ** (-10 / 20) * generator.standard_normal(sound.shape)
    found = check_array(noisy, rate, TETRAHEDRON, SOURCE)
    np.testing.assert_array_equal(found.transform, TURNS[number])
    assert found.share > 0.95
    assert found.alike == ()


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(InputError, match="must not be silent"):
        check_array(np.zeros((4, 48_000)), 48_000, TETRAHEDRON, SOURCE)
    with pytest.raises(InputError, match="must have 64 channels, one a capsule, but 4 was given"):
        check_array(np.ones((4, 48_000)), 48_000, SPIRAL64, SOURCE)
    line = MicArray("line", tuple((0.0, 0.05 * i, 0.0) for i in range(4)), "open")
    with pytest.raises(SettingError, match="that are not on a line"):
        judged(heard(TETRAHEDRON), line, SOURCE)
