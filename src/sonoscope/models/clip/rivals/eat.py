"""EAT-S: raw sound, brought to 21 frames a second by smoothed halvings, then a transformer.

    sound ─ conv 7 (16) ─ down 4 ─ res ─ down 4 ─ down 4 ─ res ─ down 4        (32, 64, 128, 256)
          ─ res ×3 ─ down 2 ─ res ×3 ─ down 2 (512, 1024) ─ 1×1 (128) ─ class token, places
          ─ 4 transformer layers ─ LN ─ class token ─ linear ─► logits

    down d:  conv d+1, twice as many channels ─ BN ─ leaky ReLU ─ triangle of 2d+1, every d-th
    res:     1×1 x  +  leaky BN 1×1 x  +  leaky BN depthwise 15 x      (dilated by 1, 3, 9)

The triangle keeps what lies above the new rate from being folded into it. As published (5.18
million weights for 50 labels and 112 tokens, at 22.05 kHz), but that shorter sounds take the first
places alone, and that the class token and the places begin small at random, not at zero.

Reference: A. Gazneli, G. Zimerman, T. Ridnik, G. Sharir and A. Noy, "End-to-end audio strikes back:
boosting augmentations towards an efficient audio classification network", arXiv 2204.11479, 2022.
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from sonoscope.core.errors import InputError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.encoder import ClassToken, EncoderLayer, Places
from sonoscope.models.rivals.self_attention import SelfAttention

Count = Annotated[int, Field(ge=1)]

_LEAK = 0.2
_KERNEL = 15
_FIRST_KERNEL = 7
_DROPPED = 0.1
_DILATIONS = (1, 3, 9)
_SHORTEST = (_DILATIONS[-1] * (_KERNEL // 2) + 1) * 512  # else its edges could not be reflected


@dataclass(config=STRICT)
class EatSettings:
    """How an EAT is built; the defaults are EAT-S.

    Attributes
    ----------
    filters
        Channels of the first convolution.
    width, layers, heads, inner
        Of the transformer: numbers a token, layers, heads of attention, and the width between
        its linear layers.
    longest_tokens
        Tokens, of 1024 samples each, of the longest sound that it can take.
    """

    filters: Count = 16
    width: Count = 128
    layers: Count = 4
    heads: Count = 8
    inner: Count = 512
    longest_tokens: Count = 112


class Down(nn.Module):
    """Twice as many channels, and one value of `factor`, after a triangle has smoothed them."""

    triangle: Tensor

    def __init__(self, n_inputs: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.widen = nn.Sequential(
            nn.ReflectionPad1d((factor + 1) // 2),
            nn.Conv1d(n_inputs, 2 * n_inputs, factor + 1, bias=False),
            nn.BatchNorm1d(2 * n_inputs),
            nn.LeakyReLU(_LEAK),
        )
        triangle = factor + 1.0 - torch.arange(-factor, factor + 1).abs()
        self.register_buffer("triangle", triangle / triangle.sum(), persistent=False)

    def forward(self, sound: Float[Tensor, "batch channel _"]) -> Float[Tensor, "batch _ _"]:
        """Smooth and take every `factor`-th."""
        wide: Tensor = self.widen(sound)
        reach, n_channels = self.factor, wide.shape[1]
        kernel = self.triangle.expand(n_channels, 1, -1)
        held = pad(wide, (reach, reach), mode="reflect")
        return conv1d(held, kernel, stride=self.factor, groups=n_channels)


class Residual(nn.Module):
    """Three ways side by side: as it is, across channels, and along time."""

    def __init__(self, n_channels: int, dilation: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv1d(n_channels, n_channels, 1)
        self.across = nn.Sequential(
            nn.Conv1d(n_channels, n_channels, 1, bias=False),
            nn.BatchNorm1d(n_channels),
            nn.LeakyReLU(_LEAK),
        )
        self.along = nn.Sequential(
            nn.ReflectionPad1d(dilation * (_KERNEL // 2)),
            nn.Conv1d(
                n_channels, n_channels, _KERNEL, dilation=dilation, groups=n_channels, bias=False
            ),
            nn.BatchNorm1d(n_channels),
            nn.LeakyReLU(_LEAK),
        )

    def forward(
        self, sound: Float[Tensor, "batch channel sample"]
    ) -> Float[Tensor, "batch channel sample"]:
        """Add them."""
        total: Tensor = self.shortcut(sound) + self.across(sound) + self.along(sound)
        return total


class Eat(nn.Module):
    """The network, from raw sound to logits."""

    def __init__(self, settings: EatSettings, n_labels: int) -> None:
        super().__init__()
        width, n = settings.width, settings.filters
        self.convolutions = nn.Sequential(
            nn.ReflectionPad1d(_FIRST_KERNEL // 2),
            nn.Conv1d(1, n, _FIRST_KERNEL, bias=False),
            nn.BatchNorm1d(n),
            nn.LeakyReLU(_LEAK),
            *(Down(n, 4), Residual(2 * n, 1), Down(2 * n, 4)),
            *(Down(4 * n, 4), Residual(8 * n, 1), Down(8 * n, 4)),
            *(Residual(16 * n, dilation) for dilation in _DILATIONS),
            Down(16 * n, 2),
            *(Residual(32 * n, dilation) for dilation in _DILATIONS),
            Down(32 * n, 2),
            nn.Conv1d(64 * n, width, 1),
        )
        for module in self.convolutions.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.normal_(module.weight, std=0.02)
        self.class_token = ClassToken(width)
        self.places = Places(settings.longest_tokens + 1, width)
        self.layers = nn.Sequential(
            *(
                EncoderLayer(
                    SelfAttention(width, settings.heads, _DROPPED),
                    width,
                    settings.inner,
                    _DROPPED,
                    norm="after",
                )
                for _ in range(settings.layers)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, n_labels)

    def forward(self, sound: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits.

        Raises
        ------
        InputError
            If the sound is longer than its places reach, or shorter than the longest residual.
        """
        if sound.shape[1] < _SHORTEST:
            raise InputError(
                f"sound must have at least {_SHORTEST} samples, but {sound.shape[1]} were given"
            )
        tokens: Tensor = self.convolutions(sound[:, None]).transpose(1, 2)
        tokens = self.layers(self.places(self.class_token(tokens)))
        logits: Tensor = self.answer(self.norm(tokens[:, 0]))
        return logits
