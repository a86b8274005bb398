"""CRNN: blocks of convolutions, two two-way GRUs, and a head each for activity and direction.

    features ─► [ block ─ max pool ] × 3 ─► [ GRU → · GRU ← ] × 2 ─┬─► activity
                                                                   └─► direction

`Crnn` is this frame, whatever its blocks; `crnn` fills it with plain convolutions. `m_crnn` and
`res_scse_crnn` have other blocks, and `seldnet` other features.

The two directions of a GRU are multiplied, not stacked, after each layer. Every convolution is
followed by batch normalisation a channel, ReLU and max pooling over mel bands; only the first may
pool over time. Without the recurrent layers it is the CNN of the same papers.

References: C. Lan et al., "Attention mechanism combined with residual recurrent neural network for
sound event detection and localization", EURASIP JASMP 2022:29, section 2.1; S. Adavanne et al.,
"Sound Event Localization and Detection of Overlapping Sources Using Convolutional Recurrent Neural
Networks", IEEE JSTSP 13(1), 2019. Sizes are those of the DCASE 2020 task 3 baseline.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Annotated, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.batch_norm import NormAxis, batch_norm
from sonoscope.models.output import Output
from sonoscope.models.recurrent import two_way

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]

DirectionHead = Literal["xyz", "angles", "angles2019"]
"""What the direction head speaks: three tanh a label, or azimuth and elevation in radians.

In "angles2019" the elevation's number is 3.6 times the elevation, as in the targets of that year,
where both numbers of a silent label are pi (180 and 50 degrees).
"""

ELEVATION_2019 = 180 / 50
"""The elevation's number over the elevation."""

Bands = Literal["flatten", "mean"]
"""What becomes of the bands that the pools leave: each counts, or their mean."""

Block = Callable[[int, int], nn.Module]
"""Makes a block of layers for maps of so many channels and so many bins."""


@dataclass(config=STRICT)
class CrnnSettings:
    """How a CRNN is built.

    Attributes
    ----------
    filters
        Channels of every convolution.
    time_pool
        Feature frames that the first block pools into one.
    mel_pools
        Mel bands that each block pools into one; as many blocks as there are numbers.
    norm
        What batch normalisation counts by itself.
    bands
        How the bands that are left go into the recurrent layers or heads.
    recurrent_layers
        Two-way GRUs; 0 makes it a CNN.
    recurrent_units
        Width of each direction of a GRU.
    head_units
        Width of the linear layer that begins each head.
    direction_head
        "xyz" (2020), "angles" or "angles2019"; each way the network answers vectors.
    dropout
        Share of values that is dropped in training after each pool, GRU and head layer.
    repeat
        How often each answer is repeated, so that a network that pools over time can answer at
        the rate of its labels.
    """

    filters: Count = 64
    time_pool: Count = 1
    mel_pools: tuple[Count, ...] = (4, 4, 2)
    norm: NormAxis = "channel"
    bands: Bands = "flatten"
    recurrent_layers: Annotated[int, Field(ge=0)] = 2
    recurrent_units: Count = 128
    head_units: Count = 128
    direction_head: DirectionHead = "xyz"
    dropout: Share = 0.0
    repeat: Count = 1

    @property
    def n_maps(self) -> int:
        """Channels that each block gives."""
        return self.filters


class ProductGru(nn.Module):
    """A two-way GRU whose directions are multiplied."""

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.gru = nn.GRU(n_inputs, n_units, batch_first=True, bidirectional=True)

    def forward(
        self, sequence: Float[Tensor, "batch frame _"]
    ) -> Float[Tensor, "batch frame unit"]:
        """Give the product of what was heard up to each frame and from it on."""
        ahead, back = two_way(self.gru, sequence).chunk(2, dim=-1)
        return ahead * back


class Tail(nn.Module):
    """What follows the convolutions: recurrent layers and the two heads."""

    def __init__(self, settings: CrnnSettings, n_inputs: int, n_labels: int) -> None:
        super().__init__()
        self.direction_head: DirectionHead = settings.direction_head
        self.repeat = settings.repeat
        layers: list[nn.Module] = []
        for _ in range(settings.recurrent_layers):
            layers += [
                ProductGru(n_inputs, settings.recurrent_units),
                nn.Dropout(settings.dropout),
            ]
            n_inputs = settings.recurrent_units
        self.recurrent = nn.Sequential(*layers)
        n_numbers = 3 if self.direction_head == "xyz" else 2
        self.activity = _head(n_inputs, settings, n_labels)
        self.direction = _head(n_inputs, settings, n_labels * n_numbers)

    def forward(self, sequence: Float[Tensor, "batch frame feature"]) -> Output:
        """Answer a sequence of what the convolutions saw."""
        sequence = self.recurrent(sequence)
        activity, numbers = self.activity(sequence), self.direction(sequence)
        numbers = numbers.reshape(*activity.shape, -1)
        return self._answer(activity, numbers).each(lambda part: _repeat(part, self.repeat))

    def _answer(self, activity: Tensor, numbers: Tensor) -> Output:
        match self.direction_head:
            case "xyz":
                return Output(activity, torch.tanh(numbers))
            case "angles":
                return Output.from_angles(activity, numbers)
            case "angles2019":
                azimuth, elevation = numbers.unbind(-1)
                angles = torch.stack((azimuth, elevation / ELEVATION_2019), dim=-1)
                return Output.from_angles(activity, angles)
            case _:
                assert_never(self.direction_head)


class Crnn(nn.Module):
    """Blocks, recurrent layers, heads: from features to answers.

    Parameters
    ----------
    settings
        How it is built.
    block
        Makes one of its blocks, which must give `settings.n_maps` channels.
    n_channels, n_mels
        Channels and mel bands of the features.
    n_labels
        Labels that it can tell apart.

    Raises
    ------
    SettingError
        If the pools do not divide the mel bands.
    """

    def __init__(
        self, settings: CrnnSettings, block: Block, n_channels: int, n_mels: int, n_labels: int
    ) -> None:
        super().__init__()
        self.bands: Bands = settings.bands
        n_features = features_after(settings, n_mels)
        self.convolutions = _stack(settings, block, n_channels, n_mels)
        self.tail = Tail(settings, n_features, n_labels)

    def forward(self, features: Float[Tensor, "batch channel frame mel"]) -> Output:
        """Answer floor(frame / time_pool) * repeat label frames."""
        maps: Tensor = self.convolutions(features)
        match self.bands:
            case "flatten":
                sequence = maps.transpose(1, 2).flatten(2)
            case "mean":
                sequence = maps.mean(dim=-1).transpose(1, 2)
            case _:
                assert_never(self.bands)
        output: Output = self.tail(sequence)
        return output


def crnn(settings: CrnnSettings, n_channels: int, n_mels: int, n_labels: int) -> Crnn:
    """Build the CRNN whose blocks are one convolution each; see `Crnn`."""
    block = partial(conv_block, n_filters=settings.filters, norm=settings.norm)
    return Crnn(settings, block, n_channels, n_mels, n_labels)


def conv_block(
    n_inputs: int,
    n_bins: int,
    n_filters: int,
    norm: NormAxis,
    kernel: tuple[int, int] = (3, 3),
) -> nn.Module:
    """Make a convolution over (frames, bins), normalise, rectify; the map keeps its size."""
    around = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(
        nn.Conv2d(n_inputs, n_filters, kernel, padding=around),
        batch_norm(norm, n_filters, n_bins),
        nn.ReLU(),
    )


def _stack(settings: CrnnSettings, block: Block, n_channels: int, n_mels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    n_inputs, n_bins, time_pool = n_channels, n_mels, settings.time_pool
    for mel_pool in settings.mel_pools:
        layers += [
            block(n_inputs, n_bins),
            nn.MaxPool2d((time_pool, mel_pool)),
            nn.Dropout(settings.dropout),
        ]
        n_inputs, n_bins, time_pool = settings.n_maps, n_bins // mel_pool, 1
    return nn.Sequential(*layers)


def features_after(settings: CrnnSettings, n_mels: int) -> int:
    """Count the numbers a frame that the convolutions leave.

    Examples
    --------
    >>> features_after(CrnnSettings(), n_mels=64)
    128
    """
    pooled = prod(settings.mel_pools)
    if not settings.mel_pools or n_mels % pooled:
        raise SettingError(
            f"mel_pools must multiply to a divisor of {n_mels} mel bands, "
            f"but {settings.mel_pools} was given"
        )
    return settings.n_maps * (1 if settings.bands == "mean" else n_mels // pooled)


def _head(n_inputs: int, settings: CrnnSettings, n_outputs: int) -> nn.Module:
    # No activation between the two: the baselines' heads are linear.
    return nn.Sequential(
        nn.Linear(n_inputs, settings.head_units),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.head_units, n_outputs),
    )


def _repeat(frames: Float[Tensor, "batch _ *rest"], times: int) -> Float[Tensor, "batch _ *rest"]:
    # repeat_interleave, in operations that every exporter knows
    rest = frames.shape[2:]
    return frames.unsqueeze(2).expand(-1, -1, times, *rest).flatten(1, 2)
