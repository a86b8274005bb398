"""TAU-NIGENS Spatial Sound Events 2020 and 2021 (DCASE, task 3), as published.

```
 tau-nigens2020/
 ├── foa_dev/       fold1_room1_mix001_ov1.wav ... fold6_...
 ├── mic_dev/, metadata_dev/
 └── foa_eval/, mic_eval/, metadata_eval/   mix001.wav ...

 tau-nigens2021/
 ├── foa_dev/       dev-train/fold1_room1_mix001.wav, dev-val/fold5_..., dev-test/fold6_...
 ├── mic_dev/, metadata_dev/
 └── foa_eval/, mic_eval/, metadata_eval/   eval-test/mix001.wav ...
```

A minute each, 24 kHz, rows of 100 ms. Rooms are numbered within their fold; folds have rooms and
isolated sounds of their own.

References: A. Politis, S. Adavanne, T. Virtanen, "A dataset of reverberant spatial sound scenes
with moving sources for sound event localization and detection", DCASE Workshop 2020; A. Politis et
al., "A dataset of dynamic reverberant sound scenes with directional interferers", DCASE Workshop
2021; folds: github.com/sharathadavanne/seld-dcase2020 and seld-dcase2021.
"""

import re
from pathlib import Path
from typing import Literal

from sonoscope.datasets.recordings import Folds, Naming, RecordedScene, pair_up

FOLDS_2020 = (Folds((3, 4, 5, 6), (2,), (1,)),)
FOLDS_2021 = (Folds((1, 2, 3, 4), (5,), (6,)),)

ROOMS_APART = True

_NAMING = Naming(
    re.compile(r"(?:fold(?P<fold>\d)_(?P<room>room\d+)_)?mix\d+(?:_ov\d)?"),
    lambda fold, room: f"fold{fold}_{room}",
)


def recordings(folder: Path, channel_format: Literal["foa", "tetra"]) -> list[RecordedScene]:
    """List the recordings of either year: development, and evaluation (fold 0) if it is there.

    Raises
    ------
    InputError
        If there are none, or one is named otherwise.
    """
    return pair_up(folder, _NAMING, channel_format)
