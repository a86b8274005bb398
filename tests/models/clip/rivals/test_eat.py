"""A tone above the new rate is not folded down, and the sizes are the published ones."""

import math

import pytest
import torch
from tests.models.listening import lived_in, noise, size
from torch import nn

from sonoscope.core.errors import InputError
from sonoscope.models.clip.rivals.eat import Down, Eat, EatSettings, Residual

SMALL = EatSettings(filters=2, width=16, inner=20, layers=1, heads=2, longest_tokens=33)


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        assert f"{size(Eat(EatSettings(), 50)) / 1e6:.2f}" == "5.18"


def passing(factor: int) -> Down:
    """Make a step that does nothing but smooth and skip."""
    down = Down(1, factor).eval()
    down.widen = nn.Identity()  # type: ignore[assignment]
    return down


@pytest.mark.parametrize("factor", [2, 4])
def test_what_would_be_folded_is_smoothed_away(factor: int) -> None:
    time = torch.arange(4096.0)
    constant = passing(factor)(torch.ones(1, 1, 4096))
    torch.testing.assert_close(constant, torch.ones(1, 1, 4096 // factor))
    # a triangle of 2d + 1 is a box of d + 1 twice: its zeros lie at multiples of 1 / (d + 1)
    gone = passing(factor)(torch.cos(2 * math.pi * time / (factor + 1))[None, None])
    assert gone[..., 8:-8].abs().max() < 1e-3
    slow = passing(factor)(torch.cos(2 * math.pi * time / 256)[None, None])
    assert slow.abs().max() > 0.99


def test_a_token_is_1024_samples() -> None:
    network = lived_in(Eat(SMALL, 5))
    for n_samples, n_tokens in ((32 * 1024, 32), (32 * 1024 + 1, 33), (36 * 1024, 36)):
        assert network.convolutions(noise(1, 1, n_samples)).shape == (1, 16, n_tokens)


def test_what_does_not_fit_is_refused() -> None:
    network = lived_in(Eat(SMALL, 5))
    assert network(noise(2, 33 * 1024)).shape == (2, 5)
    with pytest.raises(InputError, match="at most 34 tokens, but it makes 35"):
        network(noise(1, 33 * 1024 + 1))
    assert network(noise(1, 32 * 1024)).isfinite().all()
    with pytest.raises(InputError, match="at least 32768 samples, but 32767 were given"):
        network(noise(1, 32 * 1024 - 1))


def test_a_residual_hears_seven_dilated_steps_to_each_side() -> None:
    residual = Residual(3, dilation=3).eval()
    sound = noise(1, 3, 101).requires_grad_()
    (gradient,) = torch.autograd.grad(residual(sound)[0, 0, 50].sum(), sound)
    along = (gradient[0, 0] != 0).nonzero()[:, 0].tolist()
    assert along == list(range(50 - 21, 50 + 22, 3))
    assert (gradient[0, 1:] != 0).any(dim=0).nonzero()[:, 0].tolist() == [50]
