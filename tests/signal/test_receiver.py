"""Receivers answer plane waves as what they are made of does."""

import numpy as np

from sonoscope.core.array import EM32, TETRAHEDRON
from sonoscope.core.direction import sphere_grid
from sonoscope.signal.ambisonics import array_encoder, foa_gains
from sonoscope.signal.receiver import (
    Capsules,
    EncodedFoa,
    IdealFoa,
    encoding_matrix,
    plane_wave_response,
)
from sonoscope.signal.sphere import array_response

DIRECTIONS = sphere_grid(40)


def test_ideal_foa_is_its_gains_at_every_frequency() -> None:
    heard = plane_wave_response(IdealFoa(), DIRECTIONS, np.array([0.0, 20_000.0]))
    assert heard.shape == (2, 4, 40)
    assert np.abs(heard - foa_gains(DIRECTIONS).T).max() == 0


def test_capsules_are_the_array() -> None:
    frequency = np.array([100.0, 5_000.0])
    heard = plane_wave_response(Capsules(TETRAHEDRON), DIRECTIONS, frequency)
    assert np.array_equal(heard, array_response(TETRAHEDRON, DIRECTIONS, frequency))


def test_encoded_foa_is_what_the_encoder_makes_of_the_capsules() -> None:
    rate, frequency = 24_000, np.array([200.0, 3_000.0, 9_000.0])
    encoder = array_encoder(EM32, rate)
    tone = np.exp(2j * np.pi * np.outer(frequency, np.arange(4_000)) / rate)
    wanted = plane_wave_response(EncodedFoa(EM32, rate), DIRECTIONS[7:8], frequency)[:, :, 0]
    at_capsules = array_response(EM32, DIRECTIONS[7:8], frequency)
    for f in range(len(frequency)):
        sound = at_capsules[f] * tone[f]
        heard = encoder.encode(sound.real) + 1j * encoder.encode(sound.imag)
        assert np.abs(heard[:, 2_000] / tone[f, 2_000] - wanted[f]).max() < 1e-4


def test_encoded_foa_is_ideal_in_the_band_of_its_array_and_not_above() -> None:
    bands = ((EM32, 200.0, 4_000.0, 0.01), (TETRAHEDRON, 200.0, 500.0, 0.13))
    for array, low, high, most in bands:
        frequency = np.array([*np.linspace(low, high, 20), 9_000.0])
        heard = plane_wave_response(EncodedFoa(array, 24_000), DIRECTIONS, frequency)
        error = np.abs(heard - foa_gains(DIRECTIONS).T).max(axis=(1, 2))
        assert error[:-1].max() < most
        assert error[-1] > 0.4


def test_an_encoding_matrix_has_no_delay_of_its_own() -> None:
    frequency = np.array([200.0, 210.0])
    turned = np.angle(encoding_matrix(EM32, 24_000, frequency)[:, 0])  # W is the mean: no phase
    delay = (turned[0] - turned[1]) / (2 * np.pi * 10) * 24_000
    assert np.abs(delay).max() < 1


def test_receivers_of_the_same_kind_and_array_are_the_same_key() -> None:
    assert {Capsules(EM32), Capsules(EM32), EncodedFoa(EM32, 24_000), EncodedFoa(EM32, 48_000)} == {
        Capsules(EM32),
        EncodedFoa(EM32, 24_000),
        EncodedFoa(EM32, 48_000),
    }
    channels = [r.n_channels for r in (IdealFoa(), Capsules(EM32), EncodedFoa(EM32, 24_000))]
    assert channels == [4, 32, 4]
