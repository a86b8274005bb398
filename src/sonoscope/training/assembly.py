"""From a recipe and its clips to the network and the scenes, and from a checkpoint to a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sonoscope.core.errors import CheckpointError, SettingError
from sonoscope.models.build import Network, build
from sonoscope.simulation.sources import Clip, ClipBank, MixedBank, ModelledBank, SoundBank
from sonoscope.simulation.stream import SceneStream
from sonoscope.training import checkpoint
from sonoscope.training.loop import Listener, Machine, Parts, fit
from sonoscope.training.material import Material, data_hash
from sonoscope.training.recipe import TrainRecipe, from_json


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
        parts(recipe, material),
        resume=resume,
        init=init,
        machine=machine,
        on_progress=on_progress,
    )


def parts(recipe: TrainRecipe, material: Material) -> Parts:
    """Make what the loop needs."""
    return Parts(
        network=Build(recipe),
        train=stream(recipe, material.train, recipe.seed),
        validation=stream(recipe, material.validation, recipe.validation.seed),
        data_hash=data_hash(recipe, material),
        formats=recipe.network.formats,
    )


@dataclass(frozen=True, slots=True)
class Build:
    """Makes a recipe's network with random weights."""

    recipe: TrainRecipe

    def __call__(self) -> Network:
        """Make it."""
        return build(self.recipe.network, len(self.recipe.all_labels))


def stream(recipe: TrainRecipe, clips: Sequence[Clip], seed: int) -> SceneStream:
    """Make scenes of some clips, and of modelled sounds where the recipe asks for them.

    Raises
    ------
    SettingError
        If there is neither a clip nor a model.
    """
    rate_hz = recipe.scene.rate_hz
    modelled = ModelledBank(rate_hz) if recipe.data.modelled_share else None
    bank: SoundBank
    if clips and modelled is not None:
        bank = MixedBank(ClipBank(clips, rate_hz), modelled, recipe.data.modelled_share)
    elif clips:
        bank = ClipBank(clips, rate_hz)
    elif modelled is not None:
        bank = modelled
    else:
        raise SettingError(f"{recipe.name}: data must name some sounds, but it names none")
    return SceneStream(recipe.scene, bank, recipe.all_labels, seed, recipe.network.formats)


def load(path: Path) -> tuple[Network, TrainRecipe]:
    """Read the averaged weights of a checkpoint into its network, ready to answer.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or its recipe is not of this version.
    """
    position, _ = checkpoint.read(path)
    try:
        recipe = from_json(position.recipe, where=str(path))
    except SettingError as error:
        raise CheckpointError(str(error)) from error
    network = Build(recipe)()
    checkpoint.start_from(path, network)
    return network.eval(), recipe
