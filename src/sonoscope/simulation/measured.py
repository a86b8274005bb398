"""Rooms that were measured: responses from known directions, ready to be heard by a receiver.

An event in such a room is its dry sound convolved with the response of one measured position, and
its truth is that position's direction: what was measured, never what was wished for. All channels
of a position are only ever shifted together and by whole samples, so that what lies between them (a
fraction of a sample is a degree) stays as measured; the fraction is kept in `arrival`.

A room measured by the spatial decomposition method (SDM) is one pressure response and a direction
for each of its samples. Every sample is then a plane wave, and any receiver can hear it.

References: ISO 3382-1:2009, A.3.4, for where a response starts (20 dB below its maximum);
S. Tervo, J. Pätynen, A. Kuusinen, T. Lokki, "Spatial decomposition method for room impulse
responses", JAES 61 (2013) 17-28.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.audio import ChannelFormat, resample_chunks
from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError, SettingError
from sonoscope.signal.ambisonics import array_encoder, to_foa
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import array_response
from sonoscope.simulation.impulses import Waves, impulse_table, response_of_waves

LEAD_S = 0.004
"""How much of a response is kept before its direct sound: filters ring ahead of it."""

START = 0.1
"""The direct sound starts where a response first reaches so much of its maximum: -20 dB."""

SAME_PLACE_M = 1e-3
_STILL = np.deg2rad(1.0)
_PADDING = 64  # samples of silence ahead of a response, for a resampler to ring in
_WAVE_ROOM = 64  # samples that a wave's impulse may reach beyond its arrival, to either side


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One measured position of a source.

    Attributes
    ----------
    response
        What every channel hears of an impulse there.
    direction
        Unit vector to the source, in the array's axes.
    distance_m
        How far it was, or None where nobody wrote it down.
    arrival
        When the direct sound passes the array's origin, in samples from the response's start.
    """

    response: Float[ndarray, "channel tap"]
    direction: Float[ndarray, "3"]
    distance_m: float | None
    arrival: float


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRoom:
    """Responses from one or more positions of a source to the channels of a receiver.

    Attributes
    ----------
    name
        What people call it.
    rate_hz
        Samples per second.
    responses
        Float32, one for each position and channel.
    directions
        Unit vectors to the source, in the array's axes.
    distance_m
        Distance of the source; not a number where unknown.
    arrival
        When the direct sound passes the array's origin, in samples from the response's start.
    channels
        What the channels are: a format, or the array whose capsules they are.
    credit
        Who measured it and under which licence, a line for the attribution.
    came_from
        Where each sample of a lone pressure channel came from (SDM), or None.
    """

    name: str
    rate_hz: int
    responses: Float[ndarray, "position channel tap"]
    directions: Float[ndarray, "position 3"]
    distance_m: Float[ndarray, " position"]
    arrival: Float[ndarray, " position"]
    channels: ChannelFormat | MicArray
    credit: str
    came_from: Float[ndarray, "position tap 3"] | None = None

    @property
    def n_positions(self) -> int:
        """How many places of a source there are."""
        return len(self.responses)

    def spot(self, position: int) -> Spot:
        """Give one position with all that an event needs of it."""
        distance = float(self.distance_m[position])
        return Spot(
            self.responses[position],
            self.directions[position],
            None if np.isnan(distance) else distance,
            float(self.arrival[position]),
        )

    def nearest(self, direction: Float[ndarray, "3"], distance_m: float | None = None) -> int:
        """Give the position nearest in direction, and of those in one direction by distance.

        Positions within a degree of the nearest are in one direction.
        """
        away = angle_between(self.directions, direction)
        alike = np.flatnonzero(away <= away.min() + _STILL)
        if distance_m is None or np.isnan(self.distance_m[alike]).all():
            return int(alike[np.argmin(away[alike])])
        apart = np.abs(self.distance_m[alike] - distance_m)
        nearest = alike[apart <= np.nanmin(apart)]
        return int(nearest[np.argmin(away[nearest])])

    def still_position(
        self, path: Float[ndarray, "time 3"], distance_m: float | None = None
    ) -> int:
        """Give the position nearest to a source that stays where it is.

        Raises
        ------
        SettingError
            For one that moves: between measured positions nothing is known.
        """
        moved = float(angle_between(path, path[0]).max())
        if moved > _STILL:
            raise SettingError(
                f"a source in the measured room {self.name} must stay where it is, "
                f"but one that moves by {np.rad2deg(moved):.0f} degrees was given"
            )
        return self.nearest(path[0], distance_m)

    def only(self, positions: list[int]) -> "MeasuredRoom":
        """Keep some positions of the source."""
        return replace(
            self,
            responses=self.responses[positions],
            directions=self.directions[positions],
            distance_m=self.distance_m[positions],
            arrival=self.arrival[positions],
            came_from=None if self.came_from is None else self.came_from[positions],
        )

    def capsules(self, picked: list[int]) -> "MeasuredRoom":
        """Keep some capsules of an array.

        Raises
        ------
        SettingError
            If the channels are no capsules.
        """
        if not isinstance(self.channels, MicArray):
            raise SettingError(
                f"channels of {self.name} must be capsules, but {self.channels} was given"
            )
        rows = tuple(self.channels.positions_m[i] for i in picked)
        array = replace(self.channels, name=f"{len(picked)} of {self.channels.name}"[:80])
        return replace(
            self, responses=self.responses[:, picked], channels=replace(array, positions_m=rows)
        )

    def trimmed(self, lead_s: float = LEAD_S) -> "MeasuredRoom":
        """Cut what lies more than `lead_s` before each direct sound, whole samples of all channels.

        Arrivals differ by less than a sample then, unless a response begins later than that; the
        ends are filled up with silence. Rooms with waves of their own (SDM) are left whole.
        """
        if self.came_from is not None:
            return self
        cut = np.maximum(np.floor(self.arrival - lead_s * self.rate_hz), 0).astype(int)
        length = self.responses.shape[2] - int(cut.min())
        kept = np.zeros((*self.responses.shape[:2], length), np.float32)
        for row, response, start in zip(kept, self.responses, cut, strict=True):
            row[:, : response.shape[1] - start] = response[:, start:]
        return replace(self, responses=kept, arrival=self.arrival - cut)

    def at_rate(self, rate_hz: int) -> "MeasuredRoom":
        """Resample; gains in every band below both rates stay what they were.

        A sampled response is a density in time: with fewer samples a second, each weighs more.
        """
        if rate_hz == self.rate_hz:
            return self
        if self.came_from is not None:
            raise SettingError(
                f"the room {self.name} must be heard by a receiver before it is resampled"
            )
        divisor = gcd(rate_hz, self.rate_hz)
        old, new = self.rate_hz // divisor, rate_hz // divisor
        blocks = -(-_PADDING // old)
        positions, channels, taps = self.responses.shape
        padded = np.zeros((positions * channels, blocks * old + taps + _PADDING), np.float32)
        padded[:, blocks * old :][:, :taps] = self.responses.reshape(-1, taps)
        heard = np.concatenate(list(resample_chunks([padded], self.rate_hz, rate_hz)), axis=1)
        return replace(
            self,
            rate_hz=rate_hz,
            responses=(heard * np.float32(self.rate_hz / rate_hz)).reshape(positions, channels, -1),
            arrival=self.arrival * (rate_hz / self.rate_hz) + blocks * new,
        )

    def heard_by(self, receiver: Receiver, rate_hz: int) -> "MeasuredRoom":
        """Give the room as a receiver hears it: its channels, at a rate, trimmed.

        FOA from an array is what that array's own encoder makes of it, whichever kind of FOA is
        wanted: no other array was there. Capsules of an array are taken where the measured array
        has capsules at the same places on the same baffle.

        Raises
        ------
        SettingError
            If what was measured does not tell what the receiver would hear.
        """
        return _heard(self, receiver, rate_hz)


def measured_room(
    name: str,
    rate_hz: int,
    responses: Float[ndarray, "position channel tap"],
    directions: Float[ndarray, "position 3"],
    distance_m: Float[ndarray, " position"],
    channels: ChannelFormat | MicArray,
    credit: str,
    where: str | None = None,
) -> MeasuredRoom:
    """Build a room from responses: FOA of any scale as ACN and SN3D, arrivals found.

    `where` leads a refusal, if the name alone would not tell.

    Raises
    ------
    InputError
        If a response is silent or no number, or the channels are not as many as `channels` has.
    """
    _check(where or name, responses, channels)
    sound = responses.astype(np.float32)
    if channels in ("fuma", "n3d"):
        sound, channels = np.stack([to_foa(one, channels) for one in sound]), "foa"
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    arrival = [
        direct_arrival(*_omni(channels, one, towards, rate_hz))
        for one, towards in zip(sound, unit, strict=True)
    ]
    return MeasuredRoom(
        name, rate_hz, sound, unit, distance_m.astype(float), np.array(arrival), channels, credit
    )


def misfit_db(
    room: MeasuredRoom, band_hz: tuple[float, float] = (400.0, 1_500.0), window_s: float = 0.01
) -> Float[ndarray, " position"]:
    """Tell how far the capsules of an array disagree with the theory of its baffle.

    For each position the span in level, over the capsules, between what is heard in the first
    `window_s` and a plane wave from the position's direction: 2 dB for a good measurement in a
    quiet place, and 20 dB where a loudspeaker fell silent before all capsules were measured.

    Raises
    ------
    SettingError
        If the channels are no capsules.
    """
    array = room.channels
    if not isinstance(array, MicArray):
        raise SettingError(f"channels of {room.name} must be capsules, but {array} was given")
    at_hz = np.linspace(*band_hz, 24)
    wanted = np.mean(np.abs(array_response(array, room.directions, at_hz)) ** 2, axis=0)
    start = np.maximum(np.floor(room.arrival - 0.002 * room.rate_hz), 0).astype(int)
    length = round((window_s + 0.002) * room.rate_hz)
    spans = []
    for response, first, theory in zip(room.responses, start, wanted.T, strict=True):
        piece = response[:, first : first + length].astype(np.float64)
        turn = np.exp(-2j * np.pi * at_hz / room.rate_hz * np.arange(piece.shape[1])[:, None])
        ratio = np.mean(np.abs(piece @ turn) ** 2, axis=1) / theory
        spans.append(10 * np.log10(ratio.max() / max(float(ratio.min()), 1e-30)))
    return np.array(spans)


def without_misfits(room: MeasuredRoom, limit_db: float = 6.0) -> MeasuredRoom:
    """Leave out positions whose capsules disagree with theory by more than a limit (`misfit_db`).

    Rooms of other channels than capsules are kept as they are.

    Raises
    ------
    SettingError
        If no position is left.
    """
    if not isinstance(room.channels, MicArray):
        return room
    kept = np.flatnonzero(misfit_db(room) <= limit_db)
    if not len(kept):
        raise SettingError(
            f"some position of {room.name} must agree with the theory of its array "
            f"within {limit_db:g} dB, but none does"
        )
    return room.only([int(i) for i in kept])


def direct_arrival(
    response: Float[ndarray, "channel tap"], leads: Float[ndarray, " channel"]
) -> float:
    """Tell when the direct sound passes the array's origin, in samples.

    Each channel tells by its start (the first crossing of -20 dB under its maximum, between samples
    by a straight line) and by how much earlier than the origin it is reached; the median holds.
    """
    level = np.abs(response)
    threshold = START * level.max(axis=1)
    is_loud = (level >= threshold[:, None]) & (threshold[:, None] > 0)
    heard = is_loud.any(axis=1)
    first = is_loud.argmax(axis=1)[heard]
    rows = np.flatnonzero(heard)
    after = level[rows, first]
    before = np.where(first > 0, level[rows, np.maximum(first - 1, 0)], 0.0)
    share = (threshold[rows] - before) / np.maximum(after - before, 1e-30)
    return float(np.median(np.maximum(first - 1 + share, 0) + leads[rows]))


def _omni(
    channels: ChannelFormat | MicArray,
    response: Float[ndarray, "channel tap"],
    direction: Float[ndarray, "3"],
    rate_hz: int,
) -> tuple[Float[ndarray, "omni tap"], Float[ndarray, " omni"]]:
    """Give the channels that hear all around, and how many samples before the origin each does.

    On a rigid sphere a wave comes straight to the lit side, and creeps round to the other.
    """
    if not isinstance(channels, MicArray):
        omni = response[:1] if channels == "foa" else response
        return omni, np.zeros(len(omni))
    if channels.baffle == "open":
        path = channels.positions @ direction
    else:
        cosine = np.clip(channels.directions @ direction, -1, 1)
        path = channels.radius_m * np.where(cosine > 0, cosine, np.pi / 2 - np.arccos(cosine))
    return response, np.asarray(path * (rate_hz / SPEED_OF_SOUND_M_S))


def _check(
    name: str,
    responses: Float[ndarray, "position channel tap"],
    channels: ChannelFormat | MicArray,
) -> None:
    wanted = {"mono": 1, "stereo": 2, "foa": 4, "n3d": 4, "fuma": 4, "tetra": 4}
    count = channels.n_capsules if isinstance(channels, MicArray) else wanted.get(channels)
    if responses.shape[1] != count:
        said = channels.name if isinstance(channels, MicArray) else channels
        raise InputError(
            f"{name}: responses of {said} must have {count} channels, "
            f"but {responses.shape[1]} was given"
        )
    good: Bool[ndarray, "..."] = np.isfinite(responses).all(axis=(1, 2))
    if not good.all():
        raise InputError(
            f"{name}: responses must be finite numbers, "
            f"but one at position {int(good.argmin())} is not"
        )
    heard = np.abs(responses).max(axis=(1, 2), initial=0) > 0
    if not heard.all():
        raise InputError(
            f"{name}: responses must hold a sound, but position {int(heard.argmin())} is silent"
        )


@lru_cache(maxsize=8)
def _heard(room: MeasuredRoom, receiver: Receiver, rate_hz: int) -> MeasuredRoom:
    if room.came_from is not None:
        return _of_waves(room, receiver, rate_hz).trimmed()
    match receiver, room.channels:
        case (IdealFoa() | EncodedFoa(), "foa"):
            return room.trimmed().at_rate(rate_hz).trimmed()
        case (IdealFoa() | EncodedFoa(), MicArray() as array):
            return _encoded(room.trimmed().at_rate(rate_hz), array).trimmed()
        case Capsules(wanted), MicArray() as array:
            picked = _same_capsules(room.name, array, wanted)
            chosen = room if picked == list(range(array.n_capsules)) else room.capsules(picked)
            return replace(chosen, channels=wanted).trimmed().at_rate(rate_hz).trimmed()
        case _:
            said = room.channels.name if isinstance(room.channels, MicArray) else room.channels
            raise SettingError(
                f"the room {room.name} must be measured with what hears it, "
                f"but {said} was measured and {receiver} listens"
            )


def _encoded(room: MeasuredRoom, array: MicArray) -> MeasuredRoom:
    """Encode to FOA, with as much silence on both sides as the filters are long."""
    encoder = array_encoder(array, room.rate_hz)
    wide = np.pad(room.responses, ((0, 0), (0, 0), (encoder.delay, encoder.delay)))
    foa = np.stack([encoder.encode(one) for one in wide])
    return replace(room, responses=foa, channels="foa", arrival=room.arrival + encoder.delay)


def _same_capsules(name: str, array: MicArray, wanted: MicArray) -> list[int]:
    """Find each wanted capsule among those that were there."""
    apart = np.linalg.norm(wanted.positions[:, None] - array.positions[None], axis=2)
    if apart.min(axis=1).max() > SAME_PLACE_M or wanted.baffle != array.baffle:
        raise SettingError(
            f"the room {name} must be measured with the capsules that hear it ({wanted.name}, "
            f"{wanted.baffle}), but those of {array.name} ({array.baffle}) were given"
        )
    return [int(i) for i in apart.argmin(axis=1)]


def _of_waves(room: MeasuredRoom, receiver: Receiver, rate_hz: int) -> MeasuredRoom:
    """Let every sample of a pressure response be a plane wave from its own direction.

    At a lower rate than the measured the waves are heard there at once (their impulses are
    band-limited); a higher one would show images of the spectrum, so it is resampled after.
    """
    assert room.came_from is not None
    rate = min(rate_hz, room.rate_hz)
    table = impulse_table(receiver, rate)
    taps = room.responses.shape[2]
    step = rate / room.rate_hz
    delay = torch.arange(taps, dtype=torch.float64) * step + _WAVE_ROOM
    length = int(taps * step) + 2 * _WAVE_ROOM
    heard = [
        response_of_waves(
            table,
            Waves(
                torch.from_numpy(towards.astype(np.float32)),
                delay,
                torch.from_numpy(pressure[0].astype(np.float32))[:, None],
                torch.full((taps,), torch.inf),
            ),
            length,
        )[0].numpy()
        for pressure, towards in zip(room.responses, room.came_from, strict=True)
    ]
    channels: ChannelFormat | MicArray = receiver.array if isinstance(receiver, Capsules) else "foa"
    return replace(
        room,
        rate_hz=rate,
        responses=np.stack(heard).astype(np.float32),
        arrival=room.arrival * step + _WAVE_ROOM,
        channels=channels,
        came_from=None,
    ).at_rate(rate_hz)
