"""Training scenes are the same samples, whoever makes them."""

import pytest
import torch

from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.simulation.scene_settings import MotionSettings, SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import Batch, SceneStream
from sonoscope.training.batches import batches, one_thread_each

STEPS = range(3, 8)


def stream() -> SceneStream:
    settings = SceneSettings(
        rate_hz=8_000,
        max_overlap=(2,),
        motion=MotionSettings(share=0.5),
        ambience=("diffuse", "lobes"),
        t60_s=(0.2, 0.4),
    )
    supplies = Supplies(ModelledBank(8_000), ("door_wood_knock", "siren"))
    return SceneStream(settings, supplies, 9, augmentation=AugmentationSettings("elevation"))


@pytest.fixture(scope="module")
def alone() -> list[Batch]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = list(batches(stream(), STEPS, 2, 1.5, workers=0))
    torch.set_num_threads(threads)
    return made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # on few cores
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_makes_identical_samples(alone: list[Batch], workers: int) -> None:
    with one_thread_each():
        made = list(batches(stream(), STEPS, 2, 1.5, workers=workers))
    assert len(made) == len(STEPS)
    for one, other in zip(alone, made, strict=True):
        assert torch.equal(one.sound, other.sound)
        assert torch.equal(one.active, other.active)
        assert torch.equal(one.direction, other.direction)


def test_steps_differ(alone: list[Batch]) -> None:
    assert not torch.equal(alone[0].sound, alone[1].sound)
