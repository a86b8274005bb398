"""Of two labels heard from one place at one time, the surer one stays."""

import numpy as np

from sonoscope.core.event import Event, Waypoint
from sonoscope.targets.apart import apart


def at(azimuth_deg: float, time_s: float = 0.0) -> Waypoint:
    return Waypoint(time_s, float(np.deg2rad(azimuth_deg)), 0.0)


SIREN = Event("siren", 1.0, 3.0, (at(40),), 0.8)


def kept(*events: Event, nearest_deg: float = 15.0) -> list[str]:
    return [event.label for event in apart(events, nearest_deg)]


def test_the_less_sure_of_two_from_one_place_goes() -> None:
    assert kept(Event("dog", 1.2, 2.8, (at(50),), 0.5), SIREN) == ["siren"]
    assert kept(Event("dog", 1.2, 2.8, (at(50),), 0.9), SIREN) == ["dog"]


def test_other_places_and_other_times_stay() -> None:
    assert kept(Event("dog", 1.2, 2.8, (at(60),), 0.5), SIREN) == ["dog", "siren"]
    assert kept(Event("dog", 3.0, 4.0, (at(40),), 0.5), SIREN) == ["dog", "siren"]


def test_an_event_stays_that_is_mostly_alone() -> None:
    assert kept(Event("dog", 2.5, 6.0, (at(40),), 0.5), SIREN) == ["dog", "siren"]
    assert kept(Event("dog", 2.5, 3.4, (at(40),), 0.5), SIREN) == ["siren"]


def test_several_surer_ones_cover_together() -> None:
    early, late = Event("cat", 0.0, 1.0, (at(0),), 0.9), Event("cow", 1.0, 2.0, (at(0),), 0.9)
    whole = Event("dog", 0.4, 1.6, (at(0),), 0.3)
    assert kept(early, late, whole) == ["cat", "cow"]


def test_a_moving_source_meets_a_still_one_only_for_a_while() -> None:
    passing = Event("dog", 1.0, 3.0, (at(-100, 1.0), at(180, 3.0)), 0.4)
    assert kept(SIREN, passing) == ["siren", "dog"]
    along = Event("dog", 1.0, 3.0, (at(30, 1.0), at(50, 3.0)), 0.4)
    assert kept(SIREN, along) == ["siren"]


def test_nothing_goes_without_a_direction_or_when_not_asked() -> None:
    assert kept(SIREN, Event("dog", 1.0, 3.0, (), 0.1)) == ["siren", "dog"]
    same = Event("dog", 1.0, 3.0, (at(40),), 0.1)
    assert kept(SIREN, same, nearest_deg=0.0) == ["siren", "dog"]
