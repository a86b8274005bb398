"""Work spread over processes that end with the one that asked for them, however that ends.

Each process has one thread of torch, so that sums have one order whatever the number of processes.
Processes are spawned, never forked: a forked copy of a process that has used torch can hang.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from sonoscope.core.errors import SettingError
from sonoscope.simulation.threads import one_thread, use_one_thread

Item = TypeVar("Item")


def each_done(
    function: Callable[[Item], None], items: Iterable[Item], workers: int
) -> Iterator[Item]:
    """Call a function for each item, and give each item as it is done.

    With one worker the items are done in this process, in order. With more `function` must be
    picklable; when the caller stops early (or is interrupted), what has begun is done to its end.

    Raises
    ------
    SettingError
        If a process is killed.
    """
    if workers == 1:
        with one_thread():
            for item in items:
                function(item)
                yield item
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield from _as_they_come(pool, function, iter(items), workers)
    except BrokenProcessPool as error:
        raise SettingError(
            "a worker process was killed, perhaps for want of memory: what was done is whole; "
            "run again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _as_they_come(
    pool: ProcessPoolExecutor,
    function: Callable[[Item], None],
    items: Iterator[Item],
    workers: int,
) -> Iterator[Item]:
    """Keep one item waiting beside those in work, so that an interruption need not wait long."""
    with _children_deaf_to_interrupts():
        going = {pool.submit(function, item): item for item in islice(items, workers + 1)}
    while going:
        done, _ = wait(going, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            item = going.pop(future)
            for another in islice(items, 1):
                going[pool.submit(function, another)] = another
            yield item


@contextmanager
def _children_deaf_to_interrupts() -> Iterator[None]:
    """Let processes begin that ignore Ctrl-C, which a terminal sends to all: this one decides."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin() -> None:
    """Begin a process: one thread, and no life after the parent's."""
    use_one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
