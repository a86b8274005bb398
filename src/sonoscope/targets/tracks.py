"""Directions followed over time: which detections are one source, where it was, how it moved.

A source is a direction u on the sphere and its angular velocity v, a tangent at u. It goes on along
a great circle; what it does besides is white acceleration of density q. The Kalman filter holds
errors of u and v as tangents in space (an error-state filter: 6 numbers, of which those along u are
zero), so that there are no poles and no axes that are unlike others. Along v errors grow as in the
plane, across it as neighbouring great circles part (Jacobi's equation), s = |v|, after a time t:

    along    [1  t]        across   [  cos st   sin(st)/s ]        Q = q [ t³/3  t²/2 ]
             [0  1]                 [-s sin st   cos st   ]              [ t²/2   t   ]

A detection z with covariance R is worth, to a track that expects it in the tangent y = log_u(z)
with S = P_uu + R, by the likelihood over that of chance (λ false detections a steradian, detected
with probability p)

    w = log p - yᵀS⁻¹y / 2 - log(2π √|S|) - log λ,     log (1 - p) where it finds none

Each step gives the detections to the tracks for the greatest sum of w (Hungarian method, those
outside of the gate yᵀS⁻¹y never), to known tracks first, then to those on trial; each that is left
begins a trial. Sources that cross are told apart by their velocities: each is looked for where it
was going. While two might as well have exchanged their detections (with probability π, by the sums
of w either way), each takes the mean of both detections by π and its covariance (joint
association, pair by pair), so that one wrong step does not turn it round. A trial becomes a track
when M of the last N steps had a detection and its sum of w reaches log `certain`: w's exponential
is, under chance alone, a supermartingale, so of `certain` false detections at most one begins a
track (Ville's inequality). A track ends after a silence. At the end each is smoothed backwards
(Rauch, Tung, Striebel); what is said while the sound goes on is the filter's alone.

References: Y. Bar-Shalom, X.-R. Li, "Multitarget-Multisensor Tracking", 1995 (assignment, M of N,
white acceleration); T. E. Fortmann, Y. Bar-Shalom, M. Scheffe, IEEE J. Oceanic Eng. 8 (1983) 173
(joint association); S. Blackman, R. Popoli, "Modern Tracking Systems", 1999 (scores of tracks);
H. E. Rauch, F. Tung, C. T. Striebel, AIAA J. 3 (1965) 1445; states on manifolds: C. Hertzberg et
al., Information Fusion 14 (2013) 57; M. P. do Carmo, "Riemannian Geometry", 1992 (chapter 5).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from scipy.optimize import linear_sum_assignment

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import InputError
from sonoscope.core.recipe import STRICT

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_NEVER = 1e9  # cost of what must not be
_LONG = np.deg2rad(90.0)  # a detection further off is another source's
_STILL = 1e-12
_UNLIKELY = 1e-3  # an exchange that is not worth a thought


@settings(config=STRICT)
class Tracking:
    """What is known of sources and detections before any is seen.

    Attributes
    ----------
    speed_deg_s
        Standard deviation of a new source's angular velocity, along each of two axes.
    wander_deg_s
        By how much that velocity changes in a second (it grows with the root of time).
    least_deg
        Errors of detections beyond those that come with them: of the array, of the room.
    detected
        Probability that a source is detected in a step.
    false_per_step
        How many detections in a step are of no source, anywhere on the sphere.
    gate
        Share of a source's detections that lie within its gate.
    birth_hits, birth_steps
        Of the last so many steps so many must have a detection for a track to begin.
    certain
        How much likelier than chance it must be then: of so many false detections at most one
        begins a track.
    death_s
        Silence after which a source is gone; it is broken by as many detections as a birth takes.
    """

    speed_deg_s: Positive = 15.0
    wander_deg_s: Positive = 5.0
    least_deg: Annotated[float, Field(ge=0)] = 0.5
    detected: Share = 0.9
    false_per_step: Positive = 0.2
    gate: Share = 0.999
    birth_hits: Count = 3
    birth_steps: Count = 5
    certain: Annotated[float, Field(ge=1)] = 1e4
    death_s: Positive = 1.5

    def __post_init__(self) -> None:
        if self.birth_hits > self.birth_steps:
            raise ValueError(
                f"birth_hits must be at most birth_steps, {self.birth_steps}, "
                f"but {self.birth_hits} was given"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What was detected at one moment.

    Attributes
    ----------
    time_s
        When.
    direction
        Unit vectors.
    covariance
        Of their errors, as tangents in space (radians squared): zero along the direction itself.
    level_db
        How loud each is, if that is known.
    labels
        What each is, if that is known: detections of different labels are never one source.
    """

    time_s: float
    direction: Float[ndarray, "detection 3"]
    covariance: Float[ndarray, "detection 3 3"]
    level_db: Float[ndarray, " detection"] | None = None
    labels: tuple[str | None, ...] | None = None

    def __post_init__(self) -> None:
        counts = {len(self.direction), len(self.covariance)}
        counts |= {len(each) for each in (self.level_db, self.labels) if each is not None}
        if len(counts) > 1:
            raise InputError(
                f"detections must have as many covariances, levels and labels as directions, "
                f"but {', '.join(map(str, sorted(counts)))} were given"
            )
        numbers = np.concatenate([[self.time_s], self.direction.ravel(), self.covariance.ravel()])
        if not np.isfinite(numbers).all():
            raise InputError(f"detections at {self.time_s} s must be finite numbers, but are not")

    @classmethod
    def alike(
        cls,
        time_s: float,
        direction: Float[ndarray, "detection 3"],
        error_rad: float | Float[ndarray, " detection"],
        level_db: Float[ndarray, " detection"] | None = None,
        labels: tuple[str | None, ...] | None = None,
    ) -> "Detections":
        """Give detections whose errors are alike to all sides.

        Parameters
        ----------
        error_rad
            Their standard deviations along each of two axes.
        """
        variance = np.broadcast_to(np.square(error_rad), direction.shape[:1])
        flat = np.eye(3) - direction[:, :, None] * direction[:, None, :]
        return cls(time_s, direction, variance[:, None, None] * flat, level_db, labels)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.direction)


class Seen(NamedTuple):
    """A source at a moment, by all that was detected until then.

    Attributes
    ----------
    id
        Number of its track, from 1 in order of confirmation.
    direction, velocity
        Unit vector, and radians a second as a tangent there.
    covariance
        Of the direction, as of `Detections`.
    detection
        Which detection of the step is its, or -1 where it is silent.
    """

    id: int
    label: str | None
    direction: Float[ndarray, "3"]
    velocity: Float[ndarray, "3"]
    covariance: Float[ndarray, "3 3"]
    detection: int


class Moment(NamedTuple):
    """All sources that are there at a moment."""

    time_s: float
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One source from its first detection to its last, by all of them.

    Attributes
    ----------
    id
        As while it was followed.
    time_s
        The steps between the two.
    direction, velocity, covariance
        As of `Seen`.
    detection
        Which detection of each step is its, or -1.
    level_db
        How loud that is; nan where it is silent or not known.
    """

    id: int
    label: str | None
    time_s: Float[ndarray, " moment"]
    direction: Float[ndarray, "moment 3"]
    velocity: Float[ndarray, "moment 3"]
    covariance: Float[ndarray, "moment 3 3"]
    detection: Int[ndarray, " moment"]
    level_db: Float[ndarray, " moment"]

    @property
    def onset_s(self) -> float:
        """When it was first detected."""
        return float(self.time_s[0])

    @property
    def offset_s(self) -> float:
        """When it was last detected."""
        return float(self.time_s[-1])

    @property
    def heard(self) -> Bool[ndarray, " moment"]:
        """At which moments it was detected."""
        return np.asarray(self.detection >= 0)

    @property
    def spread_rad(self) -> Float[ndarray, " moment"]:
        """Radius of the circle that holds the true direction with 90 % probability, about.

        It is as large as the ellipse that does is long.
        """
        widest = np.linalg.eigvalsh(self.covariance)[:, -1]
        return np.asarray(np.sqrt(np.maximum(widest, 0) * -2 * np.log(0.1)))


class State(NamedTuple):
    """Where a source is and how fast it goes, and the covariance of the errors of both."""

    direction: Float[ndarray, "3"]
    velocity: Float[ndarray, "3"]
    covariance: Float[ndarray, "6 6"]


class _Record(NamedTuple):
    """One step of a trial or track: before and after its detection."""

    time_s: float
    transition: Float[ndarray, "6 6"]
    expected: State
    state: State
    detection: int
    level_db: float
    heard: bool


class _Found(NamedTuple):
    """What one was given: a detection or -1, its worth, and others it may have been, how likely."""

    which: int
    gain: float
    others: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """A trial (its id is 0) or a track."""

    birth: int
    state: State
    last: _Record
    heard_s: float
    hits: tuple[bool, ...]
    label: str | None
    score: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a tracker remembers between steps; a value, never changed."""

    time_s: float | None = None
    followed: tuple[_Followed, ...] = ()
    births: int = 0
    tracks: int = 0


@dataclass(frozen=True, slots=True)
class Tracker:
    """Follows sources; see the module."""

    wanted: Tracking = field(default_factory=Tracking)

    def step(
        self, detections: Sequence[Detections], memory: Memory
    ) -> tuple[tuple[Moment, ...], Memory]:
        """Take the next steps; give the tracks that are there after each, and what to remember.

        However a recording is cut, the moments are the same.

        Raises
        ------
        InputError
            If a step is not later than the one before.
        """
        moments = []
        for now in detections:
            memory = self._next(now, memory)
            moments.append(Moment(now.time_s, tuple(map(_seen, filter(_known, memory.followed)))))
        return tuple(moments), memory

    def tracks(self, detections: Sequence[Detections]) -> tuple[Track, ...]:
        """Follow through a whole recording: smoothed tracks, in the order of their ids.

        Ids are those of `step`; a track begins with its first detection, when no one could know.
        """
        memory = Memory()
        records: dict[int, list[_Record]] = {}
        known: dict[int, _Followed] = {}
        for now in detections:
            memory = self._next(now, memory)
            for each in memory.followed:
                records.setdefault(each.birth, []).append(each.last)
                if each.id:
                    known[each.birth] = each
            alive = {each.birth for each in memory.followed} | known.keys()
            for birth in records.keys() - alive:
                del records[birth]
        tracks = [_smoothed(one.id, one.label, records[birth]) for birth, one in known.items()]
        return tuple(sorted(tracks, key=lambda track: track.id))

    def _next(self, now: Detections, memory: Memory) -> Memory:
        if memory.time_s is not None and now.time_s <= memory.time_s:
            raise InputError(
                f"detections must be in the order of time, but {now.time_s} s came after "
                f"{memory.time_s} s"
            )
        passed = 0.0 if memory.time_s is None else now.time_s - memory.time_s
        density = np.deg2rad(self.wanted.wander_deg_s) ** 2
        expected = [predicted(each.state, passed, density) for each in memory.followed]
        free = np.ones(len(now), np.bool_)
        after: dict[int, _Followed] = {}
        for trial in (False, True):
            mine = [i for i, each in enumerate(memory.followed) if bool(each.id) != trial]
            taken = self._assigned(now, free, [(memory.followed[i], expected[i][0]) for i in mine])
            for i, found in zip(mine, taken, strict=True):
                after[i] = self._gone_on(now, memory.followed[i], *expected[i], found)
                if found.which >= 0:
                    free[found.which] = False
        births = [
            self._born(now, int(which), memory.births + i)
            for i, which in enumerate(np.flatnonzero(free))
        ]
        n_tracks, followed = memory.tracks, []
        for each in [after[i] for i in sorted(after)] + births:
            if not each.id and self._is_sure(each):
                n_tracks += 1
                each = replace(each, id=n_tracks)
            if self._is_there(each, now.time_s):
                followed.append(each)
        return Memory(now.time_s, tuple(followed), memory.births + len(births), n_tracks)

    def _assigned(
        self,
        now: Detections,
        free: Bool[ndarray, " detection"],
        pairs: Sequence[tuple[_Followed, State]],
    ) -> list[_Found]:
        """Give each its detection, or none, and what two of them might have exchanged."""
        none = float(np.log1p(-self.wanted.detected))
        if not pairs:
            return []
        worth = np.stack([self._worth(now, *pair) for pair in pairs])
        worth[:, ~free] = -_NEVER
        every = np.concatenate([worth, np.full((len(pairs), len(pairs)), none)], axis=1)
        columns = linear_sum_assignment(every, maximize=True)[1].tolist()
        found = [column if column < len(now) else -1 for column in columns]
        gains = [none if which < 0 else float(worth[row, which]) for row, which in enumerate(found)]
        return [
            _Found(which, gain, tuple(_exchanges(worth, found, row)))
            for row, (which, gain) in enumerate(zip(found, gains, strict=True))
        ]

    def _worth(
        self, now: Detections, one: _Followed, expected: State
    ) -> Float[ndarray, " detection"]:
        """Give the log likelihood ratio of each detection to chance; far below 0 if it cannot."""
        miss = tangent_to(expected.direction, now.direction)
        around = self._error(now.covariance, expected.direction, now.direction)
        around = around + expected.covariance[:3, :3] + _along(expected.direction)
        square = np.einsum("di,di->d", miss, np.linalg.solve(around, miss[..., None])[..., 0])
        worth = (
            np.log(self.wanted.detected)
            - 0.5 * square
            - np.log(2 * np.pi)
            - 0.5 * np.linalg.slogdet(around)[1]
            - np.log(self.wanted.false_per_step / (4 * np.pi))
        )
        within = square <= -2 * np.log1p(-self.wanted.gate)
        within &= angle_between(now.direction, expected.direction) < _LONG
        if now.labels is not None and one.label is not None:
            within &= np.array([label in (None, one.label) for label in now.labels], np.bool_)
        return np.asarray(np.where(within, worth, -_NEVER))

    def _error(
        self,
        covariance: Float[ndarray, "*some 3 3"],
        expected: Float[ndarray, "3"],
        direction: Float[ndarray, "*some 3"],
    ) -> Float[ndarray, "*some 3 3"]:
        """Carry detections' covariances to where they were expected, and add the least error."""
        turn = turned(direction, expected)
        least = np.deg2rad(self.wanted.least_deg) ** 2
        carried = turn @ covariance @ np.swapaxes(turn, -1, -2)
        return np.asarray(carried + least * _across(expected))

    def _gone_on(
        self,
        now: Detections,
        one: _Followed,
        expected: State,
        transition: Float[ndarray, "6 6"],
        found: _Found,
    ) -> _Followed:
        state, label, which = expected, one.label, found.which
        if which >= 0:
            direction, covariance = _blended(now, found)
            error = self._error(covariance, expected.direction, direction)
            state, label = updated(expected, direction, error), label or _label(now, which)
        hits = (*one.hits, which >= 0)[-self.wanted.birth_steps :]
        # one false detection must not keep a source alive that has fallen silent
        heard = which >= 0 and (not one.id or sum(hits) >= self.wanted.birth_hits)
        heard_s = now.time_s if heard else one.heard_s
        level = _level(now, which)
        record = _Record(now.time_s, transition, expected, state, which, level, heard)
        score = one.score + found.gain
        return _Followed(one.birth, state, record, heard_s, hits, label, score, one.id)

    def _born(self, now: Detections, which: int, birth: int) -> _Followed:
        direction = now.direction[which]
        flat = _across(direction)
        covariance = np.zeros((6, 6))
        covariance[:3, :3] = self._error(now.covariance[which], direction, direction)
        covariance[3:, 3:] = np.deg2rad(self.wanted.speed_deg_s) ** 2 * flat
        state = State(direction, np.zeros(3), covariance)
        record = _Record(now.time_s, np.eye(6), state, state, which, _level(now, which), heard=True)
        return _Followed(birth, state, record, now.time_s, (True,), _label(now, which))

    def _is_sure(self, trial: _Followed) -> bool:
        enough = sum(trial.hits) >= self.wanted.birth_hits
        return enough and trial.score >= math.log(self.wanted.certain)

    def _is_there(self, one: _Followed, time_s: float) -> bool:
        if one.last.detection < 0 and time_s - one.heard_s > self.wanted.death_s:
            return False
        missed = len(one.hits) - sum(one.hits)
        return bool(one.id) or missed <= self.wanted.birth_steps - self.wanted.birth_hits


def predicted(state: State, passed_s: float, density: float) -> tuple[State, Float[ndarray, "6 6"]]:
    """Let a source go on along its great circle.

    Parameters
    ----------
    density
        Of the white acceleration, rad² / s³.

    Returns
    -------
    Where it is expected, and what becomes of small errors.
    """
    towards, velocity = state.direction, state.velocity
    speed = float(np.linalg.norm(velocity))
    angle, t = speed * passed_s, passed_s
    transition = np.kron(np.array([[1.0, t], [0.0, 1.0]]), _across(towards))
    if angle > _STILL:
        ahead = velocity / speed
        axis = np.cross(towards, ahead)
        parting = np.array(
            [
                [np.cos(angle) - 1, np.sin(angle) / speed - t],
                [-speed * np.sin(angle), np.cos(angle) - 1],
            ]
        )
        transition += np.kron(parting, np.outer(axis, axis))
        there = np.cos(angle) * towards + np.sin(angle) * ahead
        transition = np.kron(np.eye(2), _about(axis, angle)) @ transition
        onward = speed * (np.cos(angle) * ahead - np.sin(angle) * towards)
    else:
        there, onward = towards, velocity
    there = there / np.linalg.norm(there)
    flat = _across(there)
    shaken = density * np.array([[t**3 / 3, t**2 / 2], [t**2 / 2, t]])
    covariance = transition @ state.covariance @ transition.T + np.kron(shaken, flat)
    return State(there, flat @ onward, _even(covariance)), transition


def updated(expected: State, direction: Float[ndarray, "3"], error: Float[ndarray, "3 3"]) -> State:
    """Take a detection in.

    Parameters
    ----------
    error
        Its covariance, as a tangent at the expected direction.
    """
    before = expected.covariance
    around = before[:3, :3] + error
    gain = before[:, :3] @ np.linalg.inv(around + _along(expected.direction))
    left = np.eye(6)
    left[:, :3] -= gain
    covariance = left @ before @ left.T + gain @ error @ gain.T
    return _moved(expected, gain @ tangent_to(expected.direction, direction), covariance)


def _exchanges(
    worth: Float[ndarray, "one detection"], found: Sequence[int], row: int
) -> Iterator[tuple[int, float]]:
    """Give the detections of others that one may have exchanged its own for, and how likely."""
    mine = found[row]
    for other, theirs in enumerate(found):
        if mine >= 0 and theirs >= 0 and other != row:
            kept = worth[row, mine] + worth[other, theirs]
            likely = 1 / (1 + np.exp(min(kept - worth[row, theirs] - worth[other, mine], 700.0)))
            if likely > _UNLIKELY:
                yield theirs, float(likely)


def _blended(now: Detections, found: _Found) -> tuple[Float[ndarray, "3"], Float[ndarray, "3 3"]]:
    """Give the mean and covariance of what may be one's detection."""
    direction, covariance = now.direction[found.which], now.covariance[found.which]
    if not found.others:
        return direction, covariance
    miss = tangent_to(direction, now.direction[[which for which, _ in found.others]])
    share = np.array([likely for _, likely in found.others])
    share /= max(1.0, 2 * float(share.sum()))
    mean = share @ miss
    around = (share[:, None] * miss).T @ miss - np.outer(mean, mean)
    far = float(np.linalg.norm(mean))
    there = np.cos(far) * direction + np.sinc(far / np.pi) * mean
    turn = turned(direction, there)
    return np.asarray(there), np.asarray(turn @ (covariance + around) @ turn.T)


def _smoothed(number: int, label: str | None, records: Sequence[_Record]) -> Track:
    """Go back from the last detection, and let each step know what came after."""
    last = max(i for i, record in enumerate(records) if record.heard)
    kept = records[: last + 1]
    states = [kept[-1].state]
    for record, after in zip(kept[-2::-1], kept[:0:-1], strict=True):
        later, expected, here = states[-1], after.expected, record.state
        upright = np.kron(np.eye(2), _along(expected.direction))
        back = here.covariance @ after.transition.T @ np.linalg.inv(expected.covariance + upright)
        turn = turned(later.direction, expected.direction)
        off = np.concatenate(
            [
                tangent_to(expected.direction, later.direction),
                turn @ later.velocity - expected.velocity,
            ]
        )
        both = np.kron(np.eye(2), turn)
        gained = both @ later.covariance @ both.T - expected.covariance
        states.append(_moved(here, back @ off, here.covariance + back @ gained @ back.T))
    states.reverse()
    return Track(
        number,
        label,
        np.array([record.time_s for record in kept]),
        np.stack([state.direction for state in states]),
        np.stack([state.velocity for state in states]),
        np.stack([state.covariance[:3, :3] for state in states]),
        np.array([record.detection for record in kept], np.intp),
        np.array([record.level_db for record in kept]),
    )


def _moved(state: State, error: Float[ndarray, "6"], covariance: Float[ndarray, "6 6"]) -> State:
    """Correct a state by its error, and carry its covariance to where it is then."""
    far = float(np.linalg.norm(error[:3]))
    there = np.cos(far) * state.direction + np.sinc(far / np.pi) * error[:3]
    there = there / np.linalg.norm(there)
    turn = turned(state.direction, there)
    both = np.kron(np.eye(2), turn)
    velocity = _across(there) @ turn @ (state.velocity + error[3:])
    return State(there, velocity, _even(both @ covariance @ both.T))


def tangent_to(
    here: Float[ndarray, "3"], there: Float[ndarray, "*some 3"]
) -> Float[ndarray, "*some 3"]:
    """Give the tangents from one direction to others (the logarithm): as long as the angles are."""
    cosine = there @ here
    aside = there - cosine[..., None] * here
    sine = np.linalg.norm(aside, axis=-1)
    angle = np.arctan2(sine, cosine)
    return np.asarray(aside * (angle / np.maximum(sine, _STILL))[..., None])


def turned(
    here: Float[ndarray, "*some 3"], there: Float[ndarray, "3"]
) -> Float[ndarray, "*some 3 3"]:
    """Give the smallest rotations from directions to one, which carry tangents along."""
    axis = np.cross(here, there)
    cross = np.zeros((*axis.shape, 3))
    cross[..., [2, 0, 1], [1, 2, 0]] = axis
    cross[..., [1, 2, 0], [2, 0, 1]] = -axis
    cosine = np.maximum(here @ there, _STILL - 1)
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine)[..., None, None])


def _about(axis: Float[ndarray, "3"], angle: float) -> Float[ndarray, "3 3"]:
    """Rotate about an axis (Rodrigues)."""
    x, y, z = axis.tolist()
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _along(direction: Float[ndarray, "3"]) -> Float[ndarray, "3 3"]:
    return np.outer(direction, direction)


def _across(direction: Float[ndarray, "3"]) -> Float[ndarray, "3 3"]:
    return np.eye(3) - np.outer(direction, direction)


def _even(covariance: Float[ndarray, "6 6"]) -> Float[ndarray, "6 6"]:
    return np.asarray(0.5 * (covariance + covariance.T))


def _known(one: _Followed) -> bool:
    return one.id > 0


def _seen(one: _Followed) -> Seen:
    towards, velocity, covariance = one.state
    return Seen(one.id, one.label, towards, velocity, covariance[:3, :3], one.last.detection)


def _label(now: Detections, which: int) -> str | None:
    return None if now.labels is None else now.labels[which]


def _level(now: Detections, which: int) -> float:
    return float("nan") if now.level_db is None or which < 0 else float(now.level_db[which])
