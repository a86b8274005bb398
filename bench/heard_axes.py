"""Which axes of direction the networks of the paper's tables have learnt.

`python -m bench heard_axes --work TABLES --data DATA` reads what each training of `sonoscope
reproduce seld-table6` and its like kept of its test recordings. Frames in which a label that sounds
from one place alone was heard: the correlation of each axis of the heard unit vector with the
truth's, and the mean angle between them, apart for recordings without and with overlap.

A network that always says elevation 0 and knows the azimuth has correlations near 1, 1, 0: on these
recordings, whose elevations spread by 20 degrees, that alone is some 15 to 20 degrees of error.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.event import Event
from sonoscope.core.event_table import read_events
from sonoscope.core.frame_table import FrameTable, to_frames
from sonoscope.training.hearing import FRAMES_PER_S
from sonoscope.training.reproduce import HEARD, Asked, Training, planned, read_heard, shown
from sonoscope.training.seld_tables import SMALL, TABLES


class Pairs(NamedTuple):
    """Heard and true unit vectors of the same frame and label, and where events overlap."""

    heard: Float[ndarray, "row 3"]
    true: Float[ndarray, "row 3"]
    overlapping: Bool[ndarray, " row"]


class Learnt(NamedTuple):
    """Correlation of x, y and z, and mean angles in degrees without and with overlap."""

    axes: tuple[float, float, float]
    alone_deg: float
    overlapping_deg: float


def table(work: Path, data: Path) -> str:
    """Give the table of all trainings of scale small in `work`; dashes where nothing was heard."""
    metadata = data / "tau2019" / "metadata_dev"
    events = {path.stem: read_events(path) for path in sorted(metadata.glob("*.csv"))}
    head = ["network", "format", "seed", "x", "y", "z", "alone °", "overlapping °"]
    rows = []
    for name, training in _trainings(work):
        found = learnt(pairs(training.folder / HEARD, events))
        told = ["–"] * 5 if found is None else _told(found)
        rows.append([name, training.heard_as, training.seed, *told])
    return markdown(head, rows)


def _trainings(work: Path) -> Iterator[tuple[str, Training]]:
    """Name each training that is done once, in the order of the tables."""
    seen: set[Path] = set()
    for each in TABLES.values():
        plan = planned(each, SMALL, Asked(), work)
        for row in (row for heard_as in plan.formats for row in shown(plan, heard_as)):
            for training in row.trainings:
                if training.is_done and training.folder not in seen:
                    seen.add(training.folder)
                    yield row.row.name, training


def pairs(heard: Path, events: Mapping[str, Sequence[Event]]) -> Pairs:
    """Pair what a file says was heard with the truth of its recordings."""
    parts = [
        in_one(to_frames(truth, table.labels, FRAMES_PER_S), table, overlapping="_ov2" in name)
        for name, truth in events.items()
        if (table := read_heard(heard, name)) is not None
    ]
    return Pairs(*map(np.concatenate, zip(*parts, strict=True)))


def in_one(truth: FrameTable, heard: FrameTable, *, overlapping: bool) -> Pairs:
    """Pair the frames of one recording in which a label has one true place."""
    n_labels = len(truth.labels)
    places, first, count = np.unique(
        truth.frame * n_labels + truth.label, return_index=True, return_counts=True
    )
    known, row = places[count == 1], first[count == 1]
    _, at, found = np.intersect1d(
        known, heard.frame * n_labels + heard.label, assume_unique=True, return_indices=True
    )
    true = unit_vector(truth.azimuth[row[at]], truth.elevation[row[at]])
    said = unit_vector(heard.azimuth[found], heard.elevation[found])
    return Pairs(said, true, np.full(len(at), overlapping))


def _told(found: Learnt) -> list[str]:
    axes = [f"{axis:.2f}" for axis in found.axes]
    return [*axes, f"{found.alone_deg:.1f}", f"{found.overlapping_deg:.1f}"]


def learnt(found: Pairs) -> Learnt | None:
    """Judge pairs; None where hardly anything was heard, with or without overlap."""
    if min(found.overlapping.sum(), (~found.overlapping).sum()) < 2:
        return None
    x, y, z = (
        float(np.corrcoef(found.heard[:, axis], found.true[:, axis])[0, 1]) for axis in range(3)
    )
    angle = np.rad2deg(angle_between(found.heard, found.true))
    alone, together = angle[~found.overlapping], angle[found.overlapping]
    return Learnt((x, y, z), float(alone.mean()), float(together.mean()))
