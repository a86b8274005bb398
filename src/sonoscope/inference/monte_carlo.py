"""Monte Carlo dropout: a network asked many times, each time with other units left out.

Where its answers agree it knows; where they scatter it guesses. The events are those of the mean
answer; each gets the standard deviation of its score over the passes and the angle by which its
direction wanders. Only frames in which a label is heard at all are kept pass by pass, so that hours
of sound take little memory.

Reference: Y. Gal and Z. Ghahramani, "Dropout as a Bayesian approximation", ICML 2016; Lan et al.
2022 (EURASIP JASMP 2022:29) make 200 such predictions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int
from numpy import ndarray

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event, Passes
from sonoscope.core.frames import FrameGrid
from sonoscope.targets.card import Dropout

AT_ONCE = 25
"""Passes that go through the network together; the same for all sounds, as it decides the draws."""

SILENT = 0.01
"""Where a label's mean activity is less, its passes are not kept: they hardly differ there."""


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """How often a network is asked.

    Attributes
    ----------
    passes
        How often, 2 or more.
    seed
        Of what is left out; the same seed and sound give the same answer.
    """

    passes: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.passes < 2:
            raise SettingError(f"passes must be 2 or more, but {self.passes} was given")
        if self.seed < 0:
            raise SettingError(f"the seed of passes must be 0 or more, but {self.seed} was given")

    @property
    def n_shares(self) -> int:
        """In how many shares the passes go through the network."""
        return -(-self.passes // AT_ONCE)

    def kept(
        self, dropout: Sequence[Dropout], window: int, share: int
    ) -> dict[str, Float32[ndarray, "..."]]:
        """Draw what is kept in a share of a window's passes.

        The numbers of window and share alone decide, so that it does not matter in which order or
        thread they are drawn.
        """
        rng = np.random.Generator(
            np.random.Philox(key=[self.seed, window], counter=[0, 0, 0, share])
        )
        n_passes = min(AT_ONCE, self.passes - share * AT_ONCE)
        return {
            site.name: _kept(rng.random((n_passes, *site.shape), np.float32), site.rate)
            for site in dropout
        }


def _kept(drawn: Float32[ndarray, "..."], rate: float) -> Float32[ndarray, "..."]:
    """Leave out a share and make the rest so much louder."""
    return (drawn >= np.float32(rate)) * np.float32(1 / (1 - rate))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What each pass said wherever a label was heard.

    Attributes
    ----------
    frame, label
        Which cells, in order of frame.
    said
        Activity, and vector toward the label, pass by pass.
    """

    frame: Int[ndarray, " cell"]
    label: Int[ndarray, " cell"]
    said: Float16[ndarray, "cell 4 pass"]

    @property
    def n_passes(self) -> int:
        """How many passes there were."""
        return int(self.said.shape[-1])


def heard_cells(said: Float32[ndarray, "frame label 4 pass"]) -> Samples:
    """Keep the cells in which a label is heard."""
    frame, label = np.nonzero(said[:, :, 0].mean(axis=-1) >= SILENT)
    return Samples(frame, label, said[frame, label].astype(np.float16))


def joined(parts: Iterable[tuple[int, Samples]]) -> Samples:
    """Put samples of stretches one after the other, each with the number of its first frame."""
    firsts, samples = zip(*parts, strict=True)
    return Samples(
        np.concatenate([first + s.frame for first, s in zip(firsts, samples, strict=True)]),
        np.concatenate([s.label for s in samples]),
        np.concatenate([s.said for s in samples]),
    )


def with_passes(
    events: Iterable[Event],
    samples: Samples,
    activity: Float[ndarray, "frame label"],
    labels: Sequence[str],
    grid: FrameGrid,
) -> list[Event]:
    """Tell of each event by how much its score and its direction differ from pass to pass.

    Parameters
    ----------
    events
        Read from the mean answer, with scores of any kind.
    activity
        The mean over the passes.
    """
    told = []
    for event in events:
        label = labels.index(event.label)
        start, stop = grid.nearest_edge(event.onset_s), grid.nearest_edge(event.offset_s)
        first, last = np.searchsorted(samples.frame, [start, stop])
        cells = first + np.flatnonzero(samples.label[first:last] == label)
        rest = np.ones(stop - start, dtype=np.bool_)
        rest[samples.frame[cells] - start] = False
        quiet = float(activity[start:stop, label][rest[: len(activity) - start]].sum())
        passes = _scatter(samples.said[cells], quiet, stop - start)
        told.append(replace(event, passes=passes if event.path else passes._replace(angle=None)))
    return told


def _scatter(said: Float16[ndarray, "cell 4 pass"], quiet: float, n_frames: int) -> Passes:
    """Give the scatter of one event: its frames with sound, and the sum of its quiet ones."""
    sure, toward = said[:, 0].astype(np.float64), said[:, 1:].astype(np.float64)
    scores = (sure.sum(axis=0) + quiet) / n_frames
    pull = np.einsum("cp,cxp->px", sure, toward)
    return Passes(len(scores), float(scores.std(ddof=1)), _wander(pull))


def _wander(pull: Float[ndarray, "pass 3"]) -> float | None:
    """Give the root mean square angle between vectors and the mean of their directions."""
    length = np.linalg.norm(pull, axis=1)
    pointing: Bool[ndarray, " pass"] = length > 0
    if not pointing.any():
        return None
    units = pull[pointing] / length[pointing, None]
    mean = units.mean(axis=0)
    if np.linalg.norm(mean) <= 0:
        return float(np.pi)
    return float(np.sqrt(np.mean(angle_between(units, mean) ** 2)))
