"""The verb `simulate`: recordings whose truth is known."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from sonoscope.core.errors import SettingError


def simulate(
    recipe: Annotated[Path, typer.Argument(help="What to make: a TOML file.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the scenes, their truth and a manifest.")],
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Which scenes: the same seed, the same.")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(envvar="SONOSCOPE_DATA", help="Folder in which esc50/, digits/ and own/ lie."),
    ] = None,
) -> None:
    """Make scenes with truth: rooms, sources and ambience; goes on where it was broken off."""
    if importlib.util.find_spec("torch") is None:
        raise SettingError(
            "sonoscope simulate needs the training extra: pip install 'sonoscope[train]'"
        )
    from rich.console import Console
    from rich.progress import track

    from sonoscope.core.recipe import read_recipe
    from sonoscope.datasets.scene_set import SceneSetRecipe
    from sonoscope.pipeline import simulate as run

    settings = read_recipe(recipe, SceneSetRecipe)
    steps = iter(track(range(count), "simulating", console=Console(stderr=True), transient=True))

    def done(_: int) -> None:
        next(steps, None)

    print(run(settings, out, count=count, seed=seed, data=data, progress=done))
