"""Calibrated scores and regions, by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.calibration import (
    SMALLEST_RADIUS,
    Bins,
    chance_error,
    coverage,
    expected_calibration_error,
    fit_logistic,
    fit_regions,
    isotonic,
    judge,
    quantile_of_region,
    reliability,
)
from sonoscope.targets.sources import lay_out

GRID = FrameGrid(16_000, 320)
LABELS = ("dog", "siren")


def test_the_error_is_the_mean_gap_over_bins() -> None:
    score = np.array([0.05, 0.05, 0.95, 0.95])
    right = np.array([False, True, True, True])
    assert expected_calibration_error(score, right) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)
    bins = reliability(score, right)
    assert bins.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert np.isnan(bins.score[1])
    assert bins.right[0] == 0.5


@pytest.mark.parametrize("bins", ["width", "mass"])
def test_each_answer_is_in_one_bin_and_a_score_of_one_too(bins: Bins) -> None:
    rng = np.random.default_rng(0)
    score = np.concatenate([rng.random(999), [1.0]])
    told = reliability(score, score > 0.5, 7, bins)
    assert told.count.sum() == 1000
    low = told.score >= told.low
    assert low.all()
    assert (told.score <= told.high).all()
    if bins == "mass":
        assert np.ptp(told.count) <= 2


@pytest.mark.parametrize("bins", ["width", "mass"])
def test_scores_drawn_as_they_say_have_the_error_of_chance_alone(bins: Bins) -> None:
    rng = np.random.default_rng(1)
    score = rng.random(2000)
    error = expected_calibration_error(score, rng.random(2000) < score, bins=bins)
    chance = chance_error(score, bins=bins)
    assert error < 2 * chance < 0.06
    assert expected_calibration_error(score, rng.random(2000) < score**3, bins=bins) > 0.15


def test_no_answers_have_no_error_and_no_score_is_beyond_one() -> None:
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))
    with pytest.raises(InputError, match=r"within 0 to 1, but 1\.5"):
        reliability(np.array([1.5]), np.array([True]))


def test_the_weights_that_answers_were_drawn_with_are_found() -> None:
    rng = np.random.default_rng(2)
    known = np.stack([rng.normal(size=40_000), rng.normal(size=40_000), np.ones(40_000)], axis=1)
    wanted = np.array([0.8, -0.5, 0.3])
    right = rng.random(40_000) < 1 / (1 + np.exp(-known @ wanted))
    assert fit_logistic(known, right) == pytest.approx(wanted, abs=0.05)


def test_a_higher_score_never_counts_against_and_perfect_answers_stay_finite() -> None:
    known = np.stack([np.linspace(-1, 1, 100), np.ones(100)], axis=1)
    assert fit_logistic(known, known[:, 0] < 0)[0] == 0.0
    weight = fit_logistic(known, known[:, 0] > 0)
    assert 3 < weight[0] < 100


values = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.integers(0, 8).map(float)),
        arrays(np.float64, n, elements=st.floats(-4, 4, width=16)),
        arrays(np.float64, n, elements=st.integers(1, 3).map(float)),
    )
)


@given(values)
def test_the_isotonic_fit_rises_and_obeys_the_laws_of_projection(
    drawn: tuple[Float[ndarray, " n"], Float[ndarray, " n"], Float[ndarray, " n"]],
) -> None:
    """It is a projection onto a cone: the residual is orthogonal to the fit and points outward."""
    value, target, weight = drawn
    at, height = isotonic(value, target, weight)
    assert (np.diff(at) > 0).all()
    assert (np.diff(height) >= -1e-12).all()
    fitted = np.interp(value, at, height)
    residual = weight * (target - fitted)
    assert residual @ fitted == pytest.approx(0, abs=1e-6)
    assert residual.sum() == pytest.approx(0, abs=1e-6)
    for threshold in np.unique(value):
        assert residual @ (value >= threshold) <= 1e-6


def event(label: str, onset_s: float, offset_s: float, azimuth: float | None = 0.0) -> Event:
    path = () if azimuth is None else (Waypoint(float(onset_s), azimuth, 0.0),)
    return Event(label, float(onset_s), float(offset_s), path)


def test_an_event_is_right_where_half_of_it_lies_within_true_ones() -> None:
    true = lay_out(
        [event("dog", 1, 2), event("dog", 2.5, 3), event("siren", 5, 6)], LABELS, GRID, 400
    )
    found = [
        event("dog", 1.5, 2.5),  # half
        event("dog", 1.52, 2.54),  # 24 + 2 of 51 frames: two true events cover it together
        event("dog", 1.6, 2.6),  # 20 + 5 of 50
        event("dog", 1.62, 2.58),  # 19 + 4 of 48
        event("siren", 1, 2),  # another label
        event("siren", 7, 9),  # beyond the last frame
    ]
    assert judge(found, true, LABELS, GRID).right.tolist() == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(InputError, match="one of dog, siren, but 'cat'"):
        judge([event("cat", 0, 1)], true, LABELS, GRID)


def test_the_angle_is_to_the_nearest_source_of_the_label() -> None:
    true = lay_out([event("dog", 0, 4, 1.0), event("dog", 2, 4, -1.0)], LABELS, GRID, 400, 2)
    judged = judge([event("dog", 0, 4, 0.8)], true, LABELS, GRID)
    assert judged.angle[0] == pytest.approx(0.2)
    later = judge([event("dog", 2, 4, -0.9)], true, LABELS, GRID)
    assert later.angle[0] == pytest.approx(0.1)
    without = [event("dog", 0, 4, None), event("siren", 0, 1)]
    assert np.isnan(judge(without, true, LABELS, GRID).angle).all()


def test_a_region_holds_the_next_event_as_often_as_it_says() -> None:
    """Of 19 events the 18th holds the 20th with probability 18/20 exactly."""
    rng = np.random.default_rng(3)
    draws = rng.exponential(size=(4000, 20))
    held = [draw[-1] <= quantile_of_region(draw[:-1]) for draw in draws]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)
    assert quantile_of_region(np.array([3.0, 1.0])) == 3.0


def test_regions_grow_with_the_spread_and_hold_what_they_claim() -> None:
    rng = np.random.default_rng(4)

    def drawn(n: int) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
        spread = rng.exponential(size=n)
        return spread, 0.05 * (1 + spread) * rng.rayleigh(size=n)

    at, radius = fit_regions(*drawn(2000))
    assert (np.diff(radius) > 0).all()
    spread, angle = drawn(20_000)
    claimed = np.interp(spread, at, radius)
    assert coverage(angle, claimed) == pytest.approx(0.9, abs=0.02)
    for part in np.array_split(np.argsort(spread), 3):
        assert coverage(angle[part], claimed[part]) == pytest.approx(0.9, abs=0.05)


def test_no_region_is_smaller_than_half_a_degree() -> None:
    spread = np.linspace(0.0, 1.0, 200)
    _, radius = fit_regions(spread, np.full(200, 1e-6))
    assert radius.min() == SMALLEST_RADIUS


def test_regions_need_events() -> None:
    with pytest.raises(InputError, match="none"):
        fit_regions(np.zeros(0), np.zeros(0))
    at, radius = fit_regions(np.array([1.0]), np.array([0.1]))
    assert np.interp(7.0, at, radius) == pytest.approx(0.1)
    assert np.isnan(coverage(np.zeros(0), np.zeros(0)))
