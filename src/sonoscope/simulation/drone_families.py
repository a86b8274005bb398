"""Inspections by drone, drawn by number, in the two families of `simulation.inspection_families`.

Discharges, their sounds, rotors and mains are those of the family; parts, views and doors are drawn
alike in both. All ranges are choices.
"""

from collections.abc import Sequence

import numpy as np

from sonoscope.core.errors import SettingError
from sonoscope.simulation.crane import PARTS, CraneView, is_hidden
from sonoscope.simulation.discharge import KINDS, LOCKED, Kind
from sonoscope.simulation.disturbance import RotorNoise
from sonoscope.simulation.drone_inspection import (
    ArrayName,
    DroneInspection,
    DroneInspectionSettings,
    DroneNoise,
    PartDischarge,
    drone_inspection,
)
from sonoscope.simulation.inspection import AirSettings, Family, stream
from sonoscope.simulation.inspection_families import (
    drawn_bed,
    drawn_discharge,
    drawn_mains,
    drawn_shape,
)

_COUNT_ODDS = (0.6, 0.3, 0.1)  # of one source, two, three
_KIND_ODDS = {kind: 2.0 if kind == "brush" else 1.0 for kind in KINDS}
_APART_M = 0.45
_DRAW = {"a": (1 << 20) + 2, "b": (1 << 20) + 3}


def random_drone_inspection(
    family: Family,
    seed: int,
    *,
    kinds: Sequence[Kind] | None = None,
    snr_db: float = 10.0,
    duration_s: float = 2.0,
    rate_hz: int = 96_000,
    array: ArrayName = "spiral64",
) -> DroneInspection:
    """Make recording `seed` of a family; the same bytes whatever was made before.

    Parameters
    ----------
    kinds
        What discharges; () for noise alone, None to draw one, two or three.
    snr_db
        Signal-to-noise ratio, `in_band` as of `simulation.drone_inspection`. It changes nothing but
        the level of the noise.
    """
    wanted = drawn_drone_inspection(
        family,
        stream(seed, _DRAW[family]),
        kinds=kinds,
        snr_db=snr_db,
        duration_s=duration_s,
        rate_hz=rate_hz,
        array=array,
    )
    return drone_inspection(wanted, seed)


def drawn_drone_inspection(
    family: Family,
    generator: np.random.Generator,
    *,
    kinds: Sequence[Kind] | None = None,
    snr_db: float = 10.0,
    duration_s: float = 2.0,
    rate_hz: int = 96_000,
    array: ArrayName = "spiral64",
) -> DroneInspectionSettings:
    """Draw a recording's settings; parameters as of `random_drone_inspection`."""
    nominal_hz = 50.0 if generator.uniform() < 0.6 else 60.0
    mains = drawn_mains(family, nominal_hz, generator)
    view = drawn_view(generator)
    chosen = _kinds(generator) if kinds is None else tuple(kinds)
    parts = _parts(chosen, view, generator)
    sources = []
    for i, (kind, part) in enumerate(zip(chosen, parts, strict=True)):
        discharge = drawn_discharge(
            kind, family, generator, mains_hz=mains.nominal_hz + mains.offset_hz
        )
        shape = drawn_shape(family, generator)
        level = float(generator.uniform(-6, 0)) if i else 0.0
        third = int(generator.integers(3)) / 3
        shift = third if kind in LOCKED else 0.0
        sources.append(PartDischarge(part, discharge, shape, level, shift))
    return DroneInspectionSettings(
        array=array,
        rate_hz=rate_hz,
        duration_s=duration_s,
        mains=mains,
        sources=tuple(sources),
        view=view,
        air=AirSettings(float(generator.uniform(5, 30)), float(generator.uniform(30, 90))),
        drone=_drone(family, generator),
        snr_db=snr_db,
        peak=float(10 ** generator.uniform(-0.6, -0.05)),
        family=family,
    )


def drawn_view(generator: np.random.Generator) -> CraneView:
    """Draw a view of the crane that has all its parts within the photograph."""
    draw = generator.uniform
    return CraneView(
        distance_m=float(draw(3, 6)),
        aside_m=float(draw(-0.2, 0.2)),
        above_m=float(draw(-0.15, 0.15)),
        turn_deg=float(draw(-4, 4)),
        door_deg=float(draw(80, 98)),
        sheet=float(draw(0.6, 0.95)),
    )


def _kinds(generator: np.random.Generator) -> tuple[Kind, ...]:
    count = 1 + int(generator.choice(3, p=_COUNT_ODDS))
    odds = np.array([_KIND_ODDS[kind] for kind in KINDS])
    order = generator.choice(len(KINDS), count, replace=False, p=odds / odds.sum())
    return tuple(KINDS[i] for i in order)


def _parts(
    kinds: Sequence[Kind], view: CraneView, generator: np.random.Generator
) -> tuple[str, ...]:
    """Draw a part for every kind: in sight of the array, and none beside another.

    One each of all kinds always finds parts; several of one kind may not.
    """
    here = np.zeros(3)
    seen = [name for name in PARTS if not is_hidden(view.door, view.part(name), here)]
    parts: list[str] = []
    for kind in kinds:
        free = [
            name
            for name in seen
            if kind in PARTS[name].kinds and _clearance(view, name, parts) > _APART_M
        ]
        if not free:
            raise SettingError(
                f"kinds must leave {_APART_M} m between parts, but {', '.join(kinds)} was given"
            )
        parts.append(free[int(generator.integers(len(free)))])
    return tuple(parts)


def _clearance(view: CraneView, name: str, parts: Sequence[str]) -> float:
    place = view.part(name)
    return min((float(np.linalg.norm(place - view.part(one))) for one in parts), default=np.inf)


def _drone(family: Family, generator: np.random.Generator) -> DroneNoise:
    rotor = drawn_bed("rotor", family, generator)
    assert isinstance(rotor, RotorNoise)
    return DroneNoise(
        rotor=rotor,
        above_m=float(generator.uniform(0.25, 0.5)),
        turn_deg=float(generator.uniform(0, 90)),
        floor_db=float(generator.uniform(-15, -3)),
    )
