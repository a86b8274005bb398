"""Squeeze and excitation is the formula of its paper."""

import numpy as np
import pytest
import torch
from tests.models.listening import noise
from torch import nn

from sonoscope.models.attention import Excitation, excitation


def weight_of(module: nn.Module, name: str) -> np.ndarray:
    return module.get_parameter(name).detach().double().numpy()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def channels_by_hand(module: nn.Module, maps: np.ndarray) -> np.ndarray:
    squeezed = maps.mean(axis=(2, 3)) @ weight_of(module, "squeeze.weight").T
    weight = sigmoid(np.maximum(squeezed, 0) @ weight_of(module, "excite.weight").T)
    return np.asarray(maps * weight[:, :, None, None])


def places_by_hand(module: nn.Module, maps: np.ndarray) -> np.ndarray:
    kernel = weight_of(module, "squeeze.weight")[0, :, 0, 0]
    return np.asarray(maps * sigmoid(np.tensordot(kernel, maps, (0, 1)))[:, None])


def test_excitation_is_the_papers_formula() -> None:
    torch.manual_seed(0)
    maps = noise(2, 8, 5, 6)
    exact = maps.double().numpy()
    cse, sse, scse = (excitation(kind, 8, 2) for kind in ("cse", "sse", "scse"))
    both = channels_by_hand(scse.get_submodule("channels"), exact) + places_by_hand(
        scse.get_submodule("places"), exact
    )
    for module, wanted in (
        (cse, channels_by_hand(cse, exact)),
        (sse, places_by_hand(sse, exact)),
        (scse, both),
    ):
        np.testing.assert_allclose(module(maps).detach().numpy(), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["cse", "sse", "scse"])
def test_excitation_has_no_bias_and_starts_as_he_draws(kind: Excitation) -> None:
    torch.manual_seed(0)
    module = excitation(kind, 512, 1)
    for name, weight in module.named_parameters():
        assert name.endswith(".weight")
        n_inputs = weight[0].numel()
        assert weight.std().item() == pytest.approx((2 / n_inputs) ** 0.5, rel=0.15)
