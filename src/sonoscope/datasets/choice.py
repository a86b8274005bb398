"""Which dry sounds a recipe asks for, and the bank that holds them.

Below the data folder lie `esc50/`, `digits/` and `own/` (the user's own clips, a folder a label),
each as far as the recipe asks for it. Without any of them only the modelled sounds are there.
"""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.datasets import digits, esc50, folder
from sonoscope.simulation.sources import Clip, ClipBank, MixedBank, ModelledBank, SoundBank


@dataclass(config=STRICT)
class ClipChoice:
    """Dry sounds.

    Attributes
    ----------
    esc50_folds
        Folds of ESC-50; without any the set is not read.
    esc50_licences
        Licences of its clips to use; all where empty.
    digits_speakers
        Speakers of the Free Spoken Digit Dataset; without any the set is not read.
    own
        Whether to read the user's own clips too: `own/LABEL/*`.
    modelled_share
        Share of a label's events that physical models make, where there is a model of it; labels
        without any clip are always modelled if this is above 0.
    """

    esc50_folds: tuple[Annotated[int, Field(ge=1, le=5)], ...] = ()
    esc50_licences: tuple[str, ...] = ("CC0", "CC-BY")
    digits_speakers: tuple[str, ...] = ()
    own: bool = False
    modelled_share: Annotated[float, Field(ge=0, le=1)] = 0.0


def find_clips(choice: ClipChoice, data: Path | None, labels: Collection[str]) -> list[Clip]:
    """List the recorded clips of some labels.

    Raises
    ------
    SettingError
        If recordings are asked for without a data folder.
    InputError
        If a data set is not where it should be.
    """
    if not (choice.esc50_folds or choice.digits_speakers or choice.own):
        return []
    if data is None:
        raise SettingError("--data must be the folder of the clips, but none was given")
    found: list[Clip] = []
    if choice.esc50_folds:
        licences = choice.esc50_licences or None
        found += esc50.clips(data / "esc50", folds=choice.esc50_folds, licences=licences)
    if choice.digits_speakers:
        found += digits.clips(data / "digits", speakers=choice.digits_speakers)
    if choice.own:
        found += folder.clips(data / "own")
    return [clip for clip in found if clip.label in labels]


def held_out(clips: Sequence[Clip], share: float) -> tuple[list[Clip], list[Clip]]:
    """Divide clips into those to learn from and those to validate with, original by original.

    Of every label a share of its originals, at least two, is held out: those whose names hash
    lowest, so that the choice is the same wherever the clips lie. Spoken words stay: their
    originals are speakers, and few.
    """
    groups: set[str] = set()
    for label in {clip.label for clip in clips}:
        mine = {clip.group for clip in clips if clip.label == label and not clip.is_word}
        ranked = sorted(mine, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
        groups |= set(ranked[: max(2, round(share * len(ranked)))] if share else [])
    kept = [clip for clip in clips if clip.group not in groups]
    return kept, [clip for clip in clips if clip.group in groups]


def bank(clips: Sequence[Clip], modelled_share: float, rate_hz: int) -> SoundBank:
    """Make the bank of some clips, and of modelled sounds where a share of them is wanted.

    Raises
    ------
    SettingError
        If there is neither a clip nor a model.
    """
    if not clips and not modelled_share:
        raise SettingError("data must name some sounds, but it names none")
    if not clips:
        return ModelledBank(rate_hz)
    recorded = ClipBank(clips, rate_hz)
    if not modelled_share:
        return recorded
    return MixedBank(recorded, ModelledBank(rate_hz), modelled_share)
