"""Which measured rooms and recorded ambiences a recipe's scenes take place in.

Files lie below the data folder; a name may hold `*`. Rooms are SOFA files and what else
`datasets.responses` can read without being told more; ambiences are recordings of any length from
half a second on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from sonoscope.core.audio import read
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.datasets.responses import read_room
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.measured import MeasuredRoom


@dataclass(config=STRICT)
class PlaceChoice:
    """Real surroundings.

    Attributes
    ----------
    responses
        Files of measured responses, each a room.
    channels
        What their channels are, where the files do not say.
    beds
        Recordings that the ambience of kind "bed" is made of.
    """

    responses: tuple[str, ...] = ()
    channels: Literal["foa", "n3d", "fuma", "tetra"] | None = None
    beds: tuple[str, ...] = ()


def measured_rooms(choice: PlaceChoice, data: Path | None) -> tuple[MeasuredRoom, ...]:
    """Read the rooms of a recipe.

    Raises
    ------
    SettingError
        If files are asked for without a data folder.
    InputError
        If there is no such file, or one cannot be read.
    """
    found = _files("responses", choice.responses, data)
    return tuple(read_room(path, channels=choice.channels) for path in found)


def recorded_beds(choice: PlaceChoice, data: Path | None, rate_hz: int) -> tuple[RecordedBed, ...]:
    """Read the ambiences of a recipe, at the scenes' rate; refusals as of `measured_rooms`."""
    found = _files("beds", choice.beds, data)
    return tuple(RecordedBed(read(path, rate_hz).samples, rate_hz) for path in found)


def named_files(choice: PlaceChoice, data: Path | None) -> tuple[Path, ...]:
    """List all files of a recipe's places; refusals as of `measured_rooms`."""
    rooms = _files("responses", choice.responses, data)
    return (*rooms, *_files("beds", choice.beds, data))


def _files(name: str, patterns: Sequence[str], data: Path | None) -> Iterator[Path]:
    if patterns and data is None:
        raise SettingError(f"--data must be the folder of places.{name}, but none was given")
    for pattern in patterns:
        found = sorted(data.glob(pattern)) if data else []
        if not found:
            raise InputError(
                f"{data}: must hold places.{name} {pattern}, but there is no such file"
            )
        yield from found
