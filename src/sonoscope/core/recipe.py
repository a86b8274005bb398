"""TOML to settings: frozen dataclasses, every unknown key refused by its full name.

A recipe is one complete file. It never says where data lie, on which device to run or with how
many workers: those are the doors' business. Settings are pydantic dataclasses beside the code that
uses them. What was made by a recipe keeps it as a JSON text.
"""

import json
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


def kind_of(path: Path) -> object:
    """Give the `kind` that a recipe file names, or None; refuses what is none as `read_toml`."""
    return read_toml(path, "a recipe").get("kind")


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


def to_json(recipe: object) -> str:
    """Give settings as one JSON text, the same for equal ones."""
    plain = TypeAdapter(type(recipe)).dump_python(recipe, mode="json")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def from_json(text: str, kind: type[Settings], *, where: str) -> Settings:
    """Read what `to_json` wrote.

    Raises
    ------
    SettingError
        If it is not a recipe of this version.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValueError as error:
        raise SettingError(f"{where}: not a recipe of this version: {error}") from error


def json_table(text: str) -> dict[str, Any]:
    """Give the keys of a JSON text, whole settings or not; none where it is no table."""
    try:
        plain: Any = json.loads(text)
    except ValueError:
        return {}
    return plain if isinstance(plain, dict) else {}
