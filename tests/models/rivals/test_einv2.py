import pytest
import torch
from tests.models.listening import noise, size

from sonoscope.core.errors import SettingError
from sonoscope.models.rivals.einv2 import SMALL, CrossStitch, Einv2, Einv2Settings

TINY = Einv2Settings(filters=(4, 6, 8, 12), heads=3, inner=10, layers=1)


def by_hand(settings: Einv2Settings, n_channels: int, n_labels: int) -> int:
    """Count the weights of the published definition."""
    a, b, c, d = settings.filters
    shared = a * a + a * b + b * b + b * c + c * c + c * d + d * d
    branches = 2 * 9 * shared + 9 * (4 + n_channels) * a + 2 * 4 * (a + b + c + d)
    stitches = 4 * (a + b + c)
    layer = 4 * d * (d + 1) + 2 * d * settings.inner + settings.inner + d + 4 * d
    heads = settings.tracks * (d + 1) * (n_labels + 3)
    return branches + stitches + 2 * settings.tracks * settings.layers * layer + heads


@pytest.mark.parametrize(
    ("settings", "n_parameters"), [(Einv2Settings(), 26_218_978), (SMALL, 6_574_338)]
)
def test_the_size_is_that_of_the_published_definition(
    settings: Einv2Settings, n_parameters: int
) -> None:
    # The paper prints no size; the small one is this project's.
    network = Einv2(settings, 7, 256, 14)
    assert size(network) == n_parameters
    assert by_hand(settings, n_channels=7, n_labels=14) == n_parameters


def test_four_frames_are_an_answer_of_each_track() -> None:
    answer = Einv2(TINY, 7, 32, 5).eval()(noise(2, 7, 42, 32))
    assert answer.activity.shape == (2, 10, 2, 5)
    assert answer.direction.shape == (2, 10, 2, 3)
    assert answer.direction.abs().max() < 1


def test_answers_may_come_at_another_rate() -> None:
    settings = Einv2Settings(
        tracks=3, filters=(4, 6, 8, 12), heads=3, inner=10, layers=1, frames_per_answer=1.0
    )
    answer = Einv2(settings, 7, 32, 5).eval()(noise(2, 7, 42, 32))
    assert answer.activity.shape == (2, 42, 3, 5)
    assert torch.equal(answer.activity[:, 4], answer.activity[:, 7])
    assert not torch.equal(answer.activity[:, 7], answer.activity[:, 8])


def test_a_stitch_mixes_each_channel_with_its_like() -> None:
    stitch = CrossStitch(2, "at once")
    stitch.shares.data = torch.tensor(
        [[[1.0, 0.5], [0.0, 0.25]], [[0.1, 0.0], [0.9, 1.0]]]  # to what, to where: [from, channel]
    )
    what, where = torch.ones(1, 2, 1, 1), 2 * torch.ones(1, 2, 1, 1)
    mixed, pointed = stitch(what, where)
    assert torch.allclose(mixed.flatten(), torch.tensor([1.0, 1.0]))
    assert torch.allclose(pointed.flatten(), torch.tensor([1.9, 2.0]))


def test_the_authors_stitch_gives_the_second_branch_what_the_first_became() -> None:
    at_once, in_turn = CrossStitch(3, "at once"), CrossStitch(3, "in turn")
    in_turn.load_state_dict(at_once.state_dict())
    what, where = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    mixed, _ = at_once(what, where)
    assert torch.equal(in_turn(what, where)[0], mixed)
    own, other = at_once.shares[1, 0, :, None, None], at_once.shares[1, 1, :, None, None]
    torch.testing.assert_close(at_once(what, where)[1], own * what + other * where)
    torch.testing.assert_close(in_turn(what, where)[1], own * mixed + other * where)


def test_what_sounds_is_told_from_all_maps_only_through_the_stitches() -> None:
    network = Einv2(TINY, 7, 32, 5).eval()
    features = noise(1, 7, 16, 32).requires_grad_()
    (both,) = torch.autograd.grad(network(features).activity.sum(), features)
    assert (both.abs().sum(dim=(0, 2, 3)) > 0).all()
    for stitch in network.stitches:
        assert isinstance(stitch, CrossStitch)
        stitch.shares.data[0, 1] = 0.0
    (levels,) = torch.autograd.grad(network(features).activity.sum(), features)
    assert (levels.abs().sum(dim=(0, 2, 3)) > 0).tolist() == [True] * 4 + [False] * 3


def test_every_weight_learns() -> None:
    network = Einv2(TINY, 7, 32, 5).eval()
    answer = network(noise(2, 7, 16, 32))
    told = answer.activity.square().sum() + answer.direction.square().sum()
    for gradient in torch.autograd.grad(told, list(network.parameters())):
        assert gradient.abs().sum() > 0


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 16 bins"):
        Einv2(TINY, 7, 8, 5)
    with pytest.raises(SettingError, match="heads must divide the width"):
        Einv2(Einv2Settings(heads=7), 7, 32, 5)
