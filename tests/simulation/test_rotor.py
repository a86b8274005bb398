"""Rotors are heard from where they are, with the lines and the beat that rotors have."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bench.ambience import thirds
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.errors import SettingError
from sonoscope.signal.ambisonics import array_encoder
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa
from sonoscope.simulation.rotor import (
    Rotor,
    RotorBed,
    drawn_rotors,
    point_response,
    rotor_noise,
    rotor_sounds,
)

RATE = 16_000
CPU = torch.device("cpu")
HUB = (0.25, -0.2, 0.3)
ONE = RotorBed((Rotor(HUB, 90.0),))
QUAD = RotorBed(
    (
        Rotor((0.3, 0.3, 0.2), 88.0),
        Rotor((-0.3, 0.3, 0.2), 91.0, -1.0),
        Rotor((-0.3, -0.3, 0.2), 93.0, 2.0),
        Rotor((0.3, -0.3, 0.2), 96.0),
    )
)


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_foa_points_to_a_rotor() -> None:
    foa = rotor_noise(ONE, (IdealFoa(),), RATE, 4 * RATE, rng(0), CPU)[0].numpy()
    intensity = (foa[0] * foa[[3, 1, 2]]).mean(axis=1)
    towards = np.array(HUB) / np.linalg.norm(HUB)
    assert intensity @ towards / np.linalg.norm(intensity) > np.cos(np.deg2rad(0.2))


def test_capsules_hear_rotors_where_they_are_and_as_near_as_they_are() -> None:
    sound = rotor_noise(ONE, (Capsules(TETRAHEDRON),), RATE, 8 * RATE, rng(1), CPU)[0].numpy()
    centres = np.array([500.0, 1_000.0, 2_000.0, 4_000.0])
    made = thirds(sound, RATE, centres)
    for near, is_best in ((1.0, True), (3.0, False)):
        fit = [_explained(made[i], np.array(HUB) * near, hz) for i, hz in enumerate(centres)]
        assert (min(fit) > 0.998) == is_best
    aside = np.array([0.25, -0.28, 0.25])  # 10 degrees off
    assert _explained(made[2], aside, centres[2]) < 0.995


def _explained(covariance: ndarray, position_m: Float[ndarray, "3"], centre_hz: float) -> float:
    """Give the share of the power that one point source explains, its band taken together."""
    frequency = centre_hz * 2 ** (np.linspace(-1, 1, 33) / 6)
    waves = point_response(Capsules(TETRAHEDRON), position_m, frequency)
    exact = np.einsum("fc,fd->cd", waves, waves.conj())
    return float(
        abs((exact.conj() * covariance).sum()) / np.linalg.norm(exact) / np.linalg.norm(covariance)
    )


def test_several_rotors_are_the_sum_of_what_each_sends_alone() -> None:
    receivers = (IdealFoa(), Capsules(TETRAHEDRON))
    heard = torch.cat(rotor_noise(QUAD, receivers, RATE, 8 * RATE, rng(2), CPU)).numpy()
    centre = np.array([2_500.0])
    made = thirds(heard, RATE, centre)[0]
    frequency = 2_500 * 2 ** (np.linspace(-1, 1, 33) / 6)
    lead = RATE // 10
    sounds = rotor_sounds(QUAD, RATE, 8 * RATE + 2 * lead, rng(2), CPU)[:, lead:-lead].numpy()
    exact = np.zeros((8, 8), np.complex128)
    for rotor, power in zip(QUAD.rotors, np.diagonal(thirds(sounds, RATE, centre)[0]), strict=True):
        hub = np.array(rotor.position_m)
        waves = np.concatenate([point_response(each, hub, frequency) for each in receivers], axis=1)
        exact += power * np.einsum("fc,fd->cd", waves, waves.conj()) / 33 / rotor.distance_m**2
    assert np.linalg.norm(made - exact) < 0.15 * np.linalg.norm(exact)


def test_lines_stand_at_multiples_of_the_blades_and_of_the_poles() -> None:
    bed = RotorBed((Rotor(HUB, 90.0),), noise_db=-10.0, wander=0.0)
    sound = rotor_sounds(bed, RATE, 4 * RATE, rng(3), CPU)[0].numpy()
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    for line in (180, 360, 14 * 90):
        at = 4 * line
        around = np.r_[at - 60 : at - 20, at + 20 : at + 60]
        assert power[at - 8 : at + 9].max() > 100 * np.median(power[around])
    fundamental, second, fifth = (
        power[4 * line - 8 : 4 * line + 9].sum() for line in (180, 360, 900)
    )
    assert 6 < 10 * np.log10(fundamental / second) < 18
    assert 14 < 10 * np.log10(fundamental / fifth) < 37


def test_motors_whine_above_the_blades_at_multiples_of_their_poles() -> None:
    above = []
    for seed in range(6):
        bed = RotorBed((Rotor(HUB, 90.0),), noise_db=-10.0, wander=0.0)
        sound = rotor_sounds(bed, RATE, RATE, rng(seed), CPU)[0].numpy()
        power = np.abs(np.fft.rfft(sound * np.hanning(RATE))) ** 2
        for multiple in (14, 28, 42):
            whine, *blades = (
                power[90 * line - 3 : 90 * line + 4].sum()
                for line in (multiple, multiple - 2, multiple + 2)
            )
            above.append(10 * np.log10(whine / np.mean(blades)))
    assert 8 < np.mean(above) < 26


def test_vortex_noise_beats_at_the_blade_pass() -> None:
    bed = RotorBed((Rotor(HUB, 90.0),), wander=0.0, noise_db=40.0, modulation=0.5)
    sound = rotor_sounds(bed, RATE, 8 * RATE, rng(4), CPU)[0].numpy()
    envelope = sound**2
    beat = 2 * np.abs(np.fft.rfft(envelope / envelope.mean() - 1)) / len(sound)
    expected = 2 * 0.5 / (1 + 0.5**2 / 2)  # of (1 + m cos)² the part at its own frequency
    assert abs(beat[8 * 180] / expected - 1) < 0.05
    assert np.median(beat[8 * 100 : 8 * 170]) < 0.05 * beat[8 * 180]


def test_speed_wanders_as_much_as_asked() -> None:
    spread = []
    for wander in (0.0, 0.01):
        bed = RotorBed((Rotor(HUB, 90.0),), noise_db=-40.0, wander=wander)
        sound = rotor_sounds(bed, RATE, 8 * RATE, rng(5), CPU)[0].numpy()
        spectrum = np.fft.rfft(sound * np.hanning(len(sound)))
        frequency = np.arange(8 * 1_215, 8 * 1_305) / 8  # the first line of 14 poles
        power = np.abs(spectrum[8 * 1_215 : 8 * 1_305]) ** 2
        mean = (frequency * power).sum() / power.sum()
        spread.append(np.sqrt(((frequency - mean) ** 2 * power).sum() / power.sum()) / mean)
    assert spread[0] < 0.002
    assert 0.005 < spread[1] < 0.015


def test_power_is_that_of_levels_and_distances() -> None:
    sounds = rotor_sounds(QUAD, RATE, 8 * RATE, rng(6), CPU)
    level_db = 10 * torch.log10(sounds.square().mean(dim=1))
    wanted = torch.tensor([rotor.level_db for rotor in QUAD.rotors])
    assert float((level_db - wanted).abs().max()) < 0.3


@pytest.mark.parametrize("rate_hz", [44_100, 192_000])
def test_any_rate_gives_the_same_lines(rate_hz: int) -> None:
    foa = rotor_noise(ONE, (IdealFoa(),), rate_hz, rate_hz, rng(7), CPU)[0]
    assert foa.shape == (4, rate_hz)
    power = np.abs(np.fft.rfft(foa[0].numpy() * np.hanning(rate_hz))) ** 2
    low = np.argmax(power[170:190]) + 170
    assert abs(low - 180) <= 6


def test_near_sources_bend_what_foa_hears_at_low_frequencies() -> None:
    frequency = np.array([200.0, 8_000.0])
    foa = point_response(IdealFoa(), np.array([0.0, 0.3, 0.0]), frequency)
    kr = 2 * np.pi * frequency * 0.3 / 343
    assert np.abs(foa[:, 1] - (1 + 1 / (1j * kr))).max() < 0.06
    assert np.abs(foa[:, 2:]).max() == 0


def test_encoded_foa_of_rotors_is_the_encoding_of_what_capsules_hear() -> None:
    receivers = (EncodedFoa(TETRAHEDRON, RATE), Capsules(TETRAHEDRON))
    foa, capsules = rotor_noise(QUAD, receivers, RATE, 2 * RATE, rng(8), CPU)
    exact = array_encoder(TETRAHEDRON, RATE).encode(capsules.numpy())
    inside = slice(2_000, -2_000)
    assert np.abs(foa.numpy() - exact)[:, inside].max() < 0.02 * exact.std()


def test_drawn_drones_hang_above_the_array() -> None:
    for seed in range(20):
        bed = drawn_rotors(rng(seed))
        assert len(bed.rotors) in (4, 6, 8)
        for rotor in bed.rotors:
            assert 0.2 <= rotor.distance_m <= 1.0
            assert abs(rotor.level_db) <= 2
            assert rotor.position_m[2] > 0


def test_impossible_rotors_are_refused() -> None:
    with pytest.raises(SettingError, match="rotor"):
        Rotor((0.0, 0.0, 0.01), 90.0)


@pytest.mark.shared
def test_spectrum_lies_where_a_real_drones_does(shared: Path) -> None:
    """Octaves of sixteen recordings spread by 10 dB and more; the model lies among them."""
    centres = 1_000 * 2.0 ** np.arange(-2, 3)
    real = []
    for path in sorted((shared / "quadcopter" / "drone").glob("*.wav")):
        recording = audio.read(path, rate_hz=RATE)
        real.append(_octaves_db(recording.samples[0], centres))
    made = []
    for seed in range(16):
        speed = 42.0 + 0.8 * seed  # blade passes of 84 to 108 Hz, as the recordings have
        bed = RotorBed((Rotor((0.0, 0.0, 1.0), speed),))
        sound = rotor_sounds(bed, RATE, 5 * RATE, rng(seed), CPU)[0].numpy()
        made.append(_octaves_db(sound, centres))
    apart = np.mean(made, axis=0) - np.mean(real, axis=0)
    assert np.abs(apart - apart.mean()).max() < 8


def _octaves_db(sound: ndarray, centres: ndarray) -> ndarray:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    bands = [power[(frequency > hz / 2**0.5) & (frequency < hz * 2**0.5)].sum() for hz in centres]
    return np.asarray(10 * np.log10(bands))
