"""Blocks, recurrent layers and heads: what is the same in every network of the paper."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.models.listening import frames_heard, heard, lived_in, noise, numbers, size
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.models.crnn import Crnn, CrnnSettings, DirectionHead, ProductGru, crnn
from sonoscope.models.m_crnn import MCrnnSettings, m_crnn
from sonoscope.models.output import Output
from sonoscope.models.res_scse_crnn import ResScseCrnnSettings, res_scse_crnn

N_LABELS = 11


def build(kind: str, n_channels: int = 7, n_mels: int = 64, **settings: Any) -> Crnn:
    match kind:
        case "crnn":
            return crnn(CrnnSettings(**settings), n_channels, n_mels, N_LABELS)
        case "m_crnn":
            return m_crnn(MCrnnSettings(**settings), n_channels, n_mels, N_LABELS)
        case _:
            asked = ResScseCrnnSettings(**settings)
            return res_scse_crnn(asked, n_channels, n_mels, N_LABELS)


SMALL: dict[str, Any] = {"filters": 8, "recurrent_units": 12, "head_units": 10}
EVERY = pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("crnn", {}),
        ("crnn", {"norm": "bin"}),
        ("crnn", {"bands": "mean", "recurrent_layers": 0}),
        ("m_crnn", {}),
        ("m_crnn", {"mel_pools": (32,), "norm": "bin"}),
        ("res_scse_crnn", {"norm": "bin"}),
        *(
            ("res_scse_crnn", {"placement": placement, "pre_activation": before})
            for placement in (
                *("none", "main", "shortcut", "post", "standard-post"),
                *("post-elu", "standard-post-elu"),
            )
            for before in (False, True)
        ),
    ],
)


@pytest.mark.parametrize(
    ("kind", "settings", "foa", "tetra"),
    [
        ("crnn", {}, 513_324, 515_052),
        ("crnn", {"recurrent_layers": 0}, 117_036, 118_764),
        ("crnn", {"recurrent_layers": 0, "bands": "mean"}, 100_652, 102_380),
        ("m_crnn", {}, 755_020, 755_404),
        ("res_scse_crnn", {}, 640_044, 641_964),
        ("res_scse_crnn", {"placement": "none"}, 633_708, 635_628),
        ("res_scse_crnn", {"ratio": 1}, 658_476, 660_396),
        ("res_scse_crnn", {"ratio": 2}, 646_188, 648_108),
        ("res_scse_crnn", {"ratio": 8}, 636_972, 638_892),
        ("res_scse_crnn", {"ratio": 16}, 635_436, 637_356),
    ],
)
def test_the_size_is_the_published_networks(
    kind: str, settings: dict[str, Any], foa: int, tetra: int
) -> None:
    assert size(build(kind, 7, **settings)) == foa
    assert size(build(kind, 10, **settings)) == tetra


@EVERY
@pytest.mark.parametrize("n_channels", [7, 10])
def test_every_label_is_answered_for_every_frame(
    kind: str, settings: dict[str, Any], n_channels: int
) -> None:
    network = build(kind, n_channels, **{**SMALL, **settings})
    answer = network(noise(2, n_channels, 9, 64))
    assert answer.activity.shape == (2, 9, N_LABELS)
    assert answer.direction.shape == (2, 9, N_LABELS, 3)


@pytest.mark.parametrize(
    ("time_pool", "repeat", "n_answers"), [(1, 1, 53), (5, 1, 10), (5, 5, 50), (4, 2, 26)]
)
def test_answers_come_at_the_rate_of_the_pool_times_the_repeats(
    time_pool: int, repeat: int, n_answers: int
) -> None:
    network = build("crnn", **SMALL, time_pool=time_pool, repeat=repeat)
    assert numbers(network(noise(2, 7, 53, 64))).shape[1] == n_answers


def test_a_repeated_answer_is_the_same_answer_side_by_side() -> None:
    once = lived_in(build("crnn", time_pool=5))
    often = lived_in(build("crnn", time_pool=5, repeat=5))
    often.load_state_dict(once.state_dict())
    features = noise(2, 7, 20, 64)
    assert torch.equal(
        numbers(often(features)), numbers(once(features)).repeat_interleave(5, dim=1)
    )


@pytest.mark.parametrize("head", ["xyz", "angles", "angles2019"])
def test_directions_are_vectors(head: DirectionHead) -> None:
    network = build("crnn", filters=8, recurrent_layers=0, direction_head=head).eval()
    answer = network(30 * noise(2, 7, 20, 64))
    length = answer.direction.norm(dim=-1)
    if head == "xyz":
        assert answer.angles is None
        assert length.max() < 3**0.5
        assert length.std() > 0
    else:
        assert answer.angles is not None
        assert answer.angles.shape == (2, 20, N_LABELS, 2)
        torch.testing.assert_close(length, torch.ones(2, 20, N_LABELS))


HEADS: tuple[tuple[DirectionHead, float], ...] = (("angles", 1.0), ("angles2019", 180 / 50))


def angles_answered(head: DirectionHead, azimuth: float, elevation: float) -> Output:
    """Let the last layer of a direction head say two numbers."""
    settings = CrnnSettings(recurrent_layers=0, direction_head=head)
    network = crnn(settings, 7, 64, n_labels=1).eval()
    last = network.get_submodule("tail.direction.2")
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([azimuth, elevation])
    answer = network(noise(1, 7, 1, 64))
    assert isinstance(answer, Output)
    return answer


@pytest.mark.parametrize(
    ("azimuth", "elevation", "vector"),
    [
        (0.0, 0.0, (1, 0, 0)),
        (90.0, 0.0, (0, 1, 0)),
        (50.0, 90.0, (0, 0, 1)),
        (270.0, 0, (0, -1, 0)),
    ],
)
def test_the_angle_heads_turn_counter_clockwise_and_up(
    azimuth: float, elevation: float, vector: tuple[float, ...]
) -> None:
    angles = torch.tensor([azimuth, elevation]).float().deg2rad()
    for head, scale in HEADS:
        answer = angles_answered(head, angles[0].item(), scale * angles[1].item())
        assert answer.angles is not None
        torch.testing.assert_close(answer.angles[0, 0, 0], angles)  # 270 degrees stay 270
        torch.testing.assert_close(
            answer.direction[0, 0, 0], torch.tensor(vector).float(), rtol=0, atol=1e-6
        )


def test_both_numbers_of_a_silent_label_of_2019_are_pi() -> None:
    answer = angles_answered("angles2019", torch.pi, torch.pi)
    assert answer.angles is not None
    torch.testing.assert_close(answer.angles[0, 0, 0].rad2deg(), torch.tensor([180.0, 50.0]))


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
    layer, sequence = ProductGru(6, 5), noise(3, 9, 6)
    ahead = gru_by_hand(sequence, layer.gru, "")
    back = gru_by_hand(sequence.flip(1), layer.gru, "_reverse").flip(1)
    torch.testing.assert_close(layer(sequence), ahead * back)


def test_a_mean_over_bands_hears_nothing_of_their_order() -> None:
    settings: dict[str, Any] = {"mel_pools": (1,), "recurrent_layers": 0}
    turned: Callable[[Tensor], Tensor] = lambda maps: maps.roll(1, dims=3)  # noqa: E731
    maps = noise(1, 7, 4, 64)
    maps[..., (0, 1, 2, -3, -2, -1)] = 0  # what is turned round must not touch the edges
    mean = lived_in(build("crnn", **settings, bands="mean"))
    torch.testing.assert_close(mean(maps), mean(turned(maps)), rtol=0, atol=1e-5)
    flat = lived_in(build("crnn", **settings))
    assert (flat(maps).activity - flat(turned(maps)).activity).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "settings", "reach"),
    [
        ("crnn", {}, 3),
        ("crnn", {"bands": "mean"}, 3),
        ("m_crnn", {}, 9),
        ("m_crnn", {"mel_pools": (32,)}, 3),
        ("res_scse_crnn", {"excitation": "sse"}, 6),
        ("res_scse_crnn", {"placement": "none"}, 6),
        ("res_scse_crnn", {"placement": "none", "pre_activation": True}, 6),
    ],
)
def test_without_recurrent_layers_an_answer_hears_so_many_frames_around(
    kind: str, settings: dict[str, Any], reach: int
) -> None:
    network = lived_in(build(kind, filters=16, recurrent_layers=0, **settings))
    assert frames_heard(network, noise(4, 7, 24, 64), 11) == (11 - reach, 11 + reach)


def test_pooling_time_by_five_hears_two_answers_and_a_frame_around() -> None:
    network = lived_in(build("crnn", filters=16, recurrent_layers=0, time_pool=5))
    assert frames_heard(network, noise(24, 7, 60, 64), 6) == (30 - 11, 34 + 11)


@pytest.mark.parametrize("excitation", ["cse", "scse"])
@pytest.mark.parametrize(
    "placement", ["main", "shortcut", "post", "standard-post", "post-elu", "standard-post-elu"]
)
def test_channel_excitation_hears_the_whole_window(excitation: str, placement: str) -> None:
    settings: dict[str, Any] = {"excitation": excitation, "placement": placement}
    network = lived_in(build("res_scse_crnn", filters=16, recurrent_layers=0, **settings))
    assert frames_heard(network, noise(2, 7, 24, 64), 11) == (0, 23)


@pytest.mark.parametrize("kind", ["crnn", "m_crnn", "res_scse_crnn"])
def test_recurrent_layers_hear_everything(kind: str) -> None:
    network = lived_in(build(kind, **SMALL))
    assert frames_heard(network, noise(4, 7, 24, 64), 11) == (0, 23)


@EVERY
def test_an_answer_depends_on_its_own_item_alone(kind: str, settings: dict[str, Any]) -> None:
    network = lived_in(build(kind, **{**SMALL, **settings}))
    features = noise(3, 7, 8, 64)
    items = heard(network, features, frame=4, items=slice(1, 2)).any(dim=1)
    assert items.tolist() == [False, True, False]
    together = numbers(network(features))
    alone = torch.cat([numbers(network(one[None])) for one in features])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_dropout_is_for_learning_only() -> None:
    network = build("crnn", **SMALL, dropout=0.5)
    features = noise(1, 7, 20, 64)
    assert not torch.equal(network(features).activity, network(features).activity)
    network.eval()
    assert torch.equal(network(features).activity, network(features).activity)


@EVERY
def test_every_weight_learns(kind: str, settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    ratio = {"ratio": 1} if kind == "res_scse_crnn" else {}
    network = build(kind, **{**SMALL, **settings, **ratio})
    loss = numbers(network(noise(2, 7, 12, 64))).square().sum()
    for gradient in torch.autograd.grad(loss, list(network.parameters())):
        assert gradient.abs().sum() > 0


def test_pools_that_do_not_divide_the_mel_bands_are_refused() -> None:
    for kind in ("crnn", "m_crnn", "res_scse_crnn"):
        with pytest.raises(SettingError, match=r"divisor of 48 mel bands, but \(4, 4, 2\) was"):
            build(kind, n_mels=48)
    with pytest.raises(SettingError, match=r"but \(\) was given"):
        build("crnn", mel_pools=())


def test_a_ratio_over_the_filters_is_refused() -> None:
    with pytest.raises(SettingError, match=r"ratio must be in 1..8, but 16 was given"):
        build("res_scse_crnn", filters=8, ratio=16)


def test_a_misspelt_key_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="timepool: unknown key"):
        from_table({"timepool": 5}, CrnnSettings, where="recipe.toml")
    with pytest.raises(SettingError, match="time_pool"):
        from_table({"time_pool": 0}, CrnnSettings, where="recipe.toml")
    with pytest.raises(SettingError, match="placement"):
        from_table({"placement": "before"}, ResScseCrnnSettings, where="recipe.toml")
