"""Rotor noise as an array under a drone hears it: a model, not a measurement.

Every rotor is a point source at its hub and sounds by itself:

- blade-pass harmonics that fall by 12 dB from one to the next and end on a plateau near -25 dB,
  weaker lines at all multiples of the shaft between them (blades are never alike);
- motor whine at multiples of poles times shaft speed;
- vortex noise, broad about a few kHz, its amplitude modulated at the blade-pass frequency;
- a speed that wanders by about a per cent, partly with the other rotors'.

The array hears each through its own response to a point source that near (eq. 2 on a rigid sphere;
FOA: order 1 times 1 + 1/(ikr)). Rotors do not cohere, so their delays change nothing that can be
heard and are left out. Not modelled: directivity of the blades, the wake, sound off the airframe,
switching tones of the motor controllers.

References: N. Intaratep et al., "Experimental study of quadcopter acoustics and performance at
static thrust conditions", AIAA 2016-2873; C. E. Tinney, J. Sirohi, "Multirotor drone noise at
static thrust", AIAA Journal 56 (2018) 2816. Levels of the lines: recordings of a drone's rotors in
which 1st to 5th blade-pass harmonic stand at -2, -14, -26, -28, -27 dB and the multiples of 14
times the shaft at -10 to 0 dB.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import array_response_near
from sonoscope.simulation import mixing
from sonoscope.simulation.ambience import encoder_spectrum, white_bank_on

_KNOTS_A_SECOND = 20
_TURN_STEPS = 1 << 16
_PLATEAU_DB = -25.0
_LINE_SPREAD_DB = 3.0
_HIGHEST_MULTIPLE = 1_000
_LOWEST_HZ = 40.0
_NOISE_S = 0.02
_FOA_S = 0.05
_ARRAY_S = 0.02
_ENCODER_S = 0.08


@dataclass(frozen=True, slots=True)
class Rotor:
    """One rotor.

    Attributes
    ----------
    position_m
        Its hub, in the receiver's axes, from its origin.
    speed_hz
        Mean revolutions a second.
    level_db
        Its level relative to the others', before distance.
    """

    position_m: tuple[float, float, float]
    speed_hz: float
    level_db: float = 0.0

    def __post_init__(self) -> None:
        if self.distance_m <= 0.05 or not 1 <= self.speed_hz <= 1_000:
            raise SettingError(
                f"a rotor must be more than 0.05 m away and turn 1 to 1000 times a second, but "
                f"{self.distance_m:g} m and {self.speed_hz:g} was given"
            )

    @property
    def distance_m(self) -> float:
        """Distance of the hub from the origin."""
        return float(np.linalg.norm(self.position_m))


@dataclass(frozen=True, slots=True)
class RotorBed:
    """The rotors of a drone.

    Attributes
    ----------
    rotors
        All of them.
    blades, poles
        Of each rotor, and of its motor (magnets).
    noise_db
        Power of the vortex noise over that of the tones.
    modulation
        Depth, 0 to 1, of its amplitude modulation at the blade-pass frequency.
    wander
        Relative deviation of the speeds, rms.
    """

    rotors: tuple[Rotor, ...]
    blades: int = 2
    poles: int = 14
    noise_db: float = 0.0
    modulation: float = 0.4
    wander: float = 0.008


def drawn_rotors(generator: np.random.Generator) -> RotorBed:
    """Draw a drone of four, six or eight rotors on arms about a point above the array."""
    count = int(generator.choice([4, 6, 8]))
    arm_m, above_m = generator.uniform(0.2, 0.6), generator.uniform(0.1, 0.5)
    ahead = generator.uniform(-np.pi, np.pi) + 2 * np.pi * np.arange(count) / count
    speed_hz = generator.uniform(42, 120) * (1 + 0.04 * generator.standard_normal(count))
    level_db = generator.uniform(-2, 2, size=count)
    hubs = arm_m * unit_vector(ahead, np.zeros(count)) + np.array([0.0, 0.0, above_m])
    rotors = tuple(
        Rotor((float(x), float(y), float(z)), float(speed), float(level))
        for (x, y, z), speed, level in zip(hubs, speed_hz, level_db, strict=True)
    )
    return RotorBed(
        rotors,
        noise_db=float(generator.uniform(-4, 5)),
        modulation=float(generator.uniform(0.1, 0.6)),
        wander=float(generator.uniform(0.003, 0.015)),
    )


def rotor_noise(
    bed: RotorBed,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what every receiver hears of a drone's rotors."""
    filters = [rotor_filters(bed, receiver, rate_hz) for receiver in receivers]
    lead = mixing.lead_of(filters, rate_hz)
    sounds = rotor_sounds(bed, rate_hz, length + 2 * lead, generator, device)
    return mixing.heard_by(filters, sounds, lead)


def rotor_sounds(
    bed: RotorBed, rate_hz: int, length: int, generator: np.random.Generator, device: torch.device
) -> Float[Tensor, "rotor {length}"]:
    """Give each rotor's pressure at 1 m, of unit power at level 0 dB."""
    knots = 2 + length * _KNOTS_A_SECOND // rate_hz
    wander = mixing.wandering(1 + len(bed.rotors), knots, 1.0 * _KNOTS_A_SECOND, generator)
    shares = np.sqrt(1 / (1 + 10 ** (np.array([bed.noise_db, -bed.noise_db]) / 10)))
    sounds = []
    for rotor, own in zip(bed.rotors, wander[1:], strict=True):
        deviation = np.clip(bed.wander * (0.6 * wander[0] + 0.8 * own), -0.2, 0.2)
        turns = _turns(rotor.speed_hz * (1 + deviation), rate_hz, length, generator)
        turns = turns.to(device)
        tones = _tones(bed, rotor, turns, rate_hz, generator)
        noise = _vortex_noise(bed, turns, rate_hz, generator)
        both = tones.mul_(float(shares[0])).add_(noise, alpha=float(shares[1]))
        sounds.append(both.mul_(10 ** (rotor.level_db / 20)))
    return torch.stack(sounds)


def rotor_filters(
    bed: RotorBed, receiver: Receiver, rate_hz: int
) -> Float[ndarray, "channel rotor tap"]:
    """Give the filters from the rotors, as at 1 m, to a receiver's channels; no delays."""
    n_taps = mixing.taps_for(_ring_s(receiver), rate_hz)
    frequency_hz = mixing.design_grid(n_taps, rate_hz)
    before = Capsules(receiver.array) if isinstance(receiver, EncodedFoa) else receiver
    heard = np.stack(
        [
            point_response(before, np.array(rotor.position_m), frequency_hz) / rotor.distance_m
            for rotor in bed.rotors
        ],
        axis=2,
    )
    if isinstance(receiver, EncodedFoa):
        heard = encoder_spectrum(receiver.array, rate_hz, n_taps) @ heard
    return mixing.filters_of(heard, n_taps)


def point_response(
    receiver: IdealFoa | Capsules,
    position_m: Float[ndarray, "3"],
    frequency_hz: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency channel"]:
    """Give what a receiver hears of a point source, relative to the free field at the origin.

    Ideal FOA of a point source grows without bound towards 0 Hz, as 1/(ikr); below 40 Hz it is
    held.
    """
    distance_m = float(np.linalg.norm(position_m))
    towards = position_m / distance_m
    if isinstance(receiver, IdealFoa):
        k = 2 * np.pi * frequency_hz / SPEED_OF_SOUND_M_S
        lowest = 2 * np.pi * _LOWEST_HZ / SPEED_OF_SOUND_M_S
        curved = 1 - 1j * k / ((k**2 + lowest**2) * distance_m)
        ones = np.ones_like(curved)
        return np.stack([ones, *(curved * part for part in towards[[1, 2, 0]])], axis=1)
    return array_response_near(receiver.array, towards, distance_m, frequency_hz)


def _ring_s(receiver: Receiver) -> float:
    match receiver:
        case IdealFoa():
            return _FOA_S
        case EncodedFoa():
            return _ENCODER_S
        case _:
            return _ARRAY_S + 12 * receiver.array.radius_m / SPEED_OF_SOUND_M_S


def _turns(
    speed_hz: Float[ndarray, " knot"], rate_hz: int, length: int, generator: np.random.Generator
) -> Float[Tensor, " {length}"]:
    """Integrate the speed, straight between knots, to turns since the last whole one.

    Whole knots are added up in float64; what is turned between two, a few turns, bears float32.
    """
    step = -(-length // (len(speed_hz) - 1))
    whole = np.cumsum((speed_hz[:-1] + speed_hz[1:]) / 2) * step / rate_hz
    done = (np.concatenate([[generator.uniform()], whole[:-1]]) % 1).astype(np.float32)
    speed = torch.from_numpy((speed_hz[:-1] / rate_hz).astype(np.float32))[:, None]
    slope = torch.from_numpy((np.diff(speed_hz) / (2 * step * rate_hz)).astype(np.float32))
    since = torch.arange(step, dtype=torch.float32)
    turns = (slope[:, None] * since).add_(speed).mul_(since).add_(torch.from_numpy(done)[:, None])
    return turns.frac_().flatten()[:length]


def _tones(
    bed: RotorBed,
    rotor: Rotor,
    turns: Float[Tensor, " sample"],
    rate_hz: int,
    generator: np.random.Generator,
) -> Float[Tensor, " sample"]:
    """Read one turn of the tones, of unit power; two versions in quadrature trade places slowly.

    So every line wanders by itself in level and phase, as lines do in turbulent inflow.
    """
    highest = int(min(0.4 * rate_hz / rotor.speed_hz, _HIGHEST_MULTIPLE))
    amplitude = _line_amplitudes(bed, highest, generator)
    amplitude = amplitude * 10 ** (
        _LINE_SPREAD_DB / 20 * generator.standard_normal((2, highest + 1))
    )
    amplitude /= np.sqrt((amplitude**2).sum(axis=1, keepdims=True))
    phase = generator.uniform(0, 2 * np.pi, size=highest + 1) + np.array([[0.0], [np.pi / 2]])
    spectrum = np.zeros((2, _TURN_STEPS // 2 + 1), np.complex128)
    spectrum[:, : highest + 1] = amplitude * np.exp(1j * phase)
    turn = np.fft.irfft(spectrum) * (_TURN_STEPS / 2**0.5)
    knots = 2 + len(turns) * _KNOTS_A_SECOND // rate_hz
    angle = np.pi / 4 + 0.6 * mixing.wandering(1, knots, 0.5 * _KNOTS_A_SECOND, generator)[0]
    gains = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    versions = torch.from_numpy(turn.astype(np.float32)).to(turns.device)
    step = (turns * _TURN_STEPS).int().clamp_(max=_TURN_STEPS - 1)
    faders = mixing.ramped(torch.from_numpy(gains).to(turns.device), len(turns))
    first = versions[0].index_select(0, step).mul_(faders[0])
    return first.addcmul_(versions[1].index_select(0, step), faders[1])


def _line_amplitudes(
    bed: RotorBed, highest: int, generator: np.random.Generator
) -> Float[ndarray, " multiple"]:
    """Draw the strength of every multiple of the shaft's speed; their power sums to one."""
    multiple = np.arange(highest + 1)
    level_db = _PLATEAU_DB - 12 - 0.1 * multiple + 4 * generator.standard_normal(highest + 1)
    passing = multiple[bed.blades :: bed.blades]
    order = passing / bed.blades
    fall = np.maximum(-12 * (order - 1), _PLATEAU_DB - 0.15 * order)
    level_db[passing] = fall + 2 * generator.standard_normal(len(passing))
    whining = multiple[bed.poles :: bed.poles]
    level_db[whining] = generator.uniform(-20, 0, size=len(whining)) - 3 * np.maximum(
        whining / bed.poles - 5, 0
    )
    amplitude = 10 ** (level_db / 20)
    amplitude[0] = 0
    return np.asarray(amplitude / np.sqrt((amplitude**2).sum()))


def _vortex_noise(
    bed: RotorBed,
    turns: Float[Tensor, " sample"],
    rate_hz: int,
    generator: np.random.Generator,
) -> Float[Tensor, " sample"]:
    """Give noise that rises to 1 kHz, falls as pink noise and, above 6 kHz, faster; unit power."""
    n_taps = mixing.taps_for(_NOISE_S, rate_hz)
    frequency_hz = mixing.design_grid(n_taps, rate_hz)
    low, high = frequency_hz / 1_000, frequency_hz / 6_000
    gain = np.sqrt(low / (1 + low**2) / (1 + high**2))
    impulse = mixing.filters_of(gain[:, None, None].astype(np.complex128), n_taps)[0, 0]
    bank = white_bank_on(IdealFoa(), rate_hz, turns.device)
    row = bank[int(generator.integers(len(bank)))][None]
    piece = mixing.wrapped(row, int(generator.integers(row.shape[-1])), len(turns) + n_taps - 1)
    noise = mixing.filtered(torch.from_numpy(impulse).to(turns.device), piece)[0]
    depth, phase = bed.modulation, float(generator.uniform(0, 2 * np.pi))
    swell = torch.cos(turns * (2 * np.pi * bed.blades) + phase).mul_(depth).add_(1)
    power = float((impulse**2).sum()) * (1 + depth**2 / 2)
    return noise.mul_(swell).div_(power**0.5)
