"""Parts of the feature maps hidden while a network trains: SpecAugment and random cutout.

Masks lie between front end and body, on whatever maps a front end gives. What is hidden holds the
mean of its map over that example, so that masks suit maps of any unit. Random numbers are torch's
own on the CPU, which a training seeds anew for every step. Nothing is hidden in `eval` mode, and
nothing of it is saved or exported.

References: D. S. Park et al., "SpecAugment: A simple data augmentation method for automatic speech
recognition", Interspeech 2019; Z. Zhong, L. Zheng, G. Kang, S. Li and Y. Yang, "Random erasing
data augmentation", AAAI 2020.
"""

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT

Count = Annotated[int, Field(ge=0)]
Length = Annotated[int, Field(ge=1)]


@dataclass(config=STRICT)
class MaskingSettings:
    """What is hidden of each example; nothing by default.

    Attributes
    ----------
    time_masks, longest_frames
        How many stretches of time, and their greatest length; each length from 0 on is as likely.
    band_masks, widest_bands
        How many stretches of mel bands (or bins), and their greatest width.
    cutouts, cutout_frames, cutout_bands
        How many rectangles, and their greatest length and width.
    maps
        Which maps are masked, all alike, counted from 0; all of them where none is named.
    share
        Share of the examples that are masked at all.
    """

    time_masks: Count = 0
    longest_frames: Length = 25
    band_masks: Count = 0
    widest_bands: Length = 8
    cutouts: Count = 0
    cutout_frames: Length = 50
    cutout_bands: Length = 16
    maps: tuple[Count, ...] = ()
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def hides(self) -> bool:
        """Whether anything is hidden."""
        return self.time_masks + self.band_masks + self.cutouts > 0


class Masking(nn.Module):
    """Hides parts of maps in training mode; without settings that hide, gives them as they are.

    Shape: (batch, map, frame, band) to the same.
    """

    def __init__(self, settings: MaskingSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(
        self, maps: Float[Tensor, "batch map frame band"]
    ) -> Float[Tensor, "batch map frame band"]:
        """Hide what is drawn anew at every call.

        Raises
        ------
        SettingError
            If there is no map of a number to be masked.
        """
        if not (self.training and self.settings.hides):
            return maps
        n_maps, named = maps.shape[1], self.settings.maps
        if named and max(named) >= n_maps:
            raise SettingError(
                f"masking.maps must be below {n_maps}, the number of maps, but {named} was given"
            )
        hidden = drawn_masks(self.settings, len(maps), *maps.shape[2:])[:, None].to(maps.device)
        if named:
            chosen = torch.zeros(n_maps, dtype=torch.bool, device=maps.device)
            chosen[list(named)] = True
            hidden = hidden & chosen[:, None, None]
        return torch.where(hidden, maps.mean(dim=(2, 3), keepdim=True), maps)


def drawn_masks(
    settings: MaskingSettings, n_examples: int, n_frames: int, n_bands: int
) -> Bool[Tensor, "batch frame band"]:
    """Draw what is hidden of each example."""
    hidden = torch.zeros(n_examples, n_frames, n_bands, dtype=torch.bool)
    for _ in range(settings.time_masks):
        hidden |= _stretch(n_examples, n_frames, settings.longest_frames)[:, :, None]
    for _ in range(settings.band_masks):
        hidden |= _stretch(n_examples, n_bands, settings.widest_bands)[:, None, :]
    for _ in range(settings.cutouts):
        long = _stretch(n_examples, n_frames, settings.cutout_frames)[:, :, None]
        hidden |= long & _stretch(n_examples, n_bands, settings.cutout_bands)[:, None, :]
    return hidden & (torch.rand(n_examples, 1, 1) < settings.share)


def _stretch(n_examples: int, length: int, longest: int) -> Bool[Tensor, "batch place"]:
    """Draw a stretch of 0 to `longest` places that lies within the length."""
    size = torch.randint(min(longest, length) + 1, (n_examples, 1))
    start = (torch.rand(n_examples, 1) * (length - size + 1)).long()
    place = torch.arange(length)
    return (place >= start) & (place < start + size)
