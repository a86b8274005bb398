"""The scores of DCASE 2019 task 3: error rate, F score, direction error, frame recall.

Time runs in frames of 20 ms. Detection is judged in segments of one second: a label counts once in
a segment however often it sounds there (and once more frame by frame, as `frame_er`, `frame_f`).
Direction is judged in each frame, *whatever the labels are*: true and heard directions are paired
so that the sum of angles is least, and a right direction under a wrong label is right; that is how
the metric is defined, in both modes. Frame recall is the share of frames with as many heard as
true directions, silence included. A sound of unknown direction takes part in detection alone.

There are two modes. `official` repeats the organisers' scorer. `strict` measures what the metric
means to measure, and differs in exactly this:

 1. segments: all 50 frames of a second count (official: the last one is dropped);
 2. directions are taken as they are (official: clipped to azimuths of -180..170 and elevations of
    -40..40 degrees without wrapping round, then floored to the grid of 10 degrees);
 3. events cover the frames between the nearest frame edges, at least one (official: from the
    floor of the onset up to and including the ceiling of the offset, up to two frames more);
 4. two sources of one label in one direction are two (official: one);
 5. the direction error is the mean over pairs (official: the sum over pairs divided by the number
    of heard directions, so that false alarms make it smaller);
 6. recordings have any length: the given duration, or else up to the last frame in which anything
    sounds on either side (official: 60 s, and what comes later is ignored);
 7. F is 2 TP / (reference + heard), not a number where both are empty (official: an eps in each
    denominator, and 0 there);
 8. where no pair was ever formed the SELD score takes 180 degrees for the direction error, as later
    years do (official: not a number).

In both modes the error rate without any reference is infinite, or not a number without any error,
and events on either side are laid out by the same rule, so truth against itself is perfect.
References beyond the grid, on which the organisers' scorer fails or takes another cell, are clipped
like predictions.

Reference: S. Adavanne et al., "A multi-room reverberant dataset for sound event localization and
detection", DCASE Workshop 2019; github.com/sharathadavanne/seld-dcase2019.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event
from sonoscope.core.frame_table import FrameTable, directions, frame_range
from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.matching import least_cost

LABELS_2019 = (
    "knock", "drawer", "clearthroat", "phone", "keysDrop", "speech",
    "keyboard", "pageturn", "cough", "doorslam", "laughter",
)  # fmt: skip
"""The labels of TAU Spatial Sound Events 2019 in the order of their submission index."""

FRAMES_PER_S = 50
OFFICIAL_FRAMES = 3000
MAX_DURATION_S = 100_000
"""Longer than a day, a table is taken for a mistake: a frame number in the place of a second."""

_CELLS = np.full((37, 10, 3), np.nan)  # the last column and the last row: direction unknown
_CELLS[:36, :9] = unit_vector(
    np.deg2rad(np.arange(-180, 180, 10))[:, None], np.deg2rad(np.arange(-40, 50, 10))
)

EPS = float(np.finfo(np.float64).eps)

Mode = Literal["official", "strict"]
Sounding = Sequence[Event] | FrameTable


@dataclass(frozen=True, slots=True)
class Tally:
    """Labels counted over the cells of a time axis, be they segments or frames."""

    n_reference: int = 0
    n_predicted: int = 0
    n_both: int = 0
    n_substituted: int = 0
    n_deleted: int = 0
    n_inserted: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.n_reference + other.n_reference,
            self.n_predicted + other.n_predicted,
            self.n_both + other.n_both,
            self.n_substituted + other.n_substituted,
            self.n_deleted + other.n_deleted,
            self.n_inserted + other.n_inserted,
        )

    @property
    def error_rate(self) -> float:
        """Substitutions, deletions and insertions over what should have been there."""
        errors = self.n_substituted + self.n_deleted + self.n_inserted
        if self.n_reference:
            return errors / self.n_reference
        return math.inf if errors else math.nan

    def f_score(self, mode: Mode) -> float:
        """Give the harmonic mean of precision and recall over all cells (micro average)."""
        if mode == "official":
            precision = self.n_both / (self.n_predicted + EPS)
            recall = self.n_both / (self.n_reference + EPS)
            return 2 * precision * recall / (precision + recall + EPS)
        whole = self.n_reference + self.n_predicted
        return 2 * self.n_both / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Scores:
    """What a system is worth; smaller is better but for `f`, `fr` and `frame_f`.

    Attributes
    ----------
    er, f
        Error rate and F score in segments of one second, as fractions.
    de_deg, fr
        Direction error in degrees and frame recall as a fraction.
    seld
        Mean of er, 1 - f, de_deg / 180 and 1 - fr.
    frame_er, frame_f
        Error rate and F score frame by frame.
    """

    er: float
    f: float
    de_deg: float
    fr: float
    seld: float
    frame_er: float
    frame_f: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in one recording or, added up, in many: scores pool counts, not scores.

    Examples
    --------
    >>> knock = Event("knock", 1.0, 1.4)
    >>> (count([knock], [knock]) + count([knock], [])).scores().er
    0.5
    """

    mode: Mode
    segments: Tally = Tally()
    frames: Tally = Tally()
    angle_sum: float = 0.0
    n_pairs: int = 0
    n_heard: int = 0
    n_frames_right: int = 0
    n_frames: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        if self.mode != other.mode:
            raise InputError(
                f"counts must be of one mode to be added, "
                f"but {self.mode} and {other.mode} were given"
            )
        return Counts(
            self.mode,
            self.segments + other.segments,
            self.frames + other.frames,
            self.angle_sum + other.angle_sum,
            self.n_pairs + other.n_pairs,
            self.n_heard + other.n_heard,
            self.n_frames_right + other.n_frames_right,
            self.n_frames + other.n_frames,
        )

    def scores(self) -> Scores:
        """Turn the counts into scores; what has nothing to divide by is not a number."""
        er, f = self.segments.error_rate, self.segments.f_score(self.mode)
        shared = self.n_heard if self.mode == "official" else self.n_pairs
        de_deg = math.degrees(self.angle_sum) / shared if shared else math.nan
        fr = self.n_frames_right / self.n_frames if self.n_frames else math.nan
        missing_deg = math.nan if self.mode == "official" else 180.0
        counted_deg = missing_deg if math.isnan(de_deg) else de_deg
        seld = (er + (1 - f) + counted_deg / 180 + (1 - fr)) / 4
        frame_er, frame_f = self.frames.error_rate, self.frames.f_score(self.mode)
        return Scores(er, f, de_deg, fr, seld, frame_er, frame_f)


@dataclass(frozen=True, slots=True, eq=False)
class _Sources:
    """One row for each source in each frame, ordered by frames; not a number: unknown direction."""

    frame: Int[ndarray, " row"]
    label: Int[ndarray, " row"]
    vector: Float[ndarray, "row 3"]


def count(
    reference: Sounding,
    prediction: Sounding,
    mode: Mode = "official",
    *,
    duration_s: float | None = None,
) -> Counts:
    """Compare what was heard in one recording with the truth.

    Parameters
    ----------
    reference, prediction
        Events, or rows of frames whose rate divides 50 a second; labels are compared by name.
    mode
        See the head of this module.
    duration_s
        Length of the recording, for mode `strict`; sound after it makes the recording longer.

    Raises
    ------
    InputError
        If frames have a rate that does not divide 50 a second, or lie beyond a day.
    """
    names = _index(reference) | _index(prediction)
    labels = {name: i for i, name in enumerate(sorted(names))}
    true, heard = (_lay_out(side, labels, mode) for side in (reference, prediction))
    if mode == "official":
        return _compare(true, heard, OFFICIAL_FRAMES, mode)
    grid = FrameGrid(rate_hz=FRAMES_PER_S, hop=1)
    asked = 0 if duration_s is None else grid.nearest_edge(duration_s)
    return _compare(true, heard, max(asked, _stop(true), _stop(heard)), mode)


def count_frames(
    reference_activity: Bool[ndarray, "frame label"],
    reference_direction: Float[ndarray, "frame label 3"],
    activity: Bool[ndarray, "frame label"],
    direction: Float[ndarray, "frame label 3"],
) -> Counts:
    """Compare activity and one direction per label, 50 frames a second, in mode `strict`.

    Directions may have any length; zero means unknown. A last second that is cut short is a
    segment too.
    """
    true = _from_arrays(reference_activity, reference_direction)
    heard = _from_arrays(activity, direction)
    return _compare(true, heard, len(activity), "strict")


def _from_arrays(
    activity: Bool[ndarray, "frame label"], direction: Float[ndarray, "frame label 3"]
) -> _Sources:
    frame, label = np.nonzero(activity)
    vector = direction[frame, label].astype(np.float64)
    vector[~vector.any(axis=1)] = np.nan
    return _Sources(frame, label, vector)


def _index(side: Sounding) -> set[str]:
    if isinstance(side, FrameTable):
        return {side.labels[i] for i in np.unique(side.label)}
    return {event.label for event in side}


def _stop(sources: _Sources) -> int:
    return int(sources.frame.max(initial=-1)) + 1


def _lay_out(side: Sounding, labels: dict[str, int], mode: Mode) -> _Sources:
    if isinstance(side, FrameTable):
        frame, label, azimuth, elevation = _from_table(side, labels)
    else:
        frame, label, azimuth, elevation = _from_events(side, labels, mode)
    if frame.max(initial=0) >= MAX_DURATION_S * FRAMES_PER_S:
        raise InputError(
            f"a recording must be at most {MAX_DURATION_S} s long, "
            f"but something at {frame.max() / FRAMES_PER_S:g} s was given"
        )
    order = np.argsort(frame, kind="stable")
    frame, label, azimuth, elevation = (x[order] for x in (frame, label, azimuth, elevation))
    if mode == "official":
        return _on_grid(frame, label, azimuth, elevation)
    return _Sources(frame, label, unit_vector(azimuth, elevation))


def _from_table(table: FrameTable, labels: dict[str, int]) -> tuple[ndarray, ...]:
    repeats, rest = divmod(FRAMES_PER_S, table.frames_per_s)
    if rest:
        raise InputError(
            f"frames must come at a rate that divides {FRAMES_PER_S} a second, "
            f"but {table.frames_per_s} a second were given"
        )
    number = np.array([labels.get(name, -1) for name in table.labels], int)
    frame = (table.frame[:, None] * repeats + np.arange(repeats)).ravel()
    rows = number[table.label], table.azimuth, table.elevation
    return frame, *(np.repeat(row, repeats) for row in rows)


def _from_events(
    events: Sequence[Event], labels: dict[str, int], mode: Mode
) -> tuple[ndarray, ...]:
    spans = [_span(event, mode) for event in events]
    ways = [directions(e, span, FRAMES_PER_S) for e, span in zip(events, spans, strict=True)]
    return (
        np.concatenate([np.zeros(0, int), *(np.arange(s.start, s.stop) for s in spans)]),
        np.repeat(np.array([labels[e.label] for e in events], int), [len(span) for span in spans]),
        np.concatenate([np.zeros(0), *(azimuth for azimuth, _ in ways)]),
        np.concatenate([np.zeros(0), *(elevation for _, elevation in ways)]),
    )


def _span(event: Event, mode: Mode) -> range:
    if event.offset_s > MAX_DURATION_S:
        raise InputError(
            f"a recording must be at most {MAX_DURATION_S} s long, "
            f"but {event.label} until {event.offset_s:g} s was given"
        )
    if mode == "strict":
        return frame_range(event, FRAMES_PER_S)
    first, last = math.floor(event.onset_s * FRAMES_PER_S), math.ceil(event.offset_s * FRAMES_PER_S)
    return range(min(first, OFFICIAL_FRAMES), min(last + 1, OFFICIAL_FRAMES))


def _on_grid(
    frame: Int[ndarray, " row"],
    label: Int[ndarray, " row"],
    azimuth: Float[ndarray, " row"],
    elevation: Float[ndarray, " row"],
) -> _Sources:
    """Move directions to the corner of their cell of 10 degrees and keep each cell once."""
    kept = frame < OFFICIAL_FRAMES
    # an angle that was whole degrees in a file has to be so again before it is floored
    azimuth, elevation = (np.rad2deg(x[kept]).round(6) for x in (azimuth, elevation))
    column = np.nan_to_num(azimuth.clip(-180, 170) // 10 + 18, nan=36).astype(int)
    row = np.nan_to_num(elevation.clip(-40, 40) // 10 + 4, nan=9).astype(int)
    n_labels = int(label.max(initial=0)) + 1
    keys = np.unique(
        np.ravel_multi_index(
            (frame[kept], label[kept], column, row), (OFFICIAL_FRAMES, n_labels, 37, 10)
        )
    )
    frame, label, column, row = np.unravel_index(keys, (OFFICIAL_FRAMES, n_labels, 37, 10))
    return _Sources(frame, label, _CELLS[column, row])


def _compare(true: _Sources, heard: _Sources, n_frames: int, mode: Mode) -> Counts:
    n_labels = 1 + max(int(side.label.max(initial=0)) for side in (true, heard))
    true_keys, heard_keys = (_segment_keys(side, n_labels, mode) for side in (true, heard))
    pointing = [_pointing(side) for side in (true, heard)]
    numbers = [np.bincount(side.frame, minlength=n_frames) for side in pointing]
    angle_sum, n_pairs = _pair(pointing[0], pointing[1], numbers[0], numbers[1])
    return Counts(
        mode=mode,
        segments=_tally(true_keys, heard_keys, n_labels),
        frames=_tally(
            true.frame * n_labels + true.label, heard.frame * n_labels + heard.label, n_labels
        ),
        angle_sum=angle_sum,
        n_pairs=n_pairs,
        n_heard=len(pointing[1].frame),
        n_frames_right=int((numbers[0] == numbers[1]).sum()),
        n_frames=n_frames,
    )


def _segment_keys(sources: _Sources, n_labels: int, mode: Mode) -> Int[ndarray, " kept"]:
    segment, place = np.divmod(sources.frame, FRAMES_PER_S)
    keys = segment * n_labels + sources.label
    return np.asarray(keys[place < FRAMES_PER_S - 1] if mode == "official" else keys)


def _tally(true: Int[ndarray, " one"], heard: Int[ndarray, " other"], n_labels: int) -> Tally:
    """Count over cells; a key is a cell's number times `n_labels`, plus the label."""
    true, heard = np.unique(true), np.unique(heard)
    both = np.intersect1d(true, heard, assume_unique=True)
    n_cells = 1 + max(int(keys.max(initial=0)) for keys in (true, heard)) // n_labels
    in_true, in_heard, in_both = (
        np.bincount(keys // n_labels, minlength=n_cells) for keys in (true, heard, both)
    )
    missed, false = in_true - in_both, in_heard - in_both
    return Tally(
        n_reference=len(true),
        n_predicted=len(heard),
        n_both=len(both),
        n_substituted=int(np.minimum(missed, false).sum()),
        n_deleted=int(np.maximum(0, missed - false).sum()),
        n_inserted=int(np.maximum(0, false - missed).sum()),
    )


def _pointing(sources: _Sources) -> _Sources:
    """Keep what has a direction."""
    kept = np.isfinite(sources.vector).all(axis=1)
    return _Sources(sources.frame[kept], sources.label[kept], sources.vector[kept])


def _pair(
    true: _Sources,
    heard: _Sources,
    n_true: Int[ndarray, " frame"],
    n_heard: Int[ndarray, " frame"],
) -> tuple[float, int]:
    """Give the sum of angles over the pairs of all frames, and the number of pairs.

    Frames with equally many true and heard directions are solved together.
    """
    starts = [np.cumsum(n) - n for n in (n_true, n_heard)]
    busy = np.flatnonzero((n_true > 0) & (n_heard > 0))
    angle_sum, n_pairs = 0.0, 0
    widest = int(n_heard.max(initial=0)) + 1
    sizes = n_true[busy] * widest + n_heard[busy]
    for size in np.unique(sizes).tolist():
        rows, columns = divmod(size, widest)
        frames = busy[sizes == size]
        one = true.vector[starts[0][frames, None] + np.arange(rows)]
        other = heard.vector[starts[1][frames, None] + np.arange(columns)]
        angle_sum += float(least_cost(angle_between(one[:, :, None], other[:, None, :])).sum())
        n_pairs += len(frames) * min(rows, columns)
    return angle_sum, n_pairs
