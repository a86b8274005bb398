"""One cycle of the learning rate: a pure function of the step, so that nothing must be remembered.

Reference: L. N. Smith and N. Topin, "Super-convergence", 2017; the same curve as
`torch.optim.lr_scheduler.OneCycleLR` with cosine annealing.
"""

import hashlib
import math

START_SHARE = 1 / 25  # of the peak, at the first step
END_SHARE = 1e-4 / 25  # of the peak, at the last step


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Give the rate of a step of 0 to steps - 1: up along half a cosine, then down along another.

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


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Give the seed of everything random in a step, so that a resumed run draws what it would have.

    Examples
    --------
    >>> step_seed(1, 2) == step_seed(1, 2), step_seed(1, 2) == step_seed(2, 1)
    (True, False)
    """
    digest = hashlib.blake2b(f"{seed}:{step}:{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
