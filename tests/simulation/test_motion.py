"""What moves is heard late, shifted and from where it was: by closed forms, not by our own code."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import motion as bench
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import minimize
from scipy.signal import hilbert

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.core.event import Event
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import array_response, rigid_sphere_near
from sonoscope.simulation.impulses import Waves, impulse_table, response_of_waves
from sonoscope.simulation.motion import Heard, arrival_time, arrivals, heard_path, moving_sound
from sonoscope.simulation.paths import DIRECT, mirror
from sonoscope.simulation.reading import upsampled
from sonoscope.simulation.track import Track

RATE = 24_000
C = SPEED_OF_SOUND_M_S
FOA = impulse_table(IdealFoa(), RATE)
TETRA = impulse_table(Capsules(TETRAHEDRON), RATE)
ORIGIN = Track.still(np.zeros(3))
FLOOR = mirror(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.full(7, 0.5))


def times_of(heard: Heard) -> Float[ndarray, " sample"]:
    return np.asarray((heard.first + np.arange(heard.sound.shape[1])) / RATE)


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return torch.from_numpy(drawn.astype(np.float32))


def flight(speed: float, beside_m: float) -> Track:
    """Fly past the origin at time 0, along x, at a distance."""
    start = np.array([-2 * speed, beside_m, 0.0])
    return Track.straight(start, np.array([speed, 0.0, 0.0]), -2.0, 2.0)


def test_a_flight_past_has_the_retarded_times_of_its_closed_form() -> None:
    received = np.linspace(-1.0, 1.0, 500)
    for speed, beside in ((1.5, 0.5), (30.0, 1.0), (100.0, 2.0)):
        came = arrivals(flight(speed, beside), ORIGIN, [DIRECT], received)
        # (c² - v²) t_e² - 2 c² t t_e + c² t² - y² = 0, the earlier root.
        a, b = C**2 - speed**2, C**2 * received
        root = np.sqrt(b**2 - a * (b * received - beside**2))
        assert np.abs(came.emitted_s[0] - (b - root) / a).max() < 1e-10


def test_both_moving_the_sound_travels_at_its_speed() -> None:
    array = Track.circle(np.zeros(3), np.array([1.0, 0.0, 2.0]), 200.0, -1.0, 3.0)
    source = flight(20.0, 3.0)
    received = np.linspace(0.0, 1.5, 300)
    came = arrivals(source, array, [DIRECT, FLOOR], received)
    for path, emitted, far in zip((DIRECT, FLOOR), came.emitted_s, came.distance_m, strict=True):
        apart = path.image(source.at(emitted)) - array.at(received)
        assert np.abs(np.linalg.norm(apart, axis=1) - C * (received - emitted)).max() < 1e-7
        assert np.allclose(far, C * (received - emitted), atol=1e-7)
        assert np.abs(arrival_time(source, array, path, emitted) - received).max() < 1e-10


def test_between_the_nodes_of_the_grid_delays_err_by_less_than_a_thousandth_of_a_sample() -> None:
    source = flight(30.0, 2.0)
    step = 120  # 5 ms
    nodes = (np.arange(-1, 200) * step - RATE // 2) / RATE
    laid = upsampled(
        torch.from_numpy(arrivals(source, ORIGIN, [DIRECT], nodes).emitted_s * RATE), step
    )
    every = nodes[1] + np.arange(laid.shape[1]) / RATE
    exact = arrivals(source, ORIGIN, [DIRECT], every).emitted_s * RATE
    assert np.abs(laid.numpy() - exact).max() < 1e-3


@pytest.mark.parametrize("name", ["FOA", "tetra"])
@pytest.mark.parametrize("velocity", [1.5, -1.5])
@pytest.mark.parametrize("frequency", [200.0, 1_143.0, 8_000.0])
def test_a_radial_tone_keeps_its_level_has_its_doppler_and_no_jump(
    name: str, velocity: float, frequency: float
) -> None:
    table = FOA if name == "FOA" else TETRA
    measured = bench.radial_faults(bench.true_delays, table, frequency, velocity, 1.0)
    assert measured.ripple_db < 0.5
    assert measured.doppler_percent < 0.01
    assert measured.residual_db < -60


def test_the_measure_finds_the_comb_of_cross_faded_responses() -> None:
    # Steps of 0.1 s at 1.5 m/s: 0.437 ms apart, so the null is at 1143 Hz.
    measured = bench.radial_faults(bench.cross_fade(0.1), FOA, 1_143.0, 1.5, 1.0)
    assert measured.ripple_db > 30
    assert measured.residual_db > -20
    # At 200 Hz there is no null and yet a jump of slope at every step.
    gentle = bench.radial_faults(bench.cross_fade(0.1), FOA, 200.0, 1.5, 1.0)
    assert gentle.residual_db > -60


def test_a_moving_receiver_has_another_doppler_than_a_moving_source() -> None:
    speed = 40.0
    away = np.array([1.0, 0.0, 0.0])
    still, flying = Track.still(-2.0 * away), Track.straight(0 * away, speed * away, 0.0, 3.0)
    tone = bench.tone(1_000.0, 1.0)
    cases = [(still, flying, 1_000 * (1 - speed / C)), (flying, still, 1_000 / (1 + speed / C))]
    measured = []
    for source, array, wanted in cases:
        heard = moving_sound(tone, 0.1, source, array, [DIRECT], [FOA], RATE)[0]
        received = times_of(heard)
        inside = (received > 0.3) & (received < 0.8)
        level = heard.sound[0].numpy()[inside]
        phase = np.unwrap(np.angle(hilbert(level * np.hanning(len(level)))))
        middle = slice(len(level) // 5, -len(level) // 5)
        rate = np.polyfit(received[inside][middle], phase[middle], 1)[0] / (2 * np.pi)
        assert rate == pytest.approx(wanted, rel=1e-4)
        measured.append(rate)
    assert measured[1] - measured[0] > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "receiver",
    [
        IdealFoa(),
        Capsules(TETRAHEDRON),
        Capsules(replace(TETRAHEDRON, baffle="open")),
        EncodedFoa(TETRAHEDRON, RATE),
    ],
)
@pytest.mark.parametrize("distance_m", [1.1, 4.0])
def test_what_stands_still_is_heard_as_through_its_static_response(
    receiver: Receiver, distance_m: float
) -> None:
    table = impulse_table(receiver, RATE)
    direction = np.array([0.36, -0.48, 0.8])
    frequency = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    spectrum = np.fft.rfft(noise(0.5).numpy(), 2 * RATE)
    dry = np.fft.irfft(np.where((frequency > 40) & (frequency < 9_000), spectrum, 0))
    sound = torch.from_numpy(dry[: RATE // 2].astype(np.float32))
    source = Track.still(distance_m * direction)
    heard = moving_sound(sound, 0.0, source, ORIGIN, [DIRECT], [table], RATE)[0]
    waves = Waves(
        torch.from_numpy(direction[None]).float(),
        torch.tensor([RATE * distance_m / C + 1_000], dtype=torch.float64),
        torch.tensor([[1 / distance_m]]),
        torch.tensor([distance_m]),
    )
    response = response_of_waves(table, waves, 4_000)[0].double().numpy()
    air = DIRECT.spectrum(distance_m, frequency, RATE)
    static = np.fft.irfft(
        np.fft.rfft(sound.numpy(), 2 * RATE) * air * np.fft.rfft(response, 2 * RATE)
    )
    inside = np.arange(RATE // 8, RATE * 3 // 8)
    ours = heard.sound[:, torch.from_numpy(inside - heard.first)].numpy()
    error = ours - static[:, inside + 1_000]
    assert 10 * np.log10(np.mean(error**2) / np.mean(ours**2)) < -45


def test_an_array_that_turns_hears_the_same_w_and_turned_y_and_x() -> None:
    source = Track.still(np.array([2.0, 1.0, 0.5]))
    times = np.linspace(0.0, 2.0, 9)
    turning = Track(times, np.zeros((9, 3)), np.deg2rad(60) * times)
    sound = noise(1.0)
    still = moving_sound(sound, 0.0, source, ORIGIN, [DIRECT], [FOA], RATE)[0]
    turned = moving_sound(sound, 0.0, source, turning, [DIRECT], [FOA], RATE)[0]
    offset = turned.first - still.first
    assert offset == 0
    w, y, z, x = still.sound.numpy()
    yaw = np.deg2rad(60) * np.clip(times_of(still), 0, 2)
    scale = np.abs(w).max()
    for channel, wanted in enumerate(
        [w, y * np.cos(yaw) - x * np.sin(yaw), z, x * np.cos(yaw) + y * np.sin(yaw)]
    ):
        assert np.abs(turned.sound[channel].numpy() - wanted).max() < 2e-4 * scale


def test_a_near_source_has_more_bass_in_order_one() -> None:
    # Relative to W: 1 + c / (r (iω + 2π 20 Hz)), in the phase of e^{+iωt}.
    source = Track(np.array([0.0, 9.0]), np.array([[1.0, 0.0, 0.0], [1.0, 1e-9, 0.0]]))
    for frequency in (60.0, 200.0, 1_000.0):
        heard = moving_sound(bench.tone(frequency, 1.0), 0.0, source, ORIGIN, [DIRECT], [FOA], RATE)
        steady = heard[0].sound[:, RATE // 4 : RATE // 4 + RATE // 2].double().numpy()
        line = steady @ np.exp(-2j * np.pi * frequency * np.arange(RATE // 2) / RATE)
        wanted = 1 + C / (2j * np.pi * frequency + 2 * np.pi * 20)
        assert abs(line[3] / line[0] - wanted) < 3e-3 * abs(wanted)
        assert abs(line[1] / line[0]) < 1e-3


def test_capsules_hear_the_curvature_of_waves_near_and_far() -> None:
    speed, frequency = 4.0, 200.0
    source = Track.straight(np.array([2.0, 0.0, 0.0]), np.array([speed, 0.0, 0.0]), 0.0, 3.0)
    tone = bench.tone(frequency, 2.0)
    foa, tetra = moving_sound(tone, 0.0, source, ORIGIN, [DIRECT], [FOA, TETRA], RATE)
    doppler = frequency / (1 + speed / C)
    cosine = TETRAHEDRON.directions[:, 0]
    for moment in (0.2, 1.0, 1.9):
        at = round(moment * RATE)
        turn = np.hanning(1_200) * np.exp(-2j * np.pi * doppler * np.arange(1_200) / RATE)
        w = foa.sound[0, at - foa.first :][:1_200].numpy() @ turn
        capsules = tetra.sound[:, at - tetra.first :][:, :1_200].numpy() @ turn
        far = 2.0 + speed * (C * (moment + 0.025) - 2.0) / (C + speed)
        exact = rigid_sphere_near(cosine, np.array([doppler]), TETRAHEDRON.radius_m, far)[0]
        assert np.abs(capsules / w - exact).max() < 3e-3


def test_crossing_the_edge_of_the_near_field_makes_no_jump() -> None:
    # From 2 to 4 m: the table of the rigid sphere treats waves as flat beyond 3 m.
    measured = bench.radial_faults(bench.true_delays, TETRA, 300.0, 2.0, 1.0)
    assert measured.residual_db < -60


def test_nothing_is_cut_and_the_floor_comes_later_and_weaker() -> None:
    source = Track.straight(np.array([4.0, 0.0, 3.0]), np.array([1.0, 0.0, 0.0]), 0.0, 2.0)
    array = Track.still(np.array([0.0, 0.0, 1.5]))
    click = torch.zeros(RATE)
    click[[0, -1]] = 1.0
    for heard in moving_sound(click, 0.5, source, array, [DIRECT, FLOOR], [FOA, TETRA], RATE):
        level = heard.sound.abs().amax(0).numpy()
        times = times_of(heard)
        for path, gain in ((DIRECT, 1.0), (FLOOR, 0.5)):
            for emitted in (0.5, 0.5 + (RATE - 1) / RATE):
                arrived = arrival_time(source, array, path, np.array([emitted]))[0]
                far = C * (arrived - emitted)
                peak = level[np.abs(times - arrived) < 5e-4].max()
                assert 0.4 * gain / far < peak < 1.6 * gain / far
        assert level[:10].max() < 0.01 * level.max()
        assert level[-10:].max() < 0.01 * level.max()


def test_air_takes_its_share_of_a_source_that_flies_off() -> None:
    source = Track.straight(np.array([1.0, 0.0, 0.0]), np.array([30.0, 0.0, 0.0]), 0.0, 2.0)
    heard = moving_sound(bench.tone(8_000.0, 1.5), 0.0, source, ORIGIN, [DIRECT], [FOA], RATE)[0]
    received = times_of(heard)
    emitted = (C * received - 1) / (C + 30)
    for moment in (0.2, 0.6, 1.0, 1.4):
        some = np.abs(emitted - moment) < 0.01
        far = 1 + 30 * emitted[some]
        level = np.sqrt(2 * np.mean((heard.sound[0].numpy()[some] * far) ** 2))
        lost = float(absorption_db_m([8_000 / (1 + 30 / C)])[0]) * far.mean()
        assert 20 * np.log10(level) == pytest.approx(-lost, abs=0.2)


def test_receivers_together_hear_what_they_hear_alone() -> None:
    source, array, paths = bench.walk(0.3)
    sound = noise(0.3)
    both = moving_sound(sound, 0.0, source, array, paths, [FOA, TETRA], RATE)
    for table, together in zip((FOA, TETRA), both, strict=True):
        alone = moving_sound(sound, 0.0, source, array, paths, [table], RATE)[0]
        assert alone.first == together.first
        assert torch.equal(alone.sound, together.sound)


def test_the_truth_is_told_in_times_of_reception() -> None:
    source = Track.circle(np.zeros(3), np.array([3.43, 0.0, 0.0]), 100.0, -1.0, 4.0)
    path = heard_path(source, ORIGIN, 0.5, 1.5)
    assert path.onset_s == pytest.approx(0.51)
    assert path.offset_s == pytest.approx(1.51)
    azimuth = np.unwrap([waypoint.azimuth for waypoint in path.waypoints])
    times = np.array([waypoint.time_s for waypoint in path.waypoints])
    turned = np.deg2rad(100) * (times - 0.01 + 1)
    assert np.abs(azimuth - azimuth[0] - (turned - turned[0])).max() < 1e-6
    assert np.abs(np.angle(np.exp(1j * (azimuth - turned)))).max() < 1e-6
    assert np.diff(times).max() <= 0.1 + 1e-9
    still = heard_path(Track.still(np.array([0.0, 3.43, 0.0])), ORIGIN, 1.0, 2.0)
    assert len(still.waypoints) == 1
    assert still.offset_s == pytest.approx(2.01)


def moving_event() -> tuple[Track, Heard, Heard, Event]:
    source = Track.circle(np.zeros(3), np.array([2.0, 0.5, 0.8]), 40.0, -0.1, 1.2)
    foa, tetra = moving_sound(noise(1.0), 0.0, source, ORIGIN, [DIRECT], [FOA, TETRA], RATE)
    path = heard_path(source, ORIGIN, 0.0, 1.0)
    return source, foa, tetra, Event("noise", path.onset_s, path.offset_s, path.waypoints)


def test_foa_intensity_points_where_the_label_says() -> None:
    _, heard, _, event = moving_event()
    window = RATE // 50
    for start in range(round(0.05 * RATE), round(0.95 * RATE), window):
        w, y, z, x = heard.sound[:, start - heard.first : start - heard.first + window].numpy()
        intensity = np.array([w @ x, w @ y, w @ z])
        label = event.direction_at((start + (window - 1) / 2) / RATE)
        assert np.rad2deg(angle_between(intensity, label)) < 0.5


def likeliest(piece: Float[ndarray, "capsule sample"]) -> Float[ndarray, "3"]:
    """Find the direction whose plane wave explains most: maximum likelihood in white noise."""
    frequency = np.fft.rfftfreq(piece.shape[1], 1 / RATE)
    used = (frequency > 300) & (frequency < 8_000)
    spectrum = np.fft.rfft(piece * np.hanning(piece.shape[1]))[:, used].T

    def explained(direction: ndarray) -> ndarray:
        unit = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        steering = array_response(TETRAHEDRON, unit, frequency[used])
        match = np.abs(np.einsum("fcd,fc->fd", steering.conj(), spectrum)) ** 2
        return np.asarray((match / np.sum(np.abs(steering) ** 2, axis=1)).sum(axis=0))

    grid = sphere_grid(400)
    first = grid[explained(grid).argmax()]
    basis = np.linalg.svd(first[None])[2][1:]
    total = np.sum(np.abs(spectrum) ** 2)

    def missed(t: ndarray) -> float:
        return -float(explained((first + t @ basis)[None])[0] / total)

    found = minimize(
        missed,
        np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-9, "initial_simplex": 0.1 * np.eye(3)[:, :2]},
    )
    best = first + found.x @ basis
    return np.asarray(best / np.linalg.norm(best))


@pytest.mark.slow
def test_the_capsules_hear_it_where_the_label_says() -> None:
    _, _, heard, event = moving_event()
    window = RATE // 50
    for start in range(round(0.05 * RATE), round(0.95 * RATE), 4 * window):
        piece = heard.sound[:, start - heard.first : start - heard.first + window].numpy()
        label = event.direction_at((start + (window - 1) / 2) / RATE)
        assert np.rad2deg(angle_between(likeliest(piece), label)) < 0.5


@pytest.mark.slow
def test_the_bench_prints_a_row_a_method_and_receiver(tmp_path: Path) -> None:
    table = bench.table(tmp_path, tmp_path, runs=1, seconds=0.3, tones=(1_143.0,))
    rows = [row for row in table.splitlines() if row.startswith(("| true", "| cross"))]
    assert len(rows) == 6
