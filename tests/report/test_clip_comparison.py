"""Scores of clip networks over folds and seeds, and the table that tells them."""

import math

import numpy as np
import pytest

from sonoscope.metrics import estimates
from sonoscope.metrics.classification import counts_by_group
from sonoscope.metrics.clip_estimates import clip_differences, clip_estimates
from sonoscope.metrics.compared import ClipComparison, ComparedClips
from sonoscope.metrics.pooling import pooled, table_of
from sonoscope.report.clip_comparison import clip_markdown


def named(seed: int, right: float) -> estimates.Tested:
    """Let 20 originals of two clips each be named."""
    draw = np.random.default_rng(seed)
    true = np.arange(40) % 4
    said = np.where(draw.uniform(size=40) < right, true, (true + 1) % 4)
    groups = [f"{i // 2:02d}" for i in range(40)]
    return estimates.Tested(table_of(counts_by_group(true, said, 4, groups)), sorted(set(groups)))


def test_estimates_are_the_scores_of_all_counts() -> None:
    draw = np.random.default_rng(0)
    true, said = draw.integers(0, 3, 50), draw.integers(0, 3, 50)
    counts = counts_by_group(true, said, 4, [str(i // 2) for i in range(50)])  # one label unheard
    heard = estimates.Tested(table_of(counts), [str(i) for i in range(25)])
    found = clip_estimates({(1, 0): heard})
    wanted = pooled(counts).scores()
    assert found["macro_f1"].value == pytest.approx(wanted.macro_f1)
    assert found["weighted_f1"].value == pytest.approx(wanted.weighted_f1)
    assert found["accuracy"].value == pytest.approx(wanted.accuracy)
    assert found["accuracy"].low < wanted.accuracy < found["accuracy"].high
    assert math.isnan(found["accuracy"].spread)


def test_the_clips_of_all_folds_are_scored_together() -> None:
    runs = {(fold, seed): named(10 * fold + seed, 0.7) for fold in (1, 2, 3) for seed in (0, 1)}
    every = [np.concatenate([runs[fold, seed].numbers for fold in (1, 2, 3)]) for seed in (0, 1)]
    alone = [
        clip_estimates({(1, 0): estimates.Tested(each, [str(i) for i in range(60)])})["macro_f1"]
        for each in every
    ]
    found = clip_estimates(runs)["macro_f1"]
    assert found.value == pytest.approx(np.mean([each.value for each in alone]))
    assert found.spread == pytest.approx(np.std([each.value for each in alone], ddof=1))
    assert abs((found.low + found.high) / 2 - found.value) < 0.2 * (found.high - found.low)
    fewer = {place: run for place, run in runs.items() if place != (3, 1)}
    gone = clip_differences(runs, fewer)["macro_f1"]
    assert (gone.value, gone.low, gone.high) == (0, 0, 0)
    assert clip_differences(runs, {(4, 0): runs[1, 0]}) == {}


def test_differences_are_paired_and_told() -> None:
    good = {(1, seed): named(seed, 0.95) for seed in (0, 1)}
    bad = {(1, seed): named(seed, 0.3) for seed in (0, 1)}
    assert clip_differences(good, good)["macro_f1"].high == 0
    rows = [
        ComparedClips("bad", bad, f1=0.4),
        ComparedClips("good", good, ["fold 2 seed 0"], f1=0.6, accuracy=0.9),
        ComparedClips("none", {}, ["fold 1 seed 0 (failed: why)"]),
    ]
    text = clip_markdown(ClipComparison("t", "Two", rows, ("bad", "none")))
    assert "| good | **+" in text
    assert "| +20.0 |" in text
    assert "Differences from none come as soon as it has a result." in text
    assert "- none: fold 1 seed 0 (failed: why)" in text
