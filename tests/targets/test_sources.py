"""What the truth holds where a label overlaps itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.targets.classwise import encode
from sonoscope.targets.sources import lay_out

LABELS = ("dog", "siren")
GRID = FrameGrid(16_000, 320)


def at(label: str, onset: int, length: int, azimuth: float, distance_m: float | None) -> Event:
    """Give an event on frames."""
    path = (Waypoint(onset / 50, azimuth, 0.1, distance_m),)
    return Event(label, onset / 50, (onset + length) / 50, path)


Note = tuple[str, int, int, float, float | None]
NOTES = st.lists(
    st.tuples(
        st.sampled_from(LABELS),
        st.integers(0, 90),
        st.integers(1, 60),
        st.floats(-3.1, 3.1),
        st.one_of(st.none(), st.floats(0.5, 5.0)),
    ),
    max_size=8,
)


@given(notes=NOTES, n_copies=st.integers(1, 4))
def test_each_frame_holds_the_sources_that_began_last(notes: list[Note], n_copies: int) -> None:
    events = [at(*note) for note in notes]
    sources = lay_out(events, LABELS, GRID, 100, n_copies)
    for frame in range(100):
        for i, label in enumerate(LABELS):
            here = [
                e
                for e in sorted(events, key=lambda e: e.onset_s)
                if e.label == label and e.onset_s <= (frame + 0.5) / 50 < e.offset_s
            ][::-1][:n_copies]
            assert sources.active[frame, i].tolist() == [c < len(here) for c in range(n_copies)]
            for copy, event in enumerate(here):
                towards = event.direction_at(0.0)
                assert angle_between(sources.direction[frame, i, copy], towards) < 1e-3
                away = event.path[0].distance_m or 0.0
                assert sources.distance_m[frame, i, copy] == pytest.approx(away, rel=1e-6)
    silent = ~sources.active
    assert not sources.direction[silent].any()
    assert not sources.distance_m[silent].any()


@given(notes=NOTES, n_copies=st.integers(1, 4))
def test_the_first_copy_is_the_class_wise_target(notes: list[Note], n_copies: int) -> None:
    events = [at(*note) for note in notes]
    sources = lay_out(events, LABELS, GRID, 100, n_copies)
    active, direction = encode(events, LABELS, GRID, 100)
    np.testing.assert_array_equal(sources.active[..., 0], active)
    np.testing.assert_array_equal(sources.direction[..., 0, :], direction)


def test_what_nobody_knows_is_zero() -> None:
    mono = Event("dog", 0.0, 0.1)
    sources = lay_out([mono], LABELS, GRID, 5, 2)
    assert sources.active[..., 0, 0].all()
    assert not sources.direction.any()
    assert not sources.distance_m.any()


def test_labels_that_nobody_knows_are_refused() -> None:
    with pytest.raises(InputError, match="siren"):
        lay_out([Event("cat", 0.0, 1.0)], LABELS, GRID, 10)
