"""SELDnet, the DCASE task 3 baselines of 2019 and 2020: CRNNs on features in a wanted layout.

The published code stored the features of a frame as one row of numbers, first one kind of feature
(magnitudes, or log-mels) and then the other (phases, or intensities or GCC-PHAT), each with its
bins one after another and, within a bin, the channels. It read the row back as `bin channel`,
which is right for one kind alone; with two, channel c of bin b came to hold number n_channels b + c
of the row::

    row         M00 M01 M02 M03  M10 M11 M12 M13  …  P00 P01 P02 P03  …      (kind, bin, channel)
    2019        bin 0 has bins 0 and 1 of the magnitudes as its eight channels, bin 512 those of the
                phases: no bin has both
    2020, FOA   seven numbers a bin of what was stored by four, then by three

So neighbouring bins, channels and kinds were mixed, and a convolution no longer found the same
thing at the same place. It was put right in April 2021. "fixed" is the layout that was meant;
"scrambled" is the one that the published numbers of 2019 and 2020 were made with.

References: S. Adavanne et al., IEEE JSTSP 13(1), 2019; A. Politis, S. Adavanne and T. Virtanen, "A
Dataset of Reverberant Spatial Sound Scenes with Moving Sources for Sound Event Localization and
Detection", DCASE Workshop 2020; the published baselines.
"""

from collections.abc import Sequence
from typing import Literal, assert_never

import torch
from jaxtyping import Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import Count, Crnn, CrnnSettings, DirectionHead, crnn

Layout = Literal["fixed", "scrambled"]
"""Whether each feature stands where it belongs, or where the published code put it."""

N_CHANNELS = 4  # of sound, and so of the first kind of feature


@dataclass(config=STRICT)
class Seldnet2020Settings(CrnnSettings):
    """How the SELDnet of 2020 is built: the CRNN of the paper, answering each 100 ms.

    Attributes
    ----------
    layout
        Where each feature stands.
    """

    time_pool: Count = 5
    layout: Layout = "fixed"


@dataclass(config=STRICT)
class Seldnet2019Settings(CrnnSettings):
    """How the SELDnet of 2019 is built: each bin of the spectrum, and angles as they come.

    Attributes
    ----------
    layout
        Where each feature stands.
    """

    mel_pools: tuple[Count, ...] = (8, 8, 4)
    direction_head: DirectionHead = "angles2019"
    layout: Layout = "fixed"


class Scrambled(nn.Module):
    """The layout of the published code; see the module's text.

    Parameters
    ----------
    kinds
        Channels of each kind of feature.
    n_bins
        Bins of each channel.
    """

    cells: Tensor

    def __init__(self, kinds: Sequence[int], n_bins: int) -> None:
        super().__init__()
        self.register_buffer("cells", scrambled_cells(kinds, n_bins), persistent=False)

    def forward(
        self, features: Float[Tensor, "batch channel frame bin"]
    ) -> Float[Tensor, "batch channel frame bin"]:
        """Put each feature where the published code put it."""
        row = features.transpose(1, 2).flatten(2)
        mixed = row[..., self.cells.flatten()].reshape(*row.shape[:2], *self.cells.shape)
        return mixed.transpose(1, 2)


def scrambled_cells(kinds: Sequence[int], n_bins: int) -> Int[Tensor, "channel bin"]:
    """Tell for each place which cell comes there: its channel times `n_bins`, and its bin.

    Examples
    --------
    Two channels of one kind and two of the other, of three bins each: channel 0 was to hold 0, 1,
    2, channel 1 the cells 3, 4, 5, and so on.

    >>> scrambled_cells((2, 2), 3).tolist()
    [[0, 2, 7], [3, 5, 10], [1, 6, 8], [4, 9, 11]]
    """
    n_channels = sum(kinds)
    cells = torch.arange(n_channels * n_bins).reshape(n_channels, n_bins)
    row = torch.cat([kind.T.flatten() for kind in torch.split(cells, list(kinds))])
    return row.reshape(n_bins, n_channels).T.contiguous()


def seldnet(
    settings: Seldnet2019Settings | Seldnet2020Settings,
    n_channels: int,
    n_bins: int,
    n_labels: int,
) -> nn.Module:
    """Build the network, from features to answers; see `models.crnn.Crnn`."""
    network: Crnn = crnn(settings, n_channels, n_bins, n_labels)
    match settings.layout:
        case "fixed":
            return network
        case "scrambled":
            kinds = (N_CHANNELS, n_channels - N_CHANNELS)
            return nn.Sequential(Scrambled(kinds, n_bins), network)
        case _:
            assert_never(settings.layout)
