"""Streaming is offline: however sound is cut into blocks, a detector says the very same."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonoscope.inference.detector import Detector

TOYS = Path(__file__).parents[1] / "inference" / "toys"
DETECTORS = {
    (name, batch): Detector.load(TOYS / f"{name}.onnx", threads=1, batch=batch)
    for name in ("foa", "whole")
    for batch in (1, 3)
}


@pytest.mark.parametrize(("name", "batch"), DETECTORS)
@settings(max_examples=25)
@given(
    n_samples=st.integers(1, 90_000),
    cuts=st.lists(st.integers(0, 90_000), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_cutting_gives_the_same(
    name: str, batch: int, n_samples: int, cuts: list[int], seed: int
) -> None:
    detector = DETECTORS[name, batch]
    sound = np.random.default_rng(seed).normal(size=(4, n_samples)).astype(np.float32)
    edges = sorted({0, n_samples, *(cut for cut in cuts if cut < n_samples)})
    whole = detector.listen([sound])
    parts = detector.listen([sound[:, start:stop] for start, stop in pairwise(edges)])
    assert whole.n_frames == -(-n_samples // 160)
    assert np.array_equal(whole.activity, parts.activity)
    assert whole.direction is not None
    assert parts.direction is not None
    assert np.array_equal(whole.direction, parts.direction)
