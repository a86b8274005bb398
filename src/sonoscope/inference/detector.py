"""A model ready to listen: sound of any length by blocks, in constant memory and without a seam.

The network hears windows of fixed length that overlap by a quarter. Near its edges a window knows
little of what is around, so only its middle counts, and one fades into the next::

    window k-1   ──────────────────────────┐margin┐
                                    ╲ fade ╱
    window k                 └margin┘──────────────────────────
    frame                    kS     kS + margin

The first window begins with the sound and the last ends with it, so that the beginning and the end
are heard as the network heard them when it learnt. Which windows there are depends on the length
of the sound alone, never on how it was cut into blocks.
"""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate, product
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.core.errors import CheckpointError, InputError, SettingError
from sonoscope.core.event import Event
from sonoscope.core.frames import FrameGrid
from sonoscope.inference.answers import (
    cells,
    copies_in,
    hears_once,
    in_order,
    n_fields,
    output_shapes,
)
from sonoscope.inference.model_file import N_CHANNELS, REFUSALS, ModelFile, load
from sonoscope.inference.monte_carlo import MonteCarlo, Samples, heard_cells, joined
from sonoscope.targets import classwise, following
from sonoscope.targets.card import Card
from sonoscope.targets.following import Copies

WINDOWS_AT_ONCE = 2
"""Windows that are heard together, shared out among the cores."""


Said = Float32[ndarray, "_ cell field *passes"]
"""Cells by fields (`inference.answers`), for each pass where there are several."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a network made of a stretch of sound.

    Attributes
    ----------
    activity
        How sure it is of each label, 0 to 1.
    direction
        Vectors toward each label, or None where the sound cannot tell directions.
    grid
        When the frames are.
    samples
        What each pass said, where the network was asked many times; the rest is their mean.
    copies
        Each label's sources, where the network tells them apart; then `activity` and `direction`
        are those of the surest.
    """

    activity: Float32[ndarray, "frame label"]
    direction: Float32[ndarray, "frame label 3"] | None
    grid: FrameGrid
    samples: Samples | None = None
    copies: Copies | None = None

    @property
    def n_frames(self) -> int:
        """How many frames there are."""
        return int(self.activity.shape[0])

    def events(self, card: Card) -> list[Event]:
        """Read events off the frames as the model's card says."""
        labels, decoding, directed = card.labels, card.decoding, self.direction is not None
        if self.copies is None:
            return classwise.decode(self.activity, self.direction, labels, self.grid, decoding)
        return following.decode(self.copies, labels, self.grid, decoding, directed=directed)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a detector remembers between blocks; a value, never changed.

    Attributes
    ----------
    kept
        The last blocks, cut at the start of the last window that ran.
    start
        Frame at which they begin.
    n_samples
        Samples heard so far, from the very beginning.
    windows
        How many windows ran.
    tail
        What the last of them said of frames that the next one will say too.
    directed
        Whether the sound tells directions; None before there was any.
    """

    kept: tuple[Float32[ndarray, "channel _"], ...] = ()
    start: int = 0
    n_samples: int = 0
    windows: int = 0
    tail: Said | None = None
    directed: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A network and the windows it listens through.

    Attributes
    ----------
    model
        The opened model file.
    batch
        Windows that are heard together; 1 answers soonest.
    threads
        How many runs of the network go side by side. A recurrent network is a long chain of small
        steps: two windows on two cores take half the time of one window on both.
    monte_carlo
        Ask the network many times, each time with other units left out; None asks once, with all.
    """

    model: ModelFile
    batch: int = WINDOWS_AT_ONCE
    threads: int = 1
    monte_carlo: MonteCarlo | None = None

    def __post_init__(self) -> None:
        if self.monte_carlo and not self.card.dropout:
            raise SettingError(
                f"{self.model.path}: a model to be asked in passes must have dropout, "
                f"but {self.card.name} has none"
            )
        if self.monte_carlo and not hears_once(self.card):
            raise SettingError(
                f"{self.model.path}: a model to be asked in passes must hear each label once, "
                f"but {self.card.name} hears up to {self.card.tracks} sources"
            )

    @classmethod
    def load(
        cls, path: Path, *, threads: int | None = None, batch: int = WINDOWS_AT_ONCE
    ) -> "Detector":
        """Open a model file, for as many threads as there are cores; refuses as `load` does."""
        return cls(load(path), batch, threads or _cores())

    def in_passes(self, monte_carlo: MonteCarlo | None) -> "Detector":
        """Give the same detector, asked so often.

        Raises
        ------
        SettingError
            If its network has no dropout.
        """
        return replace(self, monte_carlo=monte_carlo)

    @property
    def card(self) -> Card:
        """What the model says of itself."""
        return self.model.card

    @property
    def overlap(self) -> int:
        """Frames that two windows share."""
        return self.card.window_frames // 4

    @property
    def margin(self) -> int:
        """Frames at each side of the overlap where only the window with more around counts."""
        return self.overlap // 4

    @property
    def stride(self) -> int:
        """Frames from one window's start to the next."""
        return self.card.window_frames - self.overlap

    def listen(self, blocks: Iterable[Float[ndarray, "channel _"]]) -> Heard:
        """Hear a whole sound: one answer for each frame that it touches.

        Parameters
        ----------
        blocks
            The sound at the card's rate, cut anyhow: 4 channels of the card's format, or, for an
            FOA model, 1 or 2 channels, which give no directions.

        Raises
        ------
        InputError
            If the number of channels is another or changes.
        CheckpointError
            If the network fails or answers in another shape than its card says.
        """
        memory, parts = Memory(), []
        for block in blocks:
            heard, memory = self.step(block, memory)
            parts.append(heard)
        parts.append(self.finish(memory))
        directed = parts[-1].direction is not None
        samples, copies = _samples(parts), _copies(parts)
        activities = [part.activity for part in parts]
        directions = [part.direction for part in parts if part.direction is not None]
        del parts  # or hours of directions would be there twice
        direction = _joined(directions) if directed else None
        return Heard(_joined(activities), direction, self.card.grid, samples, copies)

    def step(self, chunk: Float[ndarray, "channel _"], memory: Memory) -> tuple[Heard, Memory]:
        """Hear the next samples; give the frames that are now certain, and what to remember."""
        memory = self._with(chunk, memory)
        parts = []
        first = memory.windows
        while memory.n_samples >= self._end(first + self.batch - 1) * self.card.hop:
            starts = [i * self.stride for i in range(first, first + self.batch)]
            more, memory = self._run(starts, memory)
            parts += more
            first = memory.windows
        return self._heard(parts, memory), memory

    def finish(self, memory: Memory) -> Heard:
        """Give the frames that are left once the sound has ended."""
        n_frames = self.card.grid.count(memory.n_samples)
        done = memory.windows
        starts = []
        while self._end(done) <= n_frames:
            starts.append(done * self.stride)
            done += 1
        if n_frames > (self._end(done - 1) if done else 0):
            starts.append(max(0, n_frames - self.card.window_frames))
        parts, last = self._run(starts, memory) if starts else ([], memory)
        if last.tail is not None:
            parts.append(last.tail)
        left = n_frames - self._given(memory.windows)
        return self._heard([np.concatenate(parts)[:left]] if parts else [], memory)

    def _end(self, window: int) -> int:
        return window * self.stride + self.card.window_frames

    def _given(self, windows: int) -> int:
        """Give the first frame that is not yet certain after so many windows."""
        return windows * self.stride + self.margin if windows else 0

    def _with(self, chunk: Float[ndarray, "channel _"], memory: Memory) -> Memory:
        """Remember more samples, as the four channels that the network takes."""
        n_channels = chunk.shape[0]
        takes = (1, 2, N_CHANNELS) if self.card.channel_format == "foa" else (N_CHANNELS,)
        directed = n_channels == N_CHANNELS
        if n_channels not in takes or memory.directed not in (None, directed):
            raise InputError(
                f"sound for the model {self.card.name} must have "
                f"{' or '.join(map(str, takes))} channels throughout, but {n_channels} were given"
            )
        sound = chunk.astype(np.float32)
        if not directed:  # an omnidirectional W and nothing that could tell a direction
            silence = np.zeros((N_CHANNELS - 1, chunk.shape[1]), np.float32)
            sound = np.concatenate([sound.mean(axis=0, keepdims=True), silence])
        n_samples = memory.n_samples + sound.shape[1]
        kept = (*memory.kept, sound)
        return replace(memory, kept=kept, n_samples=n_samples, directed=directed)

    def _run(self, starts: list[int], memory: Memory) -> tuple[list[Said], Memory]:
        """Hear windows that begin at frames, fading each into the one before."""
        line = np.concatenate(memory.kept, axis=1)
        windows = np.zeros((len(starts), N_CHANNELS, self.card.window), np.float32)
        for window, start in zip(windows, starts, strict=True):
            first = (start - memory.start) * self.card.hop
            sound = line[:, first : first + self.card.window]
            window[:, : sound.shape[1]] = sound
        parts, tail, done = [], memory.tail, memory.windows
        for start, answer in zip(starts, self._answers(windows, memory.windows), strict=True):
            given, sure = self._given(done), self._given(done + 1)
            fresh = answer[given - start :]
            if tail is not None:
                if self.card.tracks > 1:
                    fresh = in_order(tail, fresh, self.card.tracks)
                fresh = _faded(tail[: self.overlap - 2 * self.margin], fresh)
            parts.append(fresh[: sure - given])
            tail = fresh[sure - given :]
            done += 1
        kept = line[:, (starts[-1] - memory.start) * self.card.hop :].copy()
        return parts, replace(memory, kept=(kept,), start=starts[-1], windows=done, tail=tail)

    def _answers(
        self, windows: Float32[ndarray, "window 4 sample"], first: int
    ) -> Float32[ndarray, "window frame cell field *passes"]:
        """Put windows through the network; `first` is the number of the first of them."""
        if self.monte_carlo:
            return self._in_passes(windows, first, self.monte_carlo)
        shares = np.array_split(windows, min(self.threads, len(windows)))
        with ThreadPoolExecutor(len(shares)) as threads:
            return np.concatenate(list(threads.map(self._answer, shares)))

    def _in_passes(
        self, windows: Float32[ndarray, "window 4 sample"], first: int, monte_carlo: MonteCarlo
    ) -> Float32[ndarray, "window frame cell field pass"]:
        """Put each window through the network many times."""

        def asked(task: tuple[int, int]) -> Float32[ndarray, "pass frame cell field"]:
            window, share = task
            kept = monte_carlo.kept(self.card.dropout, first + window, share)
            return self._answer(windows[window, None], kept)

        tasks = product(range(len(windows)), range(monte_carlo.n_shares))
        with ThreadPoolExecutor(self.threads) as threads:
            said = np.concatenate(list(threads.map(asked, tasks)))
        by_window = said.reshape(len(windows), monte_carlo.passes, *said.shape[1:])
        return np.moveaxis(by_window, 1, -1)

    def _answer(
        self,
        windows: Float32[ndarray, "window 4 sample"],
        kept: Mapping[str, Float32[ndarray, "..."]] | None = None,
    ) -> Float32[ndarray, "answer frame cell field"]:
        """Ask the network: one answer a window, or one a pass of a single window."""
        shapes = output_shapes(self.card)
        kept = kept or {}
        try:
            outputs = self.model.session.run(list(shapes), {"sound": windows, **kept})
        except REFUSALS as error:
            raise CheckpointError(f"{self.model.path}: the network failed: {error}") from error
        n_answers = max([len(windows), *map(len, kept.values())])
        wanted = [(n_answers, *shape) for shape in shapes.values()]
        given = [part.shape for part in outputs]
        if given != wanted:
            raise CheckpointError(
                f"{self.model.path}: the network must answer in "
                f"{' and '.join(map(str, wanted))}, "
                f"but answered in {' and '.join(map(str, given))}"
            )
        return cells(self.card, outputs)

    def _heard(self, parts: list[Said], memory: Memory) -> Heard:
        """Tell activity from direction, and passes from their mean."""
        passes = () if self.monte_carlo is None else (self.monte_carlo.passes,)
        n_cells = len(self.card.labels) * self.card.tracks
        empty = np.zeros((0, n_cells, n_fields(self.card), *passes), np.float32)
        said = np.concatenate([empty, *parts])
        samples = heard_cells(said) if self.monte_carlo else None
        both = said.mean(axis=-1) if self.monte_carlo else said
        if not hears_once(self.card):
            return self._surest(copies_in(self.card, both), directed=memory.directed)
        direction = both[..., 1:].copy() if memory.directed else None
        return Heard(both[..., 0].copy(), direction, self.card.grid, samples)

    def _surest(self, copies: Copies, *, directed: bool | None) -> Heard:
        """Tell of each label what is surest, beside all its copies."""
        best = copies.activity.argmax(axis=-1)[..., None]
        activity = np.take_along_axis(copies.activity, best, axis=-1)[..., 0]
        towards = np.take_along_axis(copies.direction, best[..., None], axis=-2)[..., 0, :]
        direction = towards if directed else None
        return Heard(activity, direction, self.card.grid, copies=copies)


def _copies(parts: list[Heard]) -> Copies | None:
    """Join what was heard of labels that may sound several times at once."""
    kept = [part.copies for part in parts if part.copies is not None]
    if not kept:
        return None
    away = [part.distance_m for part in kept if part.distance_m is not None]
    return Copies(
        np.concatenate([part.activity for part in kept]),
        np.concatenate([part.direction for part in kept]),
        np.concatenate(away) if away else None,
    )


def _samples(parts: list[Heard]) -> Samples | None:
    """Join what the passes said of stretches of sound."""
    firsts = accumulate((part.n_frames for part in parts), initial=0)
    kept = [(at, part.samples) for at, part in zip(firsts, parts, strict=False) if part.samples]
    return joined(kept) if kept else None


def _joined(parts: list[Float32[ndarray, "..."]]) -> Float32[ndarray, "..."]:
    """Put parts one after the other, letting go of each; the list is empty then."""
    stop = sum(len(part) for part in parts)
    whole = np.empty((stop, *parts[0].shape[1:]), np.float32)
    while parts:
        part = parts.pop()
        whole[stop - len(part) : stop] = part
        stop -= len(part)
    return whole


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _faded(old: Said, new: Said) -> Said:
    """Let new frames rise over old ones along a raised cosine."""
    n = min(len(old), len(new))
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / max(1, len(old)))).astype(np.float32)
    share = rise.reshape(-1, *[1] * (new.ndim - 1))
    return np.concatenate([old[:n] * (1 - share) + new[:n] * share, new[n:]])
