"""From a recipe and its clips to the network, its examples and its test; from a checkpoint back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import torch

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.frames import whole_samples
from sonoscope.core.recipe import to_json
from sonoscope.datasets import esc50, folder, urbansound8k
from sonoscope.datasets.choice import fingerprint as clips_fingerprint
from sonoscope.datasets.clip_folds import SplitClips, leaks, split_clips
from sonoscope.models.clip.build import ClipNetwork, build_clip_network, clip_rate_of
from sonoscope.simulation.sources import Clip
from sonoscope.training import checkpoint
from sonoscope.training.clips.held import HeldClips, hold
from sonoscope.training.clips.listening import HeldSet, answers
from sonoscope.training.clips.log import read_rows
from sonoscope.training.clips.loop import ClipParts, Listener, fit_clips, n_steps
from sonoscope.training.clips.recipe import ClipData, ClipRecipe
from sonoscope.training.clips.scored import ScoredClips, worth, write_scored
from sonoscope.training.clips.stream import FileStream
from sonoscope.training.log import LOG
from sonoscope.training.loop import Machine
from sonoscope.training.recipe import fingerprint

_FOLDERS = {
    "esc10": "esc50",
    "esc50": "esc50",
    "urbansound8k": "urbansound8k",
    "folder": "clips",
}
"""Where below the data folder each set lies."""


@dataclass(frozen=True, slots=True)
class ClipMaterial:
    """Labelled clips of a recipe.

    Attributes
    ----------
    recipe
        The recipe, its labels spelt out.
    split
        The clips, by what they are for.
    data_hash
        Tells these clips from others.
    """

    recipe: ClipRecipe
    split: SplitClips
    data_hash: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the network's answers."""
        return self.recipe.data.labels


def gather_clips(recipe: ClipRecipe, data: Path | None) -> ClipMaterial:
    """List the clips of a recipe, and divide them.

    Raises
    ------
    SettingError
        If there is no data folder, no clip of a label, or nothing to learn from or to test on.
    InputError
        If a data set is not where it should be.
    """
    if data is None:
        raise SettingError("--data must be the folder of the clips, but none was given")
    found, known = _clips(recipe.data, data / _FOLDERS[recipe.data.set])
    labels = recipe.data.labels or known
    split = split_clips(found, recipe.data.split)
    if recipe.data.licences:
        split = SplitClips(
            _licensed(split.train, recipe.data.licences),
            _licensed(split.validation, recipe.data.licences),
            split.test,
        )
    missing = sorted(set(labels) - {clip.label for clip in split.train})
    if missing:
        raise SettingError(f"{recipe.name}: there must be clips to learn {missing[0]} from")
    resolved = replace(recipe, data=replace(recipe.data, labels=labels))
    sides = (clips_fingerprint(clips, data) for clips in split.sides().values())
    return ClipMaterial(resolved, split, fingerprint(to_json(resolved), *sides))


def _licensed(clips: Sequence[Clip], licences: Sequence[str]) -> tuple[Clip, ...]:
    return tuple(clip for clip in clips if clip.licence in licences)


def _clips(asked: ClipData, where: Path) -> tuple[list[Clip], tuple[str, ...]]:
    """List a set's clips, and the labels it has in its own order."""
    labels = asked.labels or None
    match asked.set:
        case "esc10":
            ten = asked.labels or esc50.ESC10_LABELS
            return esc50.clips(where, folds=range(1, 6), labels=ten), ten
        case "esc50":
            return esc50.clips(where, folds=range(1, 6), labels=labels), esc50.labels(where)
        case "urbansound8k":
            return urbansound8k.clips(where, labels=labels), urbansound8k.LABELS
        case "folder":
            found = folder.clips(where, labels=labels, group_rule=asked.group_rule)
            return found, tuple(sorted({clip.label for clip in found}))
        case _:
            assert_never(asked.set)


@dataclass(frozen=True, slots=True)
class Build:
    """Makes a recipe's network with random weights."""

    recipe: ClipRecipe
    n_labels: int

    def __call__(self) -> ClipNetwork:
        """Make it."""
        return build_clip_network(self.recipe.network, self.n_labels)


def rate_of_clips(recipe: ClipRecipe) -> int:
    """Tell at which rate a recipe's network listens; refuses one that hears no sound."""
    rate_hz = clip_rate_of(recipe.network)
    if rate_hz is None:
        raise SettingError(f"{recipe.name}: network must take sound to be trained on sound files")
    return rate_hz


def window_of(recipe: ClipRecipe) -> int:
    """Tell how many samples a recipe's network takes."""
    return whole_samples(recipe.window_s, rate_of_clips(recipe))


def clip_parts(material: ClipMaterial, device: str = "cpu") -> ClipParts:
    """Read the clips and make what the loop needs; training batches are made on a device."""
    recipe, labels = material.recipe, material.labels
    rate_hz, window = rate_of_clips(recipe), window_of(recipe)
    held = hold(material.split.train, labels, rate_hz).to(device)
    nothing = 0.0 if recipe.loss.kind == "bce" else 1 / len(labels)
    stream = FileStream(held, rate_hz, window, recipe.waveform, recipe.mixing, recipe.seed, nothing)
    return ClipParts(
        network=Build(recipe, len(labels)),
        train=stream,
        n_train=recipe.epoch_clips or len(held),
        n_labels=len(labels),
        validation=set_of(recipe, material.split.validation),
        data_hash=material.data_hash,
    )


def set_of(recipe: ClipRecipe, clips: Sequence[Clip]) -> HeldSet | None:
    """Read clips to be heard as wholes; None where there are none."""
    if not clips:
        return None
    held: HeldClips = hold(clips, recipe.data.labels, rate_of_clips(recipe))
    return HeldSet(held, window_of(recipe), recipe.listening.crops, recipe.listening.turns)


def train_clips(
    material: ClipMaterial,
    out: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    machine: Machine | None = None,
    on_progress: Listener | None = None,
) -> Path:
    """Train a recipe's network, test it, and give the checkpoint that was tested.

    See `training.clips.loop.fit_clips`; the test's result is `result.json` in `out`.
    """
    machine = machine or Machine()
    device = "cuda" if machine.device in ("auto", "cuda") and torch.cuda.is_available() else "cpu"
    if device == "cuda":  # the device itself makes the batches, and no process can share its clips
        machine = replace(machine, workers=0)
    parts = clip_parts(material, device)
    path = fit_clips(
        material.recipe,
        out,
        parts,
        resume=resume,
        init=init,
        machine=machine,
        on_progress=on_progress,
    )
    tested(material, path, parts, device)
    return path


def tested(material: ClipMaterial, path: Path, parts: ClipParts, device: str) -> ScoredClips:
    """Test a checkpoint's network on the material's test clips, and write the result beside it."""
    recipe, labels = material.recipe, material.labels
    network, _ = load_clip_network(path)
    network.to(device)
    test = set_of(recipe, material.split.test)
    assert test is not None  # a split always has clips to test on
    said = answers(network, test)
    checked = None if parts.validation is None else answers(network, parts.validation)
    rows = read_rows(path.parent / LOG)
    split = recipe.data.split
    tested_on = f"folds {', '.join(map(str, split.test_folds))}" if split.kind == "folds" else ""
    scored = ScoredClips(
        name=recipe.name,
        seed=recipe.seed,
        test=f"{recipe.data.set}, {tested_on or f'{split.kind} tenth, seed {split.seed}'}",
        leaks=len(leaks(material.split)),
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        trained_clips=len(material.split.train),
        epochs=recipe.epochs,
        steps=n_steps(recipe, parts.n_train),
        trained_s=round(rows[-1].elapsed_s, 1) if rows else 0.0,
        **worth(said, labels, checked),
    )
    write_scored(
        path.parent, scored, {"test": said} | ({} if checked is None else {"validation": checked})
    )
    return scored


def load_clip_network(path: Path) -> tuple[ClipNetwork, ClipRecipe]:
    """Read the averaged weights of a checkpoint into its network, ready to answer.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint of a training on clips, or its recipe is not of this version.
    """
    recipe = checkpoint.recipe_of(path, ClipRecipe)
    if not recipe.data.labels:
        raise InputError(f"{path}: the recipe must spell out its labels, but it does not")
    network = Build(recipe, len(recipe.data.labels))()
    checkpoint.start_from(path, network)
    return network.eval(), recipe
