"""What waves leave in the channels of a receiver: short impulses from a table, added up.

A table holds impulses at the nodes of a grid, so that an image source costs one weighted sum of a
few rows, and no Fourier transform:

    receiver            nodes                               read
    ideal FOA           fraction of a sample                2 rows, four gains
    open array          fraction of a sample                2 rows a capsule, each its own arrival
    rigid array         angle to the capsule, fraction      3 rows a capsule
      near source       the same and 1 / distance           6 rows a capsule
    FOA of an array     azimuth, elevation                  4 rows of four channels, into two
                                                            fractions of a sample, delayed at last

Rows are the least-squares fit, from 0 to 0.82 Nyquist, of the exact spectrum at a node; above, the
spectrum fades to nothing at Nyquist, and is fitted only as far as the taps allow.

Angle and fraction are read linearly over triangles. A wave is late by either alike, so the diagonal
along which both cancel is the triangles' common side: three rows do better than the four of a
square. Linear reading loses up to (ωΔ)²/8 between nodes; nodes are raised by half of that, so that
it loses and gains a sixteenth.

All waves are then summed by sorting: one bag for every (channel, arrival) holds the rows and
weights of all waves that arrive there, and what the bags sum to is added up with their shifts.

FOA channels are ACN order, SN3D scale: W, Y, Z, X.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import pad

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.direction import sphere_grid, unit_vector
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
from sonoscope.signal.sphere import array_response, rigid_sphere, rigid_sphere_near
from sonoscope.simulation.overlap import Items, overlap_added, spread, weighted

_PHASES = 20
_ENCODED_PHASES = 12
_MOST_RINGS = 190
_FIT_TO = 0.82
"""Part of Nyquist up to which impulses are exact: a little beyond 0.8, which they promise."""

_BEYOND = 3e-4
"""Weight of the spectrum above, in the fit."""

_DELAY_TAPS, _DELAY_LEAD = 32, 15

NEAR_RADII = 72.0
"""Among many waves only those from nearer than this (3 m for a sphere of 4.2 cm) are curved."""

_NEAREST = 0.42
_NEAR_NODES = 11
"""Nodes of radius over distance, from 0 to 0.42; nearer sources are heard as if there."""

NEAR_FOA_M = 3.0
"""The same for FOA, whose order 1 a near source makes louder at low frequencies."""

_LEAK_HZ = 20.0
_CLOSEST_AT_OPEN = 0.1
"""Least part of a source's distance at which a capsule of an open array can be from it."""

_FEW_WAVES = 64
_WAVES_AT_ONCE = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class ImpulseTable:
    """Impulses at the nodes of a grid.

    Attributes
    ----------
    receiver
        Whose they are.
    rate_hz
        Samples a second.
    impulse
        One row a node of the grid, flattened.
    nodes
        How many along each axis of the grid: (1 / distance, angle, phase), of which the first two
        may be 1, or (elevation, azimuth) for encoded FOA. Phase runs from 0 to 1 sample and angle
        from 0 to π, both ends included.
    lead
        Samples of an impulse, as `impulses_of` gives it, before the wave's arrival at the origin.
    taps
        Samples of an impulse as `impulses_of` gives it.
    colour
        What all directions have in common below 1 kHz: filters, one a channel, their time 0 in the
        middle, that `response_of_waves` applies to the sum, and `impulses_of` leaves to `coloured`.
        Only encoded FOA has any: its directions lose their lows, and that takes longer to say than
        `taps`.
    """

    receiver: Receiver
    rate_hz: int
    impulse: Float[Tensor, "row value"]
    nodes: tuple[int, ...]
    lead: int
    taps: int
    colour: Float[Tensor, "channel colour"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """Waves that reach the origin of a receiver.

    Attributes
    ----------
    direction
        Unit vectors, in the receiver's axes, to where each wave comes from.
    delay
        Arrival at the origin, in samples; float64.
    gain
        Pressure of each wave at the origin, one column a line: lines are summed apart, so that
        each can be given a spectrum of its own afterwards.
    distance_m
        How far its source (or image source) is: below a few metres a wave is curved. Infinite for
        a plane wave.
    """

    direction: Float[Tensor, "wave 3"]
    delay: Float[Tensor, " wave"]
    gain: Float[Tensor, "wave line"]
    distance_m: Float[Tensor, " wave"]


@lru_cache(maxsize=16)
def impulse_table(receiver: Receiver, rate_hz: int) -> ImpulseTable:
    """Tabulate what a receiver hears of a wave.

    Raises
    ------
    SettingError
        If the filters of an encoder are made for another rate.
    """
    match receiver:
        case IdealFoa():
            return _delay_table(receiver, rate_hz, 0)
        case Capsules(array) if array.baffle == "rigid":
            return _sphere_table(receiver, array, rate_hz)
        case Capsules(array):
            reach = float(np.linalg.norm(array.positions, axis=1).max()) * rate_hz
            return _delay_table(receiver, rate_hz, int(np.ceil(reach / SPEED_OF_SOUND_M_S)))
        case EncodedFoa(array, encoder_hz):
            if encoder_hz != rate_hz:
                raise SettingError(
                    f"a table of encoded FOA must be of its encoder's {encoder_hz} Hz, "
                    f"but {rate_hz} Hz was given"
                )
            return _encoded_table(receiver, array, rate_hz)


def _delay_table(receiver: Receiver, rate_hz: int, reach: int) -> ImpulseTable:
    """Tabulate a pure delay; capsules up to `reach` samples from the origin shift it."""
    response = np.ones((2 * _DELAY_TAPS, 1), np.complex128)
    rows = _delayed(response, _DELAY_TAPS, _DELAY_LEAD, _PHASES)
    nodes = (1, 1, _PHASES + 1)
    lead, taps = _DELAY_LEAD + reach, _DELAY_TAPS + 2 * reach
    return ImpulseTable(receiver, rate_hz, rows, nodes, lead, taps)


def _sphere_table(receiver: Receiver, array: MicArray, rate_hz: int) -> ImpulseTable:
    """Tabulate a capsule on a rigid sphere; every capsule is the same one, turned."""
    lead, taps, angle = _sphere_grid(array, rate_hz)
    response = rigid_sphere(np.cos(angle), _fit_grid(taps) * rate_hz / 2, array.radius_m)
    rows = _delayed(response, taps, lead, _PHASES)
    return ImpulseTable(receiver, rate_hz, rows, (1, len(angle), _PHASES + 1), lead, taps)


@lru_cache(maxsize=4)
def _near_table(plane: ImpulseTable) -> ImpulseTable:
    """Tabulate point sources, each wave shifted to where it came straight from its direction.

    What is left to change with distance is smooth, and few distances hold it.
    """
    assert isinstance(plane.receiver, Capsules)
    array, rate_hz = plane.receiver.array, plane.rate_hz
    lead, taps, angle = _sphere_grid(array, rate_hz)
    frequency = _fit_grid(taps) * rate_hz / 2
    late = _later(torch.from_numpy(angle), torch.linspace(0, _NEAREST, _NEAR_NODES)[:, None])
    turn = 2j * np.pi * frequency[:, None] * array.radius_m / SPEED_OF_SOUND_M_S
    parts = [plane.impulse]
    for i, nearness in enumerate(np.linspace(0, _NEAREST, _NEAR_NODES)[1:], start=1):
        distance = array.radius_m / float(nearness)
        response = rigid_sphere_near(np.cos(angle), frequency, array.radius_m, distance)
        straight = response * np.exp(turn * late[i].numpy())
        parts.append(_delayed(straight, taps, lead, _PHASES))
    nodes = (_NEAR_NODES, len(angle), _PHASES + 1)
    return ImpulseTable(plane.receiver, rate_hz, torch.cat(parts), nodes, lead, taps)


def _sphere_grid(array: MicArray, rate_hz: int) -> tuple[int, int, Float[ndarray, " angle"]]:
    """Give lead, taps and angles: a step of angle makes a wave as late as one of phase, at most."""
    reach = array.radius_m * rate_hz / SPEED_OF_SOUND_M_S
    taps = 16 * int(np.ceil((29 + 5.8 * reach) / 16))
    lead = 16 + int(np.ceil(1.05 * reach))
    return lead, taps, np.linspace(0, np.pi, int(np.ceil(np.pi * reach * _PHASES)) + 1)


def _later(angle: Tensor, nearness: Tensor) -> Tensor:
    """Give how much farther, in radii, sound runs to a capsule from a near source than from afar.

    Straight where the source is seen, and along the tangent and then the sphere where it is not.
    `nearness` is the radius over the distance.
    """
    cosine = torch.cos(angle)
    straight = (nearness - 2 * cosine) / (torch.sqrt(1 + nearness**2 - 2 * nearness * cosine) + 1)
    tangent = -nearness / (torch.sqrt(1 - nearness**2) + 1)
    around = tangent + angle - torch.arccos(nearness)
    near = torch.where(cosine >= nearness, straight, around)
    return near - torch.where(cosine >= 0, -cosine, angle - np.pi / 2)


def _fit_grid(taps: int) -> Float[ndarray, " frequency"]:
    """Give the frequencies at which impulses of so many taps are fitted, in parts of Nyquist."""
    return (np.arange(2 * taps) + 0.5) / (2 * taps)


def _fit(taps: int) -> Complex[ndarray, "tap frequency"]:
    """Give the matrix whose product with a spectrum has the fitted impulse as its real part."""
    part = _fit_grid(taps)
    weight = np.where(part <= _FIT_TO, 1.0, _BEYOND)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.clip((part - _FIT_TO) / (1 - _FIT_TO), 0, 1))
    turn = np.exp(1j * np.pi * part * np.arange(taps)[:, None])
    normal = (turn * weight) @ turn.conj().T
    return np.asarray(np.linalg.solve(normal.real, turn * (weight * fade)))


def _fitted(
    fit: Complex[ndarray, "tap frequency"], spectra: Complex[ndarray, " frequency *any"]
) -> Float[ndarray, " tap *any"]:
    """Give the real part of the product, at half the cost."""
    flat = spectra.reshape(len(spectra), -1)
    impulses = fit.real @ flat.real - fit.imag @ flat.imag
    return np.asarray(impulses.reshape(len(fit), *spectra.shape[1:]))


def _delayed(
    response: Complex[ndarray, "frequency node"], taps: int, lead: int, phases: int
) -> Float[Tensor, "row tap"]:
    """Fit impulses to spectra, delayed by `lead` and every phase: node by phase, flattened."""
    part = _fit_grid(taps)
    raised = _fit(taps) * (1 + (np.pi * part / phases) ** 2 / 16)
    rows = np.empty((response.shape[1], phases + 1, taps), np.float32)
    for phase in range(phases + 1):
        late = np.exp(-1j * np.pi * part * (lead + phase / phases))
        rows[:, phase] = _fitted(raised * late, response).T
    return torch.from_numpy(rows.reshape(-1, taps))


def _encoded_table(receiver: EncodedFoa, array: MicArray, rate_hz: int) -> ImpulseTable:
    """Tabulate the four channels over azimuth and elevation.

    The steps between directions follow the wavelength at 0.8 Nyquist, but less than it: the
    higher, the less an encoder's patterns weigh.
    """
    reach = float(np.linalg.norm(array.positions, axis=1).max()) * rate_hz / SPEED_OF_SOUND_M_S
    taps = 16 * int(np.ceil((24 + 8 * reach) / 16))
    lead = taps // 2 - int(reach)
    rings = min(_MOST_RINGS, int(np.ceil(np.pi * (12 + 4 * reach))))
    colour = _colour(receiver, rate_hz)
    grid = _encoded_grid(receiver, _fit_grid(taps) * rate_hz / 2, colour, (lead, rings), rate_hz)
    return ImpulseTable(
        receiver,
        rate_hz,
        torch.from_numpy(_raised(grid).reshape(-1, 4 * taps).astype(np.float32)),
        (rings + 1, 2 * rings),
        lead + _DELAY_LEAD,
        taps + _DELAY_TAPS,
        torch.from_numpy(colour.astype(np.float32)),
    )


def _encoded_grid(
    receiver: EncodedFoa,
    frequency: Float[ndarray, " frequency"],
    colour: Float[ndarray, "channel colour"],
    lead_and_rings: tuple[int, int],
    rate_hz: int,
) -> Float[ndarray, "elevation azimuth channel tap"]:
    """Give the impulses of all directions, what they have in common taken out.

    Where little of a channel is left, at the very lowest frequencies, they are those of ideal FOA.
    """
    lead, rings = lead_and_rings
    taps, middle = len(frequency) // 2, colour.shape[1] // 2
    time = (np.arange(2 * middle) - middle) / rate_hz
    common = (colour @ np.exp(-2j * np.pi * frequency * time[:, None])).T[:, :, None]
    fit = _fit(taps) * np.exp(-2j * np.pi * frequency * lead / rate_hz)
    matrix = encoding_matrix(receiver.array, receiver.rate_hz, frequency)
    grid = np.empty((rings + 1, 2 * rings, 4, taps))
    azimuth = np.arange(2 * rings) * (np.pi / rings)
    for i, elevation in enumerate(np.linspace(-np.pi / 2, np.pi / 2, rings + 1)):
        directions = unit_vector(azimuth, np.full(2 * rings, elevation))
        heard = matrix @ array_response(receiver.array, directions, frequency)
        gains = foa_gains(directions).T
        short = gains + (heard - common * gains) / np.maximum(np.abs(common), 0.5)
        grid[i] = _fitted(fit, short).T
    return grid


def _raised(
    grid: Float[ndarray, "elevation azimuth channel tap"],
) -> Float[ndarray, "elevation azimuth channel tap"]:
    """Raise nodes by half of what linear reading loses between them: a sixteenth of the bend."""
    half = grid.shape[1] // 2
    over = np.concatenate([np.roll(grid[1:2], half, 1), grid, np.roll(grid[-2:-1], half, 1)])
    bend = over[2:] + over[:-2] + np.roll(grid, 1, 1) + np.roll(grid, -1, 1) - 4 * grid
    return np.asarray(grid - bend / 16)


def _colour(receiver: EncodedFoa, rate_hz: int) -> Float[ndarray, "channel colour"]:
    """Give what every channel does to its own pattern at low frequencies, and 1 above."""
    radius = float(np.linalg.norm(receiver.array.positions, axis=1).mean())
    upper = 1_000 * 0.042 / radius
    half = 1 << int(np.ceil(np.log2(0.04 * rate_hz)))
    frequency = np.fft.rfftfreq(2 * half, 1 / rate_hz)
    low = frequency < upper
    directions = sphere_grid(500)
    gains = foa_gains(directions)
    heard = plane_wave_response(receiver, directions, frequency[low])
    share = np.einsum("fcd,dc->fc", heard, gains) / (gains**2).sum(axis=0)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.clip(2 * frequency[low] / upper - 1, 0, 1))
    spectrum = np.ones((len(frequency), 4), np.complex128)
    spectrum[low] += fade[:, None] * (share - 1)
    return np.asarray(np.roll(np.fft.irfft(spectrum.T, 2 * half), half, axis=1))


@lru_cache(maxsize=32)
def _rows_on(table: ImpulseTable, device: torch.device) -> Tensor:
    return table.impulse.to(device)


def response_of_waves(
    table: ImpulseTable, waves: Waves, length: int
) -> Float[Tensor, "line channel {length}"]:
    """Sum waves into the impulse response of every channel, a line at a time.

    A wave whose impulse ends after `length` is cut there.
    """
    match table.receiver:
        case IdealFoa():
            plane = _in_parts(_ideal_response, table, waves, length)
            return plane + _bass(table.rate_hz, waves, length)
        case Capsules(array) if array.baffle == "rigid":
            near = _curved(waves.distance_m, array)
            if not bool(near.any()):
                return _in_parts(_capsule_response, table, waves, length)
            far = _in_parts(_capsule_response, table, _some(waves, ~near), length)
            return far + _capsule_response(_near_table(table), _some(waves, near), length)
        case Capsules():
            return _in_parts(_capsule_response, table, waves, length)
        case EncodedFoa():
            plane = _in_parts(_encoded_response, table, waves, length)
            return coloured(table, plane + _bass(table.rate_hz, waves, length))


def _curved(distance_m: Float[Tensor, " wave"], array: MicArray) -> Tensor:
    """Tell which waves are heard as curved: all of a few, as direct sound and single walls are."""
    if len(distance_m) <= _FEW_WAVES:
        return distance_m.isfinite()
    return distance_m < NEAR_RADII * array.radius_m


def _in_parts(
    sum_of: Callable[[ImpulseTable, Waves, int], Tensor],
    table: ImpulseTable,
    waves: Waves,
    length: int,
) -> Tensor:
    """Sum so many waves at a time, in the order of their arrival, that all stays in the cache."""
    if len(waves.delay) <= _FEW_WAVES:
        return sum_of(table, waves, length)
    order = torch.argsort(waves.delay.detach())
    most = _WAVES_AT_ONCE // table.receiver.n_channels
    first, *others = torch.split(order, most)
    total = sum_of(table, _some(waves, first), length)
    for part in others:
        total = total + sum_of(table, _some(waves, part), length)
    return total


def impulses_of(
    table: ImpulseTable, direction: Float[Tensor, "wave 3"], distance_m: Float[Tensor, " wave"]
) -> Float[Tensor, "wave channel tap"]:
    """Give the impulse of every wave by itself, its arrival at the origin at tap `table.lead`.

    Of what lasts longer than `table.taps` nothing is heard: the bass that near sources have in
    FOA, and the colour of encoded FOA, for which there is `coloured`.
    """
    match table.receiver:
        case IdealFoa():
            rows = _rows_on(table, direction.device)
            return _foa(direction).T[:, :, None] * rows[0]
        case EncodedFoa():
            row, weight = _on_grid(table, direction)
            rows = _rows_on(table, direction.device)
            impulse = weighted(rows, row, weight)
            around = (_DELAY_LEAD, _DELAY_TAPS - _DELAY_LEAD)
            return pad(impulse.reshape(len(direction), 4, rows.shape[1] // 4), around)
        case Capsules(array) if array.baffle == "rigid":
            near = distance_m.isfinite()
            if not bool(near.any()):
                return _capsule_impulses(table, direction, distance_m)
            far = _capsule_impulses(table, direction[~near], distance_m[~near])
            out = far.new_zeros(len(direction), *far.shape[1:])
            out[~near] = far
            out[near] = _capsule_impulses(_near_table(table), direction[near], distance_m[near])
            return out
        case Capsules():
            return _capsule_impulses(table, direction, distance_m)


def coloured(
    table: ImpulseTable, sound: Float[Tensor, "*any channel sample"]
) -> Float[Tensor, "*any channel sample"]:
    """Filter channels by what all directions have in common; most receivers have nothing such."""
    if table.colour is None:
        return sound
    half, length = table.colour.shape[1] // 2, sound.shape[-1]
    size = _fast_size(length + 2 * half)
    colour = torch.fft.rfft(table.colour.to(sound.device), size)
    heard = torch.fft.irfft(torch.fft.rfft(sound, size) * colour, size)
    return torch.as_tensor(heard[..., half : half + length])


def _some(waves: Waves, which: Tensor) -> Waves:
    return Waves(
        waves.direction[which], waves.delay[which], waves.gain[which], waves.distance_m[which]
    )


def _split(delay: Tensor, phases: int) -> tuple[Tensor, Tensor]:
    """Split arrivals into whole samples and phases, in float64 before they become float32."""
    whole = delay.detach().floor()
    return whole.long(), (delay - whole).float() * phases


def _ideal_response(table: ImpulseTable, waves: Waves, length: int) -> Tensor:
    start, phase = _split(waves.delay, _PHASES)
    items = Items(*_two(phase, _PHASES), start - _DELAY_LEAD)
    gains = waves.gain.T[:, None] * _foa(waves.direction)
    grouped = (torch.zeros_like(start), 1)
    rows = _rows_on(table, gains.device)
    out = overlap_added(rows, items, gains.flatten(0, 1), grouped, length)
    return out.reshape(gains.shape[0], 4, length)


def _bass(rate_hz: int, waves: Waves, length: int) -> Tensor:
    """Give what the curvature of near waves adds to order 1: c / (iωr) times the plane wave.

    That is an integral over time, which forgets at 20 Hz; all waves are integrated at once.
    """
    near = waves.distance_m < NEAR_FOA_M
    if not bool(near.any()):
        return waves.gain.new_zeros(1)
    some = _some(waves, near)
    gain = some.gain * (SPEED_OF_SOUND_M_S / some.distance_m)[:, None]
    flow_from = Waves(some.direction, some.delay, gain, some.distance_m)
    flow = _ideal_response(impulse_table(IdealFoa(), rate_hz), flow_from, length)
    size = _fast_size(length + int(1.2 / _LEAK_HZ * rate_hz))
    turn = 2j * np.pi * torch.fft.rfftfreq(size, 1 / rate_hz, device=flow.device)
    spectrum = torch.fft.rfft(flow[:, 1:], size) / (turn + 2 * np.pi * _LEAK_HZ)
    return pad(torch.fft.irfft(spectrum, size)[..., :length], (0, 0, 1, 0))


def _capsule_response(table: ImpulseTable, waves: Waves, length: int) -> Tensor:
    channels = table.receiver.n_channels
    items = _at_capsules(table, waves.direction, waves.delay, waves.distance_m)
    group = torch.arange(channels, device=items.start.device)
    group = group.repeat_interleave(len(waves.delay))
    gains = waves.gain.T.repeat(1, channels)
    return overlap_added(_rows_on(table, gains.device), items, gains, (group, channels), length)


def _capsule_impulses(table: ImpulseTable, direction: Tensor, distance_m: Tensor) -> Tensor:
    arrival = torch.full_like(distance_m, table.lead, dtype=torch.float64)
    items = _at_capsules(table, direction, arrival, distance_m)
    rows = _rows_on(table, direction.device)
    if rows.shape[1] == table.taps and table.nodes[0] == 1:  # all start with the table's rows
        impulses = weighted(rows, items.row, items.weight)
    else:
        each = torch.arange(len(items.start), device=direction.device)
        ones = torch.ones_like(items.weight[:, 0])[None]
        impulses = overlap_added(rows, items, ones, (each, len(each)), table.taps)[0]
    apart = impulses.reshape(table.receiver.n_channels, len(direction), table.taps)
    return apart.transpose(0, 1)


def _encoded_response(table: ImpulseTable, waves: Waves, length: int) -> Tensor:
    """Sum rows apart by phase, then delay every phase by its fraction."""
    start, phase = _split(waves.delay - (table.lead - _DELAY_LEAD), _ENCODED_PHASES)
    node, share = _two(phase, _ENCODED_PHASES)
    row, weight = _on_grid(table, waves.direction)
    rows = _rows_on(table, waves.direction.device)
    impulse = weighted(rows, row, weight)
    impulse = impulse.reshape(len(start), 4, rows.shape[1] // 4)
    between, bins = (node[:, 0], share), _ENCODED_PHASES + 1
    apart = spread(impulse, waves.gain.T, start, between, bins, length + _DELAY_LEAD)
    fractions = _fractions().to(apart.device)
    size = _fast_size(length + _DELAY_LEAD + _DELAY_TAPS)
    delay = torch.fft.rfft(fractions, size)[:, None]
    spectrum = (torch.fft.rfft(apart, size) * delay).sum(1)
    heard = torch.fft.irfft(spectrum, size)
    return torch.as_tensor(heard[..., _DELAY_LEAD : _DELAY_LEAD + length])


@lru_cache(maxsize=1)
def _fractions() -> Float[Tensor, "phase tap"]:
    response = np.ones((2 * _DELAY_TAPS, 1), np.complex128)
    return _delayed(response, _DELAY_TAPS, _DELAY_LEAD, _ENCODED_PHASES)


def _fast_size(length: int) -> int:
    """Give the next length that is a power of two, or three quarters of one."""
    power = 1 << (length - 1).bit_length()
    return 3 * power // 4 if length <= 3 * power // 4 else power


def _foa(direction: Tensor) -> Tensor:
    """W, Y, Z, X of waves."""
    return torch.stack([torch.ones_like(direction[:, 0]), *direction.T[[1, 2, 0]]])


def _two(place: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Give the nodes to either side of a place, and the weight of each."""
    low = place.detach().floor().clamp(0, steps - 1)
    share = place - low
    node = low.int()
    return torch.stack([node, node + 1], -1), torch.stack([1 - share, share], -1)


def _at_capsules(
    table: ImpulseTable, direction: Tensor, delay: Tensor, distance_m: Tensor
) -> Items:
    """Read what waves leave at every capsule: items go capsule by capsule."""
    assert isinstance(table.receiver, Capsules)
    array, samples_a_metre = table.receiver.array, table.rate_hz / SPEED_OF_SOUND_M_S
    if array.baffle == "open":
        return _delayed_at_open(array, direction, delay, distance_m, samples_a_metre)
    towards = torch.from_numpy(array.directions).to(direction)
    # Within float32 of ±1 the slope of arccos is infinite, and the response's own is 0.
    angle = torch.arccos((towards @ direction.T).clamp(-1 + 1e-7, 1 - 1e-7))
    distances, _, _ = table.nodes
    if distances == 1:
        start, phase = _split(delay, _PHASES)
        row, weight = _on_triangles(table, angle, phase.expand_as(angle))
        start = start.expand(angle.shape)
    else:
        nearness = (array.radius_m / distance_m).clamp(0, _NEAREST)
        late = _later(angle, nearness) * (array.radius_m * samples_a_metre)
        start, phase = _split(delay + late, _PHASES)
        row, weight = _on_triangles(table, angle, phase)
        layer, share = _two(nearness * ((distances - 1) / _NEAREST), distances - 1)
        layer = layer * (len(table.impulse) // distances)
        row = (row[:, :, None] + layer[:, :, None]).flatten(2)
        weight = (weight[:, :, None] * share[:, :, None]).flatten(2)
    return Items(row.flatten(0, 1), weight.flatten(0, 1), start.flatten() - table.lead)


def _delayed_at_open(
    array: MicArray, direction: Tensor, delay: Tensor, distance_m: Tensor, samples_a_metre: float
) -> Items:
    """Give every capsule its own way from the source, and the level that goes with it."""
    positions = torch.from_numpy(array.positions).to(direction.device)
    along = positions @ direction.T.double()
    squared = (positions**2).sum(1, keepdim=True)
    near = 1 / distance_m.double()
    way = (1 + squared * near**2 - 2 * near * along).clamp_min(_CLOSEST_AT_OPEN**2).sqrt()
    farther_m = (squared * near - 2 * along) / (way + 1)
    start, phase = _split(delay + farther_m * samples_a_metre, _PHASES)
    row, weight = _two(phase.flatten(), _PHASES)
    return Items(row, weight / way.float().flatten()[:, None], start.flatten() - _DELAY_LEAD)


def _on_triangles(table: ImpulseTable, angle: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
    """Read over triangles whose common side joins (angle + 1, phase) and (angle, phase + 1)."""
    _, angles, phases = table.nodes
    angle = angle * ((angles - 1) / np.pi)
    low_angle = angle.detach().floor().clamp(0, angles - 2)
    low_phase = phase.detach().floor().clamp(0, phases - 2)
    along, late = angle - low_angle, phase - low_phase
    beyond = along + late - 1
    upper = beyond > 0
    first = (low_angle * phases + low_phase).int()
    third = torch.where(upper, first + (phases + 1), first)
    one, two = torch.where(upper, 1 - late, along), torch.where(upper, 1 - along, late)
    row = torch.stack([third, first + phases, first + 1], -1)
    return row, torch.stack([beyond.abs(), one, two], -1)


def _on_grid(table: ImpulseTable, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Read over azimuth, which closes on itself, and elevation."""
    elevations, azimuths = table.nodes
    x, y, z = direction.T
    height = torch.arcsin(z.clamp(-1 + 1e-7, 1 - 1e-7)) * ((elevations - 1) / np.pi)
    ring, ring_share = _two(height + (elevations - 1) / 2, elevations - 1)
    turned = torch.remainder(torch.arctan2(y, x) * (azimuths / (2 * np.pi)), azimuths)
    step, step_share = _two(turned, azimuths)
    row = ring[:, :, None] * azimuths + (step % azimuths)[:, None]
    return row.flatten(1), (ring_share[:, :, None] * step_share[:, None]).flatten(1)
