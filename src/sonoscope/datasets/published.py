"""Which published set a recipe trains on, and which of its folds: one match over the sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, assert_never

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.datasets import starss, tau2019, tau_nigens
from sonoscope.datasets.recordings import (
    Folds,
    RecordedScene,
    RecordingFormat,
    assert_apart,
    in_folds,
)
from sonoscope.metrics.dcase2020 import LABELS_2020
from sonoscope.metrics.dcase2021 import LABELS_2021
from sonoscope.metrics.dcase2022 import LABELS_2022

PublishedKind = Literal[
    "tau2019", "tau-nigens2020", "tau-nigens2021", "starss22", "starss23", "stereo2025"
]

Fold = Annotated[int, Field(ge=0)]


@dataclass(config=STRICT)
class RecordingChoice:
    """Recordings of a published set to train on; they lie in a folder of the set's name.

    Attributes
    ----------
    kind
        The set, and its folder below the data folder.
    folds, validation_folds, test_folds
        What is trained on, what is validated with, and what neither may hear; these differ.
    validation_rooms
        Rooms of the training folds that are validated with and not trained on: for sets without
        a fold for it.
    format
        In which format; where None, that of the network (a batch is divided among several).
    rate_hz
        At which rate they are heard.
    """

    kind: PublishedKind
    folds: Annotated[tuple[Fold, ...], Field(min_length=1)]
    validation_folds: tuple[Fold, ...] = ()
    test_folds: tuple[Fold, ...] = ()
    validation_rooms: tuple[str, ...] = ()
    format: RecordingFormat | None = None
    rate_hz: Annotated[int, Field(ge=8_000)] = 24_000

    @model_validator(mode="after")
    def _folds_differ(self) -> "RecordingChoice":
        named = (*self.folds, *self.validation_folds, *self.test_folds)
        if len(set(named)) < len(named):
            raise ValueError("folds, validation_folds and test_folds must all differ")
        if not (self.validation_folds or self.validation_rooms):
            raise ValueError("validation_folds or validation_rooms must name something")
        return self


class Published(NamedTuple):
    """What is known of a published set.

    Attributes
    ----------
    labels
        In the order of its class indices.
    folds
        Its official splits.
    rooms_apart
        Whether its folds promise rooms of their own.
    """

    labels: tuple[str, ...]
    folds: tuple[Folds, ...]
    rooms_apart: bool


def published(kind: PublishedKind) -> Published:
    """Give what is known of a set."""
    match kind:
        case "tau2019":
            return Published(tau2019.LABELS, tau2019.FOLDS, tau2019.ROOMS_APART)
        case "tau-nigens2020":
            return Published(LABELS_2020, tau_nigens.FOLDS_2020, tau_nigens.ROOMS_APART)
        case "tau-nigens2021":
            return Published(LABELS_2021, tau_nigens.FOLDS_2021, tau_nigens.ROOMS_APART)
        case "starss22" | "starss23" | "stereo2025":
            return Published(LABELS_2022, starss.FOLDS, starss.ROOMS_APART)
        case _:
            assert_never(kind)


def find_recordings(
    kind: PublishedKind, data: Path, channel_format: RecordingFormat
) -> list[RecordedScene]:
    """List a set's recordings in a format; it lies in `data/KIND`.

    Raises
    ------
    InputError
        If it is not there.
    SettingError
        If it was not published in the format.
    """
    folder = data / kind
    match kind, channel_format:
        case "tau2019", ("foa" | "tetra") as heard_as:
            return tau2019.recordings(folder, heard_as)
        case (("tau-nigens2020" | "tau-nigens2021"), ("foa" | "tetra") as heard_as):
            return tau_nigens.recordings(folder, heard_as)
        case (("starss22" | "starss23"), ("foa" | "tetra") as heard_as):
            return starss.recordings(folder, heard_as)
        case "stereo2025", "stereo":
            return starss.stereo_recordings(folder)
        case _:
            raise SettingError(f"{kind} must be heard in a format it has, but not {channel_format}")


class Sides(NamedTuple):
    """The recordings of a choice in one format, on their sides of the split."""

    train: tuple[RecordedScene, ...]
    validation: tuple[RecordedScene, ...]
    test: tuple[RecordedScene, ...]


def split_recordings(
    choice: RecordingChoice, data: Path | None, channel_format: RecordingFormat
) -> Sides:
    """List what is trained on, validated with and tested on, and refuse what leaks.

    Raises
    ------
    SettingError
        If there is no data folder, a fold is not there, or something stands on two sides.
    InputError
        If the set is not where it should be.
    """
    if data is None:
        raise SettingError(f"--data must be the folder in which {choice.kind}/ lies")
    there = find_recordings(choice.kind, data, channel_format)
    heard, apart, test = (
        tuple(in_folds(there, folds))
        for folds in (choice.folds, choice.validation_folds, choice.test_folds)
    )
    held = tuple(each for each in heard if each.room in choice.validation_rooms)
    _check_rooms(choice.validation_rooms, heard, held)
    train = tuple(each for each in heard if each.room not in choice.validation_rooms)
    validation = (*apart, *held)
    rooms = published(choice.kind).rooms_apart
    assert_apart(train, (*validation, *test), rooms=rooms)
    assert_apart(validation, test, rooms=rooms)
    return Sides(train, validation, test)


def _check_rooms(
    rooms: Sequence[str], heard: Sequence[RecordedScene], held: Sequence[RecordedScene]
) -> None:
    missing = sorted(set(rooms) - {each.room for each in held})
    known = sorted({each.room for each in heard if each.room is not None})
    if missing:
        raise SettingError(
            f"validation_rooms must be among {', '.join(known)}, but {missing[0]} was given"
        )
    if len(held) == len(heard):
        raise SettingError("validation_rooms must leave a room to train on, but name all of them")


def check_labels(kind: PublishedKind, labels: Sequence[str]) -> None:
    """Refuse labels that are not those of a set, in whatever order.

    Raises
    ------
    SettingError
        Naming one that is missing or too many.
    """
    strange = sorted(set(labels) ^ set(published(kind).labels))
    if strange:
        raise SettingError(f"labels must be those of {kind}, but {strange[0]!r} is in one alone")
