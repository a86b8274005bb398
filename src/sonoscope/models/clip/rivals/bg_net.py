"""BGNet: two kinds of views of a sound, every pair of them judged, and the judgements averaged.

    log-mel    ─ parts ─ a1  a2                         ┌─ ResNet-18 (local) ─ mean ─┐
                         │ ╲╱ │   each edge: splice a|b ─┤                            ├─ linear ─ p
    its delta  ─ parts ─ b1  b2                         └─ Swin-T (global) ── mean ──┘
                                                                   p of the clip = mean over edges

An adaptation. BgNet tells tumours of the spine by MRI: views are slices of two planes, axial and
sagittal, the vertices of a bipartite graph whose edges are the pairs that are judged. From it come
the pairing, the splice of a pair as channels, ResNet and Swin transformer side by side (ResNetST),
and the average over pairs. Ours are the views: parts of the log-mels, and parts of what the
log-mels change by from frame to frame; or, of maps with two channels (the half cycles of a PRPD
pattern), parts of each channel. How ResNetST joins its halves is not printed: here the means of
both are joined before one linear layer. Nothing is pretrained.

BGNet-SE3 is a name that occurs in no other source. Read here: the same with squeeze and excitation
(ratio 16) after the last three stages of ResNet.

References: H. Liu et al., "BgNet: Classification of benign and malignant tumors with MRI
multi-plane attention learning", Frontiers in Oncology 12, 2022; delta: S. Furui, "Speaker-
independent isolated word recognition using dynamic features of speech spectrum", IEEE TASSP 1986.
"""

from itertools import product
from math import log
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import conv2d, log_softmax, pad

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.residual_network import ResNetFeatures
from sonoscope.models.clip.rivals.swin import SwinFeatures

Count = Annotated[int, Field(ge=1)]
Views = Literal["delta", "channels"]
"""Which two kinds of views there are: maps and their deltas, or both channels of maps."""

_REACH = 4  # frames to each side that a delta is of
_RATIO = 16
_EXCITED_STAGES = 3


@dataclass(config=STRICT)
class BgNetSettings:
    """How a BGNet is built.

    Attributes
    ----------
    views
        What is paired.
    parts
        Into how many parts of time each kind of view is cut; there are parts² pairs.
    width
        Channels of ResNet's first stage.
    swin_width, swin_depths, swin_heads
        Of the Swin transformer: numbers a place at first, layers and heads of its stages.
    excited
        Whether it is BGNet-SE3.
    """

    views: Views = "delta"
    parts: Count = 2
    width: Count = 64
    swin_width: Count = 96
    swin_depths: tuple[Count, Count, Count, Count] = (2, 2, 6, 2)
    swin_heads: tuple[Count, Count, Count, Count] = (3, 6, 12, 24)
    excited: bool = False


BGNET_SE3 = BgNetSettings(excited=True)
"""BGNet-SE3."""


class ResNetSt(nn.Module):
    """Local and global features of a spliced pair, side by side, and a logit a label."""

    def __init__(self, settings: BgNetSettings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        excited_stages = _EXCITED_STAGES if settings.excited else 0
        self.near = ResNetFeatures(n_channels, settings.width, excited_stages, _RATIO)
        self.far = SwinFeatures(
            n_channels, settings.swin_width, settings.swin_depths, settings.swin_heads
        )
        self.answer = nn.Linear(self.near.n_features + self.far.n_features, n_labels)

    def forward(
        self, pair: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Judge a pair."""
        logits: Tensor = self.answer(torch.cat([self.near(pair), self.far(pair)], dim=1))
        return logits


class BgNet(nn.Module):
    """The network, from maps to the logarithms of the pairs' mean probabilities.

    Raises
    ------
    SettingError
        If channels are to be paired, but there are not two.
    """

    def __init__(self, settings: BgNetSettings, n_channels: int, n_labels: int) -> None:
        super().__init__()
        if settings.views == "channels" and n_channels != 2:
            raise SettingError(
                f'views must be "delta" where maps have not 2 channels, '
                f'but "channels" was given and they have {n_channels}'
            )
        self.settings = settings
        n_spliced = 2 if settings.views == "channels" else 2 * n_channels
        self.judge = ResNetSt(settings, n_spliced, n_labels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Give log probabilities: their softmax is the mean of the pairs' probabilities."""
        first, second = self._views(maps)
        edges = [
            torch.cat(pair, dim=1)
            for pair in product(
                parts_of(first, self.settings.parts), parts_of(second, self.settings.parts)
            )
        ]
        judged = log_softmax(self.judge(torch.cat(edges)).float(), dim=1)
        pairs = judged.reshape(len(edges), maps.shape[0], -1)
        return pairs.logsumexp(dim=0) - log(len(edges))

    def _views(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> tuple[Float[Tensor, "batch _ bin frame"], Float[Tensor, "batch _ bin frame"]]:
        if self.settings.views == "channels":
            return maps[:, :1], maps[:, 1:]
        return maps, delta(maps)


def delta(
    maps: Float[Tensor, "batch channel bin frame"],
) -> Float[Tensor, "batch channel bin frame"]:
    """Tell by how much maps rise from frame to frame: slopes of lines through nine frames."""
    offset = torch.arange(-_REACH, _REACH + 1, dtype=maps.dtype, device=maps.device)
    slope = (offset / offset.square().sum())[None, None, None]
    held = pad(maps.flatten(1, 2)[:, None], (_REACH, _REACH, 0, 0), mode="replicate")
    return conv2d(held, slope).reshape(maps.shape)


def parts_of(
    view: Float[Tensor, "batch channel bin frame"], n_parts: int
) -> list[Float[Tensor, "batch channel bin _"]]:
    """Cut a view into parts of equal length; the last overlap where it cannot be divided."""
    n_frames = view.shape[3]
    length = -(-n_frames // n_parts)
    starts = (i * (n_frames - length) // max(n_parts - 1, 1) for i in range(n_parts))
    return [view[..., start : start + length] for start in starts]
