"""Laws that the scores of every year keep."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from tests.metrics.dcase_scenes import LABELS, MODES, scene, table

from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics import dcase2019, dcase2020, dcase2021, dcase2022, dcase2024, dcase2025
from sonoscope.metrics.dcase2019 import Mode
from sonoscope.metrics.pooling import pooled

Count = Callable[[FrameTable, FrameTable, Mode], Any]

YEARS: dict[str, Count] = {
    "2019": dcase2019.count,
    "2020": dcase2020.count,
    "2021": dcase2021.count,
    "2022": lambda *sides: dcase2022.count(*sides, labels=LABELS),
    "2024": lambda *sides: dcase2024.count(*sides, labels=LABELS),
    "2025": lambda *sides: dcase2025.count(*sides, labels=LABELS),
}
EACH = pytest.mark.parametrize("count", YEARS.values(), ids=YEARS.keys())

FULL = table([(10 * k, k, 0, 20 * k, 0, 1.0 + k) for k in range(13)])
"""Every label sounds once."""


def kept(side: FrameTable, rows: ndarray) -> FrameTable:
    names = ("frame", "label", "azimuth", "elevation", "track", "distance_m")
    return dataclasses.replace(side, **{name: getattr(side, name)[rows] for name in names})


@EACH
def test_truth_against_itself_is_perfect(count: Count) -> None:
    best = {"er": 0, "f": 1, "fr": 1, "lr": 1, "de_deg": 0, "le_deg": 0, "doae_deg": 0, "rde": 0,
            "seld": 0}  # fmt: skip
    got = dataclasses.asdict(count(FULL, FULL, "strict").scores())
    told = {name: got[name] for name in best.keys() & got.keys()}
    assert len(told) >= 5
    assert told == {name: best[name] for name in told}


@EACH
@pytest.mark.parametrize("mode", MODES)
def test_deleting_a_right_answer_never_helps(count: Count, mode: Mode) -> None:
    truth = scene(7)[0]
    whole = count(truth, truth, mode).scores()
    for label in np.unique(truth.label):
        got = count(truth, kept(truth, truth.label != label), mode).scores()
        assert got.er > whole.er
        assert got.f < whole.f
        assert got.seld > whole.seld


def crowd(seed: int) -> FrameTable:
    """Draw up to three sources of each of two labels at once, each with its track throughout."""
    draw = np.random.default_rng(seed)
    ways = draw.uniform([-180, -50], [180, 50], (2, 3, 2))
    return table(
        [
            (frame, label, track, *ways[label, track], 2.0)
            for frame, label, track in np.argwhere(draw.random((40, 2, 3)) < 0.6).tolist()
        ]
    )


@pytest.mark.parametrize(
    ("year", "mode"),
    # official tracks of 2021 to 2023 are places among the rows; folded azimuths lie on a line,
    # where several pairings are equally good
    [(year, mode) for year in ("2019", "2020", "2024") for mode in MODES]
    + [(year, "strict") for year in ("2021", "2022")],
)
def test_the_order_of_the_rows_tells_nothing(year: str, mode: Mode) -> None:
    sides = crowd(1), crowd(2)
    mixed = [
        kept(side, np.random.default_rng(k).permutation(len(side.frame)))
        for k, side in enumerate(sides)
    ]
    plain, other = (YEARS[year](true, heard, mode).scores() for true, heard in (sides, mixed))
    np.testing.assert_allclose(
        dataclasses.astuple(plain), dataclasses.astuple(other), rtol=0, atol=1e-9
    )


@EACH
@pytest.mark.parametrize("mode", MODES)
def test_a_recording_heard_twice_scores_as_once(count: Count, mode: Mode) -> None:
    one = count(*scene(7), mode)
    once, twice = (dataclasses.astuple(x.scores()) for x in (one, pooled([one, one])))
    np.testing.assert_allclose(once, twice, rtol=0, atol=1e-12)
