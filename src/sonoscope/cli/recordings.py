"""What verbs share that listen to many recordings: each has a folder, a bar, and may fail alone."""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import typer

from sonoscope.cli.screen import progress_bar
from sonoscope.core.errors import SonoscopeError

IN_PART, REFUSED = 1, 2

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="The recordings.")]
OutIfAny = Annotated[
    Path | None, typer.Option(help="Folder for the results; without it nothing is written.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a recording.")]

Progress = Callable[[float], None] | None


class Warned(Protocol):
    """What was found in a recording, with what one must know before trusting it."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Give one line each."""
        ...


Found = TypeVar("Found", bound=Warned)


def one_by_one(
    files: Sequence[Path],
    out: Path | None,
    taken: Collection[str],
    work: Callable[[Path, Path | None, Progress], Found],
) -> Iterator[tuple[str, Found | None, str]]:
    """Work on each recording; give its name and what was found, or nothing and why.

    Parameters
    ----------
    out, taken
        Where their folders lie, and names that folders there may not have.
    work
        Takes the recording, its folder (None without `out`) and who is told how far it is.
    """
    names = [path.name for path in files]
    for path, folder in zip(files, folders(files, out or Path(), taken), strict=True):
        name = path.name if names.count(path.name) == 1 else str(path)
        name = name.encode("utf-8", "replace").decode()  # a file name need not be valid text
        try:
            with progress_bar(path.name) as progress:
                found = work(path, None if out is None else folder, progress)
        except SonoscopeError as error:
            failure = " ".join(str(error).split())
            print(f"sonoscope: {failure}", file=sys.stderr)
            yield name, None, failure
            continue
        for warning in found.warnings:
            print(f"sonoscope: {path}: {warning}", file=sys.stderr)
        yield name, found, ""


def folders(files: Sequence[Path], out: Path, taken: Collection[str]) -> list[Path]:
    """Give each recording a folder of its own, named after it; equal or taken names get a number.

    Examples
    --------
    >>> [str(f) for f in folders([Path("a/dog.wav"), Path("b/dog.flac")], Path("out"), ())]
    ['out/dog', 'out/dog-2']
    """
    used = {*taken}
    given = []
    for path in files:
        stem = path.stem.lstrip(".") or "recording"
        name, number = stem, 1
        while name.casefold() in used:  # some file systems do not tell Dog from dog
            number += 1
            name = f"{stem}-{number}"
        used.add(name.casefold())
        given.append(out / name)
    return given


def end_with(failures: Sequence[str]) -> None:
    """End in part or refused where recordings could not be used; each says why not, or nothing."""
    bad = sum(map(bool, failures))
    if bad:
        raise typer.Exit(REFUSED if bad == len(failures) else IN_PART)
