"""Tells whether a place sounds by itself, or repeats another: as its echo, or leaking from it.

Two discharges may both keep the mains' clock, but each has times of its own within it. So what is
compared is the fine course of envelopes, what is left of them beside their mean over a few
milliseconds. If a place's fine course is another's, later, it is the other's mirror image in
something that reflects: it travelled farther, by the delay times the speed of sound. If it is the
other's at once, and weaker, it is the other, heard through a side lobe.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.signal.envelope import Band, EnvelopeStream

LONGEST_S = 0.06
"""An echo that comes later travelled 20 m farther: others than these are not looked for."""

ALIKE = 0.15
"""Correlation of fine courses from which one repeats the other."""

AT_ONCE_S = 2.5e-4
"""Less late is not later: as long as sound takes across a small array."""

_SMOOTHING_S = 1e-4
_COURSE_S = 2e-3
_SPAN_S = 1.0
_LEAK_DB = 6.0  # weaker than what leaks into it
_ECHO_DB = -1.0
_CLEAR = 8.0  # times the spread of the correlation at other lags
"""How far a peak must stand out."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a place repeats.

    Attributes
    ----------
    how
        As an echo, or leaking.
    of
        The number of the place that it repeats, from 0.
    delay_s
        How much later.
    likeness
        Correlation of their fine courses, up to 1.
    """

    how: Literal["reflection", "leak"]
    of: int
    delay_s: float
    likeness: float

    @property
    def farther_m(self) -> float:
        """How much farther its sound travelled."""
        return self.delay_s * SPEED_OF_SOUND_M_S


class FineCourses:
    """Compares the envelopes of places block by block, in memory that does not grow."""

    def __init__(self, n_places: int, rate_hz: int, band: Band) -> None:
        self._streams = [EnvelopeStream(rate_hz, band, _SMOOTHING_S) for _ in range(n_places)]
        self.rate_hz = self._streams[0].rate_hz if n_places else 1.0
        self._held = np.zeros((n_places, 0))
        self._span = round(_SPAN_S * self.rate_hz)
        self._lags = round(LONGEST_S * self.rate_hz)
        self._size = next_fast_len(self._span + self._lags, real=True)
        self._cross = np.zeros((n_places, n_places, self._size // 2 + 1), complex)

    def feed(self, block: Float[ndarray, "place _"]) -> None:
        """Take what is heard of all places."""
        self._take([each.feed(row[None]) for each, row in zip(self._streams, block, strict=True)])
        while self._held.shape[1] >= self._span:
            self._add(self._held[:, : self._span])
            self._held = self._held[:, self._span :]

    def finish(self) -> Float[ndarray, "place other lag"]:
        """Give correlations: how alike a place is to another so much earlier, lags around 0."""
        self._take([stream.finish() for stream in self._streams])
        if self._held.shape[1] > 2 * _COURSE_S * self.rate_hz:
            self._add(self._held)
        whole = irfft(self._cross, self._size)
        own = np.einsum("ppl->pl", whole)[:, 0]
        scale = np.sqrt(np.maximum(own[:, None] * own[None], 1e-300))
        near = np.concatenate([whole[..., -self._lags :], whole[..., : self._lags + 1]], axis=2)
        return np.asarray(near / scale[..., None])

    def _take(self, values: Sequence[Float[ndarray, " _"]]) -> None:
        if values:
            self._held = np.concatenate([self._held, np.stack(values)], axis=1)

    def _add(self, power: Float[ndarray, "place value"]) -> None:
        course = np.sqrt(power)
        course -= uniform_filter1d(course, round(_COURSE_S * self.rate_hz), axis=1)
        spectrum = rfft(course, self._size)
        self._cross += spectrum[:, None] * spectrum[None].conj()


def repeats(
    alike: Float[ndarray, "place other lag"], rate_hz: float, level_db: Sequence[float]
) -> tuple[Repeat | None, ...]:
    """Say of each place which it repeats, if any.

    Parameters
    ----------
    alike
        As of `FineCourses`.
    rate_hz
        Lags in a second.
    level_db
        How loud places are: an echo is weaker than its source, a leak by several decibels.
    """
    every = range(len(level_db))
    told: list[Repeat | None] = []
    for place in every:
        found = [
            repeat
            for other in every
            if other != place
            and (repeat := _repeat(alike[place, other], other, rate_hz)) is not None
            and level_db[other] - level_db[place]
            >= (_LEAK_DB if repeat.how == "leak" else _ECHO_DB)
        ]
        told.append(max(found, key=lambda repeat: repeat.likeness, default=None))
    return _roots(told)


def _repeat(alike: Float[ndarray, " lag"], other: int, rate_hz: float) -> Repeat | None:
    middle = len(alike) // 2
    top = int(alike.argmax())
    spread = 1.4826 * float(np.median(np.abs(alike - np.median(alike))))
    if alike[top] < max(ALIKE, _CLEAR * spread):
        return None
    late = (top - middle) / rate_hz
    if late < -AT_ONCE_S:
        return None
    if late <= AT_ONCE_S:
        return Repeat("leak", other, 0.0, float(alike[top]))
    return Repeat("reflection", other, late, float(alike[top]))


def _roots(told: Iterable[Repeat | None]) -> tuple[Repeat | None, ...]:
    """Leave out what repeats a repeat: of two that would repeat each other the louder stands."""
    kept: list[Repeat | None] = []
    for place, repeat in enumerate(told):
        circular = repeat is not None and repeat.of < place and _points(kept, repeat.of, place)
        kept.append(None if circular else repeat)
    return tuple(kept)


def _points(kept: Sequence[Repeat | None], start: int, place: int) -> bool:
    """Tell whether a chain of repeats leads to a place."""
    seen: set[int] = set()
    while start not in seen and start < len(kept):
        seen.add(start)
        repeat = kept[start]
        if repeat is None:
            return False
        start = repeat.of
        if start == place:
            return True
    return False
