"""Time in whole samples: no frame is lost to binary fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.errors import SettingError
from sonoscope.core.frames import FrameGrid, whole_samples


@given(st.integers(0, 10**9), st.sampled_from([8_000, 24_000, 44_100, 192_000]))
def test_every_sample_survives_a_walk_through_seconds(sample: int, rate_hz: int) -> None:
    assert whole_samples(sample / rate_hz, rate_hz) == sample


@given(st.integers(1, 2_000))
def test_milliseconds_divide_as_people_think(milliseconds: int) -> None:
    frame = whole_samples(0.02, 24_000)
    assert whole_samples(milliseconds / 1000, 24_000) // frame == milliseconds // 20


def test_halves_go_up() -> None:
    assert whole_samples(0.5, 1) == 1
    assert whole_samples(2.5, 1) == 3  # round() would give 2


@given(st.integers(0, 10**6), st.integers(1, 5_000), st.integers(1, 20))
def test_frames_cover_every_sample_once(n_samples: int, hop: int, ratio: int) -> None:
    grid = FrameGrid(24_000, hop)
    count = grid.count(n_samples)
    assert (count - 1) * hop < n_samples <= count * hop
    coarse = grid.every(ratio)
    assert (coarse.count(n_samples) - 1) * ratio < max(count, 1)
    assert coarse.step_s == pytest.approx(ratio * grid.step_s)


@given(st.integers(0, 10**5), st.integers(1, 5_000))
def test_a_frame_starts_at_its_own_edge(frame: int, hop: int) -> None:
    grid = FrameGrid(24_000, hop)
    assert grid.nearest_edge(grid.start_s(frame)) == frame
    just_before = float(Fraction(2 * frame + 1, 2) * hop / 24_000) - 1e-6
    if just_before > 0 and hop > 1:
        assert grid.nearest_edge(just_before) == frame


@pytest.mark.parametrize(("rate_hz", "hop"), [(0, 1), (24_000, 0), (-1, 480)])
def test_an_empty_grid_is_refused(rate_hz: int, hop: int) -> None:
    with pytest.raises(SettingError, match="a frame grid must have"):
        FrameGrid(rate_hz, hop)
