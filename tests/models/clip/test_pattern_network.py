"""The network of patterns: a circle of phases, and the same answers as its graph."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from sonoscope.models.clip.cyclic import CyclicConv2d, make_cyclic
from sonoscope.models.clip.mask_branch import MaskSettings
from sonoscope.models.clip.pattern_network import (
    SMALL,
    PatternNetwork,
    PatternNetworkSettings,
    on_a_circle,
    pattern_network_to_onnx,
)

WITHOUT_MASK = PatternNetworkSettings(replace(SMALL, mask=MaskSettings(reading="none")))


def network(settings: PatternNetworkSettings) -> PatternNetwork:
    torch.manual_seed(1)
    made = PatternNetwork(settings, 5)
    patterns, figures = some(16)
    made(patterns, figures)  # batch normalisation has seen something
    return made.eval()


def some(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    patterns = 6 * torch.rand(count, 4, 36, 32, generator=generator) ** 8
    return patterns, torch.rand(count, 4, generator=generator)


def turned(patterns: Tensor, by: int) -> Tensor:
    """Turn the circles of patterns by some phases."""
    count, halves, phases, levels = patterns.shape
    circle = patterns.reshape(count, halves // 2, 2 * phases, levels)
    return torch.roll(circle, by, dims=2).reshape(patterns.shape)


def test_a_phase_stands_beside_the_other_half_cycles() -> None:
    patterns, _ = some(1)
    circle = on_a_circle(patterns)
    assert circle.shape == (1, 4, 72, 32)
    assert torch.equal(circle[:, 0, :36], patterns[:, 0])
    assert torch.equal(circle[:, 0, 36:], patterns[:, 1])
    assert torch.equal(circle[:, 2:], torch.roll(circle[:, :2], 36, dims=2))


def test_where_phase_begins_and_which_half_comes_first_do_not_matter() -> None:
    made = network(WITHOUT_MASK)
    patterns, figures = some(4)
    with torch.no_grad():
        said = made(patterns, figures)
        for by in (4, 20, 36):  # strides multiply to 4
            assert torch.allclose(made(turned(patterns, by), figures), said, atol=1e-5)
        assert not torch.allclose(made(patterns.flip(2), figures), said, atol=1e-4)


def test_a_cyclic_convolution_is_one_around_the_seam() -> None:
    flat = torch.nn.Conv2d(2, 3, 5, padding=2, bias=False)
    maps = torch.rand(1, 2, 12, 6)
    with torch.no_grad():
        wanted = flat(torch.cat([maps] * 3, dim=2))[:, :, 12:24]
        holder = torch.nn.Sequential(flat)
        make_cyclic(holder)
        assert isinstance(holder[0], CyclicConv2d)
        assert torch.allclose(holder(maps), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [PatternNetworkSettings(), PatternNetworkSettings(maps=("pulses",), figures=())],
    ids=["shipped", "pulses alone"],
)
def test_the_graph_says_the_same(settings: PatternNetworkSettings) -> None:
    made = PatternNetwork(settings, 5).eval()
    patterns, figures = some(3)
    patterns, figures = patterns[:, : 2 * len(settings.maps)], figures[:, : len(settings.figures)]
    graph = pattern_network_to_onnx(made, len(settings.figures)).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    fed = {"maps": patterns.numpy(), "figures": figures.numpy()}
    (said,) = session.run(["logits"], {each.name: fed[each.name] for each in session.get_inputs()})
    with torch.no_grad():
        assert np.abs(said - made(patterns, figures).numpy()).max() < 1e-4


def test_it_is_small() -> None:
    made = PatternNetwork(PatternNetworkSettings(), 5)
    assert sum(each.numel() for each in made.parameters()) < 150_000
