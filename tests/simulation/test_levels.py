"""Each definition of the signal-to-noise ratio holds in the sound, to a tenth of a decibel."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sonoscope.core.event import Event
from sonoscope.simulation.render import render
from sonoscope.simulation.scene_settings import SceneSettings, SnrDefinition
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.script import Script
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream, listener_for

RATE = 16_000
FORMATS = ("foa", "tetra")


def script(definition: SnrDefinition, number: int = 1, **more: Any) -> Script:
    ranges = SceneSettings(
        **{
            "snr_definition": definition,
            "snr_db": (6.0, 20.0),
            "level_spread_db": 0.0,
            "t60_s": (0.2, 0.4),
            "gain_db": (0.0, 0.0),
            "mono_share": 0.0,
            "clean_share": 0.0,
            "empty_share": 0.0,
            "anechoic_share": 0.0,
            "max_overlap": (1,),
            "augment": False,
        }
        | more
    )
    supplies = Supplies(ModelledBank(RATE), ("door_wood_knock", "siren"), ("footsteps",))
    return SceneStream(ranges, supplies, 5).script(number, 6.0)


def parts(
    told: Script, channel_format: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], tuple[Event, ...]]:
    """Ambience, and the events on top of it, on the omnidirectional channels."""
    listener = [listener_for(channel_format, RATE)]
    whole = render(told, listener)[0]
    silent = render(replace(told, emissions=()), listener)[0].recording.samples.astype(float)
    channels = slice(0, 1) if channel_format == "foa" else slice(0, 4)
    events = whole.recording.samples.astype(float) - silent
    return silent[channels], events[channels], whole.events


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


@pytest.mark.parametrize("channel_format", FORMATS)
def test_active_every_event_while_it_sounds(channel_format: str) -> None:
    told = script("active")
    ambience, _, _ = parts(told, channel_format)
    for emission in told.emissions:
        alone = replace(told, emissions=(emission,))
        _, sound, events = parts(alone, channel_format)
        if not events:
            continue
        part = sound[:, round(events[0].onset_s * RATE) : round(events[0].offset_s * RATE)]
        ratio = (part**2).mean() / (ambience**2).mean()
        assert decibels(ratio) == pytest.approx(told.levels.snr_db, abs=0.1)


@pytest.mark.parametrize("channel_format", FORMATS)
@pytest.mark.parametrize("number", [1, 2])
def test_file_all_events_over_the_whole_file(channel_format: str, number: int) -> None:
    told = script("file", number, max_overlap=(2,))
    ambience, sound, _ = parts(told, channel_format)
    ratio = (sound**2).mean() / (ambience**2).mean()
    assert decibels(ratio) == pytest.approx(told.levels.snr_db, abs=0.1)


@pytest.mark.parametrize("channel_format", FORMATS)
def test_peak_the_largest_sample_of_every_event(channel_format: str) -> None:
    told = script("peak")
    ambience, _, _ = parts(told, channel_format)
    for emission in told.emissions:
        _, sound, events = parts(replace(told, emissions=(emission,)), channel_format)
        if not events:
            continue
        part = sound[:, round(events[0].onset_s * RATE) : round(events[0].offset_s * RATE)]
        ratio = (part**2).max() / (ambience**2).mean()
        assert decibels(ratio) == pytest.approx(told.levels.snr_db, abs=0.1)


def test_interferers_have_a_level_of_their_own() -> None:
    told = script("file", 3, extra_share=0.5, extra_sir_db=(10.0, 10.0), max_overlap=(2,))
    wanted, others = (
        tuple(one for one in told.emissions if one.is_extra is extra) for extra in (False, True)
    )
    assert wanted
    assert others
    ambience, both, _ = parts(told, "foa")
    _, only, _ = parts(replace(told, emissions=wanted), "foa")
    sir = (only**2).mean() / ((both - only) ** 2).mean()
    assert decibels(sir) == pytest.approx(10.0, abs=0.1)
    assert decibels((only**2).mean() / (ambience**2).mean()) == pytest.approx(
        told.levels.snr_db, abs=0.1
    )
