"""MSFF-Net: a stream of its own for each frequency band and for the whole, joined early and late.

    band 1 ─ stream ─┬─ linear ──────────────────────────┐
    …                │                                   │
    band 4 ─ stream ─┼─ linear ────────────────── + ─────┤
    whole  ─ stream ─┼─ linear ──────────────────────────+─► logits
                     └─ joined maps ─ 1×1 ─ mean ─ linear┘
                        (early fusion)                 (late fusion)

    stream:   (conv 3×3 ─ BN ─ ReLU) ×2 (64) ─ ResCBAM (128) ─ ResCBAM (256)
    ResCBAM:  x ─┬─ conv ─ BN ─ ReLU ─ conv ─ BN ─ channels weighed ─ places weighed ─ + ─ ReLU ─►
                 └───────────────────────────────────────────────────────────────────┘

An adaptation. MSFF-Net tells gestures by the electric signals of muscles, a stream for each region
of electrodes. From it come streams with weights of their own, residual blocks with CBAM, and both
fusions; bands of the spectrum in the place of regions, the widths, and halving a map at the first
convolution and in each ResCBAM (theirs are a dozen electrodes wide) are ours.

References: X. Peng, X. Zhou, H. Zhu, Z. Ke and C. Pan, "MSFF-Net: Multi-stream feature fusion
network for surface electromyography gesture recognition", PLOS ONE 17(11), 2022; S. Woo, J. Park,
J.-Y. Lee and I. S. Kweon, "CBAM: Convolutional block attention module", ECCV 2018.
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.residual_network import shortcut
from sonoscope.models.clip.rivals.segment_means import segment_means

Count = Annotated[int, Field(ge=1)]

_RATIO = 16
_KERNEL = 7


@dataclass(config=STRICT)
class MsffNetSettings:
    """How an MSFF-Net is built.

    Attributes
    ----------
    bands
        Frequency bands with a stream; the whole has one more.
    filters
        Channels of a stream: its convolutions, then its two residual blocks.
    early
        Channels of the joined maps.
    """

    bands: Count = 4
    filters: tuple[Count, Count, Count] = (64, 128, 256)
    early: Count = 128


class ChannelAttention(nn.Module):
    """Weigh channels by their means and by their greatest values, through the same layers."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        n_inside = max(1, n_channels // _RATIO)
        self.layers = nn.Sequential(
            nn.Linear(n_channels, n_inside), nn.ReLU(), nn.Linear(n_inside, n_channels)
        )

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Weigh."""
        weight = self.layers(maps.mean(dim=(2, 3))) + self.layers(maps.amax(dim=(2, 3)))
        return maps * torch.sigmoid(weight)[:, :, None, None]


class PlaceAttention(nn.Module):
    """Weigh places by the mean and the greatest of their channels, and of their neighbours'."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, _KERNEL, padding=_KERNEL // 2, bias=False)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Weigh."""
        held = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)
        return maps * torch.sigmoid(self.convolution(held))


class ResCbam(nn.Module):
    """A residual block with CBAM, channels first and then places; half as large a map."""

    def __init__(self, n_inputs: int, n_filters: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(n_inputs, n_filters, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n_filters),
            nn.ReLU(),
            nn.Conv2d(n_filters, n_filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_filters),
        )
        self.channels, self.places = ChannelAttention(n_filters), PlaceAttention()
        self.shortcut = shortcut(n_inputs, n_filters, 2)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch _ _ _"]:
        """Give the next maps."""
        return relu(self.places(self.channels(self.main(maps))) + self.shortcut(maps))


def stream(n_channels: int, filters: tuple[int, int, int]) -> nn.Sequential:
    """Make what one band goes through."""
    first, second, last = filters
    return nn.Sequential(
        nn.Conv2d(n_channels, first, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.Conv2d(first, first, 3, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        ResCbam(first, second),
        ResCbam(second, last),
    )


class MsffNet(nn.Module):
    """The network, from maps to logits."""

    def __init__(self, settings: MsffNetSettings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        n_streams, last = settings.bands + 1, settings.filters[-1]
        self.n_bands = settings.bands
        self.streams = nn.ModuleList(stream(n_channels, settings.filters) for _ in range(n_streams))
        self.late = nn.ModuleList(nn.Linear(last, n_labels) for _ in range(n_streams))
        self.early = nn.Sequential(
            nn.Conv2d(n_streams * last, settings.early, 1, bias=False),
            nn.BatchNorm2d(settings.early),
            nn.ReLU(),
        )
        self.answer = nn.Linear(settings.early, n_labels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits."""
        heard = [each(view) for each, view in zip(self.streams, self._views(maps), strict=True)]
        late = torch.stack(
            [answer(each.mean(dim=(2, 3))) for answer, each in zip(self.late, heard, strict=True)]
        )
        # the whole has as many bins as all bands together, and is brought to those of one
        n_bins = heard[0].shape[2]
        level = [segment_means(each.transpose(2, 3), n_bins).transpose(2, 3) for each in heard]
        early: Tensor = self.answer(self.early(torch.cat(level, dim=1)).mean(dim=(2, 3)))
        return early + late.sum(dim=0)

    def _views(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> list[Float[Tensor, "batch channel _ frame"]]:
        """Give the bands, low ones first, and the whole."""
        filled = pad(maps, (0, 0, 0, -maps.shape[2] % self.n_bands))
        return [*filled.chunk(self.n_bands, dim=2), filled]
