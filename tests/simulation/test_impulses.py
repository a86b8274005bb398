"""The table of impulses is the sphere's response, to what its steps allow."""

import numpy as np
import pytest
import torch

from sonoscope.core.array import TETRAHEDRON, on_sphere
from sonoscope.core.direction import sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.sphere import array_response
from sonoscope.simulation.impulses import Waves, foa_table, response_of_waves, sphere_table

RATE = 24_000


def test_a_wave_from_anywhere_is_the_exact_response_to_minus_forty_db() -> None:
    table = sphere_table(TETRAHEDRON, RATE)
    frequency = np.fft.rfftfreq(512, 1 / RATE)
    inside = (frequency > 100) & (frequency < 0.8 * RATE / 2)
    for direction, delay in zip(sphere_grid(12), np.linspace(60, 61, 12), strict=True):
        wave = torch.from_numpy(direction[None]).float()
        heard = response_of_waves(table, wave, torch.tensor([delay]).float(), torch.ones(1), 512)
        spectrum = np.fft.rfft(heard.numpy())
        exact = array_response(TETRAHEDRON, direction[None], frequency)[:, :, 0].T
        exact = exact * np.exp(-2j * np.pi * frequency * delay / RATE)
        error = np.abs(spectrum - exact)[:, inside] ** 2
        assert 10 * np.log10(error.mean() / (np.abs(exact[:, inside]) ** 2).mean()) < -40


def test_foa_gains_are_those_of_the_direction() -> None:
    directions = torch.from_numpy(sphere_grid(20)).float()
    table = foa_table(RATE)
    for direction in directions:
        heard = response_of_waves(table, direction[None], torch.tensor([30.3]), torch.ones(1), 80)
        gains = heard.sum(dim=1) / heard[0].sum()
        wanted = torch.stack([torch.tensor(1.0), direction[1], direction[2], direction[0]])
        assert (gains - wanted).abs().max() < 1e-5


def test_waves_add_and_late_ones_are_cut() -> None:
    table = foa_table(RATE)
    ahead = torch.tensor([[1.0, 0.0, 0.0]])
    one = response_of_waves(table, ahead, torch.tensor([40.0]), torch.tensor([0.5]), 100)
    two = response_of_waves(
        table, ahead.repeat(3, 1), torch.tensor([40.0, 40.0, 4_000.0]), torch.full((3,), 0.5), 100
    )
    assert torch.allclose(two, 2 * one, atol=1e-6)


def test_an_open_array_has_no_table() -> None:
    with pytest.raises(SettingError, match="rigid"):
        sphere_table(on_sphere("open", [(0.0, 0.0)], 0.05, "open"), RATE)
