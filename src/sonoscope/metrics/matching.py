"""Least-cost pairing of many small sets at once, such as true and heard directions frame by frame.

Small cases are solved together by trying every pairing; larger ones by the Hungarian method. Where
several pairings are equally good, `assign` gives that of scipy's Hungarian method, as the scorers
do that are written with it: of directions on a line or a circle (two beside two others) this is
common, and which pairs are formed decides how many of them are near.
"""

import itertools
import math

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

MAX_PAIRINGS = 120
"""Up to this many pairings (five against five) trying all of them at once is the faster way."""

_AS_GOOD = 1e-9


def assign(
    cost: Float[ndarray, "case row column"],
) -> tuple[Int[ndarray, "case pair"], Int[ndarray, "case pair"]]:
    """Pair rows with columns so that each case's sum of costs is least.

    Parameters
    ----------
    cost
        Finite costs; every case pairs as many rows and columns as the smaller side has.

    Returns
    -------
    Row and column of each pair; a surplus row or column has none.

    Examples
    --------
    >>> rows, columns = assign(np.array([[[9.0, 1.0, 5.0], [1.0, 0.0, 9.0]]]))
    >>> rows.tolist(), columns.tolist()
    ([[0, 1]], [[1, 0]])
    """
    if cost.shape[1] > cost.shape[2]:
        columns, rows = assign(np.swapaxes(cost, 1, 2))
        return rows, columns
    if _are_few(cost):
        columns, tied = _try_all(cost)
        if tied.any():
            columns[tied] = _hungarian(cost[tied])
    else:
        columns = _hungarian(cost)
    return np.broadcast_to(np.arange(cost.shape[1]), columns.shape), columns


def least_cost(cost: Float[ndarray, "case row column"]) -> Float[ndarray, " case"]:
    """Give each case's least sum of costs.

    Examples
    --------
    >>> least_cost(np.array([[[9.0, 1.0, 5.0], [1.0, 0.0, 9.0]]])).tolist()
    [2.0]
    """
    if cost.shape[1] > cost.shape[2]:
        return least_cost(np.swapaxes(cost, 1, 2))
    columns = _try_all(cost)[0] if _are_few(cost) else _hungarian(cost)
    cases = np.arange(len(cost))[:, None]
    return np.asarray(cost[cases, np.arange(cost.shape[1]), columns].sum(axis=1))


def _are_few(cost: Float[ndarray, "case row column"]) -> bool:
    return math.perm(cost.shape[2], cost.shape[1]) <= MAX_PAIRINGS


def _try_all(
    cost: Float[ndarray, "case row column"],
) -> tuple[Int[ndarray, "case row"], Bool[ndarray, " case"]]:
    """Give a best pairing of each case, and whether another one is as good."""
    n_rows, n_columns = cost.shape[1:]
    ways = np.array(list(itertools.permutations(range(n_columns), n_rows)), dtype=np.intp)
    total = np.zeros((len(cost), len(ways)))
    for row in range(n_rows):
        total += cost[:, row, ways[:, row]]
    as_good = total <= total.min(axis=1, keepdims=True) + _AS_GOOD
    return ways[total.argmin(axis=1)], as_good.sum(axis=1) > 1


def _hungarian(cost: Float[ndarray, "case row column"]) -> Int[ndarray, "case row"]:
    from scipy.optimize import linear_sum_assignment  # half a second that few cases need

    columns = np.array([linear_sum_assignment(case)[1] for case in cost], dtype=np.intp)
    return columns.reshape(cost.shape[:2])
