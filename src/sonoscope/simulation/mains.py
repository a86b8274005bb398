"""Clocks that turn: the mains with its slow drift, or a wheel with its speed.

A clock is what relates seconds to turns. The mains voltage is sin(2π turns): a whole turn is a
cycle, and 0 its rising zero crossing. Between knots frequency runs straight, so turns are exact
integrals of it.

Frequencies of public grids stay within 0.2 Hz of 50 or 60 Hz nearly always, deviate by about
20 mHz rms where grids are large, and drift by some mHz a second (ENTSO-E, Operation Handbook,
policy 1). How they wander from knot to knot, a walk that forgets, is a choice.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT
from sonoscope.simulation.mixing import wandering

_KNOT_S = 0.1
_FINE = 16  # steps a knot: a straight line through turns errs by less than 1e-8 of them


@settings(config=STRICT)
class MainsSettings:
    """The mains.

    Attributes
    ----------
    nominal_hz
        50 or 60; 16.7 for railways of central Europe.
    offset_hz
        How far off it is on average.
    wander_hz
        Standard deviation of its drift about that.
    memory_s
        How long the drift remembers where it was.
    phase_turns
        Where in its cycle the voltage is at time 0.
    """

    nominal_hz: Annotated[float, Field(ge=10, le=70)] = 50.0
    offset_hz: Annotated[float, Field(ge=-1, le=1)] = 0.0
    wander_hz: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    memory_s: Annotated[float, Field(gt=0, le=3_600)] = 20.0
    phase_turns: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Turns over time.

    Attributes
    ----------
    time_s, turns
        A fine grid of both; straight between.
    hz
        Turns a second on that grid.
    """

    time_s: Float[ndarray, " knot"]
    turns: Float[ndarray, " knot"]
    hz: Float[ndarray, " knot"]

    def turns_at(self, time_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        """Give turns, whole ones counted; 1e-8 of one off at most."""
        return np.asarray(np.interp(time_s, self.time_s, self.turns))

    def time_at(self, turns: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        """Give the seconds at which so many turns are done."""
        return np.asarray(np.interp(turns, self.turns, self.time_s))

    def hz_at(self, time_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        """Give turns a second."""
        return np.asarray(np.interp(time_s, self.time_s, self.hz))


def mains_clock(
    mains: MainsSettings, first_s: float, last_s: float, generator: np.random.Generator
) -> Clock:
    """Let the mains run from `first_s` to `last_s`, in the asked phase at time 0."""
    knots = _knots(first_s, last_s)
    drift = _walk(len(knots), mains.memory_s, generator)
    hz = mains.nominal_hz + mains.offset_hz + mains.wander_hz * drift
    return clock_of(knots, hz, mains.phase_turns)


def wheel_clock(
    wheel_hz: float,
    wander: float,
    memory_s: float,
    span_s: tuple[float, float],
    generator: np.random.Generator,
) -> Clock:
    """Let a wheel run, its speed off by a share `wander` (standard deviation), from any angle."""
    knots = _knots(*span_s)
    drift = _walk(len(knots), memory_s, generator)
    return clock_of(knots, wheel_hz * (1 + wander * drift.clip(-3, 3)), generator.uniform())


def clock_of(
    knots_s: Float[ndarray, " knot"], hz: Float[ndarray, " knot"], phase_turns: float
) -> Clock:
    """Integrate a frequency that runs straight between knots; `phase_turns` is at time 0."""
    spans = np.arange(_FINE * (len(knots_s) - 1) + 1) / _FINE
    time = np.interp(spans, np.arange(len(knots_s)), knots_s)
    fine = np.interp(time, knots_s, hz)
    steps = np.diff(time) * (fine[1:] + fine[:-1]) / 2
    turns = np.concatenate([[0.0], np.cumsum(steps)])
    return Clock(time, turns - np.interp(0.0, time, turns) + phase_turns, fine)


def _knots(first_s: float, last_s: float) -> Float[ndarray, " knot"]:
    spans = max(1, int(np.ceil((last_s - first_s) / _KNOT_S)))
    return first_s + _KNOT_S * np.arange(spans + 1)


def _walk(
    knots: int, memory_s: float, generator: np.random.Generator
) -> Float[ndarray, " {knots}"]:
    """Draw a walk of zero mean and unit power that forgets over `memory_s`."""
    return np.asarray(wandering(1, knots, memory_s / _KNOT_S, generator)[0])
