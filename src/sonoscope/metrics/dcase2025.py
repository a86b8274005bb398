"""The scores of DCASE 2025 task 3, of two channels: as in 2024, but with folded azimuths.

Two channels hear neither front from back nor up from down, so azimuths are folded to -90..90
degrees (100 and 80 are one direction), the angle is their difference, and elevation is left out.
All else is counted as `dcase2024` does. Whether a source is in the picture is not asked here.

There are two modes. `official` repeats the organisers' scorer. `strict` differs in exactly this:

 1. all that sounds is counted (official: frames before the last one of the reference, so that this
    one is lost, and what is heard after the last true event costs nothing; a recording in which
    nothing truly sounds counts nothing);
 2. rates have no eps in their denominators: as 4 of `dcase2024`;
 3. a recording without prediction counts as one in which nothing was heard (official: left out by
    whoever pools, see `cli.score`).

Folded azimuths lie on a line, where two pairings are often equally good (30 and 10 degrees, or 20
and 20) and differ in what is within 20 degrees. The scorer's Hungarian method takes one by the
order of the rows; both modes take the same (`matching.assign`).

The scorer's own jackknife breaks off with an error; that of `intervals` is the one of 2024.

Reference: K. Shimada et al., "Stereo sound event localization and detection with onscreen/offscreen
classification", DCASE Workshop 2025; github.com/partha2409/DCASE2025_seld_baseline.
"""

from collections.abc import Sequence

from sonoscope.metrics.dcase2019 import Mode, Sounding
from sonoscope.metrics.dcase2022 import LABELS_2022
from sonoscope.metrics.dcase2024 import Counts, compare
from sonoscope.metrics.detections import Average
from sonoscope.metrics.sources import BY_FOLDED_AZIMUTH

LABELS_2025 = LABELS_2022


def count(
    reference: Sounding,
    prediction: Sounding,
    mode: Mode = "official",
    *,
    average: Average = "macro",
    labels: Sequence[str] = LABELS_2025,
    duration_s: float | None = None,
) -> Counts:
    """Compare what was heard in one recording with the truth; parameters as `dcase2024.count`."""
    empty = Counts.empty("dcase2025", mode, average, labels)
    return compare(reference, prediction, empty, BY_FOLDED_AZIMUTH, duration_s)
