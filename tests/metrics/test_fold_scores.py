import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.errors import InputError
from sonoscope.metrics.dcase2019 import Counts, Mode, Tally
from sonoscope.metrics.fold_scores import SCORES, differences, estimates
from sonoscope.metrics.scored_run import READINGS, Reading, ScoredRun, read_run, write_run

N_EVENTS, FRAMES = 30, 25  # of half a second, one a second


def recording(missed: float, error_deg: float, draw: np.random.Generator) -> Counts:
    """Count a recording of one event a second, some missed, the others a little beside."""
    n = int((draw.uniform(size=N_EVENTS) > missed).sum())
    return Counts(
        "strict",
        Tally(N_EVENTS, n, n, 0, N_EVENTS - n, 0),
        Tally(N_EVENTS * FRAMES, n * FRAMES, n * FRAMES, 0, (N_EVENTS - n) * FRAMES, 0),
        angle_sum=math.radians(error_deg) * n * FRAMES,
        n_pairs=n * FRAMES,
        n_heard=n * FRAMES,
        n_frames_right=(n + N_EVENTS) * FRAMES,
        n_frames=2 * N_EVENTS * FRAMES,
    )


def heard(seed: int, missed: float, error_deg: float) -> dict[str, Counts]:
    """Count twelve recordings, some harder than others for every system."""
    hard = np.random.default_rng(7).uniform(size=12)
    return {
        f"r{i:02d}": recording(2 * missed * hard[i], error_deg, np.random.default_rng([seed, i]))
        for i in range(12)
    }


def run(
    seed: int, *, fold: int = 1, missed: float = 0.2, error_deg: float = 5.0, of: int = 0
) -> ScoredRun:
    counts: dict[Reading, dict[str, Counts]] = {
        "strict": heard(of * 1000 + seed, missed, error_deg)
    }
    return ScoredRun("foa", fold, seed, counts, 7, 20, 4.0, 10, 10, 3.0, 1.0, 50.0, "here")


def test_the_value_is_the_mean_over_folds_of_the_mean_over_seeds_of_pooled_scores() -> None:
    runs = [run(0), run(1), run(0, fold=2, error_deg=9.0)]
    pooled = [sum_of(each).scores().er for each in runs]
    found = estimates(runs, "strict")
    assert found["er"].value == pytest.approx(((pooled[0] + pooled[1]) / 2 + pooled[2]) / 2)
    assert found["de_deg"].value == pytest.approx(7.0)
    assert set(found) == set(SCORES)


def sum_of(each: ScoredRun) -> Counts:
    total = Counts("strict")
    for counts in each.counts["strict"].values():
        total += counts
    return total


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("missed", [0.3, 2.0])
def test_scores_are_those_of_counts(reading: Reading, missed: float) -> None:
    mode: Mode = "strict" if reading == "strict" else "official"
    counts = {"a": replace(recording(missed, 9.0, np.random.default_rng(3)), mode=mode)}
    expected = counts["a"].scores()
    found = estimates([replace(run(0), counts={reading: counts})], reading)
    for name in SCORES:
        assert found[name].value == pytest.approx(getattr(expected, name), nan_ok=True), name


def test_the_spread_is_that_of_the_seeds_with_every_fold() -> None:
    assert math.isnan(estimates([run(0)], "strict")["er"].spread)
    runs = [run(0), run(1), run(2), run(0, fold=2), run(1, fold=2)]
    means = [np.mean([sum_of(r).scores().er for r in runs if r.seed == seed]) for seed in (0, 1)]
    assert estimates(runs, "strict")["er"].spread == pytest.approx(np.std(means, ddof=1))


def test_the_interval_holds_the_value_and_narrows_with_more_folds() -> None:
    one = estimates([run(0)], "strict")["f"]
    assert one.low < one.value < one.high
    four = estimates([run(0, fold=fold) for fold in (1, 2, 3, 4)], "strict")["f"]
    assert four.high - four.low < 0.7 * (one.high - one.low)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Recordings drawn from a known population; the percentile bootstrap of 12 is a bit short."""
    truth = 0.2
    hits = 0
    for trial in range(60):
        counts = heard_of_population(trial, truth)
        each = replace(run(0), counts={"strict": counts}, fold=trial)
        interval = estimates([each], "strict")["er"]
        hits += interval.low <= truth <= interval.high
    assert 48 <= hits <= 60


def heard_of_population(trial: int, truth: float) -> dict[str, Counts]:
    draw = np.random.default_rng([99, trial])
    return {f"r{i:02d}": recording(draw.uniform(0, 2 * truth), 5.0, draw) for i in range(20)}


def test_a_difference_is_paired_so_it_is_narrower_than_either() -> None:
    ours, theirs = [run(0, missed=0.15, of=1)], [run(0, missed=0.2, of=1)]
    gap = differences(ours, theirs, "strict")["er"]
    alone = estimates(ours, "strict")["er"]
    assert gap.value == pytest.approx(alone.value - estimates(theirs, "strict")["er"].value)
    assert gap.high - gap.low < 0.8 * (alone.high - alone.low)
    assert gap.is_clear
    assert gap.high < 0


def test_a_system_does_not_differ_from_itself() -> None:
    same = differences([run(0), run(1)], [run(0), run(1)], "strict")
    assert all((each.value, each.low, each.high) == (0, 0, 0) for each in same.values())
    assert not same["er"].is_clear


def test_differences_take_what_both_have_alone() -> None:
    ours, theirs = [run(0), run(1, error_deg=60.0)], [run(0, error_deg=8.0)]
    assert differences(ours, theirs, "strict")["de_deg"].value == pytest.approx(-3.0)
    assert differences([run(1)], [run(0)], "strict") == {}


def test_other_recordings_are_refused() -> None:
    ours, theirs = run(0), run(0)
    kept = {name: c for name, c in theirs.counts["strict"].items() if name != "r03"}
    with pytest.raises(InputError, match="fold 1 must hold the same recordings"):
        differences([ours], [replace(theirs, counts={"strict": kept})], "strict")
    with pytest.raises(InputError, match="at least one recording"):
        estimates([replace(ours, counts={"strict": {}})], "strict")


def test_nothing_heard_gives_no_direction_error_and_no_warning() -> None:
    silent = run(0, missed=100.0)
    assert math.isnan(estimates([silent], "strict")["de_deg"].value)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    before, path = run(3), tmp_path / "result.json"
    write_run(path, before)
    after = read_run(path)
    assert after.counts == before.counts
    assert (after.seed, after.epochs, after.machine) == (3, 4.0, "here")


@pytest.mark.parametrize(
    "spoil",
    [lambda text: text[: len(text) // 2], lambda text: text.replace("n_heard", "n_herd")],
)
def test_a_torn_file_is_refused(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    path = tmp_path / "result.json"
    write_run(path, run(0))
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match="not a scored run"):
        read_run(path)


def test_a_table_of_forty_runs_is_quick() -> None:
    runs = [run(seed) for seed in range(4)]
    started = time.process_time()
    estimates(runs, "strict")
    assert time.process_time() - started < 1.0
