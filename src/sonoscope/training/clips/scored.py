"""What a trained network scored on the clips it was tested on, and the files that are kept of it.

```
OUT/result.json   scores with intervals, each label's, the confusion, and how they were come by
OUT/heard.npz     what the network said of every window of the test and the validation clips
```
"""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sonoscope.core.durable import replacing, write_text
from sonoscope.core.errors import InputError
from sonoscope.metrics.calibration import expected_calibration_error, fit_temperature
from sonoscope.metrics.classification import Confusion
from sonoscope.metrics.intervals import Interval, bootstrap, paired_bootstrap
from sonoscope.training.clips.listening import Answers

RESULT, HEARD = "result.json", "heard.npz"


@dataclass(frozen=True, slots=True)
class ScoredClips:
    """One training of one network, tested.

    Attributes
    ----------
    name, seed
        Of the recipe.
    labels
        In the order of the network's answers.
    test
        What was tested on, in words.
    clips, originals
        How many clips that was, cut from how many recordings.
    scores
        `accuracy`, `macro_f1`, `weighted_f1`, each with its interval (95 %, originals drawn again).
    f1
        Of each label.
    confusion
        A row a true label, a column what was said.
    temperature
        Fitted on the validation clips; 1 where there are none.
    calibration_error
        Expected calibration error of the names given to the test clips, before and after it.
    leaks
        Originals of which several sides of the split hold cuts.
    parameters
        Weights that were learnt.
    trained_clips, epochs, steps, trained_s
        Clips learnt from, how often each was heard, steps taken and seconds that took.
    machine
        What it ran on.
    """

    name: str
    seed: int
    labels: Sequence[str]
    test: str
    clips: int
    originals: int
    scores: Mapping[str, Interval]
    f1: Mapping[str, float | None]
    confusion: Sequence[Sequence[int]]
    temperature: float
    calibration_error: tuple[float, float]
    leaks: int
    parameters: int
    trained_clips: int
    epochs: int
    steps: int
    trained_s: float
    machine: str


def worth(said: Answers, labels: Sequence[str], validation: Answers | None) -> dict[str, Any]:
    """Work out what of `ScoredClips` the answers tell."""
    counts = said.counts
    by_label = zip(labels, counts.by_label().f1.tolist(), strict=True)
    temperature = 1.0 if validation is None else temperature_of(validation)
    return {
        "labels": tuple(labels),
        "clips": len(said.label),
        "originals": len(set(said.groups)),
        "scores": said.intervals(),
        "f1": {label: None if math.isnan(f1) else f1 for label, f1 in by_label},
        "confusion": counts.matrix.astype(int).tolist(),
        "temperature": temperature,
        "calibration_error": (_error(said, 1.0), _error(said, temperature)),
        "machine": f"{platform.machine()}, {platform.system()}",
    }


def temperature_of(validation: Answers) -> float:
    """Fit the temperature under which the validation clips' true labels are likeliest."""
    return fit_temperature(validation.logits, validation.label, validation.owner)


def _error(said: Answers, temperature: float) -> float:
    probability = said.probability(temperature)
    right = probability.argmax(axis=1) == said.label
    return expected_calibration_error(probability.max(axis=1), right, bins="mass")


def write_scored(out: Path, scored: ScoredClips, heard: Mapping[str, Answers]) -> Path:
    """Write what was heard, and then the result; give the result's path."""
    arrays = {
        f"{side}_{name}": value
        for side, said in heard.items()
        for name, value in (
            ("logits", said.logits.astype(np.float32)),
            ("owner", said.owner),
            ("label", said.label),
            ("groups", np.array(said.groups)),
        )
    }
    with replacing(out / HEARD) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    write_text(out / RESULT, json.dumps(asdict(scored), indent=1) + "\n")
    return out / RESULT


def read_scored(path: Path) -> ScoredClips:
    """Read a result.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        scores = {name: Interval(**each) for name, each in plain.pop("scores").items()}
        error = tuple(plain.pop("calibration_error"))
        return ScoredClips(scores=scores, calibration_error=error, **plain)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a result of a training on clips: {error}") from error


def over_folds(folders: Sequence[Path]) -> dict[str, Interval]:
    """Give the scores of several folds' tests together, with intervals, from the runs' folders.

    Raises
    ------
    InputError
        If a run was not tested.
    """
    return bootstrap(_of_all(folders))


def difference(folders: Sequence[Path], others: Sequence[Path]) -> dict[str, Interval]:
    """Give by how much one network's folds score more than another's, tested on the same clips.

    Raises
    ------
    InputError
        If a run was not tested, or both were not tested on clips of as many originals.
    """
    return paired_bootstrap(_of_all(folders), _of_all(others))


def _of_all(folders: Sequence[Path]) -> list[Confusion]:
    return [each for folder in folders for each in read_heard(folder / HEARD).by_original()]


def read_heard(path: Path, side: str = "test") -> Answers:
    """Read what was heard of a side's clips.

    Raises
    ------
    InputError
        If the file does not tell.
    """
    try:
        with np.load(path) as arrays:
            logits, owner, label, groups = (
                arrays[f"{side}_{name}"] for name in ("logits", "owner", "label", "groups")
            )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: does not tell what was heard of {side}: {error}") from error
    return Answers(logits, owner, label, tuple(groups.tolist()))
