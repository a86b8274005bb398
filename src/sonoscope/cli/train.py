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

    from sonoscope.training.log import Row
    from sonoscope.training.loop import Progress

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
            help="Folder in which esc50/, digits/ and own/ lie, or tau2019/ and other sets.",
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
) -> None:
    """Train a detector on scenes made while it learns, or on recordings."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            "sonoscope train needs the training extra: pip install 'sonoscope[train]'"
        )
    from sonoscope.core.recipe import read_recipe
    from sonoscope.training.assembly import train as run
    from sonoscope.training.loop import Machine
    from sonoscope.training.material import gather
    from sonoscope.training.recipe import TrainRecipe

    settings = read_recipe(recipe, TrainRecipe)
    material = gather(settings, data)
    machine = Machine(device.value, devices, workers, threads, checkpoint_every)
    try:
        with _told() as tell:
            last = run(
                settings,
                out,
                material,
                resume=resume,
                init=init,
                machine=machine,
                on_progress=tell,
            )
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from the last checkpoint in {out}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(last)


class _Telling:
    """A bar with the time left on stderr, and a row of a table for each validation on stdout."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar
        self.task = bar.add_task("making scenes", total=None, told="")
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


@contextmanager
def _told() -> "Iterator[_Telling]":
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
        yield _Telling(bar)


def print_table(rows: "tuple[Row, ...]", *, show_header: bool) -> None:
    """Print rows of the log, aligned with those printed before."""
    from rich.console import Console

    Console(width=120).print(_table(rows, show_header=show_header))


_WIDTHS = {
    "step": 7, "as": 5, "loss": 7, "sed": 7, "doa": 7, "rate": 8, "sound/s": 7, "ER": 6, "F": 6,
    "DE °": 6, "FR": 6, "SELD": 6, "at": 4, "F best": 6, "min": 6,
}  # fmt: skip


def _table(rows: "tuple[Row, ...]", *, show_header: bool) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=show_header, show_edge=False, pad_edge=False)
    for name, width in _WIDTHS.items():
        table.add_column(name, width=width, justify="right")
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
