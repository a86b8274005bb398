"""What is said of a recording for discharges: of each window, and of the whole.

One window is little evidence: a recording of minutes has many, and the rarest mistake of one would
be found somewhere. A kind is therefore *found* where it was named in `RUN` windows on end or in
`LEAST` and a tenth of all, and otherwise only *possible*. Silence and noise are no kind.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from sonoscope.core.event import Event
from sonoscope.signal.envelope import Band
from sonoscope.signal.references import LOCKED
from sonoscope.signal.severity import Severity

RUN = LEAST = 3
_PART = 0.1  # of all windows

Clock = Literal["mains", "other", "none"]
State = Literal["unknown", "unphased", "nothing"]
"""What is said where no kind is named: locked to mains like no kind, without a clock, nothing."""

Status = Literal["found", "possible", "unknown", "unphased", "nothing"]

FULL_BAND_HZ = 20_000.0
"""A band that ends here or below holds no ultrasound: what it tells is tentative."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one window came to.

    Attributes
    ----------
    start_s, end_s
        When it was.
    band
        What was listened to.
    clock, clock_hz
        What its pulses keep, and how fast that is; None without one.
    kinds
        What was named, the surest first.
    state
        What is said where nothing was named.
    confidence
        In each kind that could be named; empty where nobody was asked.
    severity
        Its figures.
    is_full
        Whether a sample reaches full scale: it may be clipped.
    """

    start_s: float
    end_s: float
    band: Band
    clock: Clock
    clock_hz: float | None
    kinds: tuple[str, ...]
    state: State
    confidence: Mapping[str, float]
    severity: Severity
    is_full: bool = False

    @property
    def said(self) -> tuple[str, ...]:
        """Kinds, or else the state."""
        return self.kinds or (self.state,)

    @property
    def is_electric(self) -> bool:
        """Whether a kind was named, or something keeps the mains' clock like none."""
        return bool(self.kinds) or self.state == "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a recording came to.

    Attributes
    ----------
    status
        "found": `kinds` are there. "possible": they were named, but too rarely or against other
        evidence. "unknown": something keeps the mains' clock, but kinds are unsure. "unphased":
        pulses without a clock. "nothing".
    kinds
        Found ones, in order of how many windows name them; of "possible" the possible ones.
    confidence
        In each of these: the mean over the windows that name it.
    count
        How many windows name it.
    windows
        How many there are.
    tentative
        Whether it rests on a band without ultrasound.
    doubted
        Which of `kinds` other evidence speaks against.
    """

    status: Status
    kinds: tuple[str, ...]
    confidence: Mapping[str, float]
    count: Mapping[str, int]
    windows: int
    tentative: bool
    doubted: tuple[str, ...] = ()


def kept_by_clock(kinds: Iterable[str], clock: Clock) -> tuple[str, ...]:
    """Keep the kinds that can be what keeps a clock, or none.

    Those that mains drive keep its clock; a brush keeps its wheel's, and a loose particle none.

    Examples
    --------
    >>> kept_by_clock(("corona", "brush"), "mains"), kept_by_clock(("corona",), "none")
    (('corona',), ())
    """
    wrong: dict[Clock, tuple[str, ...]] = {
        "mains": ("brush", "particle"),
        "other": (*LOCKED, "particle"),
        "none": (*LOCKED, "brush"),
    }
    return tuple(kind for kind in kinds if kind not in wrong[clock])


def answer(windows: Sequence[Window], doubted: Collection[str] = ()) -> Answer:
    """Bring what windows say to one answer.

    Parameters
    ----------
    doubted
        Kinds that other evidence speaks against: at most possible.
    """
    naming = {
        kind: [kind in window.kinds for window in windows]
        for kind in dict.fromkeys(kind for window in windows for kind in window.kinds)
    }
    count = {kind: sum(which) for kind, which in naming.items()}
    order = sorted(naming, key=lambda kind: -count[kind])
    found = tuple(kind for kind in order if kind not in doubted and is_lasting(naming[kind]))
    status: Status = "nothing"
    if found:
        status = "found"
    elif is_lasting(
        [window.is_electric and not set(window.kinds) & {*doubted} for window in windows]
    ):
        status = "unknown"
    elif any(window.is_electric for window in windows):
        status = "possible"
    elif is_lasting([window.state == "unphased" for window in windows]):
        status = "unphased"
    kinds = found or tuple(order if status in ("possible", "unknown") else ())
    confidence = {
        kind: _mean([window.confidence[kind] for window in windows if kind in window.kinds])
        for kind in kinds
    }
    tentative = bool(windows) and max(window.band[1] for window in windows) <= FULL_BAND_HZ
    return Answer(
        status,
        kinds,
        confidence,
        {kind: count[kind] for kind in kinds},
        len(windows),
        tentative,
        tuple(kind for kind in kinds if kind in doubted),
    )


def is_lasting(which: Sequence[bool]) -> bool:
    """Tell whether something shows in windows enough, on end or in all.

    Examples
    --------
    >>> is_lasting([True]), is_lasting([True, False]), is_lasting([False, True, True, True, False])
    (True, False, True)
    """
    runs = [len(list(run)) for shows, run in groupby(which) if shows]
    least = max(min(LEAST, len(which)), math.ceil(_PART * len(which)))
    return max(runs, default=0) >= min(RUN, max(len(which), 1)) or sum(runs) >= max(least, 1)


def strongest(windows: Sequence[Window], given: Answer) -> int:
    """Give the number of the window that shows best what the answer says.

    Among those that name the first kind (or else show the state) the one of the greatest quadratic
    rate; where nothing is to be seen, the one with the most pulses.
    """
    wanted = given.kinds[0] if given.kinds else given.status
    among = [i for i, window in enumerate(windows) if wanted in window.said]
    among = among or list(range(len(windows)))
    silence = -math.inf

    def height(number: int) -> tuple[float, float]:
        figures = windows[number].severity
        return (
            silence if figures.quadratic_db is None else figures.quadratic_db,
            figures.rms_db,
        )

    return max(among, key=height)


def events(windows: Sequence[Window]) -> tuple[Event, ...]:
    """Join neighbours that say the same; several kinds at once overlap; "nothing" is no event.

    An event's score is the mean confidence, 0 for states.
    """
    joined = []
    for label in dict.fromkeys(label for window in windows for label in window.said):
        if label == "nothing":
            continue
        for shows, run in groupby(windows, key=lambda window: label in window.said):
            if shows:
                part = list(run)
                sure = _mean([window.confidence.get(label, 0.0) for window in part])
                joined.append(Event(label, part[0].start_s, part[-1].end_s, score=sure))
    return tuple(sorted(joined, key=lambda event: event.onset_s))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
