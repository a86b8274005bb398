"""What one trained network scored on the recordings of one test fold, and the file it is kept in.

Counts are kept a recording, in three readings of DCASE 2019, so that scores can be pooled, compared
and resampled later without hearing anything again:

- ``rounded``: the organisers' scorer, heard directions first rounded to the grid of 10 degrees, as
  those who took part did, since the scorer itself floors them and so moves them by 5 on average;
- ``as-is``: the organisers' scorer, directions as the network gives them;
- ``strict``: `metrics.dcase2019`'s own mode, directions as the network gives them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Counts, Tally

Reading = Literal["rounded", "as-is", "strict"]
READINGS: tuple[Reading, ...] = get_args(Reading)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRun:
    """One training of one network.

    Attributes
    ----------
    channel_format
        `foa` or `mic`.
    fold
        The fold that was tested on.
    seed
        Of the training.
    counts
        For each reading the counts of every test recording, by its name.
    parameters
        Weights that were learnt.
    recordings
        Recordings that were trained with.
    epochs
        How often each was heard, on average.
    step, steps
        The step whose weights were tested, and how many steps there were.
    trained_s, tested_s
        Seconds that the training and the test took.
    sound_s_per_s
        Seconds of sound trained with in a second, everything counted.
    machine
        What it ran on.
    """

    channel_format: str
    fold: int
    seed: int
    counts: Mapping[Reading, Mapping[str, Counts]]
    parameters: int
    recordings: int
    epochs: float
    step: int
    steps: int
    trained_s: float
    tested_s: float
    sound_s_per_s: float
    machine: str


def write_run(path: Path, run: ScoredRun) -> None:
    """Write a run as JSON, there whole or not at all."""
    write_text(path, json.dumps(asdict(run), indent=1) + "\n")


def read_run(path: Path) -> ScoredRun:
    """Read what `write_run` wrote.

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        counts = {
            mode: {name: _counts(each) for name, each in recordings.items()}
            for mode, recordings in plain.pop("counts").items()
        }
        return ScoredRun(counts=counts, **plain)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a scored run: {error}") from error


def _counts(plain: dict[str, Any]) -> Counts:
    segments, frames = Tally(**plain.pop("segments")), Tally(**plain.pop("frames"))
    return Counts(segments=segments, frames=frames, **plain)
