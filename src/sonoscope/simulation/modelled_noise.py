"""Noises of drones, wind, machines and rain by name, each clip under one of its own: simulated.

The models are those of `simulation.disturbance`, drawn anew for each clip within what people may
stand beside; no recording of a drone, a storm or a crane is in them. They are made at twice the
listener's rate or more, at least 32 kHz, and resampled, so that lines of converters and drops of
rain that a listener cannot hear do not fold down.
"""

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.audio import resample_chunks
from sonoscope.core.errors import SettingError
from sonoscope.simulation.disturbance import (
    AnyBed,
    CraneNoise,
    RainNoise,
    RotorNoise,
    WindNoise,
    disturbance,
)
from sonoscope.simulation.noises import own_generator

Kind = Literal["rotor", "wind", "machine", "rain"]

_LEAST_HZ = 32_000


@dataclass(frozen=True, slots=True)
class ModelledNoise:
    """One kind of noise, another draw of it for each clip."""

    name: Kind
    seed: int = 0

    def piece(self, clip: str, rate_hz: int, length: int) -> Float[ndarray, " sample"]:
        """Make a clip's own piece."""
        generator = own_generator(self.seed, self.name, clip)
        times = -(-_LEAST_HZ // rate_hz)
        sound = disturbance(drawn(self.name, generator), times * rate_hz, times * length, generator)
        parts = list(resample_chunks([sound[None]], times * rate_hz, rate_hz))
        return np.asarray(np.concatenate(parts, axis=1)[0])


def modelled(name: str, seed: int = 0) -> ModelledNoise:
    """Find a noise by its name.

    Raises
    ------
    SettingError
        If there is none.
    """
    for kind in get_args(Kind):
        if name == kind:
            return ModelledNoise(kind, seed)
    raise SettingError(f"noise must be one of {', '.join(get_args(Kind))}, but {name} was given")


def drawn(kind: Kind, generator: np.random.Generator) -> AnyBed:
    """Draw a drone of 4 to 8 rotors, a wind of 2 to 12 m/s, a crane's motor, or rain."""
    draw = generator.uniform
    match kind:
        case "rotor":
            return RotorNoise(
                rotors=int(generator.choice([4, 6, 8])),
                speed_hz=float(draw(45, 120)),
                distance_m=float(draw(0.25, 0.8)),
                vortex_db=float(draw(-4, 6)),
                modulation=float(draw(0.1, 0.6)),
            )
        case "wind":
            return WindNoise(speed_m_s=float(draw(2, 12)), gustiness=float(draw(0.1, 0.4)))
        case "machine":
            return CraneNoise(
                feed_hz=float(draw(5, 60)),
                mesh_hz=float(draw(150, 900)),
                shaft_hz=float(draw(5, 30)),
                switching_hz=float(draw(2_000, 8_000)),
                lines_db=float(draw(-6, 6)),
                switching_db=float(draw(-25, -5)),
            )
        case "rain":
            return RainNoise(
                drops_hz=float(draw(50, 800)),
                spread_db=float(draw(3, 8)),
                centre_hz=float(draw(5_000, 9_000)),
                cycles=float(draw(0.5, 1.2)),
                hiss_db=float(draw(-6, 10)),
            )
        case _:
            assert_never(kind)
