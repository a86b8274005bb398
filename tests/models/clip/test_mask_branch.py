"""A mask branch is of the size of what it gates, sees far, and says 0 to 1."""

import pytest
import torch
from tests.models.listening import lived_in, noise

from sonoscope.models.clip.mask_branch import (
    Hourglass,
    MaskSettings,
    ResidualUnit,
    single_mask,
    stacked_mask,
)

WIDTHS, STRIDES = [16, 16, 24, 32, 40], [(2, 2)] * 4


def units_of(module: torch.nn.Module) -> int:
    return sum(isinstance(each, ResidualUnit) for each in module.modules())


@pytest.mark.parametrize(("n_bins", "n_frames"), [(64, 216), (33, 47), (17, 16)])
def test_a_single_mask_has_the_size_of_the_main_branch(n_bins: int, n_frames: int) -> None:
    mask = lived_in(single_mask(MaskSettings(), WIDTHS, STRIDES, n_bins=4))
    given = mask(noise(2, 16, n_bins, n_frames))
    assert given.shape == (2, 40, -(-n_bins // 16), -(-n_frames // 16))
    assert given.min() > 0
    assert given.max() < 1


@pytest.mark.parametrize("shape", [(2, 24, 16, 54), (2, 24, 5, 7), (2, 24, 1, 1)])
def test_a_stacked_mask_has_the_size_of_its_maps(shape: tuple[int, ...]) -> None:
    assert lived_in(stacked_mask(MaskSettings(), 24, 3, 16))(noise(*shape)).shape == shape


def test_units_are_the_papers_n() -> None:
    """Single: 1 + 4 n on the way, then n each beside, below and behind; stacked: n and 1 a pool."""
    for n in (1, 2, 3):
        settings = MaskSettings(units=n)
        assert units_of(single_mask(settings, WIDTHS, STRIDES, 4)) == 1 + 4 * n + 3 * n
        assert units_of(stacked_mask(settings, 24, 3, 16)) == 3 * (n + 1)


@pytest.mark.parametrize(("n_bins", "pools"), [(4, 0), (7, 0), (8, 1), (16, 2), (27, 2), (64, 4)])
def test_pools_by_size_leave_4_to_7_bins(n_bins: int, pools: int) -> None:
    mask = stacked_mask(MaskSettings(pools="by size"), 8, 3, n_bins)
    assert units_of(mask) == 4 * pools
    assert units_of(stacked_mask(MaskSettings(pools="fixed"), 8, 3, n_bins)) == 4 * 3


def test_each_pooling_lets_a_place_see_further() -> None:
    def width(pools: int) -> int:
        torch.manual_seed(0)
        glass = lived_in(Hourglass(8, pools, units=1, skip_units=1, up_units=0))
        maps = noise(1, 8, 8, 128).requires_grad_()
        (gradient,) = torch.autograd.grad(glass(maps)[0, :, 4, 64].sum(), maps)
        return int((gradient != 0).any(dim=1).any(dim=1).sum())

    widths = [width(pools) for pools in (1, 2, 3)]
    assert widths == sorted(set(widths))
    assert widths[2] > 2 * widths[0]


def test_no_pooling_leaves_maps_as_they_are() -> None:
    maps = noise(1, 8, 3, 5)
    assert Hourglass(8, 0, 3, 3, 3)(maps) is maps


def test_a_unit_is_a_pre_activation_bottleneck() -> None:
    """With its last layer silent it passes its input untouched, without a ReLU behind the sum."""
    unit = ResidualUnit(64)
    last = unit.layers[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.in_channels == 16
    torch.nn.init.zeros_(last.weight)
    maps = noise(2, 64, 4, 4)
    assert torch.equal(unit(maps), maps)
    assert ResidualUnit(64, 32, (2, 1))(maps).shape == (2, 32, 2, 4)
