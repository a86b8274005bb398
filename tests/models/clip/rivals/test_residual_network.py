import pytest
import torch
from tests.models.listening import noise, size
from torch import nn

from sonoscope.models.attention import ChannelExcitation
from sonoscope.models.clip.rivals.residual_network import (
    BasicBlock,
    ResNet18,
    ResNet18Settings,
    ResNetFeatures,
)


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        assert size(ResNet18(ResNet18Settings(), 3, 1000)) == 11_689_512


@pytest.mark.parametrize("excited", [0, 1, 3])
def test_the_last_stages_end_with_excitation(excited: int) -> None:
    stages = ResNetFeatures(1, 16, excited, ratio=16).stages
    has = [isinstance(list(stage.children())[-1], ChannelExcitation) for stage in stages]
    assert has == [False] * (4 - excited) + [True] * excited


def test_excitation_of_three_stages_adds_an_eighth_of_their_squares() -> None:
    plain, excited = ResNetFeatures(1, 64), ResNetFeatures(1, 64, 3, 16)
    assert size(excited) - size(plain) == sum(width**2 // 8 for width in (128, 256, 512))


def test_a_block_that_learnt_nothing_gives_what_it_is_given() -> None:
    block = BasicBlock(4, 4, stride=1).eval()
    last = block.main[-1]
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)
    maps = noise(2, 4, 6, 5).relu()
    assert torch.equal(block(maps), maps)


def test_maps_shrink_by_thirty_two_and_are_averaged() -> None:
    features = ResNetFeatures(1, 4).eval()
    maps = noise(1, 1, 64, 96)
    inside = features.stages(features.stem(maps))
    assert inside.shape == (1, 32, 2, 3)
    torch.testing.assert_close(features(maps), inside.mean(dim=(2, 3)))
