"""The trainings that a table waits for, each in a folder of its own, done once.

```
OUT/runs/NETWORK-...-3f9c2b71aa/
    now.json       how far it is, for whoever looks
    failure.txt    why it could not be done, if it could not
    result.json    written last of all: what has one is done
```
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError, SonoscopeError
from sonoscope.datasets.processes import each_done

RESULT, NOW, FAILURE = "result.json", "now.json", "failure.txt"
_TOLD_EVERY_S = 2.0
_TRAINING = 0.9  # share of the time that training takes, the test has the rest


class KeptInFolder:
    """A training whose folder tells how it stands.

    Attributes
    ----------
    fold, seed
        Which it is of its row.
    folder
        Where it is kept; its name ends in -fold1-seed0- and a fingerprint of what is trained.
    """

    __slots__ = ()
    fold: int
    seed: int
    folder: Path

    @property
    def is_done(self) -> bool:
        """Tell whether it has a result."""
        return (self.folder / RESULT).is_file()

    @property
    def why_not(self) -> str:
        """Tell why it could not be done, to be put behind its name; nothing if it was not tried."""
        path = self.folder / FAILURE
        return f" (failed: {path.read_text(encoding='utf-8').strip()})" if path.is_file() else ""


Work = TypeVar("Work", bound=KeptInFolder)


def in_order(trainings: Iterable[Work]) -> tuple[Work, ...]:
    """Give each training once, in the order of seeds and folds."""
    once = {each.folder: each for each in trainings}
    return tuple(sorted(once.values(), key=lambda each: (each.seed, each.fold)))


def known_of(asked: Iterable[Work], possible: Iterable[Work]) -> tuple[Work, ...]:
    """Give the trainings that are asked for, and those of the possible ones that lie there."""
    return in_order((*asked, *(each for each in possible if each.folder.is_dir())))


def left_of(trainings: Iterable[KeptInFolder]) -> list[str]:
    """Name those that are not done, and why if they failed."""
    return [
        f"fold {each.fold} seed {each.seed}{each.why_not}" for each in trainings if not each.is_done
    ]


def places_in(out: Path, mark: str) -> list[tuple[int, int]]:
    """List the folds and seeds of all trainings in a table's folder with a mark before them."""
    told = re.compile(rf"-{re.escape(mark)}-fold(\d+)-seed(\d+)-")
    found = [told.search(folder.name) for folder in (out / "runs").glob("*")]
    return sorted({(int(each[1]), int(each[2])) for each in found if each})


def carry_out_each(
    trainings: Sequence[Work], work: Callable[[Work], None], jobs: int
) -> Iterator[Work]:
    """Do what is not done yet, and give each training as it ends, done or failed.

    Raises
    ------
    SettingError
        If a process is killed.
    """
    left = [each for each in trainings if not each.is_done]
    yield from each_done(work, left, max(1, min(jobs, len(left))))


def attempt(training: Work, do: Callable[[Work], None]) -> None:
    """Do one training; a refusal is noted, so that the others go on."""
    training.folder.mkdir(parents=True, exist_ok=True)
    (training.folder / FAILURE).unlink(missing_ok=True)
    try:
        do(training)
    except (SonoscopeError, RuntimeError) as error:  # torch's own are RuntimeErrors
        write_text(training.folder / FAILURE, " ".join(str(error).split()) + "\n")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a training is, as it last told.

    Attributes
    ----------
    phase
        "training" or "testing".
    done, of
        Steps or recordings.
    loss
        Of the last step that was looked at; None while testing.
    share
        How much of the whole training is done, 0 to 1.
    """

    phase: str
    done: int
    of: int
    loss: float | None
    share: float


class Now:
    """Tells whoever looks how far a training of some stages is."""

    def __init__(self, training: KeptInFolder, stages: int = 1) -> None:
        self.path, self.stages, self.told_s = training.folder / NOW, stages, -math.inf

    def tell(
        self, phase: str, done: int, of: int, loss: float | None = None, stage: int = 0
    ) -> None:
        """Tell, but not too often."""
        if time.monotonic() - self.told_s > _TOLD_EVERY_S:
            share = _TRAINING * (stage + done / of) / self.stages
            if phase == "testing":
                share = _TRAINING + (1 - _TRAINING) * done / of
            here = Standing(phase, done, of, loss, share)
            write_text(self.path, json.dumps(asdict(here)) + "\n")
            self.told_s = time.monotonic()


def standing(training: KeptInFolder) -> Standing | None:
    """Read how far a training is; None where it has not begun.

    Raises
    ------
    InputError
        If what it told cannot be read.
    """
    path = training.folder / NOW
    if not path.is_file():
        return None
    try:
        return Standing(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
