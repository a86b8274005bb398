"""Waves read from a table are the waves of theory, for every kind of receiver."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import angles, sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.ambisonics import array_encoder, rotate_foa
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver, plane_wave_response
from sonoscope.signal.sphere import array_response_near
from sonoscope.simulation.impulses import (
    ImpulseTable,
    Waves,
    coloured,
    impulse_table,
    impulses_of,
    response_of_waves,
)

RATE = 24_000
SPEED = 343.0
OPEN = on_sphere("open", [(45.0, 35.0), (-45.0, -35.0), (135.0, -35.0), (0.0, 90.0)], 0.1, "open")
FORESIGHT = 2_048
"""An encoder's low frequencies begin before the wave; so long after 0 nothing of them is cut."""

EVERY_KIND = (IdealFoa(), Capsules(TETRAHEDRON), Capsules(OPEN), EncodedFoa(EM32, RATE))


def drawn(
    count: int, latest: float, lines: int = 1, distance_m: float = np.inf, seed: int = 0
) -> Waves:
    """Waves from anywhere, at any time from sample 80 on."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return Waves(
        torch.from_numpy(direction).float(),
        torch.from_numpy(rng.uniform(80, latest, count)),
        torch.from_numpy(rng.standard_normal((count, lines))).float(),
        torch.full((count,), distance_m),
    )


def spectrum(
    response: torch.Tensor, frequency: Float[ndarray, " frequency"], rate: int
) -> Complex[ndarray, "frequency channel"]:
    time = np.arange(response.shape[-1]) / rate
    turn = np.exp(-2j * np.pi * frequency[:, None] * time)
    return np.asarray(turn @ response.detach().double().numpy().T)


def each_in_theory(
    receiver: Receiver, waves: Waves, frequency: Float[ndarray, " frequency"], rate: int
) -> Complex[ndarray, "frequency channel wave"]:
    """The first line of plane waves in the frequency domain, in float64."""
    direction = waves.direction.double().numpy()
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    response = plane_wave_response(receiver, direction, frequency)
    turn = np.exp(-2j * np.pi * frequency[:, None, None] * waves.delay.numpy() / rate)
    return np.asarray(response * turn * waves.gain[:, 0].double().numpy())


def error_db(
    heard: Complex[ndarray, "frequency channel"], wanted: Complex[ndarray, "frequency channel"]
) -> float:
    power = (np.abs(wanted) ** 2).sum()
    return float(10 * np.log10(1e-15 + (np.abs(heard - wanted) ** 2).sum() / power))


def worst_single_wave_db(receiver: Receiver, rate: int, count: int = 40) -> float:
    """The worst of many waves, each by itself, from 100 Hz to 0.8 Nyquist, over all channels."""
    table, waves = impulse_table(receiver, rate), later(drawn(count, 900.0), FORESIGHT)
    frequency = np.linspace(100, 0.8 * rate / 2, 80)
    wanted = each_in_theory(receiver, waves, frequency, rate)
    alone = [Waves(*(part[i : i + 1] for part in parts_of(waves))) for i in range(count)]
    length = 1_500 + (FORESIGHT if table.colour is None else 2 * FORESIGHT)
    heard = torch.cat([response_of_waves(table, one, length)[0] for one in alone])
    each = spectrum(heard, frequency, rate).reshape(len(frequency), count, -1)
    return max(error_db(each[:, i], wanted[:, :, i]) for i in range(count))


def later(waves: Waves, samples: float) -> Waves:
    return Waves(waves.direction, waves.delay + samples, waves.gain, waves.distance_m)


def parts_of(waves: Waves) -> tuple[torch.Tensor, ...]:
    return waves.direction, waves.delay, waves.gain, waves.distance_m


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000, 192_000])
@pytest.mark.parametrize("receiver", EVERY_KIND[:3], ids=["foa", "rigid", "open"])
def test_a_single_wave_is_the_exact_one_to_minus_fifty_db(receiver: Receiver, rate: int) -> None:
    assert worst_single_wave_db(receiver, rate) < -50


def test_a_large_sphere_is_as_exact() -> None:
    large = on_sphere("large", [(0.0, 0.0), (90.0, 0.0)], 0.0875)
    assert worst_single_wave_db(Capsules(large), 48_000) < -50


@pytest.mark.parametrize("array", [EM32, TETRAHEDRON], ids=["em32", "tetra"])
def test_encoded_foa_is_the_exact_one_to_minus_fifty_db(array: MicArray) -> None:
    assert worst_single_wave_db(EncodedFoa(array, RATE), RATE) < -50


@pytest.mark.slow
def test_encoded_foa_at_48_khz() -> None:
    assert worst_single_wave_db(EncodedFoa(EM32, 48_000), 48_000, 20) < -50


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
@pytest.mark.parametrize("count", [12, 3_000])
def test_a_crowd_of_waves_is_their_exact_sum(receiver: Receiver, count: int) -> None:
    waves, frequency = later(drawn(count, 1_400.0), FORESIGHT), np.linspace(100, 9_600, 60)
    table = impulse_table(receiver, RATE)
    heard = spectrum(response_of_waves(table, waves, 3_000 + FORESIGHT)[0], frequency, RATE)
    assert error_db(heard, each_in_theory(receiver, waves, frequency, RATE).sum(2)) < -55


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
def test_few_and_many_waves_are_summed_to_the_same(receiver: Receiver) -> None:
    # A few waves are added one by one, a crowd by bags in parts; late ones beyond the end are cut.
    table = impulse_table(receiver, RATE)
    waves = drawn(9_000, 1_500.0, 2)
    crowd = response_of_waves(table, waves, 1_000)
    pieces = zip(*(torch.split(part, 50) for part in parts_of(waves)), strict=True)
    apart = torch.stack([response_of_waves(table, Waves(*piece), 1_000) for piece in pieces])
    assert (crowd - apart.sum(0)).abs().max() < 1e-5 * crowd.abs().max()


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
def test_lines_are_summed_apart_and_order_does_not_matter(receiver: Receiver) -> None:
    table, waves = impulse_table(receiver, RATE), drawn(700, 600.0, 3, distance_m=2.0)
    heard = response_of_waves(table, waves, 700)
    assert heard.shape == (3, table.receiver.n_channels, 700)
    one = Waves(waves.direction, waves.delay, waves.gain[:, 1:2], waves.distance_m)
    assert (response_of_waves(table, one, 700)[0] - heard[1]).abs().max() < 1e-5
    order = torch.from_numpy(np.random.default_rng(1).permutation(700))
    turned = response_of_waves(table, Waves(*(part[order] for part in parts_of(waves))), 700)
    assert (turned - heard).abs().max() < 1e-5 * heard.abs().max()


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
def test_waves_are_cut_at_both_ends(receiver: Receiver) -> None:
    table = impulse_table(receiver, RATE)
    early, middle, late = (drawn(1, 100.0, seed=2) for _ in range(3))
    early, late = moved(early, -9_000.0), moved(late, 9_000.0)
    together = Waves(
        *(torch.cat(x) for x in zip(*map(parts_of, (early, middle, late)), strict=True))
    )
    alone = response_of_waves(table, middle, 3_000)
    assert (response_of_waves(table, together, 3_000) - alone).abs().max() < 1e-6
    if table.colour is None:  # what comes later sounds before in the lows of encoded FOA
        short = response_of_waves(table, middle, 90)
        assert (short - alone[..., :90]).abs().max() < 1e-6
    none = Waves(*(part[:0] for part in parts_of(middle)))
    assert response_of_waves(table, none, 50).abs().max() == 0


def moved(waves: Waves, delay: float) -> Waves:
    return Waves(waves.direction, waves.delay * 0 + delay, waves.gain, waves.distance_m)


def test_late_arrivals_keep_their_fraction_of_a_sample() -> None:
    table, late = impulse_table(IdealFoa(), RATE), 40 * RATE  # float32 counts sixteenths there
    soon = response_of_waves(table, moved(drawn(1, 90.0), 40.3), 80)
    then = response_of_waves(table, moved(drawn(1, 90.0), late + 40.3), late + 80)
    assert (then[..., late:] - soon).abs().max() < 1e-6


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_near_sources_on_a_rigid_sphere_are_equation_two(rate: int) -> None:
    table, frequency = impulse_table(Capsules(TETRAHEDRON), rate), np.linspace(50, 0.4 * rate, 80)
    for seed, distance in enumerate((0.1, 0.17, 0.4, 1.0, 2.9)):
        wave = drawn(1, 400.0, distance_m=distance, seed=seed)
        heard = spectrum(response_of_waves(table, wave, 1_024)[0], frequency, rate)
        assert error_db(heard, near_in_theory(TETRAHEDRON, wave, frequency, rate)) < -50


def test_near_sources_at_an_open_array_come_by_their_own_way_to_each_capsule() -> None:
    table, frequency = impulse_table(Capsules(OPEN), RATE), np.linspace(50, 9_600, 80)
    for distance in (0.3, 1.0, 10.0):
        wave = drawn(1, 400.0, distance_m=distance)
        heard = spectrum(response_of_waves(table, wave, 1_024)[0], frequency, RATE)
        assert error_db(heard, near_in_theory(OPEN, wave, frequency, RATE)) < -55


def near_in_theory(
    array: MicArray, wave: Waves, frequency: Float[ndarray, " frequency"], rate: int
) -> Complex[ndarray, "frequency channel"]:
    direction = wave.direction[0].double().numpy()
    direction /= np.linalg.norm(direction)
    response = array_response_near(array, direction, float(wave.distance_m[0]), frequency)
    turn = np.exp(-2j * np.pi * frequency[:, None] * float(wave.delay[0]) / rate)
    return response * turn * float(wave.gain[0, 0])


@pytest.mark.parametrize("distance_m", [0.3, 1.0])
def test_order_one_of_a_near_source_is_louder_at_low_frequencies(distance_m: float) -> None:
    wave, frequency = drawn(1, 100.0, distance_m=distance_m), np.geomspace(60, 9_600, 60)
    plane = Waves(wave.direction, wave.delay, wave.gain, wave.distance_m / 0)
    table = impulse_table(IdealFoa(), RATE)
    near, far = (
        spectrum(response_of_waves(table, w, 16_384)[0], frequency, RATE) for w in (wave, plane)
    )
    assert np.abs(near[:, 0] - far[:, 0]).max() < 1e-6
    leaky = SPEED / (distance_m * 2 * np.pi * (1j * frequency + 20))
    wanted = far[:, 1:] * (1 + leaky[:, None])
    assert error_db(near[:, 1:], wanted) < -40


def test_encoded_foa_is_what_the_encoder_makes_of_the_capsules() -> None:
    waves, frequency = drawn(30, 900.0), np.linspace(100, 9_600, 80)
    capsules = response_of_waves(impulse_table(Capsules(EM32), RATE), waves, 3_000)[0]
    encoded = array_encoder(EM32, RATE).encode(capsules.numpy())
    heard = response_of_waves(impulse_table(EncodedFoa(EM32, RATE), RATE), waves, 3_000)[0]
    wanted = spectrum(torch.from_numpy(encoded), frequency, RATE)
    assert error_db(spectrum(heard, frequency, RATE), wanted) < -50


def test_near_sources_have_their_bass_in_encoded_foa_too() -> None:
    waves, frequency = drawn(1, 900.0, distance_m=1.0), np.linspace(100, 1_500, 80)
    capsules = response_of_waves(impulse_table(Capsules(EM32), RATE), waves, 4_000)[0]
    encoded = array_encoder(EM32, RATE).encode(capsules.numpy())
    heard = response_of_waves(impulse_table(EncodedFoa(EM32, RATE), RATE), waves, 4_000)[0]
    wanted = spectrum(torch.from_numpy(encoded), frequency, RATE)
    assert error_db(spectrum(heard, frequency, RATE), wanted) < -28


def encoded_by(array: MicArray) -> Receiver:
    return EncodedFoa(array, RATE)


@pytest.mark.parametrize("kind", [Capsules, encoded_by])
def test_a_turned_array_hears_a_turned_field_as_the_first_heard_the_first(
    kind: Callable[[MicArray], Receiver],
) -> None:
    azimuth, elevation = np.rad2deg(np.stack(angles(EM32.directions)))
    pairs = [(float(a) + 40, float(e)) for a, e in zip(azimuth, elevation, strict=True)]
    turned_array = on_sphere("turned", pairs, EM32.radius_m)
    turn = np.deg2rad(40)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    waves = later(drawn(200, 900.0), FORESIGHT)
    direction = (waves.direction.double() @ torch.from_numpy(rotation).T).float()
    turned_waves = Waves(direction, waves.delay, waves.gain, waves.distance_m)
    frequency = np.linspace(100, 9_600, 80)
    here, there = (
        response_of_waves(impulse_table(kind(array), RATE), field, 5_000)[0].numpy()
        for array, field in ((EM32, waves), (turned_array, turned_waves))
    )
    wanted = rotate_foa(here, rotation) if kind is encoded_by else here
    heard = spectrum(torch.from_numpy(there), frequency, RATE)
    assert error_db(heard, spectrum(torch.from_numpy(wanted), frequency, RATE)) < -50


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
@pytest.mark.parametrize("distance_m", [1.0, np.inf], ids=["near", "far"])
def test_the_impulse_of_a_wave_is_its_response(receiver: Receiver, distance_m: float) -> None:
    table = impulse_table(receiver, RATE)
    waves = drawn(5, 100.0, distance_m=distance_m)
    impulses = impulses_of(table, waves.direction, waves.distance_m)
    assert impulses.shape == (5, table.receiver.n_channels, table.taps)
    frequency = np.linspace(1_000, 9_600, 60)  # below it the bass of near FOA is left out
    for i in range(5):
        alone = Waves(waves.direction[i : i + 1], torch.tensor([FORESIGHT + table.lead]).double(),
                      torch.ones(1, 1), waves.distance_m[i : i + 1])  # fmt: skip
        whole = response_of_waves(table, alone, 5_000)[0]
        placed = torch.zeros_like(whole)
        placed[:, FORESIGHT : FORESIGHT + table.taps] = impulses[i]
        heard = spectrum(coloured(table, placed), frequency, RATE)
        limit = -25 if receiver.n_channels == 4 and distance_m == 1.0 else -50
        assert error_db(heard, spectrum(whole, frequency, RATE)) < limit


@pytest.mark.parametrize("receiver", EVERY_KIND, ids=["foa", "rigid", "open", "encoded"])
@pytest.mark.parametrize("count", [3, 600])
def test_gradients_reach_direction_delay_gain_and_distance(receiver: Receiver, count: int) -> None:
    table = impulse_table(receiver, RATE)
    waves = drawn(count, 400.0, distance_m=1.2)
    target = torch.from_numpy(np.random.default_rng(3).standard_normal(500)).float()

    def loss(direction: torch.Tensor, delay: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        heard = response_of_waves(table, Waves(direction, delay, gain, waves.distance_m), 500)
        return (heard[0] * target).sum()

    parts = [part.clone().requires_grad_() for part in parts_of(waves)[:3]]
    slopes = torch.autograd.grad(loss(*parts), parts)
    for which, step in ((0, 1e-3), (1, 1e-2), (2, 1e-2)):
        rng = np.random.default_rng(which)
        way = torch.from_numpy(rng.standard_normal(parts[which].shape)).to(parts[which].dtype)
        ahead, behind = ([p.detach() for p in parts] for _ in range(2))
        ahead[which] = ahead[which] + step * way
        behind[which] = behind[which] - step * way
        rise = float(loss(*ahead) - loss(*behind)) / (2 * step)
        told = float((slopes[which] * way).sum())
        size = float(slopes[which].norm() * way.norm())
        assert abs(rise - told) < 0.1 * size


def test_waves_from_exactly_above_and_along_a_capsule_have_finite_gradients() -> None:
    directions = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    along = torch.from_numpy(TETRAHEDRON.directions).float()
    for receiver in EVERY_KIND:
        direction = torch.cat([directions, along, -along]).requires_grad_()
        count = len(direction)
        waves = Waves(
            direction, torch.full((count,), 60.0).double(), torch.ones(count, 1), torch.ones(count)
        )
        response = response_of_waves(impulse_table(receiver, RATE), waves, 200)
        (slope,) = torch.autograd.grad(response.square().sum(), direction)
        assert torch.isfinite(slope).all()


def test_foa_gains_are_those_of_the_direction() -> None:
    table = impulse_table(IdealFoa(), RATE)
    for direction in torch.from_numpy(sphere_grid(20)).float():
        one = torch.ones(1)
        wave = Waves(direction[None], 30.3 * one.double(), one[:, None], one / 0)
        heard = response_of_waves(table, wave, 80)[0]
        gains = heard.sum(dim=1) / heard[0].sum()
        wanted = torch.stack([torch.tensor(1.0), direction[1], direction[2], direction[0]])
        assert (gains - wanted).abs().max() < 1e-5


def test_tables_say_how_long_their_impulses_are() -> None:
    for receiver in EVERY_KIND:
        table: ImpulseTable = impulse_table(receiver, RATE)
        assert 0 < table.lead < table.taps
        assert impulse_table(receiver, RATE) is table


def test_an_encoder_for_another_rate_is_refused() -> None:
    with pytest.raises(SettingError, match="24000 Hz, but 48000 Hz"):
        impulse_table(EncodedFoa(EM32, RATE), 48_000)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_an_accelerator_hears_the_same() -> None:
    for receiver in EVERY_KIND:
        for count in (10, 3_000):
            table, waves = impulse_table(receiver, RATE), drawn(count, 900.0, 2, distance_m=2.0)
            there = Waves(*(part.cuda() for part in parts_of(waves)))
            here = response_of_waves(table, waves, 1_000)
            heard = response_of_waves(table, there, 1_000).cpu()
            assert (heard - here).square().mean() < 1e-9 * here.square().mean()
