"""ResNet-18: stages of residual blocks, one after another half as large and twice as wide.

    maps ─ conv 7×7 /2 ─ BN ─ ReLU ─ max 3×3 /2 ─[64]─[128 /2]─[256 /2]─[512 /2]─ mean ─► features

    block:  x ─┬─ conv 3×3 (/2) ─ BN ─ ReLU ─ conv 3×3 ─ BN ─ + ─ ReLU ─►
               └─ (conv 1×1 /2 ─ BN where sizes differ) ──────┘

Published for images of three channels, with 11 689 512 weights for 1000 labels. Here it hears maps
of one channel (or of as many as there are), and nothing else differs.

Reference: K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR
2016; squeeze and excitation: J. Hu, L. Shen and G. Sun, CVPR 2018.
"""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.attention import ChannelExcitation

Count = Annotated[int, Field(ge=1)]

_N_STAGES = 4


@dataclass(config=STRICT)
class ResNet18Settings:
    """How a ResNet-18 is built; the defaults are the published one.

    Attributes
    ----------
    width
        Channels of the first stage; each later one has twice as many.
    """

    width: Count = 64


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut.

    Parameters
    ----------
    n_inputs, n_filters
        Channels that come in and that go out.
    stride
        How many times fewer bins and frames go out.
    """

    def __init__(self, n_inputs: int, n_filters: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(n_inputs, n_filters, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_filters),
            nn.ReLU(),
            nn.Conv2d(n_filters, n_filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_filters),
        )
        self.shortcut = shortcut(n_inputs, n_filters, stride)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch _ _ _"]:
        """Give the next maps."""
        return nn.functional.relu(self.main(maps) + self.shortcut(maps))


def shortcut(n_inputs: int, n_filters: int, stride: int) -> nn.Module:
    """Make the way past a residual block: nothing, or a projection where sizes differ."""
    if stride == 1 and n_inputs == n_filters:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(n_inputs, n_filters, 1, stride, bias=False), nn.BatchNorm2d(n_filters)
    )


class ResNetFeatures(nn.Module):
    """ResNet-18 without its last layer.

    Parameters
    ----------
    n_channels
        Channels of the maps that come in.
    width
        See `ResNet18Settings`.
    excited_stages
        How many stages, from the last one back, end with squeeze and excitation.
    ratio
        How many times narrower excitation is inside than its stage.

    Attributes
    ----------
    n_features
        How many numbers it gives of an example.
    """

    def __init__(
        self, n_channels: int, width: int = 64, excited_stages: int = 0, ratio: int = 16
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        n_inputs = width
        for i in range(_N_STAGES):
            n_filters = width << i
            stage: list[nn.Module] = [
                BasicBlock(n_inputs, n_filters, stride=min(i, 1) + 1),
                BasicBlock(n_filters, n_filters, stride=1),
            ]
            if i >= _N_STAGES - excited_stages:
                stage.append(ChannelExcitation(n_filters, ratio))
            stages.append(nn.Sequential(*stage))
            n_inputs = n_filters
        self.stages = nn.Sequential(*stages)
        self.n_features = n_inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch feature"]:
        """Give the mean of the last maps."""
        last: Tensor = self.stages(self.stem(maps))
        return last.mean(dim=(2, 3))


class ResNet18(nn.Module):
    """The network, from maps to logits."""

    def __init__(self, settings: ResNet18Settings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        self.features = ResNetFeatures(n_channels, settings.width)
        self.answer = nn.Linear(self.features.n_features, n_labels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits."""
        logits: Tensor = self.answer(self.features(maps))
        return logits
