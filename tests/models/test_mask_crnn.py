"""The shipped detectors' network."""

import pytest
import torch

from sonoscope.core.errors import SettingError
from sonoscope.models.build import MaskCrnnNetwork, build
from sonoscope.models.mask_crnn import MaskCrnnSettings

SMALL = MaskCrnnNetwork(body=MaskCrnnSettings(width=4))


def test_a_batch_of_two_formats_is_each_format_alone() -> None:
    network = build(SMALL, n_labels=3).eval()
    sound = 0.1 * torch.randn(4, 4, 16_000)
    with torch.no_grad():
        both = network(sound)
        foa, tetra = network.heard_as("foa")(sound[:2]), network.heard_as("tetra")(sound[2:])
    assert both.activity.shape == (4, 50, 3)
    assert torch.allclose(both.activity, torch.cat([foa.activity, tetra.activity]), atol=1e-5)
    assert torch.allclose(both.direction, torch.cat([foa.direction, tetra.direction]), atol=1e-5)


def test_an_untrained_network_already_points_to_a_single_source() -> None:
    network = build(SMALL, n_labels=2).eval().heard_as("foa")
    noise = torch.randn(1, 1, 16_000)
    left_and_up = torch.tensor([1.0, 0.6, 0.8, 0.0])[None, :, None]  # W, Y, Z, X
    with torch.no_grad():
        direction = network(noise * left_and_up).direction
    unit = direction / direction.norm(dim=-1, keepdim=True)
    assert (unit @ torch.tensor([0.0, 0.6, 0.8])).min() > 0.999


def test_what_is_random_in_training_is_still_in_evaluation() -> None:
    network = build(SMALL, n_labels=2).heard_as("foa")
    sound = 0.1 * torch.randn(2, 4, 16_000)
    assert not torch.equal(network(sound).activity, network(sound).activity)
    network.eval()
    assert torch.equal(network(sound).activity, network(sound).activity)


def test_a_format_it_does_not_have_is_refused() -> None:
    network = build(MaskCrnnNetwork(formats=("foa",)), n_labels=2)
    with pytest.raises(SettingError, match="tetra"):
        network.heard_as("tetra")
