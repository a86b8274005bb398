"""The verb `train`: a recipe in, checkpoints, a log and a curve out."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.table import Table

    from sonoscope.training.clips.log import ClipRow
    from sonoscope.training.clips.loop import ClipProgress
    from sonoscope.training.discharges.loop import Row as DischargeRow
    from sonoscope.training.log import Row
    from sonoscope.training.loop import Machine, Progress

EXTRA = ("torch", "lightning_fabric", "safetensors")


class Device(StrEnum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


def train(
    recipe: Annotated[Path, typer.Argument(help="What to train: a TOML file.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints, log.csv, curve.svg.")],
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="SONOSCOPE_DATA",
            help="Folder in which esc50/, digits/, own/, clips/ lie, or tau2019/ and other sets.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run in --out stands.")
    ] = False,
    init: Annotated[
        Path | None,
        typer.Option(help="Begin with the weights of this checkpoint of another run."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.AUTO,
    devices: Annotated[int, typer.Option(min=1, help="On how many of them.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make scenes ahead, for each device.")
    ] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the network on a CPU.")
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option(min=1, help="Steps between two checkpoints.")
    ] = 100,
    test_fold: Annotated[
        int | None,
        typer.Option(min=1, help="Of a recipe of clips: test on this fold, not on the recipe's."),
    ] = None,
) -> None:
    """Train a detector on scenes made while it learns, or on recordings; or a network on clips."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            "sonoscope train needs the training extra: pip install 'sonoscope[train]'"
        )
    from sonoscope.core.recipe import kind_of
    from sonoscope.training.loop import Machine

    machine = Machine(device.value, devices, workers, threads, checkpoint_every)
    kind = kind_of(recipe)
    if test_fold is not None and kind != "clips":
        raise SettingError(f"--test-fold must go with a recipe of clips, but {recipe} is none")
    try:
        if kind == "discharges":
            if init is not None:
                raise SettingError("--init must be left out for a recipe of discharges")
            last = _on_discharges(recipe, out, threads, resume=resume)
        elif kind == "clips":
            last = _on_clips(recipe, out, data, test_fold, machine, resume=resume, init=init)
        else:
            last = _on_scenes(recipe, out, data, machine, resume=resume, init=init)
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from the last checkpoint in {out}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(last)


def _on_scenes(
    recipe: Path,
    out: Path,
    data: Path | None,
    machine: "Machine",
    *,
    resume: bool,
    init: Path | None,
) -> Path:
    from sonoscope.core.recipe import read_recipe
    from sonoscope.training.assembly import train as run
    from sonoscope.training.material import gather
    from sonoscope.training.recipe import TrainRecipe

    settings = read_recipe(recipe, TrainRecipe)
    material = gather(settings, data)
    with _told() as tell:
        return run(
            settings, out, material, resume=resume, init=init, machine=machine, on_progress=tell
        )


def _on_clips(
    recipe: Path,
    out: Path,
    data: Path | None,
    test_fold: int | None,
    machine: "Machine",
    *,
    resume: bool,
    init: Path | None,
) -> Path:
    from sonoscope.core.recipe import read_recipe
    from sonoscope.datasets.clip_folds import leaks
    from sonoscope.training.clips.assembly import gather_clips, train_clips
    from sonoscope.training.clips.recipe import ClipRecipe
    from sonoscope.training.clips.scored import RESULT, read_scored

    settings = read_recipe(recipe, ClipRecipe)
    material = gather_clips(settings if test_fold is None else settings.tested_on(test_fold), data)
    leaked = leaks(material.split)
    if leaked:
        print(
            f"{len(leaked)} originals stand on several sides of the split, for instance"
            f" {leaked[0]}: what is tested was in part learnt by heart",
            file=sys.stderr,
        )
    with _bar("reading clips") as bar:
        last = train_clips(
            material, out, resume=resume, init=init, machine=machine, on_progress=_TellingClips(bar)
        )
    scored = read_scored(out / RESULT)
    for name, each in scored.scores.items():
        print(f"{scored.test}: {name} {each.value:.4f} ({each.low:.4f} to {each.high:.4f})")
    return last


def _on_discharges(recipe: Path, out: Path, threads: int | None, *, resume: bool) -> Path:
    from sonoscope.core.recipe import read_recipe
    from sonoscope.training.discharges.draws import patterns_in
    from sonoscope.training.discharges.loop import fit_discharges
    from sonoscope.training.discharges.recipe import DischargeRecipe

    settings = read_recipe(recipe, DischargeRecipe)
    with _bar("simulating recordings") as bar:
        tell = _TellingDischarges(bar)
        train, validation = (
            patterns_in(out, settings.draws, part, tell.made) for part in ("train", "validation")
        )
        return fit_discharges(
            settings,
            out,
            train,
            validation,
            resume=resume,
            threads=threads,
            on_progress=tell.trained,
        )


class _TellingDischarges:
    """A bar of what is simulated, then of what is learnt, and a line a validation."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar

    def made(self, done: int, of: int) -> None:
        """Take note of recordings."""
        self.bar.update(self.bar.task_ids[0], completed=done, total=of)

    def trained(self, step: int, steps: int, loss: float, row: "DischargeRow | None") -> None:
        """Take note of a step."""
        told = f"loss {loss:.3f}"
        self.bar.update(
            self.bar.task_ids[0], description="training", completed=step, total=steps, told=told
        )
        if row is not None:
            print(
                f"step {row.step}: loss {row.loss:.3f}, validation {row.validation_loss:.3f}, "
                f"macro-F1 {row.macro_f1:.3f}, {row.elapsed_s / 60:.1f} min"
            )


class _Telling:
    """A bar with the time left on stderr, and a row of a table for each validation on stdout."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar
        self.task = bar.task_ids[0]
        self.has_head = False

    def __call__(self, progress: "Progress") -> None:
        """Take note."""
        self.bar.update(
            self.task,
            description="training",
            completed=progress.step,
            total=progress.steps,
            told=f"loss {progress.loss:.3f}, {progress.sound_s_per_s:.0f} s of sound a second",
        )
        if progress.rows:
            print_table(progress.rows, show_header=not self.has_head)
            self.has_head = True


class _TellingClips:
    """The same for a training on clips."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar
        self.has_head = False

    def __call__(self, progress: "ClipProgress") -> None:
        """Take note."""
        self.bar.update(
            self.bar.task_ids[0],
            description="training",
            completed=progress.step,
            total=progress.steps,
            told=f"loss {progress.loss:.3f}, {progress.clips_per_s:.0f} clips a second",
        )
        if progress.row is not None:
            _print_clip_row(progress.row, show_header=not self.has_head)
            self.has_head = True


@contextmanager
def _told() -> "Iterator[_Telling]":
    with _bar("making scenes") as bar:
        yield _Telling(bar)


@contextmanager
def _bar(first: str) -> "Iterator[Bar]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(first, total=None, told="")
        yield bar


def print_table(rows: "tuple[Row, ...]", *, show_header: bool) -> None:
    """Print rows of the log, aligned with those printed before."""
    from rich.console import Console

    Console(width=120).print(_table(rows, show_header=show_header))


_CLIP_WIDTHS = {
    "step": 7, "epoch": 7, "loss": 7, "rate": 8, "clips/s": 7, "valid.": 7, "accuracy": 8,
    "macro-F1": 8, "F1": 6, "min": 6,
}  # fmt: skip


def _print_clip_row(row: "ClipRow", *, show_header: bool) -> None:
    from rich.console import Console

    table = _empty_table(_CLIP_WIDTHS, show_header=show_header)
    table.add_row(
        str(row.step),
        f"{row.epoch:.1f}",
        f"{row.loss:.3f}",
        f"{row.learning_rate:.1e}",
        f"{row.clips_per_s:.0f}",
        f"{row.validation_loss:.3f}",
        f"{row.accuracy:.3f}",
        f"{row.macro_f1:.3f}",
        f"{row.weighted_f1:.3f}",
        f"{row.elapsed_s / 60:.1f}",
    )
    Console(width=120).print(table)


_WIDTHS = {
    "step": 7, "as": 5, "loss": 7, "sed": 7, "doa": 7, "rate": 8, "sound/s": 7, "ER": 6, "F": 6,
    "DE °": 6, "FR": 6, "SELD": 6, "at": 4, "F best": 6, "min": 6,
}  # fmt: skip


def _empty_table(widths: dict[str, int], *, show_header: bool) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=show_header, show_edge=False, pad_edge=False)
    for name, width in widths.items():
        table.add_column(name, width=width, justify="right")
    return table


def _table(rows: "tuple[Row, ...]", *, show_header: bool) -> "Table":
    table = _empty_table(_WIDTHS, show_header=show_header)
    for row in rows:
        table.add_row(
            str(row.step),
            row.heard_as,
            f"{row.loss:.3f}",
            f"{row.sed_loss:.3f}",
            f"{row.doa_loss:.3f}",
            f"{row.learning_rate:.1e}",
            f"{row.sound_s_per_s:.0f}",
            f"{row.er:.3f}",
            f"{row.f:.3f}",
            f"{row.de_deg:.1f}",
            f"{row.fr:.3f}",
            f"{row.seld:.3f}",
            f"{row.threshold:.1f}",
            f"{row.best_f:.3f}",
            f"{row.elapsed_s / 60:.1f}",
        )
    return table
