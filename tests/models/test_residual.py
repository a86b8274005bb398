"""A residual block is the configuration it names."""

from typing import get_args

import pytest
import torch
from tests.models.listening import lived_in, noise
from torch import Tensor, nn

from sonoscope.models.residual import Placement, ResidualBlock

PLACEMENTS: tuple[Placement, ...] = get_args(Placement)


def block_by_hand(block: ResidualBlock, placement: Placement, maps: Tensor) -> Tensor:
    """Write out each configuration as its paper has it."""
    weigh, elu = block.excitation, nn.ELU()
    main, shortcut = block.main(maps), block.shortcut(maps)
    outputs = {
        "none": lambda: elu(main + shortcut),
        "main": lambda: elu(weigh(main) + shortcut),
        "shortcut": lambda: elu(main + weigh(shortcut)),
        "post": lambda: weigh(elu(main + shortcut)),
        "standard-post": lambda: weigh(elu(main + shortcut)) + shortcut,
        "post-elu": lambda: elu(weigh(main + shortcut)),
        "standard-post-elu": lambda: elu(weigh(main + shortcut) + shortcut),
    }
    output: Tensor = outputs[placement]()
    return output


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_block_is_the_configuration_it_names(placement: Placement) -> None:
    torch.manual_seed(0)
    maps = noise(2, 5, 6, 7)
    block = lived_in(ResidualBlock(5, 7, n_filters=8, placement=placement))
    torch.testing.assert_close(block(maps), block_by_hand(block, placement, maps))
    others = [p for p in PLACEMENTS if p != placement and "none" not in (p, placement)]
    for other in others:
        assert (block(maps) - block_by_hand(block, other, maps)).abs().max() > 1e-2


def test_without_either_path_a_block_is_silent() -> None:
    block = lived_in(ResidualBlock(5, 7, n_filters=8, placement="none"))
    maps = noise(2, 5, 6, 7)
    loudness = []
    for path in (block.main, block.shortcut):
        last = path[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        loudness.append(block(maps).abs().max().item())
    assert loudness[0] > 0
    assert loudness[1] == 0


@pytest.mark.parametrize("before", [False, True])
def test_activation_stands_before_or_after_its_convolution(before: bool) -> None:
    block = ResidualBlock(5, 7, n_filters=8, placement="none", pre_activation=before)
    order = [type(layer).__name__ for layer in block.main]
    after = ["Conv2d", "BatchNorm2d", "ELU", "Conv2d", "BatchNorm2d"]
    assert order == (["BatchNorm2d", "ELU", "Conv2d"] * 2 if before else after)
    least = lived_in(block)(10 * noise(2, 5, 6, 7)).min()
    assert (least < -1) == before  # nothing below -1 leaves an ELU
