"""Isotonic regression and the error beside scikit-learn's, where that is installed."""

import importlib

import numpy as np
import pytest

from sonoscope.metrics.calibration import isotonic, reliability

pytest.importorskip("sklearn")


@pytest.mark.parametrize("seed", range(5))
def test_isotonic_regression_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = rng.integers(0, 40, 200) / 10
    target, weight = value + rng.normal(size=200), rng.random(200) + 0.1
    theirs = importlib.import_module("sklearn.isotonic").IsotonicRegression(out_of_bounds="clip")
    theirs.fit(value, target, sample_weight=weight)
    asked = np.linspace(-1, 5, 301)
    assert np.allclose(np.interp(asked, *isotonic(value, target, weight)), theirs.predict(asked))


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_reliability_agrees(strategy: str) -> None:
    rng = np.random.default_rng(7)
    score = rng.random(997)
    right = rng.random(997) < score**2
    curve = importlib.import_module("sklearn.calibration").calibration_curve
    share, mean = curve(right, score, n_bins=8, strategy=strategy)
    ours = reliability(score, right, 8, "width" if strategy == "uniform" else "mass")
    within = 0.0 if strategy == "uniform" else 0.01  # their inner edges lie between two scores
    assert np.allclose(ours.right, share, atol=within + 1e-12)
    assert np.allclose(ours.score, mean, atol=within + 1e-12)
