"""STARSS22 and STARSS23, and the stereo set cut from the latter (DCASE 2022 to 2025, task 3).

```
 starss22/ or starss23/
 ├── foa_dev/        dev-train-sony/fold3_room21_mix001.wav, dev-train-tau/, dev-test-sony/fold4_...
 ├── mic_dev/        the same scenes, heard by the tetrahedron
 ├── metadata_dev/   dev-train-sony/fold3_room21_mix001.csv ...
 └── foa_eval/, mic_eval/   mix001.wav ...: fold 0, whose tables were not published

 stereo2025/
 ├── stereo_dev/     dev-train-sony/fold3_room21_mix001_deg000_start0000.wav ...: five seconds each
 ├── metadata_dev/   with a header: frame,class,source,azimuth,distance,onscreen
 └── stereo_eval/    eval/...
```

Fold 3 is for training, fold 4 for testing, and there is no official validation fold: the baselines
of 2022 to 2025 chose their epoch on the test fold. Here some rooms of fold 3 can be kept for it
(`RecordingChoice.validation_rooms`). A room has one number over both folds, and no room is in both.
The folds 1 and 2 are synthetic mixtures published beside, whose rooms have numbers of their own.

References: A. Politis et al., "STARSS22: a dataset of spatial recordings of real scenes with
spatiotemporal annotations of sound events", DCASE Workshop 2022; K. Shimada et al., "STARSS23: an
audio-visual dataset of spatial recordings of real scenes", NeurIPS 2023; doi
10.5281/zenodo.15559774 (stereo).
"""

import re
from pathlib import Path
from typing import Literal

from sonoscope.datasets.recordings import Folds, Naming, RecordedScene, pair_up

FOLDS = (Folds((3,), (), (4,)),)

ROOMS_APART = True

_SYNTHETIC = (1, 2)
_MIX = r"(?:fold(?P<fold>\d)_(?P<room>room\d+)_)?mix\d+"


def _room(fold: int, room: str) -> str:
    return f"synthetic {room} of fold {fold}" if fold in _SYNTHETIC else room


_NAMING = Naming(re.compile(_MIX), _room)
_STEREO_NAMING = Naming(re.compile(_MIX + r"_deg-?\d+_start\d+|[^_]*\d+"), _room)


def recordings(folder: Path, channel_format: Literal["foa", "tetra"]) -> list[RecordedScene]:
    """List the recordings of either year: development, and evaluation (fold 0) if it is there.

    Raises
    ------
    InputError
        If there are none, or one is named otherwise.
    """
    return pair_up(folder, _NAMING, channel_format)


def stereo_recordings(folder: Path) -> list[RecordedScene]:
    """List the five-second pieces of two channels; of the evaluation whatever has a number.

    Raises
    ------
    InputError
        If there are none, or one is named otherwise.
    """
    return pair_up(folder, _STEREO_NAMING, "stereo")
