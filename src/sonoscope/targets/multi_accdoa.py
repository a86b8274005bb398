"""ACCDOA and multi-ACCDOA: vectors towards each label's sources, whose lengths are activities.

ACCDOA is one vector (track) a label: where a label overlaps itself, the source that began last.
Multi-ACCDOA has three, so that a label can sound up to three times at once. A source whose
direction nobody knows cannot be said.

With distance (DCASE 2024) each vector is followed by the metres to its source. Which track holds
which source is free, and where there are fewer sources than tracks, some hold the same one
(auxiliary duplicates), so that no track learns to be silent while another speaks. Training takes in
each frame and for each label whichever of these arrangements lies nearest (ADPIT): of three tracks
1 for one source, 6 for two and 6 for three, 13 in all.

References: K. Shimada et al., "ACCDOA: Activity-coupled Cartesian direction of arrival
representation for sound event localization and detection", ICASSP 2021; K. Shimada et al.,
"Multi-ACCDOA: Localizing and detecting overlapping sounds from the same class with auxiliary
duplicating permutation invariant training", ICASSP 2022; with distance: D. A. Krause, A. Politis
and A. Mesaros, "Sound event detection and localization with distance estimation", EUSIPCO 2024.
"""

import itertools

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.targets.following import Copies
from sonoscope.targets.sources import Sources

N_TRACKS = 3


def arrangements(n_sources: int, n_tracks: int = N_TRACKS) -> tuple[tuple[int, ...], ...]:
    """List which source each track may hold, so that every source is on one track at least.

    Examples
    --------
    >>> arrangements(2)
    ((0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0))
    >>> [len(arrangements(n)) for n in (1, 2, 3)]
    [1, 6, 6]
    """
    return tuple(
        taken
        for taken in itertools.product(range(n_sources), repeat=n_tracks)
        if len(set(taken)) == n_sources
    )


def encode(
    sources: Sources, n_tracks: int = N_TRACKS
) -> tuple[Float32[ndarray, "frame track label 3"], Float32[ndarray, "frame track label"]]:
    """Give vectors and metres in one arrangement; the oldest beyond `n_tracks` are left out.

    Track i holds source i, or the last one where there are not so many.
    """
    n_sources = sources.active.sum(axis=-1)
    last = np.minimum(n_sources, min(n_tracks, sources.active.shape[-1])) - 1
    taken = np.minimum(np.arange(n_tracks), np.maximum(last, 0)[..., None])
    vector = np.take_along_axis(sources.direction, taken[..., None], axis=-2)
    distance_m = np.take_along_axis(sources.distance_m, taken, axis=-1)
    return np.moveaxis(vector, -2, 1), np.moveaxis(distance_m, -1, 1)


def copies(
    vector: Float[ndarray, "frame track label 3"],
    distance_m: Float[ndarray, "frame track label"] | None = None,
) -> Copies:
    """Read vectors as activities (their lengths, at most 1) and directions, one copy a track."""
    away = None if distance_m is None else np.moveaxis(distance_m, 1, -1)
    return Copies.of_vectors(np.moveaxis(vector, 1, -2), away)
