"""Text and bytes to disk, whole or not at all."""

import os
import secrets
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write beside, flush to the disk, rename: a reader never sees half a file."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
