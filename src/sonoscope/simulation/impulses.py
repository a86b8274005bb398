"""What waves leave in the channels of a receiver: short impulses from a table, added up.

A table holds impulses at the nodes of a grid (angle between capsule and source, fraction of a
sample), so that an image source costs one weighted sum of a few rows, and no Fourier transform.
Rows are the least-squares fit, from 0 to 0.9 Nyquist, of the exact spectrum at a node; above, the
spectrum fades to nothing at Nyquist, and is fitted only as far as the taps allow.

Between nodes values are linear over triangles. A wave is late by angle and by fraction of a sample
alike, so the diagonal along which both cancel carries the triangles' common side: three rows do
better than the four of a square. Linear reading loses up to (ωΔ)²/8 between nodes; nodes are raised
by half of that, so that it loses and gains a sixteenth.

All waves are then summed by sorting: one bag for every (channel, arrival) holds the rows and
weights of all waves that arrive there, and what the bags sum to is added up with their shifts.

FOA channels are ACN order, SN3D scale: W, Y, Z, X.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import rigid_sphere

TAPS = 48
LEAD = 16
"""What a table of the tetrahedron has at 24 kHz; `ImpulseTable.taps` and `lead` say it for any."""

_PHASES = 20
_FIT_TO = 0.9
"""Part of Nyquist up to which impulses are exact: beyond 0.8, which they promise."""

_BEYOND = 1e-5
"""Weight of the spectrum above, in the fit."""


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
        One row a node: the nodes of a grid (angle or nothing) times phase (0 to 1 sample, both
        ends included), flattened.
    angles
        Nodes from 0 to π between capsule and source; 1 where the angle changes nothing.
    lead
        Samples of an impulse, as `impulses_of` gives it, before the wave's arrival at the origin.
    taps
        Samples of an impulse as `impulses_of` gives it.
    """

    receiver: Receiver
    rate_hz: int
    impulse: Float[Tensor, "row value"]
    angles: int
    lead: int
    taps: int


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
    """Tabulate what a receiver hears of a wave."""
    match receiver:
        case IdealFoa():
            return _delay_table(receiver, rate_hz, 0)
        case Capsules(array) if array.baffle == "rigid":
            return _sphere_table(receiver, array, rate_hz)
        case Capsules(array):
            reach = float(np.linalg.norm(array.positions, axis=1).max()) * rate_hz
            return _delay_table(receiver, rate_hz, int(np.ceil(reach / SPEED_OF_SOUND_M_S)))
        case EncodedFoa():
            raise SettingError("encoded FOA has no table yet")


def sphere_table(array: MicArray, rate_hz: int) -> ImpulseTable:
    """Tabulate the capsules of an array."""
    return impulse_table(Capsules(array), rate_hz)


def foa_table(rate_hz: int) -> ImpulseTable:
    """Tabulate ideal FOA."""
    return impulse_table(IdealFoa(), rate_hz)


_DELAY_TAPS, _DELAY_LEAD = 32, 15


def _delay_table(receiver: Receiver, rate_hz: int, reach: int) -> ImpulseTable:
    """Tabulate a pure delay; capsules up to `reach` samples from the origin shift it."""
    response = np.ones((4 * _DELAY_TAPS, 1), np.complex128)
    rows = _fitted(response, _DELAY_TAPS, _DELAY_LEAD)
    return ImpulseTable(receiver, rate_hz, rows, 1, _DELAY_LEAD + reach, _DELAY_TAPS + 2 * reach)


def _sphere_table(receiver: Receiver, array: MicArray, rate_hz: int) -> ImpulseTable:
    """Tabulate a capsule on a rigid sphere; every capsule is the same one, turned.

    A node of angle makes a wave as much later as a node of phase does, at most.
    """
    reach = array.radius_m * rate_hz / SPEED_OF_SOUND_M_S
    taps = 16 * int(np.ceil((31 + 5.5 * reach) / 16))
    lead = 13 + int(np.ceil(1.05 * reach))
    angle = np.linspace(0, np.pi, int(np.ceil(np.pi * reach * _PHASES)) + 1)
    response = rigid_sphere(np.cos(angle), _fit_grid(taps) * rate_hz / 2, array.radius_m)
    rows = _fitted(response, taps, lead)
    return ImpulseTable(receiver, rate_hz, rows, len(angle), lead, taps)


def _fit_grid(taps: int) -> Float[ndarray, " frequency"]:
    """Give the frequencies at which impulses of so many taps are fitted, in parts of Nyquist."""
    return (np.arange(4 * taps) + 0.5) / (4 * taps)


def _fitted(
    response: Complex[ndarray, "frequency node"], taps: int, lead: int
) -> Float[Tensor, "row tap"]:
    """Fit impulses to spectra, delayed by `lead` and every phase: node by phase, flattened."""
    part = _fit_grid(taps)
    weight = np.where(part <= _FIT_TO, 1.0, _BEYOND)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.clip((part - _FIT_TO) / (1 - _FIT_TO), 0, 1))
    turn = np.exp(1j * np.pi * part * np.arange(taps)[:, None])
    normal = (turn * weight) @ turn.conj().T
    solver = np.linalg.solve(normal.real, turn * weight)
    raised = fade * (1 + (np.pi * part / _PHASES) ** 2 / 16)
    rows = np.empty((response.shape[1], _PHASES + 1, taps), np.float32)
    for phase in range(_PHASES + 1):
        late = np.exp(-1j * np.pi * part * (lead + phase / _PHASES)) * raised
        spread = solver * late
        rows[:, phase] = (spread.real @ response.real - spread.imag @ response.imag).T
    return torch.from_numpy(rows.reshape(-1, taps))


@lru_cache(maxsize=32)
def _rows_on(table: ImpulseTable, device: torch.device) -> Tensor:
    return table.impulse.to(device)


def response_of_waves(
    table: ImpulseTable, waves: Waves, length: int
) -> Float[Tensor, "line channel {length}"]:
    """Sum waves into the impulse response of every channel, a line at a time.

    A wave whose impulse ends after `length` is cut there.
    """
    whole = waves.delay.floor()
    phase = (waves.delay - whole).float() * _PHASES
    start = whole.long()
    lines = waves.gain.shape[1]
    match table.receiver:
        case IdealFoa():
            items = _of_phase(phase, start - _DELAY_LEAD)
            gains = (waves.gain.T[:, None] * _foa(waves.direction)).reshape(4 * lines, -1)
            return _overlap_added(table, items, gains, 1, length).reshape(lines, 4, length)
        case Capsules(array) if array.baffle == "rigid":
            cosine = _capsules_on(table, waves.direction) @ waves.direction.T
            items = _of_angle(table, cosine, phase, start - table.lead)
        case Capsules(array):
            items = _of_shift(table, waves)
        case EncodedFoa():
            raise SettingError("encoded FOA has no table yet")
    channels = table.receiver.n_channels
    gains = waves.gain.T.repeat(1, channels)
    return _overlap_added(table, items, gains, channels, length)


def impulses_of(
    table: ImpulseTable, direction: Float[Tensor, "wave 3"], distance_m: Float[Tensor, " wave"]
) -> Float[Tensor, "wave channel tap"]:
    """Give the impulse of every wave by itself, its arrival at the origin at tap `table.lead`."""
    count = len(direction)
    one = torch.ones(1, 1, device=direction.device)
    arrival = torch.full((1,), float(table.lead), dtype=torch.float64, device=direction.device)
    rows = [
        response_of_waves(
            table,
            Waves(direction[i : i + 1], arrival, one, distance_m[i : i + 1]),
            table.taps,
        )[0]
        for i in range(count)
    ]
    return torch.stack(rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Items:
    """What is to be added: rows with weights, from a sample on, into a group."""

    row: Int[Tensor, "item corner"]
    weight: Float[Tensor, "item corner"]
    start: Int[Tensor, " item"]


def _foa(direction: Tensor) -> Tensor:
    """W, Y, Z, X of waves."""
    return torch.stack([torch.ones_like(direction[:, 0]), *direction.T[[1, 2, 0]]])


def _capsules_on(table: ImpulseTable, like: Tensor) -> Tensor:
    assert isinstance(table.receiver, Capsules)
    directions = torch.from_numpy(table.receiver.array.directions)
    return directions.to(like.device, like.dtype)


def _of_phase(phase: Tensor, start: Tensor) -> _Items:
    low = phase.detach().floor().clamp(0, _PHASES - 1)
    share = phase - low
    row = low.int()
    return _Items(torch.stack([row, row + 1], -1), torch.stack([1 - share, share], -1), start)


def _of_angle(table: ImpulseTable, cosine: Tensor, phase: Tensor, start: Tensor) -> _Items:
    """Read over triangles whose common side joins (angle + 1, phase) and (angle, phase + 1)."""
    # Within float32 of ±1 the slope of arccos is infinite, and the response's own is 0.
    angle = torch.arccos(cosine.clamp(-1 + 1e-7, 1 - 1e-7)) * ((table.angles - 1) / np.pi)
    low_angle = angle.detach().floor().clamp(0, table.angles - 2)
    low_phase = phase.detach().floor().clamp(0, _PHASES - 1)
    along, late = angle - low_angle, (phase - low_phase).expand_as(angle)
    beyond = along + late - 1
    upper = beyond > 0
    first = (low_angle * (_PHASES + 1) + low_phase).int()
    row = torch.stack(
        [
            torch.where(upper, first + (_PHASES + 2), first),
            first + (_PHASES + 1),
            first + 1,
        ],
        -1,
    )
    weight = torch.stack(
        [
            beyond.abs(),
            torch.where(upper, 1 - late, along),
            torch.where(upper, 1 - along, late),
        ],
        -1,
    )
    return _Items(row.flatten(0, 1), weight.flatten(0, 1), start.repeat(len(cosine)))


def _of_shift(table: ImpulseTable, waves: Waves) -> _Items:
    """Give every capsule of an open array its own arrival."""
    assert isinstance(table.receiver, Capsules)
    positions = torch.from_numpy(table.receiver.array.positions).to(waves.delay.device)
    early = positions @ waves.direction.T.double()
    arrival = waves.delay - early * (table.rate_hz / SPEED_OF_SOUND_M_S)
    whole = arrival.flatten().floor()
    phase = (arrival.flatten() - whole).float() * _PHASES
    return _of_phase(phase, whole.long() - _DELAY_LEAD)


def _overlap_added(
    table: ImpulseTable,
    items: _Items,
    gains: Float[Tensor, "line item"],
    groups: int,
    length: int,
) -> Float[Tensor, "line group {length}"]:
    """Add every item's impulse where it starts; items come group after group, equally many."""
    rows = _rows_on(table, gains.device)
    taps = rows.shape[1]
    if not gains.numel():
        return torch.zeros(len(gains), groups, length, device=gains.device)
    heard = (items.start > -taps) & (items.start < length)
    gains = torch.where(heard, gains, 0)
    start = items.start.clamp(-taps, length)
    first, last = (int(edge) for edge in torch.aminmax(start))
    span = last - first + 1
    group = torch.arange(groups, device=start.device).repeat_interleave(len(start) // groups)
    few = span * groups > _FEW * len(start)
    added = _one_by_one if few else _by_bags
    out = added(rows, items, gains, (group, start - first), (groups, span))
    return pad(out, (first, length - first - out.shape[-1]))


_FEW = 4
"""Where fewer than one in so many samples has an arrival, waves are added one by one."""


def _one_by_one(
    rows: Tensor,
    items: _Items,
    gains: Tensor,
    place: tuple[Tensor, Tensor],
    size: tuple[int, int],
) -> Tensor:
    taps = rows.shape[1]
    groups, length = size[0], size[1] + taps
    impulse = (rows[items.row] * items.weight[..., None]).sum(1)
    at = (place[0] * length + place[1])[:, None] + torch.arange(taps, device=rows.device)
    at = at.flatten()
    out = [
        torch.zeros(groups * length, device=rows.device).index_add_(
            0, at, (gain[:, None] * impulse).flatten()
        )
        for gain in gains
    ]
    return torch.stack(out).reshape(len(gains), groups, length)


def _by_bags(
    rows: Tensor,
    items: _Items,
    gains: Tensor,
    place: tuple[Tensor, Tensor],
    size: tuple[int, int],
) -> Tensor:
    groups, span = size
    corners = items.row.shape[1]
    slot = (place[0] * span + place[1]).int()
    order = torch.sort(slot)[1]
    count = torch.bincount(slot, minlength=groups * span)
    begin = ((count.cumsum(0) - count) * corners).int()
    row, weight = items.row[order].flatten(), items.weight[order]
    bags = [
        embedding_bag(
            row, rows, begin, mode="sum", per_sample_weights=(weight * gain[:, None]).flatten()
        )
        for gain in gains[:, order]
    ]
    return _diagonals_summed(torch.stack(bags).reshape(len(gains), groups, span, -1))


def _diagonals_summed(
    rows: Float[Tensor, "line group sample tap"],
) -> Float[Tensor, "line group _"]:
    """Add rows up, each one sample later than the one before.

    In a row-major block of `tap` rows, padded to twice their width, one value less a row slants
    the block, so that what belongs to one sample lies in one column.
    """
    lines, groups, span, taps = rows.shape
    blocks = -(-span // taps)
    padded = pad(rows, (0, taps, 0, blocks * taps - span))
    flat = padded.reshape(lines, groups, blocks, 2 * taps * taps)[..., : taps * (2 * taps - 1)]
    sums = pad(flat.reshape(lines, groups, blocks, taps, 2 * taps - 1).sum(-2), (0, 1))
    here = pad(sums[..., :taps], (0, 0, 0, 1))
    over = pad(sums[..., taps:], (0, 0, 1, 0))
    return (here + over).flatten(-2)
