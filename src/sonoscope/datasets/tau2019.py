"""TAU Spatial Sound Events 2019 (DCASE 2019, task 3), as published.

```
 tau2019/
 ├── foa_dev/       split1_ir0_ov1_1.wav ... split4_ir4_ov2_100.wav
 ├── mic_dev/       the same scenes, heard by the tetrahedron
 ├── metadata_dev/  split1_ir0_ov1_1.csv ...
 └── foa_eval/, mic_eval/, metadata_eval/   split0_1.wav ... split0_100.wav
```

Names tell the split, the room (`ir`) and how many events may overlap. Isolated sounds are disjoint
between the splits; the five rooms are not: each occurs in every split.

References: S. Adavanne, A. Politis, T. Virtanen, "A multi-room reverberant dataset for sound event
localization and detection", DCASE Workshop 2019; doi 10.5281/zenodo.2599196 and 3377088.
"""

import re
from pathlib import Path
from typing import Literal

from sonoscope.datasets.recordings import Folds, Naming, RecordedScene, pair_up
from sonoscope.metrics.dcase2019 import LABELS_2019

LABELS = LABELS_2019

FOLDS = (
    Folds((3, 4), (2,), (1,)),
    Folds((4, 1), (3,), (2,)),
    Folds((1, 2), (4,), (3,)),
    Folds((2, 3), (1,), (4,)),
)
"""The four folds of the development set, in order of their test splits."""

EVALUATION = Folds((2, 3, 4), (1,), (0,))

ROOMS_APART = False

_NAMING = Naming(re.compile(r"split(?P<fold>\d)(?:_(?P<room>ir\d)_ov\d)?_\d+"))


def recordings(folder: Path, channel_format: Literal["foa", "tetra"]) -> list[RecordedScene]:
    """List the recordings of the development set, and of the evaluation set if it is there.

    Raises
    ------
    InputError
        If there are none, or one is named otherwise.
    """
    return pair_up(folder, _NAMING, channel_format)
