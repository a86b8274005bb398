"""The verb `simulate`: recordings whose truth is known."""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.datasets.drone_set import DroneSetRecipe
    from sonoscope.datasets.inspection_set import InspectionSetRecipe
    from sonoscope.datasets.scene_set import SceneSetRecipe, WrittenSet

_NAMES = (
    "tau2019, tau-nigens2020, tau-nigens2021, starss22, drone-survey, drone-inspection, discharges"
)


class FileType(StrEnum):
    """Kind of the sound files."""

    WAV = "wav"
    FLAC = "flac"


def simulate(
    recipe: Annotated[
        Path | None, typer.Argument(help="What to make: a TOML file.", show_default=False)
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the scenes, their truth and a manifest.")],
    preset: Annotated[
        str | None, typer.Option(help=f"In place of a recipe, the likeness of a set: {_NAMES}.")
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option("--from", help="In place of a recipe, the manifest of a set: make it again."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="With --from: a scene by its name; may be repeated.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="How many scenes.  [default: 10, or as many as tables]"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Which scenes: the same seed, the same.  [default: 0]"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(envvar="SONOSCOPE_DATA", help="Folder in which esc50/, digits/ and own/ lie."),
    ] = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder of DCASE tables to replay: a scene each, under its name."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at work.  [default: as many as there are cores]"),
    ] = None,
    file_type: Annotated[
        FileType | None, typer.Option(help="Kind of the sound files, if not the recipe's.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, for programs.")
    ] = False,
) -> None:
    """Make scenes with truth: rooms, sources and ambience; goes on where it was broken off.

    The preset discharges, or a recipe of the kind inspections, makes recordings of electrical
    discharges by one ultrasonic microphone. The preset drone-inspection, or the kind
    drone-inspections, makes them by 64 capsules under a drone, each with photograph, camera
    calibration and array geometry.
    """
    if sum(given is not None for given in (recipe, preset, again)) != 1:
        raise SettingError("simulate must have one of a RECIPE, --preset or --from")
    _check_from(again, only, {"--count": count, "--seed": seed, "--file-type": file_type})
    if importlib.util.find_spec("torch") is None:
        raise SettingError(
            "sonoscope simulate needs the training extra: pip install 'sonoscope[train]'"
        )
    from sonoscope.datasets.numbered_set import write_numbered
    from sonoscope.datasets.scene_set import Reporting, rewrite_scenes
    from sonoscope.pipeline import simulate as run

    numbered = _numbered(recipe, preset, file_type)
    if numbered is not None and tables is not None:
        raise SettingError("--tables must not come with recordings of discharges")
    started = time.monotonic()
    workers = workers or _cores()
    with _bar() as progress:
        reporting = Reporting(progress, _warn)
        if numbered is not None:
            written = write_numbered(
                numbered,
                out,
                count=count,
                seed=seed or 0,
                workers=workers,
                reporting=reporting,
            )
        elif again is not None:
            written = rewrite_scenes(
                again,
                only or [],
                out,
                data=data,
                tables=tables,
                workers=workers,
                reporting=reporting,
            )
        else:
            written = run(
                _settings(recipe, preset, data, file_type),
                out,
                count=count,
                seed=seed or 0,
                data=data,
                tables=tables,
                workers=workers,
                reporting=reporting,
            )
    if as_json:
        print(json.dumps(_summary(written, time.monotonic() - started)))
    else:
        print(written.manifest)


def _check_from(again: Path | None, only: list[str] | None, others: dict[str, object]) -> None:
    """Refuse options that --from has no use for, and --only without it."""
    if again is None:
        if only:
            raise SettingError("--only must come with --from")
        return
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise SettingError(f"{given[0]} must not come with --from: the manifest says it")


def _settings(
    recipe: Path | None, name: str | None, data: Path | None, file_type: FileType | None
) -> "SceneSetRecipe":
    from dataclasses import replace

    from sonoscope.core.recipe import read_recipe
    from sonoscope.datasets.presets.presets import preset
    from sonoscope.datasets.scene_set import SceneSetRecipe

    if recipe is not None:
        settings = read_recipe(recipe, SceneSetRecipe)
    else:
        assert name is not None
        settings = preset(name, data)
    return settings if file_type is None else replace(settings, file_type=file_type.value)


def _numbered(
    recipe: Path | None, name: str | None, file_type: FileType | None
) -> "InspectionSetRecipe | DroneSetRecipe | None":
    """Give the recipe of recordings of discharges, where that is what is asked for."""
    from sonoscope.core.recipe import from_table
    from sonoscope.core.toml_file import read_toml
    from sonoscope.datasets.drone_set import DroneSetRecipe
    from sonoscope.datasets.inspection_set import InspectionSetRecipe
    from sonoscope.datasets.presets.presets import DISCHARGES, DRONE_INSPECTION

    kinds = {"inspections": InspectionSetRecipe, "drone-inspections": DroneSetRecipe}
    presets = {DISCHARGES: "inspections", DRONE_INSPECTION: "drone-inspections"}
    if name in presets:
        table, where = {"kind": presets[name]}, f"--preset {name}"
    elif recipe is not None:
        table, where = read_toml(recipe, "a recipe"), str(recipe)
    else:
        return None
    told = table.get("kind")
    if not isinstance(told, str) or told not in kinds:
        return None
    if file_type is not None:
        table = table | {"file_type": file_type.value}
    return from_table(table, kinds[told], where=where)


def _cores() -> int:
    """Count the cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _warn(line: str) -> None:
    print(f"sonoscope: {line}", file=sys.stderr)


def _summary(written: "WrittenSet", elapsed_s: float) -> dict[str, object]:
    return {
        "manifest": str(written.manifest),
        "scenes": written.n_scenes,
        "made": written.n_made,
        "made_s": round(written.made_s, 3),
        "elapsed_s": round(elapsed_s, 3),
        "times_real_time": round(written.made_s / elapsed_s, 2),
        "left_out": list(written.left_out),
    }


@contextmanager
def _bar() -> Iterator[Callable[[int, int, float], None]]:
    """Show scenes done, how quick, and the time left, on stderr while it goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeLeft(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("simulating", total=None, told="")
        started = time.monotonic()

        def progress(done: int, total: int, made_s: float) -> None:
            nonlocal started
            if not made_s:
                started = time.monotonic()
            speed = made_s / max(time.monotonic() - started, 1e-3)
            told = f"{speed:.0f} x real time" if made_s else ""
            bar.update(task, completed=done, total=total, told=told)

        yield progress
