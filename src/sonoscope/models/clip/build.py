"""Settings to clip network: one match, complete by type.

A clip network is a front end and a body. Of sound it takes raw samples, `batch sample`; of a PRPD
pattern the maps themselves, `batch channel=2 phase amplitude` (log counts of both half cycles).
Front ends give `batch channel bin frame`, bodies `batch label`: a logit a label.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Discriminator, Field, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.efficientnet import EfficientNet, EfficientNetSettings
from sonoscope.models.clip.log_mel import LogMel, LogMelSettings
from sonoscope.models.normalised import Moments, NormalisedMaps


@dataclass(config=STRICT)
class PrpdMapSettings:
    """A PRPD pattern as it comes: a map for each half cycle, phase by log amplitude."""

    kind: Literal["prpd"] = "prpd"
    n_phases: Annotated[int, Field(ge=1)] = 36
    n_amplitudes: Annotated[int, Field(ge=1)] = 32


def _maps_of(settings: Any) -> str:
    """Tell which maps settings speak of; log-mels where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "log_mel"))
    return str(getattr(settings, "kind", "log_mel"))


MapSettings = Annotated[
    Annotated[LogMelSettings, Tag("log_mel")] | Annotated[PrpdMapSettings, Tag("prpd")],
    Discriminator(_maps_of),
]
"""What becomes the maps that a body takes."""


@dataclass(config=STRICT)
class _OnMaps:
    maps: MapSettings = LogMelSettings()


@dataclass(config=STRICT)
class EfficientNetNetwork(_OnMaps):
    """EfficientNetV2 as published."""

    kind: Literal["efficientnet"] = "efficientnet"
    body: EfficientNetSettings = EfficientNetSettings()


ClipNetworkSettings = EfficientNetNetwork


class ClipNetwork(nn.Module):
    """A clip to a logit a label.

    Shape: raw sound `batch sample`, or a PRPD pattern `batch channel=2 phase amplitude`, to
    `batch label`.
    """

    def __init__(self, front_end: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.front_end, self.body = front_end, body

    def forward(self, clip: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """Name a batch."""
        logits: Tensor = self.body(self.front_end(clip))
        return logits


def build_clip_network(settings: ClipNetworkSettings, n_labels: int) -> ClipNetwork:
    """Make a network with random weights."""
    front_end, n_channels = _front_end(settings.maps)
    match settings:
        case EfficientNetNetwork():
            body = EfficientNet(settings.body, n_channels, n_labels)
        case _:
            assert_never(settings)
    return ClipNetwork(front_end, body)


def _front_end(settings: MapSettings) -> tuple[nn.Module, int]:
    """Make what gives the maps, and tell how many channels they have."""
    match settings:
        case LogMelSettings():
            return LogMel(settings), 1
        case PrpdMapSettings():
            return nn.Identity(), 2
        case _:
            assert_never(settings)


@torch.no_grad()
def normalise_clips(network: ClipNetwork, sounds: Iterable[Float[Tensor, "batch sample"]]) -> None:
    """Set what maps are normalised by, from sounds of the training alone.

    Networks whose front end needs none are left as they are.
    """
    front = network.front_end
    if not isinstance(front, NormalisedMaps):
        return
    moments = Moments(front.n_maps, front.n_bins)
    for sound in sounds:
        moments.add(front.maps(sound))
    front.normalise_by(moments.mean, moments.std)
