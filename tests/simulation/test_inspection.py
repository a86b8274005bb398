"""Recordings obey distance, air, delay, motion and levels, and are the same bytes again."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import hilbert

from sonoscope.core.air import absorption_db_m
from sonoscope.core.errors import SettingError
from sonoscope.simulation.clicks import PulseShape
from sonoscope.simulation.discharge import Brush, Corona, Floating, Internal
from sonoscope.simulation.disturbance import FloorNoise, RainNoise
from sonoscope.simulation.inspection import (
    NOTICE,
    AirSettings,
    Hall,
    InspectionSettings,
    OpenAir,
    ReceiverSettings,
    SourceSettings,
    as_json,
    band_energy,
    inspection,
    late_response,
)
from sonoscope.simulation.mains import MainsSettings
from sonoscope.simulation.room import Surfaces, acoustics

RATE = 96_000
PLAIN = PulseShape("ringing", 30_000.0, 2.0, variation=0.0)
SPARSE = Brush(wheel_hz=7.4, segments=6, sparks=1.0, missed=0.0)
FREE = OpenAir(ground=None)


def alone(distance_m: float, **more: object) -> InspectionSettings:
    """One sparse source in free field, no noise, levels as they are."""
    source = SourceSettings(SPARSE, PLAIN, (distance_m, 0.0, 1.5))
    return InspectionSettings(sources=(source,), place=FREE, duration_s=1.0, **more)  # type: ignore[arg-type]


def test_pulses_arrive_when_and_as_strong_as_the_truth_says() -> None:
    made = inspection(alone(3.43), 0)
    (truth,) = made.truth.sources
    envelope = np.abs(hilbert(made.samples))
    for time, amplitude in zip(truth.time_s[1:-1], truth.amplitude[1:-1], strict=True):
        middle = round(time * RATE)
        near = envelope[middle - 20 : middle + 21]
        assert abs(int(near.argmax()) - 20) <= 2
        # air takes the upper flank of the pulse's band more than its centre
        assert abs(20 * np.log10(near.max() / amplitude)) < 0.6
    assert np.abs(truth.distance_m - 3.43).max() < 1e-9
    assert truth.time_s.min() >= 0
    assert truth.time_s.max() < 1


def test_the_pattern_is_late_by_its_distance() -> None:
    near, far = (inspection(alone(metres), 1).truth.sources[0] for metres in (1.0, 11.29))
    late = 50 * 10.29 / 343  # 30 ms, a cycle and a half
    assert np.allclose(far.grid_turns, near.grid_turns - late, atol=1e-4)


@pytest.mark.parametrize("air", [AirSettings(), AirSettings(5.0, 80.0)])
def test_distance_and_air_take_what_they_should_at_every_frequency(air: AirSettings) -> None:
    """Between 2 and 12 m, apart from the distances themselves, in dB, from 10 to 42 kHz."""
    levels = []
    for distance in (2.0, 12.0):
        source = SourceSettings(
            Floating(spread=0.0, spread_db=0.0), PulseShape("bipolar", variation=0.0),
            (distance, 0.0, 1.5),
        )  # fmt: skip
        wanted = InspectionSettings(sources=(source,), place=FREE, air=air, duration_s=0.2)
        made = inspection(wanted, 3)
        (truth,) = made.truth.sources
        loss = absorption_db_m(
            [source.shape.centre_hz],
            temperature_c=air.temperature_c,
            humidity_percent=air.humidity_percent,
        )[0]
        whole = truth.amplitude[2] * distance * 10 ** (loss * distance / 20)
        first = round(truth.time_s[2] * RATE) - 25
        cut = made.samples[first : first + 100].astype(np.float64)
        levels.append(20 * np.log10(np.abs(np.fft.rfft(cut)) * distance / whole))
    frequency = np.fft.rfftfreq(100, 1 / RATE)
    heard = (frequency > 10_000) & (frequency < 39_000)
    expected = 10 * absorption_db_m(
        frequency, temperature_c=air.temperature_c, humidity_percent=air.humidity_percent
    )
    assert np.abs(levels[0] - levels[1] - expected)[heard].max() < 0.35


def test_air_at_ultrasound_is_what_tables_have() -> None:
    """ISO 9613-1 table 1 at 10 kHz; at 40 kHz the 1.3 dB/m that makers of sensors reckon with."""
    assert abs(absorption_db_m([10_000.0])[0] / 0.159 - 1) < 0.01
    assert abs(absorption_db_m([40_000.0])[0] / 1.3 - 1) < 0.05


@pytest.mark.parametrize(("nominal_hz", "degrees_a_metre"), [(50.0, 52.5), (60.0, 63.0)])
def test_phase_turns_with_the_distance_of_a_receiver_that_moves(
    nominal_hz: float, degrees_a_metre: float
) -> None:
    source = SourceSettings(Corona(), PLAIN, (10.0, 0.0, 1.5))
    wanted = InspectionSettings(
        sources=(source,),
        place=FREE,
        mains=MainsSettings(nominal_hz),
        receiver=ReceiverSettings((0.0, 0.0, 1.5), (2.0, 0.0, 0.0)),
    )
    (truth,) = inspection(wanted, 5).truth.sources
    grid = truth.grid_s[:-1]
    advance = np.polyfit(grid, truth.grid_turns[:-1] - nominal_hz * grid, 1)[0]
    assert abs(advance * 360 / 2.0 - degrees_a_metre) < 0.1
    # and so do the pulses themselves: their cluster, folded at the mains, wanders
    folded = np.unwrap(np.angle(np.exp(2j * np.pi * nominal_hz * truth.time_s)))
    turn = np.rad2deg(np.polyfit(truth.time_s, folded, 1)[0])
    assert abs(-turn / 2.0 / degrees_a_metre - 1) < 0.05


def test_the_moving_receiver_hears_each_pulse_where_it_is_by_then() -> None:
    wanted = alone(8.0, receiver=ReceiverSettings((0.0, 0.0, 1.5), (3.0, 0.0, 0.0)))
    made = inspection(wanted, 2)
    (truth,) = made.truth.sources
    assert np.abs(truth.distance_m - (8 - 3 * truth.time_s)).max() < 1e-6
    envelope = np.abs(hilbert(made.samples))
    for time, amplitude in zip(truth.time_s[1:-1], truth.amplitude[1:-1], strict=True):
        near = envelope[round(time * RATE) - 15 : round(time * RATE) + 16]
        assert abs(20 * np.log10(near.max() / amplitude)) < 1.2


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5])
@pytest.mark.parametrize("definition", ["whole", "in_band"])
def test_the_ratio_of_levels_is_as_asked(snr_db: float, definition: str) -> None:
    source = SourceSettings(Internal(), PLAIN)
    noises = (FloorNoise(level_db=0.0), RainNoise(level_db=-3.0))
    asked = InspectionSettings(
        sources=(source,),
        beds=noises,
        place=FREE,
        snr_db=snr_db,
        snr="whole" if definition == "whole" else "in_band",
        duration_s=0.5,
    )
    made = inspection(asked, 4)
    quiet = inspection(InspectionSettings(beds=noises, duration_s=0.5), 4)
    # the noise is the same in both; what is left of the mix is the discharge
    mixed, noise = made.samples.astype(np.float64), quiet.samples.astype(np.float64)
    before = mixed[:100] @ noise[:100] / (noise[:100] @ noise[:100])
    noise = before * noise
    signal = band_energy(mixed - noise, RATE, asked.band_hz)
    if definition == "whole":
        heard = float(np.square(noise).sum())
        told = made.truth.snr_db
    else:
        heard = band_energy(noise, RATE, asked.band_hz)
        told = made.truth.snr_in_band_db
    assert abs(10 * np.log10(signal / heard) - snr_db) < 0.1
    assert told == pytest.approx(snr_db)


def test_energy_in_the_whole_band_is_the_energy() -> None:
    for length in (999, 1_000):
        samples = np.random.default_rng(0).standard_normal(length)
        whole = band_energy(samples, RATE, (0.0, RATE / 2))
        assert whole == pytest.approx(float(samples @ samples))
        halves = band_energy(samples, RATE, (0.0, 20_000.0)) + band_energy(
            samples, RATE, (20_000.001, RATE / 2)
        )
        assert halves == pytest.approx(whole)


def test_two_sources_are_the_sum_of_what_each_sends() -> None:
    one = SourceSettings(Corona(), PLAIN, (3.0, 1.0, 2.0))
    other = SourceSettings(Floating(), PulseShape("bipolar"), (4.0, -1.0, 2.0), level_db=-3.0)
    both = inspection(InspectionSettings(sources=(one, other), duration_s=0.5), 6)
    assert both.truth.kinds == ("corona", "floating")
    single = inspection(InspectionSettings(sources=(one,), duration_s=0.5), 6)
    gain = both.truth.sources[0].amplitude[0] / single.truth.sources[0].amplitude[0]
    left = both.samples - gain * single.samples
    times = both.truth.sources[1].time_s
    inside = np.zeros(len(left), bool)
    for time in times:
        inside[max(round(time * RATE) - 40, 0) : round(time * RATE) + 110] = True
    assert np.abs(left[~inside]).max() < 1e-3 * np.abs(left).max()


def test_a_mirror_gives_a_second_later_weaker_pulse() -> None:
    source = SourceSettings(SPARSE, PLAIN, (4.0, 0.0, 1.5))
    wall = ((-2.0, 0.0, 0.0), (1.0, 0.0, 0.0), "concrete")
    made = inspection(
        InspectionSettings(
            sources=(source,), place=OpenAir(ground=None, walls=(wall,)), duration_s=1.0
        ),
        7,
    )
    (truth,) = made.truth.sources
    envelope = np.abs(hilbert(made.samples))
    loss = float(absorption_db_m([PLAIN.centre_hz])[0])
    for time, amplitude in zip(truth.time_s[:-1], truth.amplitude[:-1], strict=True):
        at = round((time + 4.0 / 343) * RATE)  # 2 m to the wall, and back
        if at + 20 < len(envelope):
            echo = envelope[at - 15 : at + 16].max()
            expected = amplitude * 4 / 8 * 10 ** (-loss * 4 / 20)
            assert abs(20 * np.log10(echo / expected)) < 1.2


def test_late_sound_of_a_hall_decays_as_its_walls_and_air_have_it() -> None:
    hall = Hall(size_m=(20.0, 10.0, 6.0), surfaces=Surfaces("brick"))
    responses = [
        late_response(hall, RATE, np.random.default_rng(seed)).astype(np.float64)
        for seed in range(24)
    ]
    frequency = np.fft.rfftfreq(len(responses[0]), 1 / RATE)
    band = (frequency > 14_000) & (frequency < 18_000)
    energy = np.mean(
        [np.fft.irfft(np.fft.rfft(one) * band, len(one)) ** 2 for one in responses], axis=0
    )
    time = np.arange(len(energy)) / RATE
    x, y, z = hall.size_m
    free_s = 2 * x * y * z / (x * y + y * z + z * x) / 343
    window = (time > 2.2 * free_s) & (time < 2.2 * free_s + 0.06)
    slope = np.polyfit(time[window], 10 * np.log10(energy[window] + 1e-30), 1)[0]
    t60 = acoustics(hall.room, RATE).t60_s[7]  # 16 kHz
    assert abs(-60 / slope / t60 - 1) < 0.15


def test_a_hall_sounds_longer_than_open_air() -> None:
    source = SourceSettings(SPARSE, PLAIN, (8.0, 4.0, 2.0))
    ear = ReceiverSettings((4.0, 5.0, 1.5))
    kurtosis = {}
    for place in (FREE, Hall(size_m=(12.0, 8.0, 4.0))):
        made = inspection(
            InspectionSettings(sources=(source,), place=place, receiver=ear, duration_s=0.5), 8
        )
        wave = made.samples.astype(np.float64)
        kurtosis[place.kind] = float((wave**4).mean() / (wave**2).mean() ** 2)
    assert kurtosis["hall"] < 0.5 * kurtosis["open"]


def test_same_seed_same_bytes_whatever_came_before() -> None:
    wanted = InspectionSettings(
        sources=(SourceSettings(Corona()), SourceSettings(Floating(), position_m=(2.0, 2.0, 2.0))),
        beds=(FloorNoise(), RainNoise()),
        snr_db=3.0,
        duration_s=0.3,
    )
    first = inspection(wanted, 11)
    inspection(wanted, 12)
    again = inspection(wanted, 11)
    assert first.samples.tobytes() == again.samples.tobytes()
    assert as_json(first.truth) == as_json(again.truth)
    assert first.samples.tobytes() != inspection(wanted, 12).samples.tobytes()


def test_truth_says_that_it_is_simulated_and_can_be_read() -> None:
    made = inspection(alone(2.0), 9)
    told = json.loads(as_json(made.truth))
    assert told["notice"] == NOTICE
    assert "simulated" in told["notice"]
    assert told["kinds"] == ["brush"]
    assert len(told["sources"][0]["time_s"]) == len(made.truth.sources[0].time_s)
    assert "time_s" not in json.loads(as_json(made.truth, pulses=False))["sources"][0]
    assert abs(np.array(told["mains"]["hz"]) - 50).max() < 1e-9


def test_silence_is_silent_and_noise_has_no_sources() -> None:
    silent = inspection(InspectionSettings(duration_s=0.1), 0)
    assert not silent.samples.any()
    noise = inspection(InspectionSettings(beds=(FloorNoise(),), duration_s=0.1, peak=0.25), 0)
    assert noise.truth.kinds == ()
    assert noise.truth.snr_db is None
    assert float(np.abs(noise.samples).max()) == pytest.approx(0.25)


@pytest.mark.parametrize("rate_hz", [96_000, 192_000])
def test_any_rate_gives_the_same_recording(rate_hz: int) -> None:
    made = inspection(alone(2.0, rate_hz=rate_hz), 10)
    assert made.samples.shape == (rate_hz,)
    assert made.samples.dtype == np.float32
    (truth,) = made.truth.sources
    (other,) = inspection(alone(2.0), 10).truth.sources
    assert np.allclose(truth.time_s, other.time_s)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValidationError, match="band_hz"):
        InspectionSettings(band_hz=(20_000.0, 60_000.0))
    with pytest.raises(ValidationError, match="inside the hall"):
        InspectionSettings(place=Hall(), sources=(SourceSettings(Corona(), position_m=(99, 1, 1)),))
    with pytest.raises(SettingError, match="seed"):
        inspection(InspectionSettings(beds=(FloorNoise(),), duration_s=0.1), -1)
