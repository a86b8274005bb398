"""Reference patterns of discharges, and how likely a pattern is under each of them.

A reference is a probability map p(φ, a) over phase and level, level in decibels from the strongest
pulses. Of a pattern n(φ, a) whose phase, level and weakest audible pulses are not known,

    log L(r, s, l) = Σ n(φ, a) log p_r(φ - s, a - l) - N log mass_r(cut - l)                (eq. 1)

over the rows a above the cut below which pulses drown in noise; mass is what the reference has
there. The cyclic shift s aligns the phase: its mean over all references of the likeliest kind, each
weighed by its likelihood. A share of 5 % of evenly spread pulses in every reference keeps stray
ones from deciding.

A kind has several references, since discharges of a kind differ; its likelihood is their mean. As
pulses of one cycle resemble those of the next, N of them count as at most `INDEPENDENT`.

Two sources at once are a mixture of two shifted references, w p_r(φ - s, a - l) + (1 - w)
p_q(φ - t, a - m), fitted by expectation and maximisation from each kind in turn (A. P. Dempster,
N. M. Laird and D. B. Rubin, JRSS B 39, 1977).

To each reference as it was learnt come two with an echo drawn: walls repeat a pattern a few
milliseconds later, which patterns learnt in open air do not show.

The maps that ship were learnt from simulated discharges (`python -m bench.prpd --learn`), which is
where they end: no open recording of discharges in air was found. They lie as literature describes
the kinds (tests hold that): corona about one crest, surface on both rising flanks to the crest, one
half cycle stronger, floating in few narrow bars of equal level, internal from before the zero
crossing up the flank, symmetric.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Literal, get_args

import numpy as np
from jaxtyping import Complex64, Float, Float64, UInt8
from numpy import ndarray
from scipy.ndimage import gaussian_filter1d
from scipy.special import logsumexp

from sonoscope.signal.patterns import phase_bin

LockedKind = Literal["corona", "surface", "floating", "internal"]
LOCKED: tuple[LockedKind, ...] = get_args(LockedKind)
"""Kinds that follow the mains."""

PHASES = 72
LEVEL_DB = 2.0
ROWS = 15
LOWEST_DB = -24.0
"""Levels reach from here to 6 dB over the 95th percentile."""

INDEPENDENT = 80.0
_SHIFTS = 5  # rows by which a level may be off
_STRAY = 0.05
_PHASE_BLUR, _LEVEL_BLUR = 1.0, 0.7  # bins
_ROUNDS = 4
_FILE = "references.npz"

Counts = Float64[ndarray, "72 15"]


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The best fit of one reference to a pattern.

    Attributes
    ----------
    kind
        Whose reference.
    reference
        Its number.
    shift_rad
        How far the pattern lies behind the reference, -π to π.
    shift_rows
        And above it, in rows of `LEVEL_DB`.
    log_likelihood
        Eq. 1.
    """

    kind: LockedKind
    reference: int
    shift_rad: float
    shift_rows: int
    log_likelihood: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How a pattern fits all kinds.

    Attributes
    ----------
    best
        The best of each kind, likeliest kind first.
    log_likelihood
        Of each kind, in nats, of as many pulses as count as independent.
    half_turn
        Probability that the phase is off by 180°, under the likeliest kind.
    surplus
        Nats a pulse by which the pattern fits the likeliest kind better than evenly spread phases.
    """

    best: tuple[Likeliest, ...]
    log_likelihood: dict[LockedKind, float]
    half_turn: float
    surplus: float

    @property
    def shares(self) -> dict[LockedKind, float]:
        """Probability of each kind, all being as likely before."""
        values = np.array(list(self.log_likelihood.values()))
        shares = np.exp(values - logsumexp(values))
        return dict(zip(self.log_likelihood, shares.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Reference maps and what is reckoned with them.

    Attributes
    ----------
    kinds
        Of each map.
    maps
        Probabilities, each summing to 1 over phase and level.
    """

    kinds: tuple[LockedKind, ...]
    maps: Float[ndarray, "reference 72 15"]

    def of_kind(self, kind: LockedKind) -> Float64[ndarray, "72 15"]:
        """Give the mean map of a kind, to be shown."""
        chosen = [each == kind for each in self.kinds]
        return np.asarray(self.maps[chosen].mean(axis=0), np.float64)


def counts_of(phase: Float64[ndarray, " pulse"], level_db: Float64[ndarray, " pulse"]) -> Counts:
    """Count pulses for a comparison, levels relative to the 95th percentile."""
    counts = np.zeros((PHASES, ROWS))
    row = np.floor((level_db - LOWEST_DB) / LEVEL_DB).astype(np.int64)
    inside = row >= 0
    np.add.at(counts, (phase_bin(phase, PHASES)[inside], np.minimum(row[inside], ROWS - 1)), 1.0)
    return counts


def smoothed(counts: Counts) -> Counts:
    """Give a probability map of counts: blurred, so that it speaks for more than itself."""
    blurred = gaussian_filter1d(counts, _PHASE_BLUR, axis=0, mode="wrap")
    blurred = gaussian_filter1d(blurred, _LEVEL_BLUR, axis=1, mode="nearest")
    return np.asarray(blurred / max(float(blurred.sum()), 1e-30))


@dataclass(frozen=True, slots=True, eq=False)
class _Comparer:
    """Spectra of log maps over phase, rows of strays added below and above."""

    spectra: Complex64[ndarray, "reference 37 25"]
    mass: Float64[ndarray, "reference 26"]  # of the rows from each on, up to the end

    def log_likelihood(self, counts: Counts, cut: int) -> Float64[ndarray, "reference shift 72"]:
        """Give eq. 1 for all references, level shifts and phase shifts."""
        heard = counts.copy()
        heard[:, :cut] = 0
        spectrum = np.fft.rfft(heard, axis=0).astype(np.complex64)
        total = float(heard.sum())
        rows = []
        for shift in range(-_SHIFTS, _SHIFTS + 1):
            first = _SHIFTS - shift
            here = self.spectra[:, :, first : first + ROWS]
            both = np.einsum("rfa,fa->rf", here[:, :, cut:].conj(), spectrum[:, cut:])
            fits = np.fft.irfft(both, PHASES, axis=1)
            ends = self.mass[:, first + cut] - self.mass[:, first + ROWS]
            rows.append(fits - total * np.log(ends)[:, None])
        return np.stack(rows, axis=1)


@lru_cache(maxsize=4)
def _comparer(references: References) -> _Comparer:
    maps = (1 - _STRAY) * references.maps + _STRAY / (PHASES * ROWS)
    stray = np.full((len(maps), PHASES, _SHIFTS), _STRAY / (PHASES * ROWS))
    wide = np.concatenate([stray, maps, stray], axis=2)
    spectra = np.fft.rfft(np.log(wide), axis=1).astype(np.complex64)
    above = np.cumsum(wide.sum(axis=1)[:, ::-1], axis=1)[:, ::-1]
    return _Comparer(spectra, np.pad(above, ((0, 0), (0, 1))))


def fit(references: References, counts: Counts, cut: int = 0) -> Fit:
    """Compare a pattern with all references.

    Parameters
    ----------
    cut
        The first row whose pulses stand clear of the noise.
    """
    found = _comparer(references).log_likelihood(counts, cut)
    total = max(float(counts[:, cut:].sum()), 1.0)
    weight = min(1.0, INDEPENDENT / total)
    of_kind = {kind: np.array([each == kind for each in references.kinds]) for kind in LOCKED}
    told = {
        kind: float(logsumexp(weight * found[here]) - np.log(found[here].size))
        for kind, here in of_kind.items()
    }
    order = sorted(LOCKED, key=lambda kind: -told[kind])
    best = tuple(
        _aligned(_best(found, np.flatnonzero(of_kind[kind]), kind), weight * found[of_kind[kind]])
        for kind in order
    )
    surplus = (best[0].log_likelihood - _spread_evenly(counts, cut)) / total
    half = _half_turn(weight * found[of_kind[order[0]]], best[0].shift_rad)
    return Fit(best, told, half, surplus)


def _best(
    found: Float64[ndarray, "reference shift 72"], among: ndarray, kind: LockedKind
) -> Likeliest:
    here = found[among]
    place = np.unravel_index(int(here.argmax()), here.shape)
    which, row, at = (int(index) for index in place)
    line = here[which, row]
    before, top, after = line[at - 1], line[at], line[(at + 1) % PHASES]
    bend = before - 2 * top + after
    fine = 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))
    turn = 2 * np.pi * (at + fine) / PHASES
    wrapped = float((turn + np.pi) % (2 * np.pi) - np.pi)
    return Likeliest(kind, int(among[which]), wrapped, row - _SHIFTS, float(top))


def _aligned(best: Likeliest, found: Float64[ndarray, "reference shift 72"]) -> Likeliest:
    """Give the shift as the mean over all references of the kind, each as likely as it is.

    References differ in where they lie by some degrees. The mean is taken modulo half a turn, and
    the half that the best fit lies in stays.
    """
    of_shift = logsumexp(found, axis=(0, 1))
    share = np.exp(of_shift - of_shift.max())
    angle = 2 * np.pi * np.arange(PHASES) / PHASES
    mean = float(np.angle((share * np.exp(2j * angle)).sum())) / 2
    half_turns = np.round((best.shift_rad - mean) / np.pi)
    wrapped = float((mean + half_turns * np.pi + np.pi) % (2 * np.pi) - np.pi)
    return replace(best, shift_rad=wrapped)


def _half_turn(found: Float64[ndarray, "reference shift 72"], shift_rad: float) -> float:
    """Weigh shifts nearer to the other half turn against those nearer to the chosen one."""
    of_shift = logsumexp(found, axis=(0, 1))
    angle = 2 * np.pi * np.arange(PHASES) / PHASES - shift_rad
    near = np.cos(angle) > 0
    return float(np.exp(logsumexp(of_shift[~near]) - logsumexp(of_shift)))


def _spread_evenly(counts: Counts, cut: int) -> float:
    """Give the log likelihood of the same levels at phases that mean nothing."""
    rows = counts[:, cut:].sum(axis=0)
    share = rows[rows > 0] / max(float(rows.sum()), 1.0)
    return float((rows[rows > 0] * np.log(share / PHASES)).sum())


@dataclass(frozen=True, slots=True)
class TwoSources:
    """A mixture of two references.

    Attributes
    ----------
    first, second
        The stronger in pulses first.
    share
        Of the first in all pulses.
    gain
        Nats a pulse over the best single reference.
    """

    first: Likeliest
    second: Likeliest
    share: float
    gain: float


def fit_two(references: References, counts: Counts, cut: int, alone: Fit) -> TwoSources:
    """Fit two sources of different kinds to a pattern (expectation and maximisation)."""
    heard = counts.copy()
    heard[:, :cut] = 0
    total = max(float(heard.sum()), 1.0)
    found = [_mixture(references, heard, cut, start) for start in alone.best]
    value, one, two, share = max(found, key=lambda each: each[0])
    if share < 0.5:
        one, two, share = two, one, 1 - share
    return TwoSources(one, two, share, (value - alone.best[0].log_likelihood) / total)


def _mixture(
    references: References, heard: Counts, cut: int, start: Likeliest
) -> tuple[float, Likeliest, Likeliest, float]:
    one, share = start, 0.6
    p_one = shifted_map(references, one, cut)
    p_two = np.full((PHASES, ROWS), 1 / (PHASES * (ROWS - cut)))
    two, value = start, -np.inf
    for _ in range(_ROUNDS):
        of_one = _share_of(share * p_one, (1 - share) * p_two)
        two = _refit(references, heard * (1 - of_one), cut, one.kind)
        p_two = shifted_map(references, two, cut)
        of_one = _share_of(share * p_one, (1 - share) * p_two)
        one = _refit(references, heard * of_one, cut, two.kind)
        p_one = shifted_map(references, one, cut)
        share = float(
            np.clip(
                (heard * _share_of(share * p_one, (1 - share) * p_two)).sum()
                / max(float(heard.sum()), 1.0),
                0.05,
                0.95,
            )
        )
        mixed = share * p_one + (1 - share) * p_two
        value = float((heard[:, cut:] * np.log(mixed[:, cut:])).sum())
    return value, one, two, share


def _share_of(one: Counts, other: Counts) -> Counts:
    return np.asarray(one / np.maximum(one + other, 1e-300))


def _refit(references: References, counts: Counts, cut: int, but: LockedKind) -> Likeliest:
    """Find the best reference of another kind than one."""
    found = _comparer(references).log_likelihood(counts, cut)
    among = np.array([kind != but for kind in references.kinds])
    where = np.flatnonzero(among)
    best = _best(found, where, but)
    return replace(best, kind=references.kinds[best.reference])


def shifted_map(references: References, fitted: Likeliest, cut: int = 0) -> Counts:
    """Give a fitted reference where the pattern is, of sum 1 above the cut."""
    stray = _STRAY / (PHASES * ROWS)
    whole = (1 - _STRAY) * references.maps[fitted.reference].astype(np.float64) + stray
    turned = np.roll(whole, round(fitted.shift_rad / (2 * np.pi) * PHASES), axis=0)
    wide = np.pad(turned, ((0, 0), (_SHIFTS, _SHIFTS)), constant_values=stray)
    first = _SHIFTS - fitted.shift_rows
    here = wide[:, first : first + ROWS].copy()
    here[:, :cut] = 0
    return np.asarray(here / here.sum())


def canonical(kind: LockedKind, counts: Counts) -> Counts:
    """Turn a pattern by 180° where its kind's convention asks for it.

    Polarity cannot be known from sound: corona is shown about 270°, surface with its stronger half
    cycle first.
    """
    half = PHASES // 2
    weight = counts.sum(axis=1)
    if kind == "corona":
        flip = weight[:half].sum() > weight[half:].sum()
    elif kind == "surface":
        amplitude = 10 ** ((LOWEST_DB + LEVEL_DB * (np.arange(ROWS) + 0.5)) / 20)
        charge = counts @ amplitude
        flip = charge[:half].sum() < charge[half:].sum()
    else:
        flip = False
    return np.roll(counts, half, axis=0) if flip else counts


def learnt(
    patterns: Sequence[tuple[LockedKind, Counts]], generator: np.random.Generator, echoes: int = 2
) -> References:
    """Make references of aligned patterns: of each itself, and itself with an echo drawn.

    Walls repeat a pattern some milliseconds later and somewhat weaker, which patterns from open air
    do not have.
    """
    kinds, maps = [], []
    for kind, counts in patterns:
        whole = smoothed(canonical(kind, counts))
        kinds += [kind] * (1 + echoes)
        maps += [whole, *(echoed(whole, generator) for _ in range(echoes))]
    return References(tuple(kinds), np.stack(maps).astype(np.float32))


def echoed(counts: Counts, generator: np.random.Generator) -> Counts:
    """Add an echo 1 to 10 ms later (at 50 Hz) and up to 4 dB weaker, of a sum of 1."""
    late = np.roll(counts, int(generator.integers(4, 37)), axis=0)
    rows = int(generator.integers(0, 3))
    weaker = np.pad(late[:, rows:], ((0, 0), (0, rows)))
    both = counts + generator.uniform(0.3, 0.9) * weaker
    return np.asarray(both / both.sum())


def as_bytes(references: References) -> bytes:
    """Write references small: square roots in 256 steps."""
    root = np.sqrt(references.maps / references.maps.max(axis=(1, 2), keepdims=True))
    steps: UInt8[ndarray, "reference 72 15"] = np.rint(255 * root).astype(np.uint8)
    kinds = np.array([LOCKED.index(kind) for kind in references.kinds], np.uint8)
    buffer = BytesIO()
    np.savez_compressed(buffer, kinds=kinds, root=steps)
    return buffer.getvalue()


def from_bytes(data: bytes) -> References:
    """Read what `as_bytes` wrote."""
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        power = stored["root"].astype(np.float64) ** 2
        kinds = tuple(LOCKED[int(kind)] for kind in stored["kinds"])
    maps = power / power.sum(axis=(1, 2), keepdims=True)
    return References(kinds, maps.astype(np.float32))


@lru_cache(maxsize=1)
def shipped() -> References:
    """Give the references that ship."""
    return from_bytes(files("sonoscope.signal").joinpath(_FILE).read_bytes())
