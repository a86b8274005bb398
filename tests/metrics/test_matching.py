"""Pairs are the best ones, whichever way they are found."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import sonoscope.metrics.matching as matching_module
from sonoscope.metrics.matching import assign, least_cost


@given(
    n_rows=st.integers(0, 6),
    n_columns=st.integers(0, 6),
    n_cases=st.integers(0, 5),
    seed=st.integers(0, 99),
)
def test_agrees_with_the_hungarian_method(
    n_rows: int, n_columns: int, n_cases: int, seed: int
) -> None:
    cost = np.random.default_rng(seed).random((n_cases, n_rows, n_columns))
    rows, columns = assign(cost)
    assert rows.shape == columns.shape == (n_cases, min(n_rows, n_columns))
    for case, row, column in zip(cost, rows, columns, strict=True):
        best = case[linear_sum_assignment(case)].sum()
        assert len(set(row.tolist())) == len(set(column.tolist())) == len(row)
        np.testing.assert_allclose(case[row, column].sum(), best, atol=1e-12)


@given(
    n_rows=st.integers(1, 4),
    n_columns=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_of_equally_good_pairings_it_takes_that_of_the_hungarian_method(
    n_rows: int, n_columns: int, seed: int
) -> None:
    """Of points on a line, such as folded azimuths, two pairings are often equally good."""
    draw = np.random.default_rng(seed)
    ones, others = draw.integers(-9, 10, (20, n_rows)), draw.integers(-9, 10, (20, n_columns))
    cost = np.abs(ones[:, :, None] - others[:, None, :]).astype(np.float64)
    for case, *pairs in zip(cost, *assign(cost), strict=True):
        got, wanted = (
            set(zip(*each, strict=True)) for each in (pairs, linear_sum_assignment(case))
        )
        assert got == wanted


def test_many_against_many_takes_the_hungarian_method(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = np.random.default_rng(3).random((4, 3, 3))
    tried = least_cost(cost)
    monkeypatch.setattr(matching_module, "MAX_PAIRINGS", 0)
    np.testing.assert_allclose(least_cost(cost), tried)
    every = [
        min(sum(case[r, c] for r, c in enumerate(way)) for way in itertools.permutations(range(3)))
        for case in cost
    ]
    np.testing.assert_allclose(tried, every)
