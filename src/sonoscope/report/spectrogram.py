"""A picture of any length of sound in constant memory: level over time and mel-spaced frequency.

Frames of about 43 ms (a power of two) every 10 ms; a column holds the loudest of its frames, so
that a knock in two hours stays visible. When the columns are full, neighbours merge in pairs and
each covers twice the time. Because a maximum can be merged in any order and frames are always
transformed in the same batches, every way of cutting the sound into blocks gives the same picture,
bit by bit.

::

    samples   |....hop....|....hop....|....hop....|
    frame 0  [----window----]                          centred on its own hop
    frame 1              [----window----]
    column 0  max of frames 0..k-1, column 1 of k..2k-1;  k = 1, 2, 4, ... as the sound grows

The mel scale is 2595 log10(1 + f / 700) (O'Shaughnessy, 1987).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.core.frames import whole_samples

MAX_COLUMNS = 2000
N_ROWS = 160
LOWEST_HZ = 30.0
_WINDOW_S = 0.043
_HOP_S = 0.01
_BATCH = 64
_SILENCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Spectrogram:
    """What is drawn: levels in dB, row 0 lowest.

    Attributes
    ----------
    level_db
        0 dB is a sine of full scale.
    edges_hz
        Frequencies between which the rows lie, rising; one more than rows.
    column_s
        Seconds from one column to the next; the last may reach past the end of the sound.
    """

    level_db: Float[ndarray, "row column"]
    edges_hz: Float[ndarray, " edge"]
    column_s: float

    def __post_init__(self) -> None:
        rows = self.level_db.shape[0]
        if self.edges_hz.shape[0] != rows + 1 or not np.all(np.diff(self.edges_hz) > 0):
            raise SettingError(
                f"edges_hz must be {rows + 1} rising frequencies for {rows} rows, "
                f"but {self.edges_hz.shape[0]} was given"
            )
        if not self.column_s > 0:
            raise SettingError(f"column_s must be above 0, but {self.column_s} was given")

    @property
    def duration_s(self) -> float:
        """Seconds that the columns cover."""
        return float(self.level_db.shape[1] * self.column_s)


class SpectrogramColumns:
    """Gathers blocks of sound and gives the picture of all of it.

    Channels are averaged in power; feed `block[:1]` to see the omnidirectional channel of
    Ambisonics alone.

    Examples
    --------
    >>> columns = SpectrogramColumns(rate_hz=8_000)
    >>> columns.feed(np.sin(np.arange(8_000)[None]))
    >>> columns.finish().level_db.shape
    (160, 100)
    """

    def __init__(
        self, rate_hz: int, *, max_columns: int = MAX_COLUMNS, n_rows: int = N_ROWS
    ) -> None:
        if rate_hz < 1000 or max_columns < 2 or n_rows < 1:
            raise SettingError(
                "a spectrogram must have rate_hz of at least 1000, max_columns of at least 2 and "
                f"n_rows of at least 1, but {rate_hz}, {max_columns} and {n_rows} were given"
            )
        self._rate_hz = rate_hz
        self._hop = whole_samples(_HOP_S, rate_hz)
        self._size = 1 << round(math.log2(_WINDOW_S * rate_hz))
        self._window = _hann(self._size)
        self._edges_hz = _mel_edges(n_rows, rate_hz / 2)
        self._weights = _row_weights(self._edges_hz, self._size, rate_hz)
        self._lead = (self._size - self._hop) // 2
        self._held: Float[ndarray, "channel sample"] | None = None
        self._n_samples = 0
        self._n_frames = 0
        self._per_column = 1
        self._columns = np.zeros((max_columns, n_rows), dtype=np.float32)

    def feed(self, block: Float[ndarray, "channel sample"]) -> None:
        """Take the next samples; blocks may have any length, and always the same channels."""
        if self._held is None:  # silence before the start, so that frame 0 centres on hop 0
            self._held = np.zeros((block.shape[0], self._lead), dtype=np.float32)
        self._n_samples += block.shape[1]
        step = self._hop * _BATCH  # a huge block must not be copied whole
        for start in range(0, block.shape[1], step):
            piece = block[:, start : start + step].astype(np.float32)
            self._held = np.concatenate([self._held, piece], axis=1)
            while self._held.shape[1] >= self._size + self._hop * (_BATCH - 1):
                self._take(self._held, _BATCH)
                self._held = self._held[:, step:]

    def finish(self) -> Spectrogram:
        """Give the picture of what was fed; nothing can be fed afterwards."""
        missing = -(-self._n_samples // self._hop) - self._n_frames
        if self._held is not None and missing > 0:
            need = self._size + self._hop * (missing - 1)
            tail = np.pad(self._held, ((0, 0), (0, max(0, need - self._held.shape[1]))))
            self._take(tail, missing)
        used = max(1, -(-self._n_frames // self._per_column))
        power = np.maximum(self._columns[:used].T, np.float32(_SILENCE))
        return Spectrogram(
            level_db=10 * np.log10(power),
            edges_hz=self._edges_hz,
            column_s=self._per_column * self._hop / self._rate_hz,
        )

    def _take(self, sound: Float[ndarray, "channel sample"], count: int) -> None:
        """Transform `count` frames and keep the loudest of each column."""
        views = np.lib.stride_tricks.sliding_window_view(sound, self._size, axis=1)
        frames = views[:, : self._hop * count : self._hop] * self._window
        spectrum = np.fft.rfft(frames, axis=-1)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
        rows = power @ self._weights
        while self._n_frames + count > self._columns.shape[0] * self._per_column:
            self._merge()
        index = np.arange(self._n_frames, self._n_frames + count) // self._per_column
        np.maximum.at(self._columns, index, rows)
        self._n_frames += count

    def _merge(self) -> None:
        pairs = self._columns.shape[0] // 2
        odd = self._columns[2 * pairs :].copy()  # a last column without a neighbour
        self._columns[:pairs] = self._columns[: 2 * pairs].reshape(pairs, 2, -1).max(axis=1)
        self._columns[pairs:] = 0
        self._columns[pairs : pairs + odd.shape[0]] = odd
        self._per_column *= 2


def _hann(size: int) -> Float[ndarray, " sample"]:
    """Give a Hann window under which a sine of full scale peaks at power 1."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    return np.asarray(window * (2 / window.sum()), dtype=np.float32)


def _mel_edges(n_rows: int, top_hz: float) -> Float[ndarray, " edge"]:
    low, high = 2595 * np.log10(1 + np.array([LOWEST_HZ, top_hz]) / 700)
    return np.asarray(700 * (10 ** (np.linspace(low, high, n_rows + 1) / 2595) - 1))


def _row_weights(
    edges_hz: Float[ndarray, " edge"], size: int, rate_hz: int
) -> Float[ndarray, "bin row"]:
    """Triangles of height 1 over the bins, never narrower than a bin, so that no row is empty."""
    bins_hz = np.arange(size // 2 + 1) * rate_hz / size
    centre = (edges_hz[:-1] + edges_hz[1:]) / 2
    half = np.maximum(np.diff(edges_hz), rate_hz / size)
    triangles = np.maximum(0, 1 - np.abs(bins_hz[:, None] - centre) / half)
    return np.asarray(triangles, dtype=np.float32)
