"""What is done to patterns: what must not change, and what must."""

import numpy as np
import pytest
from jaxtyping import Float32
from numpy import ndarray

from sonoscope.training.discharges.augment import (
    AugmentSettings,
    as_halves,
    augmented,
    on_a_circle,
)

NOTHING = AugmentSettings(turn=False, oftener=1, rows=0, blur=0, drowned=0, figure_noise=0)
OF_PULSES = (True, False)


def patterns(seed: int = 0) -> Float32[ndarray, "half phase level"]:
    generator = np.random.default_rng(seed)
    maps = generator.poisson(0.3, (4, 36, 32)).astype(np.float32)
    maps[:2] = np.log1p(maps[:2])
    return maps


def of_settings(settings: AugmentSettings, seed: int = 1) -> Float32[ndarray, "half phase level"]:
    return augmented(patterns(), OF_PULSES, settings, np.random.default_rng(seed))


def test_nothing_is_nothing() -> None:
    assert of_settings(NOTHING) == pytest.approx(patterns(), abs=1e-6)
    assert np.array_equal(as_halves(on_a_circle(patterns())), patterns())


def test_turns_are_of_all_maps_alike_and_swap_half_cycles() -> None:
    plain = on_a_circle(patterns())
    seen = set()
    for seed in range(30):
        settings = AugmentSettings(oftener=1, rows=0, blur=0, drowned=0)
        turned = on_a_circle(of_settings(settings, seed))
        fits = [
            by for by in range(72) if np.allclose(np.roll(plain, by, axis=1), turned, atol=1e-5)
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) > 15
    assert max(seen) > 36


def test_pulses_become_more_or_fewer_and_other_maps_do_not() -> None:
    settings = AugmentSettings(turn=False, oftener=3, rows=0, blur=0, drowned=0)
    changed = of_settings(settings)
    ratio = np.expm1(changed[:2].astype(np.float64)).sum() / np.expm1(patterns()[:2]).sum()
    assert 1 / 3 <= ratio <= 3
    assert ratio != pytest.approx(1, abs=0.01)
    assert np.array_equal(changed[2:], patterns()[2:])


def test_levels_move_and_what_leaves_the_axis_is_gone() -> None:
    settings = AugmentSettings(turn=False, oftener=1, rows=2, blur=0, drowned=0)
    moves = []
    for seed in range(60):
        moved, plain = of_settings(settings, seed), patterns()
        by = next(
            by
            for by in range(-2, 3)
            if np.allclose(np.roll(plain, by, axis=2)[:, :, 2:-2], moved[:, :, 2:-2], atol=1e-5)
        )
        gone = moved[:, :, :by] if by > 0 else moved[:, :, 32 + by :]
        assert not gone.any()
        moves.append(by)
    assert set(moves) == {-2, -1, 0, 1, 2}


def test_a_blur_keeps_what_there_is() -> None:
    settings = AugmentSettings(turn=False, oftener=1, rows=0, blur=0.33, drowned=0)
    blurred = of_settings(settings)
    assert blurred.sum() == pytest.approx(patterns().sum(), rel=1e-3)
    assert blurred[2:].std() < patterns()[2:].std()


def test_the_weakest_drown_first() -> None:
    settings = AugmentSettings(turn=False, oftener=1, rows=0, blur=0, drowned=1)
    drowned = of_settings(settings)
    kept = drowned[:2].any(axis=(0, 1))
    first = int(np.argmax(kept))
    assert 0 < first < 32
    assert drowned[:2, :, first:] == pytest.approx(patterns()[:2, :, first:], abs=1e-6)
    assert np.array_equal(drowned[2:], patterns()[2:])
