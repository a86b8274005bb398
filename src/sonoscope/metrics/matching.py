"""Least-cost pairing of many small sets at once, such as true and heard directions frame by frame.

Small cases are solved together by trying every pairing; larger ones by the Hungarian method.
"""

import itertools
import math

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

MAX_PAIRINGS = 120
"""Up to this many pairings (five against five) trying all of them at once is the faster way."""


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
    n_rows, n_columns = cost.shape[1:]
    if math.perm(n_columns, n_rows) <= MAX_PAIRINGS:
        columns = _try_all(cost)
    else:
        from scipy.optimize import linear_sum_assignment  # half a second that few cases need

        columns = np.array([linear_sum_assignment(case)[1] for case in cost], dtype=np.intp)
        columns = columns.reshape(len(cost), n_rows)
    rows = np.broadcast_to(np.arange(n_rows), columns.shape)
    return rows, columns


def least_cost(cost: Float[ndarray, "case row column"]) -> Float[ndarray, " case"]:
    """Give each case's least sum of costs.

    Examples
    --------
    >>> least_cost(np.array([[[9.0, 1.0, 5.0], [1.0, 0.0, 9.0]]])).tolist()
    [2.0]
    """
    rows, columns = assign(cost)
    cases = np.arange(len(cost))[:, None]
    return np.asarray(cost[cases, rows, columns].sum(axis=1))


def _try_all(cost: Float[ndarray, "case row column"]) -> Int[ndarray, "case row"]:
    n_rows, n_columns = cost.shape[1:]
    ways = np.array(list(itertools.permutations(range(n_columns), n_rows)), dtype=np.intp)
    total = np.zeros((len(cost), len(ways)))
    for row in range(n_rows):
        total += cost[:, row, ways[:, row]]
    return np.asarray(ways[total.argmin(axis=1)])
