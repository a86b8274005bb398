"""A script made sound: every source through the room into the array, ambience beneath.

The SNR of an event is that of definition "active": the power of its reverberant sound on the
omnidirectional channel (FOA: W, an array: the mean of its capsules), from its first arrival to the
end of its dry sound, over the mean power of the ambience.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.audio import ChannelFormat, Recording
from sonoscope.core.direction import angles
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.scene import Scene
from sonoscope.signal.octaves import octave_weights
from sonoscope.simulation.ambience import coloured, cut, noise_bank, quick_size
from sonoscope.simulation.impulses import (
    ImpulseTable,
    Waves,
    foa_table,
    response_of_waves,
    sphere_table,
)
from sonoscope.simulation.paths import Geometry, Hearing
from sonoscope.simulation.room import room_response
from sonoscope.simulation.schedule import Emission, Place, Script

AMBIENCE_RMS = 0.003
HIGH_PASS_HZ = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """An array with all that rendering looks up: build once, use for every scene."""

    channel_format: ChannelFormat
    rate_hz: int
    table: ImpulseTable
    diffuse: Float[Tensor, "channel sample"]


def foa_listener(rate_hz: int) -> Listener:
    """Listen with ideal first-order Ambisonics (ACN, SN3D)."""
    return Listener("foa", rate_hz, foa_table(rate_hz), noise_bank(None, rate_hz))


def array_listener(array: MicArray, channel_format: ChannelFormat, rate_hz: int) -> Listener:
    """Listen with a rigid-sphere array."""
    return Listener(
        channel_format, rate_hz, sphere_table(array, rate_hz), noise_bank(array, rate_hz)
    )


def render(script: Script, listener: Listener, generator: np.random.Generator) -> Scene:
    """Render a script.

    Parameters
    ----------
    generator
        Draws the noises; the same script and generator give the same bytes.
    """
    rate = listener.rate_hz
    length = round(script.duration_s * rate)
    noise = cut(listener.diffuse, length, generator)
    sound = AMBIENCE_RMS * coloured(noise, rate, generator)
    if script.is_clean:
        sound = sound * 1e-3
    events = []
    for emission in script.emissions:
        response = _response(script.place, emission, listener, generator)
        wet = _convolve(torch.from_numpy(emission.sound), response, rate)
        delay_s = float(np.linalg.norm(emission.offset_m)) / SPEED_OF_SOUND_M_S
        arrival = round(delay_s * rate)
        active = wet[:, arrival : arrival + len(emission.sound)]
        omni = active[0] if listener.channel_format == "foa" else active
        power = float(omni.square().mean().clamp_min(1e-20))
        gain = AMBIENCE_RMS * 10 ** (emission.snr_db / 20) / np.sqrt(power)
        _add(sound, gain * wet, round(emission.onset_s * rate))
        event = _truth(emission, delay_s, script, rate)
        if event is not None:
            events.append(event)
    if script.is_mono:
        sound = torch.cat([sound[:1], torch.zeros(3, length)])
    sound = sound * min(10 ** (script.gain_db / 20), 0.99 / float(sound.abs().max()))
    ordered = tuple(sorted(events, key=lambda event: event.onset_s))
    return Scene(Recording(sound.numpy(), rate), listener.channel_format, ordered)


def _response(
    place: Place, emission: Emission, listener: Listener, generator: np.random.Generator
) -> Float[Tensor, "channel response"]:
    offset = torch.from_numpy(emission.offset_m.astype(np.float32))
    if place.room is None:
        distance = offset.norm()
        delay = distance * (listener.rate_hz / SPEED_OF_SOUND_M_S)
        waves = Waves(
            (offset / distance)[None],
            delay[None].double(),
            1 / distance[None, None],
            distance[None],
        )
        return response_of_waves(listener.table, waves, int(delay) + 64)[0]
    geometry = Geometry(place.array_m + emission.offset_m, place.array_m)
    return room_response(place.room, geometry, _hearing(listener), generator)


@lru_cache(maxsize=4)
def _hearing(listener: Listener) -> Hearing:
    """Split the diffuse noise by octave, once for every listener."""
    rate, length = listener.rate_hz, listener.diffuse.shape[-1]
    weights = octave_weights(np.fft.rfftfreq(length, 1 / rate), rate).astype(np.float32)
    spectrum = torch.fft.rfft(listener.diffuse)
    bands = [torch.fft.irfft(spectrum * torch.from_numpy(row), n=length) for row in weights]
    return Hearing(listener.table, torch.stack(bands), rate)


def _convolve(
    dry: Float[Tensor, " sample"], response: Float[Tensor, "channel response"], rate_hz: int
) -> Float[Tensor, "channel wet"]:
    """Convolve, and take away what lies below 60 Hz: there images of one sign only pile up."""
    length = len(dry) + response.shape[-1] - 1
    size = quick_size(length)
    high = _high_pass(size, rate_hz)
    spectrum = torch.fft.rfft(dry, n=size) * high * torch.fft.rfft(response, n=size)
    wet: Tensor = torch.fft.irfft(spectrum, n=size)[:, :length]
    return wet


@lru_cache(maxsize=64)
def _high_pass(size: int, rate_hz: int) -> Complex[Tensor, " bin"]:
    """Give a second-order Butterworth high-pass on the bins of a transform."""
    s = 1j * torch.fft.rfftfreq(size, 1 / rate_hz) / HIGH_PASS_HZ
    high: Tensor = (s**2 / (s**2 + 2**0.5 * s + 1)).to(torch.complex64)
    return high


def _add(sound: Tensor, wet: Tensor, start: int) -> None:
    """Add in place what falls inside; `sound` is this module's own."""
    first, last = max(start, 0), min(start + wet.shape[-1], sound.shape[-1])
    if first < last:
        sound[:, first:last] += wet[:, first - start : last - start]


def _truth(emission: Emission, delay_s: float, script: Script, rate_hz: int) -> Event | None:
    """Give the event as the array hears it, or None where it falls outside the scene."""
    onset = emission.onset_s + delay_s
    offset = min(onset + len(emission.sound) / rate_hz, script.duration_s)
    onset = max(onset, 0.0)
    if offset - onset < 0.02:
        return None
    azimuth, elevation = angles(emission.offset_m)
    distance = float(np.linalg.norm(emission.offset_m))
    here = Waypoint(onset, float(azimuth), float(elevation), distance)
    return Event(emission.label, onset, offset, () if script.is_mono else (here,))
