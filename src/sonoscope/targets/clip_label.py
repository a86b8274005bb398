"""One name for a clip: windows that cover it, and what their answers come to.

A clip of any length is heard in windows; one that is shorter than a window is followed by silence.
Each window gives a logit a label, which a temperature turns into probabilities; the whole has the
mean of its windows' probabilities. Below a threshold of the most probable label a clip is
"unknown".

Reference: C. Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature).
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

UNKNOWN = "unknown"
"""What a clip is called where no label is probable enough."""

_WORTH_A_WINDOW = 0.1
"""Share of a window that must be new for another window to be heard."""


def spread_starts(n_samples: int, window: int, count: int) -> list[int]:
    """Tell where windows begin that are spread evenly over a clip, the last flush with its end.

    Fewer than asked for where they would be nearly the same.

    Examples
    --------
    >>> spread_starts(100, 40, 3), spread_starts(30, 40, 3), spread_starts(41, 40, 3)
    ([0, 30, 60], [0], [0])
    """
    spare = n_samples - window
    count = min(count, 1 + int(spare / (_WORTH_A_WINDOW * window))) if spare > 0 else 1
    return [round(i * spare / (count - 1)) for i in range(count)] if count > 1 else [0]


def sliding_starts(n_samples: int, window: int, hop: int) -> list[int]:
    """Tell where windows begin that follow each other by a hop until the clip is covered.

    Examples
    --------
    >>> sliding_starts(100, 40, 20), sliding_starts(101, 40, 20), sliding_starts(30, 40, 20)
    ([0, 20, 40, 60], [0, 20, 40, 60, 80], [0])
    """
    return list(range(0, max(n_samples - window + hop - 1, 0) + 1, hop))


def probabilities(
    logits: Float[ndarray, "window label"], temperature: float = 1.0
) -> Float[ndarray, "window label"]:
    """Turn logits into probabilities that add up to 1."""
    z = logits.astype(np.float64) / temperature
    weight = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def together(
    probability: Float[ndarray, "window label"], owner: Int[ndarray, " window"], n_clips: int
) -> Float[ndarray, "clip label"]:
    """Give each clip the mean of its windows.

    Parameters
    ----------
    owner
        Which clip each window is of; every clip has one at least.
    """
    total = np.zeros((n_clips, probability.shape[1]))
    np.add.at(total, owner, probability)
    return np.asarray(total / np.bincount(owner, minlength=n_clips)[:, None])
