"""Small TOML files of a user: read whole, or refused in one line."""

import tomllib
from pathlib import Path
from typing import Any

from sonoscope.core.errors import InputError

_MOST_BYTES = 1 << 20


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a table.

    Parameters
    ----------
    what
        What the file should be, for the refusal: "a recipe".

    Raises
    ------
    InputError
        If it is no regular file of at most 1 MiB (a pipe would hang), not UTF-8, or not TOML.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: {what} must be a file, but there is none of that name")
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: {what} must be a text of at most 1 MiB")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except InputError:
        raise
    # ValueError: not UTF-8, not TOML, or a number of thousands of digits
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: {what} must be readable TOML, but: {error}") from error
