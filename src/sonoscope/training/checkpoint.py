"""Checkpoints of a training: safetensors and JSON, there whole or not at all, never pickled.

```
OUT/checkpoint-000250.safetensors    network.NAME, average.NAME, optimizer.NAME.PART; the recipe
OUT/checkpoint-000500.safetensors    and the step in its metadata: one file alone is enough
OUT/checkpoint.json                  which of them counts: written last, so that it never points
                                     to a file that is not whole; the last two are kept
OUT/best.safetensors                 average.NAME alone, as of the best validation so far
```
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sonoscope.core.durable import write_bytes, write_text
from sonoscope.core.errors import CheckpointError, SettingError
from sonoscope.core.recipe import Settings, from_json, to_json
from sonoscope.models.build import inherited
from sonoscope.training.recipe import differences, fingerprint

POINTER = "checkpoint.json"
BEST = "best.safetensors"
_ABOUT = "sonoscope.training"
_KEPT = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a training stands.

    Attributes
    ----------
    step
        Steps done.
    recipe
        The recipe as JSON text.
    recipe_hash, data_hash
        Of the recipe, and of the recipe with the names of all clips.
    random
        State of the random numbers: everything random is a function of seed and step.
    elapsed_s
        Seconds of training so far.
    file
        Name of the file with the tensors.
    scores
        The SELD score of every validation so far, None where it is no number: what is best, the
        rate and the end may depend on them.
    """

    step: int
    recipe: str
    recipe_hash: str
    data_hash: str
    random: dict[str, int]
    elapsed_s: float
    file: str = ""
    scores: tuple[float | None, ...] = ()


@runtime_checkable
class Seeded(Protocol):
    """A recipe of any kind."""

    @property
    def seed(self) -> int:
        """Give what everything random is told by, and the step."""
        ...


def reached(
    recipe: Seeded, data_hash: str, step: int, elapsed_s: float, scores: Iterable[float | None]
) -> Position:
    """Tell where a training stands."""
    text = to_json(recipe)
    random = {"seed": recipe.seed, "step": step}
    return Position(
        step, text, fingerprint(text), data_hash, random, elapsed_s, scores=tuple(scores)
    )


def standing(out: Path, recipe: object, data_hash: str, *, resume: bool) -> Position | None:
    """Find out whether and where to go on in a folder, which is made where there is none.

    Parameters
    ----------
    out
        Folder of the run.
    recipe, data_hash
        What is to be trained, and on what.
    resume
        Whether a run may be gone on with.

    Raises
    ------
    CheckpointError
        If there is a run and `resume` is not asked for, or one of another recipe or of other data.
    SettingError
        If its recipe is not of this version.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = position(out)
    if before is None:
        return None
    if not resume:
        raise CheckpointError(
            f"{out} must be a folder without a run, but it holds one at step {before.step};"
            " --resume goes on with it"
        )
    text = to_json(recipe)
    if before.recipe_hash != fingerprint(text):
        from_json(before.recipe, type(recipe), where=str(out / POINTER))
        raise CheckpointError(
            f"{out} must hold a run of the same recipe,"
            f" but it differs in {', '.join(differences(text, before.recipe))}"
        )
    if before.data_hash != data_hash:
        raise CheckpointError(f"{out} must hold a run of the same clips, but other ones were given")
    return before


def position(out: Path) -> Position | None:
    """Read where the run in a folder stands; None where there is none yet.

    Raises
    ------
    CheckpointError
        If the pointer cannot be read.
    """
    pointer = out / POINTER
    if not pointer.is_file():
        return None
    try:
        return _position(pointer.read_text(encoding="utf-8"), pointer)
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{pointer}: not a readable checkpoint: {error}") from error


def _position(text: str, where: Path) -> Position:
    try:
        read = json.loads(text)
        return Position(**read | {"scores": tuple(read.get("scores", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{where}: not a readable checkpoint: {error}") from error


def write(
    out: Path,
    here: Position,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> Path:
    """Write a checkpoint, point to it, and drop all but the last two."""
    path = _path(out, here.step)
    pointer = asdict(here) | {"file": path.name}
    _write_tensors(path, here, _flat(network, average, optimizer))
    write_text(out / POINTER, json.dumps(pointer, indent=1) + "\n")
    for old in sorted(out.glob("checkpoint-*.safetensors"))[:-_KEPT]:
        old.unlink()
    return path


def write_best(out: Path, here: Position, average: nn.Module) -> Path:
    """Keep the averaged weights of the best validation, in place of those before."""
    path = out / BEST
    _write_tensors(path, here, _plain("average.", average.state_dict()))
    return path


def _write_tensors(path: Path, here: Position, tensors: Mapping[str, Tensor]) -> None:
    # one entry: safetensors writes several in an order of its own, and bytes should repeat
    about = asdict(here) | {"file": path.name, "elapsed_s": 0.0}
    write_bytes(path, save(dict(tensors), {_ABOUT: json.dumps(about, sort_keys=True)}))


def result(out: Path, step: int, *, keep_best: bool) -> Path:
    """Name what a training ended with: its best weights, where these are kept, or the last."""
    best = out / BEST
    return best if keep_best and best.is_file() else _path(out, step)


def _path(out: Path, step: int) -> Path:
    return out / f"checkpoint-{step:06d}.safetensors"


def restore(
    path: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Put everything back as it was when the checkpoint was written.

    Raises
    ------
    CheckpointError
        If the file cannot be read or belongs to another network.
    """
    _, tensors = read(path)
    _fill(network, _below(tensors, "network."), path)
    _fill(average, _below(tensors, "average."), path)
    state = _below(tensors, "optimizer.")
    for name, parameter in _optimized(network, optimizer).items():
        parts = _below(state, f"{name}.")
        # the layout must be the parameter's, or the same sums round in another order
        optimizer.state[parameter] = {
            part: torch.empty_like(parameter).copy_(value)
            if value.shape == parameter.shape and part != "step"
            else value
            for part, value in parts.items()
        }


def start_from(path: Path, network: nn.Module) -> None:
    """Begin with another run's averaged weights, as far as `models.build.inherited` takes them.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or a weight is missing, too many or of another shape.
    """
    _, tensors = read(path)
    _fill(network, inherited(network, _below(tensors, "average.")), path)


def read(path: Path) -> tuple[Position, dict[str, Tensor]]:
    """Read where a checkpoint stands, and its tensors.

    Raises
    ------
    CheckpointError
        If it cannot be read or is not a checkpoint of a training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint: {error}") from error
    if _ABOUT not in metadata:
        raise CheckpointError(f"{path} must be a checkpoint of a training, but it has no recipe")
    return _position(metadata[_ABOUT], path), tensors


def recipe_of(path: Path, kind: type[Settings]) -> Settings:
    """Read the recipe of a checkpoint.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is no recipe of this kind and version.
    """
    try:
        return from_json(read(path)[0].recipe, kind, where=str(path))
    except SettingError as error:
        raise CheckpointError(str(error)) from error


def clean(out: Path) -> None:
    """Remove what a killed run left half written."""
    for path in out.glob("*.part"):
        path.unlink()


def _flat(
    network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    state = {
        f"{name}.{part}": value
        for name, parameter in _optimized(network, optimizer).items()
        for part, value in optimizer.state[parameter].items()
    }
    return {
        **_plain("network.", network.state_dict()),
        **_plain("average.", average.state_dict()),
        **_plain("optimizer.", state),
    }


def _plain(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": t.detach().cpu().contiguous().clone() for name, t in tensors.items()}


def _optimized(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
    inside = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return {name: value for name, value in network.named_parameters() if id(value) in inside}


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


@torch.no_grad()
def _fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into a module in place, so that its layout and the optimiser's hold stay."""
    state = module.state_dict()
    for name in sorted(state.keys() ^ tensors.keys()):
        raise CheckpointError(
            f"{path}: the network must have the same weights, but {name} is"
            f" {'missing' if name in state else 'unknown to it'}"
        )
    for name, value in state.items():
        if value.shape != tensors[name].shape:
            raise CheckpointError(
                f"{path}: {name} must have the shape {tuple(value.shape)},"
                f" but {tuple(tensors[name].shape)} was given"
            )
    for name, value in state.items():
        value.copy_(tensors[name])
