"""Recordings of a published set: sound, table, and on which side of a split each may stand.

A set's folder is read as it was published. A recording's name tells its fold and its room; where
the truth of a simulated scene lies beside (`truth/NAME.json`, datasets.scene_truth), the clips that
sounded in it are known too.

    train ──┐
            ├── assert_apart: no recording, no source clip, no room (where the set promises it)
    test  ──┘             on both sides
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event
from sonoscope.core.event_table import read_events
from sonoscope.simulation.sources import MODELLED

RecordingFormat = Literal["foa", "tetra", "stereo"]

SOUND_SUFFIXES = frozenset({".wav", ".flac"})

_FOLDER: dict[RecordingFormat, str] = {"foa": "foa", "tetra": "mic", "stereo": "stereo"}


@dataclass(frozen=True, slots=True)
class RecordedScene:
    """A recording on disk, perhaps with the table of its events.

    Attributes
    ----------
    name
        Without suffix and folders: the same in each channel format.
    audio
        The sound file.
    table
        Its events; None where they are not published.
    fold
        Of the set's folds; 0 for an evaluation set.
    room
        Where it was made, as far as the set tells; None where it does not.
    channel_format
        What its channels are.
    sources
        Originals of the clips that sound in it; none where they are not known.
    """

    name: str
    audio: Path
    table: Path | None
    fold: int
    room: str | None
    channel_format: RecordingFormat
    sources: frozenset[str] = frozenset()

    def events(self, labels: Sequence[str]) -> tuple[Event, ...]:
        """Read its events; `labels` name what the table gives by index.

        Raises
        ------
        InputError
            If there is no table, or it cannot be read.
        """
        if self.table is None:
            raise InputError(f"{self.audio}: must have a table of its events, but there is none")
        return read_events(self.table, labels)


class Folds(NamedTuple):
    """Folds to train on, to validate on, and to test on."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


class Told(NamedTuple):
    """What a recording's name tells."""

    fold: int
    room: str | None


@dataclass(frozen=True, slots=True)
class Naming:
    """How a set calls its recordings.

    Attributes
    ----------
    pattern
        Of a name, with groups `fold` and `room`; a name without a fold is of fold 0.
    room
        Gives a room's identity from fold and room, the same in every recording made there; None
        where names tell none.
    """

    pattern: re.Pattern[str]
    room: Callable[[int, str], str] = lambda _fold, room: room

    def read(self, path: Path) -> Told:
        """Read fold and room off a file's name."""
        found = self.pattern.fullmatch(path.stem)
        if found is None:
            raise InputError(
                f"{path}: must be named {self.pattern.pattern}, but {path.stem} was given"
            )
        told = found.groupdict()
        fold, room = int(told.get("fold") or 0), told.get("room")
        return Told(fold, None if room is None else self.room(fold, room))


def pair_up(folder: Path, naming: Naming, channel_format: RecordingFormat) -> list[RecordedScene]:
    """List the recordings of a set: development, and evaluation (fold 0) if it is there.

    Sounds lie in `foa_dev/`, `mic_dev/` or `stereo_dev/`, their tables under the same names in
    `metadata_dev/`; those of the evaluation in folders on `_eval`.

    Parameters
    ----------
    folder
        Of the set.
    naming
        What recordings are called.
    channel_format
        Which sounds.

    Returns
    -------
    In order of their folds, then of their names.

    Raises
    ------
    InputError
        If no folder of sounds is there or none holds a recording, or one is named otherwise.
    """
    there = [
        (folder / f"{_FOLDER[channel_format]}_{part}", folder / f"metadata_{part}")
        for part in ("dev", "eval")
    ]
    found = [
        _recording(folder, path, tables / path.relative_to(sounds).with_suffix(".csv"), naming,
                   channel_format)
        for sounds, tables in there
        if sounds.is_dir()
        for path in _sounds(sounds)
    ]  # fmt: skip
    if not found:
        wanted = " or ".join(str(sounds) for sounds, _ in there)
        raise InputError(f"{wanted} must hold recordings (.wav or .flac), but none was found")
    return sorted(found, key=lambda each: (each.fold, each.name))


def _sounds(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith("."):
            yield path


def _recording(
    folder: Path, path: Path, table: Path, naming: Naming, channel_format: RecordingFormat
) -> RecordedScene:
    told = naming.read(path)
    sources, room = _simulated(folder / "truth" / f"{path.stem}.json")
    return RecordedScene(
        path.stem,
        path,
        table if table.is_file() else None,
        told.fold,
        room or told.room,
        channel_format,
        sources,
    )


def _simulated(truth: Path) -> tuple[frozenset[str], str | None]:
    """Read which clips sounded in a simulated scene, and in which room of its set it took place."""
    if not truth.is_file():
        return frozenset(), None
    try:
        record = json.loads(truth.read_text(encoding="utf-8"))
        events = (*record["events"], *record["interferers"])
        sounded = [part for event in events for part in event["sounded"].split("; ")]
        room = record["room"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{truth}: must be the truth of a scene, but: {error}") from error
    # "coughing: Cough by Ann, https://..., [CC0]": what stands in front is the label's stand-in
    originals = {text.partition(": ")[2] or text for text in sounded}
    return frozenset(originals - {MODELLED}), None if room is None else f"simulated room {room}"


def in_folds(recordings: Iterable[RecordedScene], folds: Iterable[int]) -> list[RecordedScene]:
    """Keep the recordings of some folds.

    Raises
    ------
    SettingError
        If a fold has none.
    """
    there, wanted = list(recordings), tuple(folds)
    for fold in wanted:
        if not any(each.fold == fold for each in there):
            known = ", ".join(map(str, sorted({each.fold for each in there})))
            raise SettingError(f"folds must be among {known}, but {fold} was given")
    return [each for each in there if each.fold in wanted]


def assert_apart(
    train: Iterable[RecordedScene], test: Iterable[RecordedScene], *, rooms: bool
) -> None:
    """Refuse a split that has a recording, a source clip or a room on both sides.

    Parameters
    ----------
    train, test
        The two sides.
    rooms
        Whether rooms must differ too: not where a set has all its rooms in every fold.

    Raises
    ------
    SettingError
        Naming what is shared, and a recording of either side.
    """
    by_name, by_source, by_room = dict[str, str](), dict[str, str](), dict[str, str]()
    for each in train:
        by_name.setdefault(each.name, each.name)
        by_source.update((source, each.name) for source in each.sources)
        if rooms and each.room is not None:
            by_room.setdefault(each.room, each.name)
    for each in test:
        if each.name in by_name:
            raise SettingError(
                f"a recording must stand on one side of a split, but {each.name} stands on both"
            )
        if each.room in by_room:
            _refuse("room", each.room, by_room[each.room], each.name)
        for source in sorted(each.sources & by_source.keys()):
            _refuse("source clip", source, by_source[source], each.name)


def _refuse(what: str, which: str, one: str, other: str) -> None:
    raise SettingError(
        f"a {what} must stand on one side of a split, but {which} is in {one} on one side"
        f" and in {other} on the other"
    )
