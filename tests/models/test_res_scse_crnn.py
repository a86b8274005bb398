from pathlib import Path
from typing import get_args

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.models.attention import Excitation, excitation
from sonoscope.models.res_scse_crnn import ResScseCrnn, ResScseCrnnSettings
from sonoscope.models.residual import Placement, ResidualBlock

PLACEMENTS: tuple[Placement, ...] = get_args(Placement)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lived_in(network: nn.Module) -> nn.Module:
    """Give batch normalisation statistics other than those of birth, then stop learning."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.3, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return network.eval()


@pytest.mark.parametrize(
    ("placement", "ratio", "n_channels", "n_parameters"),
    [
        ("standard-post", 4, 7, 640_044),
        ("standard-post", 4, 10, 641_964),
        ("none", 4, 7, 633_708),
        ("none", 4, 10, 635_628),
        ("standard-post", 1, 7, 658_476),
        ("standard-post", 2, 7, 646_188),
        ("standard-post", 8, 7, 636_972),
        ("standard-post", 16, 7, 635_436),
    ],
)
def test_the_size_is_the_published_networks(
    placement: Placement, ratio: int, n_channels: int, n_parameters: int
) -> None:
    settings = ResScseCrnnSettings(placement=placement, ratio=ratio)
    network = ResScseCrnn(settings, n_channels, n_mels=64, n_labels=11)
    assert sum(weight.numel() for weight in network.parameters()) == n_parameters


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
    }
    output: Tensor = outputs[placement]()
    return output


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_block_is_the_configuration_it_names(placement: Placement) -> None:
    torch.manual_seed(0)
    maps = noise(2, 5, 6, 7)
    block = ResidualBlock(5, 8, placement=placement)
    lived_in(block)
    torch.testing.assert_close(block(maps), block_by_hand(block, placement, maps))
    others = [p for p in PLACEMENTS if p != placement and "none" not in (p, placement)]
    for other in others:
        assert (block(maps) - block_by_hand(block, other, maps)).abs().max() > 1e-2


def test_without_either_path_a_block_is_silent() -> None:
    block = ResidualBlock(5, 8, placement="none")
    lived_in(block)
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


def frames_heard(network: ResScseCrnn, features: Tensor, answer: int) -> tuple[int, int]:
    """Give the first and last feature frame that an answer depends on."""
    features = features.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(features).activity[:, answer].sum(), features)
    heard = gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    return int(heard[0]), int(heard[-1])


@pytest.mark.parametrize(
    ("kind", "placement", "heard"),
    [
        ("sse", "standard-post", (14, 26)),
        ("scse", "none", (14, 26)),
        ("cse", "standard-post", (0, 39)),
        ("scse", "main", (0, 39)),
    ],
)
def test_six_convolutions_hear_six_frames_around_and_cse_hears_all(
    kind: Excitation, placement: Placement, heard: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    settings = ResScseCrnnSettings(recurrent_layers=0, placement=placement, excitation=kind)
    network = ResScseCrnn(settings, 7, 64, 11)
    lived_in(network)
    assert frames_heard(network, noise(4, 7, 40, 64), 20) == heard


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_batch_is_one_at_a_time(placement: Placement) -> None:
    settings = ResScseCrnnSettings(filters=8, placement=placement, time_pool=5, repeat=5)
    network = lived_in(ResScseCrnn(settings, 10, 64, 11))
    features = noise(3, 10, 20, 64)
    together = network(features)
    assert together.activity.shape == (3, 20, 11)
    assert together.direction.shape == (3, 20, 11, 3)
    for i in range(3):
        for all_of_them, one in zip(together, network(features[i : i + 1]), strict=True):
            torch.testing.assert_close(all_of_them[i], one[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_weight_learns(placement: Placement) -> None:
    torch.manual_seed(0)
    settings = ResScseCrnnSettings(filters=8, placement=placement, ratio=1)
    network = ResScseCrnn(settings, 7, 64, 11)
    output = network(noise(2, 7, 20, 64))
    loss = output.activity.square().sum() + output.direction.square().sum()
    for gradient in torch.autograd.grad(loss, list(network.parameters())):
        assert gradient.abs().sum() > 0


def test_a_ratio_over_the_filters_is_refused() -> None:
    with pytest.raises(SettingError, match=r"ratio must be in 1..8, but 16 was given"):
        ResScseCrnn(ResScseCrnnSettings(filters=8, ratio=16), 7, 64, 11)


def test_a_recipe_names_the_placement() -> None:
    settings = from_table({"placement": "post", "filters": 8}, ResScseCrnnSettings, where="r.toml")
    assert (settings.placement, settings.filters) == ("post", 8)
    with pytest.raises(SettingError, match="placement"):
        from_table({"placement": "before"}, ResScseCrnnSettings, where="r.toml")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_an_onnx_file_answers_the_same(tmp_path: Path) -> None:
    settings = ResScseCrnnSettings(recurrent_layers=1)
    network = lived_in(ResScseCrnn(settings, 7, 64, 11))
    program = torch.onnx.export(
        network,
        (noise(2, 7, 4, 64),),
        dynamo=True,
        verbose=False,
        input_names=["features"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    assert program is not None
    program.save(tmp_path / "res_scse_crnn.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "res_scse_crnn.onnx")
    for n_windows in (1, 3):
        features = noise(n_windows, 7, 4, 64, seed=n_windows)
        answers = session.run(None, {"features": features.numpy()})
        for ours, theirs in zip(network(features), answers, strict=True):
            np.testing.assert_allclose(theirs, ours.detach().numpy(), rtol=0, atol=1e-4)
