"""Settings to network: one match, complete by type.

A network takes raw sound: the front end is part of it. A network with several front ends hears a
batch that is divided evenly among them (first part the first format, and so on); `heard_as` gives
the network of one format, to be validated or exported.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.front_end import BandIntensity, FrontEndSettings
from sonoscope.models.mask_crnn import MaskCrnn, MaskCrnnSettings
from sonoscope.models.output import Output


@dataclass(config=STRICT)
class MaskCrnnNetwork:
    """The shipped detectors' network."""

    kind: Literal["mask_crnn"] = "mask_crnn"
    formats: tuple[Literal["foa", "tetra"], ...] = ("foa", "tetra")
    front_end: FrontEndSettings = FrontEndSettings()
    body: MaskCrnnSettings = MaskCrnnSettings()


NetworkSettings = MaskCrnnNetwork


class Network(nn.Module):
    """Raw sound to activity and direction.

    Shape: (batch, 4, sample) to Output.
    """

    def __init__(
        self, formats: Sequence[ChannelFormat], front_ends: Sequence[nn.Module], body: nn.Module
    ) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.front_ends = nn.ModuleList(front_ends)
        self.body = body

    def forward(self, sound: Float[Tensor, "batch channel sample"]) -> Output:
        """Listen to a batch, one part a format."""
        # one format is not cut: a cut would fix the size of the batch when the graph is exported
        parts = sound.chunk(len(self.front_ends)) if len(self.front_ends) > 1 else [sound]
        with torch.autocast(sound.device.type, enabled=False):
            features = [
                front(part.float()) for front, part in zip(self.front_ends, parts, strict=True)
            ]
        output: Output = self.body(torch.cat(features))
        return output

    def heard_as(self, channel_format: ChannelFormat) -> "Network":
        """Give the same network for one of its formats; weights are shared, not copied."""
        if channel_format not in self.formats:
            raise SettingError(
                f"channel format must be one of {', '.join(self.formats)}, "
                f"but {channel_format} was given"
            )
        front = self.front_ends[self.formats.index(channel_format)]
        return Network([channel_format], [front], self.body)


def build(settings: NetworkSettings, n_labels: int) -> Network:
    """Make a network with random weights."""
    front_ends = [
        BandIntensity(channel_format, settings.front_end) for channel_format in settings.formats
    ]
    body = MaskCrnn(settings.body, settings.front_end.n_mels, n_labels)
    return Network(settings.formats, front_ends, body)
