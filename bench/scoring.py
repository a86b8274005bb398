"""Scoring: seconds for a hundred recordings with jackknife intervals, beside scoring them anew.

A recording is a minute of random sources, 24 true ones of 13 labels, of which some are dropped,
renamed or displaced, and three false alarms (about 540 true and 530 heard rows of 100 ms; of 20 ms
for 2019). Counting compares each recording once; the jackknife of all scores is arithmetic with the
counts. The plain way counts all other recordings again for each one left out, with the same
functions; where `plain` is less than the number of recordings only so many are left out, and the
time is scaled. Both must agree to 1e-9. One thread; the least of three runs, the plain way once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from bench.tables import markdown
from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics import dcase2019, dcase2020, dcase2021, dcase2022, dcase2024, dcase2025
from sonoscope.metrics.intervals import bootstrap, jackknife
from sonoscope.metrics.pooling import like, numbers_of, pooled, table_of

LABELS = tuple(map(str, range(13)))

Recording = tuple[FrameTable, FrameTable]
Count = Callable[[FrameTable, FrameTable], Any]

YEARS: dict[str, Count] = {
    "2019": dcase2019.count,
    "2020": dcase2020.count,
    "2021": dcase2021.count,
    "2022/23": lambda true, heard: dcase2022.count(true, heard, labels=LABELS),
    "2024": lambda true, heard: dcase2024.count(true, heard, labels=LABELS),
    "2025": lambda true, heard: dcase2025.count(true, heard, labels=LABELS),
}


def table(
    work: Path, data: Path, *, recordings: int = 100, plain: int = 5, draws: int = 2000
) -> str:
    """Time counting, jackknife and bootstrap of every year, and scoring anew."""
    del work, data
    return markdown(
        ("scores", "counting, s", "jackknife, s", "both, s", "CPU, s", f"{draws} draws, s",
         "scoring anew, s", "times as fast"),
        [_row(year, recordings, min(plain, recordings), draws) for year in YEARS],
    )  # fmt: skip


def _row(year: str, n: int, n_plain: int, n_draws: int) -> Sequence[object]:
    scenes = [scene(number, 50 if year == "2019" else 10) for number in range(n)]
    count = YEARS[year]
    counting, counts = min((_timed(lambda: _counts(scenes, count)) for _ in range(3)), key=_first)
    leaving, spans = min((_timed(lambda: jackknife(counts)) for _ in range(3)), key=_first)
    drawing, _ = _timed(lambda: bootstrap(counts, n_resamples=n_draws))
    before = time.process_time()
    jackknife(_counts(scenes, count))
    cpu = time.process_time() - before
    anew, without = _timed(lambda: [_without(scenes, i, count) for i in range(n_plain)])
    _check(counts, without)
    assert spans
    both = counting + leaving
    anew *= n / n_plain
    return (year, f"{counting:.2f}", f"{leaving:.2f}", f"{both:.2f}", f"{cpu:.2f}",
            f"{drawing:.2f}", f"{anew:.1f}", f"{anew / both:.0f}")  # fmt: skip


def _first(pair: tuple[float, Any]) -> float:
    return pair[0]


def _timed(job: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = job()
    return time.perf_counter() - start, answer


def _counts(scenes: Sequence[Recording], count: Count) -> list[Any]:
    return [count(true, heard) for true, heard in scenes]


def _without(scenes: Sequence[Recording], left_out: int, count: Count) -> tuple[float, ...]:
    """Score all recordings but one, comparing each of them again."""
    kept = [two for number, two in enumerate(scenes) if number != left_out]
    return astuple(pooled(_counts(kept, count)).scores())


def _check(counts: Sequence[Any], without: Sequence[tuple[float, ...]]) -> None:
    total = table_of(counts).sum(axis=0)
    for one, wanted in zip(counts, without, strict=False):
        got = astuple(like(one, total - numbers_of(one)).scores())
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)


def scene(number: int, frames_per_s: int) -> Recording:
    """Draw what sounds in one minute, and what was heard of it."""
    draw = np.random.Generator(np.random.Philox(key=[2024, number]))
    n, scale, length = 24, frames_per_s // 10, 60 * frames_per_s
    label, start = draw.integers(0, 13, n), draw.integers(0, 555 * scale, n)
    stop = start + draw.integers(3, 43, n) * scale
    way = np.stack([draw.integers(-180, 180, n), draw.integers(-50, 51, n)], axis=1)
    metres = draw.uniform(0.5, 4.5, n)
    true = _table(frames_per_s, label, start, stop, way, metres)
    kept = draw.random(n) > 0.15
    renamed = (label + (draw.random(n) < 0.08)) % 13
    moved = way + np.stack([draw.integers(-30, 31, n), draw.integers(-15, 16, n)], axis=1)
    first = np.maximum(start + draw.integers(-3, 4, n) * scale, 0)
    last = np.minimum(stop + draw.integers(-3, 4, n) * scale, length)
    nearer = metres * draw.uniform(0.6, 1.4, n)
    false = np.flatnonzero(~kept)[:3]
    kept[false] = True
    moved[false] = draw.integers(-90, 91, (len(false), 2))
    heard = _table(frames_per_s, renamed[kept], first[kept], last[kept], moved[kept], nearer[kept])
    return true, heard


def _table(
    frames_per_s: int,
    label: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    way: np.ndarray,
    metres: np.ndarray,
) -> FrameTable:
    lengths = np.maximum(stop - start, 0)
    source = np.repeat(np.arange(len(label)), lengths)
    frame = np.concatenate([np.arange(a, a + k) for a, k in zip(start, lengths, strict=True)])
    order = np.argsort(frame, kind="stable")
    source, frame = source[order], frame[order]
    azimuth, elevation = np.deg2rad(way[source].T.astype(np.float64))
    return FrameTable(
        frames_per_s, LABELS, frame, label[source], azimuth, elevation, source, metres[source]
    )
