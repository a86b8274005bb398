"""mn10: MobileNetV3-Large on log-mel maps, as EfficientAT has it.

    maps ─ conv 3×3 /2 ─ BN ─ hard-swish ─ 15 inverted residual blocks ─ conv 1×1 ─ BN ─ hard-swish
         ─ mean ─ linear 1280 ─ hard-swish ─ dropout ─ linear ─► logits

    block:  x ─┬─ 1×1 (wider) ─ depthwise k×k (/2) ─ (squeeze and excitation) ─ 1×1 (narrow) ─ + ─►
               └─────────────────────── (where sizes are the same) ───────────────────────────┘

Excitation weighs channels by a sigmoid, as in EfficientAT (in MobileNetV3: a hard sigmoid). It
begins anew in place of what ImageNet and AudioSet taught it.

References: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1; F. Schmid, K. Koutini
and G. Widmer, "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation",
ICASSP 2023.
"""

from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT


class _Block(NamedTuple):
    kernel: int
    inner: int
    n_filters: int
    excited: bool
    hard_swish: bool
    stride: int


_STEM = 16
_BLOCKS = (
    _Block(3, 16, 16, excited=False, hard_swish=False, stride=1),
    _Block(3, 64, 24, excited=False, hard_swish=False, stride=2),
    _Block(3, 72, 24, excited=False, hard_swish=False, stride=1),
    _Block(5, 72, 40, excited=True, hard_swish=False, stride=2),
    _Block(5, 120, 40, excited=True, hard_swish=False, stride=1),
    _Block(5, 120, 40, excited=True, hard_swish=False, stride=1),
    _Block(3, 240, 80, excited=False, hard_swish=True, stride=2),
    _Block(3, 200, 80, excited=False, hard_swish=True, stride=1),
    _Block(3, 184, 80, excited=False, hard_swish=True, stride=1),
    _Block(3, 184, 80, excited=False, hard_swish=True, stride=1),
    _Block(3, 480, 112, excited=True, hard_swish=True, stride=1),
    _Block(3, 672, 112, excited=True, hard_swish=True, stride=1),
    _Block(5, 672, 160, excited=True, hard_swish=True, stride=2),
    _Block(5, 960, 160, excited=True, hard_swish=True, stride=1),
    _Block(5, 960, 160, excited=True, hard_swish=True, stride=1),
)
_LAST_RATIO = 6
_EMBEDDED = 1280


@dataclass(config=STRICT)
class MobileNetSettings:
    """How an mn network is built; the defaults are mn10.

    Attributes
    ----------
    width
        How many times as many channels as MobileNetV3-Large has: 0.4 is mn04, 2 is mn20.
    dropout
        Share dropped before the last layer in training.
    """

    width: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


def whole_eights(n_channels: float) -> int:
    """Round to a multiple of 8 that is at least 8 and at least nine tenths of the number.

    Examples
    --------
    >>> [whole_eights(n) for n in (3.0, 18.0, 30.0, 100.0)]
    [8, 24, 32, 104]
    """
    rounded = max(8, int(n_channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * n_channels else rounded + 8


class Squeeze(nn.Module):
    """Squeeze and excitation with biases, a quarter as wide inside."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        n_inside = whole_eights(n_channels / 4)
        self.squeeze, self.excite = (
            nn.Linear(n_channels, n_inside),
            nn.Linear(n_inside, n_channels),
        )

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Weigh the channels."""
        inside = torch.relu(self.squeeze(maps.mean(dim=(2, 3))))
        return maps * torch.sigmoid(self.excite(inside))[:, :, None, None]


class InvertedResidual(nn.Module):
    """One block, wide inside and narrow between."""

    def __init__(self, n_inputs: int, block: _Block) -> None:
        super().__init__()
        inner, activation = block.inner, nn.Hardswish if block.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if inner != n_inputs:
            layers += [*_convolution(n_inputs, inner), activation()]
        layers += [
            *_convolution(inner, inner, block.kernel, block.stride, groups=inner),
            activation(),
        ]
        if block.excited:
            layers.append(Squeeze(inner))
        self.main = nn.Sequential(*layers, *_convolution(inner, block.n_filters))
        self.has_shortcut = block.stride == 1 and n_inputs == block.n_filters

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch _ _ _"]:
        """Give the next maps."""
        inner: Tensor = self.main(maps)
        return maps + inner if self.has_shortcut else inner


class MobileNet(nn.Module):
    """The network, from maps to logits."""

    def __init__(self, settings: MobileNetSettings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        width = settings.width
        n_inputs = whole_eights(width * _STEM)
        layers = [*_convolution(n_channels, n_inputs, 3, 2), nn.Hardswish()]
        for block in _BLOCKS:
            scaled = block._replace(
                inner=whole_eights(width * block.inner),
                n_filters=whole_eights(width * block.n_filters),
            )
            layers.append(InvertedResidual(n_inputs, scaled))
            n_inputs = scaled.n_filters
        last, embedded = _LAST_RATIO * n_inputs, whole_eights(width * _EMBEDDED)
        self.convolutions = nn.Sequential(*layers, *_convolution(n_inputs, last), nn.Hardswish())
        self.head = nn.Sequential(
            nn.Linear(last, embedded),
            nn.Hardswish(),
            nn.Dropout(settings.dropout),
            nn.Linear(embedded, n_labels),
        )
        for module in self.modules():
            _begin(module)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits."""
        last: Tensor = self.convolutions(maps)
        logits: Tensor = self.head(last.mean(dim=(2, 3)))
        return logits


def _convolution(
    n_inputs: int, n_filters: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = (kernel - 1) // 2
    return [
        nn.Conv2d(n_inputs, n_filters, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(n_filters, eps=1e-3, momentum=0.01),
    ]


def _begin(module: nn.Module) -> None:
    """Draw weights as published."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
