"""From a recipe and its clips to the network and the scenes, and from a checkpoint to a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.datasets.choice import bank
from sonoscope.models.build import Network, build, rate_of, target_of
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import Clip
from sonoscope.simulation.stream import SceneStream
from sonoscope.targets.card import COPIES
from sonoscope.training import checkpoint
from sonoscope.training.batches import Stream
from sonoscope.training.loop import Listener, Machine, Parts, fit
from sonoscope.training.material import Material, data_hash
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.recorded import Reading, RecordedStream, RecordedSweep

Item = TypeVar("Item")


def train(
    recipe: TrainRecipe,
    out: Path,
    material: Material,
    *,
    resume: bool = False,
    init: Path | None = None,
    machine: Machine | None = None,
    on_progress: Listener | None = None,
) -> Path:
    """Train a recipe's network on scenes of some clips; see `training.loop.fit`."""
    return fit(
        recipe,
        out,
        parts(recipe, material, scene_device(machine or Machine())),
        resume=resume,
        init=init,
        machine=machine,
        on_progress=on_progress,
    )


def scene_device(machine: Machine) -> str:
    """Tell where scenes are rendered: on the CUDA device itself where no process makes them."""
    wants = machine.workers == 0 and machine.device in ("auto", "cuda")
    return "cuda" if wants and torch.cuda.is_available() else "cpu"


def parts(recipe: TrainRecipe, material: Material, device: str = "cpu") -> Parts:
    """Make what the loop needs; training scenes are rendered on a device.

    Raises
    ------
    SettingError
        If the network listens at another rate than its sound has, or a label has no sounds.
    """
    listens_hz = rate_of(recipe.network)
    if listens_hz != recipe.rate_hz:
        raise SettingError(
            f"{recipe.name}: the network's rate_hz must be {recipe.rate_hz}, that of what it is "
            f"trained on, but {listens_hz} was given"
        )
    return Parts(
        network=Build(recipe),
        train=_train_stream(recipe, material, device),
        validation=validation_of(recipe, material),
        data_hash=data_hash(recipe, material),
        formats=recipe.network.formats,
    )


@dataclass(frozen=True, slots=True)
class Build:
    """Makes a recipe's network with random weights."""

    recipe: TrainRecipe

    def __call__(self) -> Network:
        """Make it."""
        return build(self.recipe.network, len(self.recipe.all_labels), self.recipe.masking)


def _train_stream(recipe: TrainRecipe, material: Material, device: str) -> Stream:
    if recipe.recordings is not None:
        return RecordedStream(
            [sides.train for sides in material.recorded],
            reading_of(recipe),
            recipe.seed,
            augmentation=recipe.augmentation,
        )
    sounds = bank(recipe.data, material.train, recipe.scene.rate_hz)
    formats, extra = recipe.network.formats, recipe.extra_labels
    supplies = Supplies(sounds, recipe.labels, extra, material.measured, material.beds)
    return SceneStream(
        recipe.scene,
        supplies,
        recipe.seed,
        formats,
        augmentation=recipe.augmentation,
        device=device,
        n_copies=COPIES[target_of(recipe.network)],
        label_step_s=recipe.label_step_s,
    )


def validation_of(
    recipe: TrainRecipe, material: Material, formats: Sequence[ChannelFormat] | None = None
) -> Stream:
    """Give what a recipe is validated with: scenes, or recordings from end to end.

    Parameters
    ----------
    formats
        Some of the network's; all where None.
    """
    wanted = tuple(formats or recipe.network.formats)
    if recipe.recordings is None:
        stream = validation_stream(recipe, material.validation)
        stream.formats = wanted
        return stream
    heard = dict(zip(recipe.network.formats, material.recorded, strict=True))
    count = recipe.validation.scenes
    by_format = [
        spread(heard[each].validation, count) for each in recipe.network.formats if each in wanted
    ]
    return RecordedSweep(by_format, reading_of(recipe))


def reading_of(recipe: TrainRecipe) -> Reading:
    """Tell how a recipe's recordings are read."""
    n_copies = COPIES[target_of(recipe.network)]
    return Reading(recipe.labels, recipe.rate_hz, recipe.label_step_s, n_copies)


def spread(scenes: Sequence[Item], count: int) -> tuple[Item, ...]:
    """Take so many recordings, evenly over all of them.

    Examples
    --------
    >>> spread("abcdefg", 3)
    ('a', 'c', 'e')
    """
    count = min(count, len(scenes))
    return tuple(scenes[i * len(scenes) // count] for i in range(count))


def validation_stream(recipe: TrainRecipe, clips: Sequence[Clip]) -> SceneStream:
    """Make scenes in which those extra labels sound that have clips; they are not scored."""
    scene = recipe.validation.scene or recipe.scene
    if scene.rate_hz != recipe.scene.rate_hz:
        raise SettingError(
            f"{recipe.name}: validation.scene.rate_hz must be {recipe.scene.rate_hz} as in"
            f" training, but {scene.rate_hz} was given"
        )
    sounds = bank(recipe.data, clips, scene.rate_hz, modelled_share=0.0)
    extra = tuple(label for label in recipe.extra_labels if label in sounds.labels)
    seed, formats = recipe.validation.seed, recipe.network.formats
    return SceneStream(
        scene,
        Supplies(sounds, recipe.labels, extra),
        seed,
        formats,
        n_copies=COPIES[target_of(recipe.network)],
        label_step_s=recipe.label_step_s,
    )


def load(path: Path) -> tuple[Network, TrainRecipe]:
    """Read the averaged weights of a checkpoint into its network, ready to answer.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or its recipe is not of this version.
    """
    recipe = checkpoint.recipe_of(path, TrainRecipe)
    network = Build(recipe)()
    checkpoint.start_from(path, network)
    return network.eval(), recipe
