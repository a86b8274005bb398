"""Sound on moving ways: each path read at its true, changing delay, then heard from its direction.

What reaches an array from a source, either at rest or in motion, left it earlier: at t_e with
|M x_s(t_e) + b - x_a(t)| = c (t - t_e), where M and b mirror the source (the identity for the
direct sound). So y(t) = x(t_e(t)) / d(t) has its Doppler shift, and no two delayed copies are ever
mixed: cross-fading static responses leaves combs (a null at 1/(2 Δdelay)), this cannot.

1. `arrivals` solves for t_e on a grid of a few milliseconds; cubics carry it to every sample.
2. `simulation.reading` reads the sound there.
3. Mirrors and air are zero-phase spectra, on the sound as received.
4. A receiver hears each path through impulses that fade from one direction to the next over
   blocks in which it changes by about a degree. The delay is already out of them.

A source's strength is that of one at rest: the factor 1/(1 - v/c) or its square, by which a source
is louder ahead of its motion, depends on what kind of source it is and is left out.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.direction import angle_between, angles
from sonoscope.core.event import Waypoint
from sonoscope.signal.ambisonics import foa_gains
from sonoscope.signal.octaves import octave_weights
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa
from sonoscope.simulation.impulses import (
    NEAR_FOA_M,
    NEAR_RADII,
    ImpulseTable,
    coloured,
    impulses_of,
)
from sonoscope.simulation.paths import DIRECT, NEAREST_M, RING_S, Path
from sonoscope.simulation.reading import RING, filtered, read, readable, upsampled
from sonoscope.simulation.track import Track

_NEWTON_STEPS = 6
_NEWTON_ENOUGH_M = 1e-9
_BLOCK_S = 0.040
_BLOCK_TURN = np.deg2rad(1.0)
_GRIDS = (4, 8, 16, 32)  # nodes a longest block
_WORST_DELAY_ERROR = 2e-4  # samples
_FLAT_AIR_DB = 0.25
_AIR_STEP_DB = 3.0  # amplitudes that far apart, lerped, err by 0.13 dB in the middle
_FLOATS_AT_ONCE = 1 << 18
_LEAK_HZ = 20.0
_FORGOTTEN = 1.2  # periods of it, after which the integral is 1/2000


class Arrivals(NamedTuple):
    """What reaches the array at some moments.

    Attributes
    ----------
    emitted_s
        When it left the source.
    distance_m
        How far it has come.
    direction
        Unit vectors to where it comes from, in the array's own axes.
    share
        How much of its image a mirror of limited size shows, 0 to 1.
    """

    emitted_s: Float[ndarray, "path time"]
    distance_m: Float[ndarray, "path time"]
    direction: Float[ndarray, "path time 3"]
    share: Float[ndarray, "path time"]


def arrivals(
    source: Track, array: Track, paths: Sequence[Path], received_s: Float[ndarray, " time"]
) -> Arrivals:
    """Solve the retarded-time equation to 1e-10 s (float64).

    Newton's method from the delay that a source at rest would have: it squares its error at every
    step, and below Mach 0.3 three steps reach the last digits.
    """
    here = array.at(received_s)
    turned = np.stack([path.matrix.T for path in paths])
    offset = np.stack([path.offset_m for path in paths])[:, None] - here
    emitted = np.repeat(received_s[None], len(paths), axis=0)
    for _ in range(_NEWTON_STEPS):
        there = source.at(emitted)
        apart = there @ turned + offset
        distance = np.sqrt(np.einsum("pti,pti->pt", apart, apart))
        late = distance - SPEED_OF_SOUND_M_S * (received_s - emitted)
        if np.abs(late).max() < _NEWTON_ENOUGH_M:
            break
        pace = source.velocity_at(emitted) @ turned
        closing = np.einsum("pti,pti->pt", pace, apart) / np.maximum(distance, 1e-9)
        emitted = emitted - late / (SPEED_OF_SOUND_M_S + closing)
    unit = apart / np.maximum(distance, 1e-9)[..., None]
    own = np.einsum("tij,ptj->pti", array.turn_at(received_s), unit)
    share = np.stack([path.share(x, here) for path, x in zip(paths, there, strict=True)])
    return Arrivals(emitted, distance, own, share)


def arrival_time(
    source: Track, array: Track, path: Path, emitted_s: Float[ndarray, " time"]
) -> Float[ndarray, " time"]:
    """Give when the array receives what left at some moments, to 1e-10 s."""
    there = path.image(source.at(emitted_s))
    received = emitted_s + np.linalg.norm(there - array.at(emitted_s), axis=-1) / SPEED_OF_SOUND_M_S
    for _ in range(0 if array.is_still else 3):
        apart = there - array.at(received)
        distance = np.linalg.norm(apart, axis=-1)
        toward = np.sum(array.velocity_at(received) * apart, axis=-1) / np.maximum(distance, 1e-9)
        early = distance - SPEED_OF_SOUND_M_S * (received - emitted_s)
        received = received + early / (SPEED_OF_SOUND_M_S + toward)
    return np.asarray(received)


class HeardPath(NamedTuple):
    """When and from where an array hears a sound.

    Attributes
    ----------
    onset_s, offset_s
        When the first and the last of it arrive.
    waypoints
        At times of reception, from onset to offset; one where nothing moves.
    """

    onset_s: float
    offset_s: float
    waypoints: tuple[Waypoint, ...]


def heard_path(
    source: Track, array: Track, onset_s: float, offset_s: float, step_s: float = 0.1
) -> HeardPath:
    """Give the truth of a sound that is emitted from `onset_s` to `offset_s`, as it is heard.

    Directions are in the array's own axes, to where the source was when it emitted what arrives
    now, not to where it is by then: at 2 m and 40 degrees a second the two differ by 0.2 degrees.
    """
    first, last = arrival_time(source, array, DIRECT, np.array([onset_s, offset_s]))
    if source.is_still and array.is_still:
        times = np.array([first])
    else:
        times = np.linspace(first, last, max(2, int(np.ceil((last - first) / step_s)) + 1))
    heard = arrivals(source, array, [DIRECT], times)
    azimuth, elevation = angles(heard.direction[0])
    rows = zip(times, azimuth, elevation, heard.distance_m[0], strict=True)
    waypoints = tuple(Waypoint(float(t), float(a), float(e), float(d)) for t, a, e, d in rows)
    return HeardPath(float(first), float(last), waypoints)


class Heard(NamedTuple):
    """A sound as one receiver hears it.

    Attributes
    ----------
    first
        Which sample of the scene the first of `sound` is; may be negative.
    """

    first: int
    sound: Float[Tensor, "channel sample"]


class _Way(NamedTuple):
    """How a sound comes to an array, on a grid of received time.

    `place`, `distance_m` and `strength` have one node before the first sample heard and two after
    the last whole step; `direction`, `range_m` and `turn` have one every `block` samples from the
    first.
    """

    first: int
    wanted: int
    step: int
    block: int
    place: Float[ndarray, "path node"]
    distance_m: Float[ndarray, "path node"]
    strength: Float[ndarray, "path node"]
    direction: Float[ndarray, "path edge 3"]
    range_m: Float[ndarray, "path edge"]
    turn: Float[ndarray, "edge 3 3"]


def moving_sound(
    sound: Float[Tensor, " sample"],
    onset_s: float,
    source: Track,
    array: Track,
    paths: Sequence[Path],
    tables: Sequence[ImpulseTable],
    rate_hz: int,
) -> list[Heard]:
    """Hear a sound on all its paths with one receiver or several at the same place.

    Parameters
    ----------
    sound
        As it is 1 m from its source.
    onset_s
        When the source emits its first sample.

    Returns
    -------
    list[Heard]
        One a table, from just before the first arrival until the last sample has arrived by the
        longest path: nothing is cut.
    """
    way = _lay_out(source, array, paths, onset_s, len(sound), rate_hz)
    fastest = float(np.diff(way.place, axis=1).max()) / way.step
    ready = readable(sound, min(1.0, 1 / fastest))
    dry = read(ready, way.place, way.step)
    waves = _coloured(dry, way, paths, rate_hz)
    return [_hear(waves, way, table) for table in tables]


def _lay_out(
    source: Track, array: Track, paths: Sequence[Path], onset_s: float, length: int, rate_hz: int
) -> _Way:
    """Choose the grid: fine enough for the delays, blocks short enough for the directions."""
    ends = np.array([onset_s, onset_s + length / rate_hz])
    received = np.stack([arrival_time(source, array, path, ends) for path in paths]) * rate_hz
    margin = RING + int(np.ceil(RING_S * rate_hz))
    first = int(np.floor(received[:, 0].min())) - margin
    wanted = int(np.ceil(received[:, 1].max())) + margin - first
    unit = max(1, round(_BLOCK_S * rate_hz / _GRIDS[-1]))
    longest = unit * _GRIDS[-1]
    steps = -(-wanted // longest)
    for fineness in _GRIDS:
        step = longest // fineness
        times = (first + step * np.arange(-1, steps * fineness + 2)) / rate_hz
        came = arrivals(source, array, paths, times)
        place = (came.emitted_s - onset_s) * rate_hz
        sounding = (place > -RING) & (place < length + RING)
        smooth = ~(_has_corner(source, came.emitted_s) | _has_corner(array, times))
        bend = np.abs(np.diff(place, 4, axis=1)) * (sounding[:, 2:-2] & smooth)
        turn = angle_between(came.direction[:, 1:], came.direction[:, :-1]) * sounding[:, 1:]
        if bend.max() * (3 / 128) < _WORST_DELAY_ERROR and turn.max() <= _BLOCK_TURN:
            break
    many = fineness
    while many > 1 and turn.max() * many > _BLOCK_TURN:
        many //= 2
    edges = slice(1, -1, many)
    distance = np.maximum(came.distance_m, NEAREST_M)
    return _Way(
        first,
        wanted,
        step,
        step * many,
        place,
        distance,
        came.share / distance,
        came.direction[:, edges],
        distance[:, edges],
        array.turn_at(times[edges]),
    )


def _has_corner(track: Track, times_s: Float[ndarray, "*any time"]) -> ndarray:
    """Tell which five nodes in a row span a corner: no grid is fine enough for one."""
    which = np.searchsorted(track.corners_s, times_s)
    return np.asarray(which[..., 4:] != which[..., :-4])


def _coloured(
    dry: Float[Tensor, "path sample"], way: _Way, paths: Sequence[Path], rate_hz: int
) -> Float[Tensor, "path sample"]:
    """Give every path what mirrors, air and distance leave of it.

    Where the distance changes enough for air to matter, the sound goes through the air of several
    distances, and fades from one to the next.
    """
    device = dry.device
    row, metres, share = _air_rows(way, rate_hz)
    ring = int(np.ceil(RING_S * rate_hz))
    spectra = _spectra([paths[i] for i in row], metres, 1 << (10 * ring).bit_length(), rate_hz)
    lines = dry if len(row) == len(paths) else dry[torch.from_numpy(row).to(device)]
    heard = filtered(lines, spectra.to(device), ring)
    strength = torch.from_numpy((share * way.strength[row]).astype(np.float32)).to(device)
    heard.mul_(upsampled(strength, way.step))
    if len(row) == len(paths):
        return heard
    return torch.zeros_like(dry).index_add_(0, torch.from_numpy(row).to(device), heard)


def _air_rows(
    way: _Way, rate_hz: int
) -> tuple[ndarray, Float[ndarray, " row"], Float[ndarray, "row node"]]:
    """Give for each path the distances whose air it goes through, and how much of each, when.

    A path that is weaker than the strongest may err by as much more.
    """
    loss_db_m = float(absorption_db_m([0.8 * rate_hz / 2])[0])
    strongest = way.strength.max(axis=1)
    flat_db = _FLAT_AIR_DB * strongest.max() / np.maximum(strongest, 1e-9)
    rows, metres, shares = [], [], []
    for path, distance in enumerate(way.distance_m):
        nearest, farthest = float(distance.min()), float(distance.max())
        loss = loss_db_m * (farthest - nearest)
        if loss < flat_db[path]:
            knots = np.array([(nearest + farthest) / 2])
            share = np.ones((1, len(distance)))
        else:
            knots = np.linspace(nearest, farthest, 2 + int(loss / _AIR_STEP_DB))
            share = np.clip(1 - np.abs(distance - knots[:, None]) / (knots[1] - knots[0]), 0, 1)
        rows.append(np.full(len(knots), path))
        metres.append(knots)
        shares.append(share)
    return np.concatenate(rows), np.concatenate(metres), np.concatenate(shares)


def _spectra(
    paths: Sequence[Path], metres: Float[ndarray, " row"], size: int, rate_hz: int
) -> Float[Tensor, "row frequency"]:
    loss, weights = _by_frequency(size, rate_hz)
    bands = len(weights)
    gains = np.stack([np.ones(bands) if p.gains is None else p.gains for p in paths])
    air = torch.exp(torch.from_numpy(-metres.astype(np.float32))[:, None] * loss)
    air.mul_(torch.from_numpy(gains.astype(np.float32)) @ weights)
    return air


@lru_cache(maxsize=8)
def _by_frequency(
    size: int, rate_hz: int
) -> tuple[Float[Tensor, " frequency"], Float[Tensor, "band frequency"]]:
    """Give what air takes of the pressure, per metre, and the weights of the octaves."""
    frequency = np.fft.rfftfreq(size, 1 / rate_hz)
    loss = absorption_db_m(frequency) * (np.log(10) / 20)
    weights = octave_weights(frequency, rate_hz)
    return torch.from_numpy(loss.astype(np.float32)), torch.from_numpy(weights.astype(np.float32))


def _hear(waves: Float[Tensor, "path sample"], way: _Way, table: ImpulseTable) -> Heard:
    match table.receiver:
        case IdealFoa():
            plain = Heard(way.first, _as_foa(waves, way))
            return _with_bass(plain, waves, way, table.rate_hz)
        case Capsules():
            return _through_impulses(waves, way, table)
        case EncodedFoa():
            plain = _through_impulses(waves, way, table)
            return _with_colour(_with_bass(plain, waves, way, table.rate_hz), table)


def _weights(gains: Float[ndarray, "path edge row"], device: torch.device) -> Tensor:
    """Give every block the gains at its two edges: block, row, wave as `_fading` has them."""
    rows = torch.from_numpy(gains.astype(np.float32)).to(device).permute(1, 2, 0)
    return torch.cat([rows[:-1], rows[1:]], dim=2)


def _as_foa(waves: Float[Tensor, "path sample"], way: _Way) -> Float[Tensor, "acn=4 heard"]:
    """Weight by direction: ideal FOA is gains alone."""
    weights = _weights(foa_gains(way.direction), waves.device)
    heard = torch.bmm(weights, _fading(waves, way.block, 0))
    return heard.transpose(0, 1).reshape(4, -1)[:, : way.wanted]


def _with_bass(heard: Heard, waves: Float[Tensor, "path sample"], way: _Way, rate_hz: int) -> Heard:
    """Add what curved waves have in order 1: c / d times the integral of their pressure.

    As in `simulation.impulses` the integral forgets at 20 Hz, and waves that are never near have
    none. One that is near at any time has it all along, so that nothing jumps. What is integrated
    keeps its direction in the scene while the array turns.
    """
    near = way.range_m.min(axis=1) < NEAR_FOA_M
    if not near.any():
        return heard
    fixed = np.einsum("eij,pei->pej", way.turn, way.direction[near])
    gains = fixed * (SPEED_OF_SOUND_M_S / way.range_m[near])[..., None]
    some = waves[torch.from_numpy(near).to(waves.device)]
    flow = torch.bmm(_weights(gains, waves.device), _fading(some, way.block, 0))
    after = int(_FORGOTTEN / _LEAK_HZ * rate_hz)
    flow = torch.nn.functional.pad(flow, (0, 0, 0, 0, 0, -(-after // way.block))).transpose(0, 1)
    bass = _integrated(flow, 2 * np.pi * _LEAK_HZ / rate_hz) / rate_hz
    bass = _turned(bass, way)[[1, 2, 0], : way.wanted + after]
    lead = way.first - heard.first
    length = max(heard.sound.shape[1], lead + bass.shape[1])
    sound = torch.nn.functional.pad(heard.sound, (0, length - heard.sound.shape[1]))
    sound[1:, lead : lead + bass.shape[1]] += bass
    return Heard(heard.first, sound)


def _integrated(
    blocks: Float[Tensor, "row block sample"], leak: float
) -> Float[Tensor, "row long"]:
    """Sum over time by the trapezoid rule, forgetting by exp(-leak) a sample.

    y[n] = Σ_m exp(-leak (n - m)) x[m], within blocks by a running sum, between them by a matrix.
    """
    rows, count, block = blocks.shape
    x = blocks.reshape(rows, -1)
    x = (x + torch.nn.functional.pad(x, (1, -1))).mul_(0.5).view(rows, count, block)
    decay = torch.exp(-leak * torch.arange(1, block + 1, device=x.device))
    within = (x / decay).cumsum(2).mul_(decay)
    apart = torch.arange(count, device=x.device)
    apart = apart[:, None] - apart - 1
    carry = torch.where(apart >= 0, torch.exp(-leak * block * apart.clamp(min=0)), 0.0)
    before = within[:, :, -1] @ carry.T
    return within.addcmul_(before[:, :, None], decay).view(rows, -1)


def _turned(vector: Float[Tensor, "xyz=3 sample"], way: _Way) -> Float[Tensor, "xyz=3 sample"]:
    """Take vectors from the scene's axes to the array's; past the last edge it has stopped."""
    blocks = vector.shape[1] // way.block
    edges = way.turn[np.minimum(np.arange(blocks + 1), len(way.turn) - 1)]
    if np.all(edges == edges[0]):
        return torch.from_numpy(edges[0].astype(np.float32)).to(vector.device) @ vector
    weights = _weights(np.moveaxis(edges, 2, 0), vector.device)
    turned = torch.bmm(weights, _fading(vector, way.block, 0))
    return turned.transpose(0, 1).reshape(3, -1)


def _with_colour(heard: Heard, table: ImpulseTable) -> Heard:
    if table.colour is None:
        return heard
    ring = table.colour.shape[1] // 2
    padded = torch.nn.functional.pad(heard.sound, (ring, ring))
    return Heard(heard.first - ring, coloured(table, padded))


def _fading(
    waves: Float[Tensor, "path sample"], block: int, pad: int
) -> Float[Tensor, "block wave padded"]:
    """Cut into blocks, each path twice: fading out from the block's first edge, in to its last."""
    paths, length = waves.shape
    blocks = length // block
    rise = torch.arange(block, device=waves.device) / block
    cut = waves.view(paths, blocks, block).transpose(0, 1)
    faded = waves.new_empty(blocks, 2, paths, block + pad)
    faded[..., block:] = 0
    torch.mul(cut, 1 - rise, out=faded[:, 0, :, :block])
    torch.mul(cut, rise, out=faded[:, 1, :, :block])
    return faded.view(blocks, 2 * paths, block + pad)


def _through_impulses(waves: Float[Tensor, "path sample"], way: _Way, table: ImpulseTable) -> Heard:
    """Let every sample set off the impulse of its direction, faded between the block's edges.

    Within a block that is one matrix product, tap by sample, whose rows are then added one sample
    apart each.
    """
    impulses = _impulses(way, table, waves.device)
    paths, edges = way.range_m.shape
    channels, taps = impulses.shape[1:]
    rows = impulses.reshape(paths, edges, channels * taps).permute(1, 2, 0)
    weights = torch.cat([rows[:-1], rows[1:]], dim=2)
    faded = _fading(waves, way.block, taps)
    wide = way.block + taps
    some = max(1, _FLOATS_AT_ONCE // (channels * taps * wide))
    heard = waves.new_zeros(edges - 1, channels, -(-wide // way.block) * way.block)
    for i in range(0, edges - 1, some):
        product = torch.bmm(weights[i : i + some], faded[i : i + some])
        count = len(product)
        # Rows one sample shorter than they are move each tap on by one; zeros fill the gaps.
        skew = product.as_strided(
            (count, channels, taps, wide - 1),
            (channels * taps * wide, taps * wide, wide - 1, 1),
        )
        torch.sum(skew, dim=2, out=heard[i : i + some, :, : wide - 1])
    sound = _overlapped(heard, way.block)[:, : way.wanted + taps]
    return Heard(way.first - table.lead, sound)


def _impulses(
    way: _Way, table: ImpulseTable, device: torch.device
) -> Float[Tensor, "wave channel tap"]:
    """Look impulses up, path after path.

    A table of a rigid array knows waves as flat from some distance on. Of one that comes nearer,
    what curvature does falls from there on as 1 / distance, so that nothing jumps.
    """
    direction = torch.from_numpy(way.direction.reshape(-1, 3).astype(np.float32)).to(device)
    edge_m = np.inf
    if isinstance(table.receiver, Capsules) and table.receiver.array.baffle == "rigid":
        edge_m = 0.999 * NEAR_RADII * table.receiver.array.radius_m
    comes_near = way.range_m.min(axis=1, keepdims=True) < edge_m
    curved = np.where(comes_near, np.minimum(way.range_m, edge_m), way.range_m).ravel()
    distance = torch.from_numpy(curved.astype(np.float32)).to(device)
    impulses = impulses_of(table, direction, distance)
    beyond = (comes_near & (way.range_m > edge_m)).ravel()
    if not beyond.any():
        return impulses
    which = torch.from_numpy(beyond).to(device)
    flat = impulses_of(table, direction[which], torch.full_like(distance[which], torch.inf))
    share = (edge_m / way.range_m.ravel()[beyond])[:, None, None]
    impulses = impulses.clone()
    impulses[which] = torch.lerp(
        flat, impulses[which], torch.from_numpy(share.astype(np.float32)).to(device)
    )
    return impulses


def _overlapped(
    pieces: Float[Tensor, "block channel wide"], block: int
) -> Float[Tensor, "channel sample"]:
    count, channels, wide = pieces.shape
    over = wide // block
    heard = pieces.new_zeros(channels, count + over - 1, block)
    parts = pieces.view(count, channels, over, block)
    for i in range(over):
        heard[:, i : i + count] += parts[:, :, i].transpose(0, 1)
    return heard.view(channels, -1)
