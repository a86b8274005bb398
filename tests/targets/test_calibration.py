"""Raw scores and spreads become probabilities and angles."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.targets.calibration import (
    Calibration,
    Curve,
    Logistic,
    calibrated,
    predictors,
    raw_spread,
)
from sonoscope.targets.card import Card, card_text, read_card
from sonoscope.targets.classwise import Decoding, decode

CURVE = Curve((0.0, 0.5, 1.0), (0.0, 0.2, 1.0))
LOGISTIC = Logistic(1.0, 0.5, -0.2)
BARK = Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.0, 0.0),), 0.75, 0.1)


def test_a_curve_is_straight_between_its_knots_and_level_beyond() -> None:
    assert [CURVE(x) for x in (-1.0, 0.0, 0.25, 0.75, 2.0)] == pytest.approx([0, 0, 0.1, 0.6, 1])


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        ((0.0, 1.0), (0.5,), "must be 2 numbers, one a knot, but 1"),
        ((0.0, 0.0), (0.5, 0.6), "at must rise"),
        ((0.0, 1.0), (0.5, 0.4), "never fall"),
    ],
)
def test_a_curve_that_does_not_rise_is_refused(
    at: tuple[float, ...], value: tuple[float, ...], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        Curve(at, value)


def test_radii_have_limits_and_a_higher_score_is_never_less_probable() -> None:
    with pytest.raises(ValidationError, match="radii"):
        Calibration(spread=Curve((0.0,), (3.5,)))
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Logistic(-0.1, 0.0, 0.0)


def test_predictors_are_excess_over_the_threshold_and_length() -> None:
    half = np.array([0.5])
    assert predictors(half, half, np.array([1.0])).tolist() == [[0.0, 0.0, 1.0]]
    rare = predictors(np.array([0.8]), np.array([0.2]), np.array([np.e]))
    assert rare[0].tolist() == pytest.approx([2 * np.log(4), 1.0, 1.0])
    assert np.isfinite(predictors(np.array([1.0]), np.array([0.1]), np.array([0.0]))).all()


def test_scores_become_probabilities_and_spreads_radii() -> None:
    worth, passed = Calibration(LOGISTIC, Curve((0.0, 1.0), (0.1, 0.6))), {"dog": 0.5}
    (event,) = calibrated([BARK], worth, passed)
    odds = 3.0 * np.exp(-0.2)  # three to one for 0.75, no more or less for a second
    assert (event.score, event.spread) == pytest.approx((odds / (1 + odds), 0.15))
    (easier,) = calibrated([BARK], worth, {"dog": 0.25})
    assert easier.score == pytest.approx(3 * odds / (1 + 3 * odds))
    (longer,) = calibrated([replace(BARK, offset_s=np.e)], worth, passed)
    assert longer.score == pytest.approx(odds * np.exp(0.5) / (1 + odds * np.exp(0.5)))
    (placeless,) = calibrated([replace(BARK, path=(), spread=None)], worth, passed)
    assert placeless.spread is None


def test_without_a_calibration_no_spread_is_claimed() -> None:
    (event,) = calibrated([BARK], None, {})
    assert (event.score, event.spread) == (0.75, None)


def test_spread_tells_how_much_directions_disagree() -> None:
    sure = np.ones(100)

    def around(sigma: float) -> float:
        turned = np.random.default_rng(0).normal(0, sigma, 100)
        vectors = np.stack([np.cos(turned), np.sin(turned), 0 * turned], axis=1)
        assert raw_spread(3 * vectors, sure) == pytest.approx(raw_spread(vectors, sure))
        return raw_spread(vectors, sure)

    assert around(0.1) == pytest.approx(0.1, rel=0.1)  # of a narrow normal: its deviation
    assert around(0.0) == pytest.approx(0.0, abs=1e-6)
    assert around(0.05) < around(0.2) < around(0.8)
    assert 7 < raw_spread(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), np.ones(2)) < 8
    assert np.isfinite(raw_spread(np.zeros((3, 3)), np.ones(3)))


def test_decoded_events_bring_their_spread() -> None:
    activity = np.zeros((100, 1), np.float32)
    activity[20:60] = 0.9
    direction = np.zeros((100, 1, 3), np.float32)
    direction[:, 0, 0], direction[:, 0, 1] = 1.0, np.where(np.arange(100) % 2, 0.1, -0.1)
    grid, decoding = FrameGrid(16_000, 320), Decoding((0.5,))
    (event,) = decode(activity, direction, ("dog",), grid, decoding)
    assert event.spread == pytest.approx(0.1, rel=0.05)
    (mono,) = decode(activity, None, ("dog",), grid, decoding)
    assert mono.spread is None


def test_a_card_keeps_its_calibration_and_older_cards_load() -> None:
    plain = Card("toy", "1", ("dog",), 16_000, "foa", 3_200, 320, Decoding((0.5,)))
    card = replace(plain, calibration=Calibration(LOGISTIC, CURVE, 7))
    assert read_card(card_text(card), where="here") == card
    old = card_text(plain).replace('"calibration": null,', "").replace('"dropout": [],', "")
    assert "calibration" not in old
    assert read_card(old, where="here") == plain
