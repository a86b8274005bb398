"""Sources followed by the tracker, and by joining what lies nearest, on the same simulated draws.

Detections every 0.1 s with errors of 2 degrees, a share of them missing, some false (Poisson, all
over the sphere), of two sources that cross, or of four that come and go. `nearest` is
`targets.following.followed`, which joins each detection to the track whose last one lies nearest
(pauses and shortest length as the tracker's).

Error: root mean square of tracks matched to sources within 10 degrees, each source with the track
that it had as long as that is near (K. Bernardin, R. Stiefelhagen, EURASIP JIVP 2008). Missed and
false: shares of moments with a source and no track, and of tracks' moments with no source.
Switched: moments at which a source goes on on another track, a draw. Kept: draws in which both
sources end on the tracks on which they began. GOSPA (order 2, cut off at 10 degrees, alpha 2; A. S.
Rahmathullah et al., FUSION 2017): root mean square over moments. Chance: no source at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

from bench.moving_detections import Faults, Rng, Source, coming_and_going, crossing, detected
from bench.tables import markdown
from sonoscope.core.direction import angle_between
from sonoscope.targets.following import Copies, followed
from sonoscope.targets.tracks import Detections, Memory, Tracker, Tracking

STEP_S, DURATION_S, SEED = 0.1, 10.0, 20260621
CUT_DEG = 10.0
_STAYS = 1e3

Points = dict[int, Float[ndarray, "3"]]
"""Tracks at a moment, by their numbers."""

Way = Callable[[Sequence[Detections]], list[Points]]


def smoothed(steps: Sequence[Detections]) -> list[Points]:
    """Follow with all that is known at the end."""
    points: list[Points] = [{} for _ in steps]
    at = {now.time_s: i for i, now in enumerate(steps)}
    for track in Tracker().tracks(steps):
        for time_s, direction in zip(track.time_s.tolist(), track.direction, strict=True):
            points[at[time_s]][track.id] = direction
    return points


def filtered(steps: Sequence[Detections]) -> list[Points]:
    """Follow as sound comes in: a track begins with its confirmation."""
    moments, _ = Tracker().step(steps, Memory())
    return [{seen.id: seen.direction for seen in moment.seen} for moment in moments]


def nearest(steps: Sequence[Detections]) -> list[Points]:
    """Join what lies nearest, close pauses, and leave out what is shorter than three steps."""
    wanted = Tracking()
    n_copies = max(1, *map(len, steps))
    n_copies = min(n_copies, 6)  # it tries all orders
    activity = np.zeros((len(steps), 1, n_copies))
    direction = np.zeros((len(steps), 1, n_copies, 3))
    for i, now in enumerate(steps):
        n = min(len(now), n_copies)
        activity[i, 0, :n], direction[i, 0, :n] = 1.0, now.direction[:n]
    memory = round(wanted.death_s / STEP_S)
    joined = followed(Copies(activity, direction), np.array([0.5]), memory)
    points: list[Points] = [{} for _ in steps]
    number = 0
    for copy in range(n_copies):
        on = np.flatnonzero(joined.activity[:, 0, copy] > 0.5)
        runs = np.split(on, np.flatnonzero(np.diff(on) > memory) + 1)
        for run in runs:
            if len(run) >= wanted.birth_hits:
                number += 1
                known = joined.direction[run, 0, copy]
                for i in range(run[0], run[-1] + 1):
                    points[i][number] = known[max(0, int(np.searchsorted(run, i, "right")) - 1)]
    return points


WAYS: dict[str, Way] = {"tracker": smoothed, "as it comes in": filtered, "nearest": nearest}


@dataclass
class Tally:
    """What was counted over moments and draws."""

    draws: int = 0
    sources: int = 0
    tracks: int = 0
    matched: int = 0
    square_deg: float = 0.0
    gospa: float = 0.0
    moments: int = 0
    switched: int = 0

    def add(self, sources: Sequence[Source], points: Sequence[Points]) -> None:
        """Count one draw."""
        self.draws += 1
        held: dict[int, int] = {}
        for i, tracks in enumerate(points):
            sounding = {k: s.at(i * STEP_S) for k, s in enumerate(sources) if s.sounds(i * STEP_S)}
            pairs = matched(sounding, tracks, held)
            far = [far_deg for _, _, far_deg in pairs]
            alone = len(sounding) + len(tracks) - 2 * len(pairs)
            self.moments += 1
            self.sources += len(sounding)
            self.tracks += len(tracks)
            self.matched += len(pairs)
            self.square_deg += float(np.square(far).sum())
            self.gospa += float(np.square(far).sum()) + alone * CUT_DEG**2 / 2
            for source, track, _ in pairs:
                self.switched += held.get(source, track) != track
                held[source] = track

    def told(self) -> list[str]:
        """Give the figures of a row."""
        rms = np.sqrt(self.square_deg / max(1, self.matched))
        return [
            f"{self.switched / self.draws:.2f}",
            f"{rms:.2f}",
            f"{100 * (1 - self.matched / max(1, self.sources)):.1f}",
            f"{100 * (1 - self.matched / max(1, self.tracks)):.1f}",
            f"{np.sqrt(self.gospa / self.moments):.2f}",
        ]


def matched(
    sources: Points, tracks: Points, held: Mapping[int, int] | None = None
) -> list[tuple[int, int, float]]:
    """Match sources and tracks within 10 degrees, for the least sum of squares.

    Parameters
    ----------
    held
        Which track a source was on before; it stays on it as long as both are within 10 degrees.
    """
    if not sources or not tracks:
        return []
    one, other = np.stack(list(sources.values())), np.stack(list(tracks.values()))
    apart = np.rad2deg(angle_between(one[:, None], other[None]))
    names, numbers = list(sources), list(tracks)
    stays = np.array([[(held or {}).get(k) == j for j in numbers] for k in names])
    cost = np.minimum(apart, CUT_DEG) ** 2 - _STAYS * (stays & (apart < CUT_DEG))
    rows, columns = linear_sum_assignment(cost)
    return [
        (names[i], numbers[j], float(apart[i, j]))
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if apart[i, j] < CUT_DEG
    ]


def crossing_pair(rng: Rng) -> tuple[Source, ...]:
    """Draw two sources that cross at 10 to 30 degrees a second."""
    one, other = rng.uniform(10, 30, 2).tolist()
    return crossing(rng, DURATION_S, (one, other))


def four(rng: Rng) -> tuple[Source, ...]:
    """Draw four sources that come and go."""
    return coming_and_going(rng, 4, DURATION_S)


SCENES: dict[str, tuple[Callable[[Rng], tuple[Source, ...]], Faults]] = {
    "two cross": (crossing_pair, Faults()),
    "two cross, detected as one within 6°": (crossing_pair, Faults(merged_deg=6.0)),
    "two cross, 30 % missed, 1 false a step": (crossing_pair, Faults(2.0, 0.3, 1.0)),
    "four come and go": (four, Faults()),
    "four come and go, 30 % missed, 1 false a step": (four, Faults(2.0, 0.3, 1.0)),
}


def keeps(sources: Sequence[Source], points: Sequence[Points]) -> bool:
    """Tell whether all sources end on the tracks on which they began, by their first and last 2 s.

    For sources that sound all the time.
    """
    span = round(2.0 / STEP_S)
    first = _around(sources, points, range(span))
    last = _around(sources, points, range(len(points) - span, len(points)))
    return None not in first and first == last


def _around(
    sources: Sequence[Source], points: Sequence[Points], moments: range
) -> tuple[int | None, ...]:
    """Give the track on which each source is most of the time."""
    found: list[list[int]] = [[] for _ in sources]
    for i in moments:
        there = {k: source.at(i * STEP_S) for k, source in enumerate(sources)}
        for source, track, _ in matched(there, points[i]):
            found[source].append(track)
    return tuple(max(set(each), key=each.count) if each else None for each in found)


def false_tracks(minutes: float, false_per_step: float, certain: float) -> tuple[int, int]:
    """Count detections by chance alone, and tracks that they begin."""
    rng = np.random.default_rng(SEED)
    times = np.arange(round(60 * minutes / STEP_S)) * STEP_S
    steps = detected(rng, (), Faults(2.0, 0.0, false_per_step), times)
    wanted = Tracking(false_per_step=false_per_step, certain=certain)
    return sum(map(len, steps)), len(Tracker(wanted).tracks(steps))


def _times() -> Float[ndarray, " step"]:
    return np.arange(round(DURATION_S / STEP_S)) * STEP_S


def table(work: Path, data: Path, *, draws: int = 20, minutes: float = 1.0) -> str:
    """Measure every scene with every way, identities at a crossing, and what chance makes."""
    del work, data
    rows = []
    for scene, (draw, faults) in SCENES.items():
        tallies = {name: Tally() for name in WAYS}
        kept = dict.fromkeys(WAYS, 0)
        for number in range(draws):
            rng = np.random.default_rng([SEED, number])
            sources = draw(rng)
            steps = detected(rng, sources, faults, _times())
            for name, way in WAYS.items():
                points = way(steps)
                tallies[name].add(sources, points)
                kept[name] += scene.startswith("two") and keeps(sources, points)
        for name, tally in tallies.items():
            kept_too = f"{kept[name]} of {draws}" if scene.startswith("two") else ""
            rows.append([scene, name, kept_too, *tally.told()])
        print(rows[-len(WAYS) :], flush=True)
    head = ["scene", "way", "kept", "switched", "error °", "missed %", "false %", "GOSPA °"]
    chance = []
    for false_per_step, certain in ((0.2, 1e4), (1.0, 1e4), (3.0, 1e4), (3.0, 10.0)):
        detections, begun = false_tracks(minutes, false_per_step, certain)
        bound = f"{detections / certain:.2g}"
        chance.append([f"{false_per_step:g}", f"{certain:g}", str(detections), str(begun), bound])
    of_chance = ["false a step", "certain", "detections", "tracks", "at most"]
    return markdown(head, rows) + "\n\n" + markdown(of_chance, chance)
