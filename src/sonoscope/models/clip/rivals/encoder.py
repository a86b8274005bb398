"""Transformer layers around any mixer of tokens, normalised before each part or after it.

    before:  x ─┬─ LN ─ mixer ─ + ─┬─ LN ─ linear ─ GELU ─ linear ─ + ─►
                └───────────────┘  └───────────────────────────────┘
    after:   x ─┬─ mixer ─ + ─ LN ─┬─ linear ─ GELU ─ linear ─ + ─ LN ─►
                └──────────┘       └──────────────────────────┘

Reference: A. Vaswani et al., "Attention is all you need", NeurIPS 2017 (after); A. Dosovitskiy et
al., "An image is worth 16×16 words", ICLR 2021 (before).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from sonoscope.core.errors import InputError


class EncoderLayer(nn.Module):
    """A mixer of tokens and two linear layers, each beside a shortcut.

    Parameters
    ----------
    mixer
        What tells tokens of each other, such as self-attention.
    width, inner
        Numbers a token: outside, and between the two linear layers.
    dropout
        Share dropped in training of what both parts add, and between the linear layers.
    norm
        Whether each part is normalised before it or after its sum.
    """

    def __init__(
        self,
        mixer: nn.Module,
        width: int,
        inner: int,
        dropout: float,
        norm: Literal["before", "after"] = "before",
    ) -> None:
        super().__init__()
        self.mixer, self.norm = mixer, norm
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inward, self.outward = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "batch *place width"]
    ) -> Float[Tensor, "batch *place width"]:
        """Give the next tokens, which stand in a row or in a map, as the mixer takes them."""
        if self.norm == "before":
            tokens = tokens + self.dropout(self.mixer(self.first_norm(tokens)))
            return tokens + self._thought(self.second_norm(tokens))
        tokens = self.first_norm(tokens + self.dropout(self.mixer(tokens)))
        last: Tensor = self.second_norm(tokens + self._thought(tokens))
        return last

    def _thought(self, tokens: Tensor) -> Tensor:
        inner = self.dropout(gelu(self.inward(tokens)))
        thought: Tensor = self.dropout(self.outward(inner))
        return thought


class ClassToken(nn.Module):
    """A learnt token that is put before the others, and in which the answer is read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))

    def forward(self, tokens: Float[Tensor, "batch _ width"]) -> Float[Tensor, "batch _ width"]:
        """Give one token more."""
        return torch.cat([self.token.expand(tokens.shape[0], -1, -1), tokens], dim=1)


class Places(nn.Module):
    """A learnt vector for each place of a sequence, added to what stands there.

    Parameters
    ----------
    n_places
        Of the longest sequence; shorter ones take the first.
    width
        Numbers a token.
    """

    def __init__(self, n_places: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(n_places, width))

    def forward(
        self, tokens: Float[Tensor, "*batch place width"]
    ) -> Float[Tensor, "*batch place width"]:
        """Tell each token where it is.

        Raises
        ------
        InputError
            If there are more tokens than places.
        """
        n_tokens = tokens.shape[-2]
        if n_tokens > len(self.table):
            raise InputError(
                f"sound must be so short that it makes at most {len(self.table)} tokens, "
                f"but it makes {n_tokens}"
            )
        return tokens + self.table[:n_tokens]
