"""Self-attention over frames, and the transformer layer around it.

Layers are those of `torch.nn.MultiheadAttention` and `torch.nn.TransformerEncoderLayer`, number by
number, without the fast paths of theirs that exporters do not know. What is dropped of an attention
is out of the reach of `models.mc_dropout`, as within a GRU.

Reference: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from sonoscope.core.errors import SettingError


class SelfAttention(nn.Module):
    """Let each frame take from all frames, in several heads.

    Parameters
    ----------
    width
        Numbers a frame.
    n_heads
        How many attentions share them.
    dropout
        Share of attention that is dropped in training.

    Raises
    ------
    SettingError
        If the heads do not divide the width.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        if width % n_heads:
            raise SettingError(f"heads must divide the width ({width}), but {n_heads} were given")
        self.n_heads, self.dropout = n_heads, dropout
        self.to_heads = nn.Linear(width, 3 * width)
        self.from_heads = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.to_heads.weight)
        nn.init.zeros_(self.to_heads.bias)
        nn.init.zeros_(self.from_heads.bias)

    def forward(
        self, sequence: Float[Tensor, "batch frame width"]
    ) -> Float[Tensor, "batch frame width"]:
        """Attend."""
        heads: Tensor = self.to_heads(sequence)
        heads = heads.reshape(*sequence.shape[:2], 3, self.n_heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind()
        dropped = self.dropout if self.training else 0.0
        heard = scaled_dot_product_attention(query, key, value, dropout_p=dropped)
        joined: Tensor = self.from_heads(heard.transpose(1, 2).flatten(2))
        return joined


class TransformerLayer(nn.Module):
    """Self-attention and two linear layers, each beside a shortcut and then normalised.

    Parameters
    ----------
    width, n_heads, dropout
        See `SelfAttention`; also the share dropped of what both parts add.
    inner
        Width between the two linear layers.
    """

    def __init__(self, width: int, n_heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(width, n_heads, dropout)
        self.inward, self.outward = nn.Linear(width, inner), nn.Linear(inner, width)
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, sequence: Float[Tensor, "batch frame width"]
    ) -> Float[Tensor, "batch frame width"]:
        """Give the next sequence."""
        sequence = self.first_norm(sequence + self.dropout(self.attention(sequence)))
        inner = self.dropout(torch.relu(self.inward(sequence)))
        last: Tensor = self.second_norm(sequence + self.dropout(self.outward(inner)))
        return last
