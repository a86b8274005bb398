"""Settings to network: one match, complete by type.

A network takes raw sound: the front end is part of it. A network with several front ends hears a
batch that is divided evenly among them (first part the first format, and so on); `heard_as` gives
the network of one format, to be validated or exported.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Discriminator, Field, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import Crnn, CrnnSettings
from sonoscope.models.front_end import BandIntensity, FrontEndSettings
from sonoscope.models.mask_crnn import MaskCrnn, MaskCrnnSettings
from sonoscope.models.output import Output
from sonoscope.models.paper_features import Moments, PaperFeatures, PaperFeatureSettings
from sonoscope.models.res_scse_crnn import ResScseCrnn, ResScseCrnnSettings
from sonoscope.targets.card import Target


@dataclass(config=STRICT)
class MaskCrnnNetwork:
    """The shipped detectors' network: one or both formats with the same weights."""

    kind: Literal["mask_crnn"] = "mask_crnn"
    formats: Annotated[tuple[Literal["foa", "tetra"], ...], Field(min_length=1)] = ("foa", "tetra")
    front_end: FrontEndSettings = FrontEndSettings()
    body: MaskCrnnSettings = MaskCrnnSettings()


@dataclass(config=STRICT)
class CrnnNetwork:
    """The paper's CRNN (or CNN, without recurrent layers) on the paper's features."""

    kind: Literal["crnn"]
    features: PaperFeatureSettings = PaperFeatureSettings()
    body: CrnnSettings = CrnnSettings()

    @property
    def formats(self) -> tuple[Literal["foa", "tetra"], ...]:
        """The one format its features are of."""
        return (self.features.channel_format,)


@dataclass(config=STRICT)
class ResScseCrnnNetwork:
    """The paper's Res-scSE-CRNN on the paper's features."""

    kind: Literal["res_scse_crnn"]
    features: PaperFeatureSettings = PaperFeatureSettings()
    body: ResScseCrnnSettings = ResScseCrnnSettings()

    @property
    def formats(self) -> tuple[Literal["foa", "tetra"], ...]:
        """The one format its features are of."""
        return (self.features.channel_format,)


def _kind(settings: Any) -> str:
    """Tell which network settings speak of; the shipped detectors' where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "mask_crnn"))
    return str(getattr(settings, "kind", "mask_crnn"))


NetworkSettings = Annotated[
    Annotated[MaskCrnnNetwork, Tag("mask_crnn")]
    | Annotated[CrnnNetwork, Tag("crnn")]
    | Annotated[ResScseCrnnNetwork, Tag("res_scse_crnn")],
    Discriminator(_kind),
]


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


def target_of(settings: NetworkSettings) -> Target:
    """Tell how the network of some settings says what it hears."""
    match settings:
        case MaskCrnnNetwork() | CrnnNetwork() | ResScseCrnnNetwork():
            return "classwise-xyz"
        case _:
            assert_never(settings)


def build(settings: NetworkSettings, n_labels: int) -> Network:
    """Make a network with random weights."""
    match settings:
        case MaskCrnnNetwork():
            front_ends = [BandIntensity(each, settings.front_end) for each in settings.formats]
            body = MaskCrnn(settings.body, settings.front_end.n_mels, n_labels)
            return Network(settings.formats, front_ends, body)
        case CrnnNetwork():
            features = PaperFeatures(settings.features)
            crnn = Crnn(settings.body, features.n_maps, settings.features.n_mels, n_labels)
            return Network(settings.formats, [features], crnn)
        case ResScseCrnnNetwork():
            features = PaperFeatures(settings.features)
            n_mels = settings.features.n_mels
            scse = ResScseCrnn(settings.body, features.n_maps, n_mels, n_labels)
            return Network(settings.formats, [features], scse)
        case _:
            assert_never(settings)


@torch.no_grad()
def normalise(network: nn.Module, sounds: Iterable[Float[Tensor, "batch channel sample"]]) -> None:
    """Set what the paper's features are normalised by, from sounds of the training alone.

    Networks whose front end needs none are left as they are.
    """
    front = network.front_ends[0] if isinstance(network, Network) else None
    if not isinstance(front, PaperFeatures):
        return
    moments = Moments(front.n_maps, front.settings.n_mels)
    for sound in sounds:
        moments.add(front.maps(sound))
    front.normalise_by(moments.mean, moments.std)
