"""The learning rate of a step, and when to stop: pure functions of the step and the scores so far.

Nothing else has to be remembered, so that a training that goes on after it was killed has the rate
of one that was not. A score is a validation's SELD score: the less the better, None where it is no
number.

References: L. N. Smith and N. Topin, "Super-convergence", 2017 (one_cycle: the curve of
`torch.optim.lr_scheduler.OneCycleLR`); I. Loshchilov and F. Hutter, "SGDR", ICLR 2017 (cosine);
Y. Cao et al., "Polyphonic sound event detection and localization using a two-stage strategy", DCASE
2019 (step: 0.9 every so many steps).
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Literal, assert_never

from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT

START_SHARE = 1 / 25  # of the peak, at the first step
END_SHARE = 1e-4 / 25  # of the peak, at the last step

ScheduleKind = Literal["one_cycle", "constant", "cosine", "step", "plateau"]


@settings(config=STRICT)
class ScheduleSettings:
    """How the learning rate goes from step to step.

    Attributes
    ----------
    kind
        "one_cycle": up along half a cosine and down along another; "constant"; "cosine": from the
        peak down along half a cosine to 0; "step": times `factor` every so often; "plateau": times
        `factor` when validations have stopped to get better.
    after, every
        Of "step": how many steps have the full rate, and the steps from one fall to the next; the
        first comes `every` steps after `after`.
    patience
        Of "plateau": how many validations in a row may bring nothing; the next one is the fall.
    factor
        Of "step" and "plateau".
    """

    kind: ScheduleKind = "one_cycle"
    after: Annotated[int, Field(ge=0)] = 0
    every: Annotated[int, Field(ge=1)] = 2_000
    patience: Annotated[int, Field(ge=0)] = 5
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.9


def rate_of(
    asked: ScheduleSettings,
    step: int,
    steps: int,
    peak: float,
    warmup_share: float,
    scores: Sequence[float | None] = (),
) -> float:
    """Give the rate of a step of 0 to steps - 1, after validations with some scores.

    `warmup_share` counts in one cycle alone.
    """
    match asked.kind:
        case "one_cycle":
            return learning_rate(step, steps, peak, warmup_share)
        case "constant":
            return peak
        case "cosine":
            return _between(peak, 0.0, step / steps)
        case "step":
            return float(peak * asked.factor ** (max(step - asked.after, 0) // asked.every))
        case "plateau":
            return float(peak * asked.factor ** falls(scores, asked.patience))
        case _:
            assert_never(asked.kind)


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Give the rate of one cycle at a step of 0 to steps - 1.

    Examples
    --------
    >>> [round(learning_rate(step, 11, 1.0, 0.5), 3) for step in (0, 4, 5, 10)]
    [0.04, 0.971, 0.98, 0.0]
    """
    last = steps - 1
    top = warmup_share * steps - 1
    if step < top:
        return _between(START_SHARE * peak, peak, step / top)
    return _between(peak, END_SHARE * peak, (step - max(top, 0)) / max(last - max(top, 0), 1))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def falls(scores: Sequence[float | None], patience: int) -> int:
    """Count how often more than `patience` validations in a row were no better than the best.

    Examples
    --------
    >>> falls([0.5, 0.4, 0.4, 0.5, 0.3, 0.6, 0.6, 0.6, 0.6], patience=1)
    3
    """
    count, bad, best = 0, 0, math.inf
    for score in scores:
        if score is not None and score < best:
            best, bad = score, 0
        else:
            bad += 1
        if bad > patience:
            count, bad = count + 1, 0
    return count


def since_best(scores: Sequence[float | None]) -> int:
    """Count the validations after the best one; all of them where none has a number.

    Examples
    --------
    >>> since_best([0.5, 0.4, None, 0.4]), since_best([0.5]), since_best([None])
    (2, 0, 1)
    """
    numbers = [math.inf if score is None else score for score in scores]
    if not numbers or min(numbers) == math.inf:
        return len(numbers)
    return len(numbers) - 1 - numbers.index(min(numbers))


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Give the seed of everything random in a step, so that a resumed run draws what it would have.

    Examples
    --------
    >>> step_seed(1, 2) == step_seed(1, 2), step_seed(1, 2) == step_seed(2, 1)
    (True, False)
    """
    digest = hashlib.blake2b(f"{seed}:{step}:{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
