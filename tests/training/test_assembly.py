"""What a recipe's parts must have in common."""

from typing import Any

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.training.assembly import parts
from sonoscope.training.material import Material
from sonoscope.training.recipe import TrainRecipe


@pytest.mark.parametrize(
    ("network", "rate_hz", "listens_hz"),
    [
        # as many frames a second as labels: nothing but the frequencies of its bands is wrong
        ({"kind": "crnn", "features": {"hop": 320}}, 16_000, 24_000),
        ({"kind": "mask_crnn", "front_end": {"hop": 480}}, 24_000, 16_000),
    ],
)
def test_a_network_listens_at_the_rate_of_its_sound(
    network: dict[str, Any], rate_hz: int, listens_hz: int
) -> None:
    table = {"name": "t", "labels": ["a"], "network": network, "scene": {"rate_hz": rate_hz}}
    recipe = from_table(table, TrainRecipe, where="t")
    with pytest.raises(SettingError, match=f"must be {rate_hz}.* but {listens_hz} was given"):
        parts(recipe, Material((), ()))
