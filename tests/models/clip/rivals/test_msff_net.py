"""Streams hear their bands alone; CBAM weighs channels, then places; both fusions are added."""

import torch
from tests.models.listening import lived_in, noise

from sonoscope.models.clip.rivals.msff_net import (
    ChannelAttention,
    MsffNet,
    MsffNetSettings,
    PlaceAttention,
    ResCbam,
)

SMALL = MsffNetSettings(filters=(4, 6, 8), early=6)


def small() -> MsffNet:
    torch.manual_seed(0)
    return lived_in(MsffNet(SMALL, 1, 5))


def silenced(network: MsffNet, streams: list[int], *, early: bool) -> MsffNet:
    """Let only some streams' late answers, or the early fusion alone, count."""
    with torch.no_grad():
        for i, head in enumerate(network.late):
            assert isinstance(head, torch.nn.Linear)
            if i not in streams:
                head.weight.zero_()
        if not early:
            network.answer.weight.zero_()
    return network


def heads_of(network: MsffNet) -> list[torch.nn.Linear]:
    return [
        each
        for each in network.modules()
        if isinstance(each, torch.nn.Linear) and each.out_features == 5
    ]


def bins_heard(network: MsffNet, n_bins: int) -> list[int]:
    maps = noise(1, 1, n_bins, 24).requires_grad_()
    (gradient,) = torch.autograd.grad(network(maps).square().sum(), maps)
    return (gradient.abs().sum(dim=(0, 1, 3)) > 0).nonzero()[:, 0].tolist()


def test_each_stream_hears_its_band_and_the_last_the_whole() -> None:
    for i in range(4):
        network = silenced(small(), [i], early=False)
        assert bins_heard(network, 32) == list(range(8 * i, 8 * i + 8))
    assert bins_heard(silenced(small(), [4], early=False), 32) == list(range(32))
    assert bins_heard(silenced(small(), [], early=True), 32) == list(range(32))


def test_bins_that_four_does_not_divide_are_filled_up() -> None:
    assert bins_heard(silenced(small(), [3], early=False), 30) == list(range(24, 30))


def test_early_and_late_fusion_are_added() -> None:
    maps = noise(2, 1, 32, 24)
    whole = small()(maps)
    late = silenced(small(), [0, 1, 2, 3, 4], early=False)(maps)
    early = silenced(small(), [], early=True)(maps)
    biases = sum(head.bias for head in heads_of(small()))
    torch.testing.assert_close(late + early - biases, whole)


def test_channels_are_weighed_before_places() -> None:
    block = lived_in(ResCbam(4, 32))
    maps = noise(2, 4, 12, 10)
    inside, past = block.main(maps), block.shortcut(maps)
    wanted = torch.relu(block.places(block.channels(inside)) + past)
    torch.testing.assert_close(block(maps), wanted)
    other = torch.relu(block.channels(block.places(inside)) + past)
    assert (wanted - other).abs().max() > 1e-3


def test_channel_weights_are_the_same_everywhere_and_count_means_and_peaks() -> None:
    attention, maps = ChannelAttention(32), noise(2, 32, 6, 5).abs() + 0.1
    weight = attention(maps) / maps
    torch.testing.assert_close(weight, weight[:, :, :1, :1].expand_as(weight))
    logit = attention.layers(maps.mean((2, 3))) + attention.layers(maps.amax((2, 3)))
    torch.testing.assert_close(weight[:, :, 0, 0], torch.sigmoid(logit))


def test_place_weights_are_the_same_for_all_channels() -> None:
    attention, maps = PlaceAttention(), noise(2, 8, 9, 9).abs() + 0.1
    weight = attention(maps) / maps
    torch.testing.assert_close(weight, weight[:, :1].expand_as(weight))
    assert weight[:, 0].std() > 0
