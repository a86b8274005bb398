"""Filters between sounds do what convolution does, in time and of the right length."""

import numpy as np
import pytest
import torch

from sonoscope.simulation import mixing


@pytest.mark.parametrize("n_taps", [1, 2, 64, 513])
def test_mixing_is_a_sum_of_convolutions(n_taps: int) -> None:
    rng = np.random.default_rng(0)
    filters = rng.standard_normal((3, 2, n_taps)).astype(np.float32)
    sounds = rng.standard_normal((2, 20_000 + n_taps)).astype(np.float32)
    mixed = mixing.mix(torch.from_numpy(filters), torch.from_numpy(sounds)).numpy()
    for output in range(3):
        exact = sum(np.convolve(sounds[i], filters[output, i], "valid") for i in range(2))
        assert np.abs(mixed[output] - exact).max() < 1e-3


def test_one_filter_for_all_channels_is_that_filter_on_each() -> None:
    rng = np.random.default_rng(1)
    impulse = torch.from_numpy(rng.standard_normal(100).astype(np.float32))
    sounds = torch.from_numpy(rng.standard_normal((3, 9_000)).astype(np.float32))
    alike = mixing.filtered(impulse, sounds)
    apart = mixing.mix(torch.eye(3)[:, :, None] * impulse, sounds)
    assert torch.allclose(alike, apart, atol=1e-4)


def test_a_filter_of_no_change_changes_nothing_and_delays_nothing() -> None:
    same = np.ones((65, 1, 1), np.complex128)
    filters = [mixing.filters_of(same, 64), np.ones((1, 1, 1), np.float32)]
    lead = mixing.lead_of(filters, 16_000)
    sounds = torch.randn(1, 1_000 + 2 * lead)
    for heard in mixing.heard_by(filters, sounds, lead):
        assert torch.allclose(heard, sounds[:, lead:-lead], atol=1e-5)


def test_filters_have_the_spectrum_they_were_made_of() -> None:
    frequency = mixing.design_grid(256, 16_000)
    wanted = 1 / (1 + 1j * frequency / 500)  # a decay of 0.3 ms, and real at neither end
    filters = mixing.filters_of(wanted[:, None, None], 256)
    got = mixing.spectrum_of(filters, 1_024)[:, 0, 0]
    grid = mixing.design_grid(1_024, 16_000)
    exact = 1 / (1 + 1j * grid / 500)
    inside = grid < 7_000
    assert np.abs(got - exact)[inside].max() < 0.01


def test_one_filter_after_another_is_both() -> None:
    rng = np.random.default_rng(2)
    first = rng.standard_normal((2, 3, 64)).astype(np.float32)
    second = rng.standard_normal(32).astype(np.float32)
    sounds = torch.from_numpy(rng.standard_normal((3, 2_000)).astype(np.float32))
    at_once = mixing.mix(torch.from_numpy(mixing.after(first, second)), sounds)
    in_turn = mixing.filtered(torch.from_numpy(second), mixing.mix(torch.from_numpy(first), sounds))
    # Both filters at once are one tap longer, a zero, so that their time zero is in the middle.
    assert at_once.shape[1] == in_turn.shape[1] - 1
    assert torch.allclose(at_once, in_turn[:, 1:], atol=1e-3)


@pytest.mark.parametrize(("start", "length"), [(0, 5), (10, 4), (-3, 30), (25, 50)])
def test_what_goes_round_has_no_edge(start: int, length: int) -> None:
    sounds = torch.arange(12.0).repeat(2, 1)
    exact = (np.arange(length) + start) % 12
    assert mixing.wrapped(sounds, start, length)[1].tolist() == exact.tolist()


def test_ramps_pass_through_their_knots_without_a_jump() -> None:
    line = mixing.ramped(torch.tensor([0.0, 4.0, 2.0]), 8)
    assert line.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 3.5, 3.0, 2.5]


def test_wanderings_have_unit_power_and_forget() -> None:
    walk = mixing.wandering(200, 400, 20.0, np.random.default_rng(3))
    assert abs((walk**2).mean() - 1) < 0.1
    assert abs((walk[:, 20:] * walk[:, :-20]).mean() - np.exp(-1)) < 0.1
