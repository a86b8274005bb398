"""Swin-T: attention within windows of a map, which move by half a window from layer to layer.

    maps ─ patches 4×4 ─ LN ─[96, 2 layers]─ merge ─[192, 2]─ merge ─[384, 6]─ merge ─[768, 2]─ LN
         ─ mean ─► features

A layer is LN ─ attention in windows of 7×7 ─ +, then LN ─ two linear layers ─ +. In every second
layer windows are shifted by 3 places around the map, and what only met at its edges is masked.
Attention knows how far two places of a window lie apart by a learnt number a head. To merge is to
join 2×2 neighbours and halve them by a linear layer.

As published (27 519 354 weights without the last layer), but without stochastic depth; maps of any
size are filled up with zeros to whole windows.

Reference: Z. Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows",
ICCV 2021.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.rivals.encoder import EncoderLayer
from sonoscope.models.clip.rivals.patches import Patches

_PATCH = 4
_WINDOW = 7


class WindowAttention(nn.Module):
    """Self-attention within each window of a map.

    Parameters
    ----------
    width, n_heads
        Numbers a place, and how many attentions share them.
    shift
        Places by which windows are moved, both ways.

    Raises
    ------
    SettingError
        If the heads do not divide the width.
    """

    distance: Tensor

    def __init__(self, width: int, n_heads: int, shift: int) -> None:
        super().__init__()
        if width % n_heads:
            raise SettingError(f"heads must divide the width ({width}), but {n_heads} were given")
        self.n_heads, self.shift, self.scale = n_heads, shift, (width // n_heads) ** -0.5
        self.to_heads = nn.Linear(width, 3 * width)
        self.from_heads = nn.Linear(width, width)
        self.nearness = nn.Parameter(0.02 * torch.randn((2 * _WINDOW - 1) ** 2, n_heads))
        self.register_buffer("distance", _distances(_WINDOW), persistent=False)

    def forward(
        self, maps: Float[Tensor, "batch bin frame width"]
    ) -> Float[Tensor, "batch bin frame width"]:
        """Attend."""
        n_bins, n_frames = maps.shape[1:3]
        filled = pad(maps, (0, 0, 0, -n_frames % _WINDOW, 0, -n_bins % _WINDOW))
        high, wide = filled.shape[1:3]
        # a map that is one window high (or wide) has nothing to be moved past its edge
        shift = (self.shift * (high > _WINDOW), self.shift * (wide > _WINDOW))
        moved = filled.roll((-shift[0], -shift[1]), dims=(1, 2))
        heard = self._attend(windows(moved), ~_together(high, wide, shift, maps.device))
        whole = joined(heard, high, wide).roll(shift, dims=(1, 2))
        return whole[:, :n_bins, :n_frames]

    def _attend(
        self,
        places: Float[Tensor, "batch window place width"],
        apart: Bool[Tensor, "window place place"],
    ) -> Float[Tensor, "batch window place width"]:
        heads: Tensor = self.to_heads(places)
        heads = heads.reshape(*places.shape[:3], 3, self.n_heads, -1).permute(3, 0, 1, 4, 2, 5)
        query, key, value = heads.unbind()
        nearness = self.nearness[self.distance].permute(2, 0, 1)
        likeness = (self.scale * query) @ key.transpose(-1, -2) + nearness
        likeness = likeness.masked_fill(apart[:, None], -torch.inf)
        heard = (likeness.softmax(dim=-1) @ value).transpose(2, 3).flatten(3)
        together: Tensor = self.from_heads(heard)
        return together


def windows(
    maps: Float[Tensor, "batch bin frame width"],
) -> Float[Tensor, "batch window place width"]:
    """Cut maps of whole windows into them."""
    n_maps, n_bins, n_frames, width = maps.shape
    cut = maps.reshape(n_maps, n_bins // _WINDOW, _WINDOW, n_frames // _WINDOW, _WINDOW, width)
    return cut.transpose(2, 3).reshape(n_maps, -1, _WINDOW**2, width)


def joined(
    places: Float[Tensor, "batch window place width"], n_bins: int, n_frames: int
) -> Float[Tensor, "batch bin frame width"]:
    """Put windows together again."""
    n_maps, _, _, width = places.shape
    cut = places.reshape(n_maps, n_bins // _WINDOW, n_frames // _WINDOW, _WINDOW, _WINDOW, width)
    return cut.transpose(2, 3).reshape(n_maps, n_bins, n_frames, width)


def _together(
    n_bins: int, n_frames: int, shift: tuple[int, int], device: torch.device
) -> Bool[Tensor, "window place place"]:
    """Tell which places of a window were neighbours before windows were shifted."""
    row, column = (
        (torch.arange(size, device=device) >= size - each).float()
        for size, each in zip((n_bins, n_frames), shift, strict=True)
    )
    region = windows((2 * row[:, None] + column)[None, :, :, None])[0, :, :, 0]
    return region[:, :, None] == region[:, None]


def _distances(window: int) -> Int[Tensor, "place place"]:
    """Give each way from place to place of a window its number, (2 window - 1)² in all."""
    row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    row, column = row.flatten(), column.flatten()
    down, right = row[:, None] - row, column[:, None] - column
    return (down + window - 1) * (2 * window - 1) + right + window - 1


class Merge(nn.Module):
    """Four neighbours become one place that is twice as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.narrow = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, maps: Float[Tensor, "batch bin frame width"]) -> Float[Tensor, "batch _ _ _"]:
        """Give half the bins and frames, the last alone filled up with zeros."""
        filled = pad(maps, (0, 0, 0, maps.shape[2] % 2, 0, maps.shape[1] % 2))
        corners = [filled[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        merged: Tensor = self.narrow(self.norm(torch.cat(corners, dim=-1)))
        return merged


class SwinFeatures(nn.Module):
    """A Swin transformer without its last layer.

    Parameters
    ----------
    n_channels
        Channels of the maps that come in.
    width
        Numbers a place in the first stage; each later one has twice as many.
    depths, heads
        Layers, and heads of attention, of the stages.

    Attributes
    ----------
    n_features
        How many numbers it gives of an example.
    """

    def __init__(
        self,
        n_channels: int,
        width: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        heads: tuple[int, ...] = (3, 6, 12, 24),
    ) -> None:
        super().__init__()
        self.patches = Patches(n_channels, width, _PATCH)
        layers: list[nn.Module] = [nn.LayerNorm(width)]
        for i, (depth, n_heads) in enumerate(zip(depths, heads, strict=True)):
            if i > 0:
                layers.append(Merge(width))
                width *= 2
            for j in range(depth):
                attention = WindowAttention(width, n_heads, shift=j % 2 * (_WINDOW // 2))
                layers.append(EncoderLayer(attention, width, 4 * width, dropout=0.0))
        self.layers = nn.Sequential(*layers, nn.LayerNorm(width))
        self.n_features = width
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch feature"]:
        """Give the mean of the last places."""
        last: Tensor = self.layers(self.patches(maps))
        return last.mean(dim=(1, 2))
