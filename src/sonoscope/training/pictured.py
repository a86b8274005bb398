"""Which recording of a test a table's picture shows, what sounded in it and what was heard."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sonoscope.core.audio import probe
from sonoscope.core.event import Event
from sonoscope.core.frame_table import to_frames
from sonoscope.metrics.compared import ComparedPicture
from sonoscope.training.hearing import FRAMES_PER_S
from sonoscope.training.material import gather
from sonoscope.training.reproduce import HEARD, PlannedRow, read_heard
from sonoscope.training.tables import Picture


def pictured(rows: Sequence[PlannedRow], picture: Picture, data: Path) -> ComparedPicture | None:
    """Find what a picture shows; None while there is no result for it.

    Raises
    ------
    InputError
        If the recordings or what was heard in them cannot be read.
    """
    done = [
        training
        for row in rows
        if row.row.name == picture.row
        for training in row.trainings
        if training.is_done
    ]
    if not done:
        return None
    first = done[0]
    asked = first.recipes[-1]
    (apart,) = gather(asked, data).recorded
    events = {scene.name: scene.events(asked.labels) for scene in apart.test}
    best = min(apart.test, key=lambda scene: _far(events[scene.name], picture))
    heard = read_heard(first.folder / HEARD, best.name)
    if heard is None:
        return None
    reference = to_frames(events[best.name], heard.labels, FRAMES_PER_S)
    caption = (
        f"{picture.row}, {first.heard_as}, test fold {first.fold}, seed {first.seed}: {best.name}"
    )
    return ComparedPicture(picture.name, caption, reference, heard, probe(best.audio).duration_s)


def _far(events: Sequence[Event], picture: Picture) -> int:
    """Tell how far a recording is from what is to be shown; farthest where it shows nothing."""
    labels = len({event.label for event in events})
    n_shown = labels if picture.shows == "labels" else n_overlaps(events)
    return abs(n_shown - picture.like) if n_shown else sys.maxsize


def n_overlaps(events: Sequence[Event]) -> int:
    """Count the stretches in which more than one event sounds.

    Examples
    --------
    >>> n_overlaps([Event("a", 0.0, 2.0), Event("b", 1.0, 3.0), Event("a", 4.0, 5.0)])
    1
    """
    times = np.array([(e.onset_s, e.offset_s) for e in events]).reshape(-1, 2)
    edges = sorted([(on, 1) for on, _ in times.tolist()] + [(off, -1) for _, off in times.tolist()])
    sounding = np.cumsum([change for _, change in edges])
    together = np.concatenate([[False], sounding > 1])
    return int((together[1:] & ~together[:-1]).sum())
