"""Which labelled clips are learnt from, validated with and tested on, and what leaks between them.

- `folds`: the set's own folds are tested on; a share of the others' groups validates.
- `grouped`: 8:1:1, a group (one original recording) whole on one side, labels as even as may be.
- `random`: 8:1:1 of the clips, whatever they were cut from, as in the paper. Clips of one original
  then stand on several sides, and scores are those of a memory: `leaks` names them.

Every choice is told by the hash of a name and a seed, so that the order in which clips are listed
changes nothing.

References: K. J. Piczak, "ESC", ACM MM 2015 (why folds keep a recording together).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.simulation.sources import Clip

SplitKind = Literal["folds", "grouped", "random"]
TENTHS = 10
"""Parts of a random split: 8 to learn from, 1 to validate, 1 to test."""


@settings(config=STRICT)
class ClipSplit:
    """How clips are divided.

    Attributes
    ----------
    kind
        "folds": the set's own; "grouped" and "random": 8:1:1.
    test_folds
        Of "folds": which are tested on.
    validation_share
        Of "folds": share of each label's groups in the other folds that validates; with 0 nothing
        does, and all is learnt from.
    seed
        Which of the many.
    """

    kind: SplitKind = "folds"
    test_folds: tuple[int, ...] = (1,)
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class SplitClips:
    """Clips by what they are for."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]

    def sides(self) -> dict[str, tuple[Clip, ...]]:
        """Give each side by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True, slots=True)
class Leak:
    """An original of which several sides hold cuts.

    Attributes
    ----------
    group
        The original.
    clips
        Its clips on each of the sides, by the side's name.
    """

    group: str
    clips: dict[str, tuple[Clip, ...]]

    def __str__(self) -> str:
        told = (
            f"{side}: {', '.join(clip.path.name for clip in clips)}"
            for side, clips in self.clips.items()
        )
        return f"{self.group} ({'; '.join(told)})"


def split_clips(clips: Sequence[Clip], how: ClipSplit) -> SplitClips:
    """Divide clips.

    Clips that validation or test hold of the same original are left out of the training where the
    kind keeps originals together: four originals of ESC-50 stand in two folds.

    Raises
    ------
    SettingError
        If there is nothing to learn from or to test on.
    """
    match how.kind:
        case "folds":
            found = _by_folds(clips, how)
        case "grouped":
            found = _grouped(clips, how.seed)
        case "random":
            found = _random(clips, how.seed)
        case _:
            assert_never(how.kind)
    if not found.train or not found.test:
        empty = "test on" if found.train else "learn from"
        raise SettingError(f"a split must have clips to {empty}, but it has none")
    return found


def leaks(found: SplitClips) -> list[Leak]:
    """Name every original of which more than one side holds clips, in order."""
    sides = found.sides()
    groups = Counter(
        group for clips in sides.values() for group in sorted({clip.group for clip in clips})
    )
    return [
        Leak(
            group,
            {
                side: of_group
                for side, clips in sides.items()
                if (of_group := tuple(clip for clip in clips if clip.group == group))
            },
        )
        for group, count in sorted(groups.items())
        if count > 1
    ]


def _by_folds(clips: Sequence[Clip], how: ClipSplit) -> SplitClips:
    folds = {str(fold) for fold in how.test_folds}
    missing = sorted(folds - {clip.fold for clip in clips})
    if missing:
        raise SettingError(f"test_folds must be folds of the set, but {missing[0]} was given")
    test = tuple(clip for clip in clips if clip.fold in folds)
    tested = {clip.group for clip in test}
    rest = [clip for clip in clips if clip.fold not in folds and clip.group not in tested]
    held = (
        _held_groups(rest, how.validation_share, how.seed) if how.validation_share else set[str]()
    )
    return SplitClips(
        tuple(clip for clip in rest if clip.group not in held),
        tuple(clip for clip in rest if clip.group in held),
        test,
    )


def _held_groups(clips: Iterable[Clip], share: float, seed: int) -> set[str]:
    """Choose groups of each label until they hold so large a share of its clips, one at least."""
    by_label: dict[str, Counter[str]] = {}
    for clip in clips:
        by_label.setdefault(clip.label, Counter())[clip.group] += 1
    held = set[str]()
    for label in sorted(by_label):
        groups = by_label[label]
        wanted, has = max(1.0, share * groups.total()), 0
        for group in sorted(groups, key=lambda group: _draw(seed, group)):
            if has >= wanted or len(groups) == 1:
                break
            held.add(group)
            has += groups[group]
    return held


def _grouped(clips: Sequence[Clip], seed: int) -> SplitClips:
    """Deal groups out, the largest first, to whom of the ten has fewest clips of their labels."""
    members: dict[str, Counter[str]] = {}
    for clip in clips:
        members.setdefault(clip.group, Counter())[clip.label] += 1
    hands = [Counter[str]() for _ in range(TENTHS)]
    place: dict[str, int] = {}
    for group in sorted(members, key=lambda group: (-members[group].total(), _draw(seed, group))):
        labels = members[group]
        least = min(
            range(TENTHS),
            key=lambda i: (sum(hands[i][label] for label in labels), hands[i].total(), i),
        )
        hands[least] += labels
        place[group] = least
    return _dealt(clips, [place[clip.group] for clip in clips])


def _random(clips: Sequence[Clip], seed: int) -> SplitClips:
    order = sorted(range(len(clips)), key=lambda i: _draw(seed, _name(clips[i])))
    place = [0] * len(clips)
    for rank, i in enumerate(order):
        place[i] = rank % TENTHS
    return _dealt(clips, place)


def _dealt(clips: Sequence[Clip], place: Sequence[int]) -> SplitClips:
    """Test on the first tenth, validate with the second, learn from the rest."""
    told = list(zip(clips, place, strict=True))
    return SplitClips(
        tuple(clip for clip, at in told if at > 1),
        tuple(clip for clip, at in told if at == 1),
        tuple(clip for clip, at in told if at == 0),
    )


def _name(clip: Clip) -> str:
    return f"{clip.label}/{clip.fold}/{clip.path.name}"


def _draw(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
