"""Shoebox rooms: early reflections as image sources, the rest as shaped diffuse noise.

Walls are known by octave, and air takes its part by octave too. The level of the late sound needs
no tuning: image density times spherical spreading gives a power of
4 π c / V · exp(-6 ln 10 t / T60) per second for a source whose direct sound is 1/d. The walls of a
room that was asked for by its T60 are those whose images stand at this level where the noise takes
over, so that the whole decays as one.

Walls are counted x = 0, x = length, y = 0, y = width, z = 0 (floor), z = height (ceiling); octaves
from 125 Hz (`signal.octaves`).

References: J. B. Allen and D. A. Berkley, JASA 65 (1979) 943; A. Lindau et al., JAES 60 (2012) 887;
E. De Sena et al., IEEE/ACM TASLP 23 (2015) 774 (images off their lattice).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.octaves import octave_centres, octave_weights
from sonoscope.simulation.decay import exponent_of, fitting_factor, walls_decay
from sonoscope.simulation.impulses import Waves, response_of_waves
from sonoscope.simulation.materials import Surface, absorption_of, by_octave
from sonoscope.simulation.mixing import wrapped
from sonoscope.simulation.paths import (
    DIRECT,
    FADE_FROM,
    NEAREST_M,
    Geometry,
    Hearing,
    Path,
    air_exponents,
    coloured_sum,
    early_share,
    frequencies,
    in_few_lines,
    mirror,
    on_device,
    padded_size,
    paths_response,
    silence_before,
    waves_of,
)

MOST_IMAGES = 1_000
LONGEST_EARLY_S = 0.080
JITTER_M = 0.08
"""How far a reflection's image may stand off its place: a perfect lattice sweeps and flutters."""

_END_FADE_S = 0.010
_DECAY = 6 * np.log(10)  # exp(-_DECAY) is -60 dB of energy


def shortest_t60_s(size_m: tuple[float, float, float]) -> float:
    """Give the T60 that Sabine's formula gives with walls that reflect nothing."""
    x, y, z = size_m
    surface = 2 * (x * y + y * z + z * x)
    return float(24 * np.log(10) * x * y * z / (SPEED_OF_SOUND_M_S * surface))


@dataclass(frozen=True, slots=True)
class Room:
    """A shoebox, by how it decays, by what its walls swallow, or both.

    Attributes
    ----------
    size_m
        Length, width and height; the origin is a corner.
    t60_s
        Seconds until sound has decayed by 60 dB, one number or one an octave, the last holding on
        upwards. Air counts within it; where air alone is quicker, sound decays as air has it. None
        for what the walls give.
    absorption
        Absorption coefficients of the six walls by octave. With `t60_s` only their proportions
        count, as exponents -ln(1 - α); None for six equal walls.
    """

    size_m: tuple[float, float, float]
    t60_s: float | tuple[float, ...] | None = None
    absorption: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        asked = self.t60_by_octave
        if min(self.size_m) <= 0 or (asked is not None and (not asked or min(asked) <= 0)):
            raise SettingError(f"a room must have positive sizes and T60, but {self} was given")
        if asked is None and self.absorption is None:
            raise SettingError(f"a room must have a T60 or an absorption, but {self} was given")
        if asked is not None and min(asked) <= shortest_t60_s(self.size_m):
            raise SettingError(
                f"t60_s must be at least {shortest_t60_s(self.size_m):.3f} s in a room of "
                f"{self.size_m} m (all walls open), but {self.t60_s} was given"
            )
        if self.absorption is not None:
            if len(self.absorption) != 6:
                raise SettingError(f"absorption must be of 6 walls, not {len(self.absorption)}")
            for wall in self.absorption:
                absorption_of(wall)

    @property
    def t60_by_octave(self) -> tuple[float, ...] | None:
        """What was asked for, as one number an octave."""
        return (self.t60_s,) if isinstance(self.t60_s, float | int) else self.t60_s

    @property
    def volume_m3(self) -> float:
        """Volume."""
        return float(np.prod(self.size_m))

    @property
    def early_s(self) -> float:
        """Until when images are summed one by one: 80 ms, a thousand images, or 20 dB of decay.

        Later images of a dead room are those along its walls, which no real wall leaves alone.
        """
        reach = (MOST_IMAGES * 3 * self.volume_m3 / (4 * np.pi)) ** (1 / 3)
        decayed = max(self.t60_by_octave or (np.inf,)) / 3
        return float(min(LONGEST_EARLY_S, reach / SPEED_OF_SOUND_M_S, decayed))


@settings(config=STRICT)
class Surfaces:
    """What the walls of a room are made of: names of materials or coefficients by octave.

    Attributes
    ----------
    walls
        Of all that is not named on its own.
    back, front, right, left, floor, ceiling
        The walls at x = 0, x = length, y = 0, y = width, z = 0 and z = height.
    """

    walls: Surface
    back: Surface | None = None
    front: Surface | None = None
    right: Surface | None = None
    left: Surface | None = None
    floor: Surface | None = None
    ceiling: Surface | None = None

    def absorption(self) -> tuple[tuple[float, ...], ...]:
        """Give the coefficients of the six walls in a room's order."""
        named = (self.back, self.front, self.right, self.left, self.floor, self.ceiling)
        return tuple(absorption_of(self.walls if one is None else one) for one in named)


Length = Annotated[float, Field(gt=0, le=1_000)]
Seconds = Annotated[float, Field(gt=0, le=60)]


@settings(config=STRICT)
class RoomSettings:
    """A room as a recipe asks for it: by size, and by T60 or surfaces or both.

    Attributes
    ----------
    size_m
        Length, width, height.
    t60_s
        Reverberation time, one number or one an octave from 125 Hz upward.
    surfaces
        What the walls are made of; with `t60_s`, how they share the absorption.
    """

    size_m: tuple[Length, Length, Length]
    t60_s: Seconds | tuple[Seconds, ...] | None = None
    surfaces: Surfaces | None = None

    def room(self) -> Room:
        """Build it."""
        surfaces = None if self.surfaces is None else self.surfaces.absorption()
        return Room(self.size_m, self.t60_s, surfaces)


@dataclass(frozen=True, slots=True, eq=False)
class Acoustics:
    """What rendering needs of a room, by octave.

    Attributes
    ----------
    exponents
        -ln(1 - α) of every wall: energy falls as their sum over the reflections.
    air
        Energy falls as exp(-air · metres).
    t60_s
        Reverberation time with air.
    early_s
        When images end; they give way to noise from 0.7 of it on.
    """

    exponents: Float[ndarray, "wall=6 band"]
    air: Float[ndarray, " band"]
    t60_s: Float[ndarray, " band"]
    early_s: float

    @property
    def wall_gains(self) -> Float[ndarray, "wall=6 band"]:
        """Pressure that a wall leaves."""
        return np.asarray(np.exp(-self.exponents / 2))


@lru_cache(maxsize=256)
def acoustics(room: Room, rate_hz: int, early_s: float | None = None) -> Acoustics:
    """Find the walls that a room needs, or the T60 that its walls give.

    With a T60 asked, the walls' exponents are set by one factor an octave so that the mean energy
    of images in the cross-fade is that of the late sound. Without, the late sound takes the T60
    at which it is at the images' level there.
    """
    early = room.early_s if early_s is None else early_s
    bands = len(octave_centres(rate_hz))
    air = air_exponents(octave_centres(rate_hz))
    time = early * np.linspace(FADE_FROM, 1, 7)
    exponents = _proportions(room, bands)
    through_air = np.exp(-SPEED_OF_SOUND_M_S * np.outer(time, air))
    asked = room.t60_by_octave
    if asked is None:
        level = np.log(walls_decay(room.size_m, exponents, time).clip(1e-30) * through_air)
        t60 = -_DECAY * (time @ time) / (time @ level)
        return Acoustics(exponents, air, t60, early)
    rate = np.maximum(_DECAY / np.array(by_octave(asked, bands)), SPEED_OF_SOUND_M_S * air)
    # Air is divided out of both sides at each time, so that walls alone remain to be found.
    wanted = np.exp(-np.outer(time, rate)) / through_air
    factor = fitting_factor(room.size_m, exponents, time, wanted.mean(axis=0))
    return Acoustics(exponents * factor, air, _DECAY / rate, early)


def _proportions(room: Room, bands: int) -> Float[ndarray, "wall=6 band"]:
    if room.absorption is None:
        return np.ones((6, bands))
    return exponent_of(np.array([by_octave(wall, bands) for wall in room.absorption]))


def room_paths(room: Room, rate_hz: int) -> tuple[Path, ...]:
    """Give the direct way and the six that meet one wall, to follow moving sources."""
    walls = acoustics(room, rate_hz)
    paths = [DIRECT]
    for wall in range(6):
        axis, far = divmod(wall, 2)
        normal = np.zeros(3)
        normal[axis] = 1 - 2 * far
        point = np.zeros(3)
        point[axis] = room.size_m[axis] * far
        paths.append(mirror(point, normal, walls.wall_gains[wall], early_s=walls.early_s))
    return tuple(paths)


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Image sources.

    Attributes
    ----------
    place_m
        Where they are, relative to the receiver, in the room's axes.
    hits
        How often each wall mirrored them.
    """

    place_m: Float[ndarray, "image 3"]
    hits: Int[ndarray, "image wall=6"]


def image_sources(
    room: Room,
    geometry: Geometry,
    until_s: float,
    *,
    lowest_order: int = 0,
    generator: np.random.Generator | None = None,
) -> Images:
    """Give every image that is heard before a time.

    Parameters
    ----------
    lowest_order
        Fewest reflections of an image.
    generator
        Draws how far reflections stand off their places (at most `JITTER_M`, and never so that
        they come before the direct sound); None lets them stand. A generator in the same state
        moves the same reflections by the same, wherever source and receiver are.
    """
    reach = until_s * SPEED_OF_SOUND_M_S
    cells = [np.arange(-_cells(reach, side), _cells(reach, side) + 1) for side in room.size_m]
    along = [
        cell * side + np.where(cell % 2 == 0, source, side - source) - receiver
        for cell, side, source, receiver in zip(
            cells, room.size_m, geometry.source_m, geometry.receiver_m, strict=True
        )
    ]
    x, y, z = along[0][:, None, None], along[1][:, None], along[2]
    order = np.abs(cells[0])[:, None, None] + np.abs(cells[1])[:, None] + np.abs(cells[2])
    index = np.nonzero((x**2 + y**2 + z**2 < reach**2) & (order >= lowest_order))
    place = np.stack([line[i] for line, i in zip(along, index, strict=True)], axis=-1)
    hits = np.concatenate([_hits(cell)[i] for cell, i in zip(cells, index, strict=True)], axis=-1)
    if generator is not None:
        offset = generator.random((*order.shape, 3), dtype=np.float32)[index]
        place = _jittered(place, offset, order[index], geometry.distance_m)
    return Images(place, hits)


def _cells(reach_m: float, side_m: float) -> int:
    """How many mirrored rooms to either side may hold an image within reach."""
    return int(reach_m / side_m) + 1


def _hits(cell: Int[ndarray, " cell"]) -> Int[ndarray, "cell wall=2"]:
    """Count the reflections at the near and the far wall of an axis on the way to each cell.

    A way across walls meets far, near, far, ... to the positive side and near first to the other.
    """
    more, less = (np.abs(cell) + 1) // 2, np.abs(cell) // 2
    far = np.where(cell > 0, more, less)
    return np.stack([np.abs(cell) - far, far], axis=-1)


def _jittered(
    place: Float[ndarray, "image 3"],
    uniform: Float[ndarray, "image 3"],
    order: Int[ndarray, " image"],
    nearest_m: float,
) -> Float[ndarray, "image 3"]:
    """Move reflections off their places, none nearer than the source itself."""
    offset = 2 * uniform.astype(np.float64) - 1
    offset /= np.linalg.norm(offset, axis=1).clip(min=1)[:, None]
    moved = place + JITTER_M * offset
    length = np.linalg.norm(moved, axis=1).clip(NEAREST_M)
    moved *= (np.maximum(length, nearest_m) / length)[:, None]
    return np.asarray(np.where((order > 0)[:, None], moved, place))


def early_waves(
    room: Room,
    geometry: Geometry,
    rate_hz: int,
    generator: np.random.Generator | None,
    *,
    lowest_order: int = 1,
    images_s: float | None = None,
) -> tuple[Waves, Float[ndarray, "line band"]]:
    """Give the reflections before the late sound, in few lines, and each line's gains by octave.

    They fade out as the late sound fades in. Air counts by octave, also for order 0.
    """
    walls = acoustics(room, rate_hz, images_s)
    images = image_sources(
        room, geometry, walls.early_s, lowest_order=lowest_order, generator=generator
    )
    distance = np.linalg.norm(images.place_m, axis=1)
    lost = images.hits @ walls.exponents + np.outer(distance, walls.air)
    gains = early_share(distance, walls.early_s)[:, None] * np.exp(-lost / 2)
    lines, shapes = in_few_lines(gains, 1 / distance.clip(NEAREST_M))
    return waves_of(images.place_m, lines, geometry, rate_hz), shapes


def late_sound(
    room: Room,
    hearing: Hearing,
    generator: np.random.Generator,
    *,
    images_s: float | None = None,
) -> Float[Tensor, "channel sample"]:
    """Give the late sound: diffuse noise cut at random, decaying by octave down to -60 dB.

    Every octave ends at its own T60 in a fade of 10 ms.
    """
    start = int(generator.integers(hearing.diffuse.shape[-1]))
    first, envelopes = _envelopes(room, hearing.rate_hz, images_s)
    longest = first + max(len(envelope) for envelope in envelopes)
    device = hearing.diffuse.device
    sound = torch.zeros(hearing.diffuse.shape[1], longest, device=device)
    for band, envelope in zip(hearing.diffuse, envelopes, strict=True):
        noise = wrapped(band, start, len(envelope))
        sound[:, first : first + len(envelope)].addcmul_(noise, envelope.to(device))
    return sound


@lru_cache(maxsize=8)
def _envelopes(
    room: Room, rate_hz: int, images_s: float | None
) -> tuple[int, tuple[Float[Tensor, " sample"], ...]]:
    """Give the first sample of late sound, and its amplitude from there on by octave."""
    walls = acoustics(room, rate_hz, images_s)
    first = int(FADE_FROM * walls.early_s * rate_hz)
    power = 4 * np.pi * SPEED_OF_SOUND_M_S / (room.volume_m3 * rate_hz)
    envelopes = []
    for t60 in walls.t60_s:
        last = max(int(np.ceil(t60 * rate_hz)), first + 1)
        time = np.arange(first, last) / rate_hz
        rise = (time / walls.early_s - FADE_FROM) / (1 - FADE_FROM)
        fall = (last / rate_hz - time) / _END_FADE_S
        edges = np.sin(np.pi / 2 * rise.clip(0, 1)) * np.sin(np.pi / 2 * fall.clip(0, 1))
        envelope = np.sqrt(power) * np.exp(-_DECAY / 2 * time / t60) * edges
        envelopes.append(torch.from_numpy(envelope.astype(np.float32)))
    return first, tuple(envelopes)


def reflections(
    room: Room,
    geometry: Geometry,
    hearing: Hearing,
    generator: np.random.Generator | None,
    *,
    lowest_order: int = 1,
    images_s: float | None = None,
) -> Float[Tensor, "channel sample"]:
    """Give what the walls send before the late sound; nothing before the direct wave's impulse.

    Parameters
    ----------
    generator
        Draws where reflections stand off their places; None lets them stand.
    lowest_order
        Fewest reflections of what is rendered.
    images_s
        When images end, if not at the room's own `early_s`.
    """
    rate, table = hearing.rate_hz, hearing.table
    waves, shapes = early_waves(
        room, geometry, rate, generator, lowest_order=lowest_order, images_s=images_s
    )
    length = int(acoustics(room, rate, images_s).early_s * rate) + table.taps
    size = padded_size(length, rate)
    device = hearing.diffuse.device
    lines = response_of_waves(table, on_device(waves, device), length)
    spectra = torch.from_numpy((shapes @ _shares(size, rate)).astype(np.float32)).to(device)
    arrival = geometry.distance_m * (rate / SPEED_OF_SOUND_M_S)
    return silence_before(coloured_sum(lines, spectra, rate), arrival, table.lead)


def room_response(
    room: Room,
    geometry: Geometry,
    hearing: Hearing,
    generator: np.random.Generator,
    *,
    lowest_order: int = 0,
    images_s: float | None = None,
) -> Float[Tensor, "channel sample"]:
    """Give the response of a room from a source to a receiver, direct sound at 1/distance.

    Nothing sounds before the direct wave's own impulse. What lies below 60 Hz is not to be kept:
    images of one sign only pile up there (`simulation.render` takes it away).

    Parameters
    ----------
    generator
        Draws where reflections stand off their places and the piece of late noise; in the same
        state it draws the same for a source elsewhere, so that neighbouring responses fit.
    lowest_order
        Fewest reflections of what is rendered; 0 from the direct sound on.
    images_s
        When images end, if not at the room's own `early_s`.
    """
    least = max(lowest_order, 1)
    early = reflections(room, geometry, hearing, generator, lowest_order=least, images_s=images_s)
    late = late_sound(room, hearing, generator, images_s=images_s)
    arrival = geometry.distance_m * (hearing.rate_hz / SPEED_OF_SOUND_M_S)
    parts = [early, silence_before(late, arrival, hearing.table.lead)]
    if lowest_order == 0:
        parts.append(paths_response((DIRECT,), geometry, hearing))
    response = early.new_zeros(early.shape[0], max(part.shape[-1] for part in parts))
    for part in parts:
        response[:, : part.shape[-1]] += part
    return response


@lru_cache(maxsize=16)
def _shares(size: int, rate_hz: int) -> Float[ndarray, "band frequency"]:
    return octave_weights(frequencies(size, rate_hz), rate_hz)
