"""IGAM: what a map holds, weighed by channel and by place, both seeing the map at the same time.

    F ─┬─► Mc: tokens ─► simplified non-local block ─► maps ─► σ ─┬─ joined with α, β ─► F weighed
       └─► Ms: 7×7, fewer channels ─► 7×7, as many again ─► σ ────┘

`literal` is the paper's formula, αMc ⊗ βMs ⊗ F. In it α and β act through their product alone:
twice the one and half the other changes no bit, so how much a layer heeds either cannot be told.
`identifiable` blends each with 1 (weight 0: not heeded at all), `inside` scales before the
sigmoids.

The non-local block adds to every token what all tokens hold together, a mean weighed by a softmax
over them. Tokens are places with channels as features (of any map size), or channels with places
as features; those are brought to a fixed grid, as a layer needs so many inputs.

References: Zhong et al., "Research on multi-branch residual connection spectrum image
classification based on attention mechanism", 2025 (IGAM); Y. Liu, Z. Shao and N. Hoffmann, "Global
Attention Mechanism", arXiv 2112.05561, 2021; Y. Cao et al., "GCNet: Non-local Networks Meet
Squeeze-Excitation Networks and Beyond", ICCVW 2019 (both kinds of non-local block).
"""

from typing import Annotated, Literal, assert_never

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.efficientnet import Place, norm

NARROWEST = 8
"""Fewest channels that anything is narrowed to."""

Count = Annotated[int, Field(ge=1)]

Form = Literal["literal", "identifiable", "inside"]
"""How both weights and F are joined.

- ``literal``:       α Mc · β Ms · F
- ``identifiable``:  (1 + α (Mc - 1)) · (1 + β (Ms - 1)) · F
- ``inside``:        Mc · Ms · F, with α and β as factors of what goes into the sigmoids
"""

Tokens = Literal["places", "channels"]
"""What the non-local block joins with one another."""

Bottleneck = Literal["plain", "gc"]
"""What becomes of what all tokens hold: one layer, or GCNet's narrow pair that begins as zero."""

Uneven = Literal["one group", "more channels"]
"""What gives way where groups do not divide the narrow channels of Ms."""


@dataclass(config=STRICT)
class IgamSettings:
    """How IGAM is built.

    Attributes
    ----------
    place
        Where in a block it stands; "none" for networks without it.
    form
        How α and β act.
    channel_sigmoid
        Whether Mc is brought to 0..1 (the paper says so of Ms alone).
    tokens, bottleneck
        Of the non-local block.
    bottleneck_ratio
        Width of "gc" over that of its input.
    kernel, ratio, groups
        Of Ms: size of its convolutions, how many times narrower it is inside (8 channels at least),
        and in how many groups they are, channels being shuffled between them.
    uneven
        What happens where groups do not divide the narrow channels: that module has one group, or
        so many channels that they do.
    spatial_bias
        What Ms begins with before its sigmoid: at 2 IGAM begins near "as it is" (σ(2) = 0.88).
    """

    place: Literal["none"] | Place = "out"
    form: Form = "literal"
    channel_sigmoid: bool = True
    tokens: Tokens = "places"
    bottleneck: Bottleneck = "plain"
    bottleneck_ratio: Annotated[float, Field(gt=0, le=1)] = 0.25
    kernel: Count = 7
    ratio: Count = 4
    groups: Count = 1
    uneven: Uneven = "one group"
    spatial_bias: float = 0.0


class Igam(nn.Module):
    """The module, for maps of one number of channels and any size.

    Raises
    ------
    SettingError
        If the kernel is even, or the groups do not divide the channels.
    """

    def __init__(self, settings: IgamSettings, n_channels: int) -> None:
        super().__init__()
        self.form, self.channel_sigmoid = settings.form, settings.channel_sigmoid
        match settings.tokens:
            case "places":
                self.channel: nn.Module = NonLocalPlaces(settings, n_channels)
            case "channels":
                self.channel = NonLocalChannels(settings)
            case _:
                assert_never(settings.tokens)
        self.spatial = SpatialSubmodule(settings, n_channels)
        self.alpha, self.beta = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Weigh the maps."""
        channel, spatial = self.attention(maps)
        match self.form:
            case "literal":
                return (self.alpha * channel) * (self.beta * spatial) * maps
            case "identifiable":
                heeded = (1 + self.alpha * (channel - 1)) * (1 + self.beta * (spatial - 1))
                return heeded * maps
            case "inside":
                return channel * spatial * maps
            case _:
                assert_never(self.form)

    def attention(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> tuple[Float[Tensor, "batch channel bin frame"], Float[Tensor, "batch channel bin frame"]]:
        """Give Mc and Ms, without α and β (but where they stand inside)."""
        channel, spatial = self.channel(maps), self.spatial(maps)
        if self.form == "inside":
            channel, spatial = self.alpha * channel, self.beta * spatial
        return torch.sigmoid(channel) if self.channel_sigmoid else channel, torch.sigmoid(spatial)


class NonLocalPlaces(nn.Module):
    """The simplified non-local block among places, each a token with its channels as features."""

    def __init__(self, settings: IgamSettings, n_channels: int) -> None:
        super().__init__()
        self.key = nn.Linear(n_channels, 1, bias=False)  # a softmax would not see a bias
        self.value = _value(settings, n_channels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Add to every place what all hold together."""
        tokens = maps.flatten(2).transpose(1, 2)
        weight = torch.softmax(self.key(tokens), dim=1)
        held: Tensor = self.value((tokens * weight).sum(dim=1))
        return maps + held[:, :, None, None]


GRID = 7
"""Places along each side that channels are described by where they are the tokens."""


class NonLocalChannels(nn.Module):
    """The same among channels, each a token; layers see its places on a grid of 7×7."""

    def __init__(self, settings: IgamSettings) -> None:
        super().__init__()
        self.key = nn.Linear(GRID**2, 1, bias=False)
        self.value = _value(settings, GRID**2)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Add to every channel what all hold together."""
        tokens = nn.functional.adaptive_avg_pool2d(maps, (GRID, GRID)).flatten(2)
        weight = torch.softmax(self.key(tokens), dim=1)
        held: Tensor = self.value((tokens * weight).sum(dim=1))
        return maps + resized(held.reshape(-1, 1, GRID, GRID), maps)


class SpatialSubmodule(nn.Module):
    """Two convolutions, the first to fewer channels, each with batch normalisation; no pooling."""

    def __init__(self, settings: IgamSettings, n_channels: int) -> None:
        super().__init__()
        kernel = settings.kernel
        if kernel % 2 == 0:
            raise SettingError(f"igam.kernel must be odd, but {kernel} was given")
        inside, groups = _narrowed(settings, n_channels)
        self.narrow = nn.Conv2d(
            n_channels, inside, kernel, padding=kernel // 2, groups=groups, bias=False
        )
        self.narrow_norm = norm(inside)
        self.shuffle = nn.ChannelShuffle(groups) if groups > 1 else nn.Identity()
        self.widen = nn.Conv2d(
            inside, n_channels, kernel, padding=kernel // 2, groups=groups, bias=False
        )
        self.widen_norm = norm(n_channels)
        nn.init.constant_(self.widen_norm.bias, settings.spatial_bias)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch channel bin frame"]:
        """Give Ms before its sigmoid."""
        inside = self.shuffle(torch.relu(self.narrow_norm(self.narrow(maps))))
        weight: Tensor = self.widen_norm(self.widen(inside))
        return weight


def _narrowed(settings: IgamSettings, n_channels: int) -> tuple[int, int]:
    """Give how many channels Ms has inside, and in how many groups its convolutions are."""
    groups = settings.groups
    if n_channels % groups:
        raise SettingError(
            f"igam.groups must divide the channels ({n_channels}), but {groups} was given"
        )
    inside = max(NARROWEST, n_channels // settings.ratio)
    match settings.uneven:
        case "one group":
            return inside, groups if inside % groups == 0 else 1
        case "more channels":
            return -(-inside // groups) * groups, groups
        case _:
            assert_never(settings.uneven)


def resized(
    maps: Float[Tensor, "batch _ _ _"], like: Float[Tensor, "batch _ bin frame"]
) -> Float[Tensor, "batch _ bin frame"]:
    """Interpolate linearly to the size of other maps."""
    size = (like.shape[2], like.shape[3])
    return nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def _value(settings: IgamSettings, n_features: int) -> nn.Module:
    """Make what turns what all tokens hold into what is added to each."""
    match settings.bottleneck:
        case "plain":
            return nn.Linear(n_features, n_features)
        case "gc":
            inside = max(1, round(n_features * settings.bottleneck_ratio))
            last = nn.Linear(inside, n_features)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            return nn.Sequential(
                nn.Linear(n_features, inside), nn.LayerNorm(inside), nn.ReLU(), last
            )
        case _:
            assert_never(settings.bottleneck)
