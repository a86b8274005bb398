"""Squeeze and excitation: weights in 0..1 for the channels of a map, for its places, or for both.

Layers are free of biases and begin as He et al. draw them (normal, variance 2 / inputs).

Reference: A. G. Roy, N. Navab and C. Wachinger, "Concurrent Spatial and Channel Squeeze and
Excitation in Fully Convolutional Networks", MICCAI 2018; of its ways to join the two, the sum.
"""

from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.core.errors import SettingError

Excitation = Literal["cse", "sse", "scse"]
"""Which of a map's values are weighed: its channels, its places, or both (added)."""


class ChannelExcitation(nn.Module):
    """cSE: weigh each channel by what all of them hold on average.

    Parameters
    ----------
    n_channels
        Channels of the map.
    ratio
        How many times narrower than the map the layer between squeeze and excitation is (the ρ of
        the papers).
    """

    def __init__(self, n_channels: int, ratio: int) -> None:
        super().__init__()
        if not 1 <= ratio <= n_channels:
            raise SettingError(f"ratio must be in 1..{n_channels}, but {ratio} was given")
        self.squeeze = nn.Linear(n_channels, n_channels // ratio, bias=False)
        self.excite = nn.Linear(n_channels // ratio, n_channels, bias=False)
        _he_normal(self.squeeze.weight)
        _he_normal(self.excite.weight)

    def forward(
        self, maps: Float[Tensor, "batch channel frame bin"]
    ) -> Float[Tensor, "batch channel frame bin"]:
        """Weigh the channels."""
        mean = maps.mean(dim=(2, 3))
        weight = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        return maps * weight[:, :, None, None]


class SpatialExcitation(nn.Module):
    """sSE: weigh each place by one linear combination of its channels."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(n_channels, 1, kernel_size=1, bias=False)
        _he_normal(self.squeeze.weight)

    def forward(
        self, maps: Float[Tensor, "batch channel frame bin"]
    ) -> Float[Tensor, "batch channel frame bin"]:
        """Weigh the places."""
        return maps * torch.sigmoid(self.squeeze(maps))


class ConcurrentExcitation(nn.Module):
    """scSE: the sum of both."""

    def __init__(self, n_channels: int, ratio: int) -> None:
        super().__init__()
        self.channels = ChannelExcitation(n_channels, ratio)
        self.places = SpatialExcitation(n_channels)

    def forward(
        self, maps: Float[Tensor, "batch channel frame bin"]
    ) -> Float[Tensor, "batch channel frame bin"]:
        """Weigh the channels, weigh the places, add."""
        weighed: Tensor = self.channels(maps) + self.places(maps)
        return weighed


def excitation(kind: Excitation, n_channels: int, ratio: int) -> nn.Module:
    """Build one of the three; `ratio` means nothing to "sse"."""
    match kind:
        case "cse":
            return ChannelExcitation(n_channels, ratio)
        case "sse":
            return SpatialExcitation(n_channels)
        case "scse":
            return ConcurrentExcitation(n_channels, ratio)
        case _:
            assert_never(kind)


def _he_normal(weight: Tensor) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
