import pytest
import torch
from tests.models.listening import lived_in, noise, size
from torch import nn

from sonoscope.models.clip.rivals.mobile_net import (
    InvertedResidual,
    MobileNet,
    MobileNetSettings,
    Squeeze,
    whole_eights,
)


@pytest.mark.parametrize(
    ("width", "n_labels", "millions"),
    [(1.0, 527, "4.88"), (1.0, 50, "4.27"), (0.4, 50, "0.74"), (0.1, 50, "0.06")],
)
def test_sizes_are_the_published_ones(width: float, n_labels: int, millions: str) -> None:
    with torch.device("meta"):
        network = MobileNet(MobileNetSettings(width=width), 1, n_labels)
    assert f"{size(network) / 1e6:.2f}" == millions


def test_of_mobile_nets_blocks_eight_are_excited_and_ten_have_shortcuts() -> None:
    with torch.device("meta"):
        network = MobileNet(MobileNetSettings(), 1, 50)
    blocks = [each for each in network.modules() if isinstance(each, InvertedResidual)]
    excited = [any(isinstance(part, Squeeze) for part in block.main) for block in blocks]
    assert [i for i, is_excited in enumerate(excited) if is_excited] == [
        3,
        4,
        5,
        10,
        11,
        12,
        13,
        14,
    ]
    assert sum(block.has_shortcut for block in blocks) == 10


def test_maps_shrink_by_thirty_two() -> None:
    network = lived_in(MobileNet(MobileNetSettings(width=0.1), 1, 5))
    assert network.convolutions(noise(1, 1, 64, 96)).shape[2:] == (2, 3)


def test_squeeze_weighs_channels_by_what_all_hold() -> None:
    squeeze, maps = Squeeze(16), noise(2, 16, 5, 4).abs() + 0.1
    assert squeeze.squeeze.out_features == 8
    weight = squeeze(maps) / maps
    torch.testing.assert_close(weight, weight[:, :, :1, :1].expand_as(weight))
    assert ((weight > 0) & (weight < 1)).all()


def test_rounding_loses_at_most_a_tenth() -> None:
    for n_channels in range(1, 200):
        rounded = whole_eights(float(n_channels))
        assert rounded % 8 == 0
        assert rounded >= 0.9 * n_channels


def test_convolutions_begin_as_published() -> None:
    torch.manual_seed(0)
    network = MobileNet(MobileNetSettings(), 1, 50)
    last = [each for each in network.convolutions if isinstance(each, nn.Conv2d)][-1]
    assert last.weight.std().item() == pytest.approx((2 / 960) ** 0.5, rel=0.02)
