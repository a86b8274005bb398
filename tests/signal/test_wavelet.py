"""Wavelet packets: the same as PyWavelets, orthonormal, and no basis is cheaper than the best."""

from typing import Literal

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.signal.wavelet import (
    Basis,
    Cost,
    Costs,
    analysed,
    analysed_into,
    band_hz,
    basis_cost,
    best_basis,
    cost_sums,
    fixed_basis,
    frequency_order,
    gathered,
    is_basis,
    level_of,
    node_costs,
    nodes_of,
    padded_length,
    place_of,
    reconstructed,
)

EXACT = ("haar", "db2", "db4", "db8", "db20", "coif1", "coif3", "coif5", "db38")
ROUNDED = ("sym4", "sym8")
"""PyWavelets tabulates symlets to about 1e-12, so that they are orthonormal to no more."""

COSTS = (
    Cost(),
    Cost("log-energy"),
    Cost("lp"),
    Cost("lp", exponent=0.5),
    Cost("threshold"),
    Cost("threshold", threshold=1.0),
    Cost("sure"),
)


def noise(*shape: int, seed: int = 0) -> Float[ndarray, "*batch sample"]:
    return np.random.default_rng(seed).standard_normal(shape)


def pulses(n_samples: int = 4_096, seed: int = 0) -> Float[ndarray, " sample"]:
    """Decaying tones in noise that falls with frequency: no level suits all of it."""
    rng = np.random.default_rng(seed)
    sound = 0.05 * np.cumsum(rng.standard_normal(n_samples))
    t = np.arange(200)
    for start in rng.integers(0, n_samples - 200, size=9):
        frequency = rng.uniform(0.2, 0.4)
        sound[start : start + 200] += 3 * np.exp(-t / 30) * np.sin(2 * np.pi * frequency * t)
    return sound


def random_basis(depth: int, rng: np.random.Generator) -> Basis:
    basis = [np.zeros(1 << level, dtype=bool) for level in range(depth + 1)]
    open_nodes = [(0, 0)]
    while open_nodes:
        level, node = open_nodes.pop()
        if level < depth and rng.random() < 0.7:
            open_nodes += [(level + 1, 2 * node), (level + 1, 2 * node + 1)]
        else:
            basis[level][node] = True
    return tuple(basis)


@pytest.mark.parametrize("order", ["natural", "frequency"])
@pytest.mark.parametrize("wavelet", EXACT + ROUNDED)
@pytest.mark.parametrize("n_samples", [32, 96, 1_568])
def test_all_nodes_are_those_of_pywavelets(
    wavelet: str, order: Literal["natural", "frequency"], n_samples: int
) -> None:
    signal = noise(n_samples)
    tree = analysed(signal, wavelet, depth=5)
    packets = pywt.WaveletPacket(signal, wavelet, mode="periodization", maxlevel=5)
    for level in range(1, 6):
        asked = packets.get_level(level, order="freq" if order == "frequency" else "natural")
        wanted = np.array([node.data for node in asked])
        assert np.abs(level_of(tree, level, order) - wanted).max() < 1e-12


@pytest.mark.parametrize("wavelet", EXACT + ROUNDED)
@pytest.mark.parametrize("n_samples", [1, 31, 1_000, 4_096])
def test_every_basis_leads_back_and_keeps_the_energy(wavelet: str, n_samples: int) -> None:
    within = 1e-12 if wavelet in EXACT else 1e-11
    signal = noise(n_samples)
    tree = analysed(signal, wavelet, depth=5)
    rng = np.random.default_rng(3)
    bases = [fixed_basis(5, level) for level in range(6)]
    for basis in [*bases, best_basis(node_costs(tree)), *(random_basis(5, rng) for _ in range(5))]:
        leaves = gathered(tree, basis)
        assert np.abs(reconstructed(leaves) - signal).max() < within
        energy = sum((values**2).sum() for values in leaves.values)
        assert abs(energy / (signal**2).sum() - 1) < within


def test_parts_of_a_basis_are_orthogonal_and_add_up() -> None:
    signal = pulses()
    tree = analysed(signal)
    rng = np.random.default_rng(4)
    basis = best_basis(node_costs(tree))
    part = tuple(chosen & (rng.random(chosen.shape) < 0.5) for chosen in basis)
    rest = tuple(chosen & ~kept for chosen, kept in zip(basis, part, strict=True))
    assert 3 < len(nodes_of(part)) < len(nodes_of(basis)) - 3
    one, other = reconstructed(gathered(tree, part)), reconstructed(gathered(tree, rest))
    assert np.abs(one + other - signal).max() < 1e-12
    assert abs(one @ other) < 1e-12 * (signal @ signal)
    packets = pywt.WaveletPacket(None, "db8", mode="periodization", maxlevel=5)
    for level, node in nodes_of(part):
        path = "".join("ad"[node >> bit & 1] for bit in reversed(range(level)))
        packets[path] = tree.levels[level][node]
    assert np.abs(packets.reconstruct(update=False) - one).max() < 1e-12


def test_what_lies_above_some_nodes_is_enough_to_compute_them() -> None:
    batch = np.stack([pulses(1_000, seed=seed) for seed in range(3)])
    tree = analysed(batch)
    rng = np.random.default_rng(1)
    for _ in range(10):
        each = [random_basis(5, rng) for _ in batch]
        some = tuple(
            np.stack(rows) & (rng.random((3, len(rows[0]))) < 0.6)
            for rows in zip(*each, strict=True)
        )
        direct, wanted = analysed_into(batch, some), gathered(tree, some)
        for one, other in zip(direct.values, wanted.values, strict=True):
            assert one.shape == other.shape
            assert np.abs(one - other).max(initial=0.0) < 1e-13
    with pytest.raises(SettingError, match="above one another"):
        analysed_into(batch[0], tuple(np.ones(1 << level, dtype=bool) for level in range(6)))


def test_nothing_kept_is_silence_and_leaves_above_leaves_are_refused() -> None:
    tree = analysed(pulses())
    nothing = tuple(np.zeros(1 << level, dtype=bool) for level in range(6))
    np.testing.assert_array_equal(reconstructed(gathered(tree, nothing)), np.zeros(4_096))
    twice = tuple(np.ones(1 << level, dtype=bool) for level in range(6))
    assert not is_basis(twice)
    assert not is_basis(nothing)
    with pytest.raises(SettingError, match="above one another"):
        reconstructed(gathered(tree, twice))


@pytest.mark.parametrize("cost", COSTS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_no_basis_is_cheaper_than_the_best(cost: Cost, seed: int) -> None:
    costs = node_costs(analysed(pulses(seed=seed), depth=6), cost)
    best = best_basis(costs)
    assert is_basis(best)
    lowest = float(basis_cost(costs, best))
    rng = np.random.default_rng(seed)
    others = [fixed_basis(6, level) for level in range(7)]
    others += [random_basis(6, rng) for _ in range(200)]
    found = [float(basis_cost(costs, basis)) for basis in others]
    slack = 1e-12 * max(1.0, *(np.abs(level).sum() for level in costs))
    assert lowest <= min(found) + slack
    assert max(found) > lowest + slack  # the choice matters


def _every_basis(costs: Costs, level: int = 0, node: int = 0) -> list[float]:
    """The costs of all bases below a node."""
    found = [float(costs[level][node])]
    if level + 1 < len(costs):
        low = _every_basis(costs, level + 1, 2 * node)
        high = _every_basis(costs, level + 1, 2 * node + 1)
        found += [one + other for one in low for other in high]
    return found


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_the_best_is_the_cheapest_of_all_677_bases_of_four_levels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = tuple(rng.standard_normal(1 << level) for level in range(5))
    every = _every_basis(costs)
    assert len(every) == 677
    assert abs(float(basis_cost(costs, best_basis(costs))) - min(every)) < 1e-12


@pytest.mark.parametrize("cost", COSTS, ids=str)
def test_costs_do_not_depend_on_the_level_of_the_sound(cost: Cost) -> None:
    quiet, loud = (node_costs(analysed(scale * pulses()), cost) for scale in (1e-6, 1e4))
    for one, other in zip(quiet, loud, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cost", COSTS, ids=str)
def test_costs_of_pieces_add_up_to_those_of_their_batch(cost: Cost) -> None:
    whole = np.stack([pulses(seed=seed) for seed in range(4)])
    pieces = [cost_sums(analysed(row), cost) for row in whole]
    together = pieces[0] + pieces[1] + pieces[2] + pieces[3]
    batch = cost_sums(analysed(whole), cost)
    for one, other in zip(together.total, batch.total, strict=True):
        np.testing.assert_allclose(one, other.sum(axis=0), rtol=1e-12)
    alone = node_costs(analysed(whole[2]), cost)
    for one, other in zip(alone, batch.costs(), strict=True):
        np.testing.assert_allclose(one, other[2], rtol=1e-12, atol=1e-12)


def test_shannon_is_the_entropy_of_the_shares_of_energy() -> None:
    costs = node_costs(analysed(pulses()))
    share = analysed(pulses()).levels[3] ** 2 / (pulses() ** 2).sum()
    np.testing.assert_allclose(costs[3], -(share * np.log(share)).sum(axis=-1), rtol=1e-10)
    one_click = np.zeros(64)
    one_click[5] = 7.0
    assert node_costs(analysed(one_click, depth=2))[0] == pytest.approx(0.0, abs=1e-12)


def test_threshold_counts_and_sure_is_steins_sum() -> None:
    signal = pulses()
    sigma = float(np.median(np.abs(signal))) / 0.6744897501960817
    tree = analysed(signal)
    counts = node_costs(tree, Cost("threshold", threshold=2.0))
    risks = node_costs(tree, Cost("sure", threshold=2.0))
    for level in range(6):
        c = np.abs(tree.levels[level]) / sigma
        np.testing.assert_array_equal(counts[level], (c > 2).sum(axis=-1))
        risk = c.shape[-1] - 2 * (c <= 2).sum(axis=-1) + np.minimum(c, 2) ** 2 @ np.ones(c.shape[1])
        np.testing.assert_allclose(risks[level] * (signal @ signal) / sigma**2, risk, rtol=1e-9)


@given(n_blocks=st.integers(1, 40), blocks=st.integers(-50, 50))
@settings(max_examples=20)
def test_a_shift_by_whole_coefficients_shifts_every_node(n_blocks: int, blocks: int) -> None:
    signal = noise(32 * n_blocks, seed=n_blocks)
    tree, moved = analysed(signal), analysed(np.roll(signal, 32 * blocks))
    for level in range(6):
        wanted = np.roll(tree.levels[level], blocks * (32 >> level), axis=-1)
        assert np.abs(moved.levels[level] - wanted).max() < 1e-12


def test_a_batch_is_one_at_a_time_and_nothing_is_written_to() -> None:
    batch = noise(2, 3, 700)
    before = batch.copy()
    tree = analysed(batch, "coif3", depth=4)
    basis = best_basis(node_costs(tree))
    back = reconstructed(gathered(tree, basis))
    np.testing.assert_array_equal(batch, before)
    for i in np.ndindex(2, 3):
        alone = analysed(batch[i], "coif3", depth=4)
        for level in range(5):
            assert np.abs(alone.levels[level] - tree.levels[level][i]).max() < 1e-13
        own = best_basis(node_costs(alone))
        assert all((a == b[i]).all() for a, b in zip(own, basis, strict=True))
        assert np.abs(back[i] - batch[i]).max() < 1e-12


def test_a_tone_lies_in_the_band_of_its_frequency() -> None:
    rate_hz, level = 8_000, 4
    t = np.arange(8_192) / rate_hz
    for frequency_hz in (130.0, 1_130.0, 2_370.0, 3_880.0):
        tree = analysed(np.sin(2 * np.pi * frequency_hz * t), "db20", depth=level)
        energy = (tree.levels[level] ** 2).sum(axis=-1)
        low, high = band_hz(level, int(energy.argmax()), rate_hz)
        assert low <= frequency_hz <= high
        assert energy.max() > 0.9 * energy.sum()


@pytest.mark.parametrize("level", range(8))
def test_places_and_nodes_are_inverse(level: int) -> None:
    order = frequency_order(level)
    assert [place_of(int(node)) for node in order] == list(range(1 << level))
    steps = order[1:] ^ order[:-1]
    assert all(int(step).bit_count() == 1 for step in steps)  # Gray: one bit at a time


def test_silence_stays_and_costs_nothing() -> None:
    tree = analysed(np.zeros(100))
    for cost in COSTS:
        costs = node_costs(tree, cost)
        assert all((level == 0).all() for level in costs)
        assert best_basis(costs)[0].all()
    np.testing.assert_array_equal(reconstructed(gathered(tree, fixed_basis(5, 5))), np.zeros(100))


def test_float32_is_taken_and_computed_in_float64() -> None:
    signal = noise(320).astype(np.float32)
    assert (
        np.abs(reconstructed(gathered(analysed(signal), fixed_basis(5, 5))) - signal).max() < 1e-12
    )


@pytest.mark.parametrize("wavelet", ["dmey", "bior4.4", "morl", "db39", ""])
def test_what_is_not_orthogonal_is_refused(wavelet: str) -> None:
    with pytest.raises(SettingError, match="wavelet must be"):
        analysed(np.ones(32), wavelet)


def test_impossible_trees_are_refused() -> None:
    for depth, samples in ((-1, np.ones(8)), (17, np.ones(8)), (3, np.ones(0))):
        with pytest.raises(SettingError, match="at least one sample"):
            analysed(samples, depth=depth)
    assert padded_length(33, 5) == 64
