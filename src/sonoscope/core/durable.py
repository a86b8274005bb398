"""Files that are there whole or not at all: written beside, flushed to the disk, then renamed."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from sonoscope.core.errors import InputError


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8, line ends as given) in one step.

    Raises
    ------
    InputError
        If the folder does not exist or nothing can be written there.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o666 & ~_umask())  # mkstemp gives its files to their owner alone
        Path(beside).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            Path(beside).unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
