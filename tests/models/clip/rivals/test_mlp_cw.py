"""The size is the published one, of which half learns nothing as published."""

import torch
from tests.models.listening import noise, size
from torch import nn

from sonoscope.models.clip.rivals.mlp_cw import DenseMlp, MlpCw, MlpCwSettings, TokenMixer
from sonoscope.models.clip.rivals.segment_means import segment_means

SMALL = MlpCwSettings(tokens=4, widths=(2, 3))

UNUSED_SCALES = 400 + 800 + 400  # vectors of the published code that stand in no sum


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        network = MlpCw(MlpCwSettings(), 1, 100, 10)
    assert size(network) + UNUSED_SCALES == 1_461_250


def test_half_of_it_are_the_projections_that_the_published_code_does_not_use() -> None:
    with torch.device("meta"):
        network = MlpCw(MlpCwSettings(), 1, 100, 10)
        computed = MlpCw(MlpCwSettings(shortcut=False), 1, 100, 10)
    assert size(network) - size(computed) == 2 * (100 * 400 + 400 * 800)


def awake(network: nn.Module) -> nn.Module:
    """Let the small scales count."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() == 1:
                weight.add_(0.5 * torch.rand_like(weight))
    return network.eval()


def test_a_block_mixes_tokens_then_channels() -> None:
    block = awake(DenseMlp(6, 8, SMALL))
    assert isinstance(block, DenseMlp)
    assert block.shortcut is not None
    tokens = noise(2, 4, 6)
    mixed = tokens + block.mixed * block.mixer(tokens.transpose(1, 2)).transpose(1, 2)
    wanted = block.scale * nn.functional.gelu(block.linear(block.norm(mixed)))
    torch.testing.assert_close(block(tokens), wanted + block.shortcut(mixed))
    block.shortcut = None
    torch.testing.assert_close(block(tokens), wanted)


def test_token_mixing_keeps_channels_apart() -> None:
    mixer = awake(TokenMixer(6, 4, 0.0))
    channels = noise(1, 6, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(channels)[0, 2].sum(), channels)
    assert (gradient[0].abs().sum(dim=1) > 0).tolist() == [False, False, True, False, False, False]
    assert (gradient[0, 2] != 0).all()


def test_the_pyramids_stand_side_by_side() -> None:
    network = awake(MlpCw(SMALL, 1, 6, 5))
    assert isinstance(network, MlpCw)
    maps = noise(2, 1, 6, 23)
    tokens = segment_means(maps[:, 0], 4).transpose(1, 2)
    first = network.enter(tokens)
    second = network.widen(first)
    third = network.narrow(second) + first
    fourth = network.leave(third) + network.kept * tokens
    assert [each.shape[2] for each in (first, second, third, fourth)] == [12, 18, 12, 6]
    wanted = network.answer(network.norm(fourth.mean(dim=1)))
    torch.testing.assert_close(network(maps), wanted)


def test_scales_begin_small_enough_that_only_projections_count() -> None:
    torch.manual_seed(0)
    network = MlpCw(SMALL, 1, 6, 5).eval()
    maps = noise(2, 1, 6, 24)
    given = network(maps)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("scale", "mixed")):
                weight.zero_()
    torch.testing.assert_close(network(maps), given, rtol=0, atol=1e-3)
