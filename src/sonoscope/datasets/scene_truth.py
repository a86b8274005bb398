"""What is told of a scene beside its sound: paths, levels, room, and whose sounds they are.

`events` are those of the set's labels, `interferers` the others, both as the array hears them:
seconds of the recording, degrees, metres; `path` has a row [time_s, azimuth_deg, elevation_deg,
distance_m] for each known moment, one for a source that stays. `sounded` names what was really
heard under the label and who made it. The file can be read as any table of events
(`core.event_table`), which then holds `events` alone.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, assert_never

import numpy as np

from sonoscope.core.direction import angles
from sonoscope.core.event import Event, Waypoint
from sonoscope.signal.octaves import octave_centres
from sonoscope.simulation.background import Ambience
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.outdoors import Outdoors
from sonoscope.simulation.render import Listener, heard_events
from sonoscope.simulation.room import Room, acoustics
from sonoscope.simulation.scene_settings import SnrDefinition
from sonoscope.simulation.script import Emission, Levels, Place, Script
from sonoscope.simulation.track import Track

SNR_DEFINITIONS: Mapping[SnrDefinition, str] = {
    "active": "active: event power on the omnidirectional channel over mean ambience power",
    "file": "file: energy of all events together over that of the ambience, in the whole file, on "
    "the omnidirectional channel",
    "peak": "peak: an event's largest sample over the ambience's rms, on the omnidirectional "
    "channel",
}


def truth_record(
    script: Script, listener: Listener, labels: Collection[str], credit: Callable[[str], str]
) -> dict[str, Any]:
    """Give all that is known of a scene, as JSON values.

    Parameters
    ----------
    script
        What happens.
    listener
        Who hears it.
    labels
        Those of the set: events of others are interferers.
    credit
        Gives an emission's attribution with its licence.
    """
    heard = heard_events(script, listener)
    told = [_event_record(event, emission, credit) for event, emission in heard]
    wanted = [event.label in labels for event, _ in heard]
    rate_hz = listener.rate_hz
    return {
        "duration_s": script.duration_s,
        "rate_hz": rate_hz,
        "events": [record for record, keep in zip(told, wanted, strict=True) if keep],
        "interferers": [record for record, keep in zip(told, wanted, strict=True) if not keep],
        "levels": _levels_record(script.levels),
        "place": _place_record(script.place, rate_hz),
        "ambience": _ambience_record(script.ambience),
        "foa_encoder": script.foa_encoder,
        "mono": script.is_mono,
        "clean": script.is_clean,
        "gain_db": round(script.gain_db, 3),
    }


def _event_record(event: Event, emission: Emission, credit: Callable[[str], str]) -> dict[str, Any]:
    return {
        "label": event.label,
        "onset_s": _rounded(event.onset_s, 6),
        "offset_s": _rounded(event.offset_s, 6),
        "path": [_waypoint_record(point) for point in _while_it_sounds(event)],
        "level_db": _rounded(emission.level_db, 3),
        "sounded": credit(emission.attribution),
    }


def _while_it_sounds(event: Event) -> tuple[Waypoint, ...]:
    """Cut a path at the event's ends: it may begin before the recording does."""
    if not event.path:
        return ()
    inner = [point for point in event.path if event.onset_s < point.time_s < event.offset_s]
    if len(event.path) == 1:
        return (event.path[0]._replace(time_s=event.onset_s),)
    return (_at(event, event.onset_s), *inner, _at(event, event.offset_s))


def _at(event: Event, time_s: float) -> Waypoint:
    azimuth, elevation = (float(angle) for angle in angles(event.direction_at(time_s)))
    known = [(point.time_s, point.distance_m) for point in event.path]
    if any(metres is None for _, metres in known):
        return Waypoint(time_s, azimuth, elevation)
    times, metres = np.array(known, np.float64).T
    return Waypoint(time_s, azimuth, elevation, float(np.interp(time_s, times, metres)))


def _waypoint_record(point: Waypoint) -> list[float]:
    angles = (_rounded(float(np.rad2deg(angle)), 3) for angle in point[1:3])
    away = [] if point.distance_m is None else [_rounded(point.distance_m, 4)]
    return [_rounded(point.time_s, 6), *angles, *away]


def _levels_record(levels: Levels) -> dict[str, Any]:
    return {
        "definition": levels.definition,
        "snr_db": _rounded(levels.snr_db, 3),
        "sir_db": None if levels.sir_db is None else _rounded(levels.sir_db, 3),
    }


def _ambience_record(ambience: Ambience) -> dict[str, Any]:
    """Give the kind and its numbers, but not the samples of a recorded one."""
    kind = {"kind": type(ambience).__name__}
    return kind if isinstance(ambience, RecordedBed) else kind | asdict(ambience)


def _place_record(place: Place, rate_hz: int) -> dict[str, Any]:
    array = {"array": _track_record(place.array)}
    match place.surroundings:
        case Room() as room:
            t60_s = acoustics(room, rate_hz).t60_s
            octaves = octave_centres(rate_hz)
            return {
                "kind": "room",
                "size_m": [_rounded(side, 4) for side in room.size_m],
                "t60_s": {
                    f"{hz:g}": _rounded(float(s), 4) for hz, s in zip(octaves, t60_s, strict=True)
                },
            } | array
        case Outdoors() as outdoors:
            return {"kind": "outdoors"} | asdict(outdoors) | array
        case MeasuredRoom(name=name, credit=by):
            return {"kind": "measured room", "name": name, "credit": by} | array
        case None:
            return {"kind": "free field"} | array
        case _:
            assert_never(place.surroundings)


def _track_record(track: Track) -> list[list[float]]:
    """Give rows of time, x, y, z and where x of the array points, in degrees."""
    yaw: Sequence[float] = [0.0] * len(track.times_s) if track.yaw is None else track.yaw.tolist()
    return [
        [*(_rounded(float(x), 4) for x in (time, *place)), _rounded(float(np.rad2deg(turned)), 3)]
        for time, place, turned in zip(track.times_s, track.positions_m, yaw, strict=True)
    ]


def as_text(record: Mapping[str, Any]) -> str:
    """Write a record as JSON with a line for each of its entries, and for each event."""
    lines = [f" {json.dumps(key)}: {_entry(value)}" for key, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entry(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(_entry(one) for one in value) + "\n ]"
    return json.dumps(value, ensure_ascii=False)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # + 0.0: no -0.0
