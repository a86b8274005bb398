"""What verbs that listen to many files share on the screen: a bar, and quiet libraries."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[float], None] | None]:
    """Show a bar on a terminal's stderr."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(name), total=1.0)
        yield lambda part: bar.update(task, completed=part)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what C libraries write to file number 2 off the screen; ours goes on arriving there."""
    sys.stderr.flush()
    screen, before = os.dup(2), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    ours = _writes_to(before) == 2
    try:
        os.dup2(nowhere, 2)
        if ours:
            sys.stderr = os.fdopen(os.dup(screen), "w", buffering=1, errors="backslashreplace")
        yield
    finally:
        if ours:
            sys.stderr.close()
        sys.stderr = before
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)


def _writes_to(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
