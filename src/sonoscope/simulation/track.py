"""Where something is over time: a source, or an array that moves and turns.

Between its rows a track is a cubic spline (four rows or more) or straight (two or three); before
the first row and after the last it stays. Positions are metres in the scene's axes, times seconds
of the scene, yaw radians counter-clockwise from the scene's x axis.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.interpolate import CubicSpline

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.errors import SettingError

FASTEST_M_S = 0.3 * SPEED_OF_SOUND_M_S
"""Above Mach 0.3 a source no longer radiates as one at rest does, and the air it moves matters."""

_SPLINE_ROWS = 4


@dataclass(frozen=True, eq=False)
class Track:
    """Where something is, and which way it faces, over time.

    Attributes
    ----------
    times_s
        Strictly growing; one row for what stays where it is.
    positions_m
        One row a time.
    yaw
        Which way it faces at each time, radians counter-clockwise; may wrap around, as long as it
        turns by less than half a circle a row. None for one that always faces along x.

    Examples
    --------
    >>> walk = Track(np.array([0.0, 2.0]), np.array([[1.0, 0.0, 0.0], [4.0, 0.0, 0.0]]))
    >>> walk.at(np.array([1.0, 9.0])).tolist()
    [[2.5, 0.0, 0.0], [4.0, 0.0, 0.0]]
    """

    times_s: Float[ndarray, " row"]
    positions_m: Float[ndarray, "row 3"]
    yaw: Float[ndarray, " row"] | None = None

    def __post_init__(self) -> None:
        rows = len(self.times_s)
        yaw_rows = rows if self.yaw is None else len(self.yaw)
        if rows == 0 or len(self.positions_m) != rows or yaw_rows != rows:
            raise SettingError(
                f"a track must have a position (and yaw) for each of its times, but {rows} times, "
                f"{len(self.positions_m)} positions and {yaw_rows} yaws were given"
            )
        if not all(np.all(np.isfinite(part)) for part in self._parts):
            raise SettingError("a track must have finite times and positions")
        if np.any(np.diff(self.times_s) <= 0):
            raise SettingError("the times of a track must grow from row to row")
        if self.fastest_m_s > FASTEST_M_S:
            raise SettingError(
                f"a track must stay below {FASTEST_M_S:.0f} m/s (Mach 0.3), "
                f"but one of {self.fastest_m_s:.0f} m/s was given"
            )

    @classmethod
    def still(cls, position_m: Float[ndarray, "3"], yaw: float | None = None) -> "Track":
        """Stay at a place."""
        rows = np.asarray(position_m, np.float64)[None]
        return cls(np.zeros(1), rows, None if yaw is None else np.full(1, yaw))

    @classmethod
    def straight(
        cls,
        start_m: Float[ndarray, "3"],
        velocity_m_s: Float[ndarray, "3"],
        start_s: float,
        end_s: float,
    ) -> "Track":
        """Go from a place with one velocity, and stand before and after."""
        times = np.array([start_s, end_s])
        return cls(times, start_m + (times - start_s)[:, None] * velocity_m_s)

    @classmethod
    def circle(
        cls,
        centre_m: Float[ndarray, "3"],
        start_m: Float[ndarray, "3"],
        speed_deg_s: float,
        start_s: float,
        end_s: float,
    ) -> "Track":
        """Go round the vertical axis through a centre, counter-clockwise where speed is positive.

        A row every 2 degrees: the spline lies within 1e-7 of the radius of the true circle.
        """
        swept = np.deg2rad(abs(speed_deg_s)) * (end_s - start_s)
        rows = max(8, int(np.ceil(swept / np.deg2rad(2.0))) + 1)
        times = np.linspace(start_s, end_s, rows)
        x, y, z = start_m - centre_m
        turn = np.deg2rad(speed_deg_s) * (times - start_s)
        across = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
        return cls(times, centre_m + np.stack([*across, np.full(rows, z)], axis=1))

    @classmethod
    def through(
        cls, points_m: Float[ndarray, "row 3"], speed_m_s: float, start_s: float = 0.0
    ) -> "Track":
        """Go through points in turn, at about one speed; four points or more are rounded off."""
        legs = np.linalg.norm(np.diff(points_m, axis=0), axis=1)
        if speed_m_s <= 0 or np.any(legs == 0):
            raise SettingError("a path must have a positive speed and no point twice in a row")
        return cls(start_s + np.concatenate([[0.0], np.cumsum(legs)]) / speed_m_s, points_m)

    @property
    def is_still(self) -> bool:
        """Whether it neither moves nor turns."""
        return all(bool(np.all(part == part[:1])) for part in self._parts[1:])

    @property
    def corners_s(self) -> Float[ndarray, " corner"]:
        """When its velocity may jump: where it starts and stops, and between straight legs."""
        rows = len(self.times_s)
        if rows < _SPLINE_ROWS:
            return self.times_s[: rows if rows > 1 else 0]
        return self.times_s[[0, -1]]

    @cached_property
    def fastest_m_s(self) -> float:
        """Highest speed, looked for at eight moments a row."""
        inside = np.arange(8) / 8
        steps = np.diff(self.times_s)[:, None]
        moments = np.concatenate([(self.times_s[:-1, None] + steps * inside).ravel(), self._end])
        return float(np.linalg.norm(self.velocity_at(moments), axis=1).max())

    def at(self, times_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any 3"]:
        """Give positions."""
        return np.asarray(self._way(self._held(times_s)))

    def velocity_at(self, times_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any 3"]:
        """Give velocities; zero before the first row and after the last."""
        velocity = np.asarray(self._pace(self._held(times_s)))
        moves = (times_s >= self.times_s[0]) & (times_s <= self.times_s[-1])
        return np.asarray(np.where(moves[..., None], velocity, 0.0))

    def turn_at(self, times_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any 3 3"]:
        """Give the rotations that take the scene's axes to its own: `own = turn @ scene`."""
        yaw = self.yaw_at(times_s)
        sine, cosine, none = np.sin(yaw), np.cos(yaw), np.zeros_like(yaw)
        rows = [[cosine, sine, none], [-sine, cosine, none], [none, none, none + 1.0]]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    def yaw_at(self, times_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        """Give yaws, not wrapped."""
        if self._facing is None:
            return np.zeros_like(times_s)
        return np.asarray(self._facing(self._held(times_s)))

    @property
    def _parts(self) -> list[ndarray]:
        parts = [self.times_s, self.positions_m]
        return parts if self.yaw is None else [*parts, self.yaw]

    @property
    def _end(self) -> Float[ndarray, "1"]:
        return np.asarray(self.times_s[-1:])

    def _held(self, times_s: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
        return np.asarray(np.clip(times_s, self.times_s[0], self.times_s[-1]))

    @cached_property
    def _way(self) -> "_Line | CubicSpline":
        return _between(self.times_s, self.positions_m)

    @cached_property
    def _pace(self) -> "_Line | CubicSpline":
        return self._way.derivative()

    @cached_property
    def _facing(self) -> "_Line | CubicSpline | None":
        return None if self.yaw is None else _between(self.times_s, np.unwrap(self.yaw))


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Straight from row to row, or one row for ever."""

    times_s: Float[ndarray, " row"]
    values: ndarray

    def __call__(self, times_s: ndarray) -> ndarray:
        if len(self.times_s) == 1:
            return np.broadcast_to(self.values[0], times_s.shape + self.values.shape[1:])
        leg = self._leg(times_s)
        share = (times_s - self.times_s[leg]) / np.diff(self.times_s)[leg]
        share = share.reshape(share.shape + (1,) * (self.values.ndim - 1))
        return np.asarray(self.values[leg] + share * np.diff(self.values, axis=0)[leg])

    def derivative(self) -> "_Line":
        """Give the slope: one value a leg, as a line whose legs are level."""
        if len(self.times_s) == 1:
            return _Line(self.times_s, np.zeros_like(self.values))
        steps = np.diff(self.times_s).reshape((-1,) + (1,) * (self.values.ndim - 1))
        return _Steps(self.times_s, np.diff(self.values, axis=0) / steps)

    def _leg(self, times_s: ndarray) -> ndarray:
        after = np.searchsorted(self.times_s, times_s, side="right")
        return np.asarray(np.clip(after - 1, 0, len(self.times_s) - 2))


class _Steps(_Line):
    """One value from each row to the next."""

    def __call__(self, times_s: ndarray) -> ndarray:
        return np.asarray(self.values[self._leg(times_s)])


def _between(times_s: Float[ndarray, " row"], values: ndarray) -> "_Line | CubicSpline":
    if len(times_s) < _SPLINE_ROWS:
        return _Line(times_s, values)
    return CubicSpline(times_s, values)
