"""The training loop: scenes made ahead, steps taken, scores told, checkpoints written.

Everything random is a function of the recipe's seed and the step, so that a run that was killed at
any moment and resumed ends with exactly the weights of one that was not; where validations decide
(a rate that falls, an early end), their scores stand in the checkpoint. Several devices share a
batch: rank r of n makes its own `batch_size / n` scenes of the step.

Reference: Lightning Fabric for devices and precision, https://lightning.ai/docs/fabric.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.models.build import is_second_stage, normalise
from sonoscope.simulation.stream import Batch
from sonoscope.training import checkpoint, ema, log, steps, validation
from sonoscope.training.batches import Stream, batches, one_thread_each
from sonoscope.training.losses import Truth, loss
from sonoscope.training.memory import keep_freed_memory
from sonoscope.training.mixup import MixedStream
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.recorded import Sweeping
from sonoscope.training.schedule import rate_of, since_best, step_seed

_NORMALISED_BY = 16  # batches of the training whose moments normalise features
_TICK = 10  # steps between two looks at the loss: each look waits for the device
_CHECKPOINT_EVERY = 100
_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to train; none of it changes what is learnt, up to rounding.

    Attributes
    ----------
    device
        `auto`, `cpu`, `cuda` or `mps`.
    devices
        How many of them.
    workers
        Processes on each device's behalf that make scenes ahead; 0 makes them in between, on a
        CUDA device with the device itself.
    threads
        Threads of the network on a CPU; torch's own choice where None.
    checkpoint_every
        Steps between two checkpoints.
    """

    device: str = "auto"
    devices: int = 1
    workers: int = 1
    threads: int | None = None
    checkpoint_every: int = _CHECKPOINT_EVERY


@dataclass(frozen=True, slots=True)
class Parts:
    """What a recipe and its clips amount to.

    Attributes
    ----------
    network
        Makes the network with random weights.
    train, validation
        Make the scenes.
    data_hash
        Tells these data from others.
    formats
        The channel formats among which each batch is divided evenly.
    """

    network: Callable[[], nn.Module]
    train: Stream
    validation: Stream
    data_hash: str
    formats: tuple[str, ...] = ("foa",)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is told every few steps; `rows`, one a channel format, just after a validation."""

    step: int
    steps: int
    loss: float
    sound_s_per_s: float
    rows: tuple[log.Row, ...] = ()


Listener = Callable[[Progress], None]


def fit(
    recipe: TrainRecipe,
    out: Path,
    parts: Parts,
    *,
    resume: bool = False,
    init: Path | None = None,
    machine: Machine | None = None,
    on_progress: Listener | None = None,
) -> Path:
    """Train and give the path of the last checkpoint, or of the best where the recipe says so.

    Parameters
    ----------
    recipe
        What to train.
    out
        Folder of the run: `checkpoint.json`, two checkpoints, the best weights, `log.csv`,
        `curve.svg`.
    parts
        Network and scenes of the recipe.
    resume
        Go on where the run in `out` stands; begin where there is none.
    init
        A checkpoint of another run, whose averaged weights are the first ones.
    machine
        Where to train.
    on_progress
        Told how it goes, on the first device alone.

    Raises
    ------
    CheckpointError
        If `out` holds a run and `resume` is not asked for, or holds one of another recipe or of
        other data, or a checkpoint does not fit the network.
    SettingError
        If the batch does not divide by the devices, or a second stage is to begin without a first.
    SonoscopeError
        If the loss is no longer a number.
    """
    machine = machine or Machine()
    before = checkpoint.standing(out, recipe, parts.data_hash, resume=resume)
    if before is None and init is None and is_second_stage(recipe.network):
        raise SettingError(
            f'{recipe.name}: the stage "direction" must begin with a checkpoint of the stage'
            f' "detection" (--init), but none was given'
        )
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it repeats the recipe
    fabric = Fabric(
        accelerator=machine.device,
        devices=machine.devices,
        precision=_PRECISION[recipe.precision],  # type: ignore[arg-type]
    )
    fabric.launch()
    if fabric.device.type == "cpu":
        keep_freed_memory()
    if recipe.batch_size % fabric.world_size:
        raise SettingError(
            f"batch_size must divide by the {fabric.world_size} devices,"
            f" but {recipe.batch_size} was given"
        )
    run = _Run(recipe, out, parts, machine, fabric, on_progress)
    run.start(before, init)
    return run.finish()


@dataclass(slots=True)
class _Since:
    """Sums since the last row; tensors, so that nobody waits for the device at every step."""

    n_steps: int = 0
    losses: list[Tensor] = field(default_factory=list)
    started_s: float = field(default_factory=time.perf_counter)

    def add(self, total: Tensor, activity: Tensor, direction: Tensor) -> None:
        self.n_steps += 1
        self.losses.append(torch.stack([total, activity, direction]).detach())

    def means(self) -> tuple[float, float, float]:
        total, activity, direction = torch.stack(self.losses).mean(dim=0).tolist()
        return total, activity, direction

    def rate(self, sound_s: float) -> float:
        """Give seconds of sound a second, for so many in a step."""
        return self.n_steps * sound_s / (time.perf_counter() - self.started_s)


class _Run:
    """The state of one training."""

    def __init__(
        self,
        recipe: TrainRecipe,
        out: Path,
        parts: Parts,
        machine: Machine,
        fabric: Fabric,
        on_progress: Listener | None,
    ) -> None:
        self.recipe, self.out, self.parts, self.machine = recipe, out, parts, machine
        self.fabric, self.on_progress = fabric, on_progress
        torch.manual_seed(step_seed(recipe.seed, -1))
        self.network = parts.network().to(fabric.device)
        if recipe.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = ema.averaged_copy(self.network)
        self.optimizer = _optimizer(self.network, recipe)
        self.step, self.elapsed_s = 0, 0.0
        self.rows: list[log.Row] = []
        self.scores: list[float | None] = []
        self.scenes: list[Batch] = []

    def start(self, before: checkpoint.Position | None, init: Path | None) -> None:
        """Take up a run, or begin one."""
        if before is not None:
            path = self.out / before.file
            checkpoint.restore(path, self.network, self.average, self.optimizer)
            self.step, self.elapsed_s = before.step, before.elapsed_s
            self.scores = list(before.scores)
            if (self.out / log.LOG).is_file():
                rows = log.read_rows(self.out / log.LOG)
                self.rows = [row for row in rows if row.step <= before.step]
        elif init is None:
            size, window_s = self.recipe.batch_size, self.recipe.window_s
            first = (self.parts.train.batch(i, size, window_s).sound for i in range(_NORMALISED_BY))
            normalise(self.network, (sound.to(self.fabric.device) for sound in first))
            self.average = ema.averaged_copy(self.network)
        else:
            checkpoint.start_from(init, self.network)
            self.average = ema.averaged_copy(self.network)
        if self.fabric.is_global_zero:
            checkpoint.clean(self.out)
            if not isinstance(self.parts.validation, Sweeping):  # recordings are read again
                self.scenes = list(self._validation_scenes())
        self.fabric.barrier()

    def _validation_scenes(self) -> Iterator[Batch]:
        """Make whole batches, as a stream may divide each among channel formats."""
        size, window_s = self.recipe.batch_size, self.recipe.window_s
        stream = self.parts.validation
        n_batches = -(-self.recipe.validation.scenes // size)
        if isinstance(stream, Sweeping):
            n_batches = stream.n_batches(size, window_s)
        for step in range(n_batches):
            yield stream.batch(step, size, window_s)

    def finish(self) -> Path:
        """Take the steps that are left."""
        n_steps, every = self.recipe.steps, self.recipe.validation.every
        network, optimizer = self.fabric.setup(self.network, self.optimizer)
        since = _Since()
        began_s, elapsed_before_s = time.perf_counter(), self.elapsed_s
        with one_thread_each():
            ahead = iter(self._batches())
            first = next(ahead, None)  # here the workers start
        network.train()
        batch = first
        while batch is not None and not self._is_over():
            self._take_step(network, optimizer, batch, since)
            self.step += 1
            self.elapsed_s = elapsed_before_s + time.perf_counter() - began_s
            done = self.step == n_steps
            validates = done or self.step % every == 0
            saves = done or self.step % self.machine.checkpoint_every == 0
            if validates or saves or self.step % _TICK == 0:
                self._tell(since)
            if validates:
                self._validate(since)
                since = _Since()
            if saves or self._is_over():
                self._save()
            batch = next(ahead, None)
        keep_best = self.recipe.validation.keep_best
        return checkpoint.result(self.out, self.step, keep_best=keep_best)

    def _is_over(self) -> bool:
        """Tell whether validations have brought nothing for too long."""
        patience = self.recipe.validation.patience
        return 0 < patience <= since_best(self.scores)

    def _batches(self) -> Iterable[Batch]:
        """Make what this device works on in the steps that are left."""
        ranks, rank = self.fabric.world_size, self.fabric.global_rank
        stream = self.parts.train
        if self.recipe.mixup.kind != "none":
            n_parts = len(self.parts.formats)
            stream = MixedStream(stream, self.recipe.mixup, self.recipe.seed, n_parts)
        return batches(
            stream,
            range(self.step * ranks + rank, self.recipe.steps * ranks, ranks),
            self.recipe.batch_size // ranks,
            self.recipe.window_s,
            workers=self.machine.workers,
        )

    def _take_step(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        batch: Batch,
        since: _Since,
    ) -> None:
        recipe, device = self.recipe, self.fabric.device
        torch.manual_seed(step_seed(recipe.seed, self.step, self.fabric.global_rank))
        steps.set_rate(optimizer, self._rate(self.step))
        output = network(batch.sound.to(device, non_blocking=True))
        errors = loss(output, Truth.of(batch, device), recipe.loss)
        self.fabric.backward(errors.total)
        steps.step(
            self.network,
            self.average,
            optimizer,
            self.step + 1,
            longest=recipe.gradient_clip,
            ema_decay=recipe.ema_decay,
        )
        since.add(*errors)

    def _rate(self, step: int) -> float:
        recipe = self.recipe
        return rate_of(
            recipe.schedule,
            step,
            recipe.steps,
            recipe.learning_rate,
            recipe.warmup_share,
            self.scores,
        )

    def _sound_s(self) -> float:
        return self.recipe.batch_size * self.recipe.window_s

    def _tell(self, since: _Since) -> None:
        total = steps.check_loss(float(since.losses[-1][0]), self.step)
        self._report(total, since.rate(self._sound_s()))

    def _report(self, total: float, rate: float, rows: tuple[log.Row, ...] = ()) -> None:
        if self.on_progress is not None and self.fabric.is_global_zero:
            self.on_progress(Progress(self.step, self.recipe.steps, total, rate, rows))

    def _validate(self, since: _Since) -> None:
        """Score, keep what is best, write the log; every device remembers the score."""
        score: float | None = None
        if self.fabric.is_global_zero:
            rate = since.rate(self._sound_s())
            means = since.means()
            rows = tuple(
                self._row(heard_as, answers, means, rate)
                for heard_as, answers in self._answers().items()
            )
            score = _mean_seld(rows)
            if not self.scores or since_best([*self.scores, score]) == 0:
                checkpoint.write_best(self.out, self._here(), self.average)
            self.rows += rows
            log.write_rows(self.out, self.rows)
            self._report(means[0], rate, rows)
        self.scores.append(self.fabric.broadcast(score))
        self.fabric.barrier()

    def _answers(self) -> dict[str, list[validation.Answer]]:
        """Let the averaged weights answer the validation scenes of each channel format."""
        answers: dict[str, list[validation.Answer]] = {name: [] for name in self.parts.formats}
        n_labels = len(self.recipe.labels)
        for batch in self.scenes or self._validation_scenes():
            with self.fabric.autocast():
                heard = validation.outputs(
                    self.average,
                    [batch],
                    n_labels=n_labels,
                    label_step_s=self.recipe.label_step_s,
                )
            share = len(heard) // len(answers)
            for part, of_format in enumerate(answers.values()):
                of_format += heard[part * share : (part + 1) * share]
        return answers

    def _row(
        self,
        heard_as: str,
        answers: list[validation.Answer],
        means: tuple[float, float, float],
        rate: float,
    ) -> log.Row:
        plain = validation.score(answers)
        threshold, best = validation.best_threshold(answers)
        return log.Row(
            step=self.step,
            heard_as=heard_as,
            loss=means[0],
            sed_loss=means[1],
            doa_loss=means[2],
            learning_rate=self._rate(self.step - 1),
            sound_s_per_s=rate,
            er=plain.er,
            f=plain.f,
            de_deg=plain.de_deg,
            fr=plain.fr,
            seld=plain.seld,
            threshold=threshold,
            best_er=best.er,
            best_f=best.f,
            best_de_deg=best.de_deg,
            best_fr=best.fr,
            best_seld=best.seld,
            elapsed_s=self.elapsed_s,
        )

    def _here(self) -> checkpoint.Position:
        data_hash = self.parts.data_hash
        return checkpoint.reached(self.recipe, data_hash, self.step, self.elapsed_s, self.scores)

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            here = self._here()
            checkpoint.write(self.out, here, self.network, self.average, self.optimizer)
        self.fabric.barrier()


def _mean_seld(rows: Sequence[log.Row]) -> float | None:
    """Average over formats; None where it is no number, which nothing is worse than."""
    mean = sum(row.seld for row in rows) / len(rows)
    return mean if math.isfinite(mean) else None


def _optimizer(network: nn.Module, recipe: TrainRecipe) -> torch.optim.Optimizer:
    match recipe.optimizer:
        case "adamw":
            return steps.adamw(network, recipe.learning_rate, recipe.weight_decay)
        case "adam":
            learnt = steps.learnt_of(network)
            return torch.optim.Adam(learnt, lr=recipe.learning_rate, fused=True)
        case _:
            assert_never(recipe.optimizer)
