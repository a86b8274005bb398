"""Ambience coheres as diffuse sound does."""

import numpy as np
import torch

from sonoscope.core.array import TETRAHEDRON
from sonoscope.signal.sphere import diffuse_covariance
from sonoscope.simulation.ambience import coloured, cut, noise_bank, quick_size

RATE = 16_000


def coherence(
    sound: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    frames = sound[:, : sound.shape[1] // 512 * 512].reshape(4, -1, 512) * np.hanning(512)
    spectrum = np.fft.rfft(frames)
    cross = np.einsum("ctf,dtf->fcd", spectrum, spectrum.conj())
    power = np.sqrt(np.einsum("fcc->fc", cross).real)
    return np.asarray(cross / power[:, :, None] / power[:, None, :])


def test_tetrahedral_ambience_coheres_as_on_the_sphere() -> None:
    measured = coherence(noise_bank(TETRAHEDRON, RATE).numpy())
    frequency = np.fft.rfftfreq(512, 1 / RATE)
    covariance = diffuse_covariance(TETRAHEDRON, frequency)
    exact = covariance / np.einsum("fcc->fc", covariance)[:, :1, None]
    inside = (frequency > 150) & (frequency < 7_500)
    assert np.abs(measured - exact)[inside].max() < 0.09
    assert np.abs(measured - exact)[inside].mean() < 0.02


def test_foa_ambience_has_a_third_of_its_power_on_each_axis() -> None:
    sound = noise_bank(None, RATE)
    covariance = (sound @ sound.T / sound.shape[1]).numpy()
    assert np.abs(covariance - np.diag([1, 1 / 3, 1 / 3, 1 / 3])).max() < 0.01


def test_colour_keeps_coherence_and_power() -> None:
    generator = np.random.default_rng(1)
    sound = coloured(noise_bank(None, RATE)[:, : 5 * RATE], RATE, generator)
    assert abs(float(sound[0].square().mean()) - 1) < 1e-3
    assert abs(float((sound[0] * sound[1]).mean())) < 0.2


def test_a_piece_longer_than_the_bank_goes_on_from_its_start() -> None:
    bank = torch.arange(12.0).repeat(4, 1)
    piece = cut(bank, 30, np.random.default_rng(0))
    assert piece.shape == (4, 30)
    assert torch.equal(piece[0].diff() % 12, torch.ones(29))


def test_quick_sizes_hold_what_they_must() -> None:
    for length in (1, 2, 7, 100, 641, 80_000, 163_841):
        assert length <= quick_size(length) <= max(2 * length, 1)
