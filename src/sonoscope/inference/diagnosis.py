"""Hears a recording for discharges, window by window: pulses, clock, pattern, kind, figures.

::

    file ─► windows of 2 s ─► band ─► phase_resolve ─► who names it ─► Window
            (one pass)         │           └─► severity
                               └─ voted by a few windows first, so that levels compare

The band is chosen once: some windows, spread evenly, choose for themselves, and where any of them
keeps a clock the others listen as those do. Where none does, all choose for themselves, and then
the ones that keep a clock are heard again in the band that most of them chose.

Two can name a pattern: the network that ships (`inference.discharges`), or, where none does, the
reference patterns of `signal.references`. Whoever it is, a kind that cannot keep the clock that
was found is not named: what mains drive keeps the mains' clock, a brush its wheel's. Nobody is
asked where there are too few clear pulses.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.audio import AudioFile, read_blocks, read_span
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT, from_table
from sonoscope.inference.discharges import SHIPPED, DischargeNamer, Naming
from sonoscope.inference.model_file import resolve, shipped
from sonoscope.signal.denoise import Plan, planned
from sonoscope.signal.envelope import Band, Envelope
from sonoscope.signal.prpd import (
    SHORTEST_S,
    Prpd,
    PrpdSettings,
    heard_envelope,
    phase_resolve_envelope,
)
from sonoscope.signal.references import LOCKED
from sonoscope.signal.severity import severity
from sonoscope.targets.diagnosis import (
    FULL_BAND_HZ,
    Answer,
    Clock,
    State,
    Window,
    kept_by_clock,
    strongest,
)
from sonoscope.targets.discharge_card import DischargeCard

WINDOW_S = 2.0
"""As long as the sound is that the network learnt from; the windows of a file are equally long."""

LOWEST_RATE_HZ = 32_000
"""Below, no band of `signal.envelope` fits: nothing of a discharge would be left."""

REFERENCES = "references"
"""Names the reference patterns in place of a model."""

_FULL = 0.9999
_LOWEST_DB = -120.0  # no microphone is so quiet: rounding alone, which keeps the clock of any hum
_LEAK_DB = -90.0  # from the loudest sample: the band's filter stops no more of what lies outside
_SILENT: tuple[Clock, tuple[str, ...], State, dict[str, float]] = ("none", (), "nothing", {})
_SCOUTS = 6
_MOST_CHANNELS = 8
_THREADS = 2

Block = Float[ndarray, "channel _"]


@runtime_checkable
class Namer(Protocol):
    """Who names a pattern."""

    def name(self, found: Prpd) -> Naming:
        """Name what one pattern shows."""
        ...


class ByReferences:
    """Names a pattern by the reference pattern that it is likest.

    What it gives in place of confidence are likenesses among four kinds; they are not calibrated.
    """

    def name(self, found: Prpd) -> Naming:
        """Name what one pattern shows."""
        shares: dict[str, float] = dict.fromkeys((*LOCKED, "brush"), 0.0)
        if found.locked and found.fit is not None:
            shares |= dict(found.fit.shares.items())
        elif found.turned:
            shares["brush"] = 1.0
        kinds = (found.verdict,) if found.verdict in shares else ()
        return Naming(kinds, shares, found.verdict == "unknown")


@settings(config=STRICT)
class DiagnosisSettings:
    """How to listen for discharges.

    Attributes
    ----------
    mains_hz
        50, 60 or 16.7; None to find out which.
    channel
        Which channel, from 0; None for the mean power of all, or of eight of many.
    model
        A shipped model's name or a model file; `REFERENCES` for the reference patterns; None for
        the network that ships, or the references where none does.
    """

    mains_hz: float | None = None
    channel: Annotated[int, Field(ge=0)] | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """What a recording is heard with.

    Attributes
    ----------
    namer
        Who names patterns.
    wanted
        How patterns are made.
    channels, heard_as
        Which of the file's are heard, their power averaged; the same in words.
    """

    namer: Namer
    wanted: PrpdSettings
    channels: tuple[int, ...]
    heard_as: str

    @classmethod
    def of(cls, file: AudioFile, wanted: DiagnosisSettings) -> "Listener":
        """Settle who names, and which channels are heard.

        Raises
        ------
        InputError
            If the rate is too low to hold anything of a discharge.
        SettingError, CheckpointError
            If there is no such channel, mains or model.
        """
        if file.rate_hz < LOWEST_RATE_HZ:
            raise InputError(
                f"{file.path}: a recording to diagnose must have {LOWEST_RATE_HZ / 1e3:g} kHz or "
                f"more (96 kHz for ultrasound), as discharges are not told from other sounds "
                f"below, but {file.rate_hz / 1e3:g} kHz was given"
            )
        mains = {} if wanted.mains_hz is None else {"mains_hz": wanted.mains_hz}
        prpd = from_table(mains, PrpdSettings, where=str(file.path))
        return cls(open_namer(wanted.model), prpd, *_channels(file, wanted.channel))

    @property
    def card(self) -> DischargeCard | None:
        """The network's card, if one names."""
        return self.namer.card if isinstance(self.namer, DischargeNamer) else None

    @property
    def named_by(self) -> str:
        """The network's name, or `REFERENCES`."""
        return REFERENCES if self.card is None else self.card.name

    def settings(self, windows: int) -> dict[str, str]:
        """Say how it listens, for people."""
        wanted, mains = self.wanted, self.wanted.mains_hz
        return {
            "Windows": f"{windows}, heard one by one; the band is chosen once for all",
            "Channels": self.heard_as,
            "Mains": "found from the sound" if mains is None else f"told to be {mains:g} Hz",
            "Clear pulses": f"{wanted.threshold_mads:g} median absolute deviations over the median "
            f"of the envelope and {wanted.clear_db:g} dB more, {1e3 * wanted.dead_s:g} ms apart",
            "Fewest": f"{wanted.least_hz:g} clear pulses a second: fewer are nothing",
        }

    def pattern(self, samples: Block, rate_hz: int, band: Band | None) -> tuple[Prpd, Envelope]:
        """Make the pattern of the channels that are heard, and the envelope it comes from."""
        wanted = replace_band(self.wanted, band)
        power, bands = heard_envelope(samples, rate_hz, wanted)
        return phase_resolve_envelope(power, wanted, bands=bands), power

    def hear(self, samples: Block, rate_hz: int, start_s: float, band: Band | None) -> Window:
        """Say what one window, of all channels, comes to."""
        heard = samples[list(self.channels)]
        found, power = self.pattern(heard, rate_hz, band)
        figures = severity(found, power, self.wanted.clear_db)
        clock: Clock = "mains" if found.locked else "other" if found.turned else "none"
        loudest = float(np.abs(heard).max(initial=0))
        if figures.cycle_peak_db < _lowest_db(loudest):
            clock, kinds, state, confidence = _SILENT
        else:
            kinds, state, confidence = self._named(found, clock)
        return Window(
            start_s,
            start_s + samples.shape[1] / rate_hz,
            found.band,
            clock,
            {"mains": found.mains_hz, "other": found.other.hz, "none": None}[clock],
            kinds,
            state,
            confidence,
            figures,
            loudest >= _FULL,
        )

    def _named(self, found: Prpd, clock: Clock) -> tuple[tuple[str, ...], State, dict[str, float]]:
        if found.verdict == "nothing":  # a network that is asked of those finds some in a rotor
            return (), "nothing", {}
        naming = self.namer.name(found)
        kinds = kept_by_clock(naming.kinds, clock)
        state: State = "nothing"
        if clock == "none":
            state = "unphased"
        elif naming.unknown or naming.kinds:
            state = "unknown"
        return kinds, state, dict(naming.confidence)


def _lowest_db(loudest: float) -> float:
    """Give the level below which a band holds nothing but rounding and leakage."""
    return max(_LOWEST_DB, 20 * math.log10(max(loudest, 1e-12)) + _LEAK_DB)


def open_namer(model: str | None) -> Namer:
    """Open who names patterns.

    Raises
    ------
    CheckpointError
        If there is no such model, or it cannot be used.
    """
    if model == REFERENCES or (model is None and SHIPPED not in [path.stem for path in shipped()]):
        return ByReferences()
    return _namer(resolve(model or SHIPPED))


@lru_cache(maxsize=2)
def _namer(path: Path) -> DischargeNamer:
    return DischargeNamer.of_file(path)


def _channels(file: AudioFile, channel: int | None) -> tuple[tuple[int, ...], str]:
    """Choose the channel asked for, all, or eight of many; and say which."""
    count = file.n_channels
    if channel is not None:
        if channel >= count:
            raise SettingError(
                f"{file.path}: --channel must be one of {count}, but {channel + 1} was given"
            )
        return (channel,), f"channel {channel + 1} of {count}"
    every = tuple(range(0, count, -(-count // _MOST_CHANNELS)))
    if count == 1:
        return every, "the only channel"
    which = f"{count} channels" if len(every) == count else f"{len(every)} of {count} channels"
    return every, f"the mean power of {which}, without regard to directions"


def replace_band(wanted: PrpdSettings, band: Band | None) -> PrpdSettings:
    """Listen to a band, or to the one asked for, or choose."""
    return wanted if band is None else replace(wanted, band_hz=band)


def window_length(file: AudioFile) -> int:
    """Give the samples of a window: equal parts of the file, of 2 s or up to twice that."""
    count = max(1, int(file.n_samples / (WINDOW_S * file.rate_hz)))
    return max(1, -(-file.n_samples // count))


def hear(
    file: AudioFile,
    listener: Listener,
    seen: Callable[[Block], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Window, ...]:
    """Hear a whole file.

    Parameters
    ----------
    seen
        Is shown every block once, in order.
    progress
        Told how much was heard so far, 0 to 1.

    Raises
    ------
    InputError, SettingError
        If the file cannot be read, or is too short, or its rate holds no band.
    """
    length = window_length(file)
    count = -(-file.n_samples // length)
    if file.duration_s < SHORTEST_S:
        raise InputError(
            f"{file.path}: a recording to diagnose must be at least {SHORTEST_S:g} s long, "
            f"but {file.duration_s:.3f} s was given"
        )
    told = _Told(progress, count)

    def heard(numbers: set[int], band: Band | None, *, show: bool = False) -> dict[int, Window]:
        def one(number: int, samples: Block) -> Window:
            window = listener.hear(samples, file.rate_hz, number * length / file.rate_hz, band)
            told.one_more()
            return window

        blocks = _blocks(file, length, numbers, seen if show else None)
        return dict(_side_by_side(one, blocks))

    every = set(range(count))
    scouts = {int(number) for number in np.linspace(0, count - 1, min(count, _SCOUTS))}
    windows = heard(scouts, None)
    band = voted(windows.values())
    others = every - {number for number in scouts if band in (None, windows[number].band)}
    windows |= heard(others, band, show=True)
    if band is None:
        band = voted(windows.values())
        off = {i for i, window in windows.items() if window.clock != "none" and window.band != band}
        windows |= heard(off, band) if off else {}
    return tuple(windows[number] for number in sorted(windows))


def voted(windows: Iterable[Window]) -> Band | None:
    """Give the band in which most windows keep a clock; None if none does."""
    votes = Counter(window.band for window in windows if window.clock != "none")
    return max(votes, key=lambda band: (votes[band], -band[0])) if votes else None


def is_sudden(plan: Plan, band: Band) -> bool:
    """Tell whether a denoiser kept anything of a band: evidence of its own for pulses there."""
    return any(
        leaf.is_kept and leaf.low_hz < band[1] and leaf.high_hz > band[0] for leaf in plan.leaves
    )


def plans(
    file: AudioFile, listener: Listener, windows: Sequence[Window], given: Answer
) -> dict[int, Plan]:
    """Ask the denoiser of the strongest window of each kind that was found."""
    numbers = dict.fromkeys(_strongest_of(windows, given).values())
    return {
        number: planned(lambda: [read_window(file, listener, number)], file.rate_hz)  # noqa: B023
        for number in numbers
    }


def doubted(windows: Sequence[Window], given: Answer, asked: Mapping[int, Plan]) -> frozenset[str]:
    """Give the kinds in whose strongest window the denoiser kept nothing of the band."""
    return frozenset(
        kind
        for kind, number in _strongest_of(windows, given).items()
        if not is_sudden(asked[number], windows[number].band)
    )


def _strongest_of(windows: Sequence[Window], given: Answer) -> dict[str, int]:
    if given.status != "found":
        return {}
    return {kind: strongest(windows, replace(given, kinds=(kind,))) for kind in given.kinds}


def warnings(file: AudioFile, listener: Listener, windows: Sequence[Window]) -> tuple[str, ...]:
    """Say what one must know before trusting an answer."""
    told = [] if file.warning is None else [file.warning]
    if windows and max(window.band[1] for window in windows) <= FULL_BAND_HZ:
        told.append(
            f"the recording ends at {file.rate_hz / 2e3:g} kHz and holds no ultrasound: what is "
            f"left of a discharge below {FULL_BAND_HZ / 1e3:g} kHz was heard, so what is found is "
            "tentative and finding nothing means little; record at 96 kHz or more"
        )
    full = sum(window.is_full for window in windows)
    if full:
        told.append(
            f"sound reaches full scale in {full} of {len(windows)} windows: where it is clipped, "
            "levels are too low and clicks may come from the clipping itself; lower the gain"
        )
    if file.duration_s < WINDOW_S:
        told.append(f"{file.duration_s:.2f} s are little to judge by: 10 s or more are better")
    if listener.card is None:
        told.append(
            "no network named the kinds but their likeness to reference patterns, whose figures "
            "are no probabilities"
        )
    return tuple(told)


def read_window(file: AudioFile, listener: Listener, number: int) -> Block:
    """Read one window alone, the channels that are heard."""
    length = window_length(file)
    start = number * length
    samples = read_span(file, start, min(length, file.n_samples - start))
    return samples[list(listener.channels)]


class _Told:
    """Tells how much is done; windows that are heard twice do not count."""

    def __init__(self, progress: Callable[[float], None] | None, count: int) -> None:
        self._progress, self._count, self._done = progress, count, 0

    def one_more(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._count))


def _blocks(
    file: AudioFile, length: int, numbers: set[int], seen: Callable[[Block], None] | None
) -> Iterator[tuple[int, Block]]:
    """Read the windows of these numbers; all go by."""
    last = file.n_samples if seen is not None else (max(numbers, default=-1) + 1) * length
    done = 0
    for number, block in enumerate(read_blocks(file, file.rate_hz, length)):
        if done >= last:
            return
        done += block.shape[1]
        if seen is not None:
            seen(block)
        if number in numbers:
            yield number, block


def _side_by_side(
    work: Callable[[int, Block], Window], blocks: Iterable[tuple[int, Block]]
) -> Iterator[tuple[int, Window]]:
    """Do work in threads; no more blocks are read ahead than threads can take."""
    waiting: deque[tuple[int, Future[Window]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for number, block in blocks:
            waiting.append((number, pool.submit(work, number, block)))
            if len(waiting) > 2 * _THREADS:
                done, coming = waiting.popleft()
                yield done, coming.result()
        for done, coming in waiting:
            yield done, coming.result()
