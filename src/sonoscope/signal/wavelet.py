"""Wavelet packets: an orthonormal tree of half bands, its cheapest basis, and the way back.

Signals are taken as periodic, and padded with zeros to a multiple of 2^depth: only then is every
level an orthonormal transform (energies add up exactly, and costs compare across levels).

::

    level 0   node 0 ......................... the samples
    level 1   node 0 (low)   node 1 (high) .... half as many coefficients each
    level 2   0      1       2      3 ......... children of node k: 2k (low), 2k + 1 (high)

That is the natural order: a node's number in binary is its path, low 0 and high 1. Its place in
order of frequency is another, for every high half is turned over: place f holds node f XOR f/2
(Gray code). Any set of nodes of which each sample of frequency lies in exactly one is a basis.

Filters come from PyWavelets; phases are those of its mode `periodization`. A level is products of
strided windows of all nodes with one small banded matrix: eight outputs a window.

References: R. R. Coifman, M. V. Wickerhauser, "Entropy-based algorithms for best basis selection",
IEEE Trans. Inf. Theory 38 (1992) 713; D. L. Donoho, I. M. Johnstone, JASA 90 (1995) 1200 (SURE).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import pywt
from jaxtyping import Bool, Float, Float64, Int
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT

MAX_DEPTH = 16
NORMAL_MEDIAN = 0.6744897501960817
"""Median of |z| for a standard normal z: turns a median into a standard deviation."""

_OUTPUTS = 8  # a window gives; fewer pay overhead, more multiply zeros
_TOLERANCE = 1e-9  # beyond it filters do not count as orthonormal

Order = Literal["natural", "frequency"]
Basis = tuple[Bool[ndarray, "*batch _"], ...]
"""Which nodes belong to a basis, a part of one, or what is kept of it: an array for each level."""
Costs = tuple[Float64[ndarray, "*batch _"], ...]


@settings_dataclass(config=STRICT)
class Cost:
    """How much a set of coefficients costs; the cheapest basis is the best.

    All are sums over coefficients c of a function of c / norm of the whole signal, so that nodes
    of all levels compare; p = c² / energy of the whole signal.

    Attributes
    ----------
    kind
        shannon: -Σ p ln p. log-energy: Σ ln p over coefficients other than 0. lp: Σ p^(exponent/2).
        threshold: how many |c| exceed the threshold. sure: Stein's estimate of the error left by
        soft thresholding, over the energy.
    exponent
        Of lp, below 2: at 2 every basis costs the same.
    threshold
        Of threshold and sure, in standard deviations of the noise (the median of the samples'
        magnitudes over 0.6745); None is the universal sqrt(2 ln n).
    """

    kind: Literal["shannon", "log-energy", "lp", "threshold", "sure"] = "shannon"
    exponent: Annotated[float, Field(gt=0, lt=2)] = 1.0
    threshold: Annotated[float, Field(gt=0)] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PacketTree:
    """All nodes of all levels.

    Attributes
    ----------
    levels
        Level l has 2^l nodes, in natural order, of n / 2^l coefficients; level 0 is the padded
        signal.
    n_samples
        Of the signal before padding.
    wavelet
        Its name.
    """

    levels: tuple[Float64[ndarray, "*batch _ _"], ...]
    n_samples: int
    wavelet: str

    @property
    def depth(self) -> int:
        """How often the signal was halved."""
        return len(self.levels) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """Coefficients of some nodes, none above another, enough to go back.

    Attributes
    ----------
    nodes
        Which nodes.
    values
        Their coefficients by level, a row a node, in the order of `nodes` (batch first).
    n_samples, wavelet
        As in the tree.
    """

    nodes: Basis
    values: tuple[Float64[ndarray, "_ _"], ...]
    n_samples: int
    wavelet: str


@dataclass(frozen=True, slots=True, eq=False)
class CostSums:
    """What costs are made of: plain sums over coefficients, which add up over pieces of a sound.

    Attributes
    ----------
    cost
        Of which cost.
    energy
        Σ c² of every node.
    total
        Σ of the cost's own term: c² ln c², ln c² (c ≠ 0), |c|^exponent, |c| > t, or SURE's.
    counted
        How many c ≠ 0, for log-energy.
    """

    cost: Cost
    energy: Costs
    total: Costs
    counted: Costs

    def __add__(self, other: "CostSums") -> "CostSums":
        """Join two pieces of a sound."""
        added = (
            tuple(a + b for a, b in zip(ours, theirs, strict=True))
            for ours, theirs in (
                (self.energy, other.energy),
                (self.total, other.total),
                (self.counted, other.counted),
            )
        )
        return CostSums(self.cost, *added)

    def costs(self) -> Costs:
        """Give every node's cost, over the energy of the whole; silence costs nothing."""
        whole = self.energy[0]
        safe = np.where(whole > 0, whole, 1.0)
        each = zip(self.energy, self.total, self.counted, strict=True)
        return tuple(np.where(whole > 0, self._cost(safe, *sums), 0.0) for sums in each)

    def _cost(
        self,
        whole: Float64[ndarray, "*batch one"],
        energy: Float64[ndarray, "*batch node"],
        total: Float64[ndarray, "*batch node"],
        counted: Float64[ndarray, "*batch node"],
    ) -> Float64[ndarray, "*batch node"]:
        match self.cost.kind:
            case "shannon":
                found = (np.log(whole) * energy - total) / whole
            case "log-energy":
                found = total - np.log(whole) * counted
            case "lp":
                found = total / whole ** (self.cost.exponent / 2)
            case "threshold":
                found = total
            case "sure":
                found = total / whole
        return np.asarray(found)


def analysed(
    samples: Float[ndarray, "*batch sample"], wavelet: str = "db8", depth: int = 5
) -> PacketTree:
    """Split signals into half bands of half bands, `depth` times.

    Parameters
    ----------
    samples
        Signals, each by itself; not written to.
    wavelet
        An orthogonal one of PyWavelets: haar, db1..db38, sym2..sym20, coif1..coif17.
    depth
        Levels below the samples.

    Raises
    ------
    SettingError
        If there is no such orthogonal wavelet, no sample, or the depth is out of range.

    Examples
    --------
    >>> tree = analysed(np.arange(8.0), "haar", depth=2)
    >>> [level.shape for level in tree.levels]
    [(1, 8), (2, 4), (4, 2)]
    """
    if not 0 <= depth <= MAX_DEPTH or samples.shape[-1] < 1:
        raise SettingError(
            f"a packet tree must have a depth of 0..{MAX_DEPTH} and at least one sample, "
            f"but {depth} and {samples.shape[-1]} were given"
        )
    matrices = _analysis_matrices(wavelet)
    *batch, n_samples = samples.shape
    whole = np.zeros((*batch, 1, padded_length(n_samples, depth)))
    whole[..., 0, :n_samples] = samples
    levels = [whole]
    for level in range(1, depth + 1):
        parents = levels[-1].reshape(-1, levels[-1].shape[-1])
        levels.append(_halved(parents, matrices).reshape(*batch, 1 << level, -1))
    return PacketTree(tuple(levels), n_samples, wavelet)


def padded_length(n_samples: int, depth: int) -> int:
    """Give the next multiple of 2^depth.

    Examples
    --------
    >>> padded_length(220_500, 5)
    220512
    """
    return -(-n_samples >> depth) << depth


def frequency_order(level: int) -> Int[ndarray, " node"]:
    """Give the node at every place, lowest frequency first (Gray code).

    Examples
    --------
    >>> frequency_order(2)
    array([0, 1, 3, 2])
    """
    place = np.arange(1 << level)
    return np.asarray(place ^ (place >> 1))


def place_of(node: int) -> int:
    """Give a node's place by frequency on its level.

    Examples
    --------
    >>> [place_of(node) for node in (0, 1, 3, 2)]
    [0, 1, 2, 3]
    """
    place = node
    while node := node >> 1:
        place ^= node
    return place


def band_hz(level: int, node: int, rate_hz: int) -> tuple[float, float]:
    """Give the frequencies between which a node nominally lies.

    Examples
    --------
    >>> band_hz(2, 2, 8_000)
    (3000.0, 4000.0)
    """
    width = rate_hz / 2 / (1 << level)
    return place_of(node) * width, (place_of(node) + 1) * width


def level_of(
    tree: PacketTree, level: int, order: Order = "natural"
) -> Float64[ndarray, "*batch node sample"]:
    """Give a level's nodes, in natural order or by frequency."""
    nodes = tree.levels[level]
    return nodes if order == "natural" else nodes[..., frequency_order(level), :]


def cost_sums(tree: PacketTree, cost: Cost | None = None) -> CostSums:
    """Sum up what every node costs."""
    cost = cost or Cost()
    scale = None
    if cost.kind in ("threshold", "sure"):
        samples = tree.levels[0][..., : tree.n_samples]
        scale = np.median(np.abs(samples), axis=-1, keepdims=True) / NORMAL_MEDIAN
    energy, total, counted = [], [], []
    for values in tree.levels:
        squares = values * values
        energy.append(squares.sum(axis=-1))
        needed = squares > 0 if cost.kind == "log-energy" else squares[..., :0]
        counted.append(needed.sum(axis=-1, dtype=np.float64))
        total.append(_cost_terms(squares, cost, scale, tree.n_samples))
    return CostSums(cost, tuple(energy), tuple(total), tuple(counted))


def _cost_terms(
    squares: Float64[ndarray, "*batch node sample"],
    cost: Cost,
    scale: Float64[ndarray, "*batch one one"] | None,
    n_samples: int,
) -> Float64[ndarray, "*batch node"]:
    match cost.kind:
        case "shannon":
            logs = np.log(np.maximum(squares, np.finfo(np.float64).tiny))
            terms = np.einsum("...i,...i->...", squares, logs)
        case "log-energy":
            terms = np.log(np.where(squares > 0, squares, 1.0)).sum(axis=-1)
        case "lp":
            terms = (squares ** (cost.exponent / 2)).sum(axis=-1)
        case "threshold" | "sure":
            assert scale is not None
            times = cost.threshold or float(np.sqrt(2 * np.log(max(n_samples, 2))))
            power, limit = scale**2, (times * scale) ** 2
            if cost.kind == "threshold":
                terms = (squares > limit).sum(axis=-1, dtype=np.float64)
            else:
                risk = np.where(squares <= limit, squares - power, limit + power)
                terms = risk.sum(axis=-1)
    return np.asarray(terms)


def node_costs(tree: PacketTree, cost: Cost | None = None) -> Costs:
    """Give every node's cost."""
    return cost_sums(tree, cost).costs()


def best_basis(costs: Costs) -> Basis:
    """Choose the cheapest of all bases of a tree (Coifman-Wickerhauser), for each of a batch.

    From the deepest level up: a node stands if it costs no more than the best of what lies below.
    """
    cheapest, stands = costs[-1], [np.ones(costs[-1].shape, dtype=bool)]
    for own in reversed(costs[:-1]):
        below = cheapest.reshape(*own.shape, 2).sum(axis=-1)
        stand = np.asarray(own <= below)
        stands.insert(0, stand)
        cheapest = np.where(stand, own, below)
    basis: list[Bool[ndarray, "*batch _"]] = []
    covered = np.zeros(stands[0].shape, dtype=bool)
    for stand in stands:
        basis.append(stand & ~covered)
        covered = np.repeat(covered | stand, 2, axis=-1)
    return tuple(basis)


def fixed_basis(depth: int, level: int, batch: tuple[int, ...] = ()) -> Basis:
    """Give the basis of all nodes of one level of a tree."""
    return tuple(np.full((*batch, 1 << at), at == level) for at in range(depth + 1))


def basis_cost(costs: Costs, basis: Basis) -> Float64[ndarray, "*batch"]:
    """Sum the costs of a basis."""
    each = [(own * chosen).sum(axis=-1) for own, chosen in zip(costs, basis, strict=True)]
    return np.asarray(sum(each), dtype=np.float64)


def is_basis(nodes: Basis) -> bool:
    """Tell whether every frequency lies in exactly one node, for all of a batch."""
    times = np.zeros(nodes[0].shape, dtype=np.int64)
    for level, chosen in enumerate(nodes):
        times = (np.repeat(times, 2, axis=-1) if level else times) + chosen
    return bool((times == 1).all())


def gathered(tree: PacketTree, nodes: Basis) -> Leaves:
    """Take the coefficients of some nodes out of a tree."""
    values = tuple(level[chosen] for level, chosen in zip(tree.levels, nodes, strict=True))
    return Leaves(nodes, values, tree.n_samples, tree.wavelet)


def analysed_into(
    samples: Float[ndarray, "*batch sample"], nodes: Basis, wavelet: str = "db8"
) -> Leaves:
    """Give the coefficients of some nodes, computing only what lies above them.

    The same as `gathered(analysed(samples, wavelet, depth), nodes)`.

    Raises
    ------
    SettingError
        As `analysed` does, or if a node lies above another.
    """
    matrices = _analysis_matrices(wavelet)
    needed = [nodes[-1]]
    for chosen in reversed(nodes[:-1]):
        below = np.asarray(needed[0].reshape(*chosen.shape, 2).any(axis=-1))
        _refuse_overlap(chosen, below)
        needed.insert(0, chosen | below)
    *batch, n_samples = samples.shape
    n_rows = math.prod(batch)
    values = np.zeros((n_rows, padded_length(n_samples, len(nodes) - 1)))
    values[:, :n_samples] = samples.reshape(n_rows, n_samples)
    values = values[needed[0].reshape(n_rows)]
    leaves, open_nodes = [], needed[0]
    for level, chosen in enumerate(nodes):
        if level:
            children = _halved(values, matrices)
            wanted = needed[level].reshape(*open_nodes.shape, 2)[open_nodes]
            values = children if wanted.all() else children[wanted]
            values = values.reshape(-1, children.shape[-1])
        is_leaf = chosen[needed[level]]
        leaves.append(values[is_leaf])
        values = values[~is_leaf] if is_leaf.any() else values
        open_nodes = needed[level] & ~chosen
    return Leaves(nodes, tuple(leaves), n_samples, wavelet)


def _refuse_overlap(
    chosen: Bool[ndarray, "*batch node"], above: Bool[ndarray, "*batch node"]
) -> None:
    if (chosen & above).any():
        raise SettingError("leaves must not lie above one another, but some do")


def reconstructed(leaves: Leaves) -> Float64[ndarray, "*batch sample"]:
    """Go back to signals; nodes that are not among the leaves are silent.

    Only what has a leaf below it is computed.

    Raises
    ------
    SettingError
        If a leaf lies above another.
    """
    matrices = _synthesis_matrices(leaves.wavelet)
    *batch, _ = leaves.nodes[0].shape
    active, values = leaves.nodes[-1], leaves.values[-1]
    for chosen, own in zip(reversed(leaves.nodes[:-1]), reversed(leaves.values[:-1]), strict=True):
        pairs = active.reshape(*chosen.shape, 2)
        parents = np.asarray(pairs.any(axis=-1))
        _refuse_overlap(chosen, parents)
        doubled = _doubled(_paired(values, pairs[parents]), matrices)
        active = parents | chosen
        values = _merged(doubled, parents[active], own)
    whole = np.zeros((*active.shape, values.shape[-1]))
    whole[active] = values
    return np.asarray(whole.reshape(*batch, -1)[..., : leaves.n_samples])


def _paired(
    values: Float64[ndarray, "active sample"], present: Bool[ndarray, "parent 2"]
) -> Float64[ndarray, "parent 2 sample"]:
    """Lay children beside each other, silence for one that is missing."""
    if present.all():
        return values.reshape(*present.shape, values.shape[-1])
    children = np.zeros((*present.shape, values.shape[-1]))
    children[present] = values
    return children


def _merged(
    doubled: Float64[ndarray, "parent sample"],
    is_parent: Bool[ndarray, " active"],
    own: Float64[ndarray, "leaf sample"],
) -> Float64[ndarray, "active sample"]:
    """Put what came up from below and a level's own leaves in the order of its nodes."""
    if not len(own):
        return doubled
    values = np.empty((len(is_parent), own.shape[-1]))
    values[is_parent] = doubled
    values[~is_parent] = own
    return values


Pair = tuple[Float64[ndarray, "tap output"], Float64[ndarray, "tap output"]]


@lru_cache(maxsize=32)
def wavelet_filters(wavelet: str) -> Float64[ndarray, "2 tap"]:
    """Give the low and the high filter, as they slide over a signal.

    Raises
    ------
    SettingError
        If PyWavelets has no such wavelet, or its filters are not orthonormal.
    """
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise SettingError(
            f"wavelet must be one of PyWavelets' such as db8, sym8 or coif3, "
            f"but {wavelet!r} was given"
        )
    bank = pywt.Wavelet(wavelet)
    filters = np.array([bank.rec_lo, bank.rec_hi])
    n_taps = filters.shape[1]
    shifted = np.stack([np.roll(np.pad(filters, ((0, 0), (0, n_taps))), 2 * k, axis=1)
                        for k in range(n_taps // 2)])  # fmt: skip
    products = np.einsum("cn,ken->kce", shifted[0], shifted)
    products[0] -= np.eye(2)
    if not (bank.orthogonal and np.abs(products).max() < _TOLERANCE):
        raise SettingError(
            f"wavelet must be orthogonal, such as db8, sym8 or coif3, but {wavelet!r} was given"
        )
    return filters


@lru_cache(maxsize=32)
def _analysis_matrices(wavelet: str) -> Pair:
    """Give what turns a window of samples into eight coefficients, low and high."""
    filters = wavelet_filters(wavelet)
    n_taps = filters.shape[1]
    banded = np.zeros((2, n_taps + 2 * (_OUTPUTS - 1), _OUTPUTS))
    for k in range(_OUTPUTS):
        banded[:, 2 * k : 2 * k + n_taps, k] = filters
    return banded[0], banded[1]


@lru_cache(maxsize=32)
def _synthesis_matrices(wavelet: str) -> Pair:
    """Give what turns a window of coefficients into its share of sixteen samples."""
    filters = wavelet_filters(wavelet)
    n_taps = filters.shape[1]
    lead, back = n_taps // 2 - 1, n_taps // 4
    banded = np.zeros((2, _OUTPUTS + 2 * back, 2 * _OUTPUTS))
    for k in range(banded.shape[1]):
        for t in range(2 * _OUTPUTS):
            tap = t + lead - 2 * (k - back)
            if 0 <= tap < n_taps:
                banded[:, k, t] = filters[:, tap]
    return banded[0], banded[1]


def _halved(
    parents: Float64[ndarray, "node sample"], matrices: Pair
) -> Float64[ndarray, "node 2 half"]:
    """a[k] = Σ_m g[m] x[2k + m - (taps / 2 - 1)], for the low and the high g."""
    n_nodes, n = parents.shape
    width = matrices[0].shape[0]
    lead = (width - 2 * (_OUTPUTS - 1)) // 2 - 1
    blocks = _blocks(n // 2, _OUTPUTS, width, 2 * _OUTPUTS)
    out = np.empty((n_nodes, 2, *blocks))
    extended = _periodic(parents, lead, 2 * math.prod(blocks) + width)
    for child, matrix in enumerate(matrices):
        _windowed_product(extended, matrix, 2 * _OUTPUTS, out[:, child])
    return out.reshape(n_nodes, 2, math.prod(blocks))[:, :, : n // 2]


def _doubled(
    children: Float64[ndarray, "node 2 half"], matrices: Pair
) -> Float64[ndarray, "node sample"]:
    """x[t] = Σ_k a[k] g[t + taps / 2 - 1 - 2k], low and high together."""
    n_nodes, _, half = children.shape
    width = matrices[0].shape[0]
    blocks = _blocks(2 * half, 2 * _OUTPUTS, width, _OUTPUTS)
    out = np.empty((2, n_nodes, *blocks))
    back = (width - _OUTPUTS) // 2
    for child, matrix in enumerate(matrices):
        extended = _periodic(children[:, child], back, math.prod(blocks) // 2 + width)
        _windowed_product(extended, matrix, _OUTPUTS, out[child])
    out[0] += out[1]
    return np.asarray(out[0].reshape(n_nodes, math.prod(blocks))[:, : 2 * half])


def _blocks(n_out: int, size: int, width: int, step: int) -> tuple[int, int, int]:
    """Shape of the outputs: windows dealt out by turns so that those of one turn do not overlap.

    BLAS takes windows for rows of a matrix only if none begins before the last has ended.
    """
    turns = -(-width // step)
    return -(-n_out // (size * turns)), turns, size


def _periodic(
    signals: Float64[ndarray, "node sample"], lead: int, length: int
) -> Float64[ndarray, "node longer"]:
    """Repeat signals: `lead` samples from their end come first."""
    n = signals.shape[1]
    if lead > n or length > 2 * n + lead:
        return np.asarray(signals[:, np.arange(-lead, length - lead) % n])
    longer = np.empty((signals.shape[0], length))
    longer[:, :lead] = signals[:, n - lead :]
    longer[:, lead : lead + n] = signals[:, : length - lead]
    longer[:, lead + n :] = signals[:, : max(0, length - lead - n)]
    return longer


def _windowed_product(
    extended: Float64[ndarray, "node sample"],
    matrix: Float64[ndarray, "tap output"],
    step: int,
    out: Float64[ndarray, "node window turn output"],
) -> None:
    """Multiply every window of the signals, `step` apart, by a matrix."""
    n_nodes, n_windows, n_turns, _ = out.shape
    row, sample = extended.strides
    for turn in range(n_turns):
        windows = as_strided(
            extended[:, turn * step :],
            (n_nodes, n_windows, matrix.shape[0]),
            (row, n_turns * step * sample, sample),
            writeable=False,
        )
        np.matmul(windows, matrix, out=out[:, :, turn])


def nodes_of(nodes: Sequence[Bool[ndarray, " _"]]) -> list[tuple[int, int]]:
    """List level and number of some nodes, by rising frequency."""
    found = [(level, int(n)) for level, chosen in enumerate(nodes) for n in np.flatnonzero(chosen)]
    return sorted(found, key=lambda at: place_of(at[1]) / (1 << at[0]))
