"""A measured room keeps what was measured: arrivals, gains, and what lies between the channels."""

from dataclasses import replace

import numpy as np
import pytest
from numpy import ndarray
from numpy.typing import NDArray

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.signal.ambisonics import foa_gains
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, plane_wave_response
from sonoscope.simulation.measured import (
    MeasuredRoom,
    direct_arrival,
    measured_room,
    misfit_db,
    without_misfits,
)

RATE = 48_000
TAPS = 2048
ARRIVAL = 500.3


def _pulses(
    array: MicArray, directions: NDArray[np.float64], *, arrival: float = ARRIVAL, rate: int = RATE
) -> NDArray[np.float64]:
    """Give what capsules hear of band-limited pulses that pass the origin at a known moment."""
    frequency = np.fft.rfftfreq(TAPS, 1 / rate)
    heard = plane_wave_response(Capsules(array), directions, frequency)
    band = np.cos(0.5 * np.pi * np.clip(2 * frequency / rate, 0, 1)) ** 2
    turn = band * np.exp(-2j * np.pi * frequency * arrival / rate)
    return np.asarray(
        np.moveaxis(np.fft.irfft(heard * turn[:, None, None], TAPS, axis=0), 0, -1).swapaxes(0, 1)
    )


def _room(array: MicArray = TETRAHEDRON, count: int = 6) -> MeasuredRoom:
    directions = sphere_grid(count)
    return measured_room(
        "sphere", RATE, _pulses(array, directions), directions, np.full(count, np.nan), array, "me"
    )


@pytest.mark.parametrize("array", [TETRAHEDRON, EM32, replace(EM32, baffle="open")])
def test_the_arrival_at_the_origin_is_found_to_a_sample(array: MicArray) -> None:
    room = _room(array, 20)
    # a pulse of this band starts (at -20 dB) 1.8 samples before its middle
    assert np.abs(room.arrival - (ARRIVAL - 1.8)).max() < 0.3


def test_behind_a_sphere_a_wave_arrives_by_a_detour() -> None:
    """Capsules in the shadow alone: the straight way through would be three samples early."""
    directions = unit_vector([0.0], [0.0])
    back = on_sphere("back", [(150.0, 0.0), (-160.0, 0.0), (170.0, 0.0)], 0.1)
    heard = _pulses(back, directions)
    room = measured_room("back", RATE, heard, directions, np.full(1, np.nan), back, "me")
    assert float(room.arrival[0]) == pytest.approx(ARRIVAL - 1.8, abs=0.8)


def test_a_start_lies_between_samples() -> None:
    response = np.array([[0.0, 0.0, 0.05, 0.15, 1.0, -0.5]])
    assert direct_arrival(response, np.zeros(1)) == pytest.approx(2.5)
    assert direct_arrival(response, np.array([2.0])) == pytest.approx(4.5)


def test_one_faulty_channel_does_not_move_the_arrival() -> None:
    directions = sphere_grid(1)
    heard = _pulses(EM32, directions)
    heard[0, 3, 10] = 1.0
    room = measured_room("s", RATE, heard, directions, np.full(1, np.nan), EM32, "me")
    assert room.arrival == pytest.approx(_room(EM32, 1).arrival, abs=0.2)


def test_trimming_shifts_all_channels_of_a_position_by_the_same_whole_samples() -> None:
    room = _room()
    late = np.zeros_like(room.responses)
    late[3, :, 100:] = room.responses[3, :, :-100]
    late[:3], late[4:] = room.responses[:3], room.responses[4:]
    shifted = np.where(np.arange(6) == 3, room.arrival + 100, room.arrival)
    trimmed = replace(room, responses=late, arrival=shifted).trimmed(0.004)
    assert np.all(trimmed.arrival - 0.004 * RATE < 1)
    assert np.all(trimmed.arrival - 0.004 * RATE >= 0)
    for i, (cut, arrival) in enumerate(zip(trimmed.responses, trimmed.arrival, strict=True)):
        start = round(float(shifted[i] - arrival))
        np.testing.assert_array_equal(cut[:, :300], late[i][:, start : start + 300])


@pytest.mark.parametrize("rate", [24_000, 32_000, 44_100, 96_000])
def test_resampling_keeps_gain_and_arrival(rate: int) -> None:
    room = _room()
    there = room.at_rate(rate)
    at_hz = np.array([200.0, 1_000.0, 5_000.0])

    def spectrum(responses: ndarray, hz: float) -> ndarray:
        turn = np.exp(-2j * np.pi * at_hz[:, None] / hz * np.arange(responses.shape[-1]))
        return np.asarray(responses @ turn.T)

    before = spectrum(room.responses, RATE)
    shift = there.arrival / rate - room.arrival / RATE
    after = spectrum(there.responses, rate) * np.exp(2j * np.pi * at_hz * shift[:, None, None])
    assert np.abs(after - before).max() < 2e-3 * np.abs(before).max()


def test_a_wanted_direction_gives_the_nearest_measured_one() -> None:
    room = _room(count=50)
    wanted = unit_vector(0.3, 0.2)
    best = room.nearest(wanted)
    assert angle_between(room.directions, wanted).argmin() == best
    assert room.spot(best).distance_m is None
    np.testing.assert_array_equal(room.spot(best).direction, room.directions[best])


def test_among_positions_in_one_direction_the_distance_decides() -> None:
    room = _room(count=4)
    ahead = np.stack([unit_vector(0.0, 0.0)] * 3 + [unit_vector(2.0, 0.0)])
    room = replace(room, directions=ahead, distance_m=np.array([1.0, 2.0, np.nan, 1.9]))
    assert room.nearest(unit_vector(0.01, 0.0), 1.8) == 1
    assert room.nearest(unit_vector(0.01, 0.0), 0.2) == 0
    assert room.nearest(unit_vector(1.9, 0.0), 0.2) == 3


def test_a_moving_source_is_refused() -> None:
    room = _room()
    still = np.stack([unit_vector(0.1, 0.0)] * 3)
    assert room.still_position(still) == room.nearest(still[0])
    moving = np.stack([unit_vector(azimuth, 0.0) for azimuth in (0.0, 0.5, 1.0)])
    with pytest.raises(SettingError, match="must stay where it is, but one that moves by 57 deg"):
        room.still_position(moving)


def test_foa_of_a_rigid_array_points_to_the_source() -> None:
    room = _room(EM32, 5)
    heard = room.heard_by(IdealFoa(), 24_000)
    assert heard.channels == "foa"
    for i in range(5):
        towards = _intensity(heard.spot(i).response, 24_000, (400.0, 3_000.0))
        assert np.rad2deg(angle_between(towards, room.directions[i])) < 0.5
        w = np.abs(heard.responses[i, 0])
        assert 0 < int(w.argmax()) - float(heard.arrival[i]) < 2


def test_fuma_becomes_foa() -> None:
    directions = sphere_grid(3)
    w, y, z, x = foa_gains(directions).T[:, :, None] * np.eye(1, 64, 20)
    fuma = np.stack([w / 2**0.5, x, y, z], axis=1)
    room = measured_room("b", RATE, fuma, directions, np.full(3, np.nan), "fuma", "me")
    assert room.channels == "foa"
    np.testing.assert_allclose(room.responses[..., 20], foa_gains(directions), atol=1e-6)


def test_capsules_are_found_among_those_that_were_there() -> None:
    rows = [7, 0, 30]
    some = MicArray("three", tuple(EM32.positions_m[i] for i in rows), "rigid")
    room = _room(EM32, 2)
    heard = room.heard_by(Capsules(some), RATE)
    assert heard.channels == some
    start = round(float(room.arrival[0] - heard.arrival[0]))
    np.testing.assert_array_equal(
        heard.responses[0][:, :400], room.responses[0][rows, start : start + 400]
    )


def test_capsules_that_were_not_there_are_refused() -> None:
    larger = on_sphere("larger", [(45.0, 35.0), (135.0, -35.0)], 0.0875)
    with pytest.raises(SettingError, match="must be measured with the capsules that hear it"):
        _room(EM32, 1).heard_by(Capsules(larger), RATE)
    with pytest.raises(SettingError, match=r"but those of em32 .rigid. were given"):
        _room(EM32, 1).heard_by(Capsules(replace(EM32, baffle="open")), RATE)
    with pytest.raises(SettingError, match="must be measured with what hears it"):
        replace(_room(count=1), channels="foa").heard_by(Capsules(TETRAHEDRON), RATE)
    with pytest.raises(SettingError, match="must be capsules"):
        replace(_room(count=1), channels="foa").capsules([0])


@pytest.mark.parametrize("rate", [24_000, 48_000, 96_000])
def test_each_sample_of_an_sdm_room_is_a_wave_from_its_own_direction(rate: int) -> None:
    """Against the sum of what plane waves do, at frequencies."""
    rng = np.random.default_rng(5)
    pressure, towards = np.zeros(400), sphere_grid(400)
    pressure[[30, 90, 91, 250]] = rng.standard_normal(4)
    room = MeasuredRoom(
        "sdm", RATE, pressure[None, None].astype(np.float32), towards[[30]], np.full(1, np.nan),
        np.array([30.0]), "mono", "me", towards[None],
    )  # fmt: skip
    at_hz = np.array([300.0, 1_500.0, 6_000.0])
    for receiver in (IdealFoa(), Capsules(TETRAHEDRON)):
        heard = room.heard_by(receiver, rate)
        turn = np.exp(-2j * np.pi * at_hz[:, None] / rate * np.arange(heard.responses.shape[2]))
        got = (heard.responses[0] @ turn.T).T
        wave = plane_wave_response(receiver, towards, at_hz)
        late = np.exp(-2j * np.pi * at_hz[:, None] / RATE * (np.arange(400) - 30.0))
        wanted = np.einsum("fcw,fw->fc", wave, late * pressure)
        wanted = wanted * np.exp(-2j * np.pi * at_hz / rate * heard.arrival[0])[:, None]
        assert np.abs(got - wanted).max() < 0.01 * np.abs(wanted).max()
        # what the measurement had no band for stays silent
        power = np.abs(np.fft.rfft(heard.responses[0], 4096)) ** 2
        beyond = np.fft.rfftfreq(4096, 1 / rate) > 0.54 * RATE
        assert power[:, beyond].sum() < 1e-4 * power.sum()


def test_a_room_is_refused_that_cannot_be() -> None:
    directions, unknown = sphere_grid(2), np.full(2, np.nan)
    sound = np.ones((2, 4, 10))
    with pytest.raises(InputError, match="responses of em32 must have 32 channels, but 4"):
        measured_room("r", RATE, sound, directions, unknown, EM32, "")
    bad = sound.copy()
    bad[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="finite numbers, but one at position 1"):
        measured_room("r", RATE, bad, directions, unknown, "foa", "")
    bad[1] = 0
    with pytest.raises(InputError, match=r"file\.sofa: responses .* position 1 is silent"):
        measured_room("r", RATE, bad, directions, unknown, "foa", "", "file.sofa")


def test_a_capsule_that_hears_too_little_shows() -> None:
    room = _room(EM32, 3)
    assert np.all(misfit_db(room) < 0.2)
    faulty = room.responses.copy()
    faulty[1, 5] *= 0.1
    faulty[2, 7] *= 3.0
    spans = misfit_db(replace(room, responses=faulty))
    assert spans == pytest.approx([0, 20, 9.5], abs=0.2)
    kept = without_misfits(replace(room, responses=faulty), 10.0)
    np.testing.assert_array_equal(kept.directions, room.directions[[0, 2]])
    np.testing.assert_array_equal(kept.responses, faulty[[0, 2]])
    with pytest.raises(SettingError, match="within 0 dB, but none does"):
        without_misfits(room, 0.0)
    encoded = replace(room, channels="foa")
    assert without_misfits(encoded) is encoded
    with pytest.raises(SettingError, match="must be capsules"):
        misfit_db(encoded)


def test_encoded_foa_gets_what_the_measured_array_gives() -> None:
    room = _room(EM32, 1)
    ideal = room.heard_by(IdealFoa(), 24_000)
    encoded = room.heard_by(EncodedFoa(TETRAHEDRON, 24_000), 24_000)
    np.testing.assert_array_equal(ideal.responses, encoded.responses)
    assert float(ideal.arrival[0]) / 24_000 == pytest.approx(0.004, abs=1 / 24_000)


def _intensity(
    foa: NDArray[np.float32], rate_hz: int, band_hz: tuple[float, float]
) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(foa, 8192, axis=-1)
    hz = np.fft.rfftfreq(8192, 1 / rate_hz)
    inside = (hz > band_hz[0]) & (hz < band_hz[1])
    flow = (spectrum[0].conj() * spectrum[[3, 1, 2]]).real[:, inside].sum(axis=1)
    azimuth, elevation = angles(flow)
    return unit_vector(float(azimuth), float(elevation))
