"""When and how strongly electrical discharges click: pulse trains of six kinds, simulated.

A pulse train is times of emission and amplitudes (peak of a pulse's envelope, 1 m away, 1 being
usual of its kind). What of it is physics of the literature and what is choice:

- **corona** (a point in air). Pulses need an instantaneous voltage above onset, so they cluster
  about one crest: Trichel pulses of nearly equal amplitude about 270° where the point is on high
  voltage, 90° where it is on earth; the cluster widens as arccos(onset / crest). Their rate grows
  with the excess of voltage (Trichel 1938; Lama and Gallo 1974), they come at regular intervals
  and are weaker soon after another, as ions of the last must leave first. Above a higher onset
  the other crest has streamers: fewer, larger, irregular. Choices: the rates, far below the
  electrical 10 to 1000 kHz, since what is nearer than a pulse's own sound cannot be told apart.
- **floating** (a metal part without potential) and **internal** (a void): a capacitance that
  charges with the voltage and breaks down whenever its own voltage reaches a limit, then keeps a
  residual one (the a-b-c circuit of Gemant and Philippoff 1932; Whitehead 1951). A gap in air
  breaks down at the limit: equal charges at equal steps of voltage. A void waits for a first
  electron (Gutfleisch and Niemeyer 1995), is overvolted meanwhile, and so discharges unequally and
  later, the two half cycles nearly alike. Phases are not put in, they follow.
- **surface** (tracking along an insulator): pulses on the rising flanks to the crest, amplitudes in
  triangular clouds, one half cycle stronger than the other, as its conductor gives electrons more
  easily. Phenomenological: patterns as guides to PRPD describe them.
- **particle** (a loose one, or loose metal): contacts at random times without the mains' phase; the
  longer it flew the harder it lands. Choice: the law of its flights.
- **brush** (a current collector): sparks as segments pass, locked to a wheel whose speed wanders;
  every segment has a strength of its own. Choice: all figures.

Trains of renewal kinds come by time-rescaling: gaps of a gamma law in the integral of the intensity
(Brown et al., Neural Computation 14 (2002) 325), so that regularity is one number.
Distances, air, reflections are not here: see `simulation.inspection`. Nothing here was measured; no
open recording of discharges in air was found.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT
from sonoscope.simulation.mains import Clock, wheel_clock

Kind = Literal["corona", "surface", "floating", "internal", "particle", "brush"]

KINDS: tuple[Kind, ...] = get_args(Kind)

LOCKED: tuple[Kind, ...] = ("corona", "surface", "floating", "internal")
"""Kinds that follow the mains."""

_BINS = 256
_SETTLING = 3  # cycles before the first that counts, in which charges settle
_LEAST_VOLTAGE = 0.05

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Decibels = Annotated[float, Field(ge=0, le=40)]


@settings(config=STRICT)
class Corona:
    """A sharp point in air.

    Attributes
    ----------
    overvoltage
        Crest of the voltage over the onset of Trichel pulses.
    overvoltage_end
        What it has become at the end, where voltage rises; None for one that stays.
    point
        What the point is on: `hv` has its first cluster at 270°, `earth` at 90°.
    rate_hz
        Trichel pulses a second at twice the onset voltage, were it held there.
    rate_power
        How the rate grows with the excess of voltage over onset.
    regularity
        Shape of the gamma law of gaps: 1 is random, 40 has gaps that vary by 16 %.
    recovery_s, depression
        A pulse right after another is weaker by this share, and recovers over that time.
    streamer_onset
        Onset of streamers in the other half cycle over that of Trichel pulses.
    streamer_rate_hz, streamer_gain_db
        Their rate, as `rate_hz`, and level over Trichel pulses.
    spread_db, streamer_spread_db
        Standard deviation of levels.
    supply_spread
        Relative deviation of the crest from cycle to cycle.
    """

    kind: Literal["corona"] = "corona"
    overvoltage: Annotated[float, Field(gt=1, le=4)] = 1.25
    overvoltage_end: Annotated[float, Field(gt=1, le=4)] | None = None
    point: Literal["hv", "earth"] = "hv"
    rate_hz: Annotated[float, Field(gt=0, le=200_000)] = 20_000.0
    rate_power: Annotated[float, Field(ge=0, le=3)] = 1.0
    regularity: Annotated[float, Field(ge=1, le=1_000)] = 40.0
    recovery_s: Positive = 150e-6
    depression: Share = 0.4
    streamer_onset: Annotated[float, Field(ge=1, le=4)] = 1.4
    streamer_rate_hz: Annotated[float, Field(ge=0, le=50_000)] = 4_000.0
    streamer_gain_db: Annotated[float, Field(ge=-20, le=40)] = 9.0
    spread_db: Decibels = 0.6
    streamer_spread_db: Decibels = 2.5
    supply_spread: Annotated[float, Field(ge=0, le=0.2)] = 0.005


@settings(config=STRICT)
class Surface:
    """Tracking along an insulator.

    Attributes
    ----------
    begin_deg, mode_deg, end_deg
        Where pulses begin, are densest and end in a half cycle, from its zero crossing.
    pulses
        How many come in a half cycle, on average over both.
    imbalance
        Pulses times mean amplitude of the stronger half cycle over the weaker's.
    stronger
        Which it is.
    cloud
        Law of the amplitudes: `triangle` (equally likely up to a bound that rises over the phase)
        or `weibull` (of shape 1.4, its scale rising alike).
    regularity
        As of `Corona`.
    """

    kind: Literal["surface"] = "surface"
    begin_deg: Annotated[float, Field(ge=-40, le=60)] = 0.0
    mode_deg: Annotated[float, Field(ge=0, le=100)] = 55.0
    end_deg: Annotated[float, Field(ge=40, le=140)] = 100.0
    pulses: Annotated[float, Field(gt=0, le=300)] = 10.0
    imbalance: Annotated[float, Field(ge=1, le=10)] = 2.3
    stronger: Literal["positive", "negative"] = "positive"
    cloud: Literal["triangle", "weibull"] = "triangle"
    regularity: Annotated[float, Field(ge=1, le=100)] = 1.3

    @model_validator(mode="after")
    def _in_order(self) -> "Surface":
        if not self.begin_deg < self.mode_deg < self.end_deg:
            raise ValueError("begin_deg, mode_deg and end_deg must grow")
        return self


@settings(config=STRICT)
class Floating:
    """A metal part without potential that sparks to its neighbour.

    Attributes
    ----------
    breakdown
        Voltage of the gap at which it sparks, over the crest of what the mains would put there.
    step
        How much of it a spark takes away.
    spread
        Standard deviation of `breakdown`, relative.
    spread_db
        Standard deviation of levels of what is heard.
    """

    kind: Literal["floating"] = "floating"
    breakdown: Annotated[float, Field(gt=0, lt=1)] = 0.88
    step: Annotated[float, Field(gt=0, lt=2)] = 0.3
    spread: Annotated[float, Field(ge=0, le=0.2)] = 0.01
    spread_db: Decibels = 0.4

    @model_validator(mode="after")
    def _fits(self) -> "Floating":
        if not self.step <= 1.9 * self.breakdown:
            raise ValueError("step must be at most 1.9 times the breakdown")
        return self


@settings(config=STRICT)
class Internal:
    """A void in an insulator.

    Attributes
    ----------
    breakdown, residual
        Voltages over the void at which it can discharge, and that a discharge leaves; over the
        crest of what the mains would put there.
    lag_s
        Mean time until a first electron comes, once the voltage suffices.
    imbalance
        How much longer it is in one half cycle than in the other.
    detrapping
        How many times likelier electrons are right after a discharge, less one, and
    detrapping_s
        how long that lasts.
    spread_db
        Standard deviation of levels beside what overvoltage does.
    """

    kind: Literal["internal"] = "internal"
    breakdown: Annotated[float, Field(gt=0, lt=1)] = 0.35
    residual: Annotated[float, Field(ge=0, lt=1)] = 0.05
    lag_s: Annotated[float, Field(ge=0, le=0.1)] = 0.3e-3
    imbalance: Annotated[float, Field(ge=1, le=5)] = 1.1
    detrapping: Annotated[float, Field(ge=0, le=20)] = 0.0
    detrapping_s: Positive = 2e-3
    spread_db: Decibels = 0.8

    @model_validator(mode="after")
    def _fits(self) -> "Internal":
        if not self.residual < 0.9 * self.breakdown:
            raise ValueError("residual must be less than 0.9 times the breakdown")
        return self


@settings(config=STRICT)
class Particle:
    """A loose particle, or loose metal that touches.

    Attributes
    ----------
    rate_hz
        Contacts a second.
    flights
        Law of the times between: `gamma` or `lognormal`.
    variation
        Their standard deviation over their mean.
    hardness
        Amplitude grows with this power of the time flown.
    spread_db
        Standard deviation of levels beside that.
    """

    kind: Literal["particle"] = "particle"
    rate_hz: Annotated[float, Field(gt=0, le=2_000)] = 90.0
    flights: Literal["gamma", "lognormal"] = "gamma"
    variation: Annotated[float, Field(gt=0, le=3)] = 0.7
    hardness: Annotated[float, Field(ge=0, le=2)] = 0.5
    spread_db: Decibels = 3.0


@settings(config=STRICT)
class Brush:
    """A current collector that sparks as segments pass.

    Attributes
    ----------
    wheel_hz
        Turns a second.
    segments
        How many pass a turn.
    wander, memory_s
        Relative deviation of the speed, and how long it lasts.
    missed
        Share of passes without a spark.
    sparks
        How many a pass has on average; those after the first follow within `trail_s` on average.
    jitter
        Deviation of the first from the segment's edge, in segments.
    segment_spread_db, spread_db
        Standard deviation of levels between segments, which is the same every turn, and otherwise.
    """

    kind: Literal["brush"] = "brush"
    wheel_hz: Annotated[float, Field(gt=0, le=200)] = 7.4
    segments: Annotated[int, Field(ge=1, le=200)] = 12
    wander: Annotated[float, Field(ge=0, le=0.1)] = 0.004
    memory_s: Positive = 1.0
    missed: Annotated[float, Field(ge=0, lt=1)] = 0.15
    sparks: Annotated[float, Field(ge=1, le=10)] = 1.5
    trail_s: Positive = 0.4e-3
    jitter: Annotated[float, Field(ge=0, le=0.3)] = 0.02
    segment_spread_db: Decibels = 4.0
    spread_db: Decibels = 2.5


Discharge = Annotated[
    Corona | Surface | Floating | Internal | Particle | Brush, Field(discriminator="kind")
]
"""Settings of a discharge of any kind."""

AnyDischarge = Corona | Surface | Floating | Internal | Particle | Brush


@dataclass(frozen=True, slots=True, eq=False)
class PulseTrain:
    """Pulses as they leave their source, in order of time.

    Attributes
    ----------
    time_s
        When the peak of each is emitted.
    amplitude
        Peak of its envelope, 1 m away in air without loss; 1 is usual.
    turns
        Cycles of the mains at that time; the part past the whole ones is the phase.
    """

    time_s: Float[ndarray, " pulse"]
    amplitude: Float[ndarray, " pulse"]
    turns: Float[ndarray, " pulse"]


def pulse_train(
    discharge: AnyDischarge,
    mains: Clock,
    generator: np.random.Generator,
    *,
    shift_turns: float = 0.0,
) -> PulseTrain:
    """Draw the pulses of a discharge over all of a clock's time.

    Parameters
    ----------
    shift_turns
        How far the voltage at this source runs ahead of the clock: thirds on other phases.
    """
    match discharge:
        case Corona():
            turns, amplitude = _corona(discharge, mains, shift_turns, generator)
        case Surface():
            turns, amplitude = _surface(discharge, mains, shift_turns, generator)
        case Floating():
            turns, amplitude = _floating(discharge, mains, shift_turns, generator)
        case Internal():
            turns, amplitude = _internal(discharge, mains, shift_turns, generator)
        case Particle():
            return _particle(discharge, mains, generator)
        case Brush():
            return _brush(discharge, mains, generator)
    turns = turns - shift_turns
    inside = (turns >= mains.turns[0]) & (turns <= mains.turns[-1])
    return PulseTrain(mains.time_at(turns[inside]), amplitude[inside], turns[inside])


# ── renewal in the integral of an intensity ──────────────────────────────────────────────────────


def _cycles(mains: Clock, shift_turns: float) -> tuple[int, int]:
    """Give the first whole cycle at a source and how many cover the clock's time."""
    first = math.floor(mains.turns[0] + shift_turns)
    return first, math.ceil(mains.turns[-1] + shift_turns) - first


def _renewal(
    intensity: Float[ndarray, "cycle bin"],
    first: int,
    regularity: float,
    generator: np.random.Generator,
) -> Float[ndarray, " pulse"]:
    """Draw pulses, in turns, of an intensity a turn given in the middle of every bin."""
    bins = intensity.shape[1]
    integral = np.concatenate([[0.0], np.cumsum(intensity.ravel()) / bins])
    total = integral[-1]
    expected = int(total + 6 * np.sqrt(total + 1)) + 8
    gaps = generator.gamma(regularity, 1 / regularity, expected)
    gaps[0] *= generator.uniform()
    points = np.cumsum(gaps)
    points = points[points < total]
    # Where nothing happens the integral stands still; its last edge is taken, before what follows.
    edge = np.searchsorted(integral, points, side="left")
    share = (points - integral[edge - 1]) / (integral[edge] - integral[edge - 1])
    return np.asarray(first + (edge - 1 + share) / bins)


def _phases() -> Float[ndarray, " bin"]:
    return (np.arange(_BINS) + 0.5) / _BINS


def _of_db(deviation_db: float, count: int, generator: np.random.Generator) -> ndarray:
    return np.asarray(10 ** (deviation_db / 20 * generator.standard_normal(count)))


def _corona(
    corona: Corona, mains: Clock, shift_turns: float, generator: np.random.Generator
) -> tuple[ndarray, ndarray]:
    first, cycles = _cycles(mains, shift_turns)
    last = corona.overvoltage if corona.overvoltage_end is None else corona.overvoltage_end
    crest = np.linspace(corona.overvoltage, last, cycles)
    crest = crest * (1 + corona.supply_spread * generator.standard_normal(cycles))
    period_s = 1 / float(mains.hz.mean())
    sign = -1.0 if corona.point == "hv" else 1.0
    voltage = sign * crest[:, None] * np.sin(2 * np.pi * _phases())
    excess = (voltage - 1).clip(min=0)
    trichel = np.where(excess > 0, excess**corona.rate_power, 0.0) * corona.rate_hz * period_s
    turns = _renewal(trichel, first, corona.regularity, generator)
    gaps_s = np.diff(turns, prepend=-np.inf) * period_s
    amplitude = 1 - corona.depression * np.exp(-gaps_s / corona.recovery_s)
    amplitude *= _of_db(corona.spread_db, len(turns), generator)
    more = (-voltage - corona.streamer_onset).clip(min=0) * corona.streamer_rate_hz * period_s
    streamers = _renewal(more, first, 2.0, generator)
    gain = 10 ** (corona.streamer_gain_db / 20)
    larger = gain * _of_db(corona.streamer_spread_db, len(streamers), generator)
    return _merged((turns, amplitude), (streamers, larger))


def _merged(
    one: tuple[ndarray, ndarray], other: tuple[ndarray, ndarray]
) -> tuple[ndarray, ndarray]:
    turns = np.concatenate([one[0], other[0]])
    order = np.argsort(turns, kind="stable")
    return turns[order], np.concatenate([one[1], other[1]])[order]


def _surface(
    surface: Surface, mains: Clock, shift_turns: float, generator: np.random.Generator
) -> tuple[ndarray, ndarray]:
    first, cycles = _cycles(mains, shift_turns)
    first, cycles = first - 1, cycles + 2  # pulses may begin before the zero crossing
    begin, mode, end = surface.begin_deg / 360, surface.mode_deg / 360, surface.end_deg / 360
    # Half of the imbalance (in decibels) lies in how many pulses, half in how large they are.
    root = surface.imbalance**0.5
    sign = 1.0 if surface.stronger == "positive" else -1.0
    phase = np.mod(_phases() - begin, 1.0)
    intensity = np.zeros(_BINS)
    for half, side in ((0.0, sign), (0.5, -sign)):
        since = np.mod(phase - half, 1.0)
        shape = np.interp(since, [0, mode - begin, end - begin, 1], [0.15, 1, 0, 0])
        shape = np.where(since < end - begin, shape, 0.0)
        share = root / (1 + root) if side > 0 else 1 / (1 + root)
        intensity += 2 * surface.pulses * share * shape / shape.mean()
    turns = _renewal(np.tile(intensity, (cycles, 1)), first, surface.regularity, generator)
    since = np.mod(turns - begin, 0.5)
    positive = np.mod(turns - begin, 1.0) < 0.5
    stronger = positive if sign > 0 else ~positive
    bound = 0.35 + 0.65 * np.minimum(since / (mode - begin), 1.0)
    if surface.cloud == "triangle":
        amplitude = bound * generator.uniform(0.08, 1.0, len(turns))
    else:
        amplitude = 0.5 * bound * generator.weibull(1.4, len(turns)) + 0.03
    return turns, amplitude * np.where(stronger, root**0.5, root**-0.5)


# ── a capacitance that charges and breaks down ───────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Gap:
    """A gap in units of the crest of the voltage over it, times in turns."""

    breakdown: float
    residual: float
    spread: float
    lag: tuple[float, float]
    detrapping: float
    detrapping_turns: float


def _charging(
    gap: _Gap, first: int, last: int, generator: np.random.Generator
) -> tuple[ndarray, ndarray]:
    """Follow a gap from breakdown to breakdown: when (turns), and by how much its voltage fell."""
    times, falls = [], []
    now, held, before = float(first), 0.0, -math.inf
    draws = _Draws(generator)
    while now < last:
        limit = gap.breakdown * max(1 + gap.spread * draws.normal(), 0.2)
        start, end, side = _exceeded(now, held, limit)
        if start >= now + 1:
            now += 1  # out of reach in this cycle: another draw
            continue
        lag = gap.lag[side < 0] * draws.exponential()
        lag /= 1 + gap.detrapping * math.exp(-(start - before) / gap.detrapping_turns)
        if start + lag > end:
            now = end
            continue
        now = start + lag
        voltage = math.sin(2 * math.pi * now)
        fall = abs(voltage - held) - gap.residual
        held = voltage - side * gap.residual
        times.append(now)
        falls.append(fall)
        before = now
        now += 1e-7
    return np.array(times), np.array(falls)


def _exceeded(now: float, held: float, limit: float) -> tuple[float, float, int]:
    """Give from when to when the gap's voltage exceeds its limit next, and in which direction."""
    best = (math.inf, math.inf, 1)
    for side in (1, -1):
        level = side * held + limit  # the voltage, turned to this side, that is enough
        if level >= 1:
            continue
        rise = math.asin(max(level, -1.0)) / (2 * math.pi)
        half = 0.0 if side > 0 else 0.5
        cycle = math.floor(now - half - rise)
        start, end = cycle + half + rise, cycle + half + 0.5 - rise
        if now >= end:
            start, end = start + 1, end + 1
        if max(start, now) < best[0]:
            best = (max(start, now), end, side)
    return best


class _Draws:
    """Random numbers one by one, drawn by the thousand."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._normals: list[float] = []
        self._exponentials: list[float] = []

    def normal(self) -> float:
        if not self._normals:
            self._normals = self._generator.standard_normal(1_024).tolist()
        return self._normals.pop()

    def exponential(self) -> float:
        if not self._exponentials:
            self._exponentials = self._generator.standard_exponential(1_024).tolist()
        return self._exponentials.pop()


def _floating(
    floating: Floating, mains: Clock, shift_turns: float, generator: np.random.Generator
) -> tuple[ndarray, ndarray]:
    residual = floating.breakdown - floating.step
    gap = _Gap(floating.breakdown, residual, floating.spread, (0.0, 0.0), 0.0, 1.0)
    first, cycles = _cycles(mains, shift_turns)
    turns, fall = _charging(gap, first - _SETTLING, first + cycles, generator)
    return turns, fall / floating.step * _of_db(floating.spread_db, len(turns), generator)


def _internal(
    internal: Internal, mains: Clock, shift_turns: float, generator: np.random.Generator
) -> tuple[ndarray, ndarray]:
    hz = float(mains.hz.mean())
    apart = internal.imbalance**0.5
    gap = _Gap(
        internal.breakdown,
        internal.residual,
        0.02,
        (internal.lag_s * hz * apart, internal.lag_s * hz / apart),
        internal.detrapping,
        internal.detrapping_s * hz,
    )
    first, cycles = _cycles(mains, shift_turns)
    turns, fall = _charging(gap, first - _SETTLING, first + cycles, generator)
    usual = internal.breakdown - internal.residual
    return turns, fall / usual * _of_db(internal.spread_db, len(turns), generator)


# ── without the mains ────────────────────────────────────────────────────────────────────────────


def _particle(particle: Particle, mains: Clock, generator: np.random.Generator) -> PulseTrain:
    first, last = float(mains.time_s[0]), float(mains.time_s[-1])
    expected = particle.rate_hz * (last - first)
    count = int(expected + (6 + 6 * particle.variation) * np.sqrt(expected + 1)) + 8
    if particle.flights == "gamma":
        shape = particle.variation**-2
        flown = generator.gamma(shape, 1 / shape, count)
    else:
        spread = np.sqrt(np.log1p(particle.variation**2))
        flown = np.exp(spread * generator.standard_normal(count) - spread**2 / 2)
    time = first + (np.cumsum(flown) - flown[0] * generator.uniform()) / particle.rate_hz
    amplitude = flown**particle.hardness * _of_db(particle.spread_db, count, generator)
    inside = time < last
    time = time[inside]
    return PulseTrain(time, amplitude[inside], mains.turns_at(time))


def _brush(brush: Brush, mains: Clock, generator: np.random.Generator) -> PulseTrain:
    span = (float(mains.time_s[0]), float(mains.time_s[-1]))
    wheel = wheel_clock(brush.wheel_hz, brush.wander, brush.memory_s, span, generator)
    first, last = np.ceil(wheel.turns[[0, -1]] * brush.segments).astype(np.int64)
    segment = np.arange(first, last)
    own = _of_db(brush.segment_spread_db, brush.segments, generator)
    segment = segment[generator.uniform(size=len(segment)) >= brush.missed]
    edge = segment + brush.jitter * generator.standard_normal(len(segment))
    starts = wheel.time_at(edge / brush.segments)
    strength = own[segment % brush.segments]
    followers = generator.poisson(brush.sparks - 1, len(segment))
    which = np.repeat(np.arange(len(segment)), followers)
    trailing = starts[which] + brush.trail_s * generator.standard_exponential(len(which))
    time, strength = _merged((starts, strength), (trailing, 0.6 * strength[which]))
    amplitude = strength * _of_db(brush.spread_db, len(time), generator)
    inside = (time >= span[0]) & (time <= span[1])
    time = time[inside]
    return PulseTrain(time, amplitude[inside], mains.turns_at(time))
