"""EINV2: two branches, what and where, that share softly, and tracks of one source each.

    log-mels ───────► conv ─╳─ conv ─╳─ conv ─╳─ conv ─► transformer a track ─► activity a track
                            │        │        │
    all features ───► conv ─╳─ conv ─╳─ conv ─╳─ conv ─► transformer a track ─► direction a track

At ╳ (cross-stitch) each channel of a branch becomes a learnt mix of its own and the other's,

    s' = a_ss s + a_sd d        d' = a_ds s + a_dd d

The authors' code puts s' where the second equation has s; `stitch = "in turn"` does that too.

References: Y. Cao, T. Iqbal, Q. Kong, F. An, W. Wang and M. D. Plumbley, "An Improved
Event-Independent Network for Polyphonic Sound Event Localization and Detection", ICASSP 2021;
I. Misra, A. Shrivastava, A. Gupta and M. Hebert, "Cross-Stitch Networks for Multi-Task Learning",
CVPR 2016.
"""

from math import prod
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import Count, Share
from sonoscope.models.output import TrackOutput
from sonoscope.models.rivals.convolutions import Answering, check_bins, double_convolution
from sonoscope.models.rivals.self_attention import TransformerLayer

Stitch = Literal["at once", "in turn"]

_N_LEVELS = 4  # maps that the activity branch hears: the log-mels of the channels
_TIME_POOLS = (2, 2, 1, 1)


@dataclass(config=STRICT)
class Einv2Settings:
    """How an EINV2 is built; the defaults are the published one.

    Attributes
    ----------
    tracks
        Sources, of any labels, that it can tell apart.
    filters
        Channels of the four double convolutions of each branch.
    heads, inner
        Of the transformer layers: heads of attention, and width between their linear layers.
    layers
        Transformer layers of a branch and track.
    dropout
        Share of values dropped in the transformers in training.
    stitch
        See the module's text.
    frames_per_answer
        Feature frames in a label frame: 4 of 25 ms for labels of 100 ms.
    """

    tracks: Count = 2
    filters: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    heads: Count = 8
    inner: Count = 1024
    layers: Count = 2
    dropout: Share = 0.2
    stitch: Stitch = "at once"
    frames_per_answer: Annotated[float, Field(gt=0)] = 4.0


SMALL = Einv2Settings(filters=(32, 64, 128, 256), inner=512)
"""Half as wide, a quarter of the weights."""


class CrossStitch(nn.Module):
    """Mix two branches, channel by channel."""

    def __init__(self, n_channels: int, stitch: Stitch) -> None:
        super().__init__()
        self.stitch: Stitch = stitch
        # [to, from, channel]
        self.shares = nn.Parameter(torch.empty(2, 2, n_channels).uniform_(0.1, 0.9))

    def forward(
        self,
        what: Float[Tensor, "batch channel frame bin"],
        where: Float[Tensor, "batch channel frame bin"],
    ) -> tuple[Float[Tensor, "batch channel frame bin"], Float[Tensor, "batch channel frame bin"]]:
        """Give what each branch goes on with."""
        to_what, to_where = self.shares[..., None, None]
        mixed = to_what[0] * what + to_what[1] * where
        taken = what if self.stitch == "at once" else mixed
        return mixed, to_where[0] * taken + to_where[1] * where


class Einv2(nn.Module):
    """The network, from features to answers.

    Raises
    ------
    SettingError
        If the pools leave no bin, or the heads do not divide the last filters.
    """

    def __init__(
        self, settings: Einv2Settings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        check_bins(n_bins, 2 ** len(_TIME_POOLS))
        self.what = _branch(_N_LEVELS, settings)
        self.where = _branch(n_channels, settings)
        self.stitches = nn.ModuleList(
            CrossStitch(n_filters, settings.stitch) for n_filters in settings.filters[:-1]
        )
        self.what_tracks = nn.ModuleList(_track(settings, n_labels) for _ in range(settings.tracks))
        self.where_tracks = nn.ModuleList(_track(settings, 3) for _ in range(settings.tracks))
        self.answering = Answering(prod(_TIME_POOLS), settings.frames_per_answer)

    def forward(self, features: Float[Tensor, "batch channel frame bin"]) -> TrackOutput:
        """Answer floor(frame / frames_per_answer) label frames."""
        where = self.answering.filled_up(features)
        what = where[:, :_N_LEVELS]
        for i, (hear, point) in enumerate(zip(self.what, self.where, strict=True)):
            what, where = hear(what), point(where)
            if i < len(self.stitches):
                what, where = self.stitches[i](what, where)
        activity = _told(self.what_tracks, what)
        direction = torch.tanh(_told(self.where_tracks, where))
        n_frames = features.shape[2]
        return TrackOutput(self.answering(activity, n_frames), self.answering(direction, n_frames))


def _branch(n_channels: int, settings: Einv2Settings) -> nn.ModuleList:
    blocks: list[nn.Module] = []
    for time_pool, n_filters in zip(_TIME_POOLS, settings.filters, strict=True):
        pool = nn.AvgPool2d((time_pool, 2))
        blocks.append(nn.Sequential(double_convolution(n_channels, n_filters), pool))
        n_channels = n_filters
    return nn.ModuleList(blocks)


def _track(settings: Einv2Settings, n_outputs: int) -> nn.Sequential:
    width = settings.filters[-1]
    transformer = [
        TransformerLayer(width, settings.heads, settings.inner, settings.dropout)
        for _ in range(settings.layers)
    ]
    return nn.Sequential(*transformer, nn.Linear(width, n_outputs))


def _told(
    tracks: nn.ModuleList, maps: Float[Tensor, "batch channel frame bin"]
) -> Float[Tensor, "batch frame track _"]:
    sequence = maps.mean(dim=3).transpose(1, 2)
    return torch.stack([track(sequence) for track in tracks], dim=2)
