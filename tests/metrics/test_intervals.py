"""Intervals: the organisers' jackknife done the slow way, the bootstrap's laws, any year."""

from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.metrics.dcase_scenes import LABELS, scene

from sonoscope.core.errors import InputError
from sonoscope.metrics import dcase2019, dcase2020, dcase2021, dcase2022, dcase2024, dcase2025
from sonoscope.metrics.dcase2019 import Tally
from sonoscope.metrics.intervals import Interval, bootstrap, jackknife, paired_bootstrap
from sonoscope.metrics.pooling import like, numbers_of, pooled, table_of

SEEDS = (7, 11, 13, 17)


def each(metric: str) -> list[Any]:
    sides = [scene(seed) for seed in SEEDS]
    match metric:
        case "2019":
            return [dcase2019.count(*two) for two in sides]
        case "2020":
            return [dcase2020.count(*two) for two in sides]
        case "2021":
            return [dcase2021.count(*two) for two in sides]
        case "2022":
            return [dcase2022.count(*two, labels=LABELS) for two in sides]
        case "2024":
            return [dcase2024.count(*two, labels=LABELS) for two in sides]
    return [dcase2025.count(*two, labels=LABELS) for two in sides]


def plain_jackknife(whole: float, without: list[float]) -> tuple[float, float]:
    n = len(without)
    mean = np.mean(without)
    middle = whole - (n - 1) * (mean - whole)
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) * np.mean((np.array(without) - mean) ** 2))
    return float(middle - reach), float(middle + reach)


METRICS = pytest.mark.parametrize("metric", ["2019", "2020", "2021", "2022", "2024", "2025"])


@METRICS
def test_jackknife_is_that_of_the_organisers_done_by_leaving_out(metric: str) -> None:
    counts = each(metric)
    whole = sum(counts[1:], counts[0]).scores()
    without = []
    for left_out in range(len(counts)):
        kept = counts[:left_out] + counts[left_out + 1 :]
        without.append(astuple(sum(kept[1:], kept[0]).scores()))
    for number, (name, got) in enumerate(jackknife(counts).items()):
        low, high = plain_jackknife(getattr(whole, name), [scores[number] for scores in without])
        assert got.value == pytest.approx(getattr(whole, name))
        assert [got.low, got.high] == pytest.approx([low, high])


@METRICS
def test_counts_are_rows_of_numbers(metric: str) -> None:
    counts = each(metric)
    back = like(counts[0], numbers_of(counts[0]))
    np.testing.assert_array_equal(numbers_of(back), numbers_of(counts[0]))
    assert astuple(back.scores()) == astuple(counts[0].scores())
    total = pooled(counts)
    np.testing.assert_allclose(numbers_of(total), table_of(counts).sum(axis=0))
    assert type(total) is type(counts[0])


@dataclass(frozen=True)
class Share:
    """The plainest counts there are."""

    n_wrong: int
    n: int = 20
    coin: str = "fair"

    def scores(self) -> "Wrong":
        return Wrong(self.n_wrong / self.n)


@dataclass(frozen=True)
class Wrong:
    share: float


def coin(n: int, seed: int) -> list[Share]:
    return [Share(k) for k in np.random.default_rng(seed).binomial(20, 0.3, n).tolist()]


def test_a_statistic_that_is_a_mean_has_the_t_interval_of_a_mean() -> None:
    wrong = [3, 5, 4, 9, 1, 2, 6]
    got = jackknife([Share(k, 10) for k in wrong], level=0.9)["share"]
    low, high = stats.t.interval(0.9, 6, np.mean(wrong), stats.sem(wrong))
    assert [got.low, got.high] == pytest.approx([low / 10, high / 10])


@pytest.mark.slow
def test_bootstrap_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = [bootstrap(coin(40, seed), n_resamples=100)["share"] for seed in range(100)]
    assert 86 <= sum(i.low <= 0.3 <= i.high for i in held) <= 99
    few, many = (bootstrap(coin(n, 1), n_resamples=400)["share"] for n in (20, 320))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.3)


def test_bootstrap_and_jackknife_agree_where_both_are_right() -> None:
    one, other = jackknife(coin(60, 5))["share"], bootstrap(coin(60, 5))["share"]
    assert one.value == other.value
    assert one.low == pytest.approx(other.low, abs=0.01)
    assert one.high == pytest.approx(other.high, abs=0.01)


@pytest.mark.slow
def test_the_same_seed_draws_the_same() -> None:
    counts = coin(30, 1)
    assert bootstrap(counts, seed=3) == bootstrap(counts, seed=3)
    assert bootstrap(counts, seed=3) != bootstrap(counts, seed=4)


def test_what_is_hard_for_both_systems_cancels() -> None:
    one = coin(50, 1)
    worse = [replace(c, n_wrong=c.n_wrong + 1) for c in one]
    difference = paired_bootstrap(worse, one, n_resamples=200)["share"]
    for end in (difference.value, difference.low, difference.high):
        assert end == pytest.approx(0.05)
    assert paired_bootstrap(one, one, n_resamples=50)["share"] == Interval(0.0, 0.0, 0.0)
    alone = bootstrap(one, n_resamples=200)["share"]
    assert alone.high - alone.low > 0.03


@METRICS
def test_every_year_can_be_drawn_again(metric: str) -> None:
    counts = each(metric)
    for got in bootstrap(counts, n_resamples=20).values():
        assert got.low <= got.high
    assert paired_bootstrap(counts, counts, n_resamples=3)["f"] == Interval(0.0, 0.0, 0.0)


def test_what_is_no_number_stays_out() -> None:
    counts = [dcase2019.Counts("strict"), dcase2019.Counts("strict", Tally(n_reference=1))]
    got = bootstrap(counts, n_resamples=50)
    assert (got["er"].value, got["er"].low, got["er"].high) == (0, 0, 0)
    assert np.isnan([got["de_deg"].value, got["de_deg"].low, got["de_deg"].high]).all()
    alarm = dcase2019.Counts("strict", Tally(n_inserted=1))
    assert jackknife([alarm, alarm])["er"].value == np.inf


def test_refusals() -> None:
    one = coin(3, 1)
    with pytest.raises(InputError, match="at least two recordings, but 1 was given"):
        jackknife(one[:1])
    with pytest.raises(InputError, match="same recordings, but 3 and 2"):
        paired_bootstrap(one, one[:2])
    with pytest.raises(InputError, match="one mode to be added, but strict and official"):
        bootstrap([dcase2019.Counts("strict"), dcase2019.Counts("official")])
    with pytest.raises(InputError, match="one coin to be added, but fair and bent"):
        paired_bootstrap(one, [Share(1, coin="bent")] * 3)
    with pytest.raises(InputError, match="at least one recording"):
        pooled(one[:0])
