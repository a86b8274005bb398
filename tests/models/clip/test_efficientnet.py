"""EfficientNetV2 is as large as published, and its blocks are what their names say."""

import pytest
import torch
from tests.models.listening import noise, size

from sonoscope.models.clip.efficientnet import (
    EfficientNet,
    EfficientNetSettings,
    MBConv,
    Size,
    Stage,
    StochasticDepth,
    Trunk,
)

PUBLISHED = {"b0": 7_139_704, "b1": 8_141_052, "b2": 10_096_086, "b3": 14_358_406, "s": 21_458_488}
"""Weights for 3 channels and 1000 labels, as torchvision and timm count them."""


@pytest.mark.parametrize(("table", "weights"), PUBLISHED.items())
def test_sizes_are_the_published_ones(table: Size, weights: int) -> None:
    with torch.device("meta"):
        trunk = EfficientNet(EfficientNetSettings(size=table), n_channels=3, n_labels=1000)
    assert size(trunk) == weights


def test_strides_halve_what_they_say() -> None:
    maps = noise(1, 16, 40, 56)
    settings = EfficientNetSettings(
        width=0.25, strides=((2, 2), (1, 2), (2, 2), (2, 1), (1, 1)), depth=0.2
    )
    assert Trunk(settings, 16).eval()(maps).shape[2:] == (10, 14)


def test_only_blocks_of_one_shape_add_their_input() -> None:
    stage = Stage(1, 3, 1, 4, 8, fused=True)
    assert MBConv(8, 8, stage, (1, 1), se=False).adds
    assert not MBConv(8, 16, stage, (1, 1), se=False).adds
    assert not MBConv(8, 8, stage, (1, 2), se=False).adds


def test_stochastic_depth_leaves_out_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = StochasticDepth(0.2)
    maps = torch.ones(10_000, 1, 1, 1)
    given = layer(maps)
    assert set(given.flatten().tolist()) == {0.0, 1.25}
    assert (given == 0).double().mean().item() == pytest.approx(0.2, abs=0.015)
    assert layer.eval()(maps) is maps


def test_blocks_are_left_out_the_deeper_the_likelier() -> None:
    trunk = Trunk(EfficientNetSettings(survival=0.8), 32)
    shares = [block.dropped.share for block in trunk.modules() if isinstance(block, MBConv)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.2 * 20 / 21)
