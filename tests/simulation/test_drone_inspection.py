"""An array under a drone: delays, levels and places are what the truth says, and so are the bytes.

Nothing here uses a renderer's own arithmetic: distances come from places, levels from samples.
"""

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.errors import SettingError
from sonoscope.simulation.crane import PARTS, is_hidden
from sonoscope.simulation.discharge import Brush, Corona, Floating
from sonoscope.simulation.drone_families import drawn_drone_inspection, random_drone_inspection
from sonoscope.simulation.drone_inspection import (
    ARRAYS,
    ArrayName,
    DroneInspectionSettings,
    PartDischarge,
    drone_inspection,
)
from sonoscope.simulation.inspection import Family, stream

RATE = 96_000
ONE = DroneInspectionSettings(
    duration_s=0.2, sources=(PartDischarge("tank", Floating()),), snr_db=120.0
)


def spectra(samples: Float[ndarray, "capsule sample"]) -> tuple[ndarray, ndarray]:
    window = np.hanning(samples.shape[1])
    return np.fft.rfft(samples * window), np.fft.rfftfreq(samples.shape[1], 1 / RATE)


@pytest.mark.parametrize("array", ["spiral64", "ring64"])
def test_every_capsule_hears_it_when_and_as_loud_as_its_distance_says(array: ArrayName) -> None:
    made = drone_inspection(replace(ONE, array=array), 1)
    (place,) = made.truth.places
    far = np.linalg.norm(ARRAYS[array].positions - np.array(place.place_m), axis=1)
    heard, frequency = spectra(made.samples)
    inside = (frequency > 15_000) & (frequency < 38_000)
    cross = heard[:, inside] * np.conj(heard[0, inside])
    expected = -2j * np.pi * frequency[inside] * (far - far[0])[:, None] / SPEED_OF_SOUND_M_S
    rest = cross * np.exp(-expected)
    weight = np.abs(cross) * frequency[inside]
    off = (np.angle(rest) * weight).sum(axis=1) / (2 * np.pi * weight * frequency[inside]).sum(1)
    assert np.abs(off * RATE).max() < 1e-3  # samples
    assert np.ptp(far) / SPEED_OF_SOUND_M_S * RATE > 2
    louder = np.sqrt((np.abs(heard[:, inside]) ** 2).sum(1) / (np.abs(heard[0, inside]) ** 2).sum())
    loss = float(absorption_db_m([30_000.0])[0])
    wanted = far[0] / far * 10 ** (-loss * (far - far[0]) / 20)
    np.testing.assert_allclose(louder, wanted, rtol=2e-3)


def test_the_ratio_is_the_one_that_was_asked_for() -> None:
    """Below the pulses there is noise alone, so its share in the sum can be found by projection."""
    sources = (PartDischarge("brush 2", Brush()), PartDischarge("bolt 3", Corona(), level_db=-4.0))
    wanted = replace(ONE, sources=sources, snr_db=7.0)
    made, alone = drone_inspection(wanted, 2), drone_inspection(replace(wanted, sources=()), 2)
    assert alone.truth.snr_in_band_db is None
    frequency = np.fft.rfftfreq(made.samples.shape[1], 1 / RATE)
    both, noise = (np.fft.rfft(each.samples.astype(np.float64)) for each in (made, alone))
    low = frequency < 400
    share = (both * np.conj(noise))[:, low].real.sum() / (np.abs(noise[:, low]) ** 2).sum()
    signal, noise = both - share * noise, share * noise
    inside = (frequency >= 20_000) & (frequency <= 40_000)
    energy = [(np.abs(each[:, inside]) ** 2).sum() for each in (signal, noise)]
    assert abs(10 * np.log10(energy[0] / energy[1]) - 7) < 0.02
    whole = 10 * np.log10(energy[0] / (np.abs(noise) ** 2).sum() * 2) - 10 * np.log10(2)
    assert made.truth.snr_whole_db is not None
    assert abs(made.truth.snr_whole_db - whole) < 3.1  # two-sided energy outside the band


def test_levels_and_pulses_are_those_of_the_truth() -> None:
    made = drone_inspection(ONE, 3)
    (place,), (source,) = made.truth.places, made.truth.sources
    frequency = np.fft.rfftfreq(made.samples.shape[1], 1 / RATE)
    inside = (frequency >= 20_000) & (frequency <= 40_000)
    heard = np.fft.rfft(made.samples.astype(np.float64))
    power = 2 * (np.abs(heard[:, inside]) ** 2).sum() / 64 / made.samples.shape[1] ** 2
    assert abs(10 * np.log10(power) - place.level_db) < 0.1
    late = place.distance_m / SPEED_OF_SOUND_M_S
    middle = made.samples[0]
    off = (np.linalg.norm(ARRAYS["spiral64"].positions[0] - np.array(place.place_m))) / 343 - late
    for time, amplitude in zip(source.time_s, source.amplitude, strict=True):
        first = round((time + off) * RATE) - 30
        if 0 <= first < len(middle) - 60:
            near = np.abs(middle[first : first + 60])
            assert 0.4 * amplitude < near.max() < 1.3 * amplitude
            assert 20 < int(near.argmax()) < 45
    assert abs(float(np.abs(made.samples).max()) - ONE.peak) < 1e-6


def test_the_photograph_has_places_where_the_lens_puts_them() -> None:
    """Brown and Conrady by hand, with the camera's axes from its angles."""
    made = drone_inspection(replace(ONE, duration_s=0.05), 4)
    (place,), camera = made.truth.places, made.truth.settings.camera
    up, roll = np.deg2rad([camera.pose.elevation_deg or 0.0, camera.pose.roll_deg])
    x, y, z = np.array(place.place_m) - np.array(camera.pose.position_m)
    ahead = x * np.cos(up) + z * np.sin(up)
    right, down = -y, x * np.sin(up) - z * np.cos(up)
    right, down = (
        right * np.cos(roll) + down * np.sin(roll),
        down * np.cos(roll) - right * np.sin(roll),
    )
    a, b = right / ahead, down / ahead
    k1, k2, p1, p2 = camera.distortion[:4]
    square = a * a + b * b
    gain = 1 + k1 * square + k2 * square**2
    u = a * gain + 2 * p1 * a * b + p2 * (square + 2 * a * a)
    v = b * gain + p1 * (square + 2 * b * b) + 2 * p2 * a * b
    expected = np.array([u, v]) * camera.focal_px + camera.centre_px
    assert place.pixel is not None
    np.testing.assert_allclose(place.pixel, expected, atol=1e-6)
    assert place.pixel == tuple(camera.project(np.array([place.place_m]))[0])


def test_an_echo_is_flagged_and_heard_from_its_image() -> None:
    wanted = replace(ONE, sources=(PartDischarge("bolt 3", Floating()),))
    with_door = drone_inspection(wanted, 5)
    bare = drone_inspection(replace(wanted, view=replace(wanted.view, sheet=0.0)), 5)
    source, echo = with_door.truth.places
    assert [each.is_reflection for each in (source, echo)] == [False, True]
    assert (echo.number, echo.part, echo.kind) == (0, "bolt 3", "floating")
    assert bare.truth.places[0].place_m == source.place_m
    assert len(bare.truth.places) == 1
    scale = 10 ** ((source.level_db - bare.truth.places[0].level_db) / 20)
    rest = with_door.samples - np.float32(scale) * bare.samples
    heard, frequency = spectra(rest)
    far = np.linalg.norm(ARRAYS["spiral64"].positions - np.array(echo.place_m), axis=1)
    inside = (frequency > 20_000) & (frequency < 30_000)
    cross = heard[:, inside] * np.conj(heard[0, inside])
    turn = 2j * np.pi * frequency[inside] * (far - far[0])[:, None] / SPEED_OF_SOUND_M_S
    phase = np.angle((cross * np.exp(turn)).sum(axis=1))
    assert np.abs(phase).max() < 0.01  # 1e-7 s


def test_a_number_is_one_recording_whatever_came_before() -> None:
    first = random_drone_inspection("a", 6, duration_s=0.05)
    other = random_drone_inspection("a", 7, duration_s=0.05)
    again = random_drone_inspection("a", 6, duration_s=0.05)
    assert first.samples.tobytes() == again.samples.tobytes()
    assert first.picture.tobytes() == again.picture.tobytes()
    assert first.truth.places == again.truth.places
    assert first.samples.tobytes() != other.samples.tobytes()


def test_the_ratio_changes_the_level_of_the_noise_alone() -> None:
    loud, faint = (random_drone_inspection("b", 8, snr_db=x, duration_s=0.05) for x in (20.0, 0.0))
    assert [p.place_m for p in loud.truth.places] == [p.place_m for p in faint.truth.places]
    for one, other in zip(loud.truth.sources, faint.truth.sources, strict=True):
        np.testing.assert_array_equal(one.time_s, other.time_s)


@pytest.mark.parametrize("family", ["a", "b"])
def test_draws_are_in_sight_apart_and_of_parts_that_do_so(family: Family) -> None:
    echoes = 0
    for seed in range(60):
        wanted = drawn_drone_inspection(family, stream(seed, 77))
        places = np.stack([wanted.view.part(name) for name in PARTS])
        assert wanted.camera.shows(wanted.camera.project(places)).all()
        chosen = np.stack([wanted.view.part(source.part) for source in wanted.sources])
        apart = np.linalg.norm(chosen[:, None] - chosen, axis=2) + 9 * np.eye(len(chosen))
        assert apart.min() > 0.45
        for source, place in zip(wanted.sources, chosen, strict=True):
            assert source.discharge.kind in PARTS[source.part].kinds
            assert not is_hidden(wanted.view.door, place, np.zeros(3))
        echoes += wanted.view.door_deg > 89
    assert 20 < echoes < 50
    with pytest.raises(SettingError, match="must leave"):
        drawn_drone_inspection(family, stream(0, 1), kinds=("particle", "particle"))
