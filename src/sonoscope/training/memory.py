"""Memory that is kept rather than given back and asked for again at every step.

The C library of Linux gives large blocks back to the system as soon as they are free, and the
system clears every page of the next one: a third of a training step on a CPU went into that.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST = 1 << 30


def keep_freed_memory() -> bool:
    """Ask the allocator to keep what is freed, up to 1 GiB a block; tell whether it will.

    Where the C library is another one than GNU's, nothing changes.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(name, _LARGEST) == 1 for name in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
