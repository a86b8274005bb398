"""MATLAB files of version 5: their variables, and the checks that measured responses need."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.audio import MAX_RATE_HZ, MIN_RATE_HZ
from sonoscope.core.errors import InputError

MAX_BYTES = 1 << 29


def load(path: Path) -> dict[str, Any]:
    """Give the variables of a file, structs as objects with attributes.

    Raises
    ------
    InputError
        If it is too large or not readable.
    """
    from scipy.io import loadmat  # slow to load, and few files need it
    from scipy.io.matlab import MatReadError

    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: must have at most {MAX_BYTES >> 20} MiB, but has more")
    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
    except (MatReadError, ValueError, TypeError, OSError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable MATLAB file: {reason}") from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def series(path: Path, name: str, value: object) -> Float[ndarray, "..."]:
    """Give a variable as an array of finite numbers with at least one axis."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(
            f"{path}: {name} must be finite numbers, but {str(value)[:40]!r} was given"
        )
    return array.astype(np.float64)


def number(path: Path, name: str, value: object) -> float:
    """Give a variable as a single finite number."""
    array = series(path, name, value)
    if array.size != 1:
        raise InputError(f"{path}: {name} must be one number, but {array.shape} was given")
    return float(array.ravel()[0])


def rate(path: Path, value: object) -> int:
    """Give `fs` as a rate that can be."""
    hz = number(path, "fs", value)
    if hz != round(hz) or not MIN_RATE_HZ <= hz <= MAX_RATE_HZ:
        raise InputError(
            f"{path}: fs must be {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz, but {hz:g} was given"
        )
    return round(hz)
