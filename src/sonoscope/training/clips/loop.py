"""The training loop for networks that name clips.

Everything random is a function of the recipe's seed and the step, so that a run that was killed at
any moment and resumed ends with exactly the weights of one that was not; validations that decide
(which weights are kept, when the rate falls) stand in the log, which is written before the
checkpoint.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

import torch
from torch import Tensor, nn

from sonoscope.core.errors import CheckpointError
from sonoscope.metrics.classification import ClipScores
from sonoscope.models.clip.build import AudioFormerNetwork, ClipNetwork, normalise_clips
from sonoscope.models.clip.rivals.audio_former import AudioFormer
from sonoscope.models.masking import Masking
from sonoscope.training import checkpoint, ema, steps
from sonoscope.training.batches import made_ahead, one_thread_each
from sonoscope.training.clips.listening import ClipSet, answers
from sonoscope.training.clips.log import ClipRow, read_rows, write_rows
from sonoscope.training.clips.losses import clip_loss, smoothed
from sonoscope.training.clips.mixing import mixed_bands
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.stream import ClipBatch, ClipStream
from sonoscope.training.log import LOG
from sonoscope.training.loop import Machine
from sonoscope.training.memory import keep_freed_memory
from sonoscope.training.schedule import rate_of, step_seed

_NORMALISED_BY = 8  # batches of the training whose moments normalise maps
_TICK = 10  # steps between two looks at the loss: each look waits for the device
_MASKS = 2  # which of a step's streams of random numbers is the network's own


@dataclass(frozen=True, slots=True)
class ClipParts:
    """What a recipe and its clips amount to.

    Attributes
    ----------
    network
        Makes the network with random weights.
    train
        Makes training batches.
    n_train
        Clips in an epoch.
    n_labels
        How many labels there are.
    validation
        Clips heard now and then; None where none are.
    data_hash
        Tells these data from others.
    """

    network: Callable[[], ClipNetwork]
    train: ClipStream
    n_train: int
    n_labels: int
    validation: ClipSet | None
    data_hash: str


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """What is told every few steps; `row` just after a validation."""

    step: int
    steps: int
    loss: float
    clips_per_s: float
    row: ClipRow | None = None


Listener = Callable[[ClipProgress], None]


def n_steps(recipe: ClipRecipe, n_train: int) -> int:
    """Tell how many steps hear every clip as often as the recipe asks for."""
    return -(-recipe.epochs * n_train // recipe.batch_size)


def nameless_share(recipe: ClipRecipe) -> float:
    """Tell in what share of the steps no names are learnt, whose validations decide no rate."""
    network = recipe.network
    if recipe.loss.kind == "own" and isinstance(network, AudioFormerNetwork):
        return network.body.pretraining
    return 0.0


def fit_clips(
    recipe: ClipRecipe,
    out: Path,
    parts: ClipParts,
    *,
    resume: bool = False,
    init: Path | None = None,
    machine: Machine | None = None,
    on_progress: Listener | None = None,
) -> Path:
    """Train and give the path of the best checkpoint, or of the last where the recipe says so.

    Parameters
    ----------
    recipe
        What to train.
    out
        Folder of the run: `checkpoint.json`, two checkpoints, the best weights, `log.csv`,
        `curve.svg`.
    parts
        Network and clips of the recipe.
    resume
        Go on where the run in `out` stands; begin where there is none.
    init
        A checkpoint of another run, whose averaged weights are the first ones.
    machine
        Where to train; one device.
    on_progress
        Told how it goes.

    Raises
    ------
    CheckpointError
        If `out` holds a run and `resume` is not asked for, or holds one of another recipe or of
        other data, or a checkpoint does not fit the network.
    SonoscopeError
        If the loss is no longer a number.
    """
    machine = machine or Machine()
    before = checkpoint.standing(out, recipe, parts.data_hash, resume=resume)
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    device = torch.device(_device(machine.device))
    if device.type == "cpu":
        keep_freed_memory()
    run = _Run(recipe, out, parts, machine, device, on_progress)
    run.start(before, init)
    return run.finish()


def _device(asked: str) -> str:
    if asked != "auto":
        return asked
    return "cuda" if torch.cuda.is_available() else "cpu"


class _Run:
    """The state of one training."""

    def __init__(
        self,
        recipe: ClipRecipe,
        out: Path,
        parts: ClipParts,
        machine: Machine,
        device: torch.device,
        on_progress: Listener | None,
    ) -> None:
        self.recipe, self.out, self.parts, self.machine = recipe, out, parts, machine
        self.device, self.on_progress = device, on_progress
        torch.manual_seed(step_seed(recipe.seed, -1))
        self.network = parts.network().to(device)
        if recipe.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = ema.averaged_copy(self.network)
        self.optimizer = _optimizer(self.network, recipe)
        self.masking = Masking(recipe.masking).train()
        self.steps = n_steps(recipe, parts.n_train)
        self.nameless = nameless_share(recipe)
        self.step, self.elapsed_s = 0, 0.0
        self.rows: list[ClipRow] = []
        self.losses: list[Tensor] = []
        self.since_s = time.perf_counter()

    def start(self, before: checkpoint.Position | None, init: Path | None) -> None:
        """Take up a run, or begin one."""
        if before is not None:
            path = self.out / before.file
            checkpoint.restore(path, self.network, self.average, self.optimizer)
            self.step, self.elapsed_s = before.step, before.elapsed_s
            self.rows = self._rows_until(before)
        elif init is None:
            size = self.recipe.batch_size
            first = (self.parts.train.batch(i, size).clips[0] for i in range(_NORMALISED_BY))
            normalise_clips(self.network, (sound.to(self.device) for sound in first))
            self.average = ema.averaged_copy(self.network)
        else:
            checkpoint.start_from(init, self.network)
            self.average = ema.averaged_copy(self.network)
        checkpoint.clean(self.out)

    def _rows_until(self, before: checkpoint.Position) -> list[ClipRow]:
        path = self.out / LOG
        rows = read_rows(path) if path.is_file() else []
        rows = [row for row in rows if row.step <= before.step]
        if len(rows) != len(before.scores):
            raise CheckpointError(
                f"{path} must tell of {len(before.scores)} validations, but tells of {len(rows)}"
            )
        return rows

    def finish(self) -> Path:
        """Take the steps that are left."""
        self.network.train()
        began_s, elapsed_before_s = time.perf_counter(), self.elapsed_s
        self.since_s = began_s
        for batch in self._batches():
            self._take_step(batch)
            self.step += 1
            self.elapsed_s = elapsed_before_s + time.perf_counter() - began_s
            if self.step % _TICK == 0 or self.step == self.steps:
                self._tell()
            if self._is_due():
                self._validate()
            if self.step % self.machine.checkpoint_every == 0 or self.step == self.steps:
                self._save()
        keep_best = self.recipe.validation.keep == "best"
        return checkpoint.result(self.out, self.step, keep_best=keep_best)

    def _batches(self) -> Iterator[ClipBatch]:
        make = partial(_batch, self.parts.train, self.recipe.batch_size)
        left = range(self.step, self.steps)
        with one_thread_each():
            yield from made_ahead(make, left, workers=self.machine.workers)

    def _is_due(self) -> bool:
        """Tell whether the last step ended as many epochs as lie between two validations."""
        if self.step == self.steps:
            return True
        each = self.recipe.validation.every_epochs * self.parts.n_train
        heard = self.step * self.recipe.batch_size
        return math.floor(heard / each) > math.floor((heard - self.recipe.batch_size) / each)

    def _take_step(self, made: ClipBatch) -> None:
        recipe, batch = self.recipe, made.to(self.device)
        torch.manual_seed(step_seed(recipe.seed, self.step, _MASKS))
        steps.set_rate(self.optimizer, self._rate(self.step))
        error = self._error(self._maps(batch), batch.target)
        error.backward()  # type: ignore[no-untyped-call]
        steps.step(
            self.network,
            self.average,
            self.optimizer,
            self.step + 1,
            longest=recipe.gradient_clip,
            ema_decay=recipe.ema_decay,
        )
        self.losses.append(error.detach())

    def _error(self, maps: list[Tensor], target: Tensor) -> Tensor:
        body, how = self.network.body, self.recipe.loss
        with self._autocast():
            if how.kind == "own" and isinstance(body, AudioFormer):
                done = self.step / self.steps
                return body.own_loss(maps[0], smoothed(target, how.smoothing), done)
            logits = body(*maps)
        return clip_loss(logits.float(), target, how)

    def _maps(self, batch: ClipBatch) -> list[Tensor]:
        """Give what the body takes; of the first input bands are mixed and parts hidden."""
        first, *others = self.network.maps(*batch.clips)
        if first.ndim == 4:
            if batch.partner is not None and batch.bands is not None:
                first = mixed_bands(first, batch.partner, batch.bands)
            first = self.masking(first.transpose(2, 3)).transpose(2, 3)
            if self.recipe.channels_last:
                first = first.contiguous(memory_format=torch.channels_last)
        return [first, *others]

    def _autocast(self) -> AbstractContextManager[object]:
        half = self.recipe.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def _rate(self, step: int) -> float:
        recipe = self.recipe
        scores = [_score(row) for row in self.rows if row.step > self.nameless * self.steps]
        rate = rate_of(
            recipe.schedule, step, self.steps, recipe.learning_rate, recipe.warmup_share, scores
        )
        return max(rate, recipe.least_rate)

    def _tell(self) -> None:
        last = steps.check_loss(float(self.losses[-1]), self.step)
        if self.on_progress is not None:
            self.on_progress(ClipProgress(self.step, self.steps, last, self._clips_per_s()))

    def _clips_per_s(self) -> float:
        n_clips = len(self.losses) * self.recipe.batch_size
        return n_clips / max(time.perf_counter() - self.since_s, 1e-9)

    def _validate(self) -> None:
        """Score, keep what is best, write the log."""
        speed = self._clips_per_s()
        loss, scores = self._heard()
        row = ClipRow(
            step=self.step,
            epoch=self.step * self.recipe.batch_size / self.parts.n_train,
            loss=float(torch.stack(self.losses).mean()) if self.losses else math.nan,
            learning_rate=self._rate(self.step - 1),
            clips_per_s=speed,
            validation_loss=loss,
            accuracy=scores.accuracy,
            macro_f1=scores.macro_f1,
            weighted_f1=scores.weighted_f1,
            elapsed_s=self.elapsed_s,
        )
        is_best = all(row.macro_f1 > other.macro_f1 for other in self.rows)
        if is_best and self.parts.validation is not None:
            checkpoint.write_best(self.out, self._here(), self.average)
        self.rows.append(row)
        write_rows(self.out, self.rows, self.parts.n_labels)
        if self.on_progress is not None:
            self.on_progress(ClipProgress(self.step, self.steps, row.loss, speed, row))
        self.losses, self.since_s = [], time.perf_counter()

    def _heard(self) -> tuple[float, ClipScores]:
        """Let the averaged weights name the validation clips."""
        if self.parts.validation is None:
            return math.nan, ClipScores(math.nan, math.nan, math.nan)
        with self._autocast():
            said = answers(self.average, self.parts.validation)
        return said.loss, said.scores

    def _here(self) -> checkpoint.Position:
        scores = (_score(row) for row in self.rows)
        data_hash = self.parts.data_hash
        return checkpoint.reached(self.recipe, data_hash, self.step, self.elapsed_s, scores)

    def _save(self) -> None:
        checkpoint.write(self.out, self._here(), self.network, self.average, self.optimizer)


def _score(row: ClipRow) -> float | None:
    return None if math.isnan(row.validation_loss) else row.validation_loss


def _batch(stream: ClipStream, size: int, step: int) -> ClipBatch:
    return stream.batch(step, size)


def _optimizer(network: nn.Module, recipe: ClipRecipe) -> torch.optim.Optimizer:
    """Adam's decay is a penalty on every weight, AdamW's shrinks matrices and kernels alone."""
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(
                steps.learnt_of(network),
                lr=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                fused=True,
            )
        case "adamw":
            return steps.adamw(network, recipe.learning_rate, recipe.weight_decay)
        case _:
            assert_never(recipe.optimizer)
