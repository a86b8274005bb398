"""Batches made ahead by worker processes, in the order of the steps whatever their number.

```
 step      0   1   2   3   4   5          a batch is a pure function of (seed, step), so
 worker 0  #       #       #              whoever makes it makes the same one; the loader
 worker 1      #       #       #          asks its workers in turn, which restores the order
```
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from sonoscope.simulation.stream import Batch
from sonoscope.training.memory import keep_freed_memory

Made = TypeVar("Made")

_AHEAD = 4  # batches each worker may be ahead


@runtime_checkable
class Stream(Protocol):
    """Whatever makes the batch of a step, always the same one."""

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Make `size` scenes of `window_s` seconds."""
        ...


def batches(
    stream: Stream, steps: range, size: int, window_s: float, *, workers: int
) -> Iterable[Batch]:
    """Give the batches of some steps, in their order.

    Parameters
    ----------
    stream
        Makes the batches.
    steps
        Which batches.
    size, window_s
        Scenes in a batch and seconds in a scene.
    workers
        Processes that make them ahead; with none they are made when asked for.
    """
    return made_ahead(partial(_scenes, stream, size, window_s), steps, workers=workers)


def _scenes(stream: Stream, size: int, window_s: float, step: int) -> Batch:
    return stream.batch(step, size, window_s)


def made_ahead(make: Callable[[int], Made], steps: range, *, workers: int) -> Iterable[Made]:
    """Give what a function makes of some steps, in their order.

    Parameters
    ----------
    make
        Makes what belongs to a step; where there are workers it is sent to them.
    steps
        Which steps.
    workers
        Processes that work ahead; with none each is made when asked for.
    """
    wanted = _Steps(make, steps)
    workers = min(workers, len(steps))
    if workers == 0:
        return wanted
    return DataLoader(
        wanted,
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_one_thread,
        prefetch_factor=_AHEAD,
        multiprocessing_context="spawn",  # a fork copies the locks of threads that it leaves behind
    )


class _Steps(IterableDataset[Made]):
    """What belongs to some steps; a worker makes every n-th of them."""

    def __init__(self, make: Callable[[int], Made], steps: range) -> None:
        self.make, self.steps = make, steps

    def __iter__(self) -> Iterator[Made]:
        worker = get_worker_info()
        first, every = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in self.steps[first::every]:
            yield self.make(step)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start meanwhile load their libraries with one thread each."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _as_it_is(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
