"""From a row of a table of clip networks to the recipe of a training, as `training.tables` does.

A row names a network; a scale tells the maps, and one or more recipes by which it can be trained.
Rows with the same recipe are one training, however they are called.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.tables import Settings, merged, some_rows

ClipSetWithFolds = Literal["esc10", "esc50", "urbansound8k"]
RecipeName = Literal["paper", "better"]
OwnMaps = Literal["cepstra", "raw_sound"]

_TAKEN: dict[OwnMaps, tuple[str, ...]] = {
    "cepstra": ("rate_hz", "window_s", "hop_s"),
    "raw_sound": ("rate_hz",),
}
"""What of a scale's log-mels holds for other maps too."""


@dataclass(frozen=True, slots=True)
class FoldedSet:
    """A set that has folds: how many, and how long its clips are."""

    n_folds: int
    clip_s: float


SETS: dict[ClipSetWithFolds, FoldedSet] = {
    "esc10": FoldedSet(5, 5.0),
    "esc50": FoldedSet(5, 5.0),
    "urbansound8k": FoldedSet(10, 4.0),
}
"""What tables can be made on: another set of sound files with folds is a line here and a name in
`ClipData.set`; one that is simulated also needs a stream of its own (`ClipParts.train`)."""


@dataclass(frozen=True, slots=True)
class ClipTableRow:
    """A network of a table.

    Attributes
    ----------
    name
        As the table has it.
    network
        Settings of the network at its own size, without maps.
    small
        Settings laid over these at scale small.
    own_maps
        What it takes where that is not the scale's log-mels; rate and frames are the scale's.
    in_half
        Whether half precision makes it quicker on a processor: networks of dense layers, not those
        whose kernels are one a channel.
    loss
        Settings of the loss, laid over the recipe's.
    recipe
        By which of the scale's recipes it is trained; its plain one where None.
    f1
        The paper's macro-F1, on its private recordings.
    accuracy
        What its authors had from scratch on whole sets, by set.
    """

    name: str
    network: Settings
    small: Settings = field(default_factory=dict)
    own_maps: OwnMaps | None = None
    in_half: bool = False
    loss: Settings = field(default_factory=dict)
    recipe: RecipeName | None = None
    f1: float | None = None
    accuracy: Mapping[ClipSetWithFolds, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClipTable:
    """Rows that are compared with some of them, its references."""

    name: str
    title: str
    rows: Sequence[ClipTableRow]
    references: tuple[str, ...]

    def some(self, names: Sequence[str]) -> tuple[ClipTableRow, ...]:
        """Choose rows by their names; all where none is named.

        Raises
        ------
        SettingError
            If the table has no such row.
        """
        return some_rows(self.name, self.rows, names)


@dataclass(frozen=True, slots=True)
class ClipScale:
    """How much is learnt, and with how large networks.

    Attributes
    ----------
    name, says, mark
        As of `tables.Scale`.
    folds, seeds
        Test folds (all of the set's where None), and trainings of each, where nothing else is asked
        for.
    window_s
        Seconds that a network takes, or the clips' length where that is less.
    maps
        Settings of the log-mels.
    recipes
        Settings of the recipes; masks are told by their greatest shares of `frames` and `bands`.
    plain
        The one of rows that do not say.
    is_small
        Whether rows are made smaller, and calculate as is quickest.
    """

    name: str
    folds: tuple[int, ...] | None
    seeds: int
    window_s: float
    maps: Settings
    recipes: Mapping[RecipeName, Settings]
    plain: RecipeName
    says: str
    is_small: bool
    mark: str = ""


def recipe_of(
    row: ClipTableRow, data: ClipSetWithFolds, fold: int, seed: int, scale: ClipScale
) -> ClipRecipe:
    """Write the recipe of one training, tested on one of the set's own folds.

    Raises
    ------
    SettingError
        If there is no such fold, or the settings do not fit together.
    """
    of_set = SETS[data]
    if not 1 <= fold <= of_set.n_folds:
        raise SettingError(f"folds must be among 1 to {of_set.n_folds}, but {fold} was given")
    window_s = min(scale.window_s, of_set.clip_s)
    own: dict[str, Any] = {
        "name": "ega_tables",
        "seed": seed,
        "window_s": window_s,
        "listening": {"crops": 1 if window_s == of_set.clip_s else _crops(of_set.clip_s, window_s)},
        "precision": "bfloat16" if scale.is_small and row.in_half else "float32",
        "data": {"set": data, "split": {"kind": "folds", "test_folds": [fold]}},
        "network": merged(row.network, row.small if scale.is_small else {}),
        "loss": row.loss,
    }
    plain = merged(scale.recipes[row.recipe or scale.plain], own)
    plain["network"]["maps"] = _maps(row, scale)
    plain["masking"] = _masking(plain["masking"], window_s, scale)
    return from_table(plain, ClipRecipe, where=f"{row.name}, {data}, fold {fold}")


def _crops(clip_s: float, window_s: float) -> int:
    """Tell how many windows hear a clip with an overlap of half or more."""
    return 2 * math.ceil(clip_s / window_s) - 1


def _maps(row: ClipTableRow, scale: ClipScale) -> dict[str, Any]:
    if row.own_maps is None:
        return dict(scale.maps)
    taken = {key: scale.maps[key] for key in _TAKEN[row.own_maps]}
    return {"kind": row.own_maps, **taken}


def _masking(shares: Settings, window_s: float, scale: ClipScale) -> dict[str, Any]:
    """Turn shares of frames and bands into numbers of them."""
    return {
        "time_masks": 2,
        "longest_frames": round(shares["frames"] * window_s / scale.maps["hop_s"]),
        "band_masks": 2,
        "widest_bands": round(shares["bands"] * scale.maps["n_bands"]),
    }
