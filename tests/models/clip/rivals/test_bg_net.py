"""Every pair of views is judged once, and their order does not matter."""

from dataclasses import replace

import pytest
import torch
from tests.models.listening import lived_in, noise, size

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.rivals.bg_net import BGNET_SE3, BgNet, BgNetSettings, delta, parts_of

SMALL = BgNetSettings(
    width=4, swin_width=6, swin_depths=(1, 1, 1, 1), swin_heads=(1, 1, 2, 2), views="channels"
)


def small(parts: int = 2) -> BgNet:
    torch.manual_seed(0)
    return lived_in(BgNet(replace(SMALL, parts=parts), 2, 5))


def test_parts_may_change_places() -> None:
    network, maps = small(), noise(2, 2, 32, 48)
    swapped = torch.stack([maps[:, 0].roll(24, dims=2), maps[:, 1]], dim=1)
    assert (swapped - maps).abs().max() > 1
    torch.testing.assert_close(network(swapped), network(maps))
    both = maps.roll(24, dims=3)
    torch.testing.assert_close(network(both), network(maps))


def test_the_two_kinds_of_views_may_not() -> None:
    network, maps = small(), noise(2, 2, 32, 48)
    assert (network(maps.flip(1)) - network(maps)).abs().max() > 1e-3


def test_the_answer_is_the_mean_probability_of_the_pairs() -> None:
    network, maps = small(parts=3), noise(2, 2, 32, 48)
    probabilities = [
        network.judge(torch.stack([first, second], dim=1)).softmax(dim=1)
        for first in maps[:, 0].chunk(3, dim=2)
        for second in maps[:, 1].chunk(3, dim=2)
    ]
    assert len(probabilities) == 9
    wanted = torch.stack(probabilities).mean(dim=0)
    torch.testing.assert_close(network(maps).exp(), wanted)
    torch.testing.assert_close(network(maps).softmax(dim=1), wanted)


@pytest.mark.parametrize(("n_frames", "n_parts"), [(48, 2), (47, 2), (50, 3), (9, 1)])
def test_parts_are_equally_long_and_leave_nothing_out(n_frames: int, n_parts: int) -> None:
    view = torch.arange(n_frames).float()[None, None, None]
    parts = parts_of(view, n_parts)
    assert {part.shape[3] for part in parts} == {-(-n_frames // n_parts)}
    assert set(torch.cat(parts, dim=3).flatten().tolist()) == set(range(n_frames))


def test_the_delta_of_a_ramp_is_its_slope_and_that_of_a_constant_is_nothing() -> None:
    ramp = 0.25 * torch.arange(20).float() + torch.tensor([[1.0], [7.0]])
    slopes = delta(torch.stack([ramp, torch.ones(2, 20)])[None])
    torch.testing.assert_close(slopes[0, 0, :, 4:-4], torch.full((2, 12), 0.25))
    torch.testing.assert_close(slopes[0, 1], torch.zeros(2, 20))


def test_se3_excites_the_last_three_stages_and_nothing_else_differs() -> None:
    with torch.device("meta"):
        plain, excited = BgNet(BgNetSettings(), 1, 50), BgNet(BGNET_SE3, 1, 50)
    assert size(excited) - size(plain) == sum(width**2 // 8 for width in (128, 256, 512))
    new = excited.state_dict().keys() - plain.state_dict().keys()
    assert {name.split(".")[3] for name in new} == {"1", "2", "3"}


def test_channels_can_be_paired_only_where_there_are_two() -> None:
    with pytest.raises(SettingError, match="they have 1"):
        BgNet(SMALL, 1, 5)
