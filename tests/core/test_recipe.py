"""Settings from TOML: all keys known, every fault in one line with its full name."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT, from_table, read_recipe


@dataclass(config=STRICT)
class _Room:
    size_m: tuple[float, float, float]
    t60_s: Annotated[float, Field(gt=0)] = 0.5


@dataclass(config=STRICT)
class _Recipe:
    name: str
    room: _Room


def test_a_recipe_becomes_settings(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "hall"\n[room]\nsize_m = [6, 5, 3]\n')
    assert read_recipe(path, _Recipe) == _Recipe("hall", _Room((6.0, 5.0, 3.0), 0.5))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name = "a"\n[room]\nsize_m = [6, 5, 3]\nt60 = 1', "room.t60: unknown key"),
        ('name = "a"\n[room]\nsize_m = [6, 5, 3]\nt60_s = 0', "room.t60_s: .*greater than 0"),
        ('name = "a"', "room: Field required"),
    ],
)
def test_a_fault_is_one_line_with_its_full_name(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=line) as refusal:
        read_recipe(path, _Recipe)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"a: .*name: .*room: .*room2: unknown key"):
        from_table({"name": 3, "room": 4, "room2": 5}, _Recipe, where="a")


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file"):
        read_recipe(tmp_path / "none.toml", _Recipe)


@pytest.mark.parametrize("text", ["name = ", "a = " + "[" * 100_000, "a = " + "1" * 5_000, "\x80"])
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="readable TOML"):
        read_recipe(path, _Recipe)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(InputError, match="must be a file"):
        read_recipe(tmp_path / "pipe.toml", _Recipe)
