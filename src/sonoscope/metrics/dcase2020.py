"""The scores of DCASE 2020 task 3: location-aware detection, class-aware localisation, in seconds.

Time runs in frames of 100 ms. In each second a label counts once on either side, however many
sources it has. Where both sides name it, its distance is the mean angle over the frames that have
it on both sides; it is right up to 20 degrees, and missed beyond, or where there is no such frame.
LE is the mean distance, whatever the threshold (180 degrees without any), LR the F score of
labels that have a distance. All labels are counted together (micro average).

There are two modes. `official` repeats the organisers' scorer. `strict` differs in exactly this:

 1. all that sounds is counted (official: 60 s, and what comes later is ignored);
 2. where several sources of a label sound at once, the distance is the mean over pairs (official:
    the sum over the pairs of a frame, so that two sources 15 degrees off are 30 degrees off);
 3. angles are exact (official: by an arc cosine, under which sources 20 degrees off may lie on
    either side of the threshold);
 4. rates have no eps in their denominators: without any reference the error rate is infinite, or
    not a number without any error, and F and LR of nothing are not numbers (official: a number of
    16 digits, and 0);
 5. a recording without prediction counts as one in which nothing was heard (official: left out by
    whoever pools, see `cli.score`).

Reference: A. Mesaros et al., "Joint measurement of localization and detection of sound events",
WASPAA 2019, eq. 5; github.com/sharathadavanne/seld-dcase2020.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from sonoscope.metrics.dcase2019 import EPS, Mode, Sounding
from sonoscope.metrics.detections import THRESHOLD_DEG, Errors, errors, summed
from sonoscope.metrics.pooling import pooled
from sonoscope.metrics.sources import (
    BY_ANGLES,
    EXACT,
    Pairs,
    Sources,
    lay_out,
    names,
    pair,
    until,
)

LABELS_2020 = (
    "alarm", "crying baby", "crash", "barking dog", "running engine", "female scream",
    "female speech", "burning fire", "footsteps", "knocking on door", "male scream",
    "male speech", "ringing phone", "piano",
)  # fmt: skip
"""The labels of TAU-NIGENS Spatial Sound Events 2020 in the order of their class index."""

OFFICIAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Scores:
    """What a system is worth; smaller is better but for `f` and `lr`.

    Attributes
    ----------
    er, f
        Error rate and F score of labels in seconds, right within 20 degrees, as fractions.
    le_deg, lr
        Localisation error in degrees and localisation recall as a fraction.
    seld
        Mean of er, 1 - f, le_deg / 180 and 1 - lr.
    """

    er: float
    f: float
    le_deg: float
    lr: float
    seld: float


def scores_of(er: float, f: float, le_deg: float, lr: float) -> Scores:
    """Put the four scores together with their mean, the SELD score."""
    return Scores(er, f, le_deg, lr, (er + (1 - f) + le_deg / 180 + (1 - lr)) / 4)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in one recording or, added up, in many: scores pool counts, not scores.

    Attributes
    ----------
    mode
        See the head of this module.
    n_reference, n_predicted
        Labels in seconds on either side.
    n_right, n_placed
        Those within 20 degrees, and those that have a distance at all.
    distance_sum_deg
        Sum of distances.
    errors
        Missed and false labels, second by second.
    """

    mode: Mode
    n_reference: int = 0
    n_predicted: int = 0
    n_right: int = 0
    n_placed: int = 0
    distance_sum_deg: float = 0.0
    errors: Errors = field(default_factory=Errors)

    def __add__(self, other: "Counts") -> "Counts":
        return pooled([self, other])

    def scores(self) -> Scores:
        """Turn the counts into scores."""
        return scores_of(
            self.errors.rate(float(self.n_reference), self.mode),
            self._f(self.n_right),
            self.distance_sum_deg / self.n_placed if self.n_placed else 180.0,
            self._f(self.n_placed),
        )

    def _f(self, n_right: int) -> float:
        if self.mode == "official":
            precision = n_right / (self.n_predicted + EPS)
            recall = n_right / (self.n_reference + EPS)
            return 2 * precision * recall / (precision + recall + EPS)
        whole = self.n_reference + self.n_predicted
        return 2 * n_right / whole if whole else math.nan


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
        Events, or rows of frames whose rate divides 10 a second; labels are compared by name.
    mode
        See the head of this module.
    duration_s
        How much of the recording is counted in mode `official`, 60 s by default.

    Raises
    ------
    InputError
        If a source has no direction, frames have a rate that does not divide 10 a second, or lie
        beyond a day.
    """
    labels = names(reference, prediction)
    true, heard = (lay_out(side, labels, tracked=False) for side in (reference, prediction))
    if mode == "official":
        true, heard = until(true, heard, OFFICIAL_S if duration_s is None else duration_s)
    return _compare(
        true, heard, pair(true, heard, BY_ANGLES if mode == "official" else EXACT), mode
    )


def _compare(true: Sources, heard: Sources, pairs: Pairs, mode: Mode) -> Counts:
    true_key, heard_key = true.second_label, heard.second_label
    key = np.union1d(true_key, heard_key)
    in_true, in_heard = np.isin(key, true_key), np.isin(key, heard_key)
    place = np.searchsorted(key, true_key[pairs.true])
    total = summed(place, pairs.angle_deg, len(key))
    over = place
    if mode == "official":
        first = np.unique(true.cell[pairs.true], return_index=True)[1]
        over = place[first]
    n = np.bincount(over, minlength=len(key))
    placed = n > 0
    distance = total[placed] / n[placed]
    right = np.zeros(len(key), bool)
    right[placed] = distance <= THRESHOLD_DEG
    return Counts(
        mode=mode,
        n_reference=int(in_true.sum()),
        n_predicted=int(in_heard.sum()),
        n_right=int(right.sum()),
        n_placed=int(placed.sum()),
        distance_sum_deg=float(distance.sum()),
        errors=errors(
            key // max(true.n_labels, 1),
            (in_true & ~right).astype(int),
            (in_heard & ~in_true).astype(int),
        ),
    )
