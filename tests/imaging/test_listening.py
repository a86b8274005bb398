"""Listening to places: in time, at its level, quiet to the rest, and alike however sound is cut."""

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import SPIRAL64, TETRAHEDRON, MicArray
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError
from sonoscope.imaging.listening import Beams, beams
from sonoscope.imaging.steering import Scan, transfers
from sonoscope.imaging.views import extent_m
from sonoscope.signal.receiver import Capsules

RATE_HZ = 96_000
PLACES = np.array([[4.0, 0.5, 0.3], [4.0, -0.6, -0.2]])
SIZE = 1 << 13
MIDDLE = slice(1500, -1500)


def extent_s(array: MicArray) -> float:
    return extent_m(array) / SPEED_OF_SOUND_M_S


def band_noise(low_hz: float, high_hz: float) -> Float[ndarray, " sample"]:
    frequency = np.fft.rfftfreq(SIZE, 1 / RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(SIZE))
    return np.fft.irfft(np.where((frequency > low_hz) & (frequency < high_hz), spectrum, 0), SIZE)


def at_open_capsules(
    array: MicArray, sound: Float[ndarray, " sample"], place: Float[ndarray, "3"]
) -> Float[ndarray, "capsule sample"]:
    """Carry a source's sound, as it is at the origin, to capsules: by distances alone."""
    far, way = np.linalg.norm(place), np.linalg.norm(place - array.positions, axis=1)
    lag = 2j * np.pi * np.fft.rfftfreq(SIZE, 1 / RATE_HZ) / SPEED_OF_SOUND_M_S
    spectrum = np.exp(-lag * (way - far)[:, None]) * (far / way)[:, None] * np.fft.rfft(sound)
    return np.fft.irfft(spectrum, SIZE)


def listened(made: Beams, sound: Float[ndarray, "channel sample"]) -> Float[ndarray, "place _"]:
    return np.concatenate(list(made.listen([sound])), axis=1)


def off(heard: Float[ndarray, " sample"], sound: Float[ndarray, " sample"]) -> tuple[float, float]:
    """Give how late one is, in samples, and how much louder, in dB."""
    size = len(sound[MIDDLE])
    window = np.hanning(size)
    one, other = np.fft.rfft(heard[MIDDLE] * window), np.fft.rfft(sound[MIDDLE] * window)
    turn = 2 * np.pi * np.fft.rfftfreq(size)
    weight = np.abs(other) ** 2
    late = -(weight * turn * np.angle(one * other.conj())).sum() / (weight * turn**2).sum()
    return float(late), float(10 * np.log10((np.abs(one) ** 2).sum() / weight.sum()))


@pytest.mark.parametrize("quiet_to_others", [False, True])
def test_a_lone_source_comes_out_as_at_the_origin(quiet_to_others: bool) -> None:
    sound = band_noise(2_000, 42_000)
    scan, wide = Scan(Capsules(SPIRAL64), PLACES, near=True), extent_s(SPIRAL64)
    ratios = np.array([300.0, 30.0])
    against = ratios if quiet_to_others else None
    made = beams(scan, RATE_HZ, wide, against)
    for i, place in enumerate(PLACES):
        heard = listened(made, at_open_capsules(SPIRAL64, sound, place))
        assert heard.shape == (2, SIZE)
        late, louder = off(heard[i], sound)
        assert abs(late) < 1e-3
        assert abs(louder) < 0.1


def test_a_rigid_sphere_hears_a_direction_as_at_the_origin() -> None:
    towards = unit_vector(np.array([0.4]), np.array([0.2]))
    scan, wide = Scan(Capsules(TETRAHEDRON), towards), extent_s(TETRAHEDRON)
    sound = band_noise(500, 12_000)
    frequency = np.fft.rfftfreq(SIZE, 1 / RATE_HZ)
    frequency[0] = frequency[1]
    response = np.stack([heard[0].copy() for heard in transfers(scan, frequency)], axis=1)
    capsules = np.fft.irfft(np.fft.rfft(sound) * response, SIZE)
    late, louder = off(listened(beams(scan, RATE_HZ, wide), capsules)[0], sound)
    assert abs(late) < 1e-3
    assert abs(louder) < 0.1


def test_white_noise_of_channels_falls_by_their_number() -> None:
    scan = Scan(Capsules(SPIRAL64), PLACES, near=True)
    noise = np.random.default_rng(5).standard_normal((64, 1 << 15))
    heard = listened(beams(scan, RATE_HZ, extent_s(SPIRAL64)), noise)
    np.testing.assert_allclose(10 * np.log10(heard.var(axis=1)), -10 * np.log10(64), atol=0.15)


def test_the_other_place_is_hardly_heard() -> None:
    scan, wide = Scan(Capsules(SPIRAL64), PLACES, near=True), extent_s(SPIRAL64)
    sound = band_noise(20_000, 40_000)
    capsules = at_open_capsules(SPIRAL64, sound, PLACES[0])
    plain = listened(beams(scan, RATE_HZ, wide), capsules)[1]
    against = np.array([300.0, 300.0])
    quiet = listened(beams(scan, RATE_HZ, wide, against), capsules)[1]
    leak_db = [10 * np.log10((each[MIDDLE] ** 2).mean() / (sound**2).mean())
               for each in (plain, quiet)]  # fmt: skip
    assert leak_db[1] < leak_db[0] - 15
    noise = np.random.default_rng(5).standard_normal((64, SIZE))
    noise = np.stack([listened(made, noise)[1] for made in (
        beams(scan, RATE_HZ, wide), beams(scan, RATE_HZ, wide, against))])  # fmt: skip
    inside = (np.fft.rfftfreq(SIZE, 1 / RATE_HZ) // 20_000) == 1
    power = (np.abs(np.fft.rfft(noise)[:, inside]) ** 2).sum(axis=1)
    assert 10 * np.log10(power[1] / power[0]) < 0.5  # and costs next to nothing in noise


@pytest.mark.parametrize("cuts", [[1], [7, 100, 5000, 5001], list(range(64, SIZE, 64))])
def test_pieces_are_heard_as_the_whole(cuts: list[int]) -> None:
    scan = Scan(Capsules(TETRAHEDRON), unit_vector(np.array([0.4]), np.array([0.2])))
    made = beams(scan, RATE_HZ, extent_s(TETRAHEDRON))
    noise = np.random.default_rng(5).standard_normal((4, SIZE))
    parts = np.concatenate(list(made.listen(np.split(noise, cuts, axis=1))), axis=1)
    np.testing.assert_array_equal(parts, listened(made, noise))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 3073, 4096])
def test_as_much_comes_out_as_goes_in(size: int) -> None:
    scan = Scan(Capsules(TETRAHEDRON), unit_vector(np.array([0.4]), np.array([0.2])))
    made = beams(scan, RATE_HZ, extent_s(TETRAHEDRON))
    noise = np.random.default_rng(5).standard_normal((4, 5000))
    noise[:, size:] = 0
    parts = list(made.listen([noise[:, :size]]))
    assert sum(part.shape[1] for part in parts) == size
    if size:
        heard, whole = np.concatenate(parts, axis=1), listened(made, noise)
        np.testing.assert_allclose(heard, whole[:, :size], atol=1e-12)


def test_other_channels_are_refused() -> None:
    scan = Scan(Capsules(TETRAHEDRON), unit_vector(np.array([0.4]), np.array([0.2])))
    made = beams(scan, RATE_HZ, extent_s(TETRAHEDRON))
    with pytest.raises(InputError, match="must have 4 channels, but 3 was given"):
        listened(made, np.zeros((3, 100)))
