"""What reading frames as events buys: the shipped detectors with less and less of it.

DCASE 2019 metrics, mode strict, over the scenes of `held_out`. Each row leaves out one thing more:
events from one place are no longer one sound; each label's threshold is the middle of all; nothing
is tuned at all (thresholds 0.4, everything else as a detector without validation has it).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.held_out import FORMATS, scene_set, scored
from bench.tables import markdown
from sonoscope.core.audio import ChannelFormat
from sonoscope.inference.model_file import resolve
from sonoscope.targets.card import Card
from sonoscope.targets.classwise import Decoding
from sonoscope.training.export import THRESHOLD, rewrite_card


def one_threshold(decoding: Decoding) -> Decoding:
    """Give every label the median threshold."""
    middle = float(np.median(decoding.thresholds))
    return replace(decoding, thresholds=(middle,) * len(decoding.thresholds))


WAYS: dict[str, Callable[[Decoding], Decoding]] = {
    "as shipped": lambda decoding: decoding,
    "every event stays": lambda decoding: replace(decoding, apart_deg=0.0),
    "and one threshold": lambda decoding: one_threshold(replace(decoding, apart_deg=0.0)),
    "nothing tuned": lambda decoding: Decoding((THRESHOLD,) * len(decoding.thresholds)),
}


def decoded(way: Callable[[Decoding], Decoding], card: Card) -> Card:
    """Give a card whose detector decodes in another way."""
    return replace(card, decoding=way(card.decoding))


def table(
    work: Path,
    data: Path,
    *,
    count_: int = 60,
    ways: tuple[str, ...] = tuple(WAYS),
    formats: tuple[ChannelFormat, ...] = FORMATS,
) -> str:
    """Score every way of decoding in both formats."""
    scenes = scene_set("held_out", work, data, count_)
    rows = []
    for heard_as in formats:
        for way in ways:
            model = work / "decoding" / f"{heard_as}-{way.replace(' ', '-')}.onnx"
            model.parent.mkdir(parents=True, exist_ok=True)
            rewrite_card(resolve(heard_as), model, partial(decoded, WAYS[way]))
            scores = scored(scenes, heard_as, count_, model).scores()
            told = [f"{figure:.3f}" for figure in (scores.er, scores.f, scores.fr, scores.seld)]
            rows.append([heard_as, way, *told[:2], f"{scores.de_deg:.1f}", *told[2:]])
            print(rows[-1], flush=True)
    return markdown(["detector", "decoding", "ER", "F", "DE °", "FR", "SELD"], rows)
