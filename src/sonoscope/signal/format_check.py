"""What four channels are, told from how they fit together: Ambisonics, capsules, or neither.

Short pieces of narrow bands are compared with what each format would have recorded of one plane
wave in diffuse sound, C = P ((1 - λ) D + λ a(u) aᴴ(u)) (eq. 1): a is a format's response to a wave
from u, D its mean over all u. Power, direction and share λ are the best for each piece; the misfit
d = log det C - log det Ĉ + tr(C⁻¹ Ĉ) - 4 (eq. 2) is what the Gaussian likelihood of the piece loses
against its own covariance Ĉ, and zero where a format explains it wholly.

For Ambisonics one more law holds, however many the waves: X, Y and Z together have the energy of W
(SN3D), three times that (N3D) or twice (FuMa, whose W is 3 dB lower), because potential and kinetic
energy are equal on average (eq. 3).

A turned or mirrored sound field is a sound field too. So signs, and which horizontal channel is
which, can be known from a sound of known direction alone. Which channel is vertical is a guess:
sources are more often near the horizon than above or below.

Reference for eq. 2: W. James and C. Stein, "Estimation with quadratic loss", 4th Berkeley Symposium
(1961), p. 379.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Bool, Complex, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.direction import angle_between, sphere_grid
from sonoscope.core.errors import InputError
from sonoscope.signal.ambisonics import array_encoder
from sonoscope.signal.sphere import array_response
from sonoscope.signal.symmetry import array_symmetries, signed_permutations

RATE_HZ = 8_000
"""The rate at which sound must be given: all evidence lies below 3.1 kHz."""

SHORTEST_S, ENOUGH_S = 1.0, 10.0

Kind = Literal["foa", "uneven", "tetra", "a_format", "unrelated", "copies", "dead", "unclear"]
Scale = Literal["sn3d", "fuma", "n3d"]

SCALE_DB: dict[Scale, float] = {"sn3d": 0.0, "fuma": 3.0103, "n3d": 4.7712}
"""Energy of X, Y and Z together over that of W (eq. 3)."""

_WINDOW, _HOP = 256, 128  # 32 ms
_FRAMES, _BINS = 6, 6  # in one piece: 112 ms, 188 Hz
_FIRST_BIN, _BANDS = 8, 15  # 250 Hz to 3.06 kHz
_QUIET = 10**-4.5  # pieces so much weaker than their band's strongest say nothing
_FLOOR = 0.03  # of a piece's power: what looks like one wave is never taken for one more surely
_KNEE = 0.1  # misfits below it are as good as none
_DEAD_DB, _COPY = -40.0, 1e-4

_PIECE_WEIGHT, _MOST_WEIGHT = 0.04, 60.0
_RATIO_TOLERANCE_DB = 0.5  # of real microphones
_VERTICAL_WEIGHT = 1.5
_NO_RATIO = 0.01 / 25  # prior and density of an energy ratio that no scale explains

_KINDS: dict[Kind, float] = {
    "foa": 0.80,
    "uneven": 0.01,
    "tetra": 0.12,
    "a_format": 0.05,
    "unrelated": 0.02,
}
_USUAL: dict[tuple[int, Scale, int], float] = {
    (0, "sn3d", 2): 0.50,  # W first, scale, vertical channel
    (0, "fuma", 3): 0.22,
    (0, "n3d", 2): 0.18,
}
_ODD = 0.10  # all the rest together
_FORMATS: dict[tuple[int, Scale, int], ChannelFormat] = {
    (0, "sn3d", 2): "foa",
    (0, "n3d", 2): "n3d",
    (0, "fuma", 3): "fuma",
}
_TIED, _LOUD_WORTH = 0.035, 0.3  # of the pieces; chance alone gives 0.01
_PLACEMENT_ERROR = np.deg2rad(5.0)
_ELSEWHERE = 0.005  # the loudest sound is another one than was said


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A format that channels may have.

    Attributes
    ----------
    omni, scale
        Which channel is W, and the scale, of Ambisonics.
    inverted
        Capsules of the wrong polarity.
    uneven
        The channel of Ambisonics whose gain is wrong, and its gain.
    radius_m
        How far cardioid capsules sit from their middle.
    """

    kind: Kind
    omni: int = 0
    scale: Scale = "sn3d"
    inverted: tuple[int, ...] = ()
    uneven: tuple[int, float] = (0, 1.0)
    radius_m: float = 0.0

    @property
    def channels(self) -> tuple[int, ...]:
        """Those at fault."""
        return self.inverted if self.uneven[1] == 1 else (self.uneven[0],)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """What a sound of known direction says of order and signs.

    Attributes
    ----------
    channels
        What each channel is: signed axes ("W", "-Y", "Z", "X"), or the capsule (1 to 4) it is.
    share, elsewhere
        Probability of it, and of the loudest sound coming from somewhere else than was said.
    off
        Angle between the known direction and where the sound comes from if it is so.
    open_count, count
        How many hypotheses the one direction cannot tell apart from it, of how many.
    """

    channels: tuple[str, ...]
    share: float
    elsewhere: float
    off: float
    open_count: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class FormatVerdict:
    """What four channels look like.

    Attributes
    ----------
    kind
        What they most likely are.
    channel_format
        The name by which sonoscope reads them, or None where there is none.
    confidence
        Probability of `kind`, and of `omni` and the scale where it is Ambisonics. The order of the
        channels besides W has a part in `channel_format` alone, by custom and `vertical`.
    kinds, scales
        Probability of each kind, and of each scale if it is Ambisonics.
    omni, omni_share
        Which channel is W, of Ambisonics, and how sure that is.
    vertical, vertical_share
        Which channel is Z, and how sure that is.
    channels
        Those at fault: silent ones, copies, inverted capsules; of Ambisonics and what is unclear
        those without any tie to the others.
    ratio_db, ratio_error_db
        Energy of all other channels over W (eq. 3): the median over bands, and its standard error.
    phase
        Share of the cross power between W and the others that is in phase, in the fifth of the
        pieces where they share most: 1 for waves in Ambisonics.
    likeness
        How alike the channels are below 440 Hz: 1 where all are the same.
    ties
        Share of the pieces in which each channel follows from the other three; 0.01 by chance.
    placement
        Where the source's direction was given.
    """

    kind: Kind
    channel_format: ChannelFormat | None
    confidence: float
    kinds: dict[str, float]
    scales: dict[str, float]
    omni: int
    omni_share: float
    vertical: int
    vertical_share: float
    channels: tuple[int, ...]
    ratio_db: float
    ratio_error_db: float
    phase: float
    likeness: float
    ties: tuple[float, ...]
    placement: Placement | None = None

    @property
    def is_directed(self) -> bool:
        """Whether any channel has more to do with the others than diffuse sound has."""
        return max(self.ties) >= _TIED


def check_channels(
    samples: Float[ndarray, "4 sample"], source: Float[ndarray, "3"] | None = None
) -> FormatVerdict:
    """Tell what four channels are.

    Parameters
    ----------
    samples
        At 8 kHz; ten seconds or more are wanted.
    source
        Unit vector to where the loudest sound comes from, if that is known.

    Raises
    ------
    InputError
        If there is less than a second, or nothing but silence.
    """
    if samples.shape[1] < SHORTEST_S * RATE_HZ:
        raise InputError(
            f"sound to tell a format from must last at least {SHORTEST_S:g} s, "
            f"but {samples.shape[1] / RATE_HZ:.2f} s was given"
        )
    energy = (samples.astype(np.float64) ** 2).mean(axis=1)
    if energy.max() < 1e-14:
        raise InputError("sound to tell a format from must not be silent, but this is")
    pieces = _covariances(samples)
    power = np.trace(pieces, axis1=2, axis2=3).real
    used = power > np.maximum(_QUIET * power.max(axis=0), 1e-14)
    if used.sum() < _BANDS:
        raise InputError(
            "sound to tell a format from must lie between 250 Hz and 3 kHz, but none does"
        )
    dead = tuple(np.flatnonzero(10 * np.log10(energy / energy.max() + 1e-30) < _DEAD_DB).tolist())
    copies = () if dead else _copies(samples)
    verdict = _judged(_evidence(samples, pieces, used))
    if dead or copies:
        kind: Kind = "dead" if dead else "copies"
        faulty = dead or copies
        return replace(verdict, kind=kind, channel_format=None, confidence=1.0, channels=faulty)
    if source is None:
        return verdict
    return replace(verdict, placement=_placement(samples, verdict, source))


def _covariances(samples: Float[ndarray, "4 sample"]) -> Complex[ndarray, "time band 4 4"]:
    """Average channel covariances over six frames and six bins each."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW, axis=1)[:, ::_HOP]
    times = frames.shape[1] // _FRAMES
    spectrum = np.fft.rfft(frames[:, : times * _FRAMES] * np.hanning(_WINDOW), axis=2)
    bands = spectrum[:, :, _FIRST_BIN : _FIRST_BIN + _BANDS * _BINS]
    split = bands.reshape(4, times, _FRAMES, _BANDS, _BINS).transpose(1, 3, 0, 2, 4)
    rows = split.reshape(times, _BANDS, 4, _FRAMES * _BINS)
    return np.asarray(rows @ rows.conj().swapaxes(2, 3) / rows.shape[3])


def _copies(samples: Float[ndarray, "4 sample"]) -> tuple[int, ...]:
    """Find channels that are others times a number, unless one lonely wave explains all of them."""
    covariance = samples.astype(np.float64) @ samples.T
    power = np.diag(covariance)
    same = covariance**2 / np.outer(power, power) > 1 - _COPY
    level_db = 10 * np.log10(power / power[0])
    if same.all() and np.abs(level_db).max() > 0.1:
        return ()
    pairs = [pair for pair in combinations(range(4), 2) if same[pair]]
    return tuple(sorted({channel for pair in pairs for channel in pair}))


def _candidates() -> list[Candidate]:
    scales: tuple[Scale, ...] = ("sn3d", "fuma", "n3d")
    foa = [Candidate("foa", omni, scale) for omni in range(4) for scale in scales]
    inverted = [(), *((one,) for one in range(4)), *((0, two) for two in range(1, 4))]
    sphere = [Candidate("tetra", inverted=few) for few in inverted]
    cardioids = [
        Candidate("a_format", inverted=few, radius_m=radius)
        for radius in (0.0, 0.015)
        for few in inverted
    ]
    uneven = [
        Candidate("uneven", 0, scale, uneven=(channel, gain))
        for scale in scales
        for channel in (1, 2, 3)
        for gain in (0.5, 2.0)
    ]
    return foa + uneven + sphere + cardioids


def _responses(
    candidate: Candidate, directions: Float[ndarray, "direction 3"]
) -> Complex[ndarray, "band direction 4"]:
    """Give what a format records of waves in the middle of each band."""
    middle = (_FIRST_BIN + _BINS * (np.arange(_BANDS) + 0.5) - 0.5) * RATE_HZ / _WINDOW
    if candidate.kind in ("foa", "uneven"):
        gains = 10 ** (SCALE_DB[candidate.scale] / 20) * directions
        heard = np.insert(gains, candidate.omni, 1.0, axis=1) + 0j
        heard[:, candidate.uneven[0]] *= candidate.uneven[1]
        return np.broadcast_to(heard, (_BANDS, *heard.shape))
    if candidate.kind == "tetra":
        heard = array_response(TETRAHEDRON, directions, middle).swapaxes(1, 2)
    else:
        cosine = directions @ TETRAHEDRON.directions.T
        phase = 2 * np.pi * middle[:, None, None] / SPEED_OF_SOUND_M_S * candidate.radius_m
        heard = 0.5 * (1 + cosine) * np.exp(1j * phase * cosine)
    polarity = np.ones(4)
    polarity[list(candidate.inverted)] = -1
    return np.asarray(heard * polarity)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A candidate made ready for eq. 1: D⁻¹, log det D, and the pictures a aᴴ seen through D⁻¹."""

    candidate: Candidate
    inverse: Complex[ndarray, "band 4 4"]
    log_det: Float[ndarray, " band"]
    pictures: Float[ndarray, "band 32 direction"]


@lru_cache(maxsize=1)
def _models() -> tuple[_Model, ...]:
    directions = sphere_grid(400)
    return tuple(_model(each, directions) for each in _candidates())


def _model(candidate: Candidate, directions: Float[ndarray, "direction 3"]) -> _Model:
    heard = _responses(candidate, directions)
    diffuse = heard.swapaxes(1, 2) @ heard.conj() / len(directions)
    diffuse = diffuse * (4 / np.trace(diffuse, axis1=1, axis2=2).real[:, None, None])
    diffuse = diffuse + 1e-2 * np.eye(4)
    inverse = np.linalg.inv(diffuse)
    seen = heard @ inverse.swapaxes(1, 2)
    norm = (heard.conj() * seen).sum(axis=2, keepdims=True).real
    seen = seen / np.sqrt(norm)
    outer = (seen[:, :, :, None] * seen[:, :, None].conj()).reshape(_BANDS, -1, 16)
    pictures = np.concatenate([outer.real, outer.imag], axis=2).swapaxes(1, 2)
    return _Model(
        candidate,
        inverse,
        np.linalg.slogdet(diffuse)[1],
        np.ascontiguousarray(pictures, dtype=np.float32),
    )


def _misfits(
    pieces: Complex[ndarray, "time band 4 4"],
) -> tuple[Float[ndarray, "model time band"], Float[ndarray, "time band"]]:
    """Give d (eq. 2) of every model, and of channels that have nothing to do with each other.

    With y = a share of a's part in C⁻¹, t = tr(D⁻¹ Ĉ) and g = aᴴ D⁻¹ Ĉ D⁻¹ a / aᴴ D⁻¹ a,
    d = 4 log((t - g y) / 4) - log(1 - y) + log det D - log det Ĉ, least at y = (4 g - t) / 3 g.
    """
    power = np.trace(pieces, axis1=2, axis2=3).real[..., None, None] / 4
    unit = pieces / np.maximum(power, 1e-30)
    loaded = unit + _FLOOR * np.eye(4)
    log_det = np.linalg.slogdet(loaded)[1]
    flat = unit.reshape(*unit.shape[:2], 16)
    numbers = np.concatenate([flat.real, flat.imag], axis=2).astype(np.float32).swapaxes(0, 1)
    misfits = []
    for model in _models():
        total = np.einsum("bij,tbji->tb", model.inverse, unit).real
        towards = np.maximum((numbers @ model.pictures).max(axis=2).T, 1e-9)
        share = np.clip((4 * towards - total) / (3 * towards), 0, 1 - _FLOOR)
        rest = np.maximum(total - towards * share, 1e-9)
        misfits.append(4 * np.log(rest / 4) - np.log(1 - share) + model.log_det - log_det)
    own = np.log(np.diagonal(loaded, axis1=2, axis2=3).real).sum(axis=2)
    return np.stack(misfits), own - log_det


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """All that the pieces say, before any of it is weighed.

    Attributes
    ----------
    scores
        Of each model: minus the mean log misfit, so that what no format explains (several waves at
        once, aliasing) counts for all of them alike.
    unrelated
        The same of channels that have nothing to do with each other.
    weight
        What a difference of scores is worth in log odds.
    ratio_db, ratio_error_db
        Of eq. 3, were each channel in turn W.
    upright
        Log of the mean squared direction cosine along each channel, were each channel in turn W.
    """

    scores: Float[ndarray, " model"]
    unrelated: float
    weight: float
    ratio_db: Float[ndarray, "4"]
    ratio_error_db: Float[ndarray, "4"]
    upright: Float[ndarray, "omni=4 axis=4"]
    phase: Float[ndarray, "4"]
    likeness: float
    ties: Float[ndarray, "4"]


def _evidence(
    samples: Float[ndarray, "4 sample"],
    pieces: Complex[ndarray, "time band 4 4"],
    used: Bool[ndarray, "time band"],
) -> _Evidence:
    misfits, unrelated = _misfits(pieces)
    ratios = np.array([_ratio_db(pieces, used, omni) for omni in range(4)])
    flows = [_flow(pieces[used], omni) for omni in range(4)]
    low = pieces[:, 0]
    return _Evidence(
        scores=-np.log(_KNEE + np.maximum(misfits[:, used], 0)).mean(axis=1),
        unrelated=float(-np.log(_KNEE + np.maximum(unrelated[used], 0)).mean()),
        weight=min(_MOST_WEIGHT, _PIECE_WEIGHT * int(used.sum())),
        ratio_db=ratios[:, 0],
        ratio_error_db=ratios[:, 1],
        upright=np.stack([upright for upright, _ in flows]),
        phase=np.array([phase for _, phase in flows]),
        likeness=float(low.sum().real / (4 * np.trace(low, axis1=1, axis2=2).sum().real + 1e-30)),
        ties=_ties(samples, pieces, used),
    )


def _ties(
    samples: Float[ndarray, "4 sample"],
    pieces: Complex[ndarray, "time band 4 4"],
    used: Bool[ndarray, "time band"],
) -> Float[ndarray, "4"]:
    """Give the share of pieces in which a channel follows from the others as chance rarely has it.

    Chance is what is left where the channels are moved apart by quarters of the recording; a
    hundredth of the pieces are then taken for more than chance. Of the loudest tenth, where one
    clap is a good part, `_LOUD_WORTH` of the share counts if that is more.
    """
    quarter = samples.shape[1] // 4
    moved = [
        _covariances(
            np.stack([np.roll(row, n * quarter) for row, n in zip(samples, quarters, strict=True)])
        )
        for quarters in ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2))
    ]
    shares = []
    for share, worth in ((1.0, 1.0), (0.1, _LOUD_WORTH)):
        chance = np.concatenate([_followed(_loudest(each, used, share)) for each in moved])
        rare = np.quantile(chance, 0.99, axis=0)
        shares.append(worth * (_followed(_loudest(pieces, used, share)) > rare).mean(axis=0))
    return np.asarray(np.maximum(*shares))


def _loudest(
    pieces: Complex[ndarray, "time band 4 4"], used: Bool[ndarray, "time band"], share: float
) -> Complex[ndarray, "piece 4 4"]:
    """Pick the pieces that stand out most from their band's middle level."""
    power = np.trace(pieces, axis1=2, axis2=3).real
    above = (power / np.maximum(np.median(power, axis=0), 1e-30))[used]
    return np.asarray(pieces[used][np.argsort(above)[-max(1, round(share * len(above))) :]])


def _followed(pieces: Complex[ndarray, "piece 4 4"]) -> Float[ndarray, "piece 4"]:
    """Give the multiple coherence of each channel with the three others."""
    power = np.trace(pieces, axis1=1, axis2=2).real[:, None, None] / 4
    loaded = pieces + (1e-3 * power + 1e-30) * np.eye(4)
    own = np.diagonal(loaded, axis1=1, axis2=2).real
    return np.asarray(1 - 1 / (np.diagonal(np.linalg.inv(loaded), axis1=1, axis2=2).real * own))


def _ratio_db(
    pieces: Complex[ndarray, "time band 4 4"], used: Bool[ndarray, "time band"], omni: int
) -> tuple[float, float]:
    """Give the median over bands of a piece's middle energy ratio (eq. 3), and its error."""
    energy = np.diagonal(pieces, axis1=2, axis2=3).real + 1e-30
    others = np.delete(energy, omni, axis=2).sum(axis=2)  # not 0 where all of them are silent
    ratio = 10 * np.log10(others / energy[..., omni])
    bands = [np.median(ratio[used[:, b], b]) for b in range(_BANDS) if used[:, b].any()]
    return float(np.median(bands)), float(1.25 * np.std(bands) / np.sqrt(len(bands)))


def _flow(
    pieces: Complex[ndarray, "piece 4 4"], omni: int
) -> tuple[Float[ndarray, "axis=4"], float]:
    """Say along which channels energy flows, and how much in phase, in the clearest fifth."""
    rest = [channel for channel in range(4) if channel != omni]
    cross = pieces[:, omni, rest]
    energy = np.diagonal(pieces, axis1=1, axis2=2).real
    scale = np.sqrt(energy[:, omni] * energy[:, rest].sum(axis=1)) + 1e-30
    flow = cross.real / scale[:, None]
    length = np.linalg.norm(flow, axis=1)
    directed = length >= np.quantile(length, 0.8)
    squares = (flow[directed] ** 2) / (length[directed, None] ** 2 + 1e-30)
    upright = np.zeros(4)
    upright[rest] = np.log(squares.mean(axis=0) + 0.01)
    unit = np.abs(cross / scale[:, None]) ** 2
    shared = unit.sum(axis=1)
    coherent = shared >= np.quantile(shared, 0.8)
    phase = (flow[coherent] ** 2).sum() / max(float(shared[coherent].sum()), 1e-30)
    return upright, float(phase)


def _judged(evidence: _Evidence) -> FormatVerdict:
    """Weigh the kinds by how well their best candidate fits, Ambisonics by its scale too."""
    candidates = [model.candidate for model in _models()]
    best: dict[Kind, int] = {}
    for i, candidate in enumerate(candidates):
        if evidence.scores[i] > evidence.scores[best.setdefault(candidate.kind, i)]:
            best[candidate.kind] = i
    fits = {kind: float(evidence.scores[i]) for kind, i in best.items()}
    fits["unrelated"] = evidence.unrelated
    kinds = _shares({kind: _KINDS[kind] for kind in fits}, fits, evidence.weight)
    hypotheses, explained = _ambisonics(evidence, candidates)
    if evidence.ties.max() < _TIED:  # diffuse, or unrelated: there is no telling
        explained = 0.0
    kinds["unclear"] = kinds["foa"] * (1 - explained)
    kinds["foa"] *= explained
    lonely = evidence.ties < _TIED
    refuted: list[Kind] = []
    if not lonely.all():
        refuted.append("unrelated")
    if lonely[list(candidates[best["uneven"]].channels)].any():
        refuted.append("uneven")
    for each in refuted:
        kinds["unclear"] += kinds[each]
        kinds[each] = 0.0
    kind = max(kinds, key=lambda each: kinds[each])
    omni, scale, vertical = max(hypotheses, key=lambda each: hypotheses[each])
    confidence, channel_format = kinds[kind], None
    channels: tuple[int, ...] = ()
    if kind == "foa":
        confidence *= sum(hypotheses.get((omni, scale, axis), 0.0) for axis in range(4))
        channel_format = _FORMATS.get((omni, scale, vertical))
    elif kind in best:
        channels = candidates[best[kind]].channels
        channel_format = "tetra" if kind == "tetra" and not channels else None
    if kind in ("foa", "unclear") and evidence.ties.max() >= 2 * _TIED:
        channels = tuple(np.flatnonzero(lonely).tolist())
    return FormatVerdict(
        kind=kind,
        channel_format=channel_format,
        confidence=confidence,
        kinds={str(each): share for each, share in kinds.items()},
        scales={each: _total(hypotheses, 1, each) for each in SCALE_DB},
        omni=omni,
        omni_share=_total(hypotheses, 0, omni),
        vertical=vertical,
        vertical_share=float(_uprightness(evidence, omni)[vertical]),
        channels=channels,
        ratio_db=float(evidence.ratio_db[omni]),
        ratio_error_db=float(evidence.ratio_error_db[omni]),
        phase=float(evidence.phase[omni]),
        likeness=evidence.likeness,
        ties=tuple(float(tie) for tie in evidence.ties),
    )


def _shares(
    priors: dict[Kind, float], scores: dict[Kind, float], weight: float
) -> dict[Kind, float]:
    most = max(scores.values())
    shares = {each: priors[each] * np.exp(weight * (scores[each] - most)) for each in priors}
    total = sum(shares.values())
    return {each: float(share / total) for each, share in shares.items()}


def _ambisonics(
    evidence: _Evidence, candidates: Sequence[Candidate]
) -> tuple[dict[tuple[int, Scale, int], float], float]:
    """Weigh W's channel, scale and vertical channel; and whether any of them explains eq. 3."""
    foa = {(c.omni, c.scale): i for i, c in enumerate(candidates) if c.kind == "foa"}
    most = max(float(evidence.scores[i]) for i in foa.values())
    shares: dict[tuple[int, Scale, int], float] = {}
    for (omni, scale), i in foa.items():
        fit = np.exp(evidence.weight * (evidence.scores[i] - most))
        deviation = evidence.ratio_db[omni] - SCALE_DB[scale]
        spread = float(np.hypot(_RATIO_TOLERANCE_DB, evidence.ratio_error_db[omni]))
        ratio = _student(deviation / spread) / spread
        upright = _uprightness(evidence, omni) ** (evidence.weight / _MOST_WEIGHT)
        for vertical in (channel for channel in range(4) if channel != omni):
            each = (omni, scale, vertical)
            prior = _USUAL.get(each, _ODD / (4 * 3 * 3 - len(_USUAL)))
            shares[each] = float(prior * fit * ratio * upright[vertical])
    total = sum(shares.values())
    explained = total / (total + _NO_RATIO)
    return {each: share / total for each, share in shares.items()}, explained


def _student(x: float) -> float:
    """Give the density of Student's t of three degrees: real microphones have outliers."""
    return float(6 * 3**0.5 / (np.pi * (3 + x * x) ** 2))


def _uprightness(evidence: _Evidence, omni: int) -> Float[ndarray, "4"]:
    """Give the probability that each channel is the vertical one, from the flow alone."""
    share = np.exp(-_VERTICAL_WEIGHT * evidence.upright[omni])
    share[omni] = 0
    return np.asarray(share / share.sum())


def _total(shares: dict[tuple[int, Scale, int], float], place: int, value: int | Scale) -> float:
    return sum(share for each, share in shares.items() if each[place] == value)


def _placement(
    samples: Float[ndarray, "4 sample"], verdict: FormatVerdict, source: Float[ndarray, "3"]
) -> Placement | None:
    """Say which order and signs put the loudest sound where it is known to be."""
    if verdict.kind == "foa":
        rest = [channel for channel in range(4) if channel != verdict.omni]
        turns = signed_permutations()
        names = [_axis_names(turn, rest) for turn in turns]
        towards = _loudest_from(samples, verdict.omni)
        priors = np.array([_order_prior(name, verdict.scales["fuma"]) for name in names])
    elif verdict.kind == "tetra":
        polarity = np.ones((4, 1), samples.dtype)
        polarity[list(verdict.channels)] = -1
        foa = array_encoder(TETRAHEDRON, RATE_HZ).encode(samples * polarity)
        symmetries = array_symmetries(TETRAHEDRON, tolerance=0.02)
        turns = np.stack([each.transform for each in symmetries])
        names = [tuple(str(each.order.index(q) + 1) for q in range(4)) for each in symmetries]
        towards = _loudest_from(foa, 0)[[2, 0, 1]]
        priors = np.where([name == ("1", "2", "3", "4") for name in names], 0.5, 0.5 / 23)
    else:
        return None
    off = angle_between(turns @ towards, source)
    share = priors / priors.sum() * np.exp(-0.5 * (off / _PLACEMENT_ERROR) ** 2)
    best, total = int(share.argmax()), float(share.sum()) + _ELSEWHERE
    alike = int((off <= off[best] + 2 * _PLACEMENT_ERROR).sum())
    return Placement(
        channels=names[best],
        share=float(share[best]) / total,
        elsewhere=_ELSEWHERE / total,
        off=float(off[best]),
        open_count=alike,
        count=len(names),
    )


def _axis_names(turn: Float[ndarray, "3 3"], rest: Sequence[int]) -> tuple[str, ...]:
    """Name what each channel is if x, y, z are `turn` times the channels besides W."""
    names = ["W"] * 4
    for column, channel in enumerate(rest):
        axis = int(np.abs(turn[:, column]).argmax())
        names[channel] = ("-" if turn[axis, column] < 0 else "") + "XYZ"[axis]
    return tuple(names)


def _order_prior(names: tuple[str, ...], fuma: float) -> float:
    """Say how common an order is: the standard ones, those with wrong signs, any other."""
    usual = {("W", "Y", "Z", "X"): 1 - 0.8 * fuma, ("W", "X", "Y", "Z"): 0.2 + 0.8 * fuma}
    plain = tuple(name.lstrip("-") for name in names)
    if plain not in usual:
        return 0.005  # and all of these alike where W is not the first channel
    wrong = sum(name.startswith("-") for name in names)
    return usual[plain] * (1.0 if wrong == 0 else 0.05)


def _loudest_from(samples: Float[ndarray, "4 sample"], omni: int) -> Float[ndarray, "3"]:
    """Point along the channels besides W to where the loudest direct sound comes from."""
    rest = [channel for channel in range(4) if channel != omni]
    frames = np.lib.stride_tricks.sliding_window_view(samples, 64, axis=1)[:, ::32]
    spectrum = np.fft.rfft(frames * np.hanning(64), axis=2)[:, :, 2:13]  # 250 to 1500 Hz
    flow = (spectrum[omni].conj() * spectrum[rest]).real.sum(axis=2)
    energy = (np.abs(spectrum) ** 2).sum(axis=2)
    middle = np.sqrt(energy[omni] * energy[rest].sum(axis=0)) + 1e-30
    directed = np.linalg.norm(flow, axis=0) / middle
    loud = energy.sum(axis=0) > 0.05 * energy.sum(axis=0).max()
    towards = (flow * loud * directed**4).sum(axis=1)
    return np.asarray(towards / max(float(np.linalg.norm(towards)), 1e-30))
