"""M-CRNN: a CRNN whose convolutions are modules of four branches that look around differently far.

         ┌─ 1×1 ─────────────────┐
    in ──┼─ 1×1 ─ 1×3 ─ 3×1 ─────┼── max pool of each, then side by side ──► 4 × filters
         ├─ 1×1 ─ 1×5 ─ 5×1 ─────┤
         └─ 1×1 ─ 1×7 ─ 7×1 ─────┘

A kernel 1×n lies along frequency, n×1 along time. Every convolution is followed by batch
normalisation and ReLU. The paper draws one module; with three (the default) they stand where the
CRNN has its convolutions, and a recipe with `mel_pools = [32]` has the one.

Reference: C. Lan et al., "Attention mechanism combined with residual recurrent neural network for
sound event detection and localization", EURASIP JASMP 2022:29, section 2.2.
"""

from functools import partial

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.batch_norm import NormAxis
from sonoscope.models.crnn import Count, Crnn, CrnnSettings, conv_block

REACHES = (3, 5, 7)
"""Bins, then frames, that the branches beside the first look at."""


@dataclass(config=STRICT)
class MCrnnSettings(CrnnSettings):
    """How an M-CRNN is built: as a CRNN, but `filters` are those of each branch.

    Between its first and last convolution a branch is twice as wide.
    """

    filters: Count = 32

    @property
    def n_maps(self) -> int:
        """Channels that each module gives: those of all branches."""
        return self.filters * (1 + len(REACHES))


class MultiScale(nn.Module):
    """The module without its pool, which may as well follow the joining: each map is its own.

    Parameters
    ----------
    n_inputs, n_bins
        Channels and bins that come in.
    n_filters
        Channels of each branch.
    norm
        See `models.batch_norm`.
    """

    def __init__(
        self, n_inputs: int, n_bins: int, *, n_filters: int, norm: NormAxis = "channel"
    ) -> None:
        super().__init__()

        def convolution(n_channels: int, n_outputs: int, kernel: tuple[int, int]) -> nn.Module:
            return conv_block(n_channels, n_bins, n_outputs, norm, kernel)

        self.branches = nn.ModuleList([convolution(n_inputs, n_filters, (1, 1))])
        for reach in REACHES:
            branch = nn.Sequential(
                convolution(n_inputs, n_filters, (1, 1)),
                convolution(n_filters, 2 * n_filters, (1, reach)),
                convolution(2 * n_filters, n_filters, (reach, 1)),
            )
            self.branches.append(branch)

    def forward(
        self, maps: Float[Tensor, "batch _ frame bin"]
    ) -> Float[Tensor, "batch filter frame bin"]:
        """Look with every branch."""
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def m_crnn(settings: MCrnnSettings, n_channels: int, n_mels: int, n_labels: int) -> Crnn:
    """Build the network; see `models.crnn.Crnn`."""
    block = partial(MultiScale, n_filters=settings.filters, norm=settings.norm)
    return Crnn(settings, block, n_channels, n_mels, n_labels)
