"""Where the files of a scene set lie and what they are called: plainly, or as published.

 layout           sounds                                      tables
 plain            foa/scene_0000.wav, tetra/                  dcase2019/ (or the year's)
 tau2019          foa_dev/split1_ir0_ov1_1.wav, mic_dev/      metadata_dev/
 tau-nigens2020   foa_dev/fold1_room1_mix001_ov1.wav          metadata_dev/
 tau-nigens2021   foa_dev/dev-train/fold1_room1_mix001.wav    metadata_dev/dev-train/
 starss22         foa_dev/dev-train-tau/fold3_room4_mix001    metadata_dev/dev-train-tau/

Beside them always lie `truth/NAME.csv` and `truth/NAME.json`, ours. Scenes are named by their
number and their room alone (and how many events may overlap), never by how many there are, so that
a set can grow.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Literal, assert_never

from sonoscope.core.errors import SettingError

LayoutKind = Literal["plain", "tau2019", "tau-nigens2020", "tau-nigens2021", "starss22"]
SoundFormat = Literal["foa", "tetra"]

_SPLIT_IN_NAME = re.compile(r"(?:^|/)(?:split|fold)(\d+)_")
_SPLIT = 100  # recordings in a split of 2019
_ROOMS_A_FOLD = 2
_FOLDS_2021 = {5: "dev-val", 6: "dev-test"}
_ROOMS_2022 = (
    *(("dev-train-tau", 3, room) for room in (4, 6, 7, 9)),
    *(("dev-train-sony", 3, room) for room in (21, 22)),
    *(("dev-test-tau", 4, room) for room in (2, 8, 10)),
    *(("dev-test-sony", 4, room) for room in (23, 24)),
)
_MOST_ROOMS: Mapping[LayoutKind, int] = {
    "tau2019": 5,
    "tau-nigens2020": 12,
    "tau-nigens2021": 12,
    "starss22": len(_ROOMS_2022),
}


def check_rooms(layout: LayoutKind, rooms: int) -> None:
    """Refuse a number of rooms that a layout has no names for.

    Raises
    ------
    SettingError
        Saying how many there may be.
    """
    most = _MOST_ROOMS.get(layout)
    if most is not None and not 1 <= rooms <= most:
        raise SettingError(
            f"scene.rooms must be in 1..{most} for the layout {layout}, but {rooms} was given"
        )


def scene_name(layout: LayoutKind, number: int, rooms: int, overlap: int) -> PurePosixPath:
    """Give a scene's name, without a suffix and below the folder of its kind.

    Parameters
    ----------
    number
        Of the scene, from 0; its room is `number % rooms`.
    overlap
        How many events may sound at once.

    Examples
    --------
    >>> str(scene_name("tau2019", 107, 5, 2)), str(scene_name("starss22", 13, 11, 1))
    ('split2_ir2_ov2_8', 'dev-train-tau/fold3_room7_mix002')
    """
    room, mix = (number % rooms, number // rooms + 1) if rooms else (0, number + 1)
    fold, room_in_fold = room // _ROOMS_A_FOLD + 1, room % _ROOMS_A_FOLD + 1
    match layout:
        case "plain":
            return PurePosixPath(f"scene_{number:04d}")
        case "tau2019":
            split, recording = number // _SPLIT + 1, number % _SPLIT + 1
            return PurePosixPath(f"split{split}_ir{room}_ov{overlap}_{recording}")
        case "tau-nigens2020":
            return PurePosixPath(f"fold{fold}_room{room_in_fold}_mix{mix:03d}_ov{overlap}")
        case "tau-nigens2021":
            part = _FOLDS_2021.get(fold, "dev-train")
            return PurePosixPath(part, f"fold{fold}_room{room_in_fold}_mix{mix:03d}")
        case "starss22":
            part, fold, told = _ROOMS_2022[room]
            return PurePosixPath(part, f"fold{fold}_room{told}_mix{mix:03d}")
        case _:
            assert_never(layout)


def split_of(name: PurePosixPath) -> int | None:
    """Give the split, or fold, that a recording's name tells; None where it tells none.

    Examples
    --------
    >>> split_of(PurePosixPath("dev-train-tau/fold3_room4_mix001"))
    3
    """
    found = _SPLIT_IN_NAME.search(str(name))
    return None if found is None else int(found[1])


def sound_folder(layout: LayoutKind, channel_format: SoundFormat) -> str:
    """Give the folder of the sounds of a format."""
    if layout == "plain":
        return channel_format
    return {"foa": "foa_dev", "tetra": "mic_dev"}[channel_format]


def table_folder(layout: LayoutKind, year: int) -> str:
    """Give the folder of the DCASE tables."""
    return f"dcase{year}" if layout == "plain" else "metadata_dev"
