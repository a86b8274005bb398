"""The verb `reproduce`: a table of a paper, trained and scored row by row."""

import importlib.util
import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sonoscope.cli.train import EXTRA, Device
from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from sonoscope.training.clips.reproduce import ClipPlan
    from sonoscope.training.clips.under_noise import NoisePlan
    from sonoscope.training.reproduce import Plan
    from sonoscope.training.table_work import KeptInFolder
    from sonoscope.training.tables import Format

_LOOKS_EVERY_S = 2.0


class Sound(StrEnum):
    """Which channel formats."""

    FOA = "foa"
    MIC = "mic"
    BOTH = "both"


class Size(StrEnum):
    """How much is learnt from."""

    SMALL = "small"
    PAPER = "paper"


class ClipSet(StrEnum):
    """Which clips."""

    ESC10 = "esc10"
    ESC50 = "esc50"
    URBANSOUND8K = "urbansound8k"


class Directions(StrEnum):
    """How directions are scored in the table for reading."""

    ROUNDED = "rounded"
    AS_IS = "as-is"
    STRICT = "strict"


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="seld-table3 (CNN, CRNN, challenge systems, M-CRNN), seld-table4 (attention), "
            "seld-table5 (ratio), seld-table6 (all), or seld-ablations (head, loss, mask, blocks, "
            "augmentations); ega-table1 (EGA and its rivals), ega-table2 (what its parts bring) or "
            "ega-table3 (both under noise: hears what these two have trained in OUT)."
        ),
    ],
    *,
    data: Annotated[
        Path,
        typer.Option(
            envvar="SONOSCOPE_DATA",
            help="Folder in which tau2019/ lies: foa_dev/, mic_dev/, metadata_dev/ as published, "
            "or made by `sonoscope simulate recipes/tau2019_24k.toml --tables TABLES --data CLIPS "
            "--out DATA/tau2019` from the published tables; of the ega tables, in which esc50/ or "
            "urbansound8k/ lies as published.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the table and of its trainings; tables may share it.")
    ],
    sound: Annotated[
        Sound | None, typer.Option("--format", help="Channel formats of a seld table; both.")
    ] = None,
    clips: Annotated[
        ClipSet | None, typer.Option("--set", help="Clips of an ega table; esc10.")
    ] = None,
    folds: Annotated[
        str | None, typer.Option(help="Test folds, as in 1,2,3,4; the scale's where left out.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings of each fold; the scale's where left out."),
    ] = None,
    scale: Annotated[
        Size, typer.Option(help="paper: as published; small: for a computer without a GPU.")
    ] = Size.SMALL,
    rows: Annotated[
        str | None, typer.Option(help="Only these rows, by their names, separated by commas.")
    ] = None,
    directions: Annotated[
        Directions | None,
        typer.Option(
            help="Of a seld table: rounded to 10 degrees for the organisers' scorer, as those who "
            "took part did; as they are, for the same; or strict. The csv has all "
            "three. Rounded where left out."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Trainings at once, each in a process of its own.")
    ] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each on a CPU.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that read recordings ahead, for each training.")
    ] = 0,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.AUTO,
    checkpoint_every: Annotated[
        int, typer.Option(min=1, help="Steps between two checkpoints.")
    ] = 100,
) -> None:
    """Train and score the rows of a table; stopped at any moment, it goes on when called again.

    Each channel format (of ega tables each set of clips) has a table of its own, OUT/NAME-FORMAT.md
    (NAME-FORMAT-paper.md at scale paper) and .csv; it shows every training of its rows in OUT, from
    earlier calls too.
    """
    if any(importlib.util.find_spec(name) is None for name in EXTRA):
        raise SettingError(
            "sonoscope reproduce needs the training extra: pip install 'sonoscope[train]'"
        )
    from sonoscope import pipeline
    from sonoscope.training import seld_tables
    from sonoscope.training.clips import ega_tables
    from sonoscope.training.clips.under_noise import TABLE3, NoisePlan
    from sonoscope.training.loop import Machine
    from sonoscope.training.reproduce import Workplace

    names = (*seld_tables.TABLES, *ega_tables.TABLES, TABLE3.name)
    if name not in names:
        raise SettingError(f"NAME must be one of {', '.join(names)}, but {name} was given")
    where = Workplace(data, Machine(device.value, 1, workers, threads, checkpoint_every))
    asked = _numbers(folds), seeds, _split(rows)
    if name == TABLE3.name:
        _refuse(name, {"--format": sound, "--directions": directions})
        heard = NoisePlan(_clip_plan(name, clips or ClipSet.ESC10, scale, asked, out))
        with _watched(heard) as tell:
            pipeline.reproduce_noise(heard, where, jobs=jobs, on_end=tell)
        _ended(heard, [heard.name])
        return
    if name in ega_tables.TABLES:
        _refuse(name, {"--format": sound, "--directions": directions})
        of_clips = _clip_plan(name, clips or ClipSet.ESC10, scale, asked, out)
        with _watched(of_clips) as tell:
            pipeline.reproduce_clips(of_clips, where, jobs=jobs, on_end=tell)
        _ended(of_clips, [of_clips.name])
        return
    _refuse(name, {"--set": clips})
    plan = _plan(name, sound or Sound.BOTH, scale, asked, out)
    reading = directions or Directions.ROUNDED
    with _watched(plan) as tell:
        pipeline.reproduce(plan, where, jobs=jobs, reading=reading.value, on_end=tell)
    _ended(plan, [plan.named(heard_as) for heard_as in plan.formats])


_Asked = tuple[tuple[int, ...] | None, int | None, tuple[str, ...]]
"""Folds, seeds and rows."""


def _refuse(name: str, given: Mapping[str, object]) -> None:
    """Refuse options of other tables."""
    for option, value in given.items():
        if value is not None:
            raise SettingError(f"{option} must be left out with {name}, but {value} was given")


def _plan(name: str, sound: Sound, scale: Size, asked: _Asked, out: Path) -> "Plan":
    from sonoscope.training import seld_tables
    from sonoscope.training.reproduce import Asked, planned

    formats: dict[Sound, tuple[Format, ...]] = {
        Sound.FOA: ("foa",),
        Sound.MIC: ("mic",),
        Sound.BOTH: ("foa", "mic"),
    }
    table = seld_tables.table(name)
    return planned(table, seld_tables.SCALES[scale.value], Asked(formats[sound], *asked), out)


def _clip_plan(name: str, clips: ClipSet, scale: Size, asked: _Asked, out: Path) -> "ClipPlan":
    from sonoscope.training.clips import ega_tables
    from sonoscope.training.clips.reproduce import AskedClips, planned_clips
    from sonoscope.training.clips.under_noise import TABLE3

    table, size = {**ega_tables.TABLES, TABLE3.name: TABLE3}[name], ega_tables.SCALES[scale.value]
    return planned_clips(table, clips.value, size, AskedClips(*asked), out)


@contextmanager
def _watched(plan: "Plan | ClipPlan | NoisePlan") -> "Iterator[_Watch]":
    """Show how far trainings are, and end them all with an interrupt."""
    try:
        with _children_end_with_an_interrupt(), _told(plan) as watch:
            yield watch
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoints", file=sys.stderr)
        raise typer.Exit(1) from None


def _ended(plan: "Plan | ClipPlan | NoisePlan", names: list[str]) -> None:
    """Name the tables that were written, and what could not be done."""
    for name in names:
        print(plan.out / f"{name}.md")
    if failed := [each for each in plan.trainings if not each.is_done]:
        for training in failed:
            print(f"{training.folder.name}:{training.why_not}", file=sys.stderr)
        raise typer.Exit(1)


def _split(words: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (words or "").split(",") if word.strip())


def _numbers(words: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(word) for word in _split(words)) or None
    except ValueError:
        raise SettingError(
            f"--folds must be numbers separated by commas, but {words} was given"
        ) from None


@contextmanager
def _children_end_with_an_interrupt() -> Iterator[None]:
    """Kill trainings in other processes on Ctrl-C, which would else go on to their end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for child in multiprocessing.active_children():
            child.kill()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Watch:
    """A bar for all trainings with the time left, and one for each that is at work."""

    def __init__(self, bar: "Bar", plan: "Plan | ClipPlan | NoisePlan") -> None:
        self.bar, self.trainings = bar, plan.trainings
        self.left = [each for each in self.trainings if not each.is_done]
        self.whole = bar.add_task("all", total=max(len(self.left), 1), told="")
        self.tasks: dict[Path, TaskID] = {}
        self.over = threading.Event()

    def __call__(self, training: "KeptInFolder") -> None:
        """Take note of a training that has ended."""
        state = "failed" if training.why_not else "done"
        self.bar.console.print(f"{state}: {training.folder.name}", highlight=False)
        self.look()

    def watch(self) -> None:
        """Look now and then until it is over."""
        while not self.over.wait(_LOOKS_EVERY_S):
            self.look()

    def look(self) -> None:
        """Read how far each is."""
        from sonoscope.training.table_work import standing

        share = 0.0
        for training in self.left:
            ended = training.is_done or bool(training.why_not)
            now = standing(training)
            share += 1.0 if ended else 0.0 if now is None else now.share
            if now is None:
                continue
            if training.folder not in self.tasks:
                self.tasks[training.folder] = self.bar.add_task(training.folder.name, told="")
            told = now.phase if now.loss is None else f"{now.phase}, loss {now.loss:.3f}"
            task = self.tasks[training.folder]
            self.bar.update(task, completed=now.done, total=now.of, told=told, visible=not ended)
        n_ended = sum(each.is_done for each in self.left)
        told = f"{n_ended} of {len(self.left)} trainings"
        self.bar.update(self.whole, completed=share, told=told)


@contextmanager
def _told(plan: "Plan | ClipPlan | NoisePlan") -> "Iterator[_Watch]":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Bar(*columns, console=Console(stderr=True), speed_estimate_period=3600) as bar:
        watch = _Watch(bar, plan)
        thread = threading.Thread(target=watch.watch, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.over.set()
            thread.join()
