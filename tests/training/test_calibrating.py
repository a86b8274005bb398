"""What is fitted on validation holds on scenes like them."""

from dataclasses import replace

import numpy as np

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.metrics.calibration import coverage, expected_calibration_error
from sonoscope.targets.calibration import calibrated
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.sources import Sources, lay_out
from sonoscope.training.calibrating import Evidence, fitted, gathered

GRID = FrameGrid(16_000, 320)


def evidence(n: int, seed: int) -> Evidence:
    """Scores that are too timid, and angles that grow with the spread."""
    rng = np.random.default_rng(seed)
    true, spread = rng.random(n), rng.exponential(size=n)
    right = rng.random(n) < true
    angle = np.where(right, 0.1 * (1 + spread) * rng.rayleigh(size=n), np.nan)
    timid = 1 / (1 + np.sqrt(1 / true - 1))  # the logit halved
    return Evidence(timid, np.full(n, 0.5), np.ones(n), spread, right, angle)


def test_what_is_fitted_holds_on_other_scenes() -> None:
    worth, other = fitted(evidence(1500, 0)), evidence(3000, 1)
    assert worth is not None
    assert worth.score is not None
    assert worth.spread is not None
    assert worth.events == 1500
    pairs = zip(other.score, other.spread, strict=True)
    here = (Waypoint(0.0, 0.0, 0.0),)
    raw = [Event("dog", 0.0, 1.0, here, float(a), float(b)) for a, b in pairs]
    told = calibrated(raw, worth, {"dog": 0.5})
    score = np.array([event.score for event in told])
    assert expected_calibration_error(other.score, other.right) > 0.08
    assert expected_calibration_error(score, other.right) < 0.03
    radius = np.array([np.nan if e.spread is None else e.spread for e in told])[other.right]
    assert 0.87 < coverage(other.angle[other.right], radius) < 0.93


def test_few_events_tell_nothing() -> None:
    assert fitted(evidence(39, 0)) is None
    worth = fitted(replace(evidence(100, 0), spread=np.full(100, np.nan)))
    assert worth is not None
    assert worth.spread is None


def test_scenes_are_gathered_event_by_event() -> None:
    here = Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.3, 0.0),), 0.7, 0.05)
    truth: Sources = lay_out(
        [Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.1, 0.0),))], ["dog"], GRID, 99
    )
    silence = lay_out([], ["dog"], GRID, 99)
    decoding = Decoding((0.4,))
    found = gathered([([here], truth), ([here], silence), ([], silence)], ["dog"], GRID, decoding)
    assert found.score.tolist() == [0.7, 0.7]
    assert found.threshold.tolist() == [0.4, 0.4]
    assert found.duration_s.tolist() == [1.0, 1.0]
    assert found.right.tolist() == [True, False]
    assert np.allclose(found.angle, [0.2, np.nan], equal_nan=True)
    assert gathered([], ["dog"], GRID, decoding).score.shape == (0,)
