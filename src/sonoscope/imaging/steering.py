"""What a source leaves in every channel, and the weights that listen to it: four formulations.

The transfer a(f) of a point is what each channel hears of a source there, relative to the pressure
that it would cause at the array's origin with no array there. A beamformer weighs the channels by
h; its map is hᴴ C h, with C = q a aᴴ for one source whose sound has the power q at the origin.

    I    h_m = a_m / (N |a_m|)          phases alone: a map is highest at the source
    II   h_m = a_m / (N |a_m|²)         amplitudes undone: the level at the source is q
    III  h_m = a_m / Σ|a|²              the level at the source is q, with the least noise
    IV   h_m = a_m / √(N Σ|a|²)         a map is highest at the source (Cauchy-Schwarz)

I and IV keep the place and II and III the level, and with different distances to the capsules none
keeps both; of plane waves on open arrays all are the same.

Reference: E. Sarradj, "Three-dimensional acoustic source mapping with different beamforming
steering vector formulations", Advances in Acoustics and Vibration, 2012, 292695.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError
from sonoscope.signal.ambisonics import foa_gains
from sonoscope.signal.receiver import (
    Capsules,
    EncodedFoa,
    IdealFoa,
    Receiver,
    encoding_matrix,
    plane_wave_response,
)
from sonoscope.signal.sphere import (
    CLOSEST,
    hankel_steps,
    legendre,
    near_order_for,
    rigid_sphere_near,
)

Formulation = Literal["I", "II", "III", "IV"]

_EVEN = 1e-9
_TOGETHER = 32  # frequencies that share the Legendre polynomials of a sphere


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Where to listen, with what, and how.

    Attributes
    ----------
    points
        Unit vectors towards plane waves, or, if `near`, places of point sources in metres.
    """

    receiver: Receiver
    points: Float[ndarray, "point 3"]
    near: bool = False
    formulation: Formulation = "III"

    def __post_init__(self) -> None:
        """Refuse what has no answer: a level of I or II needs sound in every channel."""
        if not isinstance(self.receiver, Capsules) and self.formulation in ("I", "II"):
            raise SettingError(
                "the formulation must be III or IV for Ambisonics, whose channels hear nothing "
                f"from some directions, but {self.formulation} was given"
            )
        length = np.linalg.norm(self.points, axis=1)
        if not self.near and not np.allclose(length, 1, atol=1e-6):
            raise SettingError("directions must be unit vectors, but other lengths were given")

    def part(self, first: int, last: int) -> "Scan":
        """Give the same of some of the points."""
        return Scan(self.receiver, self.points[first:last], self.near, self.formulation)


@dataclass(frozen=True, slots=True, eq=False)
class HeldScan:
    """A scan with its weights at some bins, for many maps by the same: blocks of time, frames.

    Made by `held`; every map takes it in place of the scan.
    """

    scan: Scan
    frequency_hz: Float[ndarray, " frequency"]
    weights: Complex[ndarray, "frequency point channel"]

    @property
    def receiver(self) -> Receiver:
        """What listens."""
        return self.scan.receiver

    @property
    def points(self) -> Float[ndarray, "point 3"]:
        """Where."""
        return self.scan.points

    @property
    def formulation(self) -> Formulation:
        """And how."""
        return self.scan.formulation

    def part(self, first: int, last: int) -> "HeldScan":
        """Give the same of some of the points."""
        return HeldScan(self.scan.part(first, last), self.frequency_hz, self.weights[:, first:last])


Listening = Scan | HeldScan

MAX_HELD = 1 << 26
"""Weights that are held at most: 1 GB."""


def held(scan: Scan, frequency_hz: Float[ndarray, " frequency"]) -> HeldScan:
    """Compute the weights of a scan once for many maps.

    Raises
    ------
    SettingError
        If they are more than `MAX_HELD`.
    """
    shape = (len(frequency_hz), len(scan.points), scan.receiver.n_channels)
    if np.prod(shape) > MAX_HELD:
        raise SettingError(
            f"weights to hold must be at most {MAX_HELD}, but {shape[0]} bins of {shape[1]} points "
            f"and {shape[2]} channels were given"
        )
    kept = np.empty(shape, np.complex128)
    for row, h in zip(kept, weights(scan, frequency_hz), strict=True):
        row[:] = h
    return HeldScan(scan, frequency_hz, kept)


def transfers(
    scan: Scan, frequency_hz: Float[ndarray, " frequency"]
) -> Iterator[Complex[ndarray, "point channel"]]:
    """Give the transfers of all points, one frequency after the other.

    What was given before is overwritten by the next.
    """
    match scan.receiver:
        case Capsules(array) if array.baffle == "open":
            yield from _turning(*_open_paths(array, scan), frequency_hz)
        case Capsules(array) if scan.near:
            distance = np.linalg.norm(scan.points, axis=1)
            if np.ptp(distance) <= _EVEN * distance[0]:
                yield from _rigid_at(array, scan.points, float(distance[0]), frequency_hz)
            else:
                yield from _rigid_near(array, scan.points, frequency_hz)
        case IdealFoa() if scan.near:
            yield from _foa_near(scan.points, frequency_hz)
        case EncodedFoa(array, rate_hz) if scan.near:
            capsules = Scan(Capsules(array), scan.points, near=True)
            matrices = encoding_matrix(array, rate_hz, frequency_hz)
            for heard, matrix in zip(transfers(capsules, frequency_hz), matrices, strict=True):
                yield heard @ matrix.T
        case _:
            for first in range(0, len(frequency_hz), _TOGETHER):
                some = frequency_hz[first : first + _TOGETHER]
                for heard in plane_wave_response(scan.receiver, scan.points, some):
                    yield np.ascontiguousarray(heard.T)


def weights(
    scan: Listening, frequency_hz: Float[ndarray, " frequency"]
) -> Iterator[Complex[ndarray, "point channel"]]:
    """Give the weights h of all points, one frequency after the other, likewise overwritten.

    On open arrays only the phases change with frequency, so that the next is a turn of the last.

    Raises
    ------
    SettingError
        If weights are held, but of other bins.
    """
    if isinstance(scan, HeldScan):
        if not np.array_equal(frequency_hz, scan.frequency_hz):
            raise SettingError("weights must be held of the bins of a map, but others were given")
        yield from scan.weights
        return
    if isinstance(scan.receiver, Capsules) and scan.receiver.array.baffle == "open":
        loudness, lead_s = _open_paths(scan.receiver.array, scan)
        gain = weighed(loudness.astype(np.complex128), scan.formulation).real
        yield from _turning(np.ascontiguousarray(gain), lead_s, frequency_hz)
        return
    for heard in transfers(scan, frequency_hz):
        yield weighed(heard, scan.formulation)


def weighed(
    transfer: Complex[ndarray, "point channel"], formulation: Formulation
) -> Complex[ndarray, "point channel"]:
    """Make weights of transfers."""
    n = transfer.shape[1]
    match formulation:
        case "I":
            return np.asarray(transfer / (n * np.abs(transfer)))
        case "II":
            return np.asarray(transfer / (n * np.abs(transfer) ** 2))
        case "III":
            return _scaled(transfer, 1 / power(transfer))
        case "IV":
            return _scaled(transfer, 1 / np.sqrt(n * power(transfer)))


def power(rows: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
    """Give the sum of the squares of every row."""
    parts = np.ascontiguousarray(rows).view(np.float64)
    return np.asarray((parts * parts) @ np.ones(parts.shape[1]))  # a third of einsum's time


def _scaled(
    rows: Complex[ndarray, "point channel"], scale: Float[ndarray, " point"]
) -> Complex[ndarray, "point channel"]:
    parts = np.ascontiguousarray(rows).view(np.float64)
    return np.asarray((parts * scale[:, None]).view(np.complex128))  # a tenth of a division's


def _open_paths(
    array: MicArray, scan: Scan
) -> tuple[Float[ndarray, "point capsule"], Float[ndarray, "point capsule"]]:
    """Give how loud every capsule hears a source and how many seconds before the origin."""
    if not scan.near:
        lead = scan.points @ array.positions.T / SPEED_OF_SOUND_M_S
        return np.ones_like(lead), np.asarray(lead)
    way = np.zeros((len(scan.points), array.n_capsules))
    for along, own in zip(scan.points.T, array.positions.T, strict=True):
        way += np.square(along[:, None] - own)
    np.sqrt(way, out=way)
    if way.min() <= 0:
        raise SettingError("a point of the scan must not lie in a capsule, but one does")
    distance = np.linalg.norm(scan.points, axis=1)[:, None]
    return np.asarray(distance / way), np.asarray((distance - way) / SPEED_OF_SOUND_M_S)


def _turning(
    gain: Float[ndarray, "point capsule"],
    lead_s: Float[ndarray, "point capsule"],
    frequency_hz: Float[ndarray, " frequency"],
) -> Iterator[Complex[ndarray, "point capsule"]]:
    """Give gain e^{iωt}, evenly spaced frequencies by one product each in place of an exponential.

    Rounding grows by 1e-16 a step.
    """
    steps = np.diff(frequency_hz)
    if len(steps) > 1 and np.ptp(steps) < _EVEN * steps[0]:
        state = gain * _phasor(frequency_hz[0] * lead_s)
        turn = _phasor(float(steps.mean()) * lead_s)
        yield state
        for _ in steps:
            state *= turn
            yield state
        return
    for one in frequency_hz:
        yield gain * _phasor(one * lead_s)


def _phasor(turns: Float[ndarray, "point capsule"]) -> Complex[ndarray, "point capsule"]:
    """Give e^{2πi turns} by the tangent of half the angle, a sixth of the time of cos and sin.

    Whole turns go first, exactly, so that many of them cost no digits: 5e-16 at any.
    """
    tangent = np.pi * (turns - np.rint(turns))
    np.tan(tangent, out=tangent)
    double = np.square(tangent)
    double += 1
    np.divide(2, double, out=double)
    turned = np.empty(turns.shape, np.complex128)
    np.subtract(double, 1, out=turned.real)
    np.multiply(double, tangent, out=turned.imag)
    return turned


def _rigid_at(
    array: MicArray,
    points: Float[ndarray, "point 3"],
    distance_m: float,
    frequency_hz: Float[ndarray, " frequency"],
) -> Iterator[Complex[ndarray, "point capsule"]]:
    """Do as `_rigid_near` for points at one distance, where strengths are the same for all."""
    cosine = np.clip(points / distance_m @ array.directions.T, -1, 1)
    for first in range(0, len(frequency_hz), _TOGETHER):
        some = frequency_hz[first : first + _TOGETHER]
        for heard in rigid_sphere_near(cosine.ravel(), some, array.radius_m, distance_m):
            yield heard.reshape(cosine.shape)


def _rigid_near(
    array: MicArray, points: Float[ndarray, "point 3"], frequency_hz: Float[ndarray, " frequency"]
) -> Iterator[Complex[ndarray, "point capsule"]]:
    """Do as `signal.sphere.array_response_near`, for points that have a distance each."""
    distance = np.linalg.norm(points, axis=1)
    radius = array.radius_m
    if distance.min() < CLOSEST * radius:
        raise SettingError(
            f"points of a scan must be at least {CLOSEST * radius:g} m from the centre of a sphere "
            f"of {radius:g} m, but one is {distance.min():g} m away"
        )
    across = 2 * np.pi * radius / SPEED_OF_SOUND_M_S
    order = near_order_for(
        float(frequency_hz.max(initial=0.0)) * across, float(distance.min()) / radius
    )
    cosine = np.clip((points / distance[:, None]) @ array.directions.T, -1, 1)
    n = np.arange(order + 1)
    pattern = np.moveaxis(legendre(order, cosine), 0, 1) * (2 * n + 1)[:, None]
    for one in frequency_hz:
        x = np.array([one * across])
        here, there = hankel_steps(order, x), hankel_steps(order, x * (distance / radius))
        first = np.full((1, len(points)), -np.exp(1j * x[0]))
        fall = (radius / distance) * there[:-1] / here[:-1]
        strength = np.cumprod(np.concatenate([first, fall]), axis=0) / (n[:, None] - here)
        yield (strength.T[:, None, :] @ pattern)[:, 0, :]


def _foa_near(
    points: Float[ndarray, "point 3"], frequency_hz: Float[ndarray, " frequency"]
) -> Iterator[Complex[ndarray, "point acn=4"]]:
    """Give ideal FOA of point sources: first orders are 1 + 1/(ikr) times those of plane waves."""
    distance = np.linalg.norm(points, axis=1, keepdims=True)
    if frequency_hz.min(initial=np.inf) <= 0 or distance.min() <= 0:
        raise SettingError("near sources in Ambisonics must be heard above 0 Hz and off the origin")
    gains = foa_gains(points / distance)
    for one in frequency_hz:
        heard = gains.astype(np.complex128)
        wave_number = 2 * np.pi * one / SPEED_OF_SOUND_M_S
        heard[:, 1:] *= 1 - 1j / (wave_number * distance)
        yield heard
