"""What goes by while a recording is worked on by blocks: its level, and a picture if wanted."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.report.linear_spectrogram import LinearColumns
from sonoscope.report.spectrogram import Spectrogram


class Listened:
    """A place that blocks pass.

    Parameters
    ----------
    rate_hz, n_samples
        Of the sound.
    seen
        Whether a picture is wanted.
    """

    def __init__(self, rate_hz: int, n_samples: int, *, seen: bool) -> None:
        self._columns = LinearColumns(rate_hz, n_samples) if seen else None
        self._energy, self._count = 0.0, 0

    def through(
        self, blocks: Iterable[Float[ndarray, "channel _"]]
    ) -> Iterator[Float[ndarray, "channel _"]]:
        """Let blocks through."""
        for block in blocks:
            self._energy += float(np.square(block, dtype=np.float64).sum())
            self._count += block.size
            if self._columns is not None:
                self._columns.feed(block)
            yield block

    @property
    def level_db(self) -> float:
        """Mean power of what passed, 0 dB being 1; -inf for silence."""
        return float(10 * np.log10(self._energy / self._count)) if self._energy else -np.inf

    def picture(self) -> Spectrogram:
        """Give the picture, once all has passed."""
        assert self._columns is not None
        return self._columns.finish()
