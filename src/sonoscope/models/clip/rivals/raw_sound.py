"""No front end: networks that take samples as they come."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.recipe import STRICT


@dataclass(config=STRICT)
class RawSoundSettings:
    """At which rate a network listens that begins with samples."""

    kind: Literal["raw_sound"] = "raw_sound"
    rate_hz: Annotated[int, Field(ge=1)] = 20_000
