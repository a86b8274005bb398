"""Which dry sounds a recipe asks for, and the bank that holds them.

Below the data folder lie `esc50/`, `digits/` and `own/` (the user's own clips, a folder a label),
each as far as the recipe asks for it. Without any of them only the modelled sounds are there.

A label `speech/lucas` means the clips of `speech` in the part `lucas` of their data set: a speaker
of the digits, a fold of ESC-50.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.errors import InputError, SettingError
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


@dataclass(config=STRICT)
class SplitChoice(ClipChoice):
    """Dry sounds of some splits of a set, which no other split of it hears.

    The user's own clips lie in `own/split<n>/LABEL/*`, n being the first of the splits.

    Attributes
    ----------
    splits
        Numbers of the splits (or folds), as in the names of the set's recordings.
    """

    splits: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)


def find_clips(
    choice: ClipChoice, data: Path | None, labels: Collection[str], *, own: str = "own"
) -> list[Clip]:
    """List the recorded clips of some labels; the user's own lie in `own`, below the data folder.

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
        found += folder.clips(data / own)
    parts = [replace(clip, label=f"{clip.label}/{clip.fold}") for clip in found]
    return [clip for clip in (*found, *parts) if clip.label in labels]


def fingerprint(clips: Sequence[Clip], data: Path | None) -> str:
    """Tell lists of clips apart: a hash of what each is, where it lies below `data`, its size.

    Raises
    ------
    InputError
        If a clip is not there.
    """
    rows = []
    for clip in clips:
        path = clip.path
        within = path.relative_to(data) if data and path.is_relative_to(data) else path
        try:
            size = path.stat().st_size
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        told = (clip.label, clip.group, clip.fold, clip.licence, clip.attribution)
        rows.append("\t".join((*told, within.as_posix(), str(size))))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def bank(
    choice: ClipChoice, clips: Sequence[Clip], rate_hz: int, *, modelled_share: float | None = None
) -> SoundBank:
    """Make the bank of some clips, and of modelled sounds if the choice has a share of them.

    Parameters
    ----------
    modelled_share
        In place of the choice's own: 0 lets models stand in for labels without clips alone.

    Raises
    ------
    SettingError
        If there is neither a clip nor a model.
    """
    if not choice.modelled_share:
        if not clips:
            raise SettingError("data must name some sounds, but it names none")
        return ClipBank(clips, rate_hz)
    modelled = ModelledBank(rate_hz)
    share = choice.modelled_share if modelled_share is None else modelled_share
    return MixedBank(ClipBank(clips, rate_hz), modelled, share) if clips else modelled
