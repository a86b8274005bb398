"""Banks peak where they should, silence is a number, and the cosine transform is scipy's."""

import numpy as np
import pytest
import torch
from scipy.fft import dct
from tests.models.listening import noise

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.rivals.cepstra import (
    Cepstra,
    CepstraSettings,
    banks_of,
    bark_bank,
    erb_hz,
    gammatone_bank,
)

SETTINGS = CepstraSettings(rate_hz=16_000)
FINE_HZ = np.arange(0.0, 8000.0, 1.0)


def test_frames_are_ten_milliseconds_of_a_hundred_coefficients() -> None:
    maps = Cepstra(SETTINGS)(0.1 * noise(2, 16_000))
    assert maps.shape == (2, 1, 100, 100)
    assert maps.isfinite().all()


def test_silence_is_a_number() -> None:
    maps = Cepstra(SETTINGS).maps(torch.zeros(1, 1600))
    assert maps.isfinite().all()
    # all bands alike: nothing but the first coefficient of each cepstrum
    rest = maps.reshape(-1, 5, 20)[..., 1:]
    assert rest.abs().max() < 1e-4


def test_coefficients_are_cosine_transforms_of_compressed_bands() -> None:
    sound = 0.1 * noise(1, 1600)
    front = Cepstra(SETTINGS)
    real, imaginary = front.spectrum(sound[:, None])
    power = (real.square() + imaginary.square())[0, 0].double().numpy()
    bands = [power @ bank for bank in banks_of(SETTINGS)]
    compressed = [np.cbrt(bands[0]), *(np.log(each) for each in bands[1:4]), np.cbrt(bands[4])]
    wanted = np.concatenate([dct(each, norm="ortho", axis=1)[:, :20] for each in compressed], 1)
    np.testing.assert_allclose(front.maps(sound)[0, 0].numpy(), wanted, rtol=1e-3, atol=1e-3)


def test_every_band_is_a_mean_of_the_spectrum() -> None:
    for bank in banks_of(SETTINGS):
        assert bank.shape == (257, 24)
        assert bank.min() >= 0
        np.testing.assert_allclose(bank.sum(axis=0), 1)


def test_louder_sound_moves_the_first_coefficient_of_logarithmic_cepstra_alone() -> None:
    front, sound = Cepstra(SETTINGS), 0.1 * noise(1, 1600)
    change = (front.maps(2 * sound) - front.maps(sound))[0, 0].reshape(-1, 5, 20)[:, 1:4]
    np.testing.assert_allclose(change[..., 0].numpy(), np.log(4) * np.sqrt(24), atol=1e-3)
    assert change[..., 1:].abs().max() < 1e-3


def test_a_gammatone_is_an_erb_wide() -> None:
    bank = gammatone_bank(FINE_HZ, 10, 100.0, 6000.0)
    for band in bank.T:
        centre = int(band.argmax())
        assert band.max() == pytest.approx(1, abs=1e-3)
        # the area below a power response of peak 1 is its equivalent rectangular bandwidth
        if 500 < centre < 5000:
            assert band.sum() == pytest.approx(float(erb_hz(np.array(float(centre)))), rel=0.02)


def test_a_gammachirp_leans_to_low_frequencies() -> None:
    plain = gammatone_bank(FINE_HZ, 3, 1000.0, 4000.0)[:, 1]
    chirp = gammatone_bank(FINE_HZ, 3, 1000.0, 4000.0, chirp=-2.0)[:, 1]
    centre = int(plain.argmax())
    assert chirp.max() == pytest.approx(1, abs=1e-4)
    assert chirp.argmax() < centre
    assert chirp[centre - 500] > plain[centre - 500]
    assert chirp[centre + 500] < plain[centre + 500]


def test_a_critical_band_has_a_plateau_of_one_bark_and_hermanskys_slopes() -> None:
    bark = np.linspace(0, 19, 2000)
    band = bark_bank(600 * np.sinh(bark / 6), 3, 100.0, 8000.0)[:, 1]
    plateau = bark[band == 1]
    assert np.ptp(plateau) == pytest.approx(1, abs=0.03)
    middle = plateau.mean()
    level_db = 10 * np.log10(np.interp(middle + np.array([-0.9, 1.5]), bark, band))
    np.testing.assert_allclose(level_db, [-10, -10], atol=0.2)
    assert band[(bark < middle - 1.4) | (bark > middle + 2.6)].max() == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SettingError, match="at most n_bands"):
        Cepstra(CepstraSettings(n_bands=10))
    with pytest.raises(SettingError, match=r"highest_hz must be in 50\.\.8000"):
        Cepstra(CepstraSettings(rate_hz=16_000, highest_hz=9_000.0))
    with pytest.raises(SettingError, match="a bin lies in each"):
        Cepstra(CepstraSettings(rate_hz=16_000, n_bands=200))
