"""Settings to clip network: one match, complete by type.

A clip network is front ends and a body. Of sound it takes raw samples, `batch sample`; of a PRPD
pattern the maps themselves, `batch channel=2 phase amplitude` (log counts of both half cycles).
Front ends give `batch channel bin frame`, bodies `batch label`: a logit a label. Two rivals begin
with samples: their front end is none.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Discriminator, Field, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.efficientnet import EfficientNet, EfficientNetSettings
from sonoscope.models.clip.ega import Ega, EgaSettings, Late, TwoStreamEga
from sonoscope.models.clip.log_mel import LogMel, LogMelSettings
from sonoscope.models.clip.rivals.acd_net import AcdNet, AcdNetSettings
from sonoscope.models.clip.rivals.audio_former import AudioFormer, AudioFormerSettings
from sonoscope.models.clip.rivals.bg_net import BgNet, BgNetSettings
from sonoscope.models.clip.rivals.cepstra import Cepstra, CepstraSettings
from sonoscope.models.clip.rivals.cnn10 import Cnn10, Cnn10Settings
from sonoscope.models.clip.rivals.eat import Eat, EatSettings
from sonoscope.models.clip.rivals.eavit import Eavit, EavitSettings
from sonoscope.models.clip.rivals.mlp_cw import MlpCw, MlpCwSettings
from sonoscope.models.clip.rivals.mobile_net import MobileNet, MobileNetSettings
from sonoscope.models.clip.rivals.msff_net import MsffNet, MsffNetSettings
from sonoscope.models.clip.rivals.raw_sound import RawSoundSettings
from sonoscope.models.clip.rivals.residual_network import ResNet18, ResNet18Settings
from sonoscope.models.normalised import Moments, NormalisedMaps

Heard = Literal["sound", "prpd"]
"""What a network takes: raw sound, or a PRPD pattern."""


@dataclass(config=STRICT)
class PrpdMapSettings:
    """A PRPD pattern as it comes: a map for each half cycle, phase by log amplitude."""

    kind: Literal["prpd"] = "prpd"
    n_phases: Annotated[int, Field(ge=1)] = 36
    n_amplitudes: Annotated[int, Field(ge=1)] = 32


def _kind_of_maps(settings: Any) -> str:
    """Tell which maps settings speak of; log-mels where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "log_mel"))
    return str(getattr(settings, "kind", "log_mel"))


MapSettings = Annotated[
    Annotated[LogMelSettings, Tag("log_mel")]
    | Annotated[PrpdMapSettings, Tag("prpd")]
    | Annotated[CepstraSettings, Tag("cepstra")],
    Discriminator(_kind_of_maps),
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


@dataclass(config=STRICT)
class EgaNetwork(_OnMaps):
    """EGA; without IGAM and mask, the paper's baseline."""

    kind: Literal["ega"] = "ega"
    body: EgaSettings = EgaSettings()


@dataclass(config=STRICT)
class TwoStreamEgaNetwork:
    """EGA on a sound and EGA on its PRPD pattern, joined late."""

    kind: Literal["two_stream_ega"] = "two_stream_ega"
    maps: LogMelSettings = LogMelSettings()
    pattern: PrpdMapSettings = PrpdMapSettings()
    sound: EgaSettings = EgaSettings()
    prpd: EgaSettings = EgaSettings()
    late: Late = "features"


@dataclass(config=STRICT)
class ResNet18Network(_OnMaps):
    """ResNet-18."""

    kind: Literal["resnet18"] = "resnet18"
    body: ResNet18Settings = ResNet18Settings()


@dataclass(config=STRICT)
class Cnn10Network(_OnMaps):
    """CNN10 of PANNs."""

    kind: Literal["cnn10"] = "cnn10"
    body: Cnn10Settings = Cnn10Settings()


@dataclass(config=STRICT)
class MobileNetNetwork(_OnMaps):
    """mn10 of EfficientAT."""

    kind: Literal["mobile_net"] = "mobile_net"
    body: MobileNetSettings = MobileNetSettings()


@dataclass(config=STRICT)
class BgNetNetwork(_OnMaps):
    """BGNet, or BGNet-SE3 where it is excited."""

    kind: Literal["bg_net"] = "bg_net"
    body: BgNetSettings = BgNetSettings()


@dataclass(config=STRICT)
class MsffNetNetwork(_OnMaps):
    """MSFF-Net."""

    kind: Literal["msff_net"] = "msff_net"
    body: MsffNetSettings = MsffNetSettings()


@dataclass(config=STRICT)
class AudioFormerNetwork(_OnMaps):
    """AudioFormer."""

    kind: Literal["audio_former"] = "audio_former"
    body: AudioFormerSettings = AudioFormerSettings()


@dataclass(config=STRICT)
class EavitNetwork(_OnMaps):
    """EAViT."""

    kind: Literal["eavit"] = "eavit"
    body: EavitSettings = EavitSettings()


@dataclass(config=STRICT)
class MlpCwNetwork(_OnMaps):
    """MLP-CW, read as PIPMN: on cepstra where nothing else is said."""

    kind: Literal["mlp_cw"] = "mlp_cw"
    maps: MapSettings = CepstraSettings()
    body: MlpCwSettings = MlpCwSettings()


@dataclass(config=STRICT)
class AcdNetNetwork:
    """ACDNet, from samples."""

    kind: Literal["acd_net"] = "acd_net"
    maps: RawSoundSettings = RawSoundSettings(rate_hz=20_000)
    body: AcdNetSettings = AcdNetSettings()


@dataclass(config=STRICT)
class EatNetwork:
    """EAT-S, from samples."""

    kind: Literal["eat"] = "eat"
    maps: RawSoundSettings = RawSoundSettings(rate_hz=22_050)
    body: EatSettings = EatSettings()


def _kind(settings: Any) -> str:
    """Tell which network settings speak of; EGA where they do not say."""
    if isinstance(settings, dict):
        return str(settings.get("kind", "ega"))
    return str(getattr(settings, "kind", "ega"))


Rival = (
    ResNet18Network
    | Cnn10Network
    | MobileNetNetwork
    | BgNetNetwork
    | MsffNetNetwork
    | AudioFormerNetwork
    | EavitNetwork
    | MlpCwNetwork
)
"""Other networks of a front end and a body."""

ClipNetworkSettings = Annotated[
    Annotated[EfficientNetNetwork, Tag("efficientnet")]
    | Annotated[EgaNetwork, Tag("ega")]
    | Annotated[TwoStreamEgaNetwork, Tag("two_stream_ega")]
    | Annotated[ResNet18Network, Tag("resnet18")]
    | Annotated[Cnn10Network, Tag("cnn10")]
    | Annotated[MobileNetNetwork, Tag("mobile_net")]
    | Annotated[BgNetNetwork, Tag("bg_net")]
    | Annotated[MsffNetNetwork, Tag("msff_net")]
    | Annotated[AudioFormerNetwork, Tag("audio_former")]
    | Annotated[EavitNetwork, Tag("eavit")]
    | Annotated[MlpCwNetwork, Tag("mlp_cw")]
    | Annotated[AcdNetNetwork, Tag("acd_net")]
    | Annotated[EatNetwork, Tag("eat")],
    Discriminator(_kind),
]


class ClipNetwork(nn.Module):
    """A clip to a logit a label.

    Shape: for each front end raw sound `batch sample` or a PRPD pattern `batch channel=2 phase
    amplitude`, to `batch label`.

    Attributes
    ----------
    front_ends
        What makes maps of each input.
    body
        What takes the maps of all inputs.
    """

    def __init__(self, front_ends: Sequence[nn.Module], body: nn.Module) -> None:
        super().__init__()
        self.front_ends = nn.ModuleList(front_ends)
        self.body = body

    def forward(self, *clips: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """Name a batch."""
        logits: Tensor = self.body(*self.maps(*clips))
        return logits

    def maps(self, *clips: Float[Tensor, "batch ..."]) -> list[Tensor]:
        """Give what the body takes of each input."""
        return [front(clip) for front, clip in zip(self.front_ends, clips, strict=True)]


def heard_by(settings: ClipNetworkSettings) -> tuple[Heard, ...]:
    """Tell what the network of some settings takes, in its order."""
    match settings:
        case TwoStreamEgaNetwork():
            return ("sound", "prpd")
        case _:
            return ("prpd" if isinstance(settings.maps, PrpdMapSettings) else "sound",)


def clip_rate_of(settings: ClipNetworkSettings) -> int | None:
    """Tell at which rate (Hz) the network of some settings hears sound; None where it does not."""
    return None if isinstance(settings.maps, PrpdMapSettings) else settings.maps.rate_hz


def build_clip_network(settings: ClipNetworkSettings, n_labels: int) -> ClipNetwork:
    """Make a network with random weights."""
    match settings:
        case TwoStreamEgaNetwork():
            ears, of_sound, n_bins = _front_end(settings.maps)
            pattern, of_pattern, n_phases = _front_end(settings.pattern)
            streams = (
                Ega(settings.sound, of_sound, n_bins, n_labels),
                Ega(settings.prpd, of_pattern, n_phases, n_labels),
            )
            return ClipNetwork([ears, pattern], TwoStreamEga(*streams, settings.late))
        case AcdNetNetwork():
            from_samples = AcdNet(settings.body, settings.maps.rate_hz, n_labels)
            return ClipNetwork([nn.Identity()], from_samples)
        case EatNetwork():
            return ClipNetwork([nn.Identity()], Eat(settings.body, n_labels))
        case EfficientNetNetwork():
            front_end, n_channels, _ = _front_end(settings.maps)
            return ClipNetwork([front_end], EfficientNet(settings.body, n_channels, n_labels))
        case EgaNetwork():
            front_end, n_channels, n_bins = _front_end(settings.maps)
            return ClipNetwork([front_end], Ega(settings.body, n_channels, n_bins, n_labels))
        case _:
            front_end, n_channels, n_bins = _front_end(settings.maps)
            return ClipNetwork([front_end], _rival(settings, n_channels, n_bins, n_labels))


def _rival(settings: Rival, n_channels: int, n_bins: int, n_labels: int) -> nn.Module:
    """Make what takes the maps."""
    body: nn.Module
    match settings:
        case ResNet18Network():
            body = ResNet18(settings.body, n_channels, n_labels)
        case Cnn10Network():
            body = Cnn10(settings.body, n_channels, n_bins, n_labels)
        case MobileNetNetwork():
            body = MobileNet(settings.body, n_channels, n_labels)
        case BgNetNetwork():
            body = BgNet(settings.body, n_channels, n_labels)
        case MsffNetNetwork():
            body = MsffNet(settings.body, n_channels, n_labels)
        case AudioFormerNetwork():
            body = AudioFormer(settings.body, n_channels, n_bins, n_labels)
        case EavitNetwork():
            body = Eavit(settings.body, n_channels, n_bins, n_labels)
        case MlpCwNetwork():
            body = MlpCw(settings.body, n_channels, n_bins, n_labels)
        case _:
            assert_never(settings)
    return body


def _front_end(settings: MapSettings) -> tuple[nn.Module, int, int]:
    """Make what gives the maps, and tell how many channels and bins they have."""
    match settings:
        case LogMelSettings():
            return LogMel(settings), 1, settings.n_bands
        case CepstraSettings():
            cepstra = Cepstra(settings)
            return cepstra, 1, cepstra.n_bins
        case PrpdMapSettings():
            return nn.Identity(), 2, settings.n_phases
        case _:
            assert_never(settings)


@torch.no_grad()
def normalise_clips(network: ClipNetwork, sounds: Iterable[Float[Tensor, "batch ..."]]) -> None:
    """Set what maps of sound are normalised by, from sounds of the training alone.

    Networks none of whose front ends need it are left as they are. An AudioFormer then learns its
    codes from the normalised maps of the same sounds.
    """
    front, body = network.front_ends[0], network.body
    heard = list(sounds) if isinstance(body, AudioFormer) else sounds
    if isinstance(front, NormalisedMaps):
        moments = Moments(front.n_maps, front.n_bins)
        for sound in heard:
            moments.add(front.maps(sound))
        front.normalise_by(moments.mean, moments.std)
    if isinstance(body, AudioFormer):
        body.learn_codes((front(sound) for sound in heard), torch.Generator().manual_seed(0))
