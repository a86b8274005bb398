"""Which clips a recipe trains with, and which it keeps apart for validation.

Below the data folder lie `esc50/`, `digits/` and `own/` (the user's own clips: `own/train/LABEL/*`
and `own/validation/LABEL/*`, the second unless the recipe holds out a share of the first), each as
far as the recipe asks for it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import to_json
from sonoscope.datasets.choice import ClipChoice, find_clips
from sonoscope.datasets.published import Sides, split_recordings
from sonoscope.datasets.surroundings import measured_rooms, recorded_beds
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.measured import MeasuredRoom
from sonoscope.simulation.sources import Clip, assert_disjoint
from sonoscope.training.recipe import TrainRecipe, fingerprint


@dataclass(frozen=True, slots=True)
class Material:
    """Clips to train with, clips that the training never hears, and real surroundings.

    Where recordings are trained on, they stand in `recorded`, once for each channel format.
    """

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    measured: tuple[MeasuredRoom, ...] = ()
    beds: tuple[RecordedBed, ...] = ()
    recorded: tuple[Sides, ...] = ()


def gather(recipe: TrainRecipe, data: Path | None) -> Material:
    """List the clips of a recipe, those of its labels and extra labels, or its recordings.

    Raises
    ------
    SettingError
        If clips are asked for without a data folder, if a sound stands on both sides, or if there
        are clips to train with but none to validate with.
    InputError
        If a data set is not where it should be.
    """
    if recipe.recordings is not None:
        chosen, formats = recipe.recordings, recipe.network.formats
        return Material((), (), recorded=tuple(split_recordings(chosen, data, x) for x in formats))
    asked, labels = recipe.data, recipe.all_labels
    rooms = measured_rooms(recipe.places, data)
    beds = recorded_beds(recipe.places, data, recipe.scene.rate_hz)
    train = find_clips(asked, data, labels, own="own/train")
    if not train:
        return Material((), (), rooms, beds)
    held = held_out_groups(train, asked.held_out_share) if asked.held_out_share else set[str]()
    apart = ClipChoice(
        esc50_folds=asked.esc50_validation_folds,
        esc50_licences=asked.esc50_licences,
        digits_speakers=asked.digits_validation_speakers,
        own=asked.own and not held,
    )
    found = Material(
        tuple(clip for clip in train if clip.group not in held),
        (
            *(clip for clip in train if clip.group in held),
            *find_clips(apart, data, labels, own="own/validation"),
        ),
        rooms,
        beds,
    )
    if not found.validation:
        raise SettingError(
            f"{recipe.name}: data must hold clips for validation too, but none was given"
        )
    assert_disjoint(found.train, found.validation)
    return found


def held_out_groups(clips: Iterable[Clip], share: float) -> set[str]:
    """Choose a share of each label's groups, at least two, by the hash of their names.

    Spoken words are left alone: their speakers are named by the recipe.
    """
    by_label: dict[str, set[str]] = {}
    for clip in clips:
        if not clip.is_word:
            by_label.setdefault(clip.label, set()).add(clip.group)
    held = set[str]()
    for groups in by_label.values():
        shuffled = sorted(groups, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
        held.update(shuffled[: max(2, round(share * len(groups)))])
    return held


def data_hash(recipe: TrainRecipe, material: Material) -> str:
    """Tell the data of one training from another's: the recipe and the names of all it reads."""
    clips = (*_names(material.train), "|", *_names(material.validation))
    rooms = (f"{room.name}/{room.n_positions}" for room in material.measured)
    beds = (f"bed of {bed.samples.shape}" for bed in material.beds)
    sides = (
        f"{scene.channel_format}/{scene.name} of {scene.audio.stat().st_size}"
        for apart in material.recorded
        for scene in (*apart.train, *apart.validation)
    )
    return fingerprint(to_json(recipe), *clips, *rooms, *beds, *sides)


def _names(clips: Sequence[Clip]) -> list[str]:
    return [f"{clip.label}/{clip.group}/{clip.path.name}" for clip in clips]
