"""Sets in the likeness of published ones, ready to be made.

A preset is a recipe (`NAME.toml`, beside this file). Its labels keep their published names and
order, and `[sounds]` says what stands in for them: categories of ESC-50, speakers of the Free
Spoken Digit Dataset, physical models. Clips in `DATA/own/LABEL/` join in; where splits have sounds
of their own (tau2019), those in `DATA/own/split1/LABEL/` and so on. Without a data folder models
alone make what they can.
"""

from dataclasses import replace
from pathlib import Path

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import read_recipe
from sonoscope.datasets.choice import ClipChoice, SplitChoice
from sonoscope.datasets.scene_set import SceneSetRecipe

DRONE_INSPECTION, DISCHARGES = "drone-inspection", "discharges"
"""The presets that are no sets of scenes: `datasets.drone_set`, `datasets.inspection_set`."""

PRESETS = ("tau2019", "tau-nigens2020", "tau-nigens2021", "starss22", "drone-survey")


def preset(name: str, data: Path | None) -> SceneSetRecipe:
    """Give a preset as what there is in the data folder allows.

    Raises
    ------
    SettingError
        If there is no preset of that name.
    """
    if name not in PRESETS:
        known = ", ".join((*PRESETS, DRONE_INSPECTION, DISCHARGES))
        raise SettingError(f"--preset must be one of {known}, but {name} was given")
    recipe = read_recipe(Path(__file__).with_name(f"{name}.toml"), SceneSetRecipe)
    if data is None:
        return replace(recipe, data=ClipChoice(modelled_share=1.0), splits=())
    if recipe.splits:
        splits = [replace(each, own=_own(each, data).is_dir()) for each in recipe.splits]
        return replace(recipe, splits=tuple(splits))
    return replace(recipe, data=replace(recipe.data, own=(data / "own").is_dir()))


def _own(choice: SplitChoice, data: Path) -> Path:
    return data / "own" / f"split{choice.splits[0]}"
