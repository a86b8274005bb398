"""The scores of DCASE 2021 task 3: as in 2020, but with several sources of one label at a time.

Time runs in frames of 100 ms and is judged in seconds, label by label. On the true side a label has
tracks. In each frame true and heard sources are paired so that the sum of angles is least; the mean
angle of a true track over its pairs is its distance: right up to 20 degrees, else false. True
tracks beyond the heard ones are missed, heard ones beyond the true ones false; a side has as many
heard tracks as sound at once. All labels are counted together (micro average).

There are two modes. `official` repeats the organisers' scorer. `strict` differs in exactly this:

 1. all that sounds is counted (official: 60 s, and what comes later is ignored);
 2. true tracks are those of the file, or are told by their directions where it has none (official:
    the place among the rows of the frame, so that a source changes its track when another of its
    label ends, and two that follow each other are one);
 3. true tracks that were never paired are missed (official: the surplus of true tracks, so that two
    true and two heard sources of which only one pair ever sounds together make no error at all);
 4. where a label has no frame in common, its true tracks are missed, and heard ones beyond them are
    false (official: as many are missed as were *heard*, and none is false);
 5. angles are exact (official: by an arc cosine, under which sources 20 degrees off may lie on
    either side of the threshold);
 6. rates have no eps in their denominators: without any reference the error rate is infinite, or
    not a number without any error, and F and LR of nothing are not numbers (official: a number of
    16 digits, and 0);
 7. a recording without prediction counts as one in which nothing was heard (official: left out by
    whoever pools, see `cli.score`).

Heard tracks have no names in either mode: most systems write 0 for all of them.

Reference: A. Politis et al., "Overview and evaluation of sound event localization and detection in
DCASE 2019", IEEE/ACM TASLP 29, 2021; github.com/sharathadavanne/seld-dcase2021.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from sonoscope.metrics.dcase2019 import Mode, Sounding
from sonoscope.metrics.dcase2020 import OFFICIAL_S, Scores, scores_of
from sonoscope.metrics.detections import THRESHOLD_DEG, Detections, Errors, errors, summed
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

LABELS_2021 = (
    "alarm", "crying baby", "crash", "barking dog", "female scream", "female speech",
    "footsteps", "knocking on door", "male scream", "male speech", "ringing phone", "piano",
)  # fmt: skip
"""The labels of TAU-NIGENS Spatial Sound Events 2021 in the order of their class index."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was counted in one recording or, added up, in many: scores pool counts, not scores.

    Attributes
    ----------
    mode
        See the head of this module.
    tracks
        Tracks in seconds, all labels together.
    errors
        Missed and false tracks, second by second.
    """

    mode: Mode
    tracks: Detections
    errors: Errors

    def __add__(self, other: "Counts") -> "Counts":
        return pooled([self, other])

    def scores(self) -> Scores:
        """Turn the counts into scores."""
        return scores_of(
            self.errors.rate(float(self.tracks.n_reference[0]), self.mode),
            float(self.tracks.f(0.5, self.mode)[0]),
            float(self.tracks.mean_angle_deg(180.0)[0]),
            float(self.tracks.recall(self.mode)[0]),
        )


def count(
    reference: Sounding,
    prediction: Sounding,
    mode: Mode = "official",
    *,
    duration_s: float | None = None,
) -> Counts:
    """Compare what was heard in one recording with the truth; parameters as `dcase2020.count`."""
    labels = names(reference, prediction)
    true = lay_out(reference, labels, tracked=mode == "strict")
    heard = lay_out(prediction, labels, tracked=False)
    if mode == "official":
        true, heard = until(true, heard, OFFICIAL_S if duration_s is None else duration_s)
    pairs = pair(true, heard, BY_ANGLES if mode == "official" else EXACT)
    tracks, wrong = count_tracks(true, heard, pairs, mode)
    return Counts(mode, tracks.averaged("micro"), wrong)


def count_tracks(
    true: Sources, heard: Sources, pairs: Pairs, mode: Mode
) -> tuple[Detections, Errors]:
    """Count the tracks of each label, and the errors of every second.

    Parameters
    ----------
    true, heard
        Sources; the true ones with their tracks.
    pairs
        Which of them belong together.
    mode
        See the head of this module, points 3 and 4.
    """
    true_key, heard_key = true.second_label, heard.second_label
    key = np.union1d(true_key, heard_key)
    n_true, n_paired, n_right, angle_deg = _true_tracks(true, pairs, key)
    n_heard = _at_once(heard.cell, heard_key, key)
    missed, false = n_true - n_paired, np.maximum(0, n_heard - n_true)
    if mode == "official":
        astray = (n_true > 0) & (n_heard > 0) & (n_paired == 0)
        missed = np.where(astray, n_heard, np.maximum(0, n_true - n_heard))
        false = np.where(astray, 0, false)
    second, label = np.divmod(key, max(true.n_labels, 1))
    by_label = [
        summed(label, x, true.n_labels)
        for x in (n_true, n_right, n_paired - n_right, missed, false, angle_deg)
    ]
    return Detections(*by_label), errors(second, missed, false + n_paired - n_right)


def _true_tracks(true: Sources, pairs: Pairs, key: Int[ndarray, " key"]) -> tuple[ndarray, ...]:
    """Give for each key its tracks, those paired, those right, and the sum of mean angles."""
    n_tracks = int(true.track.max(initial=0)) + 1
    tracks, row = np.unique(true.second_label * n_tracks + true.track, return_inverse=True)
    place = np.searchsorted(key, tracks // n_tracks)
    n_pairs = np.bincount(row[pairs.true], minlength=len(tracks))
    total = summed(row[pairs.true], pairs.angle_deg, len(tracks))
    paired = n_pairs > 0
    distance = total[paired] / n_pairs[paired]
    n_true, n_paired = (np.bincount(x, minlength=len(key)) for x in (place, place[paired]))
    right = place[paired][distance <= THRESHOLD_DEG]
    angle_deg = summed(place[paired], distance, len(key))
    return n_true, n_paired, np.bincount(right, minlength=len(key)), angle_deg


def _at_once(
    cell: Int[ndarray, " row"], row_key: Int[ndarray, " row"], key: Int[ndarray, " key"]
) -> Int[ndarray, " key"]:
    """Give for each key how many of its rows share a cell at most."""
    _, first, n = np.unique(cell, return_index=True, return_counts=True)
    most = np.zeros(len(key), int)
    np.maximum.at(most, np.searchsorted(key, row_key[first]), n)
    return most
