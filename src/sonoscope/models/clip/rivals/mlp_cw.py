"""MLP-CW, read as PIPMN: cepstra mixed by linear layers alone, in two pyramids side by side.

    100 × frames ─ mean over segments ─ 10 tokens x
    x ─ block 100→400 ─ e ─ block 400→800 ─ block 800→400 ─ + e ─ block 400→100 ─ + λ x
      ─ mean over tokens ─ LN ─ linear ─► logits

    block:  t ─ along each channel's tokens:  m = t + L(dropout GELU L(LN t)),  c = depthwise conv 3
              t ← t + γ · dropout L[m, t, c]
              γ' · dropout GELU L(LN t)  (+ dropout L' t)

"MLP-CW" occurs in no other source; the paper that is cited for it is PIPMN's, and this is PIPMN's
network. λ, γ and γ' are learnt and begin at 1e-6.

What differs: L', a projection past each block, is made by the published code, which counts it in
its 1.46 million weights (for 10 labels) but never uses it; so half of its weights learn nothing.
Here it is used, which seems to be what was meant (`shortcut`); without it there are 0.74 million,
and the network computes what the published code does. Its softmax before a cross-entropy, which
takes logits, is left out. Features are this project's reading of the five cepstra
(`models.clip.rivals.cepstra`), not those of the library that they were published with.

Reference: Y. Chen et al., "Effective audio classification network based on paired inverse pyramid
structure and dense MLP block", ICIC 2023 (arXiv 2211.02940).
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import gelu

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.segment_means import segment_means

Count = Annotated[int, Field(ge=1)]

_LAYER_SCALE = 1e-6
_WIDER = 2  # how many times wider the mixing of tokens is inside


@dataclass(config=STRICT)
class MlpCwSettings:
    """How an MLP-CW is built; the defaults are PIPMN's.

    Attributes
    ----------
    tokens
        Segments of time that the maps are averaged over.
    widths
        How many times wider than the features the first and the second block leave them.
    dropout
        Share dropped in training.
    shortcut
        Whether blocks have a projection past them.
    """

    tokens: Count = 10
    widths: tuple[Count, Count] = (4, 8)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    shortcut: bool = True


class TokenMixer(nn.Module):
    """Tell each channel's tokens of each other."""

    def __init__(self, n_channels: int, n_tokens: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_tokens)
        self.inward = nn.Linear(n_tokens, _WIDER * n_tokens)
        self.outward = nn.Linear(_WIDER * n_tokens, n_tokens)
        self.convolution = nn.Conv1d(n_channels, n_channels, 3, padding=1, groups=n_channels)
        self.fuse = nn.Linear(3 * n_tokens, n_tokens)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, channels: Float[Tensor, "batch channel token"]
    ) -> Float[Tensor, "batch channel token"]:
        """Mix."""
        inner = self.dropout(gelu(self.inward(self.norm(channels))))
        mixed = channels + self.dropout(self.outward(inner))
        every = torch.cat([mixed, channels, self.convolution(channels)], dim=2)
        fused: Tensor = self.dropout(self.fuse(every))
        return fused


class DenseMlp(nn.Module):
    """Mix tokens, then channels, whose number changes."""

    def __init__(self, n_inputs: int, n_outputs: int, settings: MlpCwSettings) -> None:
        super().__init__()
        self.mixer = TokenMixer(n_inputs, settings.tokens, settings.dropout)
        self.norm = nn.LayerNorm(n_inputs)
        self.linear = nn.Linear(n_inputs, n_outputs)
        self.shortcut = nn.Linear(n_inputs, n_outputs, bias=False) if settings.shortcut else None
        self.dropout = nn.Dropout(settings.dropout)
        self.mixed = nn.Parameter(torch.full((n_inputs,), _LAYER_SCALE))
        self.scale = nn.Parameter(torch.full((n_outputs,), _LAYER_SCALE))

    def forward(self, tokens: Float[Tensor, "batch token _"]) -> Float[Tensor, "batch token _"]:
        """Give the next tokens."""
        tokens = tokens + self.mixed * self.mixer(tokens.transpose(1, 2)).transpose(1, 2)
        next_tokens: Tensor = self.scale * self.dropout(gelu(self.linear(self.norm(tokens))))
        if self.shortcut is None:
            return next_tokens
        past: Tensor = self.dropout(self.shortcut(tokens))
        return next_tokens + past


class MlpCw(nn.Module):
    """The network, from maps to logits: all bins of all channels of a frame are its features."""

    def __init__(
        self, settings: MlpCwSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        self.n_tokens = settings.tokens
        n_features = n_channels * n_bins
        inside, inmost = (n_features * width for width in settings.widths)
        self.enter = DenseMlp(n_features, inside, settings)
        self.widen = DenseMlp(inside, inmost, settings)
        self.narrow = DenseMlp(inmost, inside, settings)
        self.leave = DenseMlp(inside, n_features, settings)
        self.kept = nn.Parameter(torch.full((n_features,), _LAYER_SCALE))
        self.norm = nn.LayerNorm(n_features)
        self.answer = nn.Linear(n_features, n_labels)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits."""
        tokens = segment_means(maps.flatten(1, 2), self.n_tokens).transpose(1, 2)
        entered = self.enter(tokens)
        narrowed = self.narrow(self.widen(entered)) + entered
        left = self.leave(narrowed) + self.kept * tokens
        logits: Tensor = self.answer(self.norm(left.mean(dim=1)))
        return logits
