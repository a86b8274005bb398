"""What each augmentation buys: a recipe without any, with each alone, with all of them.

The settings are those that published systems agree on; which of them pay is what is measured.
"""

from dataclasses import replace

from sonoscope.models.build import target_of
from sonoscope.models.masking import MaskingSettings
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.training.mixup import MixupSettings
from sonoscope.training.recipe import TrainRecipe

_NONE = AugmentationSettings()
_MASKS = MaskingSettings(time_masks=2, longest_frames=20, band_masks=2, widest_bands=8)
_CUTOUT = MaskingSettings(cutouts=2, cutout_frames=40, cutout_bands=16)
_EVERY_MASK = replace(_MASKS, cutouts=1, cutout_frames=40, cutout_bands=16)
_UNION = MixupSettings(kind="union", share=0.5)


def augmentation_ablations(recipe: TrainRecipe) -> dict[str, TrainRecipe]:
    """Give recipes by the name of what they augment with; in all else they are the one given.

    The averaged weights are one of them: "no average" is the recipe without, all others keep its
    own `ema_decay`. Soft mixup is among them where the network answers class-wise.
    """
    bare = replace(recipe, augmentation=_NONE, masking=MaskingSettings(), mixup=MixupSettings())
    found = {
        "none": bare,
        "no average": replace(bare, ema_decay=0.0),
        "channel swap": replace(bare, augmentation=AugmentationSettings(swap="elevation")),
        "rotation": replace(bare, augmentation=AugmentationSettings(rotate="vertical")),
        "gain": replace(bare, augmentation=AugmentationSettings(gain_db=6.0)),
        "equaliser": replace(bare, augmentation=AugmentationSettings(eq_db=6.0)),
        "SpecAugment": replace(bare, masking=_MASKS),
        "cutout": replace(bare, masking=_CUTOUT),
        "mixup, union": replace(bare, mixup=_UNION),
    }
    if target_of(recipe.network).startswith("classwise"):
        found["mixup, soft"] = replace(bare, mixup=replace(_UNION, kind="soft"))
    found["all"] = replace(
        bare,
        augmentation=AugmentationSettings("elevation", "vertical", gain_db=6.0, eq_db=6.0),
        masking=_EVERY_MASK,
        mixup=_UNION,
    )
    return found
