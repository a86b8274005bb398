"""Inspections drawn by the thousand, in two families that differ in more than their seeds.

What is learnt from one family and tested on the other cannot live on one generator's habits:

| | family a | family b |
|---|---|---|
| pulses | short ringing, N waves | bursts of noise, two modes, slow attacks |
| corona | rate ∝ excess, gaps vary by 11 to 20 % | ∝ excess^1.5 to ^2, by 20 to 35 % |
| surface | triangular clouds, densest about 55° | Weibull clouds, about 70°, pulses repel |
| floating | 2 to 4 equal sparks a half cycle | 1 to 3 that scatter more |
| internal | electrons come after 0.1 to 0.4 ms | 0.3 to 0.9 ms, sooner after a discharge |
| particle | gamma flights | lognormal flights, harder landings |
| brush | a slow wheel of many segments | a quick one of few that misses more |
| places | open air: ground, sometimes a wall | halls: six walls and late sound |
| noise | quadcopter, wind, slow converter | six or eight rotors, rain, gusts, quick converter |

All ranges are choices about the physics of `simulation.discharge`; none was fitted to recordings.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from sonoscope.simulation.clicks import LONGEST_RING_S, PulseShape
from sonoscope.simulation.discharge import (
    KINDS,
    LOCKED,
    AnyDischarge,
    Brush,
    Corona,
    Floating,
    Internal,
    Kind,
    Particle,
    Surface,
)
from sonoscope.simulation.disturbance import (
    AnyBed,
    CraneNoise,
    FloorNoise,
    RainNoise,
    RotorNoise,
    WindNoise,
)
from sonoscope.simulation.inspection import (
    AirSettings,
    Family,
    Hall,
    Inspection,
    InspectionSettings,
    OpenAir,
    Place,
    ReceiverSettings,
    SnrDefinition,
    SourceSettings,
    inspection,
    stream,
)
from sonoscope.simulation.mains import MainsSettings
from sonoscope.simulation.room import Surfaces

BedKind = Literal["rotor", "wind", "crane", "rain", "floor"]

BED_KINDS: dict[Family, tuple[BedKind, ...]] = {
    "a": ("rotor", "wind", "crane"),
    "b": ("rotor", "rain", "crane", "wind"),
}
"""What each family draws its noises from; the microphone's own is always there."""

SNR_DB = (-5.0, 20.0)
"""Signal-to-noise ratios that are drawn where none is asked for."""

_NOMINAL_HZ = (50.0, 60.0, 16.7)
_NOMINAL_ODDS = (0.5, 0.35, 0.15)
_COUNT_ODDS = (0.15, 0.65, 0.2)  # of no source, one, two
_CLEAR_HZ = 1.0
_DRAW = {"a": 1, "b": 2}


def random_inspection(  # noqa: PLR0913
    family: Family,
    seed: int,
    *,
    kinds: Sequence[Kind] | None = None,
    snr_db: float | tuple[float, float] = SNR_DB,
    snr: SnrDefinition = "whole",
    duration_s: float = 2.0,
    rate_hz: int = 96_000,
    nominal_hz: float | None = None,
    beds: Sequence[BedKind] | None = None,
) -> Inspection:
    """Make recording `seed` of a family; the same bytes whatever was made before.

    Parameters
    ----------
    kinds
        What discharges; () for noise alone, None to draw it.
    snr_db
        Signal-to-noise ratio, or the range to draw it from.
    snr
        Its definition, as of `simulation.inspection`.
    nominal_hz
        Of the mains; None to draw 50, 60 or 16.7.
    beds
        Which noises beside the microphone's own; None to draw one or two of the family's.
    """
    generator = stream(seed, _DRAW[family])
    wanted = drawn_inspection(
        family,
        generator,
        kinds=kinds,
        snr_db=snr_db,
        snr=snr,
        duration_s=duration_s,
        rate_hz=rate_hz,
        nominal_hz=nominal_hz,
        beds=beds,
    )
    return inspection(wanted, seed)


def drawn_inspection(  # noqa: PLR0913
    family: Family,
    generator: np.random.Generator,
    *,
    kinds: Sequence[Kind] | None = None,
    snr_db: float | tuple[float, float] = SNR_DB,
    snr: SnrDefinition = "whole",
    duration_s: float = 2.0,
    rate_hz: int = 96_000,
    nominal_hz: float | None = None,
    beds: Sequence[BedKind] | None = None,
) -> InspectionSettings:
    """Draw a recording's settings; parameters as of `random_inspection`."""
    nominal = float(generator.choice(_NOMINAL_HZ, p=_NOMINAL_ODDS))
    mains = drawn_mains(family, nominal if nominal_hz is None else nominal_hz, generator)
    chosen = _kinds(generator) if kinds is None else tuple(kinds)
    place, receiver, spots = _place(family, len(chosen), duration_s, generator)
    sources = tuple(
        _source(family, kind, spot, number, mains, generator)
        for number, (kind, spot) in enumerate(zip(chosen, spots, strict=True))
    )
    lowest, highest = snr_db if isinstance(snr_db, tuple) else (snr_db, snr_db)
    ratio = float(lowest + (highest - lowest) * generator.uniform())
    noises = _beds(family, beds, generator)
    warm = (5.0, 30.0) if family == "a" else (-5.0, 25.0)
    air = AirSettings(float(generator.uniform(*warm)), float(generator.uniform(30, 90)))
    return InspectionSettings(
        rate_hz=rate_hz,
        duration_s=duration_s,
        mains=mains,
        sources=sources,
        place=place,
        air=air,
        receiver=receiver,
        beds=noises,
        snr_db=ratio if chosen else None,
        snr=snr,
        peak=float(10 ** generator.uniform(-1.3, -0.05)),
        family=family,
    )


def drawn_discharge(
    kind: Kind, family: Family, generator: np.random.Generator, *, mains_hz: float = 50.0
) -> AnyDischarge:
    """Draw a discharge of a kind as a family has it.

    Parameters
    ----------
    mains_hz
        What no multiple of a brush's wheel comes near, or twice that: by chance of one such draw
        nobody could tell the two clocks apart.
    """
    match kind:
        case "corona":
            return _corona(family, generator)
        case "surface":
            return _surface(family, generator)
        case "floating":
            return _floating(family, generator)
        case "internal":
            return _internal(family, generator)
        case "particle":
            return _particle(family, generator)
        case "brush":
            return _brush(family, generator, mains_hz)


def _even(generator: np.random.Generator) -> Callable[[float, float], float]:
    """Give draws between two ends, every number as likely."""
    return lambda low, high: float(generator.uniform(low, high))


def _one_of(options: Sequence[str], generator: np.random.Generator) -> str:
    return options[int(generator.integers(len(options)))]


def _kinds(generator: np.random.Generator) -> tuple[Kind, ...]:
    count = int(generator.choice(3, p=_COUNT_ODDS))
    order = generator.permutation(len(KINDS))[:count]
    return tuple(KINDS[i] for i in order)


def drawn_mains(family: Family, nominal: float, generator: np.random.Generator) -> MainsSettings:
    """Draw the mains of a nominal frequency as a family has them."""
    if family == "a":
        offset = float(np.clip(0.05 * generator.standard_normal(), -0.2, 0.2))
    else:
        offset = float(generator.uniform(-0.2, 0.2))
    wander = float(generator.uniform(0.002, 0.02))
    memory = float(generator.uniform(10, 60))
    return MainsSettings(nominal, offset, wander, memory, float(generator.uniform()))


# ── discharges ───────────────────────────────────────────────────────────────────────────────────


def _corona(family: Family, generator: np.random.Generator) -> Corona:
    point: Literal["hv", "earth"] = "hv" if generator.uniform() < 0.5 else "earth"
    draw = _even(generator)
    if family == "a":
        has_streamers = generator.uniform() < 0.25
        over = draw(1.45, 1.8) if has_streamers else draw(1.08, 1.35)
        return Corona(
            overvoltage=over,
            point=point,
            rate_hz=draw(12_000, 30_000),
            regularity=draw(25, 80),
            depression=draw(0.2, 0.5),
            streamer_gain_db=draw(6, 10),
            spread_db=draw(0.3, 0.9),
        )
    return Corona(
        overvoltage=draw(1.1, 1.6),
        point=point,
        rate_hz=draw(30_000, 80_000),
        rate_power=draw(1.5, 2.0),
        regularity=draw(8, 25),
        recovery_s=300e-6,
        depression=draw(0.1, 0.4),
        streamer_onset=draw(1.3, 1.7),
        streamer_rate_hz=draw(2_000, 6_000),
        streamer_gain_db=draw(8, 13),
        spread_db=draw(0.8, 1.6),
        supply_spread=draw(0.005, 0.02),
    )


def _surface(family: Family, generator: np.random.Generator) -> Surface:
    stronger: Literal["positive", "negative"] = (
        "positive" if generator.uniform() < 0.5 else "negative"
    )
    draw = _even(generator)
    if family == "a":
        return Surface(
            begin_deg=draw(-5, 10),
            mode_deg=draw(45, 65),
            end_deg=draw(90, 105),
            pulses=draw(6, 18),
            imbalance=draw(1.8, 2.9),
            stronger=stronger,
            regularity=draw(1.0, 1.5),
        )
    return Surface(
        begin_deg=draw(-15, 15),
        mode_deg=draw(60, 80),
        end_deg=draw(95, 112),
        pulses=draw(4, 25),
        imbalance=draw(1.6, 3.4),
        stronger=stronger,
        cloud="weibull",
        regularity=draw(1.5, 3.0),
    )


def _floating(family: Family, generator: np.random.Generator) -> Floating:
    draw = _even(generator)
    if family == "a":
        return Floating(
            breakdown=draw(0.8, 0.92),
            step=draw(0.22, 0.42),
            spread=draw(0.004, 0.012),
            spread_db=draw(0.2, 0.6),
        )
    return Floating(
        breakdown=draw(0.82, 0.95),
        step=draw(0.32, 0.6),
        spread=draw(0.01, 0.03),
        spread_db=draw(0.5, 1.2),
    )


def _internal(family: Family, generator: np.random.Generator) -> Internal:
    draw = _even(generator)
    if family == "a":
        breakdown = draw(0.22, 0.4)
        return Internal(
            breakdown=breakdown,
            residual=breakdown * draw(0.0, 0.2),
            lag_s=draw(0.1e-3, 0.4e-3),
            imbalance=draw(1.0, 1.2),
        )
    breakdown = draw(0.25, 0.5)
    return Internal(
        breakdown=breakdown,
        residual=breakdown * draw(0.1, 0.4),
        lag_s=draw(0.3e-3, 0.9e-3),
        imbalance=draw(1.0, 1.4),
        detrapping=draw(1, 4),
        detrapping_s=draw(1e-3, 4e-3),
        spread_db=draw(0.8, 1.8),
    )


def _particle(family: Family, generator: np.random.Generator) -> Particle:
    draw = _even(generator)
    if family == "a":
        return Particle(
            rate_hz=draw(30, 150),
            variation=draw(0.5, 0.9),
            spread_db=draw(2, 4),
        )
    return Particle(
        rate_hz=draw(40, 250),
        flights="lognormal",
        variation=draw(0.8, 1.4),
        hardness=0.8,
        spread_db=draw(3, 6),
    )


def _brush(family: Family, generator: np.random.Generator, mains_hz: float) -> Brush:
    draw = _even(generator)
    ends = (3, 15) if family == "a" else (15, 40)
    wheel_hz = draw(*ends)
    while _meets(wheel_hz, mains_hz):
        wheel_hz = draw(*ends)
    if family == "a":
        return Brush(
            wheel_hz=wheel_hz,
            segments=int(generator.integers(8, 21)),
            wander=draw(0.002, 0.006),
            missed=draw(0.05, 0.25),
            sparks=draw(1.0, 1.8),
        )
    return Brush(
        wheel_hz=wheel_hz,
        segments=int(generator.integers(3, 9)),
        wander=draw(0.004, 0.012),
        missed=draw(0.15, 0.45),
        sparks=draw(1.3, 2.6),
        trail_s=0.7e-3,
        jitter=draw(0.02, 0.06),
        segment_spread_db=draw(2, 6),
        spread_db=draw(2, 4),
    )


def _meets(wheel_hz: float, mains_hz: float) -> bool:
    """Tell whether a multiple of the wheel's turns comes near the mains or twice it."""
    for line in (mains_hz, 2 * mains_hz):
        off = abs(line - wheel_hz * round(line / wheel_hz))
        if off < min(_CLEAR_HZ, wheel_hz / 4):
            return True
    return False


def drawn_shape(family: Family, generator: np.random.Generator) -> PulseShape:
    """Draw what a pulse sounds like; it does not depend on what discharges."""
    draw = _even(generator)
    centre = draw(24_000, 40_000)
    if family == "a":
        if generator.uniform() < 0.4:
            return PulseShape("bipolar", centre, variation=draw(0.02, 0.08))
        return PulseShape("ringing", centre, draw(1.5, 4), variation=draw(0.01, 0.05))
    if generator.uniform() < 0.6:
        attack = draw(0.1, 0.4)
        return PulseShape("burst", centre, draw(2, 5), attack)
    ratio = draw(0.6, 0.75) if generator.uniform() < 0.5 else draw(1.25, 1.5)
    attack, partial = draw(0.2, 0.6), draw(0.3, 0.8)
    return PulseShape("ringing", centre, draw(2.5, 5), attack, partial, ratio)


def _source(
    family: Family,
    kind: Kind,
    spot: Place,
    number: int,
    mains: MainsSettings,
    generator: np.random.Generator,
) -> SourceSettings:
    mains_hz = mains.nominal_hz + mains.offset_hz
    discharge = drawn_discharge(kind, family, generator, mains_hz=mains_hz)
    shape = drawn_shape(family, generator)
    level = float(3 * generator.standard_normal()) if number else 0.0
    third = int(generator.integers(3)) / 3
    return SourceSettings(discharge, shape, spot, level, third if kind in LOCKED else 0.0)


# ── places ───────────────────────────────────────────────────────────────────────────────────────


def _place(
    family: Family, count: int, duration_s: float, generator: np.random.Generator
) -> tuple[OpenAir | Hall, ReceiverSettings, list[Place]]:
    """Draw where it is: a receiver, still or moving, and sources 1.5 to 12 m away."""
    if family == "a":
        return _open_air(count, generator)
    return _hall(count, duration_s, generator)


def _open_air(
    count: int, generator: np.random.Generator
) -> tuple[OpenAir, ReceiverSettings, list[Place]]:
    draw = _even(generator)
    ground = _one_of(("concrete", "asphalt", "gravel", "grass"), generator)
    walls: tuple[tuple[Place, Place, str], ...] = ()
    if generator.uniform() < 0.5:
        walls = (((-draw(2, 8), 0.0, 0.0), (1.0, 0.0, 0.0), "concrete"),)
    at = (0.0, 0.0, draw(2.5, 10))
    centre = draw(3, 12)
    spots: list[Place] = []
    for _ in range(count):
        side, up = draw(-2, 2), float(np.clip(at[2] + draw(-2, 2), 0.5, None))
        spots.append((centre + draw(-0.5, 0.5), side, up))
    receiver = ReceiverSettings(at, _velocity(1.5, generator))
    return OpenAir(ground=ground, walls=walls), receiver, spots


def _hall(
    count: int, duration_s: float, generator: np.random.Generator
) -> tuple[Hall, ReceiverSettings, list[Place]]:
    draw = _even(generator)
    size = (draw(8, 25), draw(6, 15), draw(4, 9))
    wall = _one_of(("brick", "rough_concrete", "hard_wall", "gypsum_board"), generator)
    box = np.array(size)
    at = box * generator.uniform(0.3, 0.7, 3)
    spots: list[Place] = []
    for _ in range(count):
        away = generator.standard_normal(3) * np.array([1, 1, 0.4])
        spot = at + away / np.linalg.norm(away) * draw(1.5, 6)
        spots.append(_triple(spot.clip(0.3, box - 0.3)))
    velocity = _velocity(0.8, generator)
    room = np.where(np.array(velocity) > 0, box - at, at) - 0.2
    furthest = np.abs(velocity) * duration_s
    if np.any(furthest > room):
        velocity = (0.0, 0.0, 0.0)
    receiver = ReceiverSettings(_triple(at), velocity)
    return Hall(size_m=size, surfaces=Surfaces(wall)), receiver, spots


def _triple(where: np.ndarray) -> Place:
    x, y, z = where.tolist()
    return (x, y, z)


def _velocity(fastest_m_s: float, generator: np.random.Generator) -> tuple[float, float, float]:
    """Draw a level velocity; none in three of five."""
    speed, towards = generator.uniform(0, fastest_m_s), generator.uniform(0, 2 * np.pi)
    if generator.uniform() < 0.6:
        return (0.0, 0.0, 0.0)
    return (float(speed * np.cos(towards)), float(speed * np.sin(towards)), 0.0)


# ── noises ───────────────────────────────────────────────────────────────────────────────────────


def _beds(
    family: Family, asked: Sequence[BedKind] | None, generator: np.random.Generator
) -> tuple[AnyBed, ...]:
    known = BED_KINDS[family]
    order = generator.permutation(len(known))[: int(generator.integers(1, 3))]
    chosen = [known[i] for i in order] if asked is None else [x for x in asked if x != "floor"]
    beds = [drawn_bed(kind, family, generator) for kind in chosen]
    slope = 0.0 if family == "a" else float(generator.uniform(-3, 3))
    own = float(generator.uniform(-35, -15)) if beds else 0.0
    return (*beds, FloorNoise(level_db=own, slope_db=slope))


def drawn_bed(kind: BedKind, family: Family, generator: np.random.Generator) -> AnyBed:
    """Draw a noise of a kind as a family has it."""
    draw = _even(generator)
    is_a = family == "a"
    level = draw(-6, 6)
    match kind:
        case "rotor":
            return RotorNoise(
                level_db=level,
                rotors=4 if is_a else int(generator.choice([6, 8])),
                speed_hz=draw(70, 120) if is_a else draw(45, 80),
                distance_m=draw(0.25, 0.8),
                vortex_db=draw(-4, 3) if is_a else draw(0, 8),
                modulation=draw(0.1, 0.6),
                switching_hz=draw(16_000, 26_000) if is_a else draw(30_000, 48_000),
                switching_db=draw(-60, -30),
            )
        case "wind":
            gusts = draw(0.1, 0.25) if is_a else draw(0.25, 0.45)
            speed = draw(2, 12)
            return WindNoise(level_db=level, speed_m_s=speed, gustiness=gusts)
        case "crane":
            return CraneNoise(
                level_db=level,
                feed_hz=draw(5, 60),
                mesh_hz=draw(150, 900),
                shaft_hz=draw(5, 30),
                switching_hz=draw(2_000, 5_000) if is_a else draw(8_000, 16_000),
                lines_db=draw(-6, 6),
                switching_db=draw(-25, -5),
            )
        case "rain":
            return RainNoise(
                level_db=level,
                drops_hz=draw(50, 800),
                spread_db=draw(3, 8),
                centre_hz=(centre := draw(7_000, 25_000)),
                cycles=min(draw(1, 3) if is_a else draw(0.8, 1.7), LONGEST_RING_S * centre),
                hiss_db=draw(-6, 10),
            )
        case "floor":
            return FloorNoise(level_db=level)
