"""Outputs of every target are read alike, and windows fade into each other source by source."""

from typing import Any

import numpy as np
import pytest

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.inference.answers import cells, copies_in, hears_once, in_order, output_shapes
from sonoscope.inference.detector import Heard
from sonoscope.targets import multi_accdoa, trackwise
from sonoscope.targets.card import Card, Target
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.sources import Sources, lay_out

LABELS = ("dog", "siren")
N_FRAMES = 40


def card(target: Target, tracks: int, **changes: Any) -> Card:
    plain: dict[str, Any] = {
        "name": "toy",
        "version": "1",
        "labels": LABELS,
        "rate_hz": 8_000,
        "channel_format": "foa",
        "window": N_FRAMES * 800,
        "hop": 800,
        "decoding": Decoding((0.5, 0.5), smoothing_s=0.0),
        "target": target,
        "tracks": tracks,
    }
    return Card(**plain | changes)


def events() -> list[Event]:
    """Let a label sound twice at once, and the other one meanwhile."""
    rows = (("dog", 5, 30, 0.0), ("dog", 12, 36, 1.6), ("siren", 8, 25, -1.4))
    return [
        Event(label, start / 10, stop / 10, (Waypoint(start / 10, azimuth, 0.1, 2.5),))
        for label, start, stop, azimuth in rows
    ]


def said(target: Target, sources: Sources) -> list[np.ndarray[Any, Any]]:
    """Answer the truth twice, as a model would in a batch of two."""
    if target == "tracks":
        parts: tuple[np.ndarray[Any, Any], ...] = trackwise.encode(sources)
    elif target == "classwise-xyz":
        first = sources.active[..., 0].astype(np.float32), sources.direction[..., 0, :]
        parts = first
    else:
        tracks = 1 if target == "accdoa" else 3
        vector, away = multi_accdoa.encode(sources, tracks)
        parts = (vector, away) if target == "multi-accdoa-distance" else (vector,)
    return [np.stack([part, part]) for part in parts]


@pytest.mark.parametrize(
    ("target", "tracks"),
    [
        ("classwise-xyz", 1),
        ("accdoa", 1),
        ("multi-accdoa", 3),
        ("multi-accdoa-distance", 3),
        ("tracks", 3),
    ],
)
def test_each_target_is_read_as_its_card_says(target: Target, tracks: int) -> None:
    here, grid = card(target, tracks), FrameGrid(8_000, 800)
    sources = lay_out(events(), LABELS, grid, N_FRAMES, 3)
    outputs = said(target, sources)
    assert [part.shape[1:] for part in outputs] == list(output_shapes(here).values())
    both = cells(here, outputs)
    np.testing.assert_array_equal(both[0], both[1])
    if hears_once(here):
        heard = Heard(both[0, ..., 0], both[0, ..., 1:4], grid)
        assert len(heard.events(here)) == 2
        return
    copies = copies_in(here, both[0])
    surest = copies.activity.max(axis=-1)
    heard = Heard(surest, copies.direction[..., 0, :], grid, copies=copies)
    found = heard.events(here)
    assert [(each.label, each.onset_s, each.offset_s) for each in found] == [
        (each.label, each.onset_s, each.offset_s) for each in sorted(events(), key=_onset)
    ]
    for each in found:
        known = 2.5 if target == "multi-accdoa-distance" else None
        assert each.path[0].distance_m == (known and pytest.approx(known, rel=1e-5))
    mono = Heard(surest, None, grid, copies=copies).events(here)
    assert [(each.label, each.path) for each in mono] == [("dog", ()), ("siren", ())]


def _onset(event: Event) -> float:
    return event.onset_s


def test_a_window_takes_the_order_of_the_one_before() -> None:
    rng = np.random.default_rng(4)
    old = rng.standard_normal((30, 2 * 3, 4)).astype(np.float32)
    order = rng.random((30, 2, 3)).argsort(axis=-1)
    shuffled = np.take_along_axis(old.reshape(30, 2, 3, 4), order[..., None], 2).reshape(old.shape)
    more = rng.standard_normal((7, 6, 4)).astype(np.float32)
    back = in_order(old, np.concatenate([shuffled, more]), tracks=3)
    np.testing.assert_array_equal(back[:30], old)
    np.testing.assert_array_equal(back[30:], more)
    np.testing.assert_array_equal(in_order(old[:0], more, tracks=3), more)


def test_a_card_does_not_have_tracks_where_labels_are_heard_once() -> None:
    with pytest.raises(ValueError, match="tracks must be 1"):
        card("accdoa", 3)
