"""One place, one sound: of events heard at one time from one direction the surest stays.

A network that doubts between two labels answers with both, from where the one source is. Sources
that truly sound together seldom stand in one direction.
"""

from collections.abc import Sequence

import numpy as np

from sonoscope.core.direction import angle_between
from sonoscope.core.event import Event

_STEP_S = 0.05  # how finely two moving sources are compared
_COVERED = 0.5  # share of an event that may lie under surer ones from the same place


def apart(events: Sequence[Event], nearest_deg: float) -> list[Event]:
    """Drop events that for at least half of their time are heard where surer ones are.

    Parameters
    ----------
    events
        Those without a direction stay.
    nearest_deg
        How near each other two directions count as one; 0 keeps all.

    Examples
    --------
    >>> from sonoscope.core.event import Waypoint
    >>> here = (Waypoint(0.0, 0.3, 0.0),)
    >>> both = [Event("dog", 0.0, 1.0, here, 0.5), Event("siren", 0.2, 0.9, here, 0.8)]
    >>> [event.label for event in apart(both, 10.0)], len(apart(both, 0.0))
    (['siren'], 2)
    """
    if nearest_deg <= 0:
        return list(events)
    kept: list[Event] = []
    for event in sorted(events, key=lambda event: event.score, reverse=True):
        rivals = [
            rival
            for rival in kept
            if rival.path and rival.onset_s < event.offset_s and event.onset_s < rival.offset_s
        ]
        if not event.path or _covered(event, rivals, np.deg2rad(nearest_deg)) < _COVERED:
            kept.append(event)
    staying = {id(event) for event in kept}
    return [event for event in events if id(event) in staying]


def _covered(event: Event, rivals: Sequence[Event], nearest: float) -> float:
    """Give the share of an event's time at which one of its rivals is in the same direction."""
    if not rivals:
        return 0.0
    n_moments = max(1, round((event.offset_s - event.onset_s) / _STEP_S))
    length_s = event.offset_s - event.onset_s
    times = event.onset_s + (np.arange(n_moments) + 0.5) / n_moments * length_s
    here = event.direction_at(times)
    covered = np.zeros(n_moments, bool)
    for rival in rivals:
        sounding = (times >= rival.onset_s) & (times < rival.offset_s)
        there = rival.direction_at(times[sounding])
        covered[sounding] |= angle_between(here[sounding], there) < nearest
    return float(covered.mean())
