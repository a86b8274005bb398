"""One door to every kind of ambience: settings and a generator in, what each receiver hears out.

All receivers stand at one place and hear one field. Each result has unit mean power on the
omnidirectional channel of its receiver: W of FOA, the mean power of capsules.
"""

from typing import assert_never

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, Receiver
from sonoscope.simulation.ambience import (
    DiffuseNoise,
    DirectedNoise,
    diffuse_noise,
    directed_noise,
    drawn_directed,
)
from sonoscope.simulation.beds import RecordedBed, bed_noise
from sonoscope.simulation.rotor import RotorBed, drawn_rotors, rotor_noise
from sonoscope.simulation.scene_settings import AmbienceKind
from sonoscope.simulation.wind import Wind, drawn_wind, wind_noise

Ambience = DiffuseNoise | DirectedNoise | RotorBed | Wind | RecordedBed

_CPU = torch.device("cpu")


def drawn_ambience(
    kind: AmbienceKind, generator: np.random.Generator, bed: RecordedBed | None = None
) -> Ambience:
    """Draw an ambience of a kind.

    Parameters
    ----------
    bed
        The recording that the kind "bed" needs.
    """
    match kind:
        case "diffuse":
            return DiffuseNoise()
        case "lobes":
            return drawn_directed(generator)
        case "wind":
            return drawn_wind(generator)
        case "rotors":
            return drawn_rotors(generator)
        case "bed":
            if bed is None:
                raise SettingError("ambience of the kind bed must be given a recording")
            return bed


def ambience(
    settings: Ambience,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device = _CPU,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what every receiver hears of an ambience, unit power on its omnidirectional channel.

    The same settings and generator give the same sound; on another device, to within rounding.
    """
    for receiver in receivers:
        if isinstance(receiver, EncodedFoa) and receiver.rate_hz != rate_hz:
            raise SettingError(
                f"an encoder must be made for the scene's rate, {rate_hz} Hz, but one for "
                f"{receiver.rate_hz} Hz was given"
            )
    match settings:
        case DiffuseNoise():
            heard = diffuse_noise(settings, receivers, rate_hz, length, generator, device)
        case DirectedNoise():
            heard = directed_noise(settings, receivers, rate_hz, length, generator, device)
        case RotorBed():
            heard = rotor_noise(settings, receivers, rate_hz, length, generator, device)
        case Wind():
            heard = wind_noise(settings, receivers, rate_hz, length, generator, device)
        case RecordedBed():
            heard = bed_noise(settings, receivers, rate_hz, length, generator, device)
        case _:
            assert_never(settings)
    return [_unit(sound, receiver) for sound, receiver in zip(heard, receivers, strict=True)]


def _unit(sound: Tensor, receiver: Receiver) -> Tensor:
    omni = sound if isinstance(receiver, Capsules) else sound[:1]
    return sound.div_(omni.square().mean().sqrt().clamp_min(1e-12))
