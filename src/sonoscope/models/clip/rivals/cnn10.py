"""CNN10 of PANNs: four double convolutions and two linear layers.

    maps ─ BN of each bin ─ (conv 3×3 ─ BN ─ ReLU) ×2 ─ mean 2×2 ─ … ×4 (64, 128, 256, 512)
         ─ mean over bins ─ max + mean over frames ─ linear 512 ─ ReLU ─ linear ─► logits

As published (5 219 279 weights for 527 labels and 64 mel bands), but that it begins anew in place
of what AudioSet taught it, that its front end is this project's, and that it answers with logits.

Reference: Q. Kong, Y. Cao, T. Iqbal, Y. Wang, W. Wang and M. D. Plumbley, "PANNs: Large-scale
pretrained audio neural networks for audio pattern recognition", IEEE/ACM TASLP 28, 2020.
"""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.rivals.convolutions import check_bins, double_convolution

Count = Annotated[int, Field(ge=1)]

_DROPPED = 0.2  # after each double convolution
_DROPPED_LAST = 0.5  # before and after the first linear layer
_POOLED = 16


@dataclass(config=STRICT)
class Cnn10Settings:
    """How a CNN10 is built; the defaults are the published one.

    Attributes
    ----------
    filters
        Channels of the four double convolutions; the linear layer is as wide as the last.
    """

    filters: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)


class Cnn10(nn.Module):
    """The network, from maps to logits.

    Raises
    ------
    SettingError
        If the pools leave no bin.
    """

    def __init__(
        self, settings: Cnn10Settings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        check_bins(n_bins, _POOLED)
        self.norm = nn.BatchNorm2d(n_bins)
        layers: list[nn.Module] = []
        n_inputs = n_channels
        for n_filters in settings.filters:
            pool = nn.AvgPool2d(2)
            layers += [double_convolution(n_inputs, n_filters), pool, nn.Dropout(_DROPPED)]
            n_inputs = n_filters
        self.convolutions = nn.Sequential(*layers)
        self.embed = nn.Linear(n_inputs, n_inputs)
        self.dropout = nn.Dropout(_DROPPED_LAST)
        self.answer = nn.Linear(n_inputs, n_labels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits."""
        normed: Tensor = self.norm(maps.transpose(1, 2)).transpose(1, 2)
        sequence: Tensor = self.convolutions(normed).mean(dim=2)
        heard = sequence.amax(dim=2) + sequence.mean(dim=2)
        embedded = nn.functional.relu(self.embed(self.dropout(heard)))
        logits: Tensor = self.answer(self.dropout(embedded))
        return logits
