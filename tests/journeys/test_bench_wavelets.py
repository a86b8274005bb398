"""The benches of wavelet packets and denoising run, small; nobody is judged by the clock."""

from pathlib import Path

import numpy as np
import pytest
from bench import denoising, wavelets


@pytest.mark.slow
def test_trees_are_those_of_pywavelets(tmp_path: Path) -> None:
    table = wavelets.table(tmp_path, tmp_path, runs=1, shorter=20.0)
    errors = [float(row.split("|")[3]) for row in table.splitlines() if "sonoscope |" in row]
    assert len(errors) == 3
    assert max(errors) < 1e-12
    assert "x real time" in table


def test_pulses_come_out_of_noise_continued_from_a_recording() -> None:
    rng = np.random.default_rng(0)
    length = 1 << 16
    frequency = np.fft.rfftfreq(length, 1 / denoising.RATE)
    spectrum = np.fft.rfft(rng.standard_normal(length)) / (1 + frequency / 1_000) ** 1.5
    heard = np.fft.irfft(np.where(frequency < 8_000, spectrum, 0), length)
    beyond = denoising.continuation(heard)
    level_db = [
        10
        * np.log10(np.mean(np.abs(np.fft.rfft(sound)[(frequency > low) & (frequency < high)]) ** 2))
        for sound, low, high in ((heard, 7_000, 7_900), (beyond, 8_100, 9_000))
    ]
    assert abs(level_db[0] - level_db[1]) < 2.5  # it goes on where the recording ends
    true = denoising.discharge_pulses(0, length)
    mixed = denoising.mixed(true, heard + beyond, 0.0)
    assert denoising.snr_db(true, mixed) == pytest.approx(0, abs=1e-9)
    usual, harmful = (
        denoising.snr_db(true, denoising.cleaned_by(denoising.RECIPES[name], mixed))
        for name in (next(iter(denoising.RECIPES)), "all leaves, one global sigma")
    )
    assert usual > 12
    assert harmful < 3


def test_weights_are_found_that_part_what_can_be_parted() -> None:
    rng = np.random.default_rng(1)
    trait = rng.uniform(0, 4, size=(400, 1))
    right = (trait[:, 0] > 2.0).astype(np.float64)
    seen = np.concatenate([np.ones((400, 1)), trait], axis=1)
    weights = denoising.fitted(seen, right, ridge=1e-3)
    assert -weights[0] / weights[1] == pytest.approx(2.0, abs=0.1)
