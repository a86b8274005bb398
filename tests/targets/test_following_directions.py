"""Tracks keep their sources, promise no more than they hold, and make none out of chance."""

from dataclasses import replace

import numpy as np
import pytest
from bench.moving_detections import (
    Faults,
    Source,
    anywhere,
    aside,
    crossing,
    detected,
    off_by,
)
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError
from sonoscope.targets.tracks import (
    Detections,
    Memory,
    Moment,
    State,
    Track,
    Tracker,
    Tracking,
    predicted,
    tangent_to,
    turned,
)

TIMES = np.arange(60) * 0.1
CLEAN = Faults(1.0, 0.0, 0.0)


def scene(seed: int, faults: Faults | None = None) -> tuple[tuple[Source, ...], list[Detections]]:
    rng = np.random.default_rng(seed)
    sources = crossing(rng, 6.0, (20.0, 15.0))
    return sources, detected(rng, sources, faults or Faults(), TIMES)


def nearest(track: Track, sources: tuple[Source, ...], moment: int) -> int:
    there = np.stack([source.at(float(track.time_s[moment])) for source in sources])
    return int(angle_between(there, track.direction[moment]).argmin())


def rotated(now: Detections, matrix: Float[ndarray, "3 3"]) -> Detections:
    covariance = matrix @ now.covariance @ matrix.T
    return replace(now, direction=now.direction @ matrix.T, covariance=covariance)


def test_rotating_all_detections_rotates_all_tracks() -> None:
    _, steps = scene(1)
    matrix = Rotation.random(random_state=3).as_matrix()
    before = Tracker().tracks(steps)
    after = Tracker().tracks([rotated(now, matrix) for now in steps])
    assert len(before) == len(after) == 2
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.detection, other.detection)
        assert np.allclose(one.direction @ matrix.T, other.direction, rtol=0, atol=1e-10)
        assert np.allclose(one.velocity @ matrix.T, other.velocity, rtol=0, atol=1e-10)
        turned_too = matrix @ one.covariance @ matrix.T
        assert np.allclose(turned_too, other.covariance, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cuts", [(), (1,), (7, 7, 30), tuple(range(1, 60))])
def test_steps_are_the_same_however_they_are_cut(cuts: tuple[int, ...]) -> None:
    _, steps = scene(2)
    whole, _ = Tracker().step(steps, Memory())
    memory, pieces = Memory(), list[Moment]()
    for start, stop in zip((0, *cuts), (*cuts, len(steps)), strict=True):
        moments, memory = Tracker().step(steps[start:stop], memory)
        pieces += moments
    assert len(pieces) == len(whole) == 60
    for one, other in zip(pieces, whole, strict=True):
        assert one.time_s == other.time_s
        assert [seen.id for seen in one.seen] == [seen.id for seen in other.seen]
        for mine, theirs in zip(one.seen, other.seen, strict=True):
            assert np.array_equal(mine.direction, theirs.direction)
            assert np.array_equal(mine.covariance, theirs.covariance)


def test_tracks_of_steps_and_of_the_whole_have_the_same_ids_and_detections() -> None:
    _, steps = scene(2)
    moments, _ = Tracker().step(steps, Memory())
    for track in Tracker().tracks(steps):
        said = {m.time_s: s.detection for m in moments for s in m.seen if s.id == track.id}
        kept = dict(zip(track.time_s.tolist(), track.detection.tolist(), strict=True))
        assert all(kept.get(t, -1) == i for t, i in said.items())
        assert min(kept) < min(said), "the whole begins with the first detection of the trial"


def test_sources_that_cross_keep_their_tracks() -> None:
    kept = 0
    for seed in range(12):
        sources, steps = scene(seed)
        tracks = Tracker().tracks(steps)
        assert len(tracks) == 2
        first = [nearest(track, sources, 0) for track in tracks]
        last = [nearest(track, sources, -1) for track in tracks]
        kept += first == last and len(set(first)) == 2
    assert kept >= 11


def test_a_still_source_is_known_as_well_as_promised() -> None:
    rng = np.random.default_rng(5)
    wanted = Tracking(wander_deg_s=1e-3, least_deg=0.0, detected=0.99, false_per_step=1e-3)
    squares, promised, found = list[float](), list[float](), list[float]()
    for _ in range(60):
        still = Source(anywhere(rng), np.zeros(3), 0.0, 9.0)
        steps = detected(rng, (still,), Faults(2.0, 0.0, 0.0), np.arange(30) * 0.1)
        (track,) = Tracker(wanted).tracks(steps)
        squares.append(normalised(track.direction[15], track.covariance[15], still.start))
        found.append(float(angle_between(track.direction[15], still.start)) ** 2)
        promised.append(float(np.trace(track.covariance[15])))
    low, high = np.asarray(chi2.ppf([0.001, 0.999], 2 * 60))
    assert low < sum(squares) < high
    assert np.mean(promised) == pytest.approx(2 * np.deg2rad(2.0) ** 2 / 30, rel=0.1)
    assert np.mean(found) == pytest.approx(np.mean(promised), rel=0.4)


def wandering(
    rng: np.random.Generator, wander_deg_s: float, steps: int
) -> list[Float[ndarray, "3"]]:
    """Draw a source shaken by white acceleration: its directions every 0.1 s."""
    speed = np.deg2rad(Tracking().speed_deg_s)
    place = anywhere(rng)
    side = aside(rng, place)
    velocity = speed * rng.standard_normal(2) @ np.stack([side, np.cross(place, side)])
    places = [place]
    for _ in range(steps - 1):
        for _ in range(10):
            sides = np.stack([side, np.cross(place, side)])
            shaken = np.deg2rad(wander_deg_s) * 0.1 * rng.standard_normal(2)
            start = State(place, velocity + shaken @ sides, np.zeros((6, 6)))
            state, _ = predicted(start, 0.01, 0.0)
            side = turned(place, state.direction) @ side
            place, velocity = state.direction, state.velocity
        places.append(place)
    return places


def test_errors_are_as_promised_where_sources_wander() -> None:
    wanted = Tracking(wander_deg_s=20.0, least_deg=0.0, detected=0.99, false_per_step=1e-3)
    rng = np.random.default_rng(6)
    filtered, smooth = list[float](), list[float]()
    for _ in range(80):
        places = wandering(rng, 20.0, 16)
        error = float(np.deg2rad(2.0))
        steps = [
            Detections.alike(i / 10, off_by(rng, place, error)[None], error)
            for i, place in enumerate(places)
        ]
        moments, _ = Tracker(wanted).step(steps, Memory())
        (seen,) = moments[-1].seen
        filtered.append(normalised(seen.direction, seen.covariance, places[-1]))
        (track,) = Tracker(wanted).tracks(steps)
        smooth.append(normalised(track.direction[8], track.covariance[8], places[8]))
    low, high = np.asarray(chi2.ppf([0.001, 0.999], 2 * 80))
    assert low < sum(filtered) < high
    assert low < sum(smooth) < high


def normalised(
    towards: Float[ndarray, "3"], covariance: Float[ndarray, "3 3"], truth: Float[ndarray, "3"]
) -> float:
    """Give an error squared, by what was promised: chi-square with 2 degrees of freedom."""
    miss = tangent_to(towards, truth)
    return float(miss @ np.linalg.solve(covariance + np.outer(towards, towards), miss))


def test_small_errors_grow_as_neighbouring_circles_part() -> None:
    rng = np.random.default_rng(11)
    place = anywhere(rng)
    velocity = 1.1 * aside(rng, place)
    there, transition = predicted(State(place, velocity, np.zeros((6, 6))), 0.9, 0.0)
    for _ in range(4):
        error = np.concatenate([1e-5 * aside(rng, place), 1e-5 * aside(rng, place)])
        moved = place + error[:3]
        moved /= np.linalg.norm(moved)
        near = turned(place, moved) @ (velocity + error[3:])
        other, _ = predicted(State(moved, near, np.zeros((6, 6))), 0.9, 0.0)
        back = turned(other.direction, there.direction) @ other.velocity - there.velocity
        grown = np.concatenate([tangent_to(there.direction, other.direction), back])
        assert np.allclose(transition @ error, grown, rtol=0, atol=1e-9)


def test_chance_alone_begins_no_more_tracks_than_named() -> None:
    rng = np.random.default_rng(7)
    faults, times = Faults(5.0, 0.0, 3.0), np.arange(400) * 0.1
    steps = detected(rng, (), faults, times)
    detections = sum(map(len, steps))
    eager = Tracking(false_per_step=3.0, certain=10.0)
    begun = len(Tracker(eager).tracks(steps))
    assert 0 < begun <= detections / 10
    assert not Tracker(Tracking(false_per_step=3.0)).tracks(steps)


def test_sources_are_born_and_die_once() -> None:
    places = np.eye(3)
    spans = ((0.0, 2.0), (1.0, 4.0), (2.5, 6.0))
    sources = tuple(
        Source(place, np.zeros(3), *span) for place, span in zip(places, spans, strict=True)
    )
    steps = detected(np.random.default_rng(8), sources, CLEAN, TIMES)
    tracks = Tracker().tracks(steps)
    assert [(t.onset_s, t.offset_s) for t in tracks] == [
        pytest.approx((begin, end - 0.1)) for begin, end in spans
    ]
    moments, _ = Tracker().step(steps, Memory())
    alive = {moment.time_s: len(moment.seen) for moment in moments}
    assert alive[TIMES[1]] == 0, "two detections are no track yet"
    assert alive[TIMES[2]] == 1
    assert alive[TIMES[33]] == 3, "the first is silent for 1.5 s only"
    assert alive[TIMES[36]] == 2


def test_a_pause_shorter_than_death_is_bridged_and_a_longer_one_is_not() -> None:
    source = (Source(np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.0, 9.0),)
    steps = detected(np.random.default_rng(9), source, CLEAN, TIMES)
    nothing = Detections.alike(0.0, np.zeros((0, 3)), 0.1)

    def silent(first: int, last: int) -> list[Detections]:
        return [
            replace(nothing, time_s=now.time_s) if first <= i < last else now
            for i, now in enumerate(steps)
        ]

    (one,) = Tracker().tracks(silent(20, 34))
    assert len(one.time_s) == 60
    assert one.heard.sum() == 46
    widest = one.spread_rad.argmax()
    assert 20 <= widest < 34, "it is known worst where nothing was heard"
    assert len(Tracker().tracks(silent(20, 38))) == 2


def test_detections_of_other_labels_are_other_sources() -> None:
    here = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    steps = [
        Detections.alike(float(t), here, 0.02, np.array([1.0, 2.0]), ("dog", "siren"))
        for t in TIMES[:8]
    ]
    tracks = Tracker().tracks(steps)
    assert [track.label for track in tracks] == ["dog", "siren"]
    assert [set(track.level_db.tolist()) for track in tracks] == [{1.0}, {2.0}]


def test_what_cannot_be_is_refused() -> None:
    now = Detections.alike(1.0, np.eye(3), 0.1)
    with pytest.raises(InputError, match=r"order of time, but 1.0 s came after 1.0 s"):
        Tracker().step([now, now], Memory())
    with pytest.raises(InputError, match="as many covariances"):
        Detections.alike(1.0, np.eye(3), 0.1, labels=("dog",))
    with pytest.raises(InputError, match="finite"):
        Detections.alike(1.0, np.full((1, 3), np.nan), 0.1)
    with pytest.raises(ValueError, match="birth_hits must be at most"):
        Tracking(birth_hits=6)
