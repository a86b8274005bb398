"""Attention stays in its window, windows move, and nothing is heard around the map's edge."""

import pytest
import torch
from tests.models.listening import noise, size
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.rivals.swin import Merge, SwinFeatures, WindowAttention, joined, windows


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        assert size(SwinFeatures(3)) == 28_288_354 - 1000 * (768 + 1)


def heard_by(
    attention: WindowAttention, n_bins: int, n_frames: int, place: tuple[int, int]
) -> Tensor:
    """Tell which places of a map a place depends on."""
    maps = noise(1, n_bins, n_frames, 4).requires_grad_()
    answer = attention(maps)[0, place[0], place[1]].sum()
    (gradient,) = torch.autograd.grad(answer, maps)
    return gradient[0].abs().sum(dim=-1) > 0


def rectangle(n_bins: int, n_frames: int, bins: slice, frames: slice) -> Tensor:
    inside = torch.zeros(n_bins, n_frames, dtype=torch.bool)
    inside[bins, frames] = True
    return inside


def test_a_place_hears_its_window_alone() -> None:
    heard = heard_by(WindowAttention(4, 2, shift=0), 14, 21, (8, 6))
    assert torch.equal(heard, rectangle(14, 21, slice(7, 14), slice(0, 7)))


def test_shifted_windows_cross_the_old_borders() -> None:
    heard = heard_by(WindowAttention(4, 2, shift=3), 14, 21, (8, 6))
    assert torch.equal(heard, rectangle(14, 21, slice(3, 10), slice(3, 10)))


@pytest.mark.parametrize(
    ("place", "bins", "frames"),
    [
        ((0, 0), slice(0, 3), slice(0, 3)),
        ((13, 20), slice(10, 14), slice(17, 21)),
        ((0, 20), slice(0, 3), slice(17, 21)),
        ((5, 1), slice(3, 10), slice(0, 3)),
    ],
)
def test_nothing_is_heard_around_the_edge(
    place: tuple[int, int], bins: slice, frames: slice
) -> None:
    heard = heard_by(WindowAttention(4, 2, shift=3), 14, 21, place)
    assert torch.equal(heard, rectangle(14, 21, bins, frames))


def test_a_map_of_one_window_is_not_shifted() -> None:
    shifted, plain = WindowAttention(4, 2, shift=3), WindowAttention(4, 2, shift=0)
    plain.load_state_dict(shifted.state_dict())
    maps = noise(2, 7, 5, 4)
    assert torch.equal(shifted(maps), plain(maps))


def test_windows_are_put_together_again() -> None:
    maps = noise(2, 14, 21, 3)
    cut = windows(maps)
    assert cut.shape == (2, 6, 49, 3)
    assert torch.equal(cut[1, 4].reshape(7, 7, 3), maps[1, 7:, 7:14])
    assert torch.equal(joined(cut, 14, 21), maps)


def test_nearness_depends_on_the_way_alone() -> None:
    distance = WindowAttention(4, 2, shift=0).distance
    assert set(distance.flatten().tolist()) == set(range(169))
    # the way from (1, 2) to (3, 3) is that from (0, 0) to (2, 1)
    assert distance[1 * 7 + 2, 3 * 7 + 3] == distance[0, 2 * 7 + 1]
    assert distance[0, 1] != distance[1, 0]


def test_merging_joins_four_neighbours() -> None:
    maps = noise(1, 5, 4, 3).requires_grad_()
    merged = Merge(3)(maps)
    assert merged.shape == (1, 3, 2, 6)
    (gradient,) = torch.autograd.grad(merged[0, 1, 0].sum(), maps)
    heard = gradient[0].abs().sum(dim=-1) > 0
    assert torch.equal(heard, rectangle(5, 4, slice(2, 4), slice(0, 2)))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(SettingError, match=r"divide the width \(10\), but 4 were given"):
        WindowAttention(10, 4, shift=0)
