"""The DCASE task 3 baselines of 2021 to 2024: one CRNN, one head of vectors.

| year | recurrent layers | after them | numbers of a track and label |
|---|---|---|---|
| 2021 | the ways of each GRU multiplied | | 3, tanh |
| 2022 | two two-way GRUs, tanh, then the ways multiplied | | 3, tanh |
| 2023 | as 2022 | 2 × (self-attention + shortcut, layer norm) | 3, tanh |
| 2024 | as 2022 | as 2023 | 3 and the distance in metres, as they come |

With one track it is ACCDOA: a label's vector is as long as it is sure, and one source of a label
can be told at a moment (and no distance). With three it is multi-ACCDOA.

References: K. Shimada et al., "ACCDOA: Activity-Coupled Cartesian Direction of Arrival
Representation for Sound Event Localization and Detection", ICASSP 2021, and "Multi-ACCDOA:
Localizing and Detecting Overlapping Sounds from the Same Class with Auxiliary Duplicating
Permutation Invariant Training", ICASSP 2022; A. Politis et al., "STARSS22", DCASE Workshop 2022;
D. Krause, A. Politis and A. Mesaros, "Sound Event Detection and Localization with Distance
Estimation", EUSIPCO 2024; the published baselines.
"""

from math import prod
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import Count, ProductGru, Share
from sonoscope.models.output import VectorOutput
from sonoscope.models.recurrent import two_way
from sonoscope.models.rivals.convolutions import check_bins
from sonoscope.models.rivals.self_attention import SelfAttention

Year = Literal[2021, 2022, 2023, 2024]


@dataclass(config=STRICT)
class DcaseCrnnSettings:
    """How a baseline is built; the defaults are those of 2023.

    Attributes
    ----------
    year
        Which baseline; see the module's table.
    tracks
        Sources of one label that it can tell apart: 1 (ACCDOA) or 3 (multi-ACCDOA).
    filters
        Channels of every convolution.
    time_pool
        Feature frames that the first block pools into one: those of a label frame.
    bin_pools
        Bins that each block pools into one; what does not fill a pool is left out.
    recurrent_units, head_units
        Width of each direction of a GRU, and of the linear layer before the last.
    heads
        Of self-attention.
    dropout
        Share of values dropped in training.
    """

    year: Year = 2023
    tracks: Literal[1, 3] = 3
    filters: Count = 64
    time_pool: Count = 5
    bin_pools: Annotated[tuple[Count, ...], Field(min_length=1)] = (4, 4, 2)
    recurrent_units: Count = 128
    heads: Count = 8
    head_units: Count = 128
    dropout: Share = 0.05

    @property
    def tells_distance(self) -> bool:
        """Whether each vector comes with a distance."""
        return self.year >= 2024 and self.tracks > 1

    @property
    def attentions(self) -> int:
        """Layers of self-attention."""
        return 2 if self.year >= 2023 else 0


class DcaseCrnn(nn.Module):
    """The network, from features to answers.

    Raises
    ------
    SettingError
        If the pools leave no bin, or the heads do not divide the recurrent units.
    """

    def __init__(
        self, settings: DcaseCrnnSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        self.settings, self.n_labels = settings, n_labels
        check_bins(n_bins, prod(settings.bin_pools))
        left = n_bins // prod(settings.bin_pools)
        self.convolutions = _convolutions(settings, n_channels)
        width = settings.recurrent_units
        recurrent = _TwoProducts if settings.year == 2021 else _LastProduct
        self.recurrent = recurrent(settings.filters * left, width, settings.dropout)
        self.attentions = nn.ModuleList(
            SelfAttention(width, settings.heads, settings.dropout)
            for _ in range(settings.attentions)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(settings.attentions))
        n_numbers = 4 if settings.tells_distance else 3
        self.head = nn.Sequential(
            nn.Linear(width, settings.head_units),
            nn.Dropout(settings.dropout if settings.year == 2021 else 0.0),
            nn.Linear(settings.head_units, settings.tracks * n_labels * n_numbers),
        )

    def forward(self, features: Float[Tensor, "batch channel frame bin"]) -> VectorOutput:
        """Answer floor(frame / time_pool) label frames."""
        maps: Tensor = self.convolutions(features)
        sequence: Tensor = self.recurrent(maps.transpose(1, 2).flatten(2))
        for attention, norm in zip(self.attentions, self.norms, strict=True):
            sequence = norm(sequence + attention(sequence))
        numbers: Tensor = self.head(sequence)
        numbers = numbers.reshape(*numbers.shape[:2], self.settings.tracks, self.n_labels, -1)
        if self.settings.tells_distance:
            return VectorOutput(numbers[..., :3], numbers[..., 3])
        return VectorOutput(torch.tanh(numbers))


class _TwoProducts(nn.Module):
    """Two two-way GRUs, the ways of each multiplied."""

    def __init__(self, n_inputs: int, n_units: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ProductGru(n_inputs, n_units),
            nn.Dropout(dropout),
            ProductGru(n_units, n_units),
            nn.Dropout(dropout),
        )

    def forward(
        self, sequence: Float[Tensor, "batch frame _"]
    ) -> Float[Tensor, "batch frame unit"]:
        heard: Tensor = self.layers(sequence)
        return heard


class _LastProduct(nn.Module):
    """Two two-way GRUs, each of both ways of what came before; the ways of the last multiplied."""

    def __init__(self, n_inputs: int, n_units: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(
            n_inputs, n_units, num_layers=2, batch_first=True, dropout=dropout, bidirectional=True
        )

    def forward(
        self, sequence: Float[Tensor, "batch frame _"]
    ) -> Float[Tensor, "batch frame unit"]:
        ahead, back = torch.tanh(two_way(self.gru, sequence)).chunk(2, dim=-1)
        return ahead * back


def _convolutions(settings: DcaseCrnnSettings, n_channels: int) -> nn.Sequential:
    # from 2022 on whole maps are dropped, before that single values
    dropout = nn.Dropout if settings.year == 2021 else nn.Dropout2d
    layers: list[nn.Module] = []
    n_inputs, time_pool = n_channels, settings.time_pool
    for bin_pool in settings.bin_pools:
        layers += [
            nn.Conv2d(n_inputs, settings.filters, kernel_size=3, padding=1),
            nn.BatchNorm2d(settings.filters),
            nn.ReLU(),
            nn.MaxPool2d((time_pool, bin_pool)),
            dropout(settings.dropout),
        ]
        n_inputs, time_pool = settings.filters, 1
    return nn.Sequential(*layers)
