"""EfficientNetV2: stages of Fused-MBConv, then of MBConv; the body that EGA grows on.

    maps ─► stem 3×3, stride 2 ─► six stages ─► 1×1 to 1280 ─► mean over places ─► labels

    Fused-MBConv:  3×3 (wider, stride) ─► 1×1 (narrower)          │ each convolution followed by
    MBConv:        1×1 (wider) ─► 3×3 a channel (stride) ─► SE ─► │ batch normalisation; SiLU after
                   1×1 (narrower)                                 │ all but the narrowing ones

A block whose input and output are of one shape adds its input, and is left out of some training
examples, the deeper the likelier. Fused blocks have no SE; SE narrows to a quarter of the channels
that the block begins with.

References: M. Tan and Q. V. Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021;
the same, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019;
G. Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016. Sizes B0 to B3 and S.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT

Place = Literal["out", "exp"]
"""Where in a block attention stands: after all else, or where SE does."""

Attention = Callable[[int], nn.Module]
"""Makes attention for maps of so many channels."""

Step = Literal[1, 2]
Positive = Annotated[float, Field(gt=0)]


@plain_dataclass(frozen=True, slots=True)
class Stage:
    """Blocks that follow one another: the first may stride, the others add their input."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    n_filters: int
    fused: bool


@plain_dataclass(frozen=True, slots=True)
class Table:
    """Width of the stem and the stages, and how much wider and deeper a size makes them."""

    stem: int
    stages: tuple[Stage, ...]
    width: float = 1.0
    depth: float = 1.0


_B = (
    Stage(1, 3, 1, 1, 16, fused=True),
    Stage(2, 3, 2, 4, 32, fused=True),
    Stage(2, 3, 2, 4, 48, fused=True),
    Stage(3, 3, 2, 4, 96, fused=False),
    Stage(5, 3, 1, 6, 112, fused=False),
    Stage(8, 3, 2, 6, 192, fused=False),
)
_S = (
    Stage(2, 3, 1, 1, 24, fused=True),
    Stage(4, 3, 2, 4, 48, fused=True),
    Stage(4, 3, 2, 4, 64, fused=True),
    Stage(6, 3, 2, 4, 128, fused=False),
    Stage(9, 3, 1, 6, 160, fused=False),
    Stage(15, 3, 2, 6, 256, fused=False),
)
Size = Literal["b0", "b1", "b2", "b3", "s"]
TABLES: dict[Size, Table] = {
    "b0": Table(32, _B),
    "b1": Table(32, _B, 1.0, 1.1),
    "b2": Table(32, _B, 1.1, 1.2),
    "b3": Table(32, _B, 1.2, 1.4),
    "s": Table(24, _S),
}
HEAD = 1280
"""Channels of the last convolution, before widths."""


@dataclass(config=STRICT)
class EfficientNetSettings:
    """How the body is built.

    Attributes
    ----------
    size
        The table.
    width, depth
        How many times wider and deeper than the table.
    se
        Whether MBConv blocks have squeeze and excitation.
    strides
        Of the stem and of the four stages that stride: along bins, and along frames.
    survival
        Share of the training examples in which the last block is not left out.
    dropout
        Share of the features that the last layer does not see in training.
    """

    size: Size = "b0"
    width: Positive = 1.0
    depth: Positive = 1.0
    se: bool = True
    strides: tuple[
        tuple[Step, Step],
        tuple[Step, Step],
        tuple[Step, Step],
        tuple[Step, Step],
        tuple[Step, Step],
    ] = ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2))
    survival: Annotated[float, Field(gt=0, le=1)] = 0.8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    def filters(self, n: int) -> int:
        """Give how many channels stand for n of the table: the nearest multiple of 8."""
        return max(8, int(n * self.width * TABLES[self.size].width + 4) // 8 * 8)

    def repeats(self, n: int) -> int:
        """Give how many blocks stand for n of the table."""
        return math.ceil(n * self.depth * TABLES[self.size].depth)


class MBConv(nn.Module):
    """A block of either kind.

    Parameters
    ----------
    n_inputs, n_filters
        Channels of its input and output.
    stage
        Its kernel and how much wider it is inside.
    stride
        Along bins and frames.
    dropped
        Share of the training examples that it leaves as they are, if it adds its input.
    se
        Whether it has squeeze and excitation (fused blocks never do).
    attention, place
        Further attention, and where.
    """

    def __init__(
        self,
        n_inputs: int,
        n_filters: int,
        stage: Stage,
        stride: tuple[int, int],
        dropped: float = 0.0,
        *,
        se: bool,
        attention: Attention | None = None,
        place: Place = "out",
    ) -> None:
        super().__init__()
        inside = n_inputs * stage.expand
        layers: list[nn.Module]
        if stage.fused:
            layers = [convolution(n_inputs, inside, stage.kernel, stride), nn.SiLU()]
        else:
            layers = [
                *(convolution(n_inputs, inside, 1), nn.SiLU()),
                *(convolution(inside, inside, stage.kernel, stride, groups=inside), nn.SiLU()),
            ]
            layers += [SqueezeExcitation(inside, max(1, n_inputs // 4))] if se else []
        if stage.fused and stage.expand == 1:
            layers = [convolution(n_inputs, n_filters, stage.kernel, stride), nn.SiLU()]
            inside = n_filters
        layers += [attention(inside)] if attention and place == "exp" else []
        if not (stage.fused and stage.expand == 1):
            layers.append(convolution(inside, n_filters, 1))
        layers += [attention(n_filters)] if attention and place == "out" else []
        self.layers = nn.Sequential(*layers)
        self.adds = n_inputs == n_filters and stride == (1, 1)
        self.dropped = StochasticDepth(dropped)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch filter fewer_bins fewer_frames"]:
        """Give the block's output, with its input added where the shapes are one."""
        changed: Tensor = self.layers(maps)
        return maps + self.dropped(changed) if self.adds else changed


class SqueezeExcitation(nn.Module):
    """SE: weigh each channel by what all of them hold on average."""

    def __init__(self, n_channels: int, n_squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(n_channels, n_squeezed, 1)
        self.excite = nn.Conv2d(n_squeezed, n_channels, 1)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Weigh the channels."""
        mean = maps.mean(dim=(2, 3), keepdim=True)
        weight = self.excite(nn.functional.silu(self.squeeze(mean)))
        return maps * torch.sigmoid(weight)


class StochasticDepth(nn.Module):
    """Zeros in place of whole training examples, the others raised to keep the mean."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Leave examples out in training mode."""
        if not self.training or self.share == 0:
            return maps
        kept = torch.rand(len(maps), 1, 1, 1, device=maps.device) >= self.share
        return maps * kept.to(maps.dtype) / (1 - self.share)


class Trunk(nn.Module):
    """Six stages of blocks.

    Parameters
    ----------
    n_inputs
        Channels of the stem's maps.
    attention, place
        Attention in every block, and where.

    Attributes
    ----------
    widths
        Channels after each stage.
    """

    def __init__(
        self,
        settings: EfficientNetSettings,
        n_inputs: int,
        attention: Attention | None = None,
        place: Place = "out",
    ) -> None:
        super().__init__()
        stages = TABLES[settings.size].stages
        self.widths = [settings.filters(stage.n_filters) for stage in stages]
        n_blocks = sum(settings.repeats(stage.repeats) for stage in stages)
        strides = iter(settings.strides[1:])
        self.stages = nn.ModuleList()
        done = 0
        for stage, n_filters in zip(stages, self.widths, strict=True):
            stride: tuple[int, int] = next(strides) if stage.stride == 2 else (1, 1)
            blocks: list[nn.Module] = []
            for _ in range(settings.repeats(stage.repeats)):
                dropped = (1 - settings.survival) * done / n_blocks
                blocks.append(
                    MBConv(
                        n_inputs,
                        n_filters,
                        stage,
                        stride,
                        dropped,
                        se=settings.se,
                        attention=attention,
                        place=place,
                    )
                )
                n_inputs, stride, done = n_filters, (1, 1), done + 1
            self.stages.append(nn.Sequential(*blocks))

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch filter fewer_bins fewer_frames"]:
        """Give the last stage's maps."""
        for stage in self.stages:
            maps = stage(maps)
        return maps


class Head(nn.Module):
    """From maps to logits: a convolution, the mean over all places, a linear layer."""

    def __init__(self, settings: EfficientNetSettings, n_inputs: int, n_labels: int) -> None:
        super().__init__()
        self.n_features, self.n_labels = settings.filters(HEAD), n_labels
        self.widen = nn.Sequential(convolution(n_inputs, self.n_features, 1), nn.SiLU())
        self.dropout = nn.Dropout(settings.dropout)
        self.labels: nn.Module = nn.Linear(self.n_features, n_labels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Give a logit a label."""
        widened: Tensor = self.widen(maps)
        logits: Tensor = self.labels(self.dropout(widened.mean(dim=(2, 3))))
        return logits


class EfficientNet(nn.Module):
    """The body as published, for maps of any channels."""

    def __init__(self, settings: EfficientNetSettings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        self.stem = stem(settings, n_channels)
        self.trunk = Trunk(settings, settings.filters(TABLES[settings.size].stem))
        self.head = Head(settings, self.trunk.widths[-1], n_labels)
        draw(self)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Give a logit a label."""
        logits: Tensor = self.head(self.trunk(self.stem(maps)))
        return logits


def stem(settings: EfficientNetSettings, n_channels: int) -> nn.Module:
    """Make the first convolution."""
    n_filters = settings.filters(TABLES[settings.size].stem)
    return nn.Sequential(convolution(n_channels, n_filters, 3, settings.strides[0]), nn.SiLU())


def convolution(
    n_inputs: int,
    n_filters: int,
    kernel: int,
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> nn.Module:
    """Make a convolution that keeps the size (but for its stride), and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(n_inputs, n_filters, kernel, stride, kernel // 2, groups=groups, bias=False),
        norm(n_filters),
    )


def norm(n_channels: int) -> nn.BatchNorm2d:
    """Make batch normalisation with the ε of EfficientNet."""
    return nn.BatchNorm2d(n_channels, eps=1e-3)


@torch.no_grad()
def draw(network: nn.Module) -> None:
    """Draw convolutions as He et al. do by what a weight feeds (in its group); biases are 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fed = module.weight[0, 0].numel() * module.out_channels // module.groups
            module.weight.normal_(std=math.sqrt(2 / fed))
            if module.bias is not None:
                module.bias.zero_()
