"""A picture of sound whose length is known, by frequency evenly, for clicks and ultrasound.

Frames are short, for clicks of a fraction of a millisecond: 512 samples every
256. A column holds the loudest of its frames, so that one click in a
minute stays visible. Every way of cutting the sound into blocks gives the same picture.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.report.spectrogram import Spectrogram

SIZE, HOP = 512, 256
_SILENCE = 1e-12
_BATCH = 512


class LinearColumns:
    """Gathers blocks of sound; channels are averaged in power.

    Parameters
    ----------
    rate_hz, n_samples
        Of the sound.
    most
        Columns at most; as many rows as `SIZE` has bins.
    """

    def __init__(self, rate_hz: int, n_samples: int, most: int = 640) -> None:
        self._rate_hz = rate_hz
        self._frames = max(1, -(-n_samples // HOP))
        self._together = -(-self._frames // most)
        n_columns = -(-self._frames // self._together)
        self._power = np.zeros((n_columns, SIZE // 2))
        self._window = np.hanning(SIZE + 2)[1:-1]
        self._window *= 2 / self._window.sum()
        self._held: Float[ndarray, "channel sample"] | None = None
        self._done = 0

    def feed(self, block: Float[ndarray, "channel sample"]) -> None:
        """Take the next samples."""
        if self._held is None:  # frames are centred on their hops
            self._held = np.zeros((len(block), (SIZE - HOP) // 2))
        self._held = np.concatenate([self._held, block], axis=1)
        while self._held.shape[1] >= SIZE + (_BATCH - 1) * HOP:
            self._take(_BATCH)

    def finish(self) -> Spectrogram:
        """Give the picture."""
        if self._held is not None:
            while self._done < self._frames:
                count = min(_BATCH, self._frames - self._done)
                short = max(0, SIZE + (count - 1) * HOP - self._held.shape[1])
                self._held = np.pad(self._held, ((0, 0), (0, short)))
                self._take(count)
        return Spectrogram(
            level_db=np.asarray(10 * np.log10(np.maximum(self._power.T, _SILENCE))),
            edges_hz=np.linspace(0, self._rate_hz / 2, SIZE // 2 + 1),
            column_s=self._together * HOP / self._rate_hz,
        )

    def _take(self, count: int) -> None:
        """Transform frames; a row is the mean of the two bins at its edges."""
        assert self._held is not None
        views = np.lib.stride_tricks.sliding_window_view(self._held, SIZE, axis=1)
        spectrum = np.fft.rfft(views[:, : count * HOP : HOP] * self._window, axis=-1)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
        rows = (power[:, :-1] + power[:, 1:]) / 2
        column = np.minimum(np.arange(self._done, self._done + count), self._frames - 1)
        np.maximum.at(self._power, column // self._together, rows)
        self._held = self._held[:, count * HOP :]
        self._done += count
