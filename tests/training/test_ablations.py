"""Each ablation differs from the bare recipe in what its name says."""

import pytest

from sonoscope.models.build import CrnnNetwork, DcaseCrnnNetwork, NetworkSettings
from sonoscope.models.masking import MaskingSettings
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.training.ablations import augmentation_ablations
from sonoscope.training.recipe import TrainRecipe, differences

WHERE = {
    "none": "",
    "no average": "ema_decay",
    "channel swap": "augmentation.swap",
    "rotation": "augmentation.rotate",
    "gain": "augmentation.gain_db",
    "equaliser": "augmentation.eq_db",
    "SpecAugment": "masking",
    "cutout": "masking",
    "mixup, union": "mixup",
    "mixup, soft": "mixup",
    "all": "augmentation masking mixup",
}


@pytest.mark.parametrize("network", [CrnnNetwork(), DcaseCrnnNetwork(kind="dcase_crnn")])
def test_each_differs_from_none_where_its_name_says(network: NetworkSettings) -> None:
    recipe = TrainRecipe(
        name="x",
        labels=("a",),
        network=network,
        augmentation=AugmentationSettings(swap="axes"),
        masking=MaskingSettings(time_masks=1),
    )
    found = augmentation_ablations(recipe)
    is_classwise = isinstance(network, CrnnNetwork)
    assert found.keys() == {name for name in WHERE if is_classwise or name != "mixup, soft"}
    for name, each in found.items():
        named = differences(each, found["none"])
        assert bool(named) == bool(WHERE[name])
        assert all(any(part.startswith(w) for w in WHERE[name].split()) for part in named)
    assert set(differences(found["none"], recipe)) == {"augmentation.swap", "masking.time_masks"}
