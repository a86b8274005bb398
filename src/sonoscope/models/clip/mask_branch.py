"""The mask branch: down to where a place sees the whole clip, up again, one gate a value in 0..1.

    maps ─┬─ skip units ───────────────────────────── + ─► units ─► 1×1 ─► 1×1 ─► σ ─► M
          └─ max pool ─► n units ─┬─ … the same … ─┬─ bilinear ┘
                                  └─ skip, pool, … ┘

`single` is the paper's Fig. 5: it starts at the stem's maps, and n units a scale, the first of each
with stride, bring them to the size and width of the main branch's output. `stacked` are three
branches, each on the output of a stage, as several masks in a row can do what one could not.

Units are bottlenecks whose layers follow their normalisation (pre-activation), a quarter as wide
inside. Maps of clips have odd sizes: what is interpolated goes to an explicit size.

References: Zhong et al. 2025 (n = 3; single); F. Wang et al., "Residual Attention Network for Image
Classification", CVPR 2017 (stacked; skip units; the two last convolutions); K. He et al., "Identity
Mappings in Deep Residual Networks", ECCV 2016.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.igam import NARROWEST, resized

Count = Annotated[int, Field(ge=1)]

Pools = Literal["fixed", "by size"]
"""How often a mask pools.

- ``fixed``:    once for a single mask; three, two and one times for stacked ones (as RAN)
- ``by size``:  as often as leaves at least 4 places along bins
"""


@dataclass(config=STRICT)
class MaskSettings:
    """How mask branches are built.

    Attributes
    ----------
    reading
        One branch beside the whole main branch, one after each of three stages, or none.
    units
        Residual units that follow one another (the paper's n).
    pools
        How many poolings there are.
    """

    reading: Literal["none", "single", "stacked"] = "single"
    units: Count = 3
    pools: Pools = "fixed"


class ResidualUnit(nn.Module):
    """A bottleneck of three convolutions, each after batch normalisation and ReLU.

    Where the shape changes, what is added is a convolution of the input with that stride.
    """

    def __init__(
        self, n_inputs: int, n_filters: int | None = None, stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        n_filters = n_filters or n_inputs
        inside = max(NARROWEST, n_filters // 4)
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(n_inputs), nn.ReLU(), nn.Conv2d(n_inputs, inside, 1, bias=False)),
            *(nn.BatchNorm2d(inside), nn.ReLU()),
            nn.Conv2d(inside, inside, 3, stride, padding=1, bias=False),
            *(nn.BatchNorm2d(inside), nn.ReLU(), nn.Conv2d(inside, n_filters, 1, bias=False)),
        )
        same = n_inputs == n_filters and stride == (1, 1)
        self.added = (
            nn.Identity() if same else nn.Conv2d(n_inputs, n_filters, 1, stride, bias=False)
        )

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch filter fewer_bins fewer_frames"]:
        """Add the bottleneck's output."""
        changed: Tensor = self.added(maps) + self.layers(maps)
        return changed


class Hourglass(nn.Module):
    """Pool, units, the same further down, interpolate, add the skip's maps, units.

    Parameters
    ----------
    pools
        Poolings from here on; 0 leaves the maps as they are.
    units, skip_units, up_units
        Units after each pooling, beside it, and after each interpolation.
    """

    def __init__(
        self, n_channels: int, pools: int, units: int, skip_units: int, up_units: int
    ) -> None:
        super().__init__()
        self.further = nn.ModuleList()
        if pools > 0:
            down = [nn.MaxPool2d(3, 2, padding=1), *_units(n_channels, units)]
            inner = Hourglass(n_channels, pools - 1, units, skip_units, up_units)
            self.further.append(nn.Sequential(*down, inner))
        self.skip = nn.Sequential(*_units(n_channels, skip_units if pools else 0))
        self.up = nn.Sequential(*_units(n_channels, up_units if pools else 0))

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Give maps of the same size in which each place knows of its surroundings."""
        for further in self.further:
            maps = self.up(resized(further(maps), maps) + self.skip(maps))
        return maps


class MaskBranch(nn.Module):
    """Units that come before, an hourglass, two 1×1 convolutions and a sigmoid."""

    def __init__(self, before: nn.Module, hourglass: Hourglass, n_channels: int) -> None:
        super().__init__()
        self.before, self.hourglass = before, hourglass
        self.gate = nn.Sequential(
            *(nn.BatchNorm2d(n_channels), nn.ReLU()),
            nn.Conv2d(n_channels, n_channels, 1, bias=False),
            *(nn.BatchNorm2d(n_channels), nn.ReLU(), nn.Conv2d(n_channels, n_channels, 1)),
        )

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch filter fewer_bins fewer_frames"]:
        """Give M, a number in 0..1 for each value of the main branch."""
        return torch.sigmoid(self.gate(self.hourglass(self.before(maps))))


def single_mask(
    settings: MaskSettings, widths: list[int], strides: list[tuple[int, int]], n_bins: int
) -> MaskBranch:
    """Make the paper's one branch.

    Parameters
    ----------
    widths
        Channels of the stem's maps, and of the main branch after each stride.
    strides
        Those strides.
    n_bins
        Bins of the main branch's output.
    """
    before: list[nn.Module] = [ResidualUnit(widths[0])]
    for n_inputs, n_filters, stride in zip(widths[:-1], widths[1:], strides, strict=True):
        before.append(ResidualUnit(n_inputs, n_filters, stride))
        before += _units(n_filters, settings.units - 1)
    n = settings.units
    hourglass = Hourglass(widths[-1], _pools(settings, 1, n_bins), n, skip_units=n, up_units=n)
    return MaskBranch(nn.Sequential(*before), hourglass, widths[-1])


def stacked_mask(settings: MaskSettings, n_channels: int, pools: int, n_bins: int) -> MaskBranch:
    """Make one of several branches, on maps of the size and width of its mask."""
    pools = _pools(settings, pools, n_bins)
    hourglass = Hourglass(n_channels, pools, settings.units, skip_units=1, up_units=0)
    return MaskBranch(nn.Identity(), hourglass, n_channels)


def _pools(settings: MaskSettings, fixed: int, n_bins: int) -> int:
    if settings.pools == "fixed":
        return fixed
    pools = 0
    while n_bins >= 8:
        n_bins, pools = (n_bins + 1) // 2, pools + 1
    return pools


def _units(n_channels: int, n: int) -> list[nn.Module]:
    return [ResidualUnit(n_channels) for _ in range(n)]
