"""Whether a recording fits its array's geometry, told by one source of known direction.

A geometry file may have its axes swapped or mirrored: capsules are at T p where the file says p, T
one of the 48 signed permutations. What the array hears from u then looks, by the file, as if it
came from Tᵀ u. So the direction from which the recording seems to come says which T it is: each bin
is compared with a plane wave of any power from v in noise of any power alike in all N capsules,

    log p(v) = -K Σ_f [ (N - 1) log n + log s ],   s = aᴴ C a / |a|²,   n = (tr C - s) / (N - 1)

and the 48 are weighed by the best v near Tᵀ u. One direction cannot tell arrangements whose Tᵀ u
are alike (it must be off the axes and the diagonals), and flat arrays hear nothing of the axis
across them: what stays open is said.

If no arrangement explains what the capsules share, their order may be another: usual orders are
tried. Capsules that alone do not fit are named: silent, inverted, exchanged, misplaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

import numpy as np
from jaxtyping import Complex, Float, Int
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError, SettingError
from sonoscope.imaging.grids import sphere_by_spacing
from sonoscope.imaging.spectra import BlockSettings, CrossSpectra, cross_spectra, factor
from sonoscope.imaging.steering import Scan, power, transfers
from sonoscope.imaging.views import extent_m
from sonoscope.signal.receiver import Capsules
from sonoscope.signal.symmetry import array_symmetries, signed_permutations

Fault = Literal["silent", "inverted", "exchanged", "misplaced"]

SPREAD_RAD = float(np.deg2rad(5.0))
"""How well a source's direction is known."""

EXPLAINED = 0.5
"""Share of what the capsules have in common below which a geometry does not explain it."""

_BLOCK_S = 0.005
_BINS = 48
_LOWEST, _HIGHEST_HZ = 0.15, 16_000.0  # of the array's extent in wavelengths; Hz
_STEP = 0.35  # grid steps a beam
_COARSEST_RAD, _FINEST_RAD = 0.1, 0.03
_MOST_WEIGHT = 60.0  # bins and blocks that count as independent, at most
_AS_IT_IS, _ELSEWHERE = 0.5, 0.05  # prior probabilities
_ALIKE = 2.0  # nats by which arrangements must differ to be told apart
_WELL = 0.9  # share explained at which no other order is looked for
_SILENT_DB = -20.0
_FITS, _FITS_WELL = 0.8, 0.9  # of how well the middle channel fits
_FEW = 6  # capsules, up to which all orders are tried
_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class CapsuleFault:
    """A channel that does not fit while the others do; `other` is what it is exchanged with."""

    channel: int
    fault: Fault
    other: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ArrayVerdict:
    """What a recording says of its array's geometry.

    Attributes
    ----------
    transform
        T of the likeliest arrangement: capsules are at T p where the geometry says p.
    share, elsewhere
        Probability of it, and of the sound coming from somewhere else than was said.
    alike
        Other T that this recording cannot tell from it.
    explained
        Share of what the capsules have in common that a wave from there explains, 0 to 1.
    off
        Angle between the known direction and where the wave comes from, were T so.
    order
        Which capsule each channel holds, and what that order is called, where another order
        explains the recording and no arrangement of axes does.
    same_as_order
        Which capsule each channel holds if the axes are right, where that would be the same as T.
    faults
        Channels that do not fit while the others do.
    """

    transform: Float[ndarray, "3 3"]
    share: float
    elsewhere: float
    alike: tuple[ndarray, ...]
    explained: float
    off: float
    order: tuple[int, ...] | None
    order_name: str
    same_as_order: tuple[int, ...] | None
    faults: tuple[CapsuleFault, ...]

    @property
    def is_as_said(self) -> bool:
        """Whether axes and order are most likely what the geometry says."""
        return bool(np.array_equal(self.transform, np.eye(3))) and self.order is None

    @property
    def is_explained(self) -> bool:
        """Whether axes or an order explain the recording."""
        return self.explained >= EXPLAINED


def check_array(
    samples: Float[ndarray, "channel sample"],
    rate_hz: int,
    array: MicArray,
    source: Float[ndarray, "3"],
) -> ArrayVerdict:
    """Judge a recording whose loudest sound is known to come from `source` (a unit vector).

    Raises
    ------
    InputError
        If it is silent, too short, or has other channels than the array capsules.
    SettingError
        If the array has fewer than three capsules or lies on a line.
    """
    if len(samples) != array.n_capsules:
        raise InputError(
            f"a recording must have {array.n_capsules} channels, one a capsule, "
            f"but {len(samples)} was given"
        )
    block = 1 << round(float(np.log2(max(_BLOCK_S * rate_hz, 32))))
    highest = min(_HIGHEST_HZ, 0.45 * rate_hz)
    lowest = min(_LOWEST * SPEED_OF_SOUND_M_S / extent_m(array), highest / 4)
    spectra = cross_spectra(samples, float(rate_hz), (lowest, highest), BlockSettings(block))
    every = max(1, len(spectra.frequency_hz) // _BINS)
    chosen = slice(every // 2, None, every)
    some = replace(
        spectra,
        matrices=spectra.matrices[chosen],
        frequency_hz=spectra.frequency_hz[chosen],
    )
    return judged(some, array, source)


def judged(spectra: CrossSpectra, array: MicArray, source: Float[ndarray, "3"]) -> ArrayVerdict:
    """Judge by the matrices of some bins; errors as of `check_array`."""
    if array.n_capsules < 3 or np.linalg.matrix_rank(array.positions, tol=1e-6) < 2:
        raise SettingError("an array to check must have three capsules that are not on a line")
    turns = signed_permutations()
    towards = np.asarray(turns.transpose(0, 2, 1) @ source)
    evidence = _evidence(spectra, array, towards)
    scores, places = _best_near(evidence, towards)
    prior = np.full(len(turns), (1 - _AS_IT_IS) / (len(turns) - 1))
    prior[0] = _AS_IT_IS
    anywhere = SPREAD_RAD**2 / 2  # density over the sphere to that at the direction said
    weighed = np.concatenate(
        [np.log(prior) + scores, [np.log(_ELSEWHERE * anywhere) + evidence.likelihood.max()]]
    )
    shares = np.exp(weighed - weighed.max())
    shares /= shares.sum()
    best = int(shares[:-1].argmax())
    alike = np.flatnonzero(scores > scores[best] - _ALIKE)
    looks, turn = evidence.points[places[best]], turns[best]
    explained = float(evidence.explained[places[best]])
    ordering = _Ordering(None, "", explained, looks)
    if explained < _WELL:
        ordering = _ordered(evidence, array, source, explained)
    if ordering.order is not None:
        turn, looks, alike = turns[0], ordering.looks, alike[:0]
    return ArrayVerdict(
        transform=turn,
        share=float(shares[best]),
        elsewhere=float(shares[-1]),
        alike=tuple(turns[i] for i in alike if i != best),
        explained=ordering.explained,
        off=float(angle_between(turn @ looks, source)),
        order=ordering.order,
        order_name=ordering.name,
        same_as_order=_as_order(array, turn),
        faults=_faults(evidence, array, looks, ordering),
    )


def turned(array: MicArray, transform: Float[ndarray, "3 3"]) -> MicArray:
    """Give the array with its capsules at T p."""
    rows = array.positions @ transform.T + 0.0  # no minus zeros
    return replace(array, positions_m=tuple((float(x), float(y), float(z)) for x, y, z in rows))


def reordered(array: MicArray, order: tuple[int, ...]) -> MicArray:
    """Give the array whose capsule m is where capsule `order[m]` was."""
    return replace(array, positions_m=tuple(array.positions_m[i] for i in order))


# ── evidence ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the recording says of all directions.

    Attributes
    ----------
    likelihood
        Of a wave from each point, in nats, over that of none; no more than `_MOST_WEIGHT` bins and
        blocks count.
    explained
        Share of the strongest common part of the channels that such a wave explains.
    common
        That part: sqrt(its power over noise) times a unit vector.
    """

    points: Float[ndarray, "point 3"]
    likelihood: Float[ndarray, " point"]
    explained: Float[ndarray, " point"]
    common: Complex[ndarray, "frequency channel"]
    frequency_hz: Float[ndarray, " frequency"]


def _evidence(
    spectra: CrossSpectra, array: MicArray, towards: Float[ndarray, "turn 3"]
) -> _Evidence:
    n = spectra.n_channels
    whole = np.einsum("fcc->fc", spectra.matrices).real.sum(axis=1)
    if not float(whole.max()) > 0:
        raise InputError("a recording to check must not be silent, but it is")
    matrices = spectra.matrices + (_FLOOR * whole.max() / n) * np.eye(n)
    whole = whole + _FLOOR * whole.max()
    value, vector = np.linalg.eigh(matrices)
    noise = value[:, :-1].mean(axis=1)
    strength = value[:, -1] - noise
    common = np.sqrt(strength)[:, None] * vector[:, :, -1]
    points = np.concatenate([sphere_by_spacing(_spacing(spectra, array)), towards])
    total, explained = np.zeros(len(points)), np.zeros(len(points))
    scan = Scan(Capsules(array), points)
    for i, a in enumerate(transfers(scan, spectra.frequency_hz)):
        size = power(a)
        along = power(np.conj(a) @ factor(matrices[i])) / size
        rest = np.maximum((whole[i] - along) / (n - 1), 1e-3 * whole[i] / n)
        along = np.maximum(along, rest)
        total -= (n - 1) * np.log(rest * n / whole[i]) + np.log(along * n / whole[i])
        explained += np.abs(np.conj(a) @ common[i]) ** 2 / size
    count = len(spectra.frequency_hz)
    weight = min(_MOST_WEIGHT, spectra.averages * count) / count
    return _Evidence(
        points, weight * total, explained / strength.sum(), common, spectra.frequency_hz
    )


def _spacing(spectra: CrossSpectra, array: MicArray) -> float:
    beam = SPEED_OF_SOUND_M_S / float(spectra.frequency_hz.max()) / extent_m(array)
    return float(np.clip(_STEP * beam, _FINEST_RAD, _COARSEST_RAD))


def _best_near(
    evidence: _Evidence, towards: Float[ndarray, "turn 3"]
) -> tuple[Float[ndarray, " turn"], Int[ndarray, " turn"]]:
    """Give how well the best point near each direction does, and which it is."""
    off = angle_between(towards[:, None], evidence.points[None])
    scores = evidence.likelihood - 0.5 * (off / SPREAD_RAD) ** 2
    places = scores.argmax(axis=1)
    return scores[np.arange(len(towards)), places], places


@dataclass(frozen=True, slots=True, eq=False)
class _Ordering:
    """An order of channels, or None, and what it explains of a wave that looks to come from."""

    order: tuple[int, ...] | None
    name: str
    explained: float
    looks: Float[ndarray, "3"]


# ── orders and single channels ───────────────────────────────────────────────────────────────────


def _ordered(
    evidence: _Evidence, array: MicArray, source: Float[ndarray, "3"], explained: float
) -> _Ordering:
    """Find the usual order of channels that explains the recording, the axes being right."""
    near = angle_between(evidence.points, source) < 2 * SPREAD_RAD
    points = evidence.points[near]
    unit = _transfers_to(evidence, array, points)
    unit /= np.linalg.norm(unit, axis=2, keepdims=True)
    whole = float((np.abs(evidence.common) ** 2).sum())
    found = _Ordering(None, "", explained, source)
    for order, name in usual_orders(array.n_capsules):
        along = np.einsum("fpc,fc->fp", np.conj(unit[:, :, list(order)]), evidence.common)
        shares = (np.abs(along) ** 2).sum(axis=0) / whole
        best = int(shares.argmax())
        enough = max(EXPLAINED, (1 + explained) / 2)
        if shares[best] >= enough and shares[best] > found.explained + 1e-6:
            found = _Ordering(order, name, float(shares[best]), points[best])
    return found


def _transfers_to(
    evidence: _Evidence, array: MicArray, points: Float[ndarray, "point 3"]
) -> Complex[ndarray, "frequency point channel"]:
    scan = Scan(Capsules(array), points)
    return np.stack([a.copy() for a in transfers(scan, evidence.frequency_hz)])


def usual_orders(count: int) -> Iterator[tuple[tuple[int, ...], str]]:
    """Give orders that recorders and cables make: which capsule each channel holds, and a name."""
    numbers = np.arange(count)

    def told(order: ndarray) -> tuple[int, ...]:
        return tuple(int(i) for i in order)

    yield told(numbers[::-1]), "reversed"
    for step in range(1, count):
        yield told(np.roll(numbers, -step)), f"begun with capsule {step + 1}"
    for size in (n for n in range(2, count) if count % n == 0):
        blocks = numbers.reshape(-1, size)
        yield told(blocks.T.ravel()), f"every {size}th capsule first"
        yield told(blocks[:, ::-1].ravel()), f"reversed in groups of {size}"
        yield told(blocks[::-1].ravel()), f"groups of {size} in reverse"
        if len(blocks) % 2 == 0:
            swapped = blocks.reshape(-1, 2, size)[:, ::-1].ravel()
            yield told(swapped), f"neighbouring groups of {size} exchanged"
    if count <= _FEW:
        for order in permutations(range(count)):
            yield order, "of no special kind"


def _faults(
    evidence: _Evidence, array: MicArray, looks: Float[ndarray, "3"], ordering: _Ordering
) -> tuple[CapsuleFault, ...]:
    """Name the channels that do not fit a wave that the others hear."""
    if ordering.explained < EXPLAINED:
        return ()
    heard = _transfers_to(evidence, array, looks[None])[:, 0]
    if ordering.order is not None:
        heard = heard[:, list(ordering.order)]
    wave = np.einsum("fc,fc->f", np.conj(heard), evidence.common)
    wave /= (np.abs(heard) ** 2).sum(axis=1)
    expected, common = heard * wave[:, None], evidence.common
    size = (np.abs(expected) ** 2).sum(axis=0), (np.abs(common) ** 2).sum(axis=0)
    level_db = 10 * np.log10((size[1] + 1e-30) / (size[0] + 1e-30))
    alike = np.real(np.conj(expected).T @ common) / np.sqrt(np.outer(*size) + 1e-30)
    own = np.diagonal(alike)
    usual = float(np.median(own))
    faults, wrong = [], list[int]()
    for channel in range(len(own)):
        if level_db[channel] < _SILENT_DB:
            faults.append(CapsuleFault(channel, "silent"))
        elif own[channel] < -_FITS * usual:
            faults.append(CapsuleFault(channel, "inverted"))
        elif own[channel] < _FITS * usual:
            wrong.append(channel)
    for channel in wrong:
        others = [i for i in wrong if i != channel]
        least = _FITS_WELL * usual
        better = [i for i in others if min(alike[i, channel], alike[channel, i]) > least]
        if better:
            other = max(better, key=lambda i: float(alike[i, channel]))
            faults.append(CapsuleFault(channel, "exchanged", other))
        else:
            faults.append(CapsuleFault(channel, "misplaced"))
    return tuple(sorted(faults, key=lambda fault: fault.channel))


def _as_order(array: MicArray, turn: Float[ndarray, "3 3"]) -> tuple[int, ...] | None:
    """Give the order of capsules that would do the same as T, if T lays the array onto itself."""
    if np.array_equal(turn, np.eye(3)):
        return None
    for symmetry in array_symmetries(array, tolerance=0.03):
        if np.abs(symmetry.transform - turn).max() < 0.1:
            inverse = np.argsort(symmetry.order)
            return tuple(int(i) for i in inverse)
    return None
