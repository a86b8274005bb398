"""An array under a drone that hovers before a crane: discharges at known places, in rotor noise.

    pulses of each discharge ─► straight, and by the open steel door ─┐
    rotors above the array, one point source each ────────────────────┼► every capsule: delay d/c,
    each capsule's own noise ──────────────────────────────┐          │  1/d, air over d
                                                           └─► sum ◄──┘

Every way to every capsule has its own distance d: spherical waves near and far, and delays exact to
rounding, since a way is one factor exp(-(α(f) + 2πif/c) d) / d on the spectrum of what was emitted
(α by ISO 9613-1). Drone and crane stand still.

**Signal-to-noise ratio**: energy of all discharges as heard, echoes too, between `band_hz`, over
that of all noise between `band_hz`, both summed over capsules and the recording (the definition
`in_band` of `simulation.inspection`). The truth holds the ratio to the noise of all frequencies
(`whole`) as well.

**Everything here is simulated**, and every truth says so. Left out: the array's housing, the
drone's body and wake, wind, directivity of sources and capsules, what other parts of the crane
reflect, echoes of echoes, any motion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Complex, Float, UInt8
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.array import RING64, SPIRAL64, MicArray
from sonoscope.core.camera import Camera, Pose
from sonoscope.core.recipe import STRICT
from sonoscope.simulation.clicks import Clicks, PulseShape, added, clicks
from sonoscope.simulation.crane import PARTS, CraneView, image_in, seen_in
from sonoscope.simulation.crane_picture import photograph
from sonoscope.simulation.discharge import Discharge, Kind, PulseTrain, pulse_train
from sonoscope.simulation.disturbance import RotorNoise, disturbance
from sonoscope.simulation.inspection import (
    NOTICE,
    AirSettings,
    HeardSource,
    band_energy,
    stream,
)
from sonoscope.simulation.mains import Clock, MainsSettings, mains_clock

ArrayName = Literal["spiral64", "ring64"]

ARRAYS: dict[ArrayName, MicArray] = {"spiral64": SPIRAL64, "ring64": RING64}

CAMERA = Camera(
    name="drone camera",
    size_px=(1280, 960),
    focal_px=(1010.0, 1008.0),
    centre_px=(646.0, 473.0),
    distortion=(-0.24, 0.08, 0.0004, -0.0003, 0.0),
    pose=Pose(position_m=(0.02, 0.0, 0.09), azimuth_deg=0.0, elevation_deg=0.5, roll_deg=0.4),
)
"""The camera above the array: 65 degrees wide, with the barrel distortion of such lenses."""

_MARGIN_S = 0.01
_GRID_S = 0.05
_FAINT = 0.05  # of a mirror image: less is not heard as a place
_NEPER_DB = 20 / np.log(10)
_MAINS, _NOISE, _SOURCES = 1 << 20, (1 << 20) + 1, (1 << 20) + 16

Place = tuple[float, float, float]
Decibels = Annotated[float, Field(ge=-60, le=120)]


@settings(config=STRICT)
class DroneNoise:
    """The drone above the array, and the array's own noise.

    Attributes
    ----------
    rotor
        What its rotors are like; `distance_m` is the length of an arm from the point above the
        array, and `level_db` has no meaning.
    above_m
        Height of the rotors over the array.
    turn_deg
        Azimuth of the first arm.
    floor_db
        Noise of a capsule's own, even over frequency, over that of the rotors within `band_hz`.
    """

    rotor: RotorNoise = RotorNoise()
    above_m: Annotated[float, Field(ge=0.1, le=3)] = 0.35
    turn_deg: Annotated[float, Field(ge=-360, le=360)] = 45.0
    floor_db: Annotated[float, Field(ge=-80, le=40)] = -10.0

    @property
    def hubs_m(self) -> Float[ndarray, "rotor 3"]:
        """Where the rotors are, in the array's axes."""
        count = self.rotor.rotors
        turn = np.deg2rad(self.turn_deg) + 2 * np.pi * np.arange(count) / count
        arm = self.rotor.distance_m
        return np.stack([arm * np.cos(turn), arm * np.sin(turn), np.full(count, self.above_m)], 1)


@settings(config=STRICT)
class PartDischarge:
    """A discharge at a part of the crane.

    Attributes
    ----------
    part
        Its name in `simulation.crane.PARTS`.
    discharge, shape, shift_turns
        As of `simulation.inspection.SourceSettings`.
    level_db
        Of its direct sound at the array, within `band_hz` over the recording, over the first's.
    """

    part: str
    discharge: Discharge
    shape: PulseShape = PulseShape()
    level_db: Annotated[float, Field(ge=-60, le=60)] = 0.0
    shift_turns: Annotated[float, Field(ge=-1, le=1)] = 0.0

    @model_validator(mode="after")
    def _is_known(self) -> "PartDischarge":
        if self.part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}")
        return self


@settings(config=STRICT)
class DroneInspectionSettings:
    """A recording under a drone; see the head of this file.

    Attributes
    ----------
    sources
        None, one or several.
    snr_db
        Without a source it has no meaning.
    peak
        Largest sample of the recording.
    family
        What drew the settings; "" where nobody did.
    """

    array: ArrayName = "spiral64"
    rate_hz: Annotated[int, Field(ge=64_000, le=192_000)] = 96_000
    duration_s: Annotated[float, Field(ge=0.05, le=60)] = 2.0
    mains: MainsSettings = MainsSettings()
    sources: tuple[PartDischarge, ...] = ()
    view: CraneView = CraneView()
    camera: Camera = CAMERA
    air: AirSettings = AirSettings()
    drone: DroneNoise = DroneNoise()
    snr_db: Decibels = 10.0
    band_hz: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = (
        20_000.0,
        40_000.0,
    )
    peak: Annotated[float, Field(gt=0, le=1)] = 0.5
    family: Literal["a", "b", ""] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "DroneInspectionSettings":
        if not self.band_hz[0] < self.band_hz[1] < self.rate_hz / 2:
            raise ValueError("band_hz must grow and lie below half the rate")
        return self

    @property
    def length(self) -> int:
        """Samples of the recording."""
        return round(self.duration_s * self.rate_hz)


@dataclass(frozen=True, slots=True)
class SoundPlace:
    """A place that an image of the recording may show.

    Attributes
    ----------
    number
        Of the source, in the order of the settings.
    is_reflection
        Whether it is the source's mirror image in the door, and not the source.
    place_m
        In the array's axes.
    pixel
        Where the photograph has it; None where it has not.
    distance_m
        From the array's origin.
    level_db
        Of its sound at the array's origin: mean square within the band over the recording, over
        that of full scale (1).
    """

    number: int
    kind: Kind
    part: str
    is_reflection: bool
    place_m: Place
    pixel: tuple[float, float] | None
    distance_m: float
    level_db: float


@dataclass(frozen=True, slots=True, eq=False)
class DroneTruth:
    """All that is true of a recording.

    Attributes
    ----------
    settings, seed
        What was asked, and of which random numbers.
    places
        Every source, followed by its mirror image if that is heard.
    sources
        Pulses of each source as they arrive at the array's origin straight.
    grid_s, mains_hz
        Every 50 ms, and the frequency of the mains then.
    snr_in_band_db, snr_whole_db
        As they came out; None without a source.
    """

    settings: DroneInspectionSettings
    seed: int
    places: tuple[SoundPlace, ...]
    sources: tuple[HeardSource, ...]
    grid_s: Float[ndarray, " time"]
    mains_hz: Float[ndarray, " time"]
    snr_in_band_db: float | None
    snr_whole_db: float | None
    notice: str = NOTICE


@dataclass(frozen=True, slots=True, eq=False)
class DroneInspection:
    """A simulated recording: float32 samples, the photograph, and what is true of them."""

    samples: Float[ndarray, "capsule sample"]
    rate_hz: int
    picture: UInt8[ndarray, "row column 3"]
    truth: DroneTruth


def drone_inspection(wanted: DroneInspectionSettings, seed: int) -> DroneInspection:
    """Make a recording; the same settings and seed give the same bytes, whatever came before."""
    span = _span(wanted)
    mains = mains_clock(wanted.mains, -span.lead_s, span.end_s, stream(seed, _MAINS))
    heard = [_source(span, mains, seed, number) for number in range(len(wanted.sources))]
    ways = [way for source in heard for way in source.ways]
    signal = at_capsules(span, ways)
    noise = _noise(span, stream(seed, _NOISE))
    energy = [_energies(wanted, part) for part in (signal, noise)]
    gain, in_band_db, whole_db = 0.0, None, None
    if energy[0][0] > 0:
        now = 10 * np.log10(energy[0][0] / energy[1][0])
        gain = float(10 ** ((wanted.snr_db - now) / 20))
        in_band_db = wanted.snr_db
        whole_db = float(10 * np.log10(energy[0][0] * gain**2 / energy[1][1]))
        signal *= np.float32(gain)
        noise += signal
    scale = wanted.peak / max(float(np.abs(noise).max()), 1e-30)
    noise *= np.float32(scale)
    grid = _GRID_S * np.arange(int(np.ceil(wanted.duration_s / _GRID_S)) + 1)
    truth = DroneTruth(
        wanted,
        seed,
        tuple(place for source in heard for place in _places(span, source, gain * scale)),
        tuple(_pulses(span, mains, source, grid, gain * scale) for source in heard),
        grid,
        mains.hz_at(grid),
        in_band_db,
        whole_db,
    )
    picture = photograph(wanted.view, wanted.camera)
    return DroneInspection(noise, wanted.rate_hz, picture, truth)


# ── ways of sound ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A point source or its mirror image.

    Attributes
    ----------
    place_m
        Where it is.
    gain
        On its sound at 1 m without air.
    spectrum
        Of that sound, over the whole span.
    """

    place_m: Float[ndarray, "3"]
    gain: float
    spectrum: Complex[ndarray, " bin"]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The time that is worked on: the recording, before it as long as sound may take, and a margin.

    Attributes
    ----------
    lead, size
        Samples before the recording's first, and of all.
    decay
        α + 2πif/c of every bin: what a metre of way does.
    """

    wanted: DroneInspectionSettings
    lead: int
    size: int
    decay: Complex[ndarray, " bin"]

    @property
    def lead_s(self) -> float:
        """Seconds before the recording."""
        return self.lead / self.wanted.rate_hz

    @property
    def end_s(self) -> float:
        """When the span ends."""
        return (self.size - self.lead) / self.wanted.rate_hz

    def cut(self, spectrum: Complex[ndarray, " bin"]) -> Float[ndarray, " sample"]:
        """Give the recording's samples of a spectrum."""
        whole = irfft(spectrum, self.size)
        return np.asarray(whole[self.lead : self.lead + self.wanted.length])


def _span(wanted: DroneInspectionSettings) -> Span:
    rate = wanted.rate_hz
    farthest = wanted.view.distance_m + 8.0  # no part and no image is farther from the array
    lead = round((farthest / SPEED_OF_SOUND_M_S + 2 * _MARGIN_S) * rate)
    size = next_fast_len(lead + wanted.length + round(_MARGIN_S * rate), real=True)
    frequency = rfftfreq(size, 1 / rate)
    loss = absorption_db_m(
        frequency,
        temperature_c=wanted.air.temperature_c,
        humidity_percent=wanted.air.humidity_percent,
    )
    return Span(wanted, lead, size, loss / _NEPER_DB + 2j * np.pi * frequency / SPEED_OF_SOUND_M_S)


def at_capsules(span: Span, ways: Sequence[Way]) -> Float[ndarray, "capsule sample"]:
    """Give what every capsule hears of all ways, each over its own distance.

    The span repeats itself; what leaves too late for the recording comes round to before it.
    """
    capsules = ARRAYS[span.wanted.array].positions
    heard = np.zeros((len(capsules), span.wanted.length), np.float32)
    for row, capsule in zip(heard, capsules, strict=True):
        spectrum = np.zeros(len(span.decay), np.complex128)
        for way in ways:
            spectrum += _carried(span, way, capsule)
        row[:] = span.cut(spectrum)
    return heard


def _carried(span: Span, way: Way, ear_m: Float[ndarray, "3"]) -> Complex[ndarray, " bin"]:
    distance = float(np.linalg.norm(way.place_m - ear_m))
    return np.asarray(np.exp(-distance * span.decay) * (way.gain / distance) * way.spectrum)


# ── discharges ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A source's pulses, as emitted, and the ways of its sound: straight, perhaps by the door."""

    number: int
    train: PulseTrain
    ways: tuple[Way, ...]


def _source(span: Span, mains: Clock, seed: int, number: int) -> _Source:
    wanted, generator = span.wanted, stream(seed, _SOURCES + number)
    source = wanted.sources[number]
    drawn = pulse_train(source.discharge, mains, generator, shift_turns=source.shift_turns)
    pulse = clicks(source.shape, wanted.rate_hz, generator)
    which = generator.integers(len(pulse.spectrum), size=len(drawn.time_s))
    step = np.round((drawn.time_s + span.lead_s) * (wanted.rate_hz * pulse.fine)).astype(np.int64)
    train = PulseTrain(
        step / (wanted.rate_hz * pulse.fine) - span.lead_s, drawn.amplitude, drawn.turns
    )
    spectrum = rfft(_emitted(pulse, step, which, train.amplitude, span.size).astype(np.float64))
    place, door = wanted.view.part(source.part), wanted.view.door
    level = _level(span, Way(place, 1.0, spectrum))
    gain = 10 ** (source.level_db / 20) / level**0.5 if level > 0 else 0.0
    ways = [Way(place, float(gain), spectrum)]
    image = image_in(door, place)
    share = seen_in(door, image, np.zeros(3)) * wanted.view.sheet
    if share > _FAINT:
        ways.append(Way(image, float(gain * share), spectrum))
    return _Source(number, train, tuple(ways))


def _emitted(
    pulse: Clicks,
    step: ndarray,
    which: ndarray,
    amplitude: Float[ndarray, " pulse"],
    length: int,
) -> Float[ndarray, " {length}"]:
    """Add up the pulses as they are 1 m away, each at a step of the fine grid."""
    rows = pulse.rows(np.ones((1, len(pulse.frequency_hz)), np.float32))[0]
    start, phase = np.divmod(step, pulse.fine)
    row = np.ravel_multi_index((which, phase), rows.shape[:2])
    return added(rows.reshape(-1, rows.shape[2]), row, amplitude, start - pulse.lead, length)


def _level(span: Span, way: Way) -> float:
    """Give the mean square at the array's origin, within the band over the recording."""
    heard = span.cut(_carried(span, way, np.zeros(3)))
    return band_energy(heard, span.wanted.rate_hz, span.wanted.band_hz) / span.wanted.length


def _places(span: Span, source: _Source, scale: float) -> list[SoundPlace]:
    """Say where a source and its image are, in space and on the photograph."""
    wanted, camera = span.wanted.sources[source.number], span.wanted.camera
    places = []
    for way in source.ways:
        pixel = camera.project(way.place_m[None])
        u, v = pixel[0].tolist()
        x, y, z = way.place_m.tolist()
        level = _level(span, way) * scale**2
        places.append(
            SoundPlace(
                source.number,
                wanted.discharge.kind,
                wanted.part,
                way is not source.ways[0],
                (x, y, z),
                (u, v) if bool(camera.shows(pixel)[0]) else None,
                float(np.linalg.norm(way.place_m)),
                float(10 * np.log10(max(level, 1e-30))),
            )
        )
    return places


def _pulses(
    span: Span, mains: Clock, source: _Source, grid_s: Float[ndarray, " time"], scale: float
) -> HeardSource:
    """Give what is true of a source's pulses at the array's origin, straight."""
    wanted, way, train = span.wanted, source.ways[0], source.train
    one = wanted.sources[source.number]
    distance = float(np.linalg.norm(way.place_m))
    late = distance / SPEED_OF_SOUND_M_S
    loss = absorption_db_m(
        [one.shape.centre_hz],
        temperature_c=wanted.air.temperature_c,
        humidity_percent=wanted.air.humidity_percent,
    )
    time = train.time_s + late
    inside = (time >= 0) & (time < wanted.duration_s)
    gain = way.gain * scale / distance * 10 ** (-float(loss[0]) * distance / 20)
    return HeardSource(
        one.discharge.kind,
        time[inside],
        gain * train.amplitude[inside],
        train.turns[inside] + one.shift_turns,
        np.full(int(inside.sum()), distance),
        grid_s,
        mains.turns_at(grid_s - late) + one.shift_turns,
    )


# ── noise ────────────────────────────────────────────────────────────────────────────────────────


def _noise(span: Span, generator: np.random.Generator) -> Float[ndarray, "capsule sample"]:
    """Give what the rotors and the capsules themselves add."""
    wanted, drone = span.wanted, span.wanted.drone
    ways = []
    fade = _faded(span.size, round(_MARGIN_S * wanted.rate_hz))
    for hub in drone.hubs_m:
        turned = drone.rotor.speed_hz * (1 + 0.03 * float(generator.standard_normal()))
        own = RotorNoise(
            rotors=1,
            speed_hz=float(np.clip(turned, 10, 400)),
            vortex_db=drone.rotor.vortex_db,
            modulation=drone.rotor.modulation,
            switching_hz=drone.rotor.switching_hz,
            switching_db=drone.rotor.switching_db,
        )
        sound = disturbance(own, wanted.rate_hz, span.size, generator)
        level = 10 ** (float(generator.uniform(-2, 2)) / 20)
        ways.append(Way(hub, level, rfft(sound.astype(np.float64) * fade)))
    noise = at_capsules(span, ways)
    inside = _energies(wanted, noise)[0] / noise.size
    share = (wanted.band_hz[1] - wanted.band_hz[0]) / (wanted.rate_hz / 2)
    own_rms = np.float32((inside / share) ** 0.5 * 10 ** (drone.floor_db / 20))
    for row in noise:
        row += own_rms * generator.standard_normal(len(row), dtype=np.float32)
    return noise


def _faded(size: int, edge: int) -> Float[ndarray, " {size}"]:
    """Fade both ends, so that nothing jumps where the span comes round."""
    end = np.minimum(np.arange(size), np.arange(size)[::-1]) / edge
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * end.clip(max=1)))


def _energies(
    wanted: DroneInspectionSettings, sound: Float[ndarray, "capsule sample"]
) -> tuple[float, float]:
    """Give energy within the band and of all frequencies, summed over capsules."""
    inside = sum(band_energy(row, wanted.rate_hz, wanted.band_hz) for row in sound)
    return inside, float(sum(np.square(row, dtype=np.float64).sum() for row in sound))
