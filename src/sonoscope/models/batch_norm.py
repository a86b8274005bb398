"""Batch normalisation of maps: a mean and a spread for each channel, or for each frequency bin.

The published SELDnets of 2019 and 2020 mean the first and do the second: Keras takes the last axis
for the channels, and in their tensors the last axis is frequency.
"""

from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor, nn

NormAxis = Literal["channel", "bin"]
"""What is brought to mean 0 and spread 1 by itself: each channel, or each frequency bin."""


class BinNorm(nn.Module):
    """Batch normalisation with statistics of each frequency bin over batch, channels and frames."""

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_bins)

    def forward(
        self, maps: Float[Tensor, "batch channel frame bin"]
    ) -> Float[Tensor, "batch channel frame bin"]:
        """Normalise."""
        normed: Tensor = self.norm(maps.transpose(1, 3))
        return normed.transpose(1, 3)


def batch_norm(axis: NormAxis, n_channels: int, n_bins: int) -> nn.Module:
    """Make the layer for maps of `n_channels` and `n_bins`."""
    match axis:
        case "channel":
            return nn.BatchNorm2d(n_channels)
        case "bin":
            return BinNorm(n_bins)
        case _:
            assert_never(axis)
