"""Track-wise targets: tracks that each hold at most one source, of whatever label.

As many sources are held at a moment as there are tracks, be they of one label or of several. Which
track holds which is free, so training takes whichever order lies nearest, frame by frame (tPIT).

Reference: Y. Cao et al., "An improved event-independent network for polyphonic sound event
localization and detection", ICASSP 2021 (EINV2).
"""

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.targets.following import Copies
from sonoscope.targets.sources import Sources

N_TRACKS = 3


def encode(
    sources: Sources, n_tracks: int = N_TRACKS
) -> tuple[Float32[ndarray, "frame track label"], Float32[ndarray, "frame track 3"]]:
    """Lay sources on tracks: first each label's copy 0 in the labels' order, then copies 1, 2.

    What finds no free track is left out.

    Returns
    -------
    The activity, 1 for at most one label a track, and unit vectors where something sounds.
    """
    n_frames, n_labels = sources.active.shape[:2]
    active = np.swapaxes(sources.active, 1, 2).reshape(n_frames, -1)
    direction = np.swapaxes(sources.direction, 1, 2).reshape(n_frames, -1, 3)
    first = np.argsort(~active, axis=1, kind="stable")[:, :n_tracks]
    held = np.take_along_axis(active, first, axis=1)
    label = first % n_labels
    activity = np.zeros((n_frames, n_tracks, n_labels), np.float32)
    towards = np.zeros((n_frames, n_tracks, 3), np.float32)
    n_held = first.shape[1]
    np.put_along_axis(activity[:, :n_held], label[..., None], held[..., None], axis=2)
    towards[:, :n_held] = np.take_along_axis(direction, first[..., None], axis=1) * held[..., None]
    return activity, towards


def copies(
    activity: Float[ndarray, "frame track label"], direction: Float[ndarray, "frame track 3"]
) -> Copies:
    """Read tracks as copies: copy i of a label is track i where that label is the surest on it."""
    surest = activity == activity.max(axis=-1, keepdims=True)
    sure = np.where(surest, activity, 0.0).astype(activity.dtype)
    towards = np.broadcast_to(direction[:, None], (*np.swapaxes(sure, 1, 2).shape, 3))
    return Copies(np.swapaxes(sure, 1, 2), towards)
