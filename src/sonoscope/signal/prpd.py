"""Phase-resolved patterns of discharges from sound alone: from samples to a verdict.

    samples ─► band ─► envelope ─► pulses ────────────────► phases ─► pattern ─► kind
                          └──────► activity ─► mains ──────────┘

**Band.** Of the bands that the rate holds, the one whose activity keeps the mains' clock best;
where none does, the most impulsive. **Mains** and **wheel**: `signal.mains`. **Phase**: sound does
not tell where a voltage crosses zero, so the pattern is turned to where it fits its likeliest
reference best (`signal.references`). What is symmetric over half cycles, and what only polarity
tells apart, stays open by 180°; `Fit.half_turn` says how much.

**Verdict.** `nothing`: fewer clear pulses than noise may have. A mains-locked kind, or `unknown`
where no reference stands out. `brush`: locked to another clock. `unphased`: pulses without a clock,
such as a loose particle's, loose metal's or raindrops', which sound alone does not tell apart.

Sound of any length is heard in pieces of a minute, each with its own clock; patterns of pieces are
turned onto each other before they are added, so memory grows by pulses alone (24 bytes each).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Float64
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal import references
from sonoscope.signal.envelope import (
    Band,
    Envelope,
    EnvelopeStream,
    bands_within,
    check_band,
    envelope,
    impulsiveness,
)
from sonoscope.signal.mains import (
    NOMINALS_HZ,
    Clock,
    activity,
    find_clock,
    find_mains,
    likeliest_mains,
    shifted,
)
from sonoscope.signal.patterns import (
    Curves,
    Operators,
    Pattern,
    absolute_pattern,
    curves,
    decibels,
    folded,
    normalised_pattern,
    operators,
)
from sonoscope.signal.pulses import Pulses, pick, threshold_of
from sonoscope.signal.references import LEVEL_DB, LOWEST_DB, Counts, Fit, References, TwoSources

Kind = Literal["corona", "surface", "floating", "internal", "brush", "unphased"]
Verdict = Kind | Literal["unknown", "nothing"]

ClockName = Literal["mains", "other"]

KINDS: tuple[Kind, ...] = get_args(Kind)
DISCHARGES = ("corona", "surface", "floating", "internal", "brush", "unknown")
"""Verdicts that keep a clock, and so speak of something electrical."""

SHORTEST_S = 0.25
_CHOICE_S = 10.0
_REFERENCE = 0.95
Positive = Annotated[float, Field(gt=0)]


@settings(config=STRICT)
class PrpdSettings:
    """How patterns are made.

    Attributes
    ----------
    band_hz
        Lowest and highest frequency listened to; None to choose.
    channel
        Which channel, from 0; None for the mean power of all, without regard to directions.
    mains_hz
        50, 60 or 16.7; None to find out which.
    search_hz
        How far mains may be off: its own deviation, and Doppler's (0.15 Hz at 50 Hz and 1 m/s).
    threshold_mads
        Of pulses, over the median of the envelope, in median absolute deviations.
    dead_s
        Least time between two pulses.
    clear_db
        How far over the threshold a pulse is no noise.
    least_hz
        Clear pulses a second below which there is nothing.
    phase_bins
        Of the pattern; even.
    clock_hz
        Where another clock than mains is looked for.
    false_alarm
        Probability with which noise may pass for locked, for each of the two clocks.
    least_lock
        Mean of log(1 + P) over harmonics that a clock needs: about 1 of noise, however coloured;
        more than one line must stand out.
    surest
        Share that a kind needs among all to be named.
    sources
        How many discharges to look for: with 2 the pattern is taken apart into two kinds, whether
        two are there or not, which no likelihood tells well.
    piece_s
        Length of the pieces of long sounds.
    """

    band_hz: tuple[Positive, Positive] | None = None
    channel: Annotated[int, Field(ge=0)] | None = None
    mains_hz: float | None = None
    search_hz: Annotated[float, Field(gt=0, le=3)] = 1.0
    threshold_mads: Annotated[float, Field(ge=3, le=30)] = 6.0
    dead_s: Annotated[float, Field(gt=0, le=0.01)] = 0.4e-3
    clear_db: Annotated[float, Field(ge=0, le=20)] = 1.5
    least_hz: Positive = 8.0
    phase_bins: Annotated[int, Field(ge=12, le=720, multiple_of=2)] = 72
    clock_hz: tuple[Positive, Positive] = (10.0, 330.0)
    false_alarm: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    least_lock: Annotated[float, Field(ge=0)] = 1.5
    surest: Annotated[float, Field(ge=0, lt=1)] = 0.5
    sources: Literal[1, 2] = 1
    piece_s: Annotated[float, Field(ge=10, le=600)] = 60.0

    @model_validator(mode="after")
    def _in_order(self) -> "PrpdSettings":
        for name, pair in (("band_hz", self.band_hz), ("clock_hz", self.clock_hz)):
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError(f"{name} must rise")
        if self.mains_hz not in (None, 50, 60, 16.7):
            raise ValueError("mains_hz must be 50, 60 or 16.7")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Prpd:
    """The pattern of a recording and what it says.

    Attributes
    ----------
    duration_s
        Of the sound.
    band
        Listened to.
    mains
        Its clock, as far as it is one: see `locked`; its phase is aligned to the references.
    other
        The likeliest clock that is not mains.
    locked, turned
        Whether pulses keep the mains' clock, or the other one.
    kept
        Which clocks are kept by what is heard, clear pulses or not; not the mains' where the other
        is kept better. Noise that hums keeps clocks too.
    pulses
        All of them.
    phase
        Of each pulse in radians, not wrapped.
    absolute, normalised
        Counts of the clear pulses over phase and amplitude.
    folded
        Counts of the envelope itself, pulses or not, over phase and level above its median.
    curves, operators
        Of the clear pulses.
    fit
        How the pattern fits the kinds; None with too few pulses.
    two
        The same for two sources at once, if they were asked for and pulses are locked.
    verdict
        What it all comes to.
    pieces
        How many pieces it was heard in.
    """

    duration_s: float
    band: Band
    mains: Clock
    other: Clock
    locked: bool
    turned: bool
    kept: frozenset[ClockName]
    pulses: Pulses
    phase: Float64[ndarray, " pulse"]
    clear: Bool[ndarray, " pulse"]
    absolute: Pattern
    normalised: Pattern
    folded: Pattern
    curves: Curves
    operators: Operators
    fit: Fit | None
    two: TwoSources | None
    verdict: Verdict
    pieces: int

    @property
    def mains_hz(self) -> float:
        """Mean frequency of the mains as it is heard."""
        return self.mains.hz

    @property
    def kinds(self) -> tuple[Verdict, ...]:
        """One verdict, or the kinds of both sources if two were asked for."""
        if self.two is not None:
            return (self.two.first.kind, self.two.second.kind)
        return (self.verdict,)

    @property
    def clear_hz(self) -> float:
        """Clear pulses a second."""
        return float(self.clear.sum()) / self.duration_s

    def network_input(self) -> Float64[ndarray, "2 phase amplitude"]:
        """Give what a network listens to: log(1 + counts) of both half cycles."""
        return self.normalised.halves()


def phase_resolve(
    samples: Float[ndarray, "*channel sample"],
    rate_hz: int,
    wanted: PrpdSettings | None = None,
) -> Prpd:
    """Find mains, pulses, pattern and kind of sound in memory.

    Parameters
    ----------
    samples
        One channel or several.

    Raises
    ------
    SettingError
        If the rate cannot hold the band, or there is no such channel.
    InputError
        If it is shorter than a quarter of a second.
    """
    return phase_resolve_blocks((np.atleast_2d(samples),), rate_hz, wanted)


def phase_resolve_blocks(
    blocks: Iterable[Float[ndarray, "channel sample"]],
    rate_hz: int,
    wanted: PrpdSettings | None = None,
    known: References | None = None,
) -> Prpd:
    """Do the same for sound that comes by blocks, in memory that grows by pulses alone.

    Raises
    ------
    SettingError, InputError
        As `phase_resolve` does.
    """
    wanted = wanted or PrpdSettings()
    known = known or references.shipped()
    if wanted.band_hz is not None:
        check_band(rate_hz, wanted.band_hz)
    heard = [_heard(piece, wanted) for piece in _pieces(blocks, rate_hz, wanted)]
    if not heard:
        raise InputError(f"sound must be at least {SHORTEST_S:g} s long, but less was given")
    return _resolved(_joined(heard), wanted, known)


def heard_envelope(
    samples: Float[ndarray, "channel sample"], rate_hz: int, wanted: PrpdSettings
) -> tuple[Envelope, int]:
    """Give the envelope of the band that is listened to, and among how many it was chosen.

    Of a sound of less than two pieces; `phase_resolve_envelope` does the rest.

    Raises
    ------
    SettingError, InputError
        As `phase_resolve` does.
    """
    for heard in _pieces((samples,), rate_hz, wanted):
        return heard
    raise InputError(f"sound must be at least {SHORTEST_S:g} s long, but less was given")


def phase_resolve_envelope(found: Envelope, wanted: PrpdSettings, *, bands: int = 1) -> Prpd:
    """Do the same from the envelope of a band on, which was chosen among so many.

    Raises
    ------
    InputError
        If it is shorter than a quarter of a second.
    """
    if found.duration_s < SHORTEST_S:
        raise InputError(f"sound must be at least {SHORTEST_S:g} s long, but less was given")
    return _resolved(_heard((found, bands), wanted), wanted, references.shipped())


# ── from samples to pulses and clocks ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """Pulses and clocks of one piece, or of all."""

    duration_s: float
    band: Band
    bands: int
    mains: Clock
    other: Clock
    pulses: Pulses
    phase: Float64[ndarray, " pulse"]
    folded: Pattern
    pieces: int = 1


def _pieces(
    blocks: Iterable[Float[ndarray, "channel sample"]], rate_hz: int, wanted: PrpdSettings
) -> Iterator[tuple[Envelope, int]]:
    """Give envelopes of pieces, and among how many bands was chosen; the last may be longer."""
    chosen = (_one_channel(block, wanted) for block in blocks)
    first, rest = _ahead(chosen, round(_CHOICE_S * rate_hz))
    if first.shape[1] < SHORTEST_S * rate_hz:
        return
    band, count = _choose_band(first, rate_hz, wanted)
    stream = EnvelopeStream(rate_hz, band)
    size, held = round(wanted.piece_s * stream.rate_hz), np.zeros(0)
    for block in _chain(first, rest):
        held = np.concatenate([held, stream.feed(block)])
        while len(held) >= 2 * size:
            yield Envelope(held[:size], stream.rate_hz, band), count
            held = held[size:]
    yield Envelope(np.concatenate([held, stream.finish()]), stream.rate_hz, band), count


_BLOCK = 1 << 18


def _chain(
    first: Float[ndarray, "channel sample"], rest: Iterable[Float[ndarray, "channel _"]]
) -> Iterator[Float[ndarray, "channel _"]]:
    """Give all samples in blocks of a bounded size."""
    yield from _cut(first)
    for block in rest:
        yield from _cut(block)


def _cut(block: Float[ndarray, "channel sample"]) -> Iterator[Float[ndarray, "channel _"]]:
    for start in range(0, block.shape[1], _BLOCK):
        yield block[:, start : start + _BLOCK]


def _ahead(
    blocks: Iterator[Float[ndarray, "channel _"]], count: int
) -> tuple[Float[ndarray, "channel sample"], Iterator[Float[ndarray, "channel _"]]]:
    """Take so many samples, or a few more, off the start of a stream."""
    taken: list[Float[ndarray, "channel _"]] = []
    for block in blocks:
        taken.append(block)
        if sum(one.shape[1] for one in taken) >= count:
            break
    first = np.concatenate(taken, axis=1) if taken else np.zeros((1, 0))
    return first, blocks


def _one_channel(
    block: Float[ndarray, "channel sample"], wanted: PrpdSettings
) -> Float[ndarray, "_ sample"]:
    if wanted.channel is None:
        return block
    if wanted.channel >= block.shape[0]:
        raise SettingError(
            f"channel must be one of {block.shape[0]}, counted from 0, "
            f"but {wanted.channel} was given"
        )
    return block[wanted.channel : wanted.channel + 1]


def _choose_band(
    samples: Float[ndarray, "channel sample"], rate_hz: int, wanted: PrpdSettings
) -> tuple[Band, int]:
    """Choose the band that keeps the mains' clock best, else the most impulsive one."""
    if wanted.band_hz is not None:
        return wanted.band_hz, 1
    bands = bands_within(rate_hz)
    if len(bands) == 1:
        return bands[0], 1
    start = samples[:, : round(_CHOICE_S * rate_hz)]
    found = [envelope(start, rate_hz, band) for band in bands]
    heard = [activity(one, wanted.threshold_mads) for one in found]
    locks = [likeliest_mains(one, _nominals(wanted), wanted.search_hz).log_score for one in heard]
    if max(locks) >= wanted.least_lock:
        return bands[int(np.argmax(locks))], len(bands)
    return bands[int(np.argmax([impulsiveness(one.power) for one in found]))], len(bands)


def _nominals(wanted: PrpdSettings) -> tuple[float, ...]:
    if wanted.mains_hz is None:
        return NOMINALS_HZ
    return tuple(hz for hz in NOMINALS_HZ if abs(hz - wanted.mains_hz) < 0.1)


def _heard(piece: tuple[Envelope, int], wanted: PrpdSettings) -> _Heard:
    found, bands = piece
    active = activity(found, wanted.threshold_mads)
    mains = find_mains(active, _nominals(wanted), wanted.search_hz)
    other = find_clock(active, *wanted.clock_hz, mains)
    pulses = pick(found, wanted.threshold_mads, wanted.dead_s)
    phase = mains.phase_at(pulses.time_s)
    return _Heard(
        found.duration_s, found.band, bands, mains, other, pulses, phase, _folded(found, mains)
    )


_FOLDED_EVERY = 2  # values of the envelope: they are a third of its smoothing apart
_FINE = 360


def _folded(found: Envelope, mains: Clock) -> Pattern:
    power = np.maximum(found.power[::_FOLDED_EVERY], 1e-30)
    rate_hz = found.rate_hz / _FOLDED_EVERY
    over_db = 10 * np.log10(power / threshold_of(power, rate_hz, 0.0))
    return folded(mains.phase_at(np.arange(len(power)) / rate_hz), over_db, _FINE)


def _joined(heard: Sequence[_Heard]) -> _Heard:
    """Put pieces after each other, each turned onto those before it."""
    whole = heard[0]
    for piece in heard[1:]:
        by = _turn_onto(_profile(whole), _profile(piece))
        mains = shifted(piece.mains, by)
        start = whole.duration_s
        pulses = Pulses(
            np.concatenate([whole.pulses.time_s, piece.pulses.time_s + start]),
            np.concatenate([whole.pulses.amplitude, piece.pulses.amplitude]),
            np.concatenate([whole.pulses.threshold, piece.pulses.threshold]),
        )
        whole = _Heard(
            start + piece.duration_s,
            whole.band,
            whole.bands,
            _joined_clock(whole.mains, mains, start, whole.pieces),
            _joined_clock(whole.other, piece.other, start, whole.pieces),
            pulses,
            np.concatenate([whole.phase, piece.phase + by]),
            whole.folded.plus(piece.folded.turned(by)),
            whole.pieces + 1,
        )
    return whole


def _profile(heard: _Heard) -> Float64[ndarray, " phase"]:
    turns = heard.phase / (2 * np.pi)
    counted, _ = np.histogram(turns - np.floor(turns), 360, (0, 1))
    return np.asarray(counted - counted.mean())


def _turn_onto(whole: Float64[ndarray, " phase"], piece: Float64[ndarray, " phase"]) -> float:
    """Give the phase to add to a piece so that its counts lie best on those of the whole."""
    spectrum = np.fft.rfft(whole) * np.fft.rfft(piece).conj()
    spectrum[13:] = 0  # finer than 30° is chance
    return float(2 * np.pi * int(np.fft.irfft(spectrum, 360).argmax()) / 360)


def _joined_clock(before: Clock, after: Clock, start_s: float, pieces: int) -> Clock:
    """Go on with a later piece's clock; figures are means, the false alarm of the surer one."""
    time = after.time_s + start_s
    phase = after.track_rad
    gap = before.phase_at(time[:1])[0] - phase[0]
    whole_turns = 2 * np.pi * np.round(gap / (2 * np.pi))
    weight = 1 / (pieces + 1)
    return Clock(
        before.nominal_hz if before.log_score >= after.log_score else after.nominal_hz,
        before.hz + weight * (after.hz - before.hz),
        np.concatenate([before.time_s, time]),
        np.concatenate([before.track_hz, after.track_hz]),
        np.concatenate([before.track_rad, phase + whole_turns]),
        before.score + weight * (after.score - before.score),
        before.log_score + weight * (after.log_score - before.log_score),
        min(1.0, 2 * min(before.false_alarm, after.false_alarm)),
    )


# ── from pulses to a verdict ─────────────────────────────────────────────────────────────────────


def _resolved(heard: _Heard, wanted: PrpdSettings, known: References) -> Prpd:
    clear = heard.pulses.over_db >= wanted.clear_db
    enough = int(clear.sum()) >= max(10.0, wanted.least_hz * heard.duration_s)
    kept = _kept(heard, wanted)
    locked = "mains" in kept
    turned = "other" in kept and not locked
    counts = compared(heard.pulses, heard.phase, clear, wanted.clear_db) if enough else None
    fitted = references.fit(known, *counts) if counts is not None else None
    by = -fitted.best[0].shift_rad if fitted is not None and locked else 0.0
    phase = heard.phase + by
    shown, amplitude = phase[clear], heard.pulses.amplitude[clear]
    two = None
    if counts is not None and fitted is not None and locked and wanted.sources == 2:
        two = references.fit_two(known, *counts, fitted)
    found = curves(shown, amplitude, wanted.phase_bins)
    return Prpd(
        heard.duration_s,
        heard.band,
        shifted(heard.mains, by),
        heard.other,
        locked and enough,
        turned and enough,
        kept,
        heard.pulses,
        phase,
        clear,
        absolute_pattern(shown, amplitude, wanted.phase_bins),
        normalised_pattern(shown, amplitude, wanted.phase_bins),
        heard.folded.turned(by).coarser(_FINE // references.PHASES),
        found,
        operators(found),
        fitted,
        two,
        _verdict(fitted, wanted, locked=locked, turned=turned),
        heard.pieces,
    )


def _kept(heard: _Heard, wanted: PrpdSettings) -> frozenset[ClockName]:
    """Tell which clocks are kept; not the mains' where the other is kept better."""
    kept = set[ClockName]()
    if _keeps(heard.other, heard.bands, wanted):
        kept.add("other")
    is_best = not kept or heard.mains.log_score >= heard.other.log_score
    if _keeps(heard.mains, heard.bands, wanted) and is_best:
        kept.add("mains")
    return frozenset(kept)


def _keeps(clock: Clock, bands: int, wanted: PrpdSettings) -> bool:
    sure = clock.false_alarm * bands < wanted.false_alarm
    return sure and clock.log_score >= wanted.least_lock - (clock.nominal_hz == 0) * _LOOSER


_LOOSER = 0.1  # windows of half a second see a turning clock's lines less high


def compared(
    pulses: Pulses,
    phase: Float64[ndarray, " pulse"],
    clear: Bool[ndarray, " pulse"],
    clear_db: float,
) -> tuple[Counts, int]:
    """Give the pattern for a comparison with references, and its first row that is whole.

    Parameters
    ----------
    clear, clear_db
        Which pulses stand clear of the noise, and how far over their thresholds that is.
    """
    clear = clear & ~echoes(pulses)
    level = decibels(pulses.amplitude[clear])
    reference = float(np.quantile(level, _REFERENCE))
    clear_from = float(np.median(decibels(pulses.threshold[clear]))) + clear_db - reference
    cut = int(np.clip(np.ceil((clear_from - LOWEST_DB) / LEVEL_DB), _LEAST_CUT, 10))
    return references.counts_of(phase[clear], level - reference), cut


_ECHO_S, _ECHO_DB = 0.01, 4.0
_LEAST_CUT = 6  # 12 dB below the strongest, echoes are among what is heard


def echoes(pulses: Pulses) -> Bool[ndarray, " pulse"]:
    """Tell which pulses may be echoes: 4 dB weaker than one in the 10 ms before.

    They are shown and counted, but not compared: halls would decide what the pattern looks like.
    """
    faint = pulses.amplitude * 10 ** (_ECHO_DB / 20)
    first = np.searchsorted(pulses.time_s, pulses.time_s - _ECHO_S)
    return np.array(
        [
            bool((pulses.amplitude[begin:here] > faint[here]).any())
            for here, begin in enumerate(first)
        ],
        bool,
    )


def _verdict(fitted: Fit | None, wanted: PrpdSettings, *, locked: bool, turned: bool) -> Verdict:
    if fitted is None:
        return "nothing"
    if not locked:
        return "brush" if turned else "unphased"
    kind = fitted.best[0].kind
    return kind if fitted.shares[kind] >= wanted.surest else "unknown"
