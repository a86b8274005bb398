"""TOML to settings: frozen dataclasses, every unknown key refused by its full name.

A recipe is one complete file. It never says where data lie, on which device to run or with how
many workers: those are the doors' business. Settings are pydantic dataclasses beside the code that
uses them.
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sonoscope.core.errors import SettingError
from sonoscope.core.toml_file import read_toml

Settings = TypeVar("Settings")

STRICT = ConfigDict(extra="forbid", frozen=True)
"""For ``@pydantic.dataclasses.dataclass(config=STRICT)``."""


def read_recipe(path: Path, kind: type[Settings]) -> Settings:
    """Read a recipe file into a settings dataclass.

    Raises
    ------
    InputError
        If the file cannot be read or is not TOML.
    SettingError
        If a key is unknown, missing or out of range.
    """
    table = read_toml(path, "a recipe")
    return from_table(table, kind, where=str(path))


def from_table(table: dict[str, Any], kind: type[Settings], *, where: str) -> Settings:
    """Turn a table into settings, refusing in one line what does not fit."""
    try:
        return TypeAdapter(kind).validate_python(table)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'recipe'}: "
            + ("unknown key" if fault["type"] == "unexpected_keyword_argument" else fault["msg"])
            for fault in error.errors()
        ]
        raise SettingError(f"{where}: {'; '.join(faults)}") from error
