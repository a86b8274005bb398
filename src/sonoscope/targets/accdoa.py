"""ACCDOA: for each label one vector towards it, whose length is its activity.

It holds one source a label: where a label overlaps itself, the one that began last. A source whose
direction nobody knows cannot be said.

Reference: K. Shimada et al., "ACCDOA: Activity-coupled Cartesian direction of arrival
representation for sound event localization and detection", ICASSP 2021.
"""

from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.targets.following import Copies
from sonoscope.targets.sources import Sources


def encode(sources: Sources) -> Float32[ndarray, "frame label 3"]:
    """Give the vectors: unit vectors where a label sounds, else zeros."""
    return sources.direction[..., 0, :]


def copies(vector: Float[ndarray, "frame label 3"]) -> Copies:
    """Read vectors as activities (their lengths, at most 1) and directions, one a label."""
    return Copies.of_vectors(vector[..., None, :])
