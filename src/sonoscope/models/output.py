"""What networks of this house answer, one answer a label frame; there are three ways to say it.

Directions mean nothing where nothing sounds.

References: class-wise: S. Adavanne et al., IEEE JSTSP 13(1), 2019; vectors: K. Shimada et al.,
"ACCDOA", ICASSP 2021, and "Multi-ACCDOA", ICASSP 2022; tracks: Y. Cao et al., "An improved
event-independent network", ICASSP 2021 (EINV2).
"""

from typing import NamedTuple

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
