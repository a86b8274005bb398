"""The verb `demo`: a recording that came with the installation, analysed beside its truth."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "example"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the recording and what is found in it.")] = (
        Path("sonoscope-demo")
    ),
) -> None:
    """Analyse the example recording: prints its events and where the report lies."""
    from sonoscope.cli.analyze import analyze

    recording, truth = (_copied(f"{EXAMPLE}{suffix}", out) for suffix in (".flac", ".csv"))
    analyze([recording], out, truth=truth)


def _copied(name: str, out: Path) -> Path:
    """Copy a file of the example, whole or not at all."""
    import shutil
    from importlib.resources import files

    from sonoscope.core.errors import InputError, SettingError

    source = Path(str(files("sonoscope.cli"))) / EXAMPLE / name
    if not source.is_file():
        raise InputError(f"{source}: must have come with the installation, but it is not there")
    target, beside = out / name, out / f".{name}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, beside)
        beside.replace(target)
    except OSError as error:
        raise SettingError(
            f"--out must be a folder to write to, but {out}: {error.strerror}"
        ) from error
    return target
