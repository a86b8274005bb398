"""Layers are torch's own, number by number, and tokens stand where they are put."""

from typing import Literal

import pytest
import torch
from tests.models.listening import noise
from torch import nn

from sonoscope.core.errors import InputError
from sonoscope.models.clip.rivals.encoder import ClassToken, EncoderLayer, Places
from sonoscope.models.rivals.self_attention import SelfAttention


@pytest.mark.parametrize("norm", ["before", "after"])
def test_a_layer_is_torchs(norm: Literal["before", "after"]) -> None:
    stock = nn.TransformerEncoderLayer(
        24, 4, 40, 0.0, "gelu", batch_first=True, norm_first=norm == "before"
    )
    ours = EncoderLayer(SelfAttention(24, 4, 0.0), 24, 40, 0.0, norm)
    weights = stock.state_dict()
    for value in weights.values():
        nn.init.normal_(value, std=0.3)
    renamed = {
        "self_attn.in_proj_": "mixer.to_heads.",
        "self_attn.out_proj": "mixer.from_heads",
        "linear1": "inward",
        "linear2": "outward",
        "norm1": "first_norm",
        "norm2": "second_norm",
    }
    for theirs, name in renamed.items():
        weights = {key.replace(theirs, name): value for key, value in weights.items()}
    ours.load_state_dict(weights)
    tokens = noise(3, 11, 24)
    torch.testing.assert_close(ours(tokens), stock(tokens))


def test_the_class_token_comes_first_and_is_the_same_for_all() -> None:
    tokens = noise(2, 3, 4)
    with_class = ClassToken(4)(tokens)
    assert torch.equal(with_class[:, 1:], tokens)
    assert torch.equal(with_class[0, 0], with_class[1, 0])


def test_shorter_sequences_take_the_first_places() -> None:
    places = Places(5, 4)
    assert torch.equal(places(torch.zeros(2, 3, 4))[1], places.table[:3])
    with pytest.raises(InputError, match=r"at most 5 tokens, but it makes 6"):
        places(torch.zeros(1, 6, 4))
