"""A network that is told what its dropout keeps answers as with those units, graph and all."""

import copy

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from sonoscope.models.build import CrnnNetwork, MaskCrnnNetwork, build
from sonoscope.models.crnn import CrnnSettings
from sonoscope.models.export import dropout_of, keep_labels, to_onnx
from sonoscope.models.mask_crnn import MaskCrnnSettings
from sonoscope.models.mc_dropout import KeptUnits, usable
from sonoscope.models.output import Output
from sonoscope.targets.card import Dropout

SMALL = MaskCrnnNetwork(body=MaskCrnnSettings(width=4), formats=("foa",))
WINDOW = 3_200


class Twice(nn.Module):
    """One dropout layer called twice, another that drops whole maps, a third that drops nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.maps, self.none = nn.Dropout(0.2), nn.Dropout2d(0.5), nn.Dropout(0.0)

    def forward(self, sound: torch.Tensor) -> Output:
        once = self.none(self.one(sound))
        maps = self.maps(once[..., None])
        return Output(self.one(maps[..., 0]), sound)


def test_each_call_of_a_dropout_layer_is_a_place() -> None:
    kept = KeptUnits(Twice().eval(), torch.ones(3, 4, 7))
    assert kept.dropout == (
        Dropout("kept_0", 0.2, (4, 7)),
        Dropout("kept_1", 0.5, (4, 1, 1)),
        Dropout("kept_2", 0.2, (4, 7)),
    )
    factors = [2 * torch.ones(1, 4, 7), 3 * torch.ones(1, 4, 1, 1), 5 * torch.ones(1, 4, 7)]
    answer = kept(torch.ones(3, 4, 7), factors)
    assert isinstance(answer, Output)
    assert torch.equal(answer.activity, 30 * torch.ones(3, 4, 7))


def test_factors_of_dropout_are_what_training_does() -> None:
    """What the network's own dropout layers did is told to it as factors."""
    network = build(SMALL, n_labels=3).eval()
    sound = 0.1 * torch.randn(2, 4, WINDOW)
    kept = KeptUnits(copy.deepcopy(network), sound)
    factors: list[torch.Tensor] = []

    def note(_: nn.Module, given: tuple[torch.Tensor], made: torch.Tensor) -> None:
        factors.append(torch.where(given[0] == 0, 1.0, made / given[0]))

    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()
            module.register_forward_hook(note)
    with torch.no_grad():
        dropped, told = network(sound), kept(sound, factors)
        plain = kept(sound, [torch.ones(1, 1, 1) for _ in kept.dropout])
    assert [tuple(each.shape[1:]) for each in factors] == [site.shape for site in kept.dropout]
    assert isinstance(told, Output)
    assert isinstance(plain, Output)
    assert torch.allclose(dropped.activity, told.activity, atol=1e-5)
    assert torch.allclose(dropped.direction, told.direction, atol=1e-5)
    assert not torch.allclose(plain.activity, told.activity, atol=1e-3)


def test_kept_labels_are_answered_as_before() -> None:
    network = build(SMALL, n_labels=5).eval()
    fewer = copy.deepcopy(network)
    keep_labels(fewer, 2)
    sound = 0.1 * torch.randn(2, 4, WINDOW)
    with torch.no_grad():
        whole, some = network(sound), fewer(sound)
    assert some.activity.shape[-1] == 2
    assert torch.allclose(whole.activity[..., :2], some.activity, atol=1e-6)
    assert torch.allclose(whole.direction[..., :2, :], some.direction, atol=1e-6)


@pytest.mark.slow
def test_the_graph_answers_many_passes_of_one_window() -> None:
    network = build(SMALL, n_labels=5).eval()
    graph = to_onnx(network, n_labels=3, window=WINDOW)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    assert [value.name for value in session.get_inputs()] == ["sound"]
    sites, passes = dropout_of(network, WINDOW), 5
    sound = 0.1 * torch.randn(1, 4, WINDOW)
    factors = [
        torch.bernoulli(torch.full((passes, *site.shape), 0.8)) / (1 - site.rate) for site in sites
    ]
    kept = {site.name: each.numpy() for site, each in zip(sites, factors, strict=True)}
    activity, direction = session.run(None, {"sound": sound.numpy()} | kept)
    with torch.no_grad():
        told = KeptUnits(copy.deepcopy(network), sound)(sound.expand(passes, -1, -1), factors)
    assert isinstance(told, Output)
    assert np.abs(activity - torch.sigmoid(told.activity[..., :3]).numpy()).max() < 1e-5
    wanted = told.direction[..., :3, :].numpy()
    assert np.abs(direction - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert activity.std(axis=0).max() > 1e-4
    assert usable(graph, sites, WINDOW) == sites


@pytest.mark.slow
def test_the_papers_networks_can_be_asked_in_passes() -> None:
    """Their last reshape makes what the graph gives."""
    body = CrnnSettings(filters=4, recurrent_units=6, head_units=5, dropout=0.2)
    network = build(CrnnNetwork(body=body), n_labels=3).eval()
    sites, window = dropout_of(network, 4_800), 4_800
    assert [site.shape[0] for site in sites] == [4, 4, 4, 10, 10, 10, 10]
    assert usable(to_onnx(network, 3, window), sites, window) == sites
