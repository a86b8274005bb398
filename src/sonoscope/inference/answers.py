"""How the outputs of a model file are read, whichever way its network says what it hears.

Inside, an answer is always cells by fields: a cell is a label, or one of a label's copies where it
can be heard several times at once (all copies of the first label, then those of the next); the
fields are activity, direction (x, y, z) and, where it is told, the distance.
"""

import itertools
from collections.abc import Sequence
from typing import assert_never

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.card import Card
from sonoscope.targets.following import Copies


def output_shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """Name the outputs of a model, in order, each with the shape of one answer."""
    frames, tracks, labels = card.window_frames, card.tracks, len(card.labels)
    match card.target:
        case "classwise-xyz":
            return {"activity": (frames, labels), "direction": (frames, labels, 3)}
        case "accdoa" | "multi-accdoa":
            return {"vector": (frames, tracks, labels, 3)}
        case "multi-accdoa-distance":
            return {"vector": (frames, tracks, labels, 3), "distance_m": (frames, tracks, labels)}
        case "tracks":
            return {"activity": (frames, tracks, labels), "direction": (frames, tracks, 3)}
        case _:
            assert_never(card.target)


def cells(
    card: Card, outputs: Sequence[Float32[ndarray, "answer frame ..."]]
) -> Float32[ndarray, "answer frame cell field"]:
    """Lay a model's outputs out as cells by fields."""
    heard = _copies(card, [part.reshape(-1, *part.shape[2:]) for part in outputs])
    fields = [heard.activity[..., None], heard.direction]
    if heard.distance_m is not None:
        fields.append(heard.distance_m[..., None])
    said = np.concatenate(fields, axis=-1).astype(np.float32)
    return said.reshape(*outputs[0].shape[:2], -1, said.shape[-1])


def _copies(card: Card, outputs: Sequence[Float32[ndarray, "..."]]) -> Copies:
    match card.target:
        case "classwise-xyz":
            return Copies(outputs[0][..., None], outputs[1][..., None, :])
        case "accdoa" | "multi-accdoa" | "multi-accdoa-distance":
            return multi_accdoa.copies(*outputs)
        case "tracks":
            return trackwise.copies(*outputs)
        case _:
            assert_never(card.target)


def hears_once(card: Card) -> bool:
    """Tell whether a model hears each label once at a moment, and no distances."""
    return card.target in ("classwise-xyz", "accdoa")


def n_fields(card: Card) -> int:
    """Count the fields of a cell."""
    return 5 if card.target == "multi-accdoa-distance" else 4


def copies_in(card: Card, said: Float32[ndarray, "frame cell field"]) -> Copies:
    """Give cells back as each label's copies."""
    every = said.reshape(len(said), len(card.labels), card.tracks, n_fields(card))
    away = every[..., 4] if n_fields(card) > 4 else None
    return Copies(every[..., 0], every[..., 1:4], away)


def in_order(
    old: Float32[ndarray, "_ cell field"], new: Float32[ndarray, "frame cell field"], tracks: int
) -> Float32[ndarray, "frame cell field"]:
    """Put the copies of each frame that `old` holds too in the order that lies nearest to it.

    Which track holds which source is free, and may differ from window to window.
    """
    n = min(len(old), len(new))
    shape = n, new.shape[1] // tracks, tracks, new.shape[2]
    before, after = old[:n].reshape(shape), new[:n].reshape(shape)
    ways = np.array(list(itertools.permutations(range(tracks))), np.intp)
    pull = [each[..., :1] * each[..., 1:4] for each in (before, after)]
    apart = np.square(pull[0][:, :, :, None] - pull[1][:, :, None]).sum(axis=-1)
    best = apart[:, :, np.arange(tracks), ways].sum(axis=-1).argmin(axis=-1)
    ordered = np.take_along_axis(after, ways[best][..., None], axis=2)
    return np.concatenate([ordered.reshape(n, *new.shape[1:]), new[n:]])
