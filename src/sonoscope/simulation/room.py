"""Shoebox rooms: early reflections as image sources, the rest as shaped diffuse noise.

The level of the late sound needs no tuning: image density times spherical spreading gives a power
of 4 pi c / V · exp(-6 ln 10 t / T60) per second for a source whose direct sound is 1/d.

Reference: J. B. Allen and D. A. Berkley, JASA 65 (1979) 943; A. Lindau et al., JAES 60 (2012) 887.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.errors import SettingError
from sonoscope.simulation.impulses import ImpulseTable, Waves, response_of_waves

MOST_IMAGES = 1_000
LONGEST_EARLY_S = 0.080


def shortest_t60_s(size_m: tuple[float, float, float]) -> float:
    """Give the T60 that Sabine's formula gives with walls that reflect nothing."""
    x, y, z = size_m
    surface = 2 * (x * y + y * z + z * x)
    return float(24 * np.log(10) * x * y * z / (SPEED_OF_SOUND_M_S * surface))


@dataclass(frozen=True, slots=True)
class Room:
    """A shoebox with walls of one absorption.

    Attributes
    ----------
    size_m
        Length, width and height; the origin is a corner.
    t60_s
        Seconds until sound has decayed by 60 dB.
    """

    size_m: tuple[float, float, float]
    t60_s: float

    def __post_init__(self) -> None:
        if min(self.size_m) <= 0 or self.t60_s <= 0:
            raise SettingError(f"a room must have positive sizes and T60, but {self} was given")
        if self.absorption >= 1:
            raise SettingError(
                f"t60_s must be at least {shortest_t60_s(self.size_m):.3f} s in a room of "
                f"{self.size_m} m (all walls open), but {self.t60_s} was given"
            )

    @property
    def volume_m3(self) -> float:
        """Volume."""
        return float(np.prod(self.size_m))

    @property
    def absorption(self) -> float:
        """Energy that a wall takes, by Sabine; the image method decays as it says within 6 %."""
        return shortest_t60_s(self.size_m) / self.t60_s

    @property
    def early_s(self) -> float:
        """Until when images are summed one by one: 80 ms, or a thousand images if that is less."""
        reach = (MOST_IMAGES * 3 * self.volume_m3 / (4 * np.pi)) ** (1 / 3)
        return float(min(LONGEST_EARLY_S, reach / SPEED_OF_SOUND_M_S))


def image_sources(
    room: Room,
    source_m: Float[Tensor, "3"],
    receiver_m: Float[Tensor, "3"],
    until_s: float,
) -> tuple[Float[Tensor, "image 3"], Float[Tensor, " image"]]:
    """Give every image that is heard before a time: its place relative to the receiver, its gain.

    The gain is what the walls left, without 1/distance; the source itself is among them (gain 1).
    """
    size = torch.tensor(room.size_m)
    reach = until_s * SPEED_OF_SOUND_M_S
    most = [int(np.ceil(reach / (2 * length))) + 1 for length in room.size_m]
    beta = float(np.sqrt(1 - room.absorption))
    along, hits = [], []
    for axis in range(3):
        m = torch.arange(-most[axis], most[axis] + 1)
        real = source_m[axis] + 2 * m * size[axis] - receiver_m[axis]
        mirrored = -source_m[axis] + 2 * m * size[axis] - receiver_m[axis]
        along.append(torch.cat([real, mirrored]))
        hits.append(torch.cat([2 * m.abs(), (m - 1).abs() + m.abs()]))
    x, y, z = (along[0][:, None, None], along[1][:, None], along[2])
    i, j, k = torch.nonzero(x**2 + y**2 + z**2 < reach**2, as_tuple=True)
    place = torch.stack([along[0][i], along[1][j], along[2][k]], dim=-1)
    bounces = hits[0][i] + hits[1][j] + hits[2][k]
    return place, beta ** bounces.to(torch.float32)


def room_response(
    room: Room,
    source_m: Float[Tensor, "3"],
    receiver_m: Float[Tensor, "3"],
    table: ImpulseTable,
    tail: Float[Tensor, "channel sample"],
    rate_hz: int,
) -> Float[Tensor, "channel response"]:
    """Give the response of a room from a source to an array, direct sound at 1/distance.

    Parameters
    ----------
    tail
        Diffuse noise of unit power on an omnidirectional channel; shaped here into the late sound.
        Its length is the response's.
    """
    length = tail.shape[-1]
    early = room.early_s
    place, gain = image_sources(room, source_m, receiver_m, early)
    distance = place.norm(dim=-1).clamp_min(0.05)
    delay = distance * (rate_hz / SPEED_OF_SOUND_M_S)
    seconds = distance / SPEED_OF_SOUND_M_S
    # Images fade out and noise fades in with equal power over the last third of the early part.
    fade = torch.cos(((seconds / early - 0.7) / 0.3).clamp(0, 1) * (np.pi / 2))
    gains = (gain * fade / distance)[:, None]
    waves = Waves(place / distance[:, None], delay.double(), gains, distance)
    response = response_of_waves(table, waves, length)[0]
    time = torch.arange(length) / rate_hz
    power = (4 * np.pi * SPEED_OF_SOUND_M_S / (room.volume_m3 * rate_hz)) * torch.exp(
        -6 * np.log(10) * time / room.t60_s
    )
    rise = torch.sin(((time / early - 0.7) / 0.3).clamp(0, 1) * (np.pi / 2))
    first = float(distance.min()) / SPEED_OF_SOUND_M_S  # nothing sounds before the direct wave
    rise = torch.where(time < first, torch.zeros(()), rise)
    return response + tail * (power.sqrt() * rise)


def response_length(room: Room, rate_hz: int) -> int:
    """Give the samples until the late sound has fallen by 50 dB, at least the early part."""
    return int(rate_hz * max(room.t60_s * 50 / 60, room.early_s)) + 64
