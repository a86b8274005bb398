"""EGA: an EfficientNetV2 with IGAM in every block, and a mask branch that gates its output.

    maps ─► stem ─► residual unit ─┬─► main: (Fused-)MBGConv ── T ─┬─► (1 + M) T ─► head ─► labels
                                   └─► mask branch ──────────── M ─┘

With `mask.reading = "stacked"` three masks gate the maps after stages 3, 5 and 6. A block with IGAM
is what the paper calls (Fused-)MBGConv; without IGAM, mask and SE it is the paper's baseline.

Reference: Zhong et al., "Research on multi-branch residual connection spectrum image classification
based on attention mechanism", 2025; what it leaves open is a setting, see docs/methods/ega.md.
"""

from functools import partial
from typing import Literal, assert_never

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.efficientnet import (
    TABLES,
    Attention,
    EfficientNetSettings,
    Head,
    Trunk,
    draw,
    norm,
    stem,
)
from sonoscope.models.clip.igam import Igam, IgamSettings
from sonoscope.models.clip.mask_branch import (
    MaskBranch,
    MaskSettings,
    ResidualUnit,
    single_mask,
    stacked_mask,
)

Fusion = Literal["(1+M)T", "MT", "T+MT+x"]
"""How a mask M gates the main branch's T; x is what both branches begin with.

Only the first and the last can let T pass unchanged; x is averaged to T's size and brought to its
channels by a 1×1 convolution.
"""

Late = Literal["features", "logits"]
"""How two streams become one answer: a linear layer sees the features of both, or their mean."""

STACKED = ((3, 3), (5, 2), (6, 1))
"""After which stages masks stand, and how often each pools."""


@dataclass(config=STRICT)
class EgaSettings(EfficientNetSettings):
    """How an EGA is built: as an EfficientNet, without SE, and further.

    Attributes
    ----------
    initial
        What comes before both branches: the stem and a residual unit, or the stem alone.
    igam
        The attention in each block.
    mask
        The mask branch, or branches.
    fusion
        What a mask does.
    """

    se: bool = False
    initial: Literal["residual", "stem"] = "residual"
    igam: IgamSettings = IgamSettings()
    mask: MaskSettings = MaskSettings()
    fusion: Fusion = "(1+M)T"


class Fuse(nn.Module):
    """Gates T by M."""

    def __init__(self, fusion: Fusion, n_inputs: int, n_filters: int) -> None:
        super().__init__()
        self.fusion = fusion
        self.project = nn.Sequential()
        if fusion == "T+MT+x":
            self.project.append(nn.Conv2d(n_inputs, n_filters, 1, bias=False))
            self.project.append(norm(n_filters))

    def forward(
        self,
        main: Float[Tensor, "batch filter bin frame"],
        mask: Float[Tensor, "batch filter bin frame"],
        begun_with: Float[Tensor, "batch channel more_bins more_frames"],
    ) -> Float[Tensor, "batch filter bin frame"]:
        """Give the gated maps."""
        gated: Tensor
        match self.fusion:
            case "(1+M)T":
                gated = (1 + mask) * main
            case "MT":
                gated = mask * main
            case "T+MT+x":
                size = (main.shape[2], main.shape[3])
                fewer = nn.functional.adaptive_avg_pool2d(begun_with, size)
                gated = main + mask * main + self.project(fewer)
            case _:
                assert_never(self.fusion)
        return gated


class Ega(nn.Module):
    """The body.

    Parameters
    ----------
    n_channels, n_bins
        Of the maps: 1 for log-mels, 2 for the half cycles of a PRPD pattern, whose phases stand
        where frequencies do. Bins only matter to masks that pool by size.
    """

    def __init__(self, settings: EgaSettings, n_channels: int, n_bins: int, n_labels: int) -> None:
        super().__init__()
        n_stem = settings.filters(TABLES[settings.size].stem)
        unit = ResidualUnit(n_stem) if settings.initial == "residual" else nn.Identity()
        self.initial = nn.Sequential(stem(settings, n_channels), unit)
        self.trunk = _trunk(settings, n_stem)
        self.masks, self.fusions = nn.ModuleDict(), nn.ModuleDict()
        for stage, mask, n_inputs in _masks(settings, [n_stem, *self.trunk.widths], n_bins):
            self.masks[str(stage)] = mask
            self.fusions[str(stage)] = Fuse(settings.fusion, n_inputs, self.trunk.widths[stage - 1])
        self.reading = settings.mask.reading
        self.head = Head(settings, self.trunk.widths[-1], n_labels)
        draw(self)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Give a logit a label."""
        logits: Tensor = self.head(self.gated(maps))
        return logits

    def gated(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch filter fewer_bins fewer_frames"]:
        """Give the main branch's output as the masks leave it."""
        begun_with = maps = self.initial(maps)
        for i, stage in enumerate(self.trunk.stages, start=1):
            maps = stage(maps)
            if str(i) in self.masks:
                seen = begun_with if self.reading == "single" else maps
                maps = self.fusions[str(i)](maps, self.masks[str(i)](seen), begun_with)
                begun_with = maps
        return maps


class TwoStreamEga(nn.Module):
    """Two EGAs, one of the sound's maps and one of the PRPD pattern, joined late.

    Parameters
    ----------
    late
        How they are joined.
    """

    def __init__(self, sound: Ega, prpd: Ega, late: Late) -> None:
        super().__init__()
        self.sound, self.prpd, self.late = sound, prpd, late
        if late == "features":
            n_features = sound.head.n_features + prpd.head.n_features
            self.labels = nn.Linear(n_features, sound.head.n_labels)
            sound.head.labels, prpd.head.labels = nn.Identity(), nn.Identity()

    def forward(
        self,
        maps: Float[Tensor, "batch 1 bin frame"],
        pattern: Float[Tensor, "batch 2 phase amplitude"],
    ) -> Float[Tensor, "batch label"]:
        """Give a logit a label."""
        of_sound, of_pattern = self.sound(maps), self.prpd(pattern)
        match self.late:
            case "features":
                logits: Tensor = self.labels(torch.cat([of_sound, of_pattern], dim=1))
                return logits
            case "logits":
                mean: Tensor = (of_sound + of_pattern) / 2
                return mean
            case _:
                assert_never(self.late)


def _trunk(settings: EgaSettings, n_stem: int) -> Trunk:
    place = settings.igam.place
    if place == "none":
        return Trunk(settings, n_stem)
    attention: Attention = partial(Igam, settings.igam)
    return Trunk(settings, n_stem, attention, place)


def _masks(
    settings: EgaSettings, widths: list[int], n_bins: int
) -> list[tuple[int, MaskBranch, int]]:
    """Give the masks: after which stage each stands, and how many channels what it begins with has.

    `widths` are those of the stem and of each stage.
    """
    stages = TABLES[settings.size].stages
    strided = [i for i, stage in enumerate(stages, start=1) if stage.stride == 2]
    bins = [-(-n_bins // settings.strides[0][0])]
    strides = dict(zip(strided, settings.strides[1:], strict=True))
    for i in range(1, len(stages) + 1):
        bins.append(-(-bins[-1] // strides.get(i, (1, 1))[0]))
    match settings.mask.reading:
        case "none":
            return []
        case "single":
            # of the stages between two strides, the last tells how wide maps of that size are
            ends = [i - 1 for i in strided[1:]] + [len(stages)]
            path = [widths[0], *(widths[i] for i in ends)]
            mask = single_mask(settings.mask, path, list(settings.strides[1:]), bins[-1])
            return [(len(stages), mask, widths[0])]
        case "stacked":
            begins = [0, *(stage for stage, _ in STACKED[:-1])]
            return [
                (
                    stage,
                    stacked_mask(settings.mask, widths[stage], pools, bins[stage]),
                    widths[begin],
                )
                for (stage, pools), begin in zip(STACKED, begins, strict=True)
            ]
        case _:
            assert_never(settings.mask.reading)
