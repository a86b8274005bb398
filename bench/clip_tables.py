"""What the fault paper's tables cost at scale small: processor time of a step, and of all of it.

Steps are those of the tables' own trainings (`reproduce ega-table1`, `ega-table2`): examples made,
forward, backward, one thread, least of the last four of eight, of noise and as many labels as
ESC-10 has.
Hours are those of one core for all epochs, default folds and seeds; rows that share a training
with another count once. Tests are left out: they take some minutes in all.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.rivals import one_thread
from bench.tables import markdown
from sonoscope.training.clips.assembly import Build, rate_of_clips, window_of
from sonoscope.training.clips.ega_tables import SMALL, TABLES
from sonoscope.training.clips.held import STRETCH_S, HeldClips
from sonoscope.training.clips.loop import ClipParts, fit_clips, n_steps
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.stream import ClipBatch, FileStream
from sonoscope.training.clips.tables import ClipScale, recipe_of
from sonoscope.training.loop import Machine

N_LABELS, CLIP_S, FOLDS, FOLD_CLIPS = 10, 5.0, 5, 80


@dataclass(frozen=True, slots=True)
class Cost:
    """What a row's trainings cost: weights, ms a clip, clips heard in one, and hours of all."""

    name: str
    parameters: int
    clip_ms: float
    heard: int
    hours: float


def table(_work: Path, _data: Path) -> str:
    """Give the table."""
    return tell(costs(SMALL, steps=8))


def tell(rows: Sequence[Cost]) -> str:
    """Write rows and their sum."""
    heads = ["network", "parameters", "ms a clip", "clips in a training", "core hours"]
    lines = [
        [row.name, f"{row.parameters:,}", f"{row.clip_ms:.1f}", str(row.heard), f"{row.hours:.2f}"]
        for row in rows
    ]
    lines.append(["all", "", "", "", f"{sum(row.hours for row in rows):.2f}"])
    return markdown(heads, lines)


def costs(scale: ClipScale, steps: int, names: Sequence[str] = ()) -> list[Cost]:
    """Time some rows, each training once; all where none is named."""
    found: dict[ClipRecipe, Cost] = {}
    trainings = len(scale.folds or range(FOLDS)) * scale.seeds
    for row in (row for each in TABLES.values() for row in each.rows):
        recipe = recipe_of(row, "esc10", 1, 0, scale)
        if recipe in found or (names and row.name not in names):
            continue
        n_train = round(FOLD_CLIPS * (FOLDS - 1) * (1 - recipe.data.split.validation_share))
        heard = n_steps(recipe, n_train) * recipe.batch_size
        parameters, clip_s = timed(recipe, steps)
        hours = clip_s * heard * trainings / 3600
        found[recipe] = Cost(row.name, parameters, 1e3 * clip_s, heard, hours)
    return list(found.values())


def timed(recipe: ClipRecipe, steps: int) -> tuple[int, float]:
    """Give a network's weights, and processor seconds a clip: the least of its later steps."""
    stream, build = _Timed(recipe), Build(recipe, N_LABELS)
    parts = ClipParts(build, stream, steps * recipe.batch_size, N_LABELS, None, "made up")
    with one_thread(), TemporaryDirectory() as out:
        fit_clips(replace(recipe, epochs=1), Path(out), parts, machine=Machine("cpu", workers=0))
    parameters = sum(each.numel() for each in build().parameters())
    later = np.diff(stream.asked_s)[-(steps // 2) :]
    return parameters, float(later.min()) / recipe.batch_size


class _Timed:
    """A recipe's stream of noise, which notes the processor time whenever it is asked."""

    def __init__(self, recipe: ClipRecipe) -> None:
        rate_hz = rate_of_clips(recipe)
        self.stream = FileStream(
            noise(rate_hz), rate_hz, window_of(recipe), recipe.waveform, recipe.mixing, recipe.seed
        )
        self.asked_s: list[float] = []

    def batch(self, step: int, size: int) -> ClipBatch:
        """Make examples."""
        self.asked_s.append(time.process_time())
        return self.stream.batch(step, size)


def noise(rate_hz: int, n_clips: int = 64) -> HeldClips:
    """Make clips of noise."""
    rng, length = np.random.default_rng(0), round(CLIP_S * rate_hz)
    samples = rng.integers(-3000, 3000, n_clips * length, dtype=np.int16)
    return HeldClips(
        samples=torch.from_numpy(samples),
        start=np.arange(n_clips) * length,
        length=np.full(n_clips, length),
        label=np.arange(n_clips) % N_LABELS,
        groups=tuple(map(str, range(n_clips))),
        loudness=np.ones((n_clips, round(CLIP_S / STRETCH_S))),
        stretch=round(STRETCH_S * rate_hz),
        n_labels=N_LABELS,
    )
