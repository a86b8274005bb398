"""The scores of DCASE 2024 task 3: frame by frame, with distance.

In each frame of 100 ms true and heard sources of one label are paired so that the sum of angles is
least. A pair is right up to 20 degrees and up to a relative distance error of 1, else it is
misplaced; what is left over is missed or false. F, the direction error DOAE, the distance error and
the relative distance error RDE (|d - d'| / d) are means over labels (macro average); the errors go
over the labels that have pairs. The micro average puts the labels together first. The SELD score is
the mean over labels of the mean of 1 - F, DOAE / 180 and RDE, as far as there are any.

There are two modes. `official` repeats the organisers' scorer. `strict` differs in exactly this:

 1. all that sounds is counted (official: frames before the last one of the reference, so that this
    one is lost, and what is heard after the last true event costs nothing);
 2. a recording in which nothing truly sounds counts with all that is heard in it (official: the
    scorer breaks off; here it counts nothing, as that of 2025 does);
 3. angles are exact (official: 1e-10 in the norm of vectors, so that truth against itself is 0.0008
    degrees off, and a source 20 degrees off is beyond the threshold);
 4. rates have no eps in their denominators: without any reference the error rate is infinite, or
    not a number without any error, and F and LR of nothing are not numbers (official: a number of
    16 digits, and 0);
 5. a recording without prediction counts as one in which nothing was heard (official: left out by
    whoever pools, see `cli.score`);
 6. the value that goes with a jackknife interval is that of all recordings (official: that of all
    but the last one, see `intervals.jackknife`).

Reference: D. Krause, A. Politis and A. Mesaros, "Sound event detection and localization with
distance estimation", EUSIPCO 2024; github.com/partha2409/DCASE2024_seld_baseline.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import EPS, Mode, Sounding
from sonoscope.metrics.dcase2022 import LABELS_2022
from sonoscope.metrics.detections import (
    THRESHOLD_DEG,
    Average,
    Detections,
    Errors,
    errors,
    known_mean,
    per_pair,
    summed,
)
from sonoscope.metrics.pooling import pooled
from sonoscope.metrics.sources import (
    BY_VECTORS,
    EXACT,
    FRAMES_PER_S,
    Geometry,
    Pairs,
    Sources,
    lay_out,
    pair,
)

LABELS_2024 = LABELS_2022
RELATIVE_THRESHOLD = 1.0


@dataclass(frozen=True, slots=True)
class Scores:
    """What a system is worth; smaller is better but for `f` and `lr`.

    Attributes
    ----------
    f
        F score of sources right within 20 degrees and a relative distance error of 1.
    doae_deg, de_m, rde
        Mean angle, distance error in metres and relative distance error of pairs.
    seld
        Mean of 1 - f, doae_deg / 180 and rde.
    er, lr
        Error rate and localisation recall, which are not ranked any more.
    """

    f: float
    doae_deg: float
    de_m: float
    rde: float
    seld: float
    er: float
    lr: float


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was counted in one recording or, added up, in many: scores pool counts, not scores.

    Attributes
    ----------
    metric
        `dcase2024`, or `dcase2025` whose angles are others.
    mode
        See the head of this module.
    average
        How labels are averaged.
    labels
        Their names.
    sources
        Sources in frames, label by label.
    distance_sum_m, relative_sum
        Sums over pairs of distance errors, plain and relative, label by label.
    errors
        Missed and false sources, frame by frame.
    """

    metric: str
    mode: Mode
    average: Average
    labels: tuple[str, ...]
    sources: Detections
    distance_sum_m: Float[ndarray, " label"]
    relative_sum: Float[ndarray, " label"]
    errors: Errors

    @classmethod
    def empty(cls, metric: str, mode: Mode, average: Average, labels: Sequence[str]) -> "Counts":
        """Give the counts of nothing."""
        none = np.zeros(len(labels))
        return cls(
            metric, mode, average, tuple(labels), Detections(*[none] * 6), none, none, Errors()
        )

    def __add__(self, other: "Counts") -> "Counts":
        return pooled([self, other])

    def scores(self) -> Scores:
        """Turn the counts into scores; errors without any pair are not numbers."""
        sources = self.sources.averaged(self.average)
        f, angle = sources.f(1.0, self.mode), sources.mean_angle_deg(math.nan)
        distance, relative = (
            per_pair(x if self.average == "macro" else x.sum(keepdims=True), sources.n_paired,
                     math.nan)
            for x in (self.distance_sum_m, self.relative_sum)
        )  # fmt: skip
        return Scores(
            f=float(f.mean()),
            doae_deg=float(known_mean(angle)),
            de_m=float(known_mean(distance)),
            rde=float(known_mean(relative)),
            seld=float(known_mean(np.stack([1 - f, angle / 180, relative], axis=1)).mean()),
            er=self.errors.rate(float(self.sources.n_reference.sum()), self.mode),
            lr=float(sources.recall(self.mode).mean()),
        )


def count(
    reference: Sounding,
    prediction: Sounding,
    mode: Mode = "official",
    *,
    average: Average = "macro",
    labels: Sequence[str] = LABELS_2024,
    duration_s: float | None = None,
) -> Counts:
    """Compare what was heard in one recording with the truth.

    Parameters
    ----------
    reference, prediction
        As in `dcase2022.count`, all with distances.
    mode
        See the head of this module.
    average, labels
        As in `dcase2022.count`.
    duration_s
        How much of the recording is counted in mode `official`, by default up to but without the
        last frame of the reference.

    Raises
    ------
    InputError
        As `dcase2022.count`, and if a source has no distance.
    """
    return compare(
        reference,
        prediction,
        Counts.empty("dcase2024", mode, average, labels),
        BY_VECTORS if mode == "official" else EXACT,
        duration_s,
    )


def compare(
    reference: Sounding,
    prediction: Sounding,
    empty: Counts,
    geometry: Geometry,
    duration_s: float | None,
) -> Counts:
    """Count as `empty` says, with angles of one's own choice: what 2024 and 2025 share."""
    true, heard = (lay_out(side, empty.labels, tracked=False) for side in (reference, prediction))
    for side, sources in (("reference", true), ("prediction", heard)):
        _check_distances(side, sources, empty.labels)
    if empty.mode == "official":
        last = int(true.frame.max(initial=0))
        end = last if duration_s is None else round(duration_s * FRAMES_PER_S)
        true, heard = true.before(end), heard.before(end)
    return _count(true, heard, pair(true, heard, geometry), empty)


def _check_distances(side: str, sources: Sources, labels: Sequence[str]) -> None:
    unknown = np.isnan(sources.distance_m)
    if unknown.any():
        row = int(unknown.argmax())
        raise InputError(
            f"every source of the {side} must have a distance, but {labels[sources.label[row]]} "
            f"at {sources.frame[row] / FRAMES_PER_S:g} s has none"
        )


def _count(true: Sources, heard: Sources, pairs: Pairs, empty: Counts) -> Counts:
    true_m, heard_m = true.distance_m[pairs.true], heard.distance_m[pairs.heard]
    distance_m = np.abs(true_m - heard_m)
    relative = distance_m / (true_m + EPS)
    wrong = (pairs.angle_deg > THRESHOLD_DEG) | (relative > RELATIVE_THRESHOLD)
    cell = np.union1d(true.cell, heard.cell)
    n_true, n_heard = (
        np.bincount(np.searchsorted(cell, side.cell), minlength=len(cell)) for side in (true, heard)
    )
    place = np.searchsorted(cell, true.cell[pairs.true])
    n_misplaced = np.bincount(place[wrong], minlength=len(cell))
    missed, false = np.maximum(0, n_true - n_heard), np.maximum(0, n_heard - n_true)
    n_labels = len(empty.labels)
    frame, label = np.divmod(cell, n_labels)
    n_right = np.minimum(n_true, n_heard) - n_misplaced

    def of_cells(numbers: ndarray) -> Float[ndarray, " label"]:
        return summed(label, numbers, n_labels)

    def of_pairs(numbers: ndarray) -> Float[ndarray, " label"]:
        return summed(true.label[pairs.true], numbers, n_labels)

    return replace(
        empty,
        sources=Detections(
            n_reference=of_cells(n_true),
            n_right=of_cells(n_right),
            n_misplaced=of_cells(n_misplaced),
            n_missed=of_cells(missed),
            n_false=of_cells(false),
            angle_sum_deg=of_pairs(pairs.angle_deg),
        ),
        distance_sum_m=of_pairs(distance_m),
        relative_sum=of_pairs(relative),
        errors=errors(frame, missed, false + n_misplaced),
    )
