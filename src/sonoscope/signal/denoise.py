"""Denoising by wavelet packets: the cheapest basis, thresholds by leaf, and a choice of leaves.

Three passes over a recording, by frames of about a second that overlap by 20 ms or more:

1. costs of all nodes add up over frames and channels; one best basis for all of it;
2. every leaf of the basis is judged: is what lies in it sudden, locked to the mains, like a sound
   that is looked for? Leaves whose score is below a limit are silenced, whole;
3. coefficients of the other leaves that noise could have made are silenced too, and frames fade
   into one another.

::

    frame 0   turned|========================== .
    frame 1                             fade  . ======================== .
    frame 2                                                        fade . =======|turned

Frames begin at multiples of 2^depth, so that coefficients of two frames agree where both are whole,
and fades add up to one: what is not thresholded comes back as it was. Memory does not grow with
the recording.

Noise is measured in every leaf and frame by itself, as the median of its coefficients' magnitudes
over 0.6745: rotor noise is 20 to 40 dB weaker at 30 kHz than at 1 kHz. The recipe that measures
one sigma in the finest half band and uses it everywhere takes all of a rotor's sound for signal;
it is here (`noise="global"`) so that the harm can be seen.

References: D. L. Donoho, I. M. Johnstone, Biometrika 81 (1994) 425 (universal threshold); JASA 90
(1995) 1200 (SURE); H.-Y. Gao, JCGS 7 (1998) 469 (non-negative garrote). The choice of leaves and
its weights are this project's own.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.wavelet import (
    MAX_DEPTH,
    NORMAL_MEDIAN,
    Basis,
    Cost,
    Costs,
    CostSums,
    Leaves,
    analysed,
    analysed_into,
    band_hz,
    best_basis,
    cost_sums,
    fixed_basis,
    nodes_of,
    padded_length,
    place_of,
    reconstructed,
    wavelet_filters,
)

MAINS_HZ = ((49.5, 50.5), (59.5, 60.5), (16.5, 16.9))
"""Within what the grid's frequency may lie: 50 Hz, 60 Hz, and railways at 16.7 Hz."""

HARMONICS = (1, 2, 4)
_FADE_S = 0.02
_ENVELOPE_HZ = 1_000  # envelopes of leaves are read at no less
_FLOOR_HZ = 8.0  # to each side of a harmonic: there its floor is read
_SHORTEST_S = 0.5  # in less, a harmonic cannot be told from its floor
_SUDDEN, _LOCKED = 1.0, 4.0  # from where words call a leaf so; scores decide
_TINY = np.finfo(np.float64).tiny

Block = Float[ndarray, "channel _"]
Source = Callable[[], Iterable[Block]]
"""Gives a recording from its start, by blocks of any length, each time it is called."""


@settings_dataclass(config=STRICT)
class Template:
    """What is known of a class of sounds: where in frequency it stands out, and how far.

    Attributes
    ----------
    name
        Of the class.
    frequency_hz
        Centres of bands, rising.
    height
        ln of the bands' energy over that of a band without the sound, none below 0.
    """

    name: str
    frequency_hz: tuple[float, ...]
    height: tuple[Annotated[float, Field(ge=0)], ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.frequency_hz, self.frequency_hz[1:], strict=False))
        if not (rising and len(self.frequency_hz) == len(self.height) and any(self.height)):
            raise SettingError(
                f"template {self.name!r} must have rising frequencies and as many heights, not all "
                f"0, but {len(self.frequency_hz)} and {len(self.height)} were given"
            )


@settings_dataclass(config=STRICT)
class Choice:
    """Which leaves are kept: those whose score reaches the limit.

    score = bias + suddenness ln(1 + excess kurtosis) + peak ln(crest) + mains ln(ratio)
            + likeness (2 likeness - 1)

    Likeness counts only where there are templates. The weights were learnt: see bench/denoising.py,
    which prints them, and docs/methods/denoising.md.

    Attributes
    ----------
    keep
        "chosen", or "all" leaves whatever their score.
    limit
        Higher keeps less.
    least_share
        Of the recording's energy: no leaf with less is kept.
    """

    keep: Literal["chosen", "all"] = "chosen"
    limit: float = 0.0
    least_share: Annotated[float, Field(ge=0, le=1)] = 1e-9
    bias: float = -6.4
    suddenness: float = 1.75
    peak: float = 1.75
    mains: float = 0.9
    likeness: float = 4.0
    templates: tuple[Template, ...] = ()


@settings_dataclass(config=STRICT)
class DenoiseSettings:
    """How to denoise.

    Attributes
    ----------
    wavelet, depth
        Of the tree.
    basis
        "best", or "fixed": all nodes of the deepest level.
    cost
        Of the best basis.
    rule
        What becomes of coefficients past the threshold t: hard keeps c (pulses); soft, c - t
        (smooth sounds); garrote, c - t² / c.
    threshold
        "universal": sigma sqrt(2 ln n); "sure": where Stein's estimate of the error is least
        (weak signals), universal where a leaf is sparse.
    strength
        Times the threshold; 0 leaves coefficients alone.
    noise
        Sigma of each "leaf", or one "global" one from the finest half band.
    choice
        Of leaves.
    frame_s
        Seconds in a frame, about; fades come on top.
    """

    wavelet: str = "db8"
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 5
    basis: Literal["best", "fixed"] = "best"
    cost: Cost = Cost()
    rule: Literal["hard", "soft", "garrote"] = "hard"
    threshold: Literal["universal", "sure"] = "universal"
    strength: Annotated[float, Field(ge=0)] = 1.0
    noise: Literal["leaf", "global"] = "leaf"
    choice: Choice = Choice()
    frame_s: Annotated[float, Field(ge=0.05, le=60)] = 1.365


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the chosen basis, and why it was kept or not.

    Attributes
    ----------
    level, node
        Where it stands in the tree (natural order).
    low_hz, high_hz
        Its nominal band.
    cost
        Its share of the basis's cost.
    share
        Of the recording's energy. Its root is the correlation of the leaf's component with the
        recording, as components of an orthonormal basis are projections.
    kurtosis
        Excess kurtosis of its coefficients over the noise of their frame: 0 for steady noise,
        below 0 for tones, large for pulses.
    crest
        Largest coefficient over their rms.
    mains, mains_hz
        Power of its envelope at a mains frequency, its double and its fourfold over the floor
        beside them, at the likeliest such frequency; 1 where it cannot be known.
    likeness, template
        To the most similar template, 0 to 1.
    score
        What decides.
    is_kept, why
        The decision, in words.
    """

    level: int
    node: int
    low_hz: float
    high_hz: float
    cost: float
    share: float
    kurtosis: float
    crest: float
    mains: float
    mains_hz: float
    likeness: float
    template: str | None
    score: float
    is_kept: bool
    why: str

    @property
    def correlation(self) -> float:
        """Correlation of the leaf's component with the recording."""
        return float(np.sqrt(self.share))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is kept of a recording.

    Attributes
    ----------
    settings, rate_hz, n_samples
        Of what.
    costs
        Of every node, all frames and channels together.
    basis, kept
        The chosen leaves, and those of them that are not silenced.
    leaves
        The chosen ones, by rising frequency.
    """

    settings: DenoiseSettings
    rate_hz: int
    n_samples: int
    costs: Costs
    basis: Basis
    kept: Basis
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """A denoised recording.

    Attributes
    ----------
    samples
        Shaped as they were given.
    plan
        Tree, costs, chosen leaves, kept leaves and why.
    """

    samples: Float64[ndarray, "*channel sample"]
    plan: Plan


def denoise(
    samples: Float[ndarray, "*channel sample"],
    rate_hz: int,
    settings: DenoiseSettings | None = None,
) -> Denoised:
    """Denoise a recording in memory.

    Parameters
    ----------
    samples
        Any number of channels; all share one basis and one choice of leaves, each has its own
        thresholds.
    rate_hz
        Their rate.
    settings
        How.

    Raises
    ------
    SettingError
        If there is no sample, or the wavelet is not orthogonal.
    """
    rows = _rows(samples)
    plan = planned(lambda: [rows], rate_hz, settings)
    clean = np.concatenate(list(cleaned([rows], plan)), axis=1)
    return Denoised(np.asarray(clean.reshape(samples.shape), np.float64), plan)


def _rows(samples: Float[ndarray, "*channel sample"]) -> Block:
    return samples.reshape(math.prod(samples.shape[:-1]), samples.shape[-1])


def planned(source: Source, rate_hz: int, settings: DenoiseSettings | None = None) -> Plan:
    """Choose basis and leaves for a recording, reading it twice.

    Raises
    ------
    SettingError
        If there is no sample, or the wavelet is not orthogonal.
    """
    settings = settings or DenoiseSettings()
    sums, n_samples = _summed(source(), rate_hz, settings)
    costs = sums.costs()
    fixed = fixed_basis(settings.depth, settings.depth)
    basis = best_basis(costs) if settings.basis == "best" else fixed
    evidence = _Evidence(basis, min(settings.frame_s, n_samples / rate_hz))
    fade = _fade(rate_hz, settings)
    for frame in _frames(source(), rate_hz, settings):
        span = _untouched(frame, fade)
        for channel in frame.samples:
            evidence.add(analysed_into(channel, basis, settings.wavelet), span, rate_hz)
    judged = tuple(evidence.judged(costs, sums.energy, rate_hz, settings))
    kept = tuple(np.zeros_like(level) for level in basis)
    for leaf in judged:
        kept[leaf.level][leaf.node] = leaf.is_kept
    return Plan(settings, rate_hz, n_samples, costs, basis, kept, judged)


def cleaned(blocks: Iterable[Block], plan: Plan) -> Iterator[Float64[ndarray, "channel _"]]:
    """Denoise a recording by a plan, by blocks, in constant memory.

    Yields
    ------
    Blocks that together have the recording's samples.
    """
    fade = _fade(plan.rate_hz, plan.settings)
    rising = _rising(fade)
    held: Float64[ndarray, "channel sample"] | None = None
    left = plan.n_samples
    for frame in _frames(blocks, plan.rate_hz, plan.settings):
        clean = np.stack([_cleaned_frame(channel, plan) for channel in frame.samples])
        if held is None:
            body = clean[:, fade:-fade]
        else:
            clean[:, :fade] = rising * clean[:, :fade] + (1 - rising) * held
            body = clean[:, :-fade]
        held = clean[:, -fade:]
        yield np.asarray(body[:, :left])
        left -= min(left, body.shape[1])


def _rising(fade: int) -> Float64[ndarray, " sample"]:
    """Rise from 0 to 1 within the middle half of a fade: its ends feel where frames wrap."""
    share = np.clip(2 * (np.arange(fade) + 0.5) / fade - 0.5, 0.0, 1.0)
    return np.asarray(np.sin(np.pi / 2 * share) ** 2)


def learnt_template(
    name: str,
    samples: Float[ndarray, "*channel sample"],
    rate_hz: int,
    settings: DenoiseSettings | None = None,
) -> Template:
    """Learn where a class of sounds stands out, from an example of it with little noise.

    The floor is the quarter of bands with the least energy.
    """
    settings = settings or DenoiseSettings()
    rows = _rows(samples)
    sums, _ = _summed([rows], rate_hz, settings)
    order = np.argsort([place_of(node) for node in range(1 << settings.depth)])
    energy = sums.energy[-1][order]
    floor = max(float(np.quantile(energy, 0.25)), 1e-12 * float(energy.max()), _TINY)
    width = rate_hz / 2 / len(energy)
    centres = tuple(float(width * (place + 0.5)) for place in range(len(energy)))
    return Template(name, centres, tuple(np.log(np.maximum(energy / floor, 1.0)).tolist()))


def _summed(
    blocks: Iterable[Block], rate_hz: int, settings: DenoiseSettings
) -> tuple[CostSums, int]:
    """Add up costs over frames and channels, and count samples."""
    counter = _Counter(blocks)
    total: CostSums | None = None
    for frame in _frames(counter, rate_hz, settings):
        for channel in frame.samples:
            sums = cost_sums(analysed(channel, settings.wavelet, settings.depth), settings.cost)
            total = sums if total is None else total + sums
    if total is None:
        raise SettingError("what is denoised must have at least one sample, but none was given")
    return total, counter.n_samples


class _Counter:
    """Blocks on their way through, counted."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = blocks
        self.n_samples = 0

    def __iter__(self) -> Iterator[Block]:
        for block in self._blocks:
            self.n_samples += block.shape[1]
            yield block


def _fade(rate_hz: int, settings: DenoiseSettings) -> int:
    """Give the samples in which frames fade into each other: four times a coefficient's reach."""
    reach = (wavelet_filters(settings.wavelet).shape[1] - 1) << settings.depth
    return padded_length(max(round(_FADE_S * rate_hz), 4 * reach), settings.depth + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """Samples, and from where to where they are the recording's own."""

    samples: Float64[ndarray, "channel sample"]
    start: int
    stop: int


def _frames(blocks: Iterable[Block], rate_hz: int, settings: DenoiseSettings) -> Iterator[_Frame]:
    """Cut a recording, turned over at both ends, into frames that overlap by a fade.

    A recording shorter than a frame is one frame of its own length.
    """
    fade = _fade(rate_hz, settings)
    size = padded_length(round(settings.frame_s * rate_hz), settings.depth) + 2 * fade
    hop = size - fade
    pieces = iter(blocks)
    first = _at_least(fade, pieces)
    if not first.shape[1]:
        return
    n_samples, n_frames, before = 0, 0, first[:, :0]
    held = _turned_on(first[:, ::-1], fade, fade)[:, ::-1]
    for block in itertools.chain([first], pieces):
        n_samples += block.shape[1]
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= size:
            start = fade if n_frames == 0 else 0
            yield _Frame(np.asarray(held[:, :size], np.float64), start, size)
            before, held, n_frames = held[:, :hop], held[:, hop:], n_frames + 1
    missing = -(-(n_samples + fade) // hop) - n_frames
    if n_frames == 0 and missing == 1:
        size = padded_length(n_samples + 2 * fade, settings.depth)
    known = np.concatenate([before, held], axis=1)
    wanted = before.shape[1] + (missing - 1) * hop + size
    beyond = _turned_on(known, max(0, wanted - known.shape[1]), fade)
    rest = np.concatenate([known, beyond], axis=1)
    for i in range(missing):
        at = before.shape[1] + i * hop
        start = fade if n_frames + i == 0 else 0
        stop = n_samples + fade - (n_frames + i) * hop
        yield _Frame(np.asarray(rest[:, at : at + size], np.float64), start, min(stop, size))


def _turned_on(sound: Block, count: int, fade: int) -> Float64[ndarray, "channel more"]:
    """Go on past the end with the sound turned over by its last point: a mirror's kink clicks.

    What that adds to the mean fades out.
    """
    mirrored = np.pad(sound, ((0, 0), (0, count)), mode="reflect")[:, sound.shape[1] :]
    falling = np.cos(np.pi / 2 * np.minimum(np.arange(1, count + 1) / fade, 1.0)) ** 2
    return np.asarray(2.0 * sound[:, -1:] * falling - mirrored, np.float64)


def _untouched(frame: _Frame, fade: int) -> tuple[int, int]:
    """Give from where to where coefficients know of nothing but the recording.

    Where a frame wraps around, and where the recording ends, a loud hum seems to click. What is
    left out at the end of one frame is in the next.
    """
    reach = fade // 4
    start = max(frame.start + reach, fade // 2)
    stop = min(frame.stop - reach, frame.samples.shape[1] - fade // 2)
    if stop - start <= reach and frame.start:  # the whole recording is no longer than that
        return frame.start, frame.stop
    return start, max(start, stop)


def _at_least(count: int, pieces: Iterator[Block]) -> Float[ndarray, "channel sample"]:
    """Take blocks until there are so many samples, or no more."""
    taken: list[Block] = []
    while sum(block.shape[1] for block in taken) < count:
        block = next(pieces, None)
        if block is None:
            break
        taken.append(block)
    if len(taken) == 1:
        return taken[0]
    return np.concatenate(taken, axis=1) if taken else np.zeros((0, 0))


def _cleaned_frame(channel: Float64[ndarray, " sample"], plan: Plan) -> Float64[ndarray, " sample"]:
    """Silence coefficients that noise could have made, and leaves that are not kept."""
    wavelet = plan.settings.wavelet
    leaves = analysed_into(channel, plan.kept, wavelet)
    sigma = None
    if plan.settings.noise == "global":
        sigma = noise_scale(analysed(channel, wavelet, 1).levels[1][1:])
    values = tuple(
        _thresholded(level, sigma, len(channel), plan.settings) if level.size else level
        for level in leaves.values
    )
    return reconstructed(Leaves(leaves.nodes, values, leaves.n_samples, leaves.wavelet))


def noise_scale(values: Float64[ndarray, "row sample"]) -> Float64[ndarray, "row 1"]:
    """Estimate the deviation of noise under sparse signals, a row at a time."""
    return np.asarray(np.median(np.abs(values), axis=-1, keepdims=True) / NORMAL_MEDIAN)


def _thresholded(
    values: Float64[ndarray, "leaf sample"],
    sigma: Float64[ndarray, "1 1"] | None,
    n_samples: int,
    settings: DenoiseSettings,
) -> Float64[ndarray, "leaf sample"]:
    """Apply rule and threshold; a global sigma comes with a global count."""
    if settings.strength == 0:
        return values
    own = noise_scale(values) if sigma is None else np.broadcast_to(sigma, (len(values), 1))
    count = values.shape[-1] if sigma is None else n_samples
    times: float | Float64[ndarray, "leaf 1"] = universal(count)
    if settings.threshold == "sure":
        times = sure_threshold(values / np.where(own > 0, own, 1.0))
    limit = settings.strength * own * times
    return shrunk(values, np.asarray(limit), settings.rule)


def universal(count: int) -> float:
    """Give the threshold, in sigmas, that so many numbers of pure noise hardly ever pass."""
    return float(np.sqrt(2 * np.log(max(count, 2))))


def sure_threshold(values: Float64[ndarray, "row sample"]) -> Float64[ndarray, "row 1"]:
    """Give the threshold of least estimated error of soft thresholding, for noise of sigma 1.

    Sparse rows get the universal one, as the estimate is too rough there (Donoho and Johnstone
    1995, section 2.4).
    """
    n = values.shape[-1]
    power = np.sort(values**2, axis=-1)
    below = np.arange(1, n + 1)
    risk = n - 2 * below + np.cumsum(power, axis=-1) + (n - below) * power
    best = np.take_along_axis(power, risk.argmin(axis=-1)[..., None], axis=-1)
    sparse = power.mean(axis=-1, keepdims=True) - 1 <= np.log2(max(n, 2)) ** 1.5 / np.sqrt(n)
    chosen = np.minimum(np.sqrt(best), universal(n))
    return np.asarray(np.where(sparse, universal(n), chosen))


def shrunk(
    values: Float64[ndarray, "row sample"],
    limit: Float64[ndarray, "row 1"],
    rule: Literal["hard", "soft", "garrote"],
) -> Float64[ndarray, "row sample"]:
    """Silence what does not pass the threshold, and treat the rest by the rule."""
    size = np.abs(values)
    match rule:
        case "hard":
            kept = np.where(size > limit, values, 0.0)
        case "soft":
            kept = np.copysign(np.maximum(size - limit, 0.0), values)
        case "garrote":
            kept = values - np.where(
                size > limit, limit**2 / np.where(size > 0, values, 1.0), values
            )
    return np.asarray(kept)


class _Evidence:
    """What is learnt of the leaves of a basis while frames go by."""

    def __init__(self, basis: Basis, whole_s: float) -> None:
        """Of frames of about `whole_s` seconds; lines are sought in what is hardly shorter."""
        self._basis = basis
        self._counts = [int(level.sum()) for level in basis]
        self._moments = [np.zeros((5, count)) for count in self._counts]
        self._spectra: list[Float64[ndarray, "leaf bin"] | None] = [None] * len(basis)
        self._bin_hz = [1.0] * len(basis)
        self._whole_s = whole_s

    def add(self, leaves: Leaves, span: tuple[int, int], rate_hz: int) -> None:
        """Take what one channel of a frame has between two samples."""
        if span[0] == span[1]:
            return
        for level, values in enumerate(leaves.values):
            first = -(-span[0] >> level)
            inner = values[:, first : max(span[1] >> level, first + 1)]
            if inner.size:
                self._add_level(level, inner, (inner.shape[1] << level) / rate_hz)

    def _add_level(
        self, level: int, values: Float64[ndarray, "leaf sample"], duration_s: float
    ) -> None:
        squares = values**2
        mean = squares.mean(axis=-1, keepdims=True)
        floor = noise_scale(values) ** 2
        floor = np.where(floor > 0, floor, np.where(mean > 0, mean, 1.0))
        squares /= floor
        moments = self._moments[level]
        moments[0] += values.shape[-1]
        moments[1] += squares.sum(axis=-1)
        moments[2] += np.einsum("ls,ls->l", squares, squares)
        np.maximum(moments[3], squares.max(axis=-1), out=moments[3])
        moments[4] += values.shape[-1] * floor[:, 0]
        if duration_s >= max(_SHORTEST_S, 0.6 * self._whole_s):
            self._add_envelope(level, squares, duration_s)

    def _add_envelope(
        self, level: int, squares: Float64[ndarray, "leaf sample"], duration_s: float
    ) -> None:
        """Add the spectrum of a leaf's envelope; logarithms keep one loud click from hiding all."""
        together, rate_hz = 1, squares.shape[-1] / duration_s
        while rate_hz / (2 * together) >= _ENVELOPE_HZ:
            together *= 2
        rate_hz /= together
        n = squares.shape[-1] // together
        pooled = squares[:, : n * together].reshape(len(squares), n, together).mean(axis=-1)
        envelope = np.log1p(pooled)
        envelope -= envelope.mean(axis=-1, keepdims=True)
        envelope *= np.hanning(n + 2)[1:-1]
        size = 2 << math.ceil(math.log2(rate_hz * self._whole_s))
        power = np.abs(np.fft.rfft(envelope, size)) ** 2
        highest_hz = max(HARMONICS) * MAINS_HZ[1][1] + 2 * _FLOOR_HZ
        power = power[:, : int(highest_hz * size / rate_hz)]
        known = self._spectra[level]
        self._spectra[level] = power if known is None else known + power
        self._bin_hz[level] = rate_hz / size

    def judged(
        self,
        costs: Costs,
        energy: Costs,
        rate_hz: int,
        settings: DenoiseSettings,
    ) -> Iterator[Leaf]:
        """Judge every leaf, by rising frequency."""
        whole = max(float(energy[0][0]), _TINY)
        spent = sum(
            float(own[chosen].sum()) for own, chosen in zip(costs, self._basis, strict=True)
        )
        for level, node in nodes_of(self._basis):
            row = int(self._basis[level][:node].sum())
            count, second, fourth, largest, floor = self._moments[level][:, row]
            power = second / count
            ratio, mains_hz = self._mains(level, row, rate_hz / (1 << level))
            alike, template = _likeness(energy, (level, node), floor, rate_hz, settings)
            low_hz, high_hz = band_hz(level, node, rate_hz)
            yield _decided(
                Leaf(
                    level=level,
                    node=node,
                    low_hz=low_hz,
                    high_hz=high_hz,
                    cost=float(costs[level][node]) / spent if spent else 0.0,
                    share=float(energy[level][node]) / whole,
                    kurtosis=float(fourth / count / power**2 - 3) if power else 0.0,
                    crest=float(np.sqrt(largest / power)) if power else 1.0,
                    mains=ratio,
                    mains_hz=mains_hz,
                    likeness=alike,
                    template=template,
                    score=0.0,
                    is_kept=False,
                    why="",
                ),
                settings.choice,
            )

    def _mains(self, level: int, row: int, rate_hz: float) -> tuple[float, float]:
        """Give the largest mean of harmonics over their floors, and its fundamental."""
        spectra = self._spectra[level]
        if spectra is None:
            return 1.0, 0.0
        return mains_ratio(spectra[row], self._bin_hz[level], 0.45 * rate_hz, 1 / self._whole_s)


def mains_ratio(
    power: Float64[ndarray, " bin"], bin_hz: float, highest_hz: float, resolution_hz: float
) -> tuple[float, float]:
    """Give how far the harmonics of the likeliest mains frequency stand above what is beside them.

    The mean over harmonics 1, 2 and 4 (those below `highest_hz`) of power over floor, the floor
    being the median within 8 Hz (or six times the resolution, 1 / duration) to both sides; noise
    gives about 1, and 2 to 3 for the best of all candidates.
    """
    best, best_hz = 1.0, 0.0
    for low_hz, high_hz in MAINS_HZ:
        harmonics = [h for h in HARMONICS if h * high_hz + _FLOOR_HZ < highest_hz]
        floors = [
            _floor(power, bin_hz, h * (low_hz + high_hz) / 2, resolution_hz) for h in harmonics
        ]
        for f0_hz in np.arange(low_hz, high_hz + bin_hz / 8, bin_hz / 4):
            at = [round(float(h * f0_hz / bin_hz)) for h in harmonics]
            ratios = [power[i] / max(floor, _TINY) for i, floor in zip(at, floors, strict=True)]
            ratio = float(np.mean(ratios)) if ratios else 1.0
            if ratio > best:
                best, best_hz = ratio, float(f0_hz)
    return best, best_hz


def _floor(
    power: Float64[ndarray, " bin"], bin_hz: float, centre_hz: float, resolution_hz: float
) -> float:
    """Read what is beside a line: the mean of exponentials from their median."""
    half, hole = max(_FLOOR_HZ, 6 * resolution_hz), max(1.5, 2 * resolution_hz)
    away_hz = np.abs(np.arange(len(power)) * bin_hz - centre_hz)
    return float(np.median(power[(away_hz <= half) & (away_hz > hole)]) / np.log(2))


def _likeness(
    energy: Costs,
    leaf: tuple[int, int],
    noise: float,
    rate_hz: int,
    settings: DenoiseSettings,
) -> tuple[float, str | None]:
    """Compare where in frequency a leaf stands above its noise with the templates.

    The cosine of log band energies over the largest that a single band reaches, at most 1.
    `noise` is the energy of the leaf's noise.
    """
    (level, node), depth = leaf, settings.depth
    many = 1 << (depth - level)
    bands = np.arange(node * many, (node + 1) * many)
    height = np.log(np.maximum(energy[-1][bands] * many / max(noise, _TINY), 1.0))
    width_hz = rate_hz / 2 / (1 << depth)
    here_hz = width_hz * (np.array([place_of(int(band)) for band in bands]) + 0.5)
    best, name = 0.0, None
    for template in settings.choice.templates:
        wanted = np.interp(here_hz, template.frequency_hz, template.height, left=0.0, right=0.0)
        most = float(np.linalg.norm(height)) * max(template.height)
        alike = min(1.0, float(height @ wanted) / max(most, _TINY))
        if alike > best:
            best, name = alike, template.name
    return best, name


def _decided(leaf: Leaf, choice: Choice) -> Leaf:
    """Weigh what is known of a leaf, and say why it is kept or not."""
    score = choice.bias
    score += choice.suddenness * float(np.log1p(max(leaf.kurtosis, 0.0)))
    score += choice.peak * float(np.log(max(leaf.crest, 1.0)))
    score += choice.mains * float(np.log(max(leaf.mains, 1.0)))
    if choice.templates:
        score += choice.likeness * (2 * leaf.likeness - 1)
    is_kept = score >= choice.limit and leaf.share > choice.least_share
    why = _said(leaf, choice)
    if choice.keep == "all":
        is_kept, why = True, "all leaves are kept"
    elif leaf.share <= choice.least_share:
        why = "next to no energy"
    return replace(leaf, score=score, is_kept=is_kept, why=why)


def _said(leaf: Leaf, choice: Choice) -> str:
    """Name what speaks for or against a leaf."""
    sudden = "sudden" if leaf.kurtosis >= _SUDDEN else "steady"
    said = f"{sudden} (excess kurtosis {leaf.kurtosis:.3g})"
    if leaf.mains >= _LOCKED:
        said += f", follows {leaf.mains_hz:.1f} Hz (ratio {leaf.mains:.3g})"
    if choice.templates:
        alike = "like" if leaf.likeness >= 0.5 else "unlike"
        said += f", {alike} {leaf.template or 'any template'} ({leaf.likeness:.2f})"
    return said
