"""Where scenes are: rooms and open air drawn from ranges, and where sources stand or go in them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.signal.octaves import octave_centres
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.outdoors import Outdoors, Reflector
from sonoscope.simulation.room import Room, shortest_t60_s
from sonoscope.simulation.scene_settings import PathKind, SceneSettings, Shell
from sonoscope.simulation.script import Place
from sonoscope.simulation.track import Track

_WALL_M = 0.5
_NEAREST_M = 0.3
_TRIES = 200
_STEP_S = 0.05  # between the points of a drawn path
_MARGIN_S = 0.2  # a path reaches beyond the sound on both sides


def draw_place(
    ranges: SceneSettings,
    duration_s: float,
    generator: np.random.Generator,
    measured: Sequence[MeasuredRoom] = (),
) -> Place:
    """Draw a room that can have its T60, a measured one, or open air, and put the array into it."""
    if measured and generator.random() < ranges.measured_share:
        return Place(measured[int(generator.integers(len(measured)))], Track.still(np.zeros(3)))
    kind = generator.random()
    outdoors, anechoic = ranges.outdoors.share, ranges.anechoic_share
    if kind < anechoic:
        return Place(None, _array_track(np.zeros(3), ranges, duration_s, generator))
    if kind < anechoic + outdoors:
        height = generator.uniform(*ranges.outdoors.height_m)
        track = _array_track(np.array([0.0, 0.0, height]), ranges, duration_s, generator)
        return Place(_draw_outdoors(ranges, generator), track)
    for _ in range(_TRIES):
        room = _draw_room(ranges, generator)
        if room is not None:
            array = _draw_spot(room, generator)
            return Place(room, _array_track(array, ranges, duration_s, generator))
    raise SettingError(
        f"no room of {ranges.volume_m3} m3 can have a T60 of {ranges.t60_s} s; ask for a longer T60"
    )


def draw_place_around(
    spots_m: Float[ndarray, "spot 3"],
    ranges: SceneSettings,
    duration_s: float,
    generator: np.random.Generator,
) -> Place:
    """Draw a place where sources can stand at all these spots, relative to the array."""
    for _ in range(_TRIES):
        place = draw_place(ranges, duration_s, generator)
        if not isinstance(place.surroundings, Room):
            return place
        size, start = np.array(place.surroundings.size_m), place.array.at(np.zeros(1))[0]
        low, high = _WALL_M - spots_m.min(axis=0), size - _WALL_M - spots_m.max(axis=0)
        if np.all(low <= high):
            moved = np.clip(start, np.maximum(low, _WALL_M), np.minimum(high, size - _WALL_M))
            return Place(place.surroundings, Track.still(moved))
    low, high = spots_m.min(axis=0).round(1), spots_m.max(axis=0).round(1)
    raise SettingError(
        f"a room must hold sources from {low.tolist()} to {high.tolist()} m about the array, but "
        f"none of {_TRIES} drawn with {ranges.volume_m3} m3 does"
    )


def _draw_room(ranges: SceneSettings, generator: np.random.Generator) -> Room | None:
    """Draw a room, or None where its T60 is shorter than its walls allow."""
    volume = np.exp(generator.uniform(*np.log(ranges.volume_m3)))
    height = generator.uniform(2.3, min(5.0, max(2.5, 0.9 * volume ** (1 / 3))))
    side = np.sqrt(volume / height)
    stretch = np.sqrt(generator.uniform(1.0, 2.0))
    size = (float(side * stretch), float(side / stretch), float(height))
    t60 = float(generator.uniform(*ranges.t60_s))
    slope = float(generator.uniform(*ranges.t60_slope))
    if shortest_t60_s(size) >= 0.95 * t60 * min(1.0, slope**3):
        return None
    octave = np.log2(octave_centres(ranges.rate_hz) / 1_000)
    least = 1.05 * shortest_t60_s(size)
    return Room(size, tuple(float(max(t60 * slope**o, least)) for o in octave))


def _draw_spot(room: Room, generator: np.random.Generator) -> Float[ndarray, "3"]:
    """Draw where the array stands: in the inner part, no higher than a table or a stand."""
    array = np.array(room.size_m) * generator.uniform(0.3, 0.7, size=3)
    array[2] = min(array[2], generator.uniform(0.9, 1.8))
    return np.asarray(array)


def draw_track(
    place: Place,
    ranges: SceneSettings,
    onset_s: float,
    length_s: float,
    generator: np.random.Generator,
) -> Track:
    """Draw where a source stands, or the path it takes while it sounds."""
    around = place.array.at(np.array([onset_s]))[0]
    moves = not isinstance(place.surroundings, MeasuredRoom)
    if moves and generator.random() < ranges.motion.share:
        for _ in range(_TRIES // 4):
            track = _moving(place, ranges, (onset_s, length_s), around, generator)
            if track is not None:
                return track
    return Track.still(around + _draw_offset(place, around, ranges, generator))


def _moving(
    place: Place,
    ranges: SceneSettings,
    when: tuple[float, float],
    around: Float[ndarray, "3"],
    generator: np.random.Generator,
) -> Track | None:
    """Draw a path, or None where it would leave the room or come too near."""
    onset_s, length_s = when
    kinds, speeds = ranges.motion.kinds, ranges.motion.speeds_deg_s
    kind = kinds[int(generator.integers(len(kinds)))]
    speed = np.deg2rad(speeds[int(generator.integers(len(speeds)))])
    offset = _draw_offset(place, around, ranges, generator)
    reach = length_s + 2 * _MARGIN_S
    times = np.linspace(-_MARGIN_S, length_s + _MARGIN_S, max(4, int(reach / _STEP_S)))
    way = _arc_or_line(kind, offset, speed, times, generator)
    spots = around + way
    near = np.linalg.norm(spots - place.array.at(onset_s + times), axis=1).min()
    if near < _NEAREST_M or not np.all(_is_inside(place, spots)):
        return None
    return Track(onset_s + times, spots)


def _arc_or_line(
    kind: PathKind,
    offset: Float[ndarray, "3"],
    speed: float,
    times: Float[ndarray, " time"],
    generator: np.random.Generator,
) -> Float[ndarray, "time 3"]:
    """Go round the array at one distance and height, or straight past it at that speed at first."""
    side = 1.0 if generator.random() < 0.5 else -1.0
    if kind == "arc":
        turn = side * speed * times
        x, y, z = offset
        around = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
        return np.stack([*around, np.full(len(times), z)], axis=1)
    distance = float(np.linalg.norm(offset))
    across = np.cross([0.0, 0.0, 1.0], offset)
    across = across / max(float(np.linalg.norm(across)), 1e-9)
    outwards = offset / distance
    slant = generator.uniform(-0.6, 0.6)
    heading = np.cos(slant) * side * across + np.sin(slant) * outwards
    return np.asarray(offset + (speed * distance * times)[:, None] * heading)


def _draw_offset(
    place: Place, around: Float[ndarray, "3"], ranges: SceneSettings, generator: np.random.Generator
) -> Float[ndarray, "3"]:
    """Draw where a source stands relative to the array, inside the room and off its walls."""
    near, far = ranges.distance_m
    if isinstance(place.surroundings, MeasuredRoom):
        return _measured_offset(place.surroundings, generator)
    for _ in range(_TRIES):
        if ranges.shells:
            offset = _on_shell(ranges.shells, generator)
        else:
            low, high = np.deg2rad(ranges.elevation_deg)
            azimuth = generator.uniform(-np.pi, np.pi)
            elevation = np.arcsin(generator.uniform(np.sin(low), np.sin(high)))
            offset = generator.uniform(near, far) * unit_vector(azimuth, elevation)
        if _is_inside(place, (around + offset)[None])[0]:
            return np.asarray(offset)
    if ranges.shells or not isinstance(place.surroundings, Room):
        raise SettingError(
            f"sources must find room at the asked distances and elevations, but none of {_TRIES} "
            f"places lay inside {place.surroundings}"
        )
    # A cramped room: along the horizon towards its middle there is always space.
    inward = np.array(place.surroundings.size_m) / 2 - around
    inward[2] = 0.0
    length = float(np.linalg.norm(inward))
    heading = inward / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    return np.asarray(near * heading)


def _measured_offset(room: MeasuredRoom, generator: np.random.Generator) -> Float[ndarray, "3"]:
    """Draw one of the positions that were measured; 1 m stands for an unknown distance."""
    spot = room.spot(int(generator.integers(room.n_positions)))
    return np.asarray(spot.direction * (spot.distance_m or 1.0))


def _on_shell(shells: tuple[Shell, ...], generator: np.random.Generator) -> Float[ndarray, "3"]:
    """Draw one of all the places on the shells' grids."""
    rings = [
        (shell, elevation)
        for shell in shells
        for elevation in np.arange(
            shell.elevation_deg[0], shell.elevation_deg[1] + 1e-6, shell.step_deg
        )
    ]
    shell, elevation = rings[int(generator.integers(len(rings)))]
    azimuth = shell.step_deg * int(generator.integers(round(360 / shell.step_deg)))
    return np.asarray(shell.distance_m * unit_vector(np.deg2rad(azimuth), np.deg2rad(elevation)))


def _is_inside(place: Place, spots: Float[ndarray, "spot 3"]) -> ndarray:
    """Tell which places are inside the room and off its walls, or above the ground."""
    match place.surroundings:
        case Room(size_m=size):
            wall = min(_WALL_M, 0.15 * min(size))
            return np.asarray(np.all((spots > wall) & (spots < np.array(size) - wall), axis=1))
        case Outdoors():
            return np.asarray(spots[:, 2] > 0.05)
        case _:
            return np.ones(len(spots), bool)


def _array_track(
    start: Float[ndarray, "3"],
    ranges: SceneSettings,
    duration_s: float,
    generator: np.random.Generator,
) -> Track:
    """Let the array stand, or move and turn as its settings say."""
    speed = generator.uniform(*ranges.motion.array_speed_m_s)
    turn = np.deg2rad(generator.uniform(*ranges.motion.array_turn_deg_s))
    if not speed and not turn:
        return Track.still(start)
    heading = generator.uniform(-np.pi, np.pi)
    side = 1.0 if generator.random() < 0.5 else -1.0
    times = np.linspace(-1.0, duration_s + 1.0, max(4, int(4 * duration_s)))
    along = speed * (times - duration_s / 2)
    way = along[:, None] * unit_vector(heading, 0.0)
    return Track(times, start + way, side * turn * times)


def _draw_outdoors(ranges: SceneSettings, generator: np.random.Generator) -> Outdoors:
    """Draw the ground, and perhaps an upright wall 3 to 10 m away that faces the array."""
    if generator.random() >= ranges.outdoors.reflector_share:
        return Outdoors(ranges.outdoors.ground)
    away = unit_vector(generator.uniform(-np.pi, np.pi), 0.0)
    x, y, _ = generator.uniform(3, 10) * away
    width, height = generator.uniform((2, 2), (12, 6))
    wall = Reflector(
        (float(x), float(y), float(height / 2)),
        (float(-away[0]), float(-away[1]), 0.0),
        (float(width), float(height)),
    )
    return Outdoors(ranges.outdoors.ground, (wall,))
