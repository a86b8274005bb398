"""What one microphone near cranes and drones hears beside discharges: models, not measurements.

Each has unit mean power before its level. Up to 96 kHz and quick: stationary parts are drawn as one
spectrum. What is taken from elsewhere, and what is a choice:

- `rotor`: `simulation.rotor` (lines, vortex noise), the hubs' pressures over their distances, and
  beside it the whine of motor controllers, which `rotor` leaves out: lines at multiples of their
  switching frequency, with sidebands of the motor's commutation (choice: their levels);
- `wind`: spectrum, law of speed and gusts of `simulation.wind`, for one capsule;
- `crane`: a converter-fed motor: hum at multiples of twice its feed, gear mesh with sidebands of
  the shaft, switching lines with sidebands of the feed, noise that falls by 6 dB an octave (choice:
  all levels; that lines stand there is textbook: A. Hughes, Electric Motors and Drives);
- `rain`: drops at random times on something that rings, amplitudes of a lognormal law, over a hiss:
  the clicks that are not discharges (choice: all figures);
- `floor`: the microphone's own noise, level over frequency or rising.
"""

from typing import Annotated, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from scipy.fft import irfft, next_fast_len, rfftfreq

from sonoscope.core.recipe import STRICT
from sonoscope.simulation.clicks import PulseShape, added, check_ring, clicks
from sonoscope.simulation.mixing import wandering
from sonoscope.simulation.rotor import Rotor, RotorBed, rotor_sounds
from sonoscope.simulation.threads import one_thread
from sonoscope.simulation.wind import Wind, wind_density

_CPU = torch.device("cpu")
_GUST_KNOTS_A_SECOND = 10
_GUST_S = 1.5
_SPEED_POWER = 6.3  # as in simulation.wind

Level = Annotated[float, Field(ge=-120, le=60)]


@settings(config=STRICT)
class RotorNoise:
    """A drone that carries the microphone.

    Attributes
    ----------
    level_db
        Of this noise among all.
    rotors, speed_hz, distance_m
        How many, at what mean speed, how far from the microphone.
    vortex_db, modulation
        As of `simulation.rotor.RotorBed`.
    switching_hz, switching_db
        Switching frequency of the motor controllers, and how loud its lines are within this noise.
    """

    kind: Literal["rotor"] = "rotor"
    level_db: Level = 0.0
    rotors: Annotated[int, Field(ge=1, le=12)] = 4
    speed_hz: Annotated[float, Field(ge=10, le=400)] = 90.0
    distance_m: Annotated[float, Field(gt=0.05, le=20)] = 0.4
    vortex_db: Annotated[float, Field(ge=-40, le=40)] = 0.0
    modulation: Annotated[float, Field(ge=0, le=1)] = 0.4
    switching_hz: Annotated[float, Field(ge=4_000, le=80_000)] = 24_000.0
    switching_db: Level = -35.0


@settings(config=STRICT)
class WindNoise:
    """Wind in the microphone."""

    kind: Literal["wind"] = "wind"
    level_db: Level = 0.0
    speed_m_s: Annotated[float, Field(ge=1, le=50)] = 6.0
    gustiness: Annotated[float, Field(ge=0, le=0.5)] = 0.2


@settings(config=STRICT)
class CraneNoise:
    """A converter-fed motor and its gears.

    Attributes
    ----------
    feed_hz
        What the converter feeds the motor with.
    mesh_hz, shaft_hz
        Of the gear.
    switching_hz
        Of the converter.
    lines_db
        Power of all lines over that of the noise.
    switching_db
        Of the switching lines over the others.
    """

    kind: Literal["crane"] = "crane"
    level_db: Level = 0.0
    feed_hz: Annotated[float, Field(ge=1, le=100)] = 33.0
    mesh_hz: Annotated[float, Field(ge=50, le=4_000)] = 420.0
    shaft_hz: Annotated[float, Field(ge=1, le=100)] = 16.0
    switching_hz: Annotated[float, Field(ge=1_000, le=20_000)] = 4_000.0
    lines_db: Annotated[float, Field(ge=-40, le=40)] = 0.0
    switching_db: Annotated[float, Field(ge=-60, le=20)] = -12.0


@settings(config=STRICT)
class RainNoise:
    """Drops on a hard cover.

    Attributes
    ----------
    drops_hz
        How many a second.
    spread_db
        Standard deviation of their levels.
    centre_hz, cycles
        What they ring like.
    hiss_db
        Power of the far drops, as noise, over that of the near ones.
    """

    kind: Literal["rain"] = "rain"
    level_db: Level = 0.0
    drops_hz: Annotated[float, Field(gt=0, le=5_000)] = 300.0
    spread_db: Annotated[float, Field(ge=0, le=20)] = 6.0
    centre_hz: Annotated[float, Field(ge=5_000, le=60_000)] = 14_000.0
    cycles: Annotated[float, Field(gt=0, le=10)] = 2.0
    hiss_db: Annotated[float, Field(ge=-60, le=60)] = 0.0

    @model_validator(mode="after")
    def _rings_out(self) -> "RainNoise":
        check_ring(self.cycles, self.centre_hz)
        return self


@settings(config=STRICT)
class FloorNoise:
    """The microphone's own noise.

    Attributes
    ----------
    slope_db
        How much its density rises an octave.
    """

    kind: Literal["floor"] = "floor"
    level_db: Level = -20.0
    slope_db: Annotated[float, Field(ge=-6, le=6)] = 0.0


Bed = Annotated[
    RotorNoise | WindNoise | CraneNoise | RainNoise | FloorNoise, Field(discriminator="kind")
]
"""Settings of a disturbance of any kind."""

AnyBed = RotorNoise | WindNoise | CraneNoise | RainNoise | FloorNoise


def disturbance(
    bed: AnyBed, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " {length}"]:
    """Give a disturbance of unit mean power (its own `level_db` is the caller's to add)."""
    match bed:
        case RotorNoise():
            sound = _rotor(bed, rate_hz, length, generator)
        case WindNoise():
            sound = _wind(bed, rate_hz, length, generator)
        case CraneNoise():
            sound = _crane(bed, rate_hz, length, generator)
        case RainNoise():
            sound = _rain(bed, rate_hz, length, generator)
        case FloorNoise():
            frequency = _grid(rate_hz, length)
            density = np.maximum(frequency / 1_000, 0.1) ** (bed.slope_db / (10 * np.log10(2)))
            sound = _from_spectrum(_noise(density, generator), length)
        case _:
            assert_never(bed)
    return _unit(sound)


def _unit(sound: Float[ndarray, " sample"]) -> Float[ndarray, " sample"]:
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    return np.asarray(sound / np.float32(max(power, 1e-30) ** 0.5), np.float32)


def _grid(rate_hz: int, length: int) -> Float[ndarray, " bin"]:
    return np.asarray(rfftfreq(next_fast_len(length, real=True), 1 / rate_hz))


def _noise(
    density: Float[ndarray, " bin"], generator: np.random.Generator
) -> Complex[ndarray, " bin"]:
    """Draw the spectrum of noise of some power density."""
    parts = generator.standard_normal((len(density), 2), dtype=np.float32).view(np.complex64)
    drawn = parts[:, 0] * np.sqrt(density).astype(np.float32)
    drawn[0] = 0
    return np.asarray(drawn)


def _from_spectrum(spectrum: Complex[ndarray, " bin"], length: int) -> Float[ndarray, " {length}"]:
    size = next_fast_len(length, real=True)
    return np.asarray(irfft(spectrum, size)[:length], np.float32)


def _with_lines(
    spectrum: Complex[ndarray, " bin"],
    frequency_hz: Float[ndarray, " line"],
    level_db: Float[ndarray, " line"],
    bin_hz: float,
    generator: np.random.Generator,
) -> None:
    """Add lines in place, each a few hertz wide: what is fed by a converter never stands still."""
    inside = frequency_hz < 0.96 * bin_hz * (len(spectrum) - 1)
    for centre, level in zip(frequency_hz[inside], level_db[inside], strict=True):
        width = 0.3 + 2e-4 * centre
        reach = int(np.ceil(3 * width / bin_hz))
        bins = np.arange(max(round(centre / bin_hz) - reach, 1), round(centre / bin_hz) + reach + 1)
        bins = bins[bins < len(spectrum)]
        shape = np.exp(-((bins * bin_hz - centre) ** 2) / (2 * width**2))
        shape *= 10 ** (level / 20) / np.sqrt((shape**2).sum())
        drawn = generator.standard_normal((2, len(bins)))
        spectrum[bins] += shape * (drawn[0] + 1j * drawn[1])


def _power(spectrum: Complex[ndarray, " bin"]) -> float:
    return float(np.square(np.abs(spectrum)).sum(dtype=np.float64))


# ── the kinds ────────────────────────────────────────────────────────────────────────────────────


def _rotor(
    bed: RotorNoise, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    angle = generator.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(bed.rotors) / bed.rotors
    away = bed.distance_m * generator.uniform(0.8, 1.25, bed.rotors)
    speed = bed.speed_hz * (1 + 0.03 * generator.standard_normal(bed.rotors).clip(-3, 3))
    rotors = tuple(
        Rotor((float(d * np.cos(a)), float(d * np.sin(a)), 0.0), float(s))
        for a, d, s in zip(angle, away, speed, strict=True)
    )
    whole = RotorBed(rotors, noise_db=bed.vortex_db, modulation=bed.modulation)
    with one_thread():  # torch rounds otherwise with several
        sounds = rotor_sounds(whole, rate_hz, length, generator, _CPU)
    heard = np.zeros(length, np.float32)
    for one, sent in zip(rotors, sounds.numpy(), strict=True):
        heard += np.float32(1 / one.distance_m) * sent
    turning = _unit(heard)
    frequency = _grid(rate_hz, length)
    spectrum = np.zeros(len(frequency), np.complex64)
    order = np.arange(1, 8)
    for one in speed:
        side = 42 * one  # six steps a turn of the field, seven pairs of poles
        centre = bed.switching_hz * order * (1 + 0.002 * generator.standard_normal())
        lines = np.concatenate([centre, centre - side, centre + side])
        levels = np.concatenate([-6.0 * order, -6.0 * order - 6, -6.0 * order - 6])
        levels = levels + 4 * generator.standard_normal(len(levels))
        _with_lines(spectrum, lines.clip(min=1_000), levels, frequency[1], generator)
    whine = _unit(_from_spectrum(spectrum, length))
    return turning + np.float32(10 ** (bed.switching_db / 20)) * whine


def _wind(
    bed: WindNoise, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    density = wind_density(Wind(bed.speed_m_s), _grid(rate_hz, length))
    sound = _from_spectrum(_noise(density, generator), length)
    knots = 2 + length * _GUST_KNOTS_A_SECOND // rate_hz
    gust = wandering(1, knots, _GUST_S * _GUST_KNOTS_A_SECOND, generator)[0]
    swell = np.exp(_SPEED_POWER / 2 * bed.gustiness * gust)
    places = np.arange(length) * (_GUST_KNOTS_A_SECOND / rate_hz)
    return np.asarray(sound * np.interp(places, np.arange(knots), swell), np.float32)


def _crane(
    bed: CraneNoise, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    frequency = _grid(rate_hz, length)
    noise = _noise(1 / (1 + (frequency / 400) ** 2), generator)
    low = np.zeros_like(noise)
    order = np.arange(1, 13)
    hum, mesh = 2 * bed.feed_hz * order, bed.mesh_hz * order
    sides = np.concatenate([mesh - bed.shaft_hz, mesh + bed.shaft_hz])
    lines = np.concatenate([hum, mesh, sides])
    levels = -4.0 * np.concatenate([order, order - 1, order + 2, order + 2])
    levels = levels + 4 * generator.standard_normal(len(levels))
    _with_lines(low, lines.clip(min=5), levels, frequency[1], generator)
    high = np.zeros_like(noise)
    order = np.arange(1, 1 + int(0.48 * rate_hz / bed.switching_hz))
    switching = bed.switching_hz * order
    for aside, less_db in ((0, 0.0), (-2, -3.0), (2, -3.0), (-4, -9.0), (4, -9.0)):
        levels = -20 * np.log10(order) + less_db + 3 * generator.standard_normal(len(order))
        _with_lines(high, switching + aside * bed.feed_hz, levels, frequency[1], generator)
    low /= np.float32(_power(low) ** 0.5)
    high *= np.float32(10 ** (bed.switching_db / 20) / _power(high) ** 0.5)
    lined = low + high
    lined *= np.float32(10 ** (bed.lines_db / 20) / _power(lined) ** 0.5)
    return _from_spectrum(noise / np.float32(_power(noise) ** 0.5) + lined, length)


def _rain(
    bed: RainNoise, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    shape = PulseShape("ringing", bed.centre_hz, bed.cycles, variation=0.2)
    drop = clicks(shape, rate_hz, generator, variants=16)
    rows = drop.rows(np.ones((1, len(drop.frequency_hz))))[0, :, 0]
    count = int(generator.poisson(bed.drops_hz * length / rate_hz))
    start = generator.integers(-rows.shape[1], length, count)
    which = generator.integers(len(rows), size=count)
    level = 10 ** (bed.spread_db / 20 * generator.standard_normal(count))
    near = added(rows, which, level * generator.choice([-1.0, 1.0], count), start, length)
    frequency = _grid(rate_hz, length)
    over = frequency / bed.centre_hz
    hiss = _from_spectrum(_noise(over**2 / (1 + over**2) ** 2, generator), length)
    gain = np.float32(10 ** (bed.hiss_db / 20))
    if not count:
        return hiss
    return np.asarray(_unit(near) + gain * _unit(hiss), np.float32)
