from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.models.crnn import Crnn, CrnnSettings, DirectionHead, ProductGru

SMALL = CrnnSettings(filters=8, recurrent_units=12, head_units=10)


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


@pytest.mark.parametrize(("n_channels", "n_parameters"), [(7, 513_324), (10, 515_052)])
def test_the_size_is_the_published_networks(n_channels: int, n_parameters: int) -> None:
    network = Crnn(CrnnSettings(), n_channels, n_mels=64, n_labels=11)
    assert sum(weight.numel() for weight in network.parameters()) == n_parameters


@pytest.mark.parametrize(
    ("time_pool", "repeat", "n_answers"), [(1, 1, 53), (5, 1, 10), (5, 5, 50), (4, 2, 26)]
)
def test_answers_come_at_the_rate_of_the_pool_times_the_repeats(
    time_pool: int, repeat: int, n_answers: int
) -> None:
    settings = CrnnSettings(
        filters=8, recurrent_units=12, head_units=10, time_pool=time_pool, repeat=repeat
    )
    activity, direction = Crnn(settings, 7, 64, n_labels=5)(noise(2, 7, 53, 64))
    assert activity.shape == (2, n_answers, 5)
    assert direction.shape == (2, n_answers, 5, 3)


def test_a_repeated_answer_is_the_same_answer_side_by_side() -> None:
    torch.manual_seed(0)
    once = lived_in(Crnn(CrnnSettings(time_pool=5), 7, 64, 11))
    often = lived_in(Crnn(CrnnSettings(time_pool=5, repeat=5), 7, 64, 11))
    often.load_state_dict(once.state_dict())
    features = noise(2, 7, 20, 64)
    for one, many in zip(once(features), often(features), strict=True):
        assert torch.equal(many, one.repeat_interleave(5, dim=1))


@pytest.mark.parametrize("head", ["xyz", "angles"])
def test_directions_are_vectors(head: DirectionHead) -> None:
    settings = CrnnSettings(filters=8, recurrent_layers=0, direction_head=head)
    network = Crnn(settings, 7, 64, 11).eval()
    length = network(30 * noise(2, 7, 20, 64)).direction.norm(dim=-1)
    if head == "angles":
        torch.testing.assert_close(length, torch.ones(2, 20, 11))
    else:
        assert length.max() < 3**0.5
        assert length.std() > 0


def test_the_angle_head_turns_counter_clockwise_and_up() -> None:
    network = Crnn(CrnnSettings(recurrent_layers=0, direction_head="angles"), 7, 64, 1).eval()
    last = network.get_submodule("tail.direction.2")
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    quarter = torch.pi / 2
    for angles, vector in (
        ((0, 0), (1, 0, 0)),
        ((quarter, 0), (0, 1, 0)),
        ((1, quarter), (0, 0, 1)),
    ):
        last.bias.data = torch.tensor(angles, dtype=torch.float32)
        heard = network(noise(1, 7, 2, 64)).direction[0, 0, 0]
        torch.testing.assert_close(heard, torch.tensor(vector).float(), rtol=0, atol=1e-6)


def gru_by_hand(sequence: Tensor, cell: nn.GRU, suffix: str) -> Tensor:
    """Run one direction of a GRU over frames in order, gate by gate."""
    weights = dict(cell.named_parameters())
    inward, inward_bias = weights[f"weight_ih_l0{suffix}"], weights[f"bias_ih_l0{suffix}"]
    around, around_bias = weights[f"weight_hh_l0{suffix}"], weights[f"bias_hh_l0{suffix}"]
    state, states = torch.zeros(len(sequence), cell.hidden_size), []
    for frame in sequence.unbind(1):
        reset_in, update_in, new_in = (frame @ inward.T + inward_bias).chunk(3, -1)
        reset_on, update_on, new_on = (state @ around.T + around_bias).chunk(3, -1)
        reset, update = torch.sigmoid(reset_in + reset_on), torch.sigmoid(update_in + update_on)
        state = (1 - update) * torch.tanh(new_in + reset * new_on) + update * state
        states.append(state)
    return torch.stack(states, dim=1)


def test_the_two_directions_of_a_gru_are_multiplied() -> None:
    torch.manual_seed(0)
    layer, sequence = ProductGru(6, 5), noise(3, 9, 6)
    ahead = gru_by_hand(sequence, layer.gru, "")
    back = gru_by_hand(sequence.flip(1), layer.gru, "_reverse").flip(1)
    torch.testing.assert_close(layer(sequence), ahead * back)


def frames_heard(network: nn.Module, features: Tensor, answer: int) -> tuple[int, int]:
    """Give the first and last feature frame that an answer depends on."""
    features = features.clone().requires_grad_()
    output = network(features)
    total = output.activity[:, answer].sum() + output.direction[:, answer].sum()
    (gradient,) = torch.autograd.grad(total, features)
    heard = gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    return int(heard[0]), int(heard[-1])


def test_three_convolutions_hear_three_frames_around() -> None:
    network = lived_in(Crnn(CrnnSettings(recurrent_layers=0), 7, 64, 11))
    assert frames_heard(network, noise(4, 7, 30, 64), 15) == (12, 18)


def test_pooling_time_by_five_hears_two_answers_and_a_frame_around() -> None:
    network = lived_in(Crnn(CrnnSettings(recurrent_layers=0, time_pool=5), 7, 64, 11))
    assert frames_heard(network, noise(32, 7, 60, 64), 6) == (30 - 11, 34 + 11)


def test_recurrent_layers_hear_everything() -> None:
    torch.manual_seed(0)
    network = lived_in(Crnn(SMALL, 7, 64, 11))
    assert frames_heard(network, noise(4, 7, 30, 64), 15) == (0, 29)


def test_a_batch_is_one_at_a_time() -> None:
    network = lived_in(Crnn(SMALL, 7, 64, 11))
    features = noise(3, 7, 20, 64)
    together = network(features)
    for i in range(3):
        for all_of_them, one in zip(together, network(features[i : i + 1]), strict=True):
            torch.testing.assert_close(all_of_them[i], one[0], rtol=0, atol=1e-5)


def test_dropout_is_for_learning_only() -> None:
    network = Crnn(
        CrnnSettings(filters=8, recurrent_units=12, head_units=10, dropout=0.5), 7, 64, 11
    )
    features = noise(1, 7, 20, 64)
    assert not torch.equal(network(features).activity, network(features).activity)
    network.eval()
    assert torch.equal(network(features).activity, network(features).activity)


def test_every_weight_learns() -> None:
    network = Crnn(SMALL, 7, 64, 11)
    output = network(noise(2, 7, 20, 64))
    loss = output.activity.square().sum() + output.direction.square().sum()
    for gradient in torch.autograd.grad(loss, list(network.parameters())):
        assert gradient.abs().sum() > 0


def test_pools_that_do_not_divide_the_mel_bands_are_refused() -> None:
    with pytest.raises(SettingError, match=r"divisor of 48 mel bands, but \(4, 4, 2\) was given"):
        Crnn(CrnnSettings(), 7, n_mels=48, n_labels=11)


def test_a_misspelt_key_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="timepool: unknown key"):
        from_table({"timepool": 5}, CrnnSettings, where="recipe.toml")
    with pytest.raises(SettingError, match="time_pool"):
        from_table({"time_pool": 0}, CrnnSettings, where="recipe.toml")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_an_onnx_file_answers_the_same(tmp_path: Path) -> None:
    network = lived_in(Crnn(CrnnSettings(time_pool=5, repeat=5), 7, 64, 11))
    program = torch.onnx.export(
        network,
        (noise(2, 7, 20, 64),),  # the exporter takes a second or more for each frame of a GRU
        dynamo=True,
        verbose=False,
        input_names=["features"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    assert program is not None
    program.save(tmp_path / "crnn.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "crnn.onnx")
    for n_windows in (1, 3):
        features = noise(n_windows, 7, 20, 64, seed=n_windows)
        answers = session.run(None, {"features": features.numpy()})
        for ours, theirs in zip(network(features), answers, strict=True):
            np.testing.assert_allclose(theirs, ours.detach().numpy(), rtol=0, atol=1e-4)
