"""External attention is normalised twice, and asks the same memory whatever it hears."""

import pytest
import torch
from tests.models.listening import noise

from sonoscope.core.errors import InputError, SettingError
from sonoscope.models.clip.rivals.eavit import Eavit, EavitSettings, ExternalAttention

SMALL = EavitSettings(width=24, layers=2, inner=32, slots=16, longest_frames=64)


def test_what_a_token_takes_adds_up_to_one_over_the_slots() -> None:
    attention, tokens = ExternalAttention(24, 3, 32), 5 * noise(2, 11, 24)
    weights = attention.weights(tokens)
    assert weights.shape == (2, 12, 11, 8)
    torch.testing.assert_close(weights.sum(dim=3), torch.ones(2, 12, 11))


def test_the_first_normalisation_is_over_the_tokens() -> None:
    attention, tokens = ExternalAttention(24, 3, 32), 5 * noise(2, 11, 24)
    heads = attention.to_heads(tokens).reshape(2, 11, 12, 8).transpose(1, 2)
    over_tokens = attention.keys(heads).softmax(dim=2)
    torch.testing.assert_close(over_tokens.sum(dim=2), torch.ones(2, 12, 8))
    wanted = over_tokens / over_tokens.sum(dim=3, keepdim=True)
    torch.testing.assert_close(attention.weights(tokens), wanted)
    # with one normalisation alone the sums over slots would be anything
    assert over_tokens.sum(dim=3).std() > 0.1


def test_a_token_that_no_slot_asks_for_takes_nothing_and_is_a_number() -> None:
    attention, tokens = ExternalAttention(24, 3, 32), noise(1, 4, 24)
    with torch.no_grad():
        attention.keys.weight.mul_(1e4)
    assert attention(tokens).isfinite().all()


def test_tokens_have_no_place_but_what_they_hold() -> None:
    attention, tokens = ExternalAttention(24, 3, 32), noise(2, 11, 24)
    torch.testing.assert_close(attention(tokens.flip(1)), attention(tokens).flip(1))


def test_the_memory_grows_neither_with_tokens_nor_with_heads() -> None:
    for n_heads in (1, 3):
        attention = ExternalAttention(24, n_heads, 32)
        assert attention.keys.weight.shape == (8, 24 // n_heads)
        assert attention.values.weight.shape == (24 // n_heads, 8)


def test_rows_and_columns_are_told_apart() -> None:
    network = Eavit(SMALL, 1, 32, 5).eval()
    maps = noise(1, 1, 32, 48)
    for moved in (maps.roll(16, dims=2), maps.roll(16, dims=3)):
        assert (network(moved) - network(maps)).abs().max() > 1e-4
    with torch.no_grad():
        network.rows.table.zero_()
        network.columns.table.zero_()
    for moved in (maps.roll(16, dims=2), maps.roll(16, dims=3)):
        torch.testing.assert_close(network(moved), network(maps))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="at most 4 tokens, but it makes 5"):
        Eavit(SMALL, 1, 32, 5)(noise(1, 1, 32, 65))
    with pytest.raises(SettingError, match="heads must divide the width"):
        ExternalAttention(24, 5, 32)
    with pytest.raises(SettingError, match="slots must be a multiple of 4"):
        ExternalAttention(24, 3, 30)
