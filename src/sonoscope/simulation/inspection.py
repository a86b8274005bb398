"""Recordings of electrical discharges by one microphone, simulated, with all that is true of them.

    pulses at their sources ─► delay, 1/distance, mirrors, air of each path ─► late sound ─┐
    rotors, wind, crane, rain, the microphone's own noise ────────────────────────────────┴► sum

Each pulse arrives by each path (`simulation.paths`) at its true time, d(t_e) = c (t - t_e), solved
by `simulation.motion`: a receiver that nears a source hears the mains turn faster, 1/c · f a metre
(52.5° at 50 Hz). Air takes its part at every frequency (ISO 9613-1, valid to 1 MHz at normal
pressure, to within 10 %). In halls diffuse late sound follows the first reflections at the level of
image density, 4πc/V · exp(-6 ln 10 t/T60).

**Signal-to-noise ratio.** `whole`: energy of all discharges as heard, within `band_hz`, over the
whole recording, over the energy of all disturbances in the whole band. `in_band`: over their energy
in `band_hz` alone. Truth holds both.

**Everything here is simulated**, and every truth says so: no open recording of discharges in air
was found to check it against. The directivity of sources and microphone, a microphone's own
response, refraction, diffraction past edges and turbulence are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass as settings
from scipy.fft import irfft, next_fast_len, rfft

from sonoscope import __version__
from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.octaves import octave_centres, octave_weights
from sonoscope.simulation.clicks import Clicks, PulseShape, added, clicks
from sonoscope.simulation.discharge import Discharge, Kind, PulseTrain, pulse_train
from sonoscope.simulation.disturbance import Bed, disturbance
from sonoscope.simulation.mains import Clock, MainsSettings, mains_clock
from sonoscope.simulation.materials import Surface
from sonoscope.simulation.motion import arrival_time, arrivals
from sonoscope.simulation.outdoors import Outdoors, Reflector, outdoor_paths
from sonoscope.simulation.paths import NEAREST_M, Path
from sonoscope.simulation.room import Room, Surfaces, acoustics, room_paths
from sonoscope.simulation.track import Track

NOTICE = "simulated: no recording of a real discharge, and none was at hand to compare with"
"""What every truth says."""

Family = Literal["a", "b"]

SnrDefinition = Literal["whole", "in_band"]

_AIR_STEP_DB = 1.0
_AIR_AT_HZ = 40_000.0
_GRID_S = 0.05
_MARGIN_S = 0.01
_LATE_FROM_HZ = 3_000.0
_LATE_S = 0.3
_DECAY = 6 * np.log(10)

Metres = Annotated[float, Field(ge=-10_000, le=10_000)]
Place = tuple[Metres, Metres, Metres]


@settings(config=STRICT)
class OpenAir:
    """The open air: ground at z = 0, and planes that mirror.

    Attributes
    ----------
    ground
        What it is made of; None far above it.
    walls
        A point of each, where it looks, and what it is made of; as wide as need be.
    """

    kind: Literal["open"] = "open"
    ground: Surface | None = "concrete"
    walls: tuple[tuple[Place, Place, Surface], ...] = ()

    def paths(self, rate_hz: int) -> tuple[Path, ...]:
        """Give the ways of sound."""
        mirrors = tuple(Reflector(point, normal, None, made) for point, normal, made in self.walls)
        return outdoor_paths(Outdoors(self.ground, mirrors), rate_hz)


@settings(config=STRICT)
class Hall:
    """A hall or a room, one corner at the origin.

    Attributes
    ----------
    size_m
        Length, width, height.
    surfaces
        What its walls are made of.
    """

    kind: Literal["hall"] = "hall"
    size_m: tuple[
        Annotated[float, Field(ge=1, le=500)],
        Annotated[float, Field(ge=1, le=500)],
        Annotated[float, Field(ge=1, le=200)],
    ] = (30.0, 15.0, 8.0)
    surfaces: Surfaces = Surfaces("concrete")

    @property
    def room(self) -> Room:
        """The room it is."""
        return Room(self.size_m, None, self.surfaces.absorption())

    def paths(self, rate_hz: int) -> tuple[Path, ...]:
        """Give the direct way and the six by one wall."""
        return room_paths(self.room, rate_hz)


@settings(config=STRICT)
class AirSettings:
    """What the air is like, for what it absorbs; sound goes at 343 m/s whatever it is."""

    temperature_c: Annotated[float, Field(ge=-20, le=50)] = 20.0
    humidity_percent: Annotated[float, Field(ge=5, le=100)] = 50.0


@settings(config=STRICT)
class ReceiverSettings:
    """A microphone, still or moving straight.

    Attributes
    ----------
    position_m
        Where it is at time 0.
    velocity_m_s
        Where it goes.
    """

    position_m: Place = (0.0, 0.0, 1.5)
    velocity_m_s: tuple[
        Annotated[float, Field(ge=-50, le=50)],
        Annotated[float, Field(ge=-50, le=50)],
        Annotated[float, Field(ge=-50, le=50)],
    ] = (0.0, 0.0, 0.0)


@settings(config=STRICT)
class SourceSettings:
    """A discharge somewhere.

    Attributes
    ----------
    discharge
        What discharges.
    shape
        What a pulse of it sounds like.
    position_m
        Where.
    level_db
        Of its pulses over those of level 0, at 1 m; between sources only the difference counts
        where an SNR is asked.
    shift_turns
        How far its voltage runs ahead of the mains: thirds on the other phases.
    """

    discharge: Discharge
    shape: PulseShape = PulseShape()
    position_m: Place = (3.0, 0.0, 2.0)
    level_db: Annotated[float, Field(ge=-120, le=120)] = 0.0
    shift_turns: Annotated[float, Field(ge=-1, le=1)] = 0.0


@settings(config=STRICT)
class InspectionSettings:
    """A recording.

    Attributes
    ----------
    rate_hz, duration_s
        Samples a second, and how long.
    mains
        What the sources follow.
    sources
        None, one or several.
    place, air, receiver
        Where.
    beds
        What else is heard; their levels count among each other, and absolutely where `snr_db` is
        None.
    snr_db
        Signal-to-noise ratio of all sources together; None leaves levels as they are.
    snr
        Its definition, see above.
    band_hz
        The band of discharges in that.
    peak
        Largest sample of the recording.
    family
        What drew the settings; "" where nobody did.
    """

    rate_hz: Annotated[int, Field(ge=64_000, le=400_000)] = 96_000
    duration_s: Annotated[float, Field(ge=0.05, le=3_600)] = 2.0
    mains: MainsSettings = MainsSettings()
    sources: tuple[SourceSettings, ...] = ()
    place: Annotated[OpenAir | Hall, Field(discriminator="kind")] = OpenAir(ground=None)
    air: AirSettings = AirSettings()
    receiver: ReceiverSettings = ReceiverSettings()
    beds: tuple[Bed, ...] = ()
    snr_db: Annotated[float, Field(ge=-60, le=120)] | None = None
    snr: SnrDefinition = "whole"
    band_hz: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = (
        20_000.0,
        40_000.0,
    )
    peak: Annotated[float, Field(gt=0, le=1)] = 0.5
    family: Literal["a", "b", ""] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "InspectionSettings":
        if not self.band_hz[0] < self.band_hz[1] <= self.rate_hz / 2:
            raise ValueError("band_hz must grow and lie below half the rate")
        if isinstance(self.place, Hall):
            size = np.array(self.place.size_m)
            ends = self.receiver_ends
            for where in (*(one.position_m for one in self.sources), *ends):
                if not np.all((np.array(where) > 0) & (np.array(where) < size)):
                    raise ValueError("sources and receiver must stay inside the hall")
        return self

    @property
    def receiver_ends(self) -> tuple[ndarray, ndarray]:
        """Where the receiver is at the first and the last sample."""
        start = np.array(self.receiver.position_m)
        return start, start + self.duration_s * np.array(self.receiver.velocity_m_s)

    @property
    def length(self) -> int:
        """Samples of the recording."""
        return round(self.duration_s * self.rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class HeardSource:
    """What is true of one source, as it is heard: only pulses whose direct sound is inside.

    Attributes
    ----------
    kind
        Of discharge.
    time_s
        When the peak of each pulse arrives on the direct way.
    amplitude
        Peak of its envelope there, in samples' units: distance and the air's loss at the shape's
        centre included, what reflections add is not.
    turns
        Cycles of the voltage at the source when it was emitted.
    distance_m
        How far it came.
    grid_s, grid_turns
        Every 50 ms of the recording, and the cycles of the source's voltage whose sound arrives
        then: the pattern's phase at any time, pulses or none.
    """

    kind: Kind
    time_s: Float[ndarray, " pulse"]
    amplitude: Float[ndarray, " pulse"]
    turns: Float[ndarray, " pulse"]
    distance_m: Float[ndarray, " pulse"]
    grid_s: Float[ndarray, " time"]
    grid_turns: Float[ndarray, " time"]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """All that is true of a recording.

    Attributes
    ----------
    settings
        What was asked.
    seed
        Of its random numbers.
    sources
        What is heard of each, in their order.
    grid_s, mains_hz
        Every 50 ms, and the frequency of the mains then.
    snr_db, snr_in_band_db
        As they came out, by both definitions; None without a discharge or without noise.
    notice
        That it is simulated.
    """

    settings: InspectionSettings
    seed: int
    sources: tuple[HeardSource, ...]
    grid_s: Float[ndarray, " time"]
    mains_hz: Float[ndarray, " time"]
    snr_db: float | None
    snr_in_band_db: float | None
    notice: str = NOTICE

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of the sources."""
        return tuple(one.kind for one in self.sources)


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """A simulated recording.

    Attributes
    ----------
    samples
        float32.
    """

    samples: Float[ndarray, " sample"]
    rate_hz: int
    truth: Truth


def inspection(wanted: InspectionSettings, seed: int) -> Inspection:
    """Make a recording; the same settings and seed give the same bytes, whatever came before."""
    stage = _stage(wanted, seed)
    heard = [_heard(stage, number) for number in range(len(wanted.sources))]
    signal = _sum([one.samples for one in heard], wanted.length)
    noise = _sum([_bed(wanted, seed, number) for number in range(len(wanted.beds))], wanted.length)
    levels = _levels(wanted, signal, noise)
    gain = 1.0
    if levels is not None and wanted.snr_db is not None:
        now = levels[0] if wanted.snr == "whole" else levels[1]
        gain = 10 ** ((wanted.snr_db - now) / 20)
        levels = (levels[0] + wanted.snr_db - now, levels[1] + wanted.snr_db - now)
    samples = np.float32(gain) * signal + noise
    loudest = float(np.abs(samples).max(initial=0.0))
    scale = wanted.peak / loudest if loudest > 0 else 1.0
    truth = Truth(
        wanted,
        seed,
        tuple(_scaled(one.truth, gain * scale) for one in heard),
        stage.grid_s,
        stage.mains.hz_at(stage.grid_s),
        None if levels is None else levels[0],
        None if levels is None else levels[1],
    )
    return Inspection(samples * np.float32(scale), wanted.rate_hz, truth)


def as_json(truth: Truth, *, pulses: bool = True) -> str:
    """Write a truth down; without `pulses` only what fits a page."""
    return json.dumps(as_record(truth, pulses=pulses))


def as_record(truth: Truth, *, pulses: bool = True) -> dict[str, Any]:
    """Give a truth as plain tables and lists, ready for JSON."""
    return {
        "notice": truth.notice,
        "sonoscope": __version__,
        "seed": truth.seed,
        "kinds": list(truth.kinds),
        "snr_db": truth.snr_db,
        "snr_in_band_db": truth.snr_in_band_db,
        "settings": json.loads(TypeAdapter(InspectionSettings).dump_json(truth.settings)),
        "mains": {"time_s": truth.grid_s.tolist(), "hz": truth.mains_hz.tolist()},
        "sources": [
            {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in asdict(one).items()
                if pulses or name in ("kind", "grid_s", "grid_turns")
            }
            for one in truth.sources
        ],
    }


# ── random numbers, one stream a part ────────────────────────────────────────────────────────────

_MAINS, _DRAW, _SOURCES, _BEDS = 0, 1, 16, 1_024


def stream(seed: int, part: int) -> np.random.Generator:
    """Give the generator of a part of a recording."""
    if not 0 <= seed < 1 << 63:
        raise SettingError(f"seed must be 0 to 2^63 - 1, but {seed} was given")
    return np.random.Generator(np.random.Philox(key=[seed, 0x5D15C], counter=[0, 0, 0, part]))


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """What all sources of a recording share; `grid_s` is every 50 ms."""

    wanted: InspectionSettings
    seed: int
    paths: tuple[Path, ...]
    ear: Track
    mains: Clock
    grid_s: Float[ndarray, " time"]


def _stage(wanted: InspectionSettings, seed: int) -> _Stage:
    paths = wanted.place.paths(wanted.rate_hz)
    before = _lead_s(wanted, paths)
    start, end = wanted.receiver_ends
    velocity = np.array(wanted.receiver.velocity_m_s)
    if velocity.any():
        early = start - before * velocity
        ear = Track.straight(early, velocity, -before, wanted.duration_s + before)
    else:
        ear = Track.still(end)
    until = wanted.duration_s + _MARGIN_S
    mains = mains_clock(wanted.mains, -before, until, stream(seed, _MAINS))
    grid = _GRID_S * np.arange(int(np.ceil(wanted.duration_s / _GRID_S)) + 1)
    return _Stage(wanted, seed, paths, ear, mains, grid)


def _lead_s(wanted: InspectionSettings, paths: Sequence[Path]) -> float:
    """Give how long before the recording the first sound that is in it was emitted."""
    ends = np.stack(wanted.receiver_ends)
    places = np.array([one.position_m for one in wanted.sources]).reshape(-1, 1, 3)
    away = [np.linalg.norm(path.image(places) - ends, axis=-1).max(initial=0.0) for path in paths]
    late = _LATE_S if isinstance(wanted.place, Hall) else 0.0
    return float(max(away)) / SPEED_OF_SOUND_M_S + late + 2 * _MARGIN_S


# ── one source ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    samples: Float[ndarray, " sample"]
    truth: HeardSource


def _heard(stage: _Stage, number: int) -> _Heard:
    """Hear one source on all its ways."""
    wanted, generator = stage.wanted, stream(stage.seed, _SOURCES + number)
    source, ear = wanted.sources[number], stage.ear
    train = pulse_train(source.discharge, stage.mains, generator, shift_turns=source.shift_turns)
    pulse = clicks(source.shape, wanted.rate_hz, generator)
    which = generator.integers(len(pulse.spectrum), size=len(train.time_s))
    level = train.amplitude * 10 ** (source.level_db / 20)
    here = Track.still(np.array(source.position_m))
    samples = np.zeros(wanted.length, np.float32)
    truth = None
    for path in stage.paths:
        time = arrival_time(here, ear, path, train.time_s)
        place, at = path.image(here.at(train.time_s)), ear.at(time)
        distance = np.linalg.norm(place - at, axis=1).clip(NEAREST_M)
        share = path.share(here.at(train.time_s), at)
        samples += _by_one_path(wanted, path, pulse, (time, distance, which, level * share))
        if truth is None:
            truth = _truth(stage, source, train, (time, distance, level))
    assert truth is not None
    if isinstance(wanted.place, Hall):
        samples += _late(wanted, wanted.place, pulse, (train.time_s, which, level), generator)
    return _Heard(samples, truth)


def _by_one_path(
    wanted: InspectionSettings,
    path: Path,
    pulse: Clicks,
    arriving: tuple[ndarray, ndarray, ndarray, ndarray],
) -> Float[ndarray, " sample"]:
    """Add all pulses as they come by one path: mirrors, air, 1/distance."""
    time, distance, which, level = arriving
    if not len(time):
        return np.zeros(wanted.length, np.float32)
    knots = _knots(wanted.air, distance)
    frequency = pulse.frequency_hz
    gains = _air(wanted.air, frequency, knots)
    if path.gains is not None:
        gains = gains * (path.gains @ octave_weights(frequency, wanted.rate_hz))
    rows = pulse.rows(gains.astype(np.float32))
    knot = np.abs(distance[:, None] - knots).argmin(axis=1) if len(knots) > 1 else 0
    return _placed(rows, knot, pulse, (time, which, level / distance), wanted.length)


def _placed(
    rows: Float[ndarray, "way variant phase tap"],
    way: ndarray | int,
    pulse: Clicks,
    arriving: tuple[ndarray, ndarray, ndarray],
    length: int,
) -> Float[ndarray, " {length}"]:
    time, which, gain = arriving
    step = np.round(time * (pulse.rate_hz * pulse.fine)).astype(np.int64)
    start, phase = np.divmod(step, pulse.fine)
    row = np.ravel_multi_index((np.broadcast_to(way, which.shape), which, phase), rows.shape[:3])
    return added(rows.reshape(-1, rows.shape[3]), row, gain, start - pulse.lead, length)


def _knots(air: AirSettings, distance: Float[ndarray, " pulse"]) -> Float[ndarray, " knot"]:
    """Give distances whose air stands for those around them."""
    near, far = float(distance.min()), float(distance.max())
    loss = float(_loss(air, np.array([_AIR_AT_HZ]))[0]) * (far - near)
    count = 1 + int(loss / _AIR_STEP_DB)
    return np.asarray(near + (np.arange(count) + 0.5) / count * (far - near))


def _loss(air: AirSettings, frequency_hz: Float[ndarray, " bin"]) -> Float[ndarray, " bin"]:
    return absorption_db_m(
        frequency_hz,
        temperature_c=air.temperature_c,
        humidity_percent=air.humidity_percent,
    )


def _air(
    air: AirSettings, frequency_hz: Float[ndarray, " bin"], distance_m: Float[ndarray, " way"]
) -> Float[ndarray, "way bin"]:
    """Give the pressure that air leaves over distances."""
    return np.asarray(10 ** (-np.outer(distance_m, _loss(air, frequency_hz)) / 20))


def _truth(
    stage: _Stage,
    source: SourceSettings,
    train: PulseTrain,
    direct: tuple[ndarray, ndarray, ndarray],
) -> HeardSource:
    time, distance, level = direct
    wanted, here = stage.wanted, Track.still(np.array(source.position_m))
    loss = float(_loss(wanted.air, np.array([source.shape.centre_hz]))[0])
    inside = (time >= 0) & (time < wanted.duration_s)
    heard = level / distance * 10 ** (-loss * distance / 20)
    emitted = arrivals(here, stage.ear, stage.paths[:1], stage.grid_s).emitted_s[0]
    return HeardSource(
        source.discharge.kind,
        time[inside],
        heard[inside],
        train.turns[inside] + source.shift_turns,
        distance[inside],
        stage.grid_s,
        stage.mains.turns_at(emitted) + source.shift_turns,
    )


def _scaled(one: HeardSource, gain: float) -> HeardSource:
    return HeardSource(
        one.kind,
        one.time_s,
        one.amplitude * gain,
        one.turns,
        one.distance_m,
        one.grid_s,
        one.grid_turns,
    )


def _late(
    wanted: InspectionSettings,
    hall: Hall,
    pulse: Clicks,
    emitted: tuple[ndarray, ndarray, ndarray],
    generator: np.random.Generator,
) -> Float[ndarray, " sample"]:
    """Give the late sound: what was emitted, through noise that decays by octave."""
    rate = wanted.rate_hz
    tail = late_response(hall, rate, generator)
    lead = len(tail)
    rows = pulse.rows(np.ones((1, len(pulse.frequency_hz)), np.float32))
    time, which, level = emitted
    dry = _placed(rows, 0, pulse, (time + lead / rate, which, level), wanted.length + lead)
    size = next_fast_len(len(dry) + lead, real=True)
    wet = irfft(rfft(dry, size) * rfft(tail, size), size)
    return np.asarray(wet[lead : lead + wanted.length], np.float32)


def late_response(
    hall: Hall, rate_hz: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    """Draw what a hall sends after its first reflections, in octaves from 4 kHz up.

    It fades in while sound goes from one to two mean free paths, 4 V / S.
    """
    room = hall.room
    walls = acoustics(room, rate_hz)
    x, y, z = hall.size_m
    free_s = 2 * x * y * z / (x * y + y * z + z * x) / SPEED_OF_SOUND_M_S
    centres = octave_centres(rate_hz)
    heard = np.flatnonzero(centres > _LATE_FROM_HZ)
    length = round(min(_LATE_S, max(2.5 * free_s, float(walls.t60_s[heard].max()))) * rate_hz)
    time = np.arange(length) / rate_hz
    rise = np.sin(np.pi / 2 * (time / free_s - 1).clip(0, 1))
    power = 4 * np.pi * SPEED_OF_SOUND_M_S / (room.volume_m3 * rate_hz)
    size = next_fast_len(length, real=True)
    white = rfft(generator.standard_normal(size))
    weights = octave_weights(np.fft.rfftfreq(size, 1 / rate_hz), rate_hz)
    tail = np.zeros(length)
    for band in heard:
        noise = irfft(white * weights[band], size)[:length]
        tail += noise * np.exp(-_DECAY / 2 * time / walls.t60_s[band])
    return np.asarray(np.sqrt(power) * rise * tail, np.float32)


# ── levels ───────────────────────────────────────────────────────────────────────────────────────


def _bed(wanted: InspectionSettings, seed: int, number: int) -> Float[ndarray, " sample"]:
    bed = wanted.beds[number]
    sound = disturbance(bed, wanted.rate_hz, wanted.length, stream(seed, _BEDS + number))
    return sound * np.float32(10 ** (bed.level_db / 20))


def _sum(sounds: Sequence[Float[ndarray, " sample"]], length: int) -> Float[ndarray, " {length}"]:
    return np.asarray(sum(sounds, np.zeros(length, np.float32)), np.float32)


def _levels(
    wanted: InspectionSettings, signal: Float[ndarray, " sample"], noise: Float[ndarray, " sample"]
) -> tuple[float, float] | None:
    """Give both signal-to-noise ratios; None where there is no signal or no noise."""
    if not signal.any() or not noise.any():
        return None
    power = band_energy(signal, wanted.rate_hz, wanted.band_hz)
    whole = float(np.square(noise, dtype=np.float64).sum())
    inside = band_energy(noise, wanted.rate_hz, wanted.band_hz)
    to_db = 10 / np.log(10)
    return (
        float(to_db * np.log(max(power, 1e-300) / whole)),
        float(to_db * np.log(max(power, 1e-300) / max(inside, 1e-300))),
    )


def band_energy(
    samples: Float[ndarray, " sample"], rate_hz: int, band_hz: tuple[float, float]
) -> float:
    """Give the energy (sum of squares) within a band; the same as of the samples for the whole."""
    spectrum = rfft(samples)
    power = np.square(np.abs(spectrum), dtype=np.float64)
    power[1 : (len(samples) + 1) // 2] *= 2
    edges = np.array(band_hz) * len(samples) / rate_hz
    first, last = int(np.ceil(edges[0])), int(np.floor(edges[1])) + 1
    return float(power[first:last].sum() / len(samples))
