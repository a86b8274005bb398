"""The scores of DCASE 2022 and 2023 task 3: as in 2021, but label by label, then their mean.

Tracks are counted as `dcase2021` does. A track beyond 20 degrees weighs as much as a right one in
the denominator of F, not half of it. F, LE (180 degrees for a label without any pair) and LR are
means over *all* labels, also over those that nobody named, which score 0 (macro average); the error
rate is always that of all labels together. The micro average puts the labels together first.

There are two modes. `official` repeats the organisers' scorer. `strict` differs in exactly this:

 1. all that sounds is counted (official: seconds up to the last frame of the reference, which is
    itself lost where it begins a second; what is heard after the last true event costs nothing);
 2. a recording in which nothing truly sounds counts with all that is heard in it (official: the
    scorer breaks off; here it counts nothing, as that of 2025 does);
 3. to 5. tracks, tracks never paired and labels without a common frame: as 2 to 4 of `dcase2021`;
 6. angles are exact (official: 1e-10 in the norm of vectors, so that truth against itself is 0.0008
    degrees off, and a source 20 degrees off is beyond the threshold);
 7. rates have no eps in their denominators: as 6 of `dcase2021`;
 8. a recording without prediction counts as one in which nothing was heard (official: left out by
    whoever pools, see `cli.score`);
 9. the value that goes with a jackknife interval is that of all recordings (official: that of all
    but the last one, see `intervals.jackknife`).

The scorer of 2023 takes rows of six numbers for azimuth, elevation and distance even where they are
x, y and z; `core.event_table` tells them apart, in both modes. Scores that leave missed labels out
of the mean, as some published ones do, are not these scores.

Reference: A. Politis et al., "STARSS22: a dataset of spatial recordings of real scenes with
spatiotemporal annotations of sound events", DCASE Workshop 2022;
github.com/sharathadavanne/seld-dcase2022, seld-dcase2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sonoscope.metrics.dcase2019 import Mode, Sounding
from sonoscope.metrics.dcase2020 import Scores, scores_of
from sonoscope.metrics.dcase2021 import count_tracks
from sonoscope.metrics.detections import Average, Detections, Errors
from sonoscope.metrics.pooling import pooled
from sonoscope.metrics.sources import BY_VECTORS, EXACT, FRAMES_PER_S, lay_out, pair, until

LABELS_2022 = (
    "female speech", "male speech", "clapping", "telephone", "laughter", "domestic sounds",
    "footsteps", "door", "music", "musical instrument", "water tap", "bell", "knock",
)  # fmt: skip
"""The labels of STARSS22, STARSS23 and DCASE 2025 in the order of their class index."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was counted in one recording or, added up, in many: scores pool counts, not scores.

    Attributes
    ----------
    mode
        See the head of this module.
    average
        How labels are averaged.
    labels
        Their names.
    tracks
        Tracks in seconds, label by label.
    errors
        Missed and false tracks, second by second.
    """

    mode: Mode
    average: Average
    labels: tuple[str, ...]
    tracks: Detections
    errors: Errors

    def __add__(self, other: "Counts") -> "Counts":
        return pooled([self, other])

    def scores(self) -> Scores:
        """Turn the counts into scores."""
        tracks = self.tracks.averaged(self.average)
        return scores_of(
            self.errors.rate(float(self.tracks.n_reference.sum()), self.mode),
            float(tracks.f(1.0, self.mode).mean()),
            float(tracks.mean_angle_deg(180.0).mean()),
            float(tracks.recall(self.mode).mean()),
        )


def count(
    reference: Sounding,
    prediction: Sounding,
    mode: Mode = "official",
    *,
    average: Average = "macro",
    labels: Sequence[str] = LABELS_2022,
    duration_s: float | None = None,
) -> Counts:
    """Compare what was heard in one recording with the truth.

    Parameters
    ----------
    reference, prediction
        Events, or rows of frames whose rate divides 10 a second; labels are compared by name.
    mode
        See the head of this module.
    average
        How labels are averaged.
    labels
        All labels there are, over which the mean goes.
    duration_s
        How much of the recording is counted in mode `official`, by default up to the last frame of
        the reference.

    Raises
    ------
    InputError
        If a label is none of `labels`, a source has no direction, frames have a rate that does not
        divide 10 a second, or lie beyond a day.
    """
    true = lay_out(reference, labels, tracked=mode == "strict")
    heard = lay_out(prediction, labels, tracked=False)
    if mode == "official":
        last = int(true.frame.max(initial=0))
        true, heard = until(true, heard, last / FRAMES_PER_S if duration_s is None else duration_s)
    pairs = pair(true, heard, BY_VECTORS if mode == "official" else EXACT)
    tracks, wrong = count_tracks(true, heard, pairs, mode)
    return Counts(mode, average, tuple(labels), tracks, wrong)
