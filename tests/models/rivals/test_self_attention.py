"""The layers are torch's own, number by number."""

import pytest
import torch
from tests.models.listening import noise
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.models.rivals.self_attention import SelfAttention, TransformerLayer


def as_torchs(stock: nn.MultiheadAttention) -> dict[str, Tensor]:
    weights = stock.state_dict()
    return {
        "to_heads.weight": weights["in_proj_weight"],
        "to_heads.bias": weights["in_proj_bias"],
        "from_heads.weight": weights["out_proj.weight"],
        "from_heads.bias": weights["out_proj.bias"],
    }


def test_attention_is_torchs() -> None:
    stock = nn.MultiheadAttention(24, 4, batch_first=True)
    nn.init.normal_(stock.in_proj_bias)
    ours = SelfAttention(24, 4, dropout=0.0)
    ours.load_state_dict(as_torchs(stock))
    sequence = noise(3, 11, 24)
    wanted, _ = stock(sequence, sequence, sequence)
    torch.testing.assert_close(ours(sequence), wanted)


def test_a_transformer_layer_is_torchs() -> None:
    stock = nn.TransformerEncoderLayer(24, 4, 40, dropout=0.0, batch_first=True)
    ours = TransformerLayer(24, 4, 40, dropout=0.0)
    weights = {
        **{f"attention.{name}": value for name, value in as_torchs(stock.self_attn).items()},
        **{f"inward.{name}": value for name, value in stock.linear1.state_dict().items()},
        **{f"outward.{name}": value for name, value in stock.linear2.state_dict().items()},
        **{f"first_norm.{name}": value for name, value in stock.norm1.state_dict().items()},
        **{f"second_norm.{name}": value for name, value in stock.norm2.state_dict().items()},
    }
    for value in weights.values():
        nn.init.normal_(value, std=0.3)
    ours.load_state_dict(weights)
    sequence = noise(3, 11, 24)
    torch.testing.assert_close(ours(sequence), stock(sequence))


def test_frames_have_no_place_but_what_they_hold() -> None:
    layer = SelfAttention(12, 3, dropout=0.0)
    sequence = noise(2, 9, 12)
    torch.testing.assert_close(layer(sequence.flip(1)), layer(sequence).flip(1))


def test_dropout_is_for_learning_only() -> None:
    layer, sequence = SelfAttention(12, 3, dropout=0.5), noise(2, 9, 12)
    assert not torch.equal(layer(sequence), layer(sequence))
    layer.eval()
    assert torch.equal(layer(sequence), layer(sequence))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(SettingError, match=r"divide the width \(12\), but 5 were given"):
        SelfAttention(12, 5, dropout=0.0)
