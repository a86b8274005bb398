"""The scores of 2020 to 2025 counted the plain way: loops over seconds, frames, labels and tracks.

Truth and prediction are lists of rows (frame, label, track, azimuth, elevation, metres) in degrees.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from tests.metrics.dcase_scenes import Rows

Angle = Callable[[Sequence[float], Sequence[float]], float]
DIGITS = float(np.finfo(np.float64).eps)


def polar(one: Sequence[float], other: Sequence[float]) -> float:
    (a, b), (c, d) = (np.array(row[3:5]) * np.pi / 180 for row in (one, other))
    cosine = np.sin(b) * np.sin(d) + np.cos(b) * np.cos(d) * np.cos(np.abs(a - c))
    return float(np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi)


def cartesian(one: Sequence[float], other: Sequence[float]) -> float:
    points = []
    for row in (one, other):
        azimuth, elevation = np.array(row[3:5]) * np.pi / 180
        flat = np.cos(elevation)
        point = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
        points.append(point / np.sqrt((point**2).sum() + 1e-10))
    return float(np.arccos(np.clip((points[0] * points[1]).sum(), -1, 1)) * 180 / np.pi)


def folded(one: Sequence[float], other: Sequence[float]) -> float:
    sides = [math.degrees(math.asin(math.sin(math.radians(row[3])))) for row in (one, other)]
    return round(abs(sides[0] - sides[1]), 9)


def by_label_and_frame(rows: Rows) -> dict[int, dict[int, list[Sequence[float]]]]:
    cells: dict[int, dict[int, list[Sequence[float]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[int(row[1])][int(row[0])].append(row)
    return cells


def matched(
    true: Sequence[Sequence[float]], heard: Sequence[Sequence[float]], angle: Angle
) -> list[tuple[int, int, float]]:
    cost = np.array([[angle(a, b) for b in heard] for a in true])
    return [
        (int(i), int(j), float(cost[i, j]))
        for i, j in zip(*linear_sum_assignment(cost), strict=True)
    ]


def in_second(rows: Rows, second: int) -> dict[int, dict[int, list[Sequence[float]]]]:
    return by_label_and_frame([row for row in rows if row[0] // 10 == second])


def plain_2020(true: Rows, heard: Rows, seconds: int, *, strict: bool) -> list[float]:
    """Give ER, F, LE and LR with eps in the denominators."""
    n = dict.fromkeys(("ref", "sys", "tp", "de", "wrong"), 0)
    total = 0.0
    for second in range(seconds):
        ours, theirs = in_second(true, second), in_second(heard, second)
        missed = false = 0
        for label in ours.keys() | theirs.keys():
            n["ref"] += label in ours
            n["sys"] += label in theirs
            if label not in ours:
                false += 1
                continue
            common = sorted(ours[label].keys() & theirs[label].keys()) if label in theirs else []
            pairs = [matched(ours[label][f], theirs[label][f], polar) for f in common]
            angles = [[angle for *_, angle in frame] for frame in pairs]
            if not common:
                missed += 1
                continue
            apart = sum(map(sum, angles)) / (sum(map(len, angles)) if strict else len(common))
            total += apart
            n["de"] += 1
            n["tp"] += apart <= 20
            missed += apart > 20
        n["wrong"] += max(missed, false)
    whole = n["ref"] + n["sys"] + DIGITS
    le = total / n["de"] if n["de"] else 180.0
    return [n["wrong"] / (n["ref"] + DIGITS), 2 * n["tp"] / whole, le, 2 * n["de"] / whole]


def plain_tracks(
    true: Rows, heard: Rows, seconds: Iterable[int], angle: Angle, *, strict: bool
) -> dict[str, np.ndarray]:
    """Give numbers of tracks by label, and of errors under `wrong`."""
    n = {name: np.zeros(13) for name in ("ref", "tp", "fps", "fp", "fn", "angle", "wrong")}
    for second in seconds:
        ours, theirs = in_second(true, second), in_second(heard, second)
        missed = false = 0
        for label in ours.keys() | theirs.keys():
            tracks: dict[float, list[float]] = defaultdict(list)
            names = set()
            for frame, rows in ours[label].items():
                ids = [row[2] if strict else place for place, row in enumerate(rows)]
                names |= set(ids)
                if frame in theirs[label]:
                    for i, _, apart in matched(rows, theirs[label][frame], angle):
                        tracks[ids[i]].append(apart)
            n_true = len(names)
            n_heard = max(map(len, theirs[label].values()), default=0)
            fn, fp = max(0, n_true - n_heard), max(0, n_heard - n_true)
            if strict:
                fn = n_true - len(tracks)
            elif n_true and n_heard and not tracks:
                fn, fp = n_heard, 0
            means = [sum(x) / len(x) for x in tracks.values()]
            right = sum(mean <= 20 for mean in means)
            n["ref"][label] += n_true
            n["tp"][label] += right
            n["fps"][label] += len(means) - right
            n["fn"][label] += fn
            n["fp"][label] += fp
            n["angle"][label] += sum(means)
            missed, false = missed + fn, false + fp + len(means) - right
        n["wrong"][0] += max(missed, false)
    return n


def plain_frames(true: Rows, heard: Rows, frames: int, angle: Angle) -> dict[str, np.ndarray]:
    """Give numbers of sources by label, and of errors under `wrong`."""
    names = ("ref", "tp", "fps", "fp", "fn", "angle", "metres", "relative", "wrong")
    n = {name: np.zeros(13) for name in names}
    ours, theirs = by_label_and_frame(true), by_label_and_frame(heard)
    for frame in range(frames):
        missed = false = 0
        for label in range(13):
            one, other = ours[label].get(frame, []), theirs[label].get(frame, [])
            n["ref"][label] += len(one)
            for i, j, apart in matched(one, other, angle) if one and other else []:
                metres = abs(one[i][5] - other[j][5])
                wrong = apart > 20 or metres / one[i][5] > 1
                n["fps" if wrong else "tp"][label] += 1
                n["angle"][label] += apart
                n["metres"][label] += metres
                n["relative"][label] += metres / one[i][5]
                false += wrong
            fn, fp = max(0, len(one) - len(other)), max(0, len(other) - len(one))
            n["fn"][label] += fn
            n["fp"][label] += fp
            missed, false = missed + fn, false + fp
        n["wrong"][0] += max(missed, false)
    return n
