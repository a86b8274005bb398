"""The multi-scale module looks as far as its branches say."""

import pytest
import torch
from tests.models.listening import lived_in, noise, size

from sonoscope.core.recipe import from_table
from sonoscope.models.m_crnn import MCrnnSettings, MultiScale, m_crnn


@pytest.mark.parametrize(("branch", "reach"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_a_branch_sees_a_rectangle_of_frames_and_bins(branch: int, reach: int) -> None:
    module = lived_in(MultiScale(7, 15, n_filters=8))
    maps = noise(3, 7, 15, 15).requires_grad_()
    own = module(maps)[:, 8 * branch : 8 * branch + 8]
    (gradient,) = torch.autograd.grad(own[:, :, 7, 7].sum(), maps)
    seen = (gradient.abs().sum(dim=(0, 1)) > 0).nonzero()
    assert seen.amin(dim=0).tolist() == [7 - reach, 7 - reach]
    assert seen.amax(dim=0).tolist() == [7 + reach, 7 + reach]


def test_frequency_is_convolved_before_time() -> None:
    module = MultiScale(7, 15, n_filters=32)
    kernels = [
        [tuple(w.shape) for name, w in branch.named_parameters() if w.dim() == 4]
        for branch in module.branches
    ]
    assert kernels == [
        [(32, 7, 1, 1)],
        [(32, 7, 1, 1), (64, 32, 1, 3), (32, 64, 3, 1)],
        [(32, 7, 1, 1), (64, 32, 1, 5), (32, 64, 5, 1)],
        [(32, 7, 1, 1), (64, 32, 1, 7), (32, 64, 7, 1)],
    ]


def test_one_module_or_three_by_the_pools() -> None:
    one = from_table({"mel_pools": [32]}, MCrnnSettings, where="recipe")
    assert size(m_crnn(one, 7, 64, 11)) == 755_020 - 2 * (128 * 128 + 62_688)
