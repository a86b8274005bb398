"""Draws of discharges: by number, with echoes, kept on disk."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.errors import CheckpointError
from sonoscope.signal.envelope import Envelope
from sonoscope.signal.pattern_input import FIGURES, HALF, LEVELS, MAPS
from sonoscope.training.discharges import draws
from sonoscope.training.discharges.draws import (
    LABELS,
    DrawSettings,
    asked,
    drawn,
    draws_hash,
    patterns_in,
    with_echoes,
)

SMALL = DrawSettings(train=3, validation=2, echoes=1, duration_s=0.5)


def test_what_is_asked_for_has_the_wanted_shares() -> None:
    generator = np.random.default_rng(1)
    all_asked = [asked(DrawSettings(), generator) for _ in range(4_000)]
    count = Counter(len(each.kinds) for each in all_asked)
    assert count[0] / 4_000 == pytest.approx(0.2, abs=0.03)
    assert count[2] / 4_000 == pytest.approx(0.25, abs=0.03)
    assert {each.snr for each in all_asked} == {"whole", "in_band"}
    assert min(each.snr_db for each in all_asked) >= -10
    assert all(len(set(each.kinds)) == len(each.kinds) for each in all_asked)
    assert {kind for each in all_asked for kind in each.kinds} == {*LABELS, "particle"}


def test_a_draw_is_the_same_whenever_it_is_made() -> None:
    first, again, other = (drawn(SMALL, "train", number) for number in (1, 1, 2))
    assert np.array_equal(first.maps, again.maps)
    assert np.array_equal(first.figures, again.figures)
    assert not np.array_equal(first.maps, other.maps)
    assert first.maps.shape == (1, 2, 2 * len(MAPS), HALF, LEVELS)
    assert first.figures.shape == (1, 2, len(FIGURES))
    assert np.isfinite(first.maps).all()
    assert not np.array_equal(drawn(SMALL, "validation", 1).maps, first.maps)


def test_echoes_come_after_and_leave_noise_as_it_is() -> None:
    rate_hz, generator = 16_000.0, np.random.default_rng(3)
    power = np.full(32_000, 1e-6)
    power[8_000] = 1.0
    for _ in range(8):
        heard = with_echoes(Envelope(power, rate_hz, (20e3, 40e3)), generator).power
        assert np.array_equal(heard[:8_001], power[:8_001])
        assert heard[8_001:].sum() > 1.05 * power[8_001:].sum()
        assert heard[24_000:].sum() < 1.1 * power[24_000:].sum()  # gone after a second


def test_shards_are_made_once_and_more_may_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "_SHARD", 2)
    told = []
    first = patterns_in(tmp_path, replace(SMALL, train=2), "train")
    whole = patterns_in(tmp_path, SMALL, "train", lambda done, of: told.append((done, of)))
    assert told == [(2, 3), (3, 3)]
    assert len(whole) == 3
    assert np.array_equal(whole.maps[:2], first.maps)
    monkeypatch.setattr(draws, "drawn", None)  # nothing is made again
    assert np.array_equal(patterns_in(tmp_path, SMALL, "train").target, whole.target)
    next(tmp_path.glob("draws-*/train-000000-2.npz")).write_bytes(b"no shard")
    with pytest.raises(CheckpointError, match="not readable draws"):
        patterns_in(tmp_path, SMALL, "train")


def test_how_many_there_are_does_not_make_other_draws() -> None:
    assert draws_hash(SMALL) == draws_hash(replace(SMALL, train=9, validation=9))
    assert draws_hash(SMALL) != draws_hash(replace(SMALL, seed=1))
