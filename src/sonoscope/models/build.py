"""Settings to network: one match, complete by type.

A network takes raw sound: the front end is part of it. A network with several front ends hears a
batch that is divided evenly among them (first part the first format, and so on); `heard_as` gives
the network of one format, to be validated or exported.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Discriminator, Field, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import CrnnSettings, crnn
from sonoscope.models.front_end import BandIntensity, FrontEndSettings
from sonoscope.models.m_crnn import MCrnnSettings, m_crnn
from sonoscope.models.magnitude_phase import MagnitudePhase, MagnitudePhaseSettings
from sonoscope.models.mask_crnn import MaskCrnn, MaskCrnnSettings
from sonoscope.models.masking import Masking, MaskingSettings
from sonoscope.models.normalised import Moments, NormalisedMaps
from sonoscope.models.output import Answer
from sonoscope.models.paper_features import (
    CNN9,
    DCASE2021,
    EINV2,
    TWO_STAGE,
    PaperFeatures,
    PaperFeatureSettings,
    PresetPaperFeatures,
)
from sonoscope.models.res_scse_crnn import ResScseCrnnSettings, res_scse_crnn
from sonoscope.models.rivals.cnn9 import Cnn9, Cnn9Settings
from sonoscope.models.rivals.dcase_crnn import DcaseCrnn, DcaseCrnnSettings
from sonoscope.models.rivals.einv2 import Einv2, Einv2Settings
from sonoscope.models.rivals.two_stage import TwoStage, TwoStageSettings, two_stage
from sonoscope.models.salsa_lite import SalsaLite, SalsaLiteSettings
from sonoscope.models.seldnet import Seldnet2019Settings, Seldnet2020Settings, seldnet
from sonoscope.targets.card import Target


@dataclass(config=STRICT)
class MaskCrnnNetwork:
    """The shipped detectors' network: one or both formats with the same weights."""

    kind: Literal["mask_crnn"] = "mask_crnn"
    formats: Annotated[tuple[Literal["foa", "tetra"], ...], Field(min_length=1)] = ("foa", "tetra")
    front_end: FrontEndSettings = FrontEndSettings()
    body: MaskCrnnSettings = MaskCrnnSettings()


class _OneFormat:
    features: PaperFeatureSettings | SalsaLiteSettings | MagnitudePhaseSettings

    @property
    def formats(self) -> tuple[Literal["foa", "tetra"], ...]:
        """The one format its features are of."""
        return (self.features.channel_format,)


@dataclass(config=STRICT)
class _OnPaperFeatures(_OneFormat):
    features: PresetPaperFeatures = PaperFeatureSettings()


@dataclass(config=STRICT)
class CrnnNetwork(_OnPaperFeatures):
    """The paper's CRNN (or CNN, without recurrent layers) on the paper's features."""

    kind: Literal["crnn"] = "crnn"
    body: CrnnSettings = CrnnSettings()


@dataclass(config=STRICT)
class MCrnnNetwork(_OnPaperFeatures):
    """The paper's M-CRNN on the paper's features."""

    kind: Literal["m_crnn"] = "m_crnn"
    body: MCrnnSettings = MCrnnSettings()


@dataclass(config=STRICT)
class ResScseCrnnNetwork(_OnPaperFeatures):
    """The paper's Res-scSE-CRNN on the paper's features."""

    kind: Literal["res_scse_crnn"] = "res_scse_crnn"
    body: ResScseCrnnSettings = ResScseCrnnSettings()


@dataclass(config=STRICT)
class Seldnet2019Network(_OneFormat):
    """The DCASE baseline of 2019, on magnitudes and phases."""

    kind: Literal["seldnet2019"] = "seldnet2019"
    features: MagnitudePhaseSettings = MagnitudePhaseSettings()
    body: Seldnet2019Settings = Seldnet2019Settings()


@dataclass(config=STRICT)
class Seldnet2020Network(_OnPaperFeatures):
    """The DCASE baseline of 2020, on the features that are also the paper's."""

    kind: Literal["seldnet2020"] = "seldnet2020"
    body: Seldnet2020Settings = Seldnet2020Settings()


@dataclass(config=STRICT)
class TwoStageNetwork(_OnPaperFeatures):
    """A stage of Cao's two; the second begins with a checkpoint of the first (`inherited`)."""

    kind: Literal["two_stage"] = "two_stage"
    features: PresetPaperFeatures = TWO_STAGE
    body: TwoStageSettings = TwoStageSettings()


@dataclass(config=STRICT)
class Cnn9Network(_OnPaperFeatures):
    """Kong's CNN9 on log-mels."""

    kind: Literal["cnn9"] = "cnn9"
    features: PresetPaperFeatures = CNN9
    body: Cnn9Settings = Cnn9Settings()


def _feature_kind(settings: Any) -> str:
    """Tell which features settings speak of; the paper's where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "paper"))
    return "salsa_lite" if isinstance(settings, SalsaLiteSettings) else "paper"


@dataclass(config=STRICT)
class DcaseCrnnNetwork(_OneFormat):
    """A DCASE baseline of 2021 to 2024, on the paper's features or on SALSA-lite."""

    kind: Literal["dcase_crnn"] = "dcase_crnn"
    features: Annotated[
        Annotated[PresetPaperFeatures, Tag("paper")]
        | Annotated[SalsaLiteSettings, Tag("salsa_lite")],
        Discriminator(_feature_kind),
    ] = DCASE2021
    body: DcaseCrnnSettings = DcaseCrnnSettings()


@dataclass(config=STRICT)
class Einv2Network(_OnPaperFeatures):
    """EINV2."""

    kind: Literal["einv2"] = "einv2"
    features: PresetPaperFeatures = EINV2
    body: Einv2Settings = Einv2Settings()


def _kind(settings: Any) -> str:
    """Tell which network settings speak of; the shipped detectors' where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "mask_crnn"))
    return str(getattr(settings, "kind", "mask_crnn"))


NetworkSettings = Annotated[
    Annotated[MaskCrnnNetwork, Tag("mask_crnn")]
    | Annotated[CrnnNetwork, Tag("crnn")]
    | Annotated[MCrnnNetwork, Tag("m_crnn")]
    | Annotated[ResScseCrnnNetwork, Tag("res_scse_crnn")]
    | Annotated[Seldnet2019Network, Tag("seldnet2019")]
    | Annotated[Seldnet2020Network, Tag("seldnet2020")]
    | Annotated[TwoStageNetwork, Tag("two_stage")]
    | Annotated[Cnn9Network, Tag("cnn9")]
    | Annotated[DcaseCrnnNetwork, Tag("dcase_crnn")]
    | Annotated[Einv2Network, Tag("einv2")],
    Discriminator(_kind),
]


class Network(nn.Module):
    """Raw sound to what is heard in it.

    Shape: (batch, 4, sample) to Output, VectorOutput or TrackOutput.
    """

    def __init__(
        self,
        formats: Sequence[ChannelFormat],
        front_ends: Sequence[nn.Module],
        body: nn.Module,
        masking: MaskingSettings | None = None,
    ) -> None:
        super().__init__()
        self.formats = tuple(formats)
        self.front_ends = nn.ModuleList(front_ends)
        self.masking = Masking(masking or MaskingSettings())
        self.body = body

    def forward(self, sound: Float[Tensor, "batch channel sample"]) -> Answer:
        """Listen to a batch, one part a format."""
        # one format is not cut: a cut would fix the size of the batch when the graph is exported
        parts = sound.chunk(len(self.front_ends)) if len(self.front_ends) > 1 else [sound]
        with torch.autocast(sound.device.type, enabled=False):
            features = [
                front(part.float()) for front, part in zip(self.front_ends, parts, strict=True)
            ]
        answer: Answer = self.body(self.masking(torch.cat(features)))
        return answer

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
        case DcaseCrnnNetwork(body=body):
            if body.tells_distance:
                return "multi-accdoa-distance"
            return "accdoa" if body.tracks == 1 else "multi-accdoa"
        case Einv2Network():
            return "tracks"
        case (
            MaskCrnnNetwork()
            | CrnnNetwork()
            | MCrnnNetwork()
            | ResScseCrnnNetwork()
            | Seldnet2019Network()
            | Seldnet2020Network()
            | TwoStageNetwork()
            | Cnn9Network()
        ):
            return "classwise-xyz"
        case _:
            assert_never(settings)


def rate_of(settings: NetworkSettings) -> int:
    """Tell at which rate the network of some settings listens, in Hz."""
    if isinstance(settings, MaskCrnnNetwork):
        return settings.front_end.rate_hz
    return settings.features.rate_hz


def build(
    settings: NetworkSettings, n_labels: int, masking: MaskingSettings | None = None
) -> Network:
    """Make a network with random weights, parts of whose maps are hidden while it trains."""
    make: Callable[[int, int, int], nn.Module]
    match settings:
        case MaskCrnnNetwork():
            front_ends = [BandIntensity(each, settings.front_end) for each in settings.formats]
            shipped = MaskCrnn(settings.body, settings.front_end.n_mels, n_labels)
            return Network(settings.formats, front_ends, shipped, masking)
        case CrnnNetwork():
            make = partial(crnn, settings.body)
        case MCrnnNetwork():
            make = partial(m_crnn, settings.body)
        case ResScseCrnnNetwork():
            make = partial(res_scse_crnn, settings.body)
        case Seldnet2019Network() | Seldnet2020Network():
            make = partial(seldnet, settings.body)
        case TwoStageNetwork():
            make = partial(two_stage, settings.body)
        case Cnn9Network():
            make = partial(Cnn9, settings.body)
        case DcaseCrnnNetwork():
            make = partial(DcaseCrnn, settings.body)
        case Einv2Network():
            make = partial(Einv2, settings.body)
        case _:
            assert_never(settings)
    front = _front_end(settings.features)
    body = make(front.n_maps, front.n_bins, n_labels)
    return Network(settings.formats, [front], body, masking)


def _front_end(
    settings: PaperFeatureSettings | SalsaLiteSettings | MagnitudePhaseSettings,
) -> NormalisedMaps:
    match settings:
        case PaperFeatureSettings():
            return PaperFeatures(settings)
        case SalsaLiteSettings():
            return SalsaLite(settings)
        case MagnitudePhaseSettings():
            return MagnitudePhase(settings)
        case _:
            assert_never(settings)


def is_second_stage(settings: NetworkSettings) -> bool:
    """Tell whether a network must begin with weights of another run: part of it never learns."""
    return isinstance(settings, TwoStageNetwork) and settings.body.stage == "direction"


def inherited(network: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give what a network begins with that goes on from another run's weights.

    They are taken as they are, but for a second stage that begins with a first one's.
    """
    body = network.body if isinstance(network, Network) else None
    is_first = "body.heads.activity.weight" in weights
    if not (isinstance(body, TwoStage) and is_first):
        return dict(weights)
    inside = {
        name.removeprefix("body."): value
        for name, value in weights.items()
        if name.startswith("body.")
    }
    outside = {name: value for name, value in weights.items() if not name.startswith("body.")}
    return outside | {f"body.{name}": value for name, value in body.grown_from(inside).items()}


@torch.no_grad()
def normalise(network: nn.Module, sounds: Iterable[Float[Tensor, "batch channel sample"]]) -> None:
    """Set what features are normalised by, from sounds of the training alone.

    Networks whose front end needs none are left as they are.
    """
    front = network.front_ends[0] if isinstance(network, Network) else None
    if not isinstance(front, NormalisedMaps):
        return
    moments = Moments(front.n_maps, front.n_bins)
    for sound in sounds:
        moments.add(front.maps(sound))
    front.normalise_by(moments.mean, moments.std)
