"""Two clips heard as one, and what is then asked for.

A clip's partner is another of its batch with another label. Each clip is mixed in one way at most:

 between_class  p a + (1 - p) b over sqrt(p^2 + (1 - p)^2), with p = 1 / (1 + 10^((Ga - Gb) / 20)
                (1 - r) / r): so that a is heard r and b 1 - r; G are levels in dB weighted A, of
                the loudest tenth of a second; asked for are r and 1 - r (Tokozume et al., eq. 2)
 energy         sqrt(r) a + sqrt(1 - r) b, both first brought to the power of a: shares of power
 time           a up to a share r of the window, b from there on
 frequency      bands of a share 1 - r of all taken from the maps of b

r is of Beta(alpha, alpha): 1 makes every share as likely, as in between-class learning.

References: Y. Tokozume, Y. Ushiku and T. Harada, "Learning from between-class examples for deep
sound recognition", ICLR 2018; A. Gazneli et al., "End-to-end audio strikes back", 2022 (energy,
time and frequency); S. Yun et al., "CutMix", ICCV 2019.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from sonoscope.core.recipe import STRICT

KINDS = ("between_class", "energy", "time", "frequency")
Share = Annotated[float, Field(ge=0, le=1)]
_SILENT = 1e-12


@settings(config=STRICT)
class MixingSettings:
    """How many clips are mixed in which way; none by default.

    Attributes
    ----------
    between_class, energy, time, frequency
        Shares of the clips, 1 at most together.
    alpha
        Of the Beta distribution of how much of the first is heard.
    """

    between_class: Share = 0.0
    energy: Share = 0.0
    time: Share = 0.0
    frequency: Share = 0.0
    alpha: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _adds_up(self) -> "MixingSettings":
        if sum(self.shares) > 1 + 1e-9:
            raise ValueError(f"shares must add up to at most 1, but {sum(self.shares):g} was given")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each of `KINDS`."""
        return (self.between_class, self.energy, self.time, self.frequency)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What is mixed with what.

    Attributes
    ----------
    kind
        Of each clip: the number of one of `KINDS`, -1 where it stays alone.
    partner
        The clip that each is mixed with.
    share
        How much of each is to be heard.
    place
        Where the partner's bands lie: 0 lowest to 1 highest.
    """

    kind: Int64[ndarray, " clip"]
    partner: Int64[ndarray, " clip"]
    share: Float[ndarray, " clip"]
    place: Float[ndarray, " clip"]

    def bands(self) -> Float[Tensor, "clip edge=2"]:
        """Give from where to where the bands of each come from its partner; equal: nowhere."""
        width = np.where(self.kind == KINDS.index("frequency"), 1 - self.share, 0.0)
        low = self.place * (1 - width)
        return torch.from_numpy(np.stack([low, low + width], axis=1)).float()


def drawn_mixture(
    how: MixingSettings, label: Int64[ndarray, " clip"], rng: np.random.Generator
) -> Mixture:
    """Draw who is mixed with whom; with one label alone nobody is."""
    n_clips = len(label)
    liking = rng.random((n_clips, n_clips)) * (label[:, None] != label)
    partner = liking.argmax(axis=1).astype(np.int64)
    kind = np.searchsorted(np.cumsum(how.shares), rng.random(n_clips), side="right")
    kind[(kind == len(KINDS)) | (label[partner] == label)] = -1
    share = np.where(kind < 0, 1.0, rng.beta(how.alpha, how.alpha, n_clips))
    return Mixture(kind.astype(np.int64), partner, share, rng.random(n_clips))


def mixed_sounds(
    sounds: Float[Tensor, "clip sample"],
    loudest: Float[ndarray, " clip"],
    mixture: Mixture,
) -> Float[Tensor, "clip sample"]:
    """Mix sounds as far as they are mixed as sounds.

    Parameters
    ----------
    loudest
        Mean square of each clip's loudest stretch, weighted as ears do.
    """
    own, other = _weights(sounds, loudest, mixture)
    partner = torch.from_numpy(mixture.partner).to(sounds.device)
    summed = own[:, None] * sounds + other[:, None] * sounds[partner]
    spliced = np.flatnonzero(mixture.kind == KINDS.index("time"))
    for clip in spliced.tolist():
        cut = round(float(mixture.share[clip]) * sounds.shape[1])
        summed[clip, cut:] = sounds[mixture.partner[clip], cut:]
    return summed


def mixed_targets(
    target: Float[Tensor, "clip label"], mixture: Mixture
) -> Float[Tensor, "clip label"]:
    """Ask for what is heard of each."""
    share = torch.from_numpy(mixture.share).to(target)[:, None]
    partner = torch.from_numpy(mixture.partner).to(target.device)
    return share * target + (1 - share) * target[partner]


def mixed_bands(
    maps: Float[Tensor, "clip channel bin frame"],
    partner: Int64[Tensor, " clip"],
    bands: Float[Tensor, "clip edge=2"],
) -> Float[Tensor, "clip channel bin frame"]:
    """Take some bands of each map from its partner's."""
    place = (torch.arange(maps.shape[2], device=maps.device) + 0.5) / maps.shape[2]
    taken = (place >= bands[:, :1]) & (place < bands[:, 1:])
    return torch.where(taken[:, None, :, None], maps[partner], maps)


def _weights(
    sounds: Float[Tensor, "clip sample"], loudest: Float[ndarray, " clip"], mixture: Mixture
) -> tuple[Float[Tensor, " clip"], Float[Tensor, " clip"]]:
    """Give by what each clip and its partner are multiplied."""
    kind, share, partner = mixture.kind, mixture.share, mixture.partner
    level = np.sqrt(np.maximum(loudest, _SILENT))
    first = 1 / (1 + level / level[partner] * (1 - share) / np.maximum(share, _SILENT))
    norm = np.sqrt(first**2 + (1 - first) ** 2)
    rms = np.sqrt(np.maximum(sounds.square().mean(dim=1).cpu().numpy(), _SILENT))
    is_between, is_energy = (kind == KINDS.index(name) for name in ("between_class", "energy"))
    own = np.where(is_between, first / norm, np.where(is_energy, np.sqrt(share), 1.0))
    other = np.where(
        is_between,
        (1 - first) / norm,
        np.where(is_energy, np.sqrt(1 - share) * rms / rms[partner], 0.0),
    )
    both = (torch.from_numpy(each).float().to(sounds.device) for each in (own, other))
    own_t, other_t = both
    return own_t, other_t
