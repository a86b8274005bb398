"""Training batches cropped from recordings, and recordings heard from end to end.

```
 recording   |--------------------------------------|      a crop begins on a label frame, so that
 labels      | | | | | | | | | | | | | | | | | | | | |      its truth is a part of the recording's;
 crop              |-------------|                         which crop, seed and step decide
 sweep       |---------|---------|---------|------000      the last window ends in silence
```

A crop is read from the file at once (datasets.prepared). Truth is laid out once for each recording
and kept as the few cells in which something sounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Int
from numpy import ndarray
from torch import Tensor

from sonoscope.core import audio
from sonoscope.core.audio import AudioFile
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.datasets.prepared import prepared
from sonoscope.datasets.recordings import RecordedScene
from sonoscope.simulation.augment import AugmentationSettings, augmented
from sonoscope.simulation.stream import Batch
from sonoscope.targets.sources import Sources, lay_out


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Truth of a recording: the cells (frame, label, copy) in which something sounds, by frame."""

    n_frames: int
    shape: tuple[int, int]
    frame: Int[ndarray, " cell"]
    label: Int[ndarray, " cell"]
    copy: Int[ndarray, " cell"]
    direction: Float32[ndarray, "cell 3"]
    distance_m: Float32[ndarray, " cell"]

    @classmethod
    def of(cls, truth: Sources) -> "Cells":
        """Keep what sounds."""
        n_frames, n_labels, n_copies = truth.active.shape
        where = np.nonzero(truth.active)
        frame, label, copy = (index.astype(np.int32) for index in where)
        direction, distance_m = truth.direction[where], truth.distance_m[where]
        return cls(n_frames, (n_labels, n_copies), frame, label, copy, direction, distance_m)

    def laid_out(self, first: int, n_frames: int) -> Sources:
        """Lay some frames out again; beyond the last nothing sounds."""
        shape = (n_frames, *self.shape)
        active = np.zeros(shape, np.bool_)
        direction, distance_m = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
        start, stop = np.searchsorted(self.frame, (first, first + n_frames))
        cells = slice(int(start), int(stop))
        where = self.frame[cells] - first, self.label[cells], self.copy[cells]
        active[where] = True
        direction[where], distance_m[where] = self.direction[cells], self.distance_m[cells]
        return Sources(active, direction, distance_m)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A recording ready to be cut: its sound at the wanted rate, and its truth."""

    scene: RecordedScene
    file: AudioFile
    truth: Cells

    @property
    def n_frames(self) -> int:
        """How many label frames it has."""
        return self.truth.n_frames


@dataclass(frozen=True, slots=True)
class Reading:
    """How recordings are read.

    Attributes
    ----------
    labels
        In the order of the truth's axis.
    rate_hz
        Of the sound.
    label_step_s
        Seconds from one frame of the truth to the next.
    n_copies
        How many sources of one label the truth holds at a moment.
    cache
        Folder for copies at the rate; the user's cache folder where None.
    """

    labels: tuple[str, ...]
    rate_hz: int
    label_step_s: float = 0.02
    n_copies: int = 1
    cache: Path | None = None

    @property
    def grid(self) -> FrameGrid:
        """The frames of the truth."""
        return FrameGrid(self.rate_hz, whole_samples(self.label_step_s, self.rate_hz))


def made_ready(scenes: Sequence[RecordedScene], reading: Reading) -> tuple[Known, ...]:
    """Prepare sounds and lay out truths.

    Raises
    ------
    InputError
        If a recording has no table, or either cannot be read, a label is not known, or its channels
        are not those of its format.
    """
    files = prepared([scene.audio for scene in scenes], reading.rate_hz, reading.cache)
    for scene, file in zip(scenes, files, strict=True):
        audio.check_format(replace(file, path=scene.audio), scene.channel_format)
    return tuple(
        Known(scene, file, _truth(scene, file, reading))
        for scene, file in zip(scenes, files, strict=True)
    )


def _truth(scene: RecordedScene, file: AudioFile, reading: Reading) -> Cells:
    events, grid = scene.events(reading.labels), reading.grid
    try:
        n_frames = grid.count(file.n_samples)
        return Cells.of(lay_out(events, reading.labels, grid, n_frames, reading.n_copies))
    except InputError as error:
        raise InputError(f"{scene.table}: {error}") from error


class _Cutter:
    """Windows of recordings in some formats, each with its truth."""

    def __init__(self, by_format: Sequence[Sequence[RecordedScene]], reading: Reading) -> None:
        if not by_format or not all(by_format):
            raise SettingError("recordings must be at least one in each format, but none was given")
        self.reading, self.grid = reading, reading.grid
        self.known = tuple(made_ready(scenes, reading) for scenes in by_format)
        self.formats = tuple(scenes[0].channel_format for scenes in by_format)

    def n_window_frames(self, window_s: float) -> int:
        """Give the frames of a window, which is a whole number of them."""
        n_samples = whole_samples(window_s, self.reading.rate_hz)
        if n_samples < 1 or n_samples % self.grid.hop:
            raise SettingError(
                f"window_s must be a whole number of label frames of {self.grid.step_s:g} s, "
                f"but {window_s:g} was given"
            )
        return n_samples // self.grid.hop

    def cut(self, known: Known, first: int, n_frames: int) -> tuple[Tensor, ...]:
        """Give sound, activity, direction and distance of some frames; silence beyond the end."""
        start, wanted = first * self.grid.hop, n_frames * self.grid.hop
        there = max(0, min(wanted, known.file.n_samples - start))
        sound = audio.read_span(known.file, start, there)
        if there < wanted:
            sound = np.pad(sound, ((0, 0), (0, wanted - there)))
        truth = known.truth.laid_out(first, n_frames)
        parts = (torch.from_numpy(part.astype(np.float32)) for part in truth)
        return torch.from_numpy(np.ascontiguousarray(sound)), *parts

    def _share(self, size: int) -> int:
        if size % len(self.formats):
            raise SettingError(
                f"batch_size must be a multiple of {len(self.formats)} (one part a channel "
                f"format), but {size} was given"
            )
        return size // len(self.formats)


class RecordedStream(_Cutter):
    """Random crops without end: the batch of a step is a pure function of seed and step.

    Every window of every recording that begins on a label frame is equally likely.

    Parameters
    ----------
    by_format
        Recordings in each channel format; a batch is divided evenly among them, in this order.
    reading
        How they are read.
    seed
        Which crops.
    augmentation
        How they are turned and mirrored; FOA is taken for ideal then.
    """

    def __init__(
        self,
        by_format: Sequence[Sequence[RecordedScene]],
        reading: Reading,
        seed: int,
        *,
        augmentation: AugmentationSettings | None = None,
    ) -> None:
        super().__init__(by_format, reading)
        self.seed = seed
        self._augmentation = augmentation or AugmentationSettings()

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Crop the windows of a training step."""
        share, n_frames = self._share(size), self.n_window_frames(window_s)
        crops = [self._crop(step * size + i, i // share, n_frames) for i in range(size)]
        return Batch(*(torch.stack(parts) for parts in zip(*crops, strict=True)))

    def _crop(self, number: int, part: int, n_frames: int) -> tuple[Tensor, ...]:
        generator = self._generator(number)
        known = self.known[part]
        begins = np.cumsum([max(1, each.n_frames - n_frames + 1) for each in known])
        drawn = int(generator.integers(begins[-1]))
        which = int(np.searchsorted(begins, drawn, side="right"))
        first = drawn - (int(begins[which - 1]) if which else 0)
        sound, active, direction, distance_m = self.cut(known[which], first, n_frames)
        channel_format = self.formats[part]
        if channel_format != "stereo":
            sound, direction = augmented(
                sound,
                direction,
                channel_format,
                self._generator(number, stream=2),
                self._augmentation,
            )
        return sound, active, direction, distance_m

    def _generator(self, number: int, stream: int = 0) -> np.random.Generator:
        return np.random.Generator(
            np.random.Philox(key=[self.seed, number], counter=[0, 0, 0, stream])
        )


@runtime_checkable
class Sweeping(Protocol):
    """A stream that has an end."""

    def n_batches(self, size: int, window_s: float) -> int:
        """Give how many batches it has; the last may be smaller."""
        ...


class RecordedSweep(_Cutter):
    """Recordings from end to end, window after window; each format hears the same ones."""

    def __init__(self, by_format: Sequence[Sequence[RecordedScene]], reading: Reading) -> None:
        names = [tuple(scene.name for scene in scenes) for scenes in by_format]
        if len(set(names)) > 1:
            alone = sorted(set[str]().union(*names) - set(names[0]).intersection(*names))
            told = f"{alone[0]} is not in each" if alone else "they stand in another order"
            raise SettingError(f"recordings must be the same in every format, but {told}")
        super().__init__(by_format, reading)

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Cut the windows of a step, as many of each format; the last batch may be smaller."""
        share, n_frames = self._share(size), self.n_window_frames(window_s)
        windows = self.windows(window_s)[step * share : (step + 1) * share]
        if not windows:
            raise SettingError(f"step must be below {self.n_batches(size, window_s)}, not {step}")
        cuts = [
            self.cut(known[which], first, n_frames)
            for known in self.known
            for which, first in windows
        ]
        return Batch(*(torch.stack(parts) for parts in zip(*cuts, strict=True)))

    def n_batches(self, size: int, window_s: float) -> int:
        """Give how many batches there are."""
        return -(-len(self.windows(window_s)) // self._share(size))

    def windows(self, window_s: float) -> list[tuple[int, int]]:
        """List recording and first frame of each window, in order."""
        n_frames = self.n_window_frames(window_s)
        return [
            (which, first)
            for which, known in enumerate(self.known[0])
            for first in range(0, known.n_frames, n_frames)
        ]
