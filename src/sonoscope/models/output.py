"""What networks of this house answer, one answer a label frame; there are three ways to say it.

Directions mean nothing where nothing sounds.

References: class-wise: S. Adavanne et al., IEEE JSTSP 13(1), 2019; vectors: K. Shimada et al.,
"ACCDOA", ICASSP 2021, and "Multi-ACCDOA", ICASSP 2022; tracks: Y. Cao et al., "An improved
event-independent network", ICASSP 2021 (EINV2).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Output(NamedTuple):
    """Class-wise: how sure each label is, and where it is heard.

    Attributes
    ----------
    activity
        Logits: the sigmoid of one is the probability that its label sounds.
    direction
        A vector (x, y, z) towards each label, of any length.
    angles
        Azimuth and elevation in radians as they were regressed, not brought back into their
        ranges; None where the network regresses vectors.
    """

    activity: Float[Tensor, "batch frame label"]
    direction: Float[Tensor, "batch frame label 3"]
    angles: Float[Tensor, "batch frame label 2"] | None = None

    @classmethod
    def from_angles(
        cls,
        activity: Float[Tensor, "batch frame label"],
        angles: Float[Tensor, "batch frame label 2"],
    ) -> "Output":
        """Answer with azimuths and elevations, and with the unit vectors that they stand for."""
        azimuth, elevation = angles.float().unbind(-1)
        level = torch.cos(elevation)
        x, y, z = level * torch.cos(azimuth), level * torch.sin(azimuth), torch.sin(elevation)
        return cls(activity, torch.stack((x, y, z), dim=-1), angles)

    def each(self, change: Callable[[Tensor], Tensor]) -> "Output":
        """Do the same to everything that is answered."""
        angles = None if self.angles is None else change(self.angles)
        return Output(change(self.activity), change(self.direction), angles)


class VectorOutput(NamedTuple):
    """ACCDOA: a vector towards each label whose length says how sure it is.

    Attributes
    ----------
    vector
        One track is ACCDOA; with more of them (multi-ACCDOA) a label can sound several times.
    distance_m
        How far away each is; None where the network does not say.
    """

    vector: Float[Tensor, "batch frame track label 3"]
    distance_m: Float[Tensor, "batch frame track label"] | None = None


class TrackOutput(NamedTuple):
    """Track-wise (event-independent): each track holds at most one source, of any label.

    Attributes
    ----------
    activity
        Logits.
    direction
        A vector (x, y, z) towards each track's source, of any length.
    """

    activity: Float[Tensor, "batch frame track label"]
    direction: Float[Tensor, "batch frame track 3"]


Answer = Output | VectorOutput | TrackOutput
