"""References lie as literature describes the kinds, and find what was turned and shifted."""

from itertools import combinations

import numpy as np
import pytest
from jaxtyping import Float64
from numpy import ndarray

from sonoscope.signal.references import (
    LOCKED,
    PHASES,
    ROWS,
    LockedKind,
    as_bytes,
    canonical,
    counts_of,
    echoed,
    fit,
    fit_two,
    from_bytes,
    learnt,
    shifted_map,
    shipped,
)

DEGREES = (np.arange(PHASES) + 0.5) * 360 / PHASES


def drawn(
    weights: Float64[ndarray, "72 15"], pulses: int, seed: int = 0
) -> Float64[ndarray, "72 15"]:
    generator = np.random.default_rng(seed)
    return (
        generator.multinomial(pulses, weights.ravel() / weights.sum())
        .reshape(PHASES, ROWS)
        .astype(np.float64)
    )


def share(kind: LockedKind, low: float, high: float) -> float:
    """Give the share of a kind's pulses between two phases."""
    over_phase = shipped().of_kind(kind).sum(axis=1)
    inside = (DEGREES - low) % 360 < high - low
    return float(over_phase[inside].sum())


def test_every_reference_is_a_probability_map() -> None:
    known = shipped()
    assert known.maps.shape[1:] == (PHASES, ROWS)
    assert np.allclose(known.maps.sum(axis=(1, 2)), 1, atol=1e-5)
    assert set(known.kinds) == set(LOCKED)


def test_kinds_lie_as_guides_describe_them() -> None:
    assert share("corona", 210, 330) > 0.65
    for kind in ("floating", "internal"):
        assert 0.3 < share(kind, 0, 180) < 0.7
    assert 0.5 < share("surface", 0, 180) < 0.85  # one half cycle is stronger, not alone
    assert share("surface", 0, 100) + share("surface", 180, 280) > 0.7
    # a void from before the zero crossing up the flank
    assert share("internal", -50, 90) + share("internal", 130, 270) > 0.7


def test_a_turned_pattern_is_turned_back() -> None:
    known = shipped()
    for kind in LOCKED:
        number = known.kinds.index(kind)
        pattern = drawn(known.maps[number].astype(np.float64), 400)
        for bins in (0, 7, 30, 51):
            found = fit(known, np.roll(pattern, bins, axis=0))
            assert found.best[0].kind == kind
            off = found.best[0].shift_rad - 2 * np.pi * bins / PHASES
            off = (off + np.pi / 2) % np.pi - np.pi / 2  # half a turn may stay open
            assert abs(np.rad2deg(off)) < 8


def test_a_level_that_is_off_by_rows_is_found() -> None:
    known = shipped()
    number = known.kinds.index("floating")
    pattern = drawn(known.maps[number].astype(np.float64), 400)
    lower = np.zeros_like(pattern)
    lower[:, :-2] = pattern[:, 2:]
    found = fit(known, lower)
    assert found.best[0].kind == "floating"
    assert found.best[0].shift_rows - fit(known, pattern).best[0].shift_rows == -2


def test_half_a_turn_is_open_where_half_cycles_are_alike() -> None:
    known = shipped()
    one = known.of_kind("floating")
    alike = drawn((one + np.roll(one, 36, axis=0)) / 2, 400)
    assert fit(known, alike).half_turn > 0.2


def test_evenly_spread_pulses_fit_nothing_well() -> None:
    spread = drawn(np.full((PHASES, ROWS), 1 / PHASES / ROWS), 400)
    locked = drawn(shipped().of_kind("floating"), 400)
    assert fit(shipped(), spread).surplus < 0.1 < fit(shipped(), locked).surplus


def test_of_two_sources_most_are_taken_apart() -> None:
    known = shipped()
    right = 0
    for number, (first, second) in enumerate(combinations(LOCKED, 2)):
        one = known.maps[known.kinds.index(first)].astype(np.float64)
        other = np.roll(known.maps[known.kinds.index(second)].astype(np.float64), 17, axis=0)
        pattern = drawn(0.5 * one + 0.5 * other, 800, number)
        two = fit_two(known, pattern, 0, fit(known, pattern))
        assert two.first.kind != two.second.kind
        assert 0.5 <= two.share <= 0.95
        right += {two.first.kind, two.second.kind} == {first, second}
    assert right >= 3


def test_one_source_gains_little_from_a_second() -> None:
    known = shipped()
    one = known.maps[known.kinds.index("corona")].astype(np.float64)
    other = np.roll(known.maps[known.kinds.index("internal")].astype(np.float64), 17, axis=0)
    alone, both = drawn(one, 800), drawn(0.5 * one + 0.5 * other, 800)
    gains = [fit_two(known, each, 0, fit(known, each)).gain for each in (alone, both)]
    assert gains[0] < 0.05 < gains[1]


def test_fitted_maps_are_probabilities_above_the_cut() -> None:
    known = shipped()
    pattern = drawn(known.of_kind("surface"), 300)
    for cut in (0, 5):
        found = fit(known, pattern, cut)
        shown = shifted_map(known, found.best[0], cut)
        assert shown.sum() == pytest.approx(1)
        assert not shown[:, :cut].any()


def test_polarity_is_shown_by_convention() -> None:
    known = shipped()
    for kind in ("corona", "surface"):
        mean = known.of_kind(kind)
        turned = canonical(kind, np.roll(mean, 36, axis=0))
        assert np.allclose(turned, mean)
        assert np.allclose(canonical(kind, mean), mean)


def test_an_echo_keeps_the_pattern_and_adds_it_later() -> None:
    one = np.zeros((PHASES, ROWS))
    one[10, 12] = 1
    both = echoed(one, np.random.default_rng(0))
    assert both.sum() == pytest.approx(1)
    assert both[10, 12] > 0.5
    place = np.argwhere(both)
    assert len(place) == 2
    late = place[place[:, 0] != 10][0]
    assert 4 <= (late[0] - 10) % PHASES <= 36
    assert 10 <= late[1] <= 12
    known = learnt([("floating", one)], np.random.default_rng(0), echoes=3)
    assert known.kinds == ("floating",) * 4
    assert np.allclose(known.maps.sum(axis=(1, 2)), 1, atol=1e-5)


def test_references_written_small_come_back() -> None:
    known = shipped()
    again = from_bytes(as_bytes(known))
    assert again.kinds == known.kinds
    assert np.abs(again.maps - known.maps).max() < 2e-3
    assert np.array_equal(from_bytes(as_bytes(again)).maps, again.maps)


def test_counts_drop_what_is_far_below_and_hold_what_is_above() -> None:
    counts = counts_of(np.zeros(3), np.array([-30.0, 0.0, 20.0]))
    assert counts.sum() == 2
    assert counts[0, 12] == 1
    assert counts[0, ROWS - 1] == 1
