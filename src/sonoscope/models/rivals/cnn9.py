"""Kong's CNN9, the cross-task baseline of 2019: eight convolutions and a linear layer, no memory.

It hears the log-mels of the four channels alone, so that it tells directions by level differences
and nothing else.

Reference: Q. Kong, Y. Cao, T. Iqbal, Y. Xu, W. Wang and M. D. Plumbley, "Cross-task learning for
audio tagging, sound event detection and spatial localization: DCASE 2019 baseline systems", arXiv
1904.03476, 2019.
"""

from math import prod
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.output import Output
from sonoscope.models.rivals.angle_heads import AngleHeads
from sonoscope.models.rivals.convolutions import Answering, check_bins, double_convolution

_POOLS = (2, 2, 2, 1)
_FILTERS = (64, 128, 256, 512)


@dataclass(config=STRICT)
class Cnn9Settings:
    """How a CNN9 is built; its convolutions are as published.

    Attributes
    ----------
    pooling
        Average (which the authors found better) or maximum of 2×2.
    frames_per_answer
        Feature frames in a label frame: 1.28 of 15.6 ms for labels of 20 ms.
    """

    pooling: Literal["average", "max"] = "average"
    frames_per_answer: Annotated[float, Field(gt=0)] = 1.28


class Cnn9(nn.Module):
    """The network, from features to answers.

    Raises
    ------
    SettingError
        If the pools leave no bin.
    """

    def __init__(self, settings: Cnn9Settings, n_channels: int, n_bins: int, n_labels: int) -> None:
        super().__init__()
        check_bins(n_bins, prod(_POOLS))
        pool = nn.AvgPool2d if settings.pooling == "average" else nn.MaxPool2d
        layers: list[nn.Module] = []
        for n_inputs, n_filters, size in zip(
            (n_channels, *_FILTERS[:-1]), _FILTERS, _POOLS, strict=True
        ):
            layers += [double_convolution(n_inputs, n_filters), pool(size)]
        self.convolutions = nn.Sequential(*layers)
        self.answering = Answering(prod(_POOLS), settings.frames_per_answer)
        self.heads = AngleHeads(_FILTERS[-1], n_labels)

    def forward(self, features: Float[Tensor, "batch channel frame bin"]) -> Output:
        """Answer floor(frame / frames_per_answer) label frames."""
        maps: Tensor = self.convolutions(self.answering.filled_up(features))
        pooled: Output = self.heads(maps.mean(dim=3).transpose(1, 2))
        return pooled.each(lambda part: self.answering(part, features.shape[2]))
