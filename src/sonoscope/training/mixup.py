"""Mixup: two scenes of a batch heard at once, and what is then to be answered.

Sound fields add up, so the sum of two recordings *is* the recording of both scenes together, and
the union of their truths is exact. The mixup of the literature fades between the two instead and
asks for what lies between their truths. Partners share a channel format. Mixed batches remain a
pure function of seed and step.

References: H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz, "mixup: Beyond empirical risk
minimization", ICLR 2018 ("soft"); N. Takahashi, M. Gygli, B. Pfister and L. Van Gool, "Deep
convolutional neural networks and data augmentation for acoustic event detection", Interspeech 2016
(sounds of one class added).
"""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from sonoscope.core.recipe import STRICT
from sonoscope.simulation.stream import Batch
from sonoscope.training.batches import Stream

MixupKind = Literal["none", "union", "soft"]

_RANDOM = 3  # which of a step's streams of random numbers is ours; scenes have those below
_FAINTEST_DB = -10.0


@settings(config=STRICT)
class MixupSettings:
    """Whether and how scenes of a batch are mixed.

    Attributes
    ----------
    kind
        "union": a + g b, g between -10 and 0 dB; what sounds in either sounds. Where a label
        sounds in both, those of a come first among its copies, and those of b are left out where
        there is no room. "soft": w a + (1 - w) b, w of Beta(alpha, alpha) but at least 1/2;
        activities are w and 1 - w, directions those of a, of b where a is silent. Class-wise
        answers alone can be soft.
    share
        How many of the scenes get a second one.
    alpha
        Of the Beta distribution: the smaller, the less is mixed in.
    """

    kind: MixupKind = "none"
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    alpha: Annotated[float, Field(gt=0)] = 0.5


@dataclass(frozen=True, slots=True)
class MixedStream:
    """A stream whose scenes are mixed.

    Attributes
    ----------
    stream
        Gives the scenes.
    asked
        How they are mixed.
    seed
        Of the training.
    n_parts
        Into how many channel formats a batch is divided.
    """

    stream: Stream
    asked: MixupSettings
    seed: int
    n_parts: int = 1

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Make the scenes of a step and mix them."""
        batch = self.stream.batch(step, size, window_s)
        generator = np.random.Generator(
            np.random.Philox(key=[self.seed, step], counter=[0, 0, 0, _RANDOM])
        )
        return mixed(batch, generator, self.asked, self.n_parts)


def mixed(
    batch: Batch, generator: np.random.Generator, asked: MixupSettings, n_parts: int = 1
) -> Batch:
    """Mix some scenes of a batch with others of their part; no argument is written to."""
    size, part = len(batch.sound), len(batch.sound) // n_parts
    if asked.kind == "none" or part < 2:
        return batch
    device = batch.sound.device
    shift = int(generator.integers(1, part))
    place = torch.arange(size, device=device)
    partner = place // part * part + (place % part + shift) % part
    chosen = torch.from_numpy(generator.random(size) < asked.share).to(device)
    match asked.kind:
        case "union":
            level = 10 ** (generator.uniform(_FAINTEST_DB, 0, size) / 20)
            return _union(batch, partner, _weight(level, chosen))
        case "soft":
            share = generator.beta(asked.alpha, asked.alpha, size)
            return _soft(batch, partner, _weight(np.minimum(share, 1 - share), chosen))
        case _:
            assert_never(asked.kind)


def _weight(weight: np.ndarray[tuple[int], np.dtype[np.float64]], chosen: Tensor) -> Tensor:
    return torch.from_numpy(weight.astype(np.float32)).to(chosen.device) * chosen


def _union(
    batch: Batch, partner: Int64[Tensor, " batch"], weight: Float[Tensor, " batch"]
) -> Batch:
    sound = batch.sound + weight[:, None, None] * batch.sound[partner]
    heard = (weight > 0).float()[:, None, None, None]
    n_copies = batch.active.shape[-1]
    active = torch.cat([batch.active, heard * batch.active[partner]], dim=-1)
    first = active.argsort(dim=-1, descending=True, stable=True)[..., :n_copies]
    towards = torch.cat([batch.direction, batch.direction[partner]], dim=-2)
    away = torch.cat([batch.distance_m, batch.distance_m[partner]], dim=-1)
    active = active.gather(-1, first)
    direction = towards.gather(-2, first[..., None].expand(*first.shape, 3)) * active[..., None]
    return Batch(sound, active, direction, away.gather(-1, first) * active)


def _soft(batch: Batch, partner: Int64[Tensor, " batch"], weight: Float[Tensor, " batch"]) -> Batch:
    other = weight[:, None, None, None]
    share = weight[:, None, None]
    sound = (1 - share) * batch.sound + share * batch.sound[partner]
    active = (1 - other) * batch.active + other * batch.active[partner]
    lone = (batch.active == 0) & (other > 0)
    direction = torch.where(lone[..., None], batch.direction[partner], batch.direction)
    distance_m = torch.where(lone, batch.distance_m[partner], batch.distance_m)
    return Batch(sound, active, direction, distance_m)
