"""The training loop of the network that names discharges.

Everything random is a function of the recipe's seed and the step, so that a run that was killed and
resumed ends with the weights of one that was not.

```
OUT/draws-HASH/        patterns of simulated recordings, made once (`draws`)
OUT/checkpoint*.*      as of any training (`training.checkpoint`); best.safetensors: the least loss
OUT/log.csv            a row a validation
```
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sonoscope.core.durable import write_text
from sonoscope.models.clip.pattern_network import PatternNetwork
from sonoscope.signal.pattern_input import FIGURES, MAPS
from sonoscope.training import checkpoint, ema, steps
from sonoscope.training.discharges.augment import augmented
from sonoscope.training.discharges.draws import LABELS, Patterns, draws_hash
from sonoscope.training.discharges.recipe import DischargeRecipe
from sonoscope.training.log import LOG
from sonoscope.training.schedule import rate_of, step_seed

_BATCH, _EPOCH = 0, 1  # streams of random numbers
_AT_ONCE = 128
_SAVE_EVERY = 100
_LONGEST_GRADIENT = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One validation.

    Attributes
    ----------
    loss, validation_loss
        Of the steps since the row before, and of the validation draws as heard and with echoes.
    macro_f1
        Over the kinds, each named from a probability of a half on.
    """

    step: int
    loss: float
    learning_rate: float
    validation_loss: float
    macro_f1: float
    elapsed_s: float


Listener = Callable[[int, int, float, Row | None], None]
"""Told the step, how many there are, the loss, and the row just after a validation."""


def fit_discharges(
    recipe: DischargeRecipe,
    out: Path,
    train: Patterns,
    validation: Patterns,
    *,
    resume: bool = False,
    threads: int | None = None,
    on_progress: Listener | None = None,
) -> Path:
    """Train on the processor, and give the path of the weights of the least validation loss.

    Raises
    ------
    CheckpointError
        If `out` holds a run and `resume` is not asked for, or holds one of another recipe.
    SonoscopeError
        If the loss is no longer a number.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    before = checkpoint.standing(out, recipe, draws_hash(recipe.draws), resume=resume)
    run = _Run(recipe, out, train, validation, on_progress)
    run.start(before)
    return run.finish()


class _Run:
    """The state of one training."""

    def __init__(
        self,
        recipe: DischargeRecipe,
        out: Path,
        train: Patterns,
        validation: Patterns,
        on_progress: Listener | None,
    ) -> None:
        self.recipe, self.out, self.on_progress = recipe, out, on_progress
        self.train, self.validation = train, validation
        torch.manual_seed(step_seed(recipe.seed, -1))
        self.network = PatternNetwork(recipe.network, len(LABELS)).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]
        )
        self.average = ema.averaged_copy(self.network)
        self.optimizer = steps.adamw(self.network, recipe.learning_rate, recipe.weight_decay)
        self.step, self.elapsed_s = 0, 0.0
        self.scores: list[float] = []
        self.rows: list[str] = []
        self.losses: list[float] = []

    def start(self, before: checkpoint.Position | None) -> None:
        """Take up a run, or begin one."""
        checkpoint.clean(self.out)
        if before is None:
            return
        path = self.out / before.file
        checkpoint.restore(path, self.network, self.average, self.optimizer)
        self.step, self.elapsed_s = before.step, before.elapsed_s
        self.scores = [math.inf if score is None else score for score in before.scores]
        lines = (self.out / LOG).read_text(encoding="utf-8").splitlines() if self.scores else []
        self.rows = lines[1 : 1 + len(self.scores)]

    def finish(self) -> Path:
        """Take the steps that are left."""
        recipe = self.recipe
        began_s, before_s = time.perf_counter(), self.elapsed_s
        self.network.train()
        while self.step < recipe.steps:
            loss = self._take_step()
            self.step += 1
            self.elapsed_s = before_s + time.perf_counter() - began_s
            last = self.step == recipe.steps
            row = self._validated() if self.step % recipe.validate_every == 0 or last else None
            if self.on_progress is not None:
                self.on_progress(self.step, recipe.steps, loss, row)
            if row is not None or self.step % _SAVE_EVERY == 0:
                checkpoint.write(self.out, self._here(), self.network, self.average, self.optimizer)
        return self.out / checkpoint.BEST

    def _take_step(self) -> float:
        recipe = self.recipe
        maps, figures, target = batch(recipe, self.train, self.step)
        torch.manual_seed(step_seed(recipe.seed, self.step, 2))
        steps.set_rate(self.optimizer, self._rate(self.step))
        smooth = target * (1 - recipe.smoothing) + recipe.smoothing / 2
        error = binary_cross_entropy_with_logits(self.network(maps, figures), smooth)
        error.backward()  # type: ignore[no-untyped-call]
        steps.step(
            self.network,
            self.average,
            self.optimizer,
            self.step + 1,
            longest=_LONGEST_GRADIENT,
            ema_decay=recipe.ema_decay,
        )
        loss = steps.check_loss(float(error.detach()), self.step)
        self.losses.append(loss)
        return loss

    def _rate(self, step: int) -> float:
        recipe = self.recipe
        return rate_of(
            recipe.schedule, step, recipe.steps, recipe.learning_rate, recipe.warmup_share,
            self.scores,
        )  # fmt: skip

    def _validated(self) -> Row:
        """Score the averaged weights, keep them if they are the best, write the log."""
        logits = logits_of(self.average, self.recipe, self.validation)
        target = np.repeat(self.validation.target, self.validation.maps.shape[1], axis=0)
        said, true = torch.from_numpy(logits), torch.from_numpy(target).float()
        row = Row(
            self.step,
            float(np.mean(self.losses)) if self.losses else math.nan,
            self._rate(self.step - 1),
            float(binary_cross_entropy_with_logits(said, true)),
            macro_f1(logits > 0, target),
            self.elapsed_s,
        )
        self.losses = []
        if row.validation_loss < min(self.scores, default=math.inf):
            checkpoint.write_best(self.out, self._here(), self.average)
        self.scores.append(row.validation_loss)
        self.rows.append(",".join(f"{value:.6g}" for value in asdict(row).values()))
        head = ",".join(field.name for field in fields(Row))
        write_text(self.out / LOG, "\n".join([head, *self.rows]) + "\n")
        return row

    def _here(self) -> checkpoint.Position:
        data_hash = draws_hash(self.recipe.draws)
        return checkpoint.reached(self.recipe, data_hash, self.step, self.elapsed_s, self.scores)


def batch(recipe: DischargeRecipe, train: Patterns, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Make the batch of a step: maps, figures and targets."""
    generator = np.random.default_rng(step_seed(recipe.seed, step, _BATCH))
    chosen = _which(recipe, len(train), step)
    maps_at, figures_at = places(recipe)
    n_views = train.maps.shape[1]
    is_plain = generator.uniform(size=len(chosen)) < recipe.plain_share
    view = np.where(
        is_plain | (n_views == 1), 0, generator.integers(1, max(n_views, 2), len(chosen))
    )
    pulses = tuple(name == "pulses" for name in recipe.network.maps)
    heard = train.maps[chosen, view][:, maps_at].astype(np.float32)
    maps = np.stack([augmented(each, pulses, recipe.augment, generator) for each in heard])
    figures = train.figures[chosen, view][:, figures_at]
    figures = figures + recipe.augment.figure_noise * generator.standard_normal(figures.shape)
    target = train.target[chosen].astype(np.float32)
    return (
        torch.from_numpy(maps),
        torch.from_numpy(figures.astype(np.float32)),
        torch.from_numpy(target),
    )


def _which(recipe: DischargeRecipe, count: int, step: int) -> np.ndarray:
    """Tell which draws a step learns from: every one before any comes again."""
    first = step * recipe.batch_size
    epochs = range(first // count, (first + recipe.batch_size - 1) // count + 1)
    orders = [
        np.random.default_rng(step_seed(recipe.seed, epoch, _EPOCH)).permutation(count)
        for epoch in epochs
    ]
    start = first - epochs[0] * count
    return np.concatenate(orders)[start : start + recipe.batch_size]


def places(recipe: DischargeRecipe) -> tuple[list[int], list[int]]:
    """Tell where the recipe's maps (both halves of each) and figures stand among all."""
    all_maps, all_figures = tuple(MAPS), tuple(FIGURES)
    maps = [2 * all_maps.index(name) + half for name in recipe.network.maps for half in (0, 1)]
    return maps, [all_figures.index(name) for name in recipe.network.figures]


@torch.no_grad()
def logits_of(
    network: nn.Module, recipe: DischargeRecipe, patterns: Patterns
) -> Float[np.ndarray, "seen label"]:
    """Let a network name every view of every draw, views of a draw after each other."""
    maps_at, figures_at = places(recipe)
    maps = patterns.maps[:, :, maps_at].reshape(-1, len(maps_at), *patterns.maps.shape[3:])
    figures = patterns.figures[:, :, figures_at].reshape(len(maps), -1)
    network.eval()
    said = [
        network(
            torch.from_numpy(maps[i : i + _AT_ONCE].astype(np.float32)),
            torch.from_numpy(figures[i : i + _AT_ONCE]),
        ).numpy()
        for i in range(0, len(maps), _AT_ONCE)
    ]
    return np.concatenate(said)


def macro_f1(said: np.ndarray, true: np.ndarray) -> float:
    """Give the mean F1 of labels, each judged by itself."""
    hits = (said & true).sum(axis=0)
    whole = said.sum(axis=0) + true.sum(axis=0)
    return float(np.mean(2 * hits / np.maximum(whole, 1)))
