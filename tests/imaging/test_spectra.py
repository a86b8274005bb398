"""The cross-spectral matrix keeps the power, the phase and nothing that was not there."""

from typing import Literal

import numpy as np
import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.imaging.spectra import (
    BlockSettings,
    cross_spectra,
    diagonal,
    factor,
    third_octave,
    whitened,
    without_diagonal,
)

RATE = 48_000.0
ALL = (0.0, RATE)


def test_its_bins_add_up_to_the_mean_square() -> None:
    samples = np.random.default_rng(0).standard_normal((3, 200_000)) * [[1.0], [2.0], [0.5]]
    spectra = cross_spectra(samples, RATE, ALL)
    assert diagonal(spectra.matrices).sum(axis=0) == pytest.approx([1.0, 4.0, 0.25], rel=0.01)


@pytest.mark.parametrize("window", ["hann", "rectangular"])
def test_rectangular_blocks_side_by_side_keep_it_to_the_last_digit(window: str) -> None:
    tone = np.sin(2 * np.pi * 3000 / RATE * np.arange(4096))[None] * 2.0
    settings = BlockSettings(1024, 0.0, window)  # type: ignore[arg-type]
    power = diagonal(cross_spectra(tone, RATE, ALL, settings).matrices).sum()
    assert power == pytest.approx(2.0, rel=1e-12)


def test_neither_end_of_the_spectrum_counts_twice() -> None:
    settings = BlockSettings(1024, 0.0, "rectangular")
    for samples in (np.full((1, 4096), 3.0), np.resize([3.0, -3.0], (1, 4096))):
        power = diagonal(cross_spectra(samples, RATE, ALL, settings).matrices).sum()
        assert power == pytest.approx(9.0, rel=1e-12)


def test_a_channel_that_hears_earlier_leads_in_phase() -> None:
    rng = np.random.default_rng(1)
    sound = rng.standard_normal(100_003)
    spectra = cross_spectra(np.stack([sound[3:], sound[:-3]]), RATE, (1000.0, 3000.0))
    phase = np.angle(spectra.matrices[:, 0, 1])
    assert phase == pytest.approx(2 * np.pi * spectra.frequency_hz * 3 / RATE, abs=0.01)


def test_pieces_of_a_long_recording_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(2).standard_normal((4, 30_000))
    whole = cross_spectra(samples, RATE, (500.0, 4000.0)).matrices
    monkeypatch.setattr("sonoscope.imaging.spectra._AT_ONCE", 4 * 1024 * 5)
    monkeypatch.setattr("sonoscope.imaging.spectra._PIECE", 4 * 1024 * 2)
    assert np.abs(cross_spectra(samples, RATE, (500.0, 4000.0)).matrices - whole).max() < 1e-15


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.8])
def test_a_matrix_is_hermitian_and_scatters_as_its_averages_say(overlap: float) -> None:
    samples = np.random.default_rng(3).standard_normal((2, 100_000))
    spectra = cross_spectra(samples, RATE, (1000.0, 23_000.0), BlockSettings(256, overlap))
    matrices = spectra.matrices
    assert np.abs(matrices - np.conj(matrices.transpose(0, 2, 1))).max() < 1e-18
    scatter = np.mean(diagonal(matrices).var(axis=0) / diagonal(matrices).mean(axis=0) ** 2)
    assert 1 / scatter == pytest.approx(spectra.averages, rel=0.15)


def test_without_its_diagonal_only_what_channels_share_is_left() -> None:
    spectra = cross_spectra(np.random.default_rng(4).standard_normal((3, 9000)), RATE, (0.0, 9e3))
    left = without_diagonal(spectra.matrices)
    assert np.all(diagonal(left) == 0)
    assert diagonal(spectra.matrices).min() > 0
    off = ~np.eye(3, dtype=bool)
    assert np.array_equal(left[:, off], spectra.matrices[:, off])


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_a_factor_gives_its_matrix_back_also_where_it_is_singular(rank: int) -> None:
    rng = np.random.default_rng(rank)
    heard = rng.standard_normal((8, rank)) + 1j * rng.standard_normal((8, rank))
    matrix = heard @ np.conj(heard.T)
    lower = factor(matrix)
    assert np.abs(np.triu(lower, 1)).max() == 0
    assert np.abs(lower @ np.conj(lower.T) - matrix).max() < 1e-12


def test_whitening_makes_the_noise_alike_in_all_channels() -> None:
    noise = np.array([[[2.0, 0.5], [0.5, 1.0]]])
    white, root = whitened(noise.astype(np.complex128), noise)
    assert np.abs(white - np.eye(2)).max() < 1e-14
    assert np.abs(root[0] @ noise[0] @ root[0] - np.eye(2)).max() < 1e-14
    with pytest.raises(SettingError, match="positive definite"):
        whitened(np.eye(2, dtype=np.complex128)[None], np.ones((1, 2, 2)))


def test_a_third_octave_at_20_khz_holds_49_bins_of_the_reference_case() -> None:
    spectra = cross_spectra(np.zeros((1, 2048)), 96_000.0, third_octave(20_000.0))
    assert len(spectra.frequency_hz) == 49


def test_too_short_a_recording_and_an_empty_band_are_refused() -> None:
    with pytest.raises(InputError, match="at least one block of 1024 samples, but 1000"):
        cross_spectra(np.zeros((2, 1000)), RATE, ALL)
    with pytest.raises(SettingError, match=r"one every 46\.875 Hz, but 10 to 20 Hz"):
        cross_spectra(np.zeros((2, 2000)), RATE, (10.0, 20.0))


@pytest.mark.parametrize(
    ("window", "overlap", "alike"), [("rectangular", 0.0, 1.0), ("hann", 0.5, 2.0)]
)
def test_bins_of_a_band_scatter_together_as_independent_ones(
    window: Literal["hann", "rectangular"], overlap: float, alike: float
) -> None:
    rng = np.random.default_rng(3)
    settings = BlockSettings(block=64, overlap=overlap, window=window)
    powers = []
    for _ in range(600):
        spectra = cross_spectra(rng.standard_normal((1, 640)), 8000.0, (500.0, 3500.0), settings)
        powers.append(float(spectra.matrices.real.sum()))
    assert spectra.alike == pytest.approx(alike, rel=0.02)
    looks = np.mean(powers) ** 2 / np.var(powers)
    assert looks == pytest.approx(spectra.averages * spectra.independent_bins, rel=0.2)
    assert spectra.effective_s <= 640 / 8000 + 1e-12
    assert spectra.effective_s * 3000 == pytest.approx(
        spectra.averages * spectra.independent_bins, rel=1e-9
    )
