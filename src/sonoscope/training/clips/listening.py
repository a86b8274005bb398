"""What a network says of whole clips, and what that is worth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor, nn

from sonoscope.metrics.classification import ClipScores, Confusion, confusion, counts_by_group
from sonoscope.metrics.intervals import Interval, bootstrap
from sonoscope.targets.clip_label import probabilities, spread_starts, together
from sonoscope.training.clips.held import HeldClips
from sonoscope.training.clips.stream import ClipStream

_AT_ONCE = 32  # windows
_IMPOSSIBLE = 1e-12


@runtime_checkable
class ClipSet(Protocol):
    """Clips that are heard as wholes and whose names are known."""

    @property
    def label(self) -> Int64[ndarray, " clip"]:
        """The number of each one's label."""
        ...

    @property
    def groups(self) -> Sequence[str]:
        """The original of each."""
        ...

    def windows(self, clip: int) -> list[tuple[Tensor, ...]]:
        """Give the windows of a clip: for each what the network takes, without a batch."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HeldSet:
    """Clips in memory, each heard in windows that are spread over it, and in turns of these."""

    held: HeldClips
    n_samples: int
    crops: int = 1
    turns: int = 1

    @property
    def label(self) -> Int64[ndarray, " clip"]:
        """The number of each one's label."""
        return self.held.label

    @property
    def groups(self) -> Sequence[str]:
        """The original of each."""
        return self.held.groups

    def windows(self, clip: int) -> list[tuple[Tensor, ...]]:
        """Cut the windows of a clip."""
        length = int(self.held.length[clip])
        first = np.array(spread_starts(length, self.n_samples, self.crops), dtype=np.int64)
        cuts = self.held.cut(np.full(len(first), clip), first, self.n_samples)
        shifts = [i * self.n_samples // self.turns for i in range(self.turns)]
        return [(cut.roll(shift),) for cut in cuts for shift in shifts]


class StreamSet:
    """The first batches of a stream, kept: clips that are made, of one label each."""

    def __init__(self, stream: ClipStream, n_batches: int, size: int) -> None:
        made = [stream.batch(step, size) for step in range(n_batches)]
        self._clips = [
            tuple(part[i] for part in batch.clips) for batch in made for i in range(size)
        ]
        target = torch.cat([batch.target for batch in made])
        self._label = np.asarray(target.argmax(dim=1).cpu().numpy(), np.int64)

    @property
    def label(self) -> Int64[ndarray, " clip"]:
        """The number of each one's label."""
        return self._label

    @property
    def groups(self) -> Sequence[str]:
        """A name for each, as no two are of one original."""
        return [f"made {i}" for i in range(len(self._clips))]

    def windows(self, clip: int) -> list[tuple[Tensor, ...]]:
        """Give the clip, which is one window."""
        return [self._clips[clip]]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network said of clips.

    Attributes
    ----------
    logits
        Of each window.
    owner
        The clip that each window is of.
    label, groups
        The truth, and the original of each clip.
    """

    logits: Float[ndarray, "window label"]
    owner: Int64[ndarray, " window"]
    label: Int64[ndarray, " clip"]
    groups: Sequence[str]

    def probability(self, temperature: float = 1.0) -> Float[ndarray, "clip label"]:
        """Give the probabilities of each whole clip."""
        return together(probabilities(self.logits, temperature), self.owner, len(self.label))

    @property
    def loss(self) -> float:
        """The cross-entropy of the clips."""
        said = self.probability()[np.arange(len(self.label)), self.label]
        return float(-np.mean(np.log(np.maximum(said, _IMPOSSIBLE))))

    @property
    def counts(self) -> Confusion:
        """Who was taken for whom."""
        return confusion(self.label, self.probability().argmax(axis=1), self.logits.shape[1])

    @property
    def scores(self) -> ClipScores:
        """How well the clips were named."""
        return self.counts.scores()

    def by_original(self) -> list[Confusion]:
        """Count the clips of each original by themselves, in the order of the originals' names."""
        said = self.probability().argmax(axis=1)
        return counts_by_group(self.label, said, self.logits.shape[1], self.groups)

    def intervals(self) -> dict[str, Interval]:
        """Give the scores with intervals, originals drawn again."""
        return bootstrap(self.by_original())


@torch.no_grad()
def answers(network: nn.Module, clips: ClipSet, *, at_once: int = _AT_ONCE) -> Answers:
    """Let a network hear every clip; it is left in the mode it was in."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    logits, owner = [], []
    windows = _windows(clips)
    while part := list(islice(windows, at_once)):
        owner += [clip for clip, _ in part]
        inputs = (torch.stack(same).to(device) for same in zip(*(w for _, w in part), strict=True))
        logits.append(network(*inputs).float().cpu().numpy())
    network.train(was_training)
    return Answers(
        np.concatenate(logits), np.array(owner, dtype=np.int64), clips.label, clips.groups
    )


def _windows(clips: ClipSet) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    for clip in range(len(clips.label)):
        for window in clips.windows(clip):
            yield clip, window
