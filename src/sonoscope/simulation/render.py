"""A script made sound: every source through its surroundings into every receiver, ambience beneath.

```
 emission ─► high-pass ─┬─► still:  response of the place ──► convolve ───────┐
                        └─► moving: direct + walls at true delays             ├─► level ─► scene
                                    + later reflections, from place to place  │
                                    + late sound ─────────────────────────────┘
 ambience ────────────────────────────────────────────────────────────────────┘
```

All receivers of a scene hear one field: reverberation and ambience are drawn from the script's seed
alone, whichever of them listen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from sonoscope.core.audio import ChannelFormat, Recording
from sonoscope.core.direction import angles
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.scene import Scene
from sonoscope.signal.receiver import Receiver
from sonoscope.simulation.background import ambience
from sonoscope.simulation.convolution import convolve, quick_size
from sonoscope.simulation.levels import Wet, add, gains
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.motion import Heard, HeardPath, heard_path, moving_sound
from sonoscope.simulation.outdoors import Outdoors, outdoor_paths
from sonoscope.simulation.paths import DIRECT, Geometry, Hearing, Path, hearing_of, paths_response
from sonoscope.simulation.room import Room, late_sound, reflections, room_paths, room_response
from sonoscope.simulation.script import Emission, Place, Script
from sonoscope.simulation.track import Track

AMBIENCE_RMS = 0.003
CLEAN = 1e-3
HIGH_PASS_HZ = 60.0
LOUDEST = 0.99
TRUTH_STEP_S = 0.05
"""Between the moments at which the truth tells where a moving source is heard."""

_SHORTEST_EVENT_S = 0.02
_HIGH_PASS_RING_S = 0.05
_LEG_M = 0.5
"""How far a source goes until its later reflections are found anew."""
_MOST_LEGS = 12


@dataclass(frozen=True, slots=True)
class Listener:
    """A receiver, what its channels are called, and where its samples are computed."""

    channel_format: ChannelFormat
    receiver: Receiver
    rate_hz: int
    device: str = "cpu"

    @property
    def hearing(self) -> Hearing:
        """All that rendering looks up, made once a process."""
        return _hearing(self)


@lru_cache(maxsize=8)
def _hearing(listener: Listener) -> Hearing:
    return hearing_of(listener.receiver, listener.rate_hz, listener.device)


def render(script: Script, listeners: Sequence[Listener]) -> tuple[Scene, ...]:
    """Render a script for every listener; the same script gives the same bytes.

    Raises
    ------
    SettingError
        If a source moves in a measured room, or a receiver cannot listen there.
    """
    sounds, events = rendered(script, listeners)
    return tuple(
        Scene(Recording(sound.cpu().numpy(), one.rate_hz), one.channel_format, events)
        for sound, one in zip(sounds, listeners, strict=True)
    )


def rendered(
    script: Script, listeners: Sequence[Listener]
) -> tuple[list[Float[Tensor, "channel sample"]], tuple[Event, ...]]:
    """Give what every listener hears, where it computes, and the truth that all share."""
    rate = listeners[0].rate_hz
    length = round(script.duration_s * rate)
    beds = _ambience(script, listeners, length)
    wets: list[list[Wet]] = [[] for _ in listeners]
    truths = [_truth(script.place, emission, listeners[0]) for emission in script.emissions]
    for number, (emission, truth) in enumerate(zip(script.emissions, truths, strict=True)):
        active = (round(truth.onset_s * rate), round(truth.offset_s * rate))
        heard = _heard(script, emission, number, listeners)
        for found, (start, sound) in zip(wets, heard, strict=True):
            found.append(Wet(sound, start, active, emission.level_db, emission.is_extra))
    sounds = [
        _mixed(script, listener, bed, some)
        for listener, bed, some in zip(listeners, beds, wets, strict=True)
    ]
    return sounds, tuple(event for event, _ in _told(script, truths))


def _mixed(
    script: Script,
    listener: Listener,
    bed: Float[Tensor, "channel sample"],
    wets: Sequence[Wet],
) -> Float[Tensor, "channel sample"]:
    """Put ambience and events together at their levels."""
    is_foa = listener.channel_format == "foa"
    length = bed.shape[-1]
    ambience_power = AMBIENCE_RMS**2
    sound = bed * (AMBIENCE_RMS * (CLEAN if script.is_clean else 1.0))
    strengths = gains(wets, script.levels, ambience_power, length, is_foa=is_foa)
    for wet, gain in zip(wets, strengths, strict=True):
        add(sound, wet, gain)
    if script.is_mono:
        sound = torch.cat([sound[:1], sound.new_zeros(3, length)])
    peak = max(float(sound.abs().max()), 1e-12)
    return sound * min(10 ** (script.gain_db / 20), LOUDEST / peak)


def _generator(script: Script, number: int) -> np.random.Generator:
    """Give the random numbers of one part of a scene, the same for every receiver."""
    return np.random.Generator(np.random.Philox(key=script.seed, counter=[0, 0, 0, number]))


def _ambience(
    script: Script, listeners: Sequence[Listener], length: int
) -> list[Float[Tensor, "channel sample"]]:
    """Give every listener the scene's ambience, of unit power on its omnidirectional channel."""
    generator, device = _generator(script, 0), torch.device(listeners[0].device)
    receivers, rate = tuple(one.receiver for one in listeners), listeners[0].rate_hz
    return ambience(script.ambience, receivers, rate, length, generator, device)


def _heard(
    script: Script, emission: Emission, number: int, listeners: Sequence[Listener]
) -> list[Heard]:
    """Let every listener hear one emission."""
    place, rate = script.place, listeners[0].rate_hz
    first = round(emission.onset_s * rate)
    dry = _high_passed(torch.from_numpy(emission.sound), rate)
    if isinstance(place.surroundings, MeasuredRoom):
        return [_measured(place.surroundings, emission, first, dry, one) for one in listeners]
    sound = dry.to(listeners[0].device)
    if emission.track.is_still and place.array.is_still:
        responses = [
            _response(place, emission, one.hearing, _generator(script, number + 1))
            for one in listeners
        ]
        return [Heard(first, convolve(sound, response)) for response in responses]
    return _moving(script, emission, number, listeners, sound, first / rate)


def _response(
    place: Place, emission: Emission, hearing: Hearing, generator: np.random.Generator
) -> Float[Tensor, "channel tap"]:
    """Give the response of a place between a source and an array that stay where they are."""
    geometry = _geometry(place, emission.track, emission.onset_s)
    if isinstance(place.surroundings, Room):
        return room_response(place.surroundings, geometry, hearing, generator)
    return paths_response(_paths(place, hearing.rate_hz), geometry, hearing)


def _geometry(place: Place, source: Track, time_s: float) -> Geometry:
    moment = np.array([time_s])
    array = place.array
    return Geometry(source.at(moment)[0], array.at(moment)[0], array.turn_at(moment)[0])


def _paths(place: Place, rate_hz: int) -> tuple[Path, ...]:
    """Give the ways of sound that are followed one by one."""
    match place.surroundings:
        case Room() as room:
            return room_paths(room, rate_hz)
        case Outdoors() as outdoors:
            return outdoor_paths(outdoors, rate_hz)
        case _:
            return (DIRECT,)


def _moving(
    script: Script,
    emission: Emission,
    number: int,
    listeners: Sequence[Listener],
    sound: Float[Tensor, " sample"],
    onset_s: float,
) -> list[Heard]:
    """Follow direct sound and walls at their true delays; what is later follows from leg to leg."""
    place, hearings = script.place, [listener.hearing for listener in listeners]
    rate = listeners[0].rate_hz
    tables = [hearing.table for hearing in hearings]
    paths = _paths(place, rate)
    heard = moving_sound(sound, onset_s, emission.track, place.array, paths, tables, rate)
    if not isinstance(place.surroundings, Room):
        return heard
    room, legs = place.surroundings, _legs(place, emission.track, onset_s, len(sound), rate)
    together = []
    for direct, hearing in zip(heard, hearings, strict=True):
        late = late_sound(room, hearing, _generator(script, number + 1))
        parts = [direct, Heard(round(onset_s * rate), convolve(sound, late))]
        for leg in legs:
            geometry = _geometry(place, emission.track, leg.middle_s)
            again = _generator(script, number + 1)  # reflections stand off their places alike
            response = reflections(room, geometry, hearing, again, lowest_order=2)
            start = round(onset_s * rate) + leg.first
            piece = sound[leg.first : leg.first + len(leg.fade)] * leg.fade.to(sound.device)
            parts.append(Heard(start, convolve(piece, response)))
        together.append(_sum(parts))
    return together


@dataclass(frozen=True, slots=True, eq=False)
class _Leg:
    """A part of a moving source's sound whose later reflections are taken from one place."""

    first: int
    fade: Float[Tensor, " sample"]
    middle_s: float


def _legs(place: Place, source: Track, onset_s: float, length: int, rate_hz: int) -> list[_Leg]:
    """Divide a sound where its source, or the array, has gone half a metre.

    Neighbours fade into each other with equal power: later reflections from places that far apart
    are incoherent above a few hundred Hz.
    """
    times = onset_s + np.linspace(0, length / rate_hz, 33)
    way = np.linalg.norm(np.diff(source.at(times) - place.array.at(times), axis=0), axis=1).sum()
    count = int(np.clip(np.ceil(way / _LEG_M), 1, _MOST_LEGS))
    step = length / count
    legs = []
    for i in range(count):
        middle = (i + 0.5) * step
        first, last = max(0, int(middle - step)), min(length, int(middle + step))
        away = np.abs(np.arange(first, last) - middle) / step
        fade = np.cos(np.pi / 2 * away.clip(0, 1))
        inner = np.arange(first, last)
        if i == 0:
            fade[inner < middle] = 1.0
        if i == count - 1:
            fade[inner > middle] = 1.0
        legs.append(
            _Leg(first, torch.from_numpy(fade.astype(np.float32)), onset_s + middle / rate_hz)
        )
    return legs


def _sum(parts: Sequence[Heard]) -> Heard:
    """Add sounds that begin at different samples."""
    first = min(part.first for part in parts)
    last = max(part.first + part.sound.shape[-1] for part in parts)
    whole = parts[0].sound.new_zeros(parts[0].sound.shape[0], last - first)
    for part in parts:
        start = part.first - first
        whole[:, start : start + part.sound.shape[-1]] += part.sound
    return Heard(first, whole)


def _measured(
    room: MeasuredRoom,
    emission: Emission,
    first: int,
    dry: Float[Tensor, " sample"],
    listener: Listener,
) -> Heard:
    """Hear a source where one was measured; its direct sound arrives when the source begins."""
    heard = room.heard_by(listener.receiver, listener.rate_hz)
    spot = heard.spot(_position(heard, emission.track))
    response = torch.from_numpy(spot.response).to(listener.device)
    wet = convolve(dry.to(listener.device), response)
    return Heard(first - round(spot.arrival), wet)


def _position(room: MeasuredRoom, source: Track) -> int:
    """Find the measured position of a source, refusing one that moves."""
    places = source.at(source.times_s)
    return room.still_position(places, float(np.linalg.norm(places[0])))


def _high_passed(sound: Float[Tensor, " sample"], rate_hz: int) -> Float[Tensor, " longer"]:
    """Take away what lies below 60 Hz: there images of one sign only pile up.

    Second-order Butterworth; its ringing is kept.
    """
    length = len(sound) + int(_HIGH_PASS_RING_S * rate_hz)
    size = quick_size(length)
    spectrum = torch.fft.rfft(sound, n=size) * _high_pass(size, rate_hz)
    high: Tensor = torch.fft.irfft(spectrum, n=size)[:length]
    return high


@lru_cache(maxsize=64)
def _high_pass(size: int, rate_hz: int) -> Complex[Tensor, " bin"]:
    s = 1j * torch.fft.rfftfreq(size, 1 / rate_hz) / HIGH_PASS_HZ
    high: Tensor = (s**2 / (s**2 + 2**0.5 * s + 1)).to(torch.complex64)
    return high


def _truth(place: Place, emission: Emission, listener: Listener) -> HeardPath:
    """Give when and from where an emission is heard, wherever the scene begins and ends."""
    rate_hz = listener.rate_hz
    onset_s = round(emission.onset_s * rate_hz) / rate_hz
    length_s = len(emission.sound) / rate_hz
    if not isinstance(place.surroundings, MeasuredRoom):
        return heard_path(emission.track, place.array, onset_s, onset_s + length_s, TRUTH_STEP_S)
    room = place.surroundings.heard_by(listener.receiver, rate_hz)
    spot = room.spot(_position(room, emission.track))
    azimuth, elevation = angles(spot.direction)
    here = Waypoint(onset_s, float(azimuth), float(elevation), spot.distance_m)
    return HeardPath(onset_s, onset_s + length_s, (here,))


def heard_event(
    place: Place, emission: Emission, duration_s: float, listener: Listener
) -> Event | None:
    """Give the event that a scene of some length would tell of an emission, without any sound."""
    return _inside(_truth(place, emission, listener), emission, duration_s)


def heard_events(script: Script, listener: Listener) -> list[tuple[Event, Emission]]:
    """Give the events of a scene in their order, each with the emission it is of."""
    truths = [_truth(script.place, emission, listener) for emission in script.emissions]
    return _told(script, truths)


def _told(script: Script, truths: Sequence[HeardPath]) -> list[tuple[Event, Emission]]:
    pairs = []
    for emission, truth in zip(script.emissions, truths, strict=True):
        event = _inside(truth, emission, script.duration_s)
        if event is not None:
            pairs.append((replace(event, path=()) if script.is_mono else event, emission))
    return sorted(pairs, key=lambda pair: pair[0].onset_s)


def _inside(truth: HeardPath, emission: Emission, duration_s: float) -> Event | None:
    """Give the event as far as it lies in the scene, or None where next to nothing of it does."""
    onset, offset = max(truth.onset_s, 0.0), min(truth.offset_s, duration_s)
    if offset - onset < min(_SHORTEST_EVENT_S, 0.99 * (truth.offset_s - truth.onset_s)):
        return None
    path = tuple(
        point._replace(time_s=max(point.time_s, 0.0)) if len(truth.waypoints) == 1 else point
        for point in truth.waypoints
    )
    return Event(emission.label, onset, offset, path)
