"""Networks under noise side by side: scores, paired differences, what is missing."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sonoscope.metrics.compared import ComparedUnderNoise, NoiseComparison
from sonoscope.metrics.noise_test import Condition, NoiseTest
from sonoscope.report.noise_comparison import write_noise_comparison
from sonoscope.signal.denoise import DenoiseSettings

RIGHT = {math.inf: 1.0, 20.0: 0.75, 0.0: 0.5}


def heard(worse: float, noises: tuple[str, ...] = ("rotor", "wind")) -> NoiseTest:
    """Give 20 clips of two labels, named rightly as often as told, less what a network is worse."""
    label = np.tile([0, 1], 10).astype(np.int64)
    conditions: Mapping[Condition, float] = {
        Condition("" if math.isinf(ratio) else noise, ratio, is_denoised): right
        for is_denoised in (False, True)
        for noise in noises
        for ratio, right in RIGHT.items()
    }
    said = {
        each: np.where(np.arange(20) < round(20 * (right - worse)), label, 1 - label)
        for each, right in conditions.items()
    }
    groups = tuple(f"original {i // 2}" for i in range(20))
    return NoiseTest(2, label, groups, said, dict.fromkeys(conditions, label == 2))


def compared(*rows: ComparedUnderNoise) -> NoiseComparison:
    return NoiseComparison(
        "ega-table3-x", "Under noise", rows, "base", ["rotor"], DenoiseSettings(), ("A fact.",)
    )


def test_networks_stand_side_by_side(tmp_path: Path) -> None:
    base = ComparedUnderNoise(
        "base",
        {(1, 0): heard(0.2), (1, 1): heard(0.1)},
        published={math.inf: 0.49, 20.0: 0.43, 0.0: 0.21},
    )
    good = ComparedUnderNoise(
        "good", {(1, 0): heard(0.0)}, ["fold 1 seed 1"], {math.inf: 0.66, 20.0: 0.61, 0.0: 0.42}
    )
    write_noise_comparison(
        tmp_path, compared(base, good, ComparedUnderNoise("none", {}, ["fold 1 seed 0"]))
    )
    told = (tmp_path / "ega-table3-x.md").read_text()
    scores = next(line for line in told.splitlines() if line.startswith("| good | as they are"))
    assert "| 100.0 (100.0 to 100.0) | 74.9 (" in scores
    assert scores.endswith("| 1 | 1 of 2 | 66.0 / 61.0 / 42.0 |")
    assert "±" in next(
        line for line in told.splitlines() if line.startswith("| base | as they are")
    )
    (gain,) = (line for line in told.splitlines() if line.endswith("| +17.0 / +18.0 / +21.0 |"))
    # paired by fold and seed: the first training of the reference, 20 points worse
    assert gain.startswith("| good | +20.0 (+0.0 to +50.0) | +20.1 (")
    assert "- none: fold 1 seed 0" in told
    with (tmp_path / "ega-table3-x.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (3 * 2 * 3) + 1
    row = next(r for r in rows if (r["network"], r["noise"], r["snr_db"]) == ("good", "all", "0"))
    assert float(row["accuracy"]) == 0.5
    assert float(row["accuracy_loss"]) == 0.5
    drawn = (tmp_path / "ega-table3-x.svg").read_text()
    for panel in ("all together, clips as they are", "rotor", "wind"):
        assert panel in drawn


def test_before_anything_is_heard_there_is_a_table_of_what_is_missing(tmp_path: Path) -> None:
    write_noise_comparison(tmp_path, compared(ComparedUnderNoise("base", {}, ["fold 1 seed 0"])))
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "ega-table3-x.csv",
        "ega-table3-x.md",
    ]
    assert "## Still missing\n\n- base: fold 1 seed 0" in (tmp_path / "ega-table3-x.md").read_text()


@pytest.mark.parametrize("noises", [("rotor",), ("rotor", "wind")])
def test_without_the_reference_there_are_no_differences_yet(
    tmp_path: Path, noises: tuple[str, ...]
) -> None:
    rows = ComparedUnderNoise("base", {}), ComparedUnderNoise("good", {(1, 0): heard(0.0, noises)})
    write_noise_comparison(tmp_path, compared(*rows))
    told = (tmp_path / "ega-table3-x.md").read_text()
    assert "Differences from base come as soon as it was heard." in told
