"""The clock that pulses keep: mains of 50, 60 or 16.7 Hz, or something that turns.

What is searched is the activity g = log(1 + (A / threshold)²), A the envelope's amplitude: about
constant in noise, and it grows slowly with a pulse's height, so that no single pulse decides. In
windows of 2 s, P the periodogram of g over its median near each harmonic,

    S(f) = Σ P(k f) over six k                                                               (eq. 1)

is the log likelihood of a periodic mean of unknown shape in white noise (B. G. Quinn and
P. J. Thomson, Biometrika 78, 1991). Where to look is told by Σ log(1 + P(k f)), which one line of
something that hums cannot win alone; S tells the frequency there.

Noise alone gives each term an exponential distribution of mean 1, so S a gamma distribution of
shape K = 6. That it exceeds x anywhere has about the probability

    p = 1 - (1 - Q(K, x))^cells,                                                             (eq. 2)

Q the tail of the gamma distribution. A low p says that something keeps this clock, not what: what
hums, or beats at the pass of a rotor's blades, keeps one too.

The frequency's way from window to window is the likeliest path (Viterbi) under a penalty on leaps.
Then the phase is followed second by second: the shift θ that maximises Re Σ C̄_k c_k exp(i k θ),
C_k the harmonics of all and c_k those of one second, smoothed by a penalty on bends (Whittaker).

50 Hz is three times 16.7 Hz, so 16.7 Hz is judged by harmonics that are no multiple of three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.fft
from jaxtyping import Complex128, Float64
from numpy import ndarray
from scipy.special import gammaincc

from sonoscope.signal.envelope import Envelope
from sonoscope.signal.pulses import threshold_of

NOMINALS_HZ = (50.0, 60.0, 50.0 / 3)
"""Mains of most of the world, of the Americas, and of some railways."""

_ACTIVITY_HZ = 4_000.0
_WINDOW_S, _HOP_S = 2.0, 1.0
_PADDING = 16
_HARMONICS = (1, 2, 3, 4, 5, 6)
_RAIL_HARMONICS = (1, 2, 4, 5, 7, 8)
_NEAR = 5.0  # S is looked at so near where the logarithms pointed, in leaps
_FLOOR_HZ = 20.0  # each harmonic's floor is a median over three times this
_STEP_HZ = 5e-3
_EDGE_HZ = 0.05  # so near the end of the range it is the flank of something beyond
_LEAP_HZ = 0.03  # of mains in a second, in a path's penalty: includes a drone's acceleration
_CLOCK_WINDOW_S, _CLOCK_HOP_S = 0.5, 0.25
_CLOCK_STEP = 1e-3  # relative, as is what it may change from window to window
_CLOCK_LEAP = 4e-3
_BEND = 3.0  # of the smoothing of phases over seconds
_PHASE_STEPS = 360
_FOLDED = 8  # harmonics by which phase is followed

CELLS_A_HZ_S = 3.0
"""Independent frequencies a hertz and second for eq. 2, set by noise (see `bench/prpd.py`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """How much stands out of the noise over time, at about 4 kHz, without its mean."""

    values: Float64[ndarray, " value"]
    rate_hz: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.values) / self.rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """What pulses are locked to, if anything.

    Attributes
    ----------
    nominal_hz
        50, 60 or 16.7 of mains; 0 of any other clock.
    hz
        Mean over the sound.
    time_s, track_hz, track_rad
        Nodes about a second apart, and the frequency and phase there; between them the phase is
        that of a frequency that changes evenly. The phase is 0 at 0 s until it is aligned.
    score, log_score
        Mean of the terms of eq. 1 on the path, about 1 to 5 of noise, and of log(1 + term); 0 of
        what lies at the end of the range.
    false_alarm
        Probability that noise alone scores as high anywhere (eq. 2).
    """

    nominal_hz: float
    hz: float
    time_s: Float64[ndarray, " node"]
    track_hz: Float64[ndarray, " node"]
    track_rad: Float64[ndarray, " node"]
    score: float
    log_score: float
    false_alarm: float

    def phase_at(self, time_s: Float64[ndarray, " time"]) -> Float64[ndarray, " time"]:
        """Give the phase at any times, not wrapped."""
        if len(self.time_s) == 1:
            passed = time_s - self.time_s[0]
            return np.asarray(self.track_rad[0] + 2 * np.pi * self.hz * passed)
        inside = np.interp(time_s, self.time_s, self.track_rad)
        before = np.minimum(time_s - self.time_s[0], 0) * 2 * np.pi * self.track_hz[0]
        after = np.maximum(time_s - self.time_s[-1], 0) * 2 * np.pi * self.track_hz[-1]
        return np.asarray(inside + before + after)


def activity(envelope: Envelope, mads: float) -> Activity:
    """Give the activity of an envelope, against the threshold that pulses have to pass."""
    from scipy.signal import firwin, upfirdn  # slow to load, and few verbs need it

    amplitude = np.sqrt(2 * envelope.power)
    limits = threshold_of(amplitude, envelope.rate_hz, mads)
    values = np.log1p((amplitude / limits) ** 2)
    down = max(1, int(envelope.rate_hz / _ACTIVITY_HZ))
    taps = firwin(8 * down + 1, 0.8 / down) if down > 1 else np.ones(1)
    centred = values - values.mean()
    slow = upfirdn(taps, np.pad(centred, (0, len(taps))), 1, down)
    start = len(taps) // 2 // down
    count = -(-len(values) // down)
    return Activity(np.asarray(slow[start : start + count]), envelope.rate_hz / down)


def find_mains(
    heard: Activity, nominals_hz: Sequence[float] = NOMINALS_HZ, search_hz: float = 1.0
) -> Clock:
    """Find the mains that the activity follows best, and follow its phase.

    Parameters
    ----------
    heard
        At least one period long.
    nominals_hz
        What mains may be.
    search_hz
        How far it may be off, at 50 Hz; in proportion elsewhere.
    """
    return _followed(heard, likeliest_mains(heard, nominals_hz, search_hz))


def likeliest_mains(
    heard: Activity, nominals_hz: Sequence[float] = NOMINALS_HZ, search_hz: float = 1.0
) -> Clock:
    """Find the same clock with the same scores, its phase not followed: a third of the work."""
    spectra = _spectra(heard, _WINDOW_S, _HOP_S)
    found = [_on_path(spectra, nominal, search_hz, len(nominals_hz)) for nominal in nominals_hz]
    return max(found, key=lambda clock: clock.log_score)


def find_clock(heard: Activity, low_hz: float, high_hz: float, apart_from: Clock) -> Clock:
    """Find another clock than mains, such as a wheel's passes: less steady, anywhere in a range.

    Frequencies near half the mains and its multiples are left out: sparks that come at equal
    phases a half cycle make a comb of their own, whose first line is such a multiple.
    """
    spectra = _spectra(heard, _CLOCK_WINDOW_S, _CLOCK_HOP_S)
    steps = int(np.log(high_hz / low_hz) / _CLOCK_STEP)
    grid = low_hz * np.exp(_CLOCK_STEP * np.arange(steps + 1))
    terms = spectra.terms(grid, _HARMONICS)
    for ratio in (0.5, *range(1, int(high_hz / apart_from.hz) + 2)):
        terms[..., np.abs(grid - ratio * apart_from.hz) < 1 / _CLOCK_WINDOW_S] = 0.0
    path = _path(terms, np.log(grid), _CLOCK_LEAP)
    cells = (high_hz - low_hz) * _CLOCK_WINDOW_S * len(_HARMONICS) * CELLS_A_HZ_S
    return _clock(spectra, grid, terms, path, 0.0, cells)


@dataclass(frozen=True, slots=True, eq=False)
class _Spectra:
    """Padded periodograms of windows."""

    power: Float64[ndarray, "window bin"]
    step_hz: float
    centre_s: Float64[ndarray, " window"]
    overlap: float  # windows that share a moment
    floors: dict[int, Float64[ndarray, " window"]] = field(default_factory=dict)

    def terms(
        self, grid: Float64[ndarray, " frequency"], harmonics: Sequence[int]
    ) -> Float64[ndarray, "harmonic window frequency"]:
        """Give the terms of eq. 1."""
        found = np.empty((len(harmonics), len(self.power), len(grid)))
        for row, k in zip(found, harmonics, strict=True):
            place = k * grid / self.step_hz
            left = place.astype(int)
            right = place - left
            here = self.power[:, left] * (1 - right) + self.power[:, left + 1] * right
            row[:] = here / self._floor(k * grid)
        return found

    def _floor(self, hz: Float64[ndarray, " frequency"]) -> Float64[ndarray, "window _"]:
        """Give the median near each frequency over that of an exponential distribution, ln 2."""
        blocks = np.floor(hz / _FLOOR_HZ).astype(int)
        known, which = np.unique(blocks, return_inverse=True)
        return np.stack([self._floor_of(block) for block in known.tolist()], axis=1)[:, which]

    def _floor_of(self, block: int) -> Float64[ndarray, " window"]:
        """Give the floor of one block of frequencies; harmonics meet many again and again."""
        if block not in self.floors:
            low = max(1, int((block - 1) * _FLOOR_HZ / self.step_hz))
            high = int((block + 2) * _FLOOR_HZ / self.step_hz)
            near = np.median(self.power[:, low : high : _PADDING // 2], axis=1) / np.log(2)
            self.floors[block] = np.maximum(near, 1e-30)
        return self.floors[block]


def _spectra(heard: Activity, window_s: float, hop_s: float) -> _Spectra:
    size = min(len(heard.values), round(window_s * heard.rate_hz))
    hop = round(hop_s * heard.rate_hz)
    count = max(1, 1 + (len(heard.values) - size + hop // 2) // hop)
    starts = np.minimum(hop * np.arange(count), len(heard.values) - size)
    if count == 2 and starts[1] < hop:  # hardly longer than one: all of it at once
        size, starts = len(heard.values), np.zeros(1, int)
    windows = np.stack([heard.values[start : start + size] for start in starts])
    windows = windows - windows.mean(axis=1, keepdims=True)
    n_fft = 1 << int(np.ceil(np.log2(_PADDING * size)))
    spectrum = scipy.fft.rfft(windows, n_fft, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    centre = (starts + size / 2) / heard.rate_hz
    return _Spectra(
        power, heard.rate_hz / n_fft, np.asarray(centre), size / hop if len(starts) > 1 else 1.0
    )


def _on_path(spectra: _Spectra, nominal_hz: float, search_hz: float, of: int) -> Clock:
    """Find the likeliest path about one nominal frequency."""
    wide = search_hz * nominal_hz / 50
    steps = int(wide / _STEP_HZ)
    grid = nominal_hz + _STEP_HZ * np.arange(-steps, steps + 1)
    harmonics = _RAIL_HARMONICS if nominal_hz < 20 else _HARMONICS
    terms = spectra.terms(grid, harmonics)
    path = _path(terms, grid, _LEAP_HZ * _HOP_S)
    cells = 2 * wide * _WINDOW_S * len(harmonics) * CELLS_A_HZ_S * of
    found = _clock(spectra, grid, terms, path, nominal_hz, cells)
    if np.abs(found.track_hz - nominal_hz).max() > wide - _EDGE_HZ:
        return replace(found, score=0.0, log_score=0.0, false_alarm=1.0)
    return found


def _path(
    terms: Float64[ndarray, "harmonic window frequency"],
    grid: Float64[ndarray, " frequency"],
    leap: float,
) -> ndarray:
    """Find where logarithms point, and the likeliest path near there."""
    coarse = _likeliest_path(np.log1p(terms).sum(axis=0), grid, leap)
    far = np.abs(grid - grid[coarse][:, None]) > _NEAR * leap
    return _likeliest_path(np.where(far, -np.inf, terms.sum(axis=0)), grid, leap)


def _clock(
    spectra: _Spectra,
    grid: Float64[ndarray, " frequency"],
    terms: Float64[ndarray, "harmonic window frequency"],
    path: ndarray,
    nominal_hz: float,
    cells: float,
) -> Clock:
    scores = terms.sum(axis=0)
    track = np.array(
        [_vertex(grid, row, int(at)) for row, at in zip(scores, path, strict=True)], np.float64
    )
    on_path = terms[:, np.arange(len(path)), path]
    steps = (track[1:] + track[:-1]) / 2 * np.diff(spectra.centre_s)
    turns = track[0] * spectra.centre_s[0] + np.concatenate([[0.0], np.cumsum(steps)])
    return Clock(
        nominal_hz,
        float(track.mean()),
        spectra.centre_s,
        track,
        2 * np.pi * turns,
        float(on_path.mean()),
        float(np.log1p(on_path).mean()),
        _false_alarm(on_path.mean(axis=1), 1 + (len(path) - 1) / spectra.overlap, cells),
    )


def _false_alarm(means: Float64[ndarray, " harmonic"], windows: float, cells: float) -> float:
    """Give eq. 2 for as many independent windows."""
    tail = float(gammaincc(len(means) * windows, float(means.sum()) * windows))
    return float(-np.expm1(np.log1p(-min(tail, 1 - 1e-16)) * cells * windows))


def _vertex(grid: Float64[ndarray, " frequency"], row: Float64[ndarray, " _"], at: int) -> float:
    """Give the vertex of the parabola about a maximum; the grid's own value where it is none."""
    if not 0 < at < len(grid) - 1 or not np.isfinite(row[at - 1 : at + 2]).all():
        return float(grid[at])
    before, here, after = row[at - 1 : at + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend >= 0 else (before - after) / (2 * bend)
    return float(grid[at] + np.clip(shift, -1, 1) * (grid[at + 1] - grid[at]))


def _likeliest_path(
    scores: Float64[ndarray, "window frequency"],
    grid: Float64[ndarray, " frequency"],
    leap: float,
) -> ndarray:
    """Find the path of the greatest sum of scores under a penalty of half its leaps squared."""
    step = float(grid[1] - grid[0])
    reach = max(1, min(int(4 * leap / step), scores.shape[1] - 1))
    leaps = np.arange(-reach, reach + 1)
    penalty = 0.5 * (leaps * step / leap) ** 2
    best, came = scores[0], []
    for row in scores[1:]:
        padded = np.pad(best, reach, constant_values=-np.inf)
        ways = np.lib.stride_tricks.sliding_window_view(padded, len(leaps)) - penalty
        came.append(ways.argmax(axis=1))
        best = row + ways.max(axis=1)
    path = [int(best.argmax())]
    for back in reversed(came):
        path.append(path[-1] + int(leaps[back[path[-1]]]))
    return np.array(path[::-1])


def _followed(heard: Activity, clock: Clock) -> Clock:
    """Follow the phase second by second, and take the frequency from it."""
    if len(clock.time_s) < 2:
        return clock
    time_s = np.arange(len(heard.values)) / heard.rate_hz
    for _ in range(3):
        harmonics = _by_node(heard, clock, time_s)
        whole = harmonics.sum(axis=0)
        theta, weight = _best_turn(harmonics, whole)
        smooth = _smoothed(np.unwrap(theta), weight)
        clock = _turned(clock, -smooth)
    return clock


def _by_node(
    heard: Activity, clock: Clock, time_s: Float64[ndarray, " value"]
) -> Complex128[ndarray, "node harmonic"]:
    """Give the harmonics of the activity about each node, in windows that overlap by half."""
    phase = clock.phase_at(time_s)
    turning = np.exp(-1j * phase)
    size = round(_WINDOW_S * heard.rate_hz)
    window = np.hanning(size)
    rows = []
    for centre in clock.time_s:
        start = round(centre * heard.rate_hz - size / 2)
        low, high = max(0, start), min(len(phase), start + size)
        piece = heard.values[low:high] * window[low - start : high - start]
        turn, power, row = turning[low:high], np.ones(high - low, np.complex128), []
        for _ in range(_FOLDED):
            power = power * turn
            row.append((piece * power).sum())
        rows.append(row)
    return np.array(rows)


def _best_turn(
    harmonics: Complex128[ndarray, "node harmonic"], whole: Complex128[ndarray, " harmonic"]
) -> tuple[Float64[ndarray, " node"], Float64[ndarray, " node"]]:
    """Give the turn of each node against all, and how sharp its maximum is."""
    theta = 2 * np.pi * np.arange(_PHASE_STEPS) / _PHASE_STEPS - np.pi
    k = np.arange(1, harmonics.shape[1] + 1)
    match = (harmonics * whole.conj()) @ np.exp(1j * np.outer(k, theta))
    near = np.where(np.abs(theta) < np.pi / 2, match.real, -np.inf)
    at = near.argmax(axis=1)
    sharp = ((harmonics * whole.conj()) * k**2 * np.exp(1j * np.outer(theta[at], k))).real
    weight = np.maximum(sharp.sum(axis=1), 0.0)
    return theta[at], np.asarray(weight / max(float(weight.mean()), 1e-30))


def _smoothed(
    theta: Float64[ndarray, " node"], weight: Float64[ndarray, " node"]
) -> Float64[ndarray, " node"]:
    """Minimise Σ weight (x - θ)² + bend Σ (second difference)² (E. T. Whittaker, 1923)."""
    count = len(theta)
    system = np.diag(weight + 1e-6)
    if count > 2:
        bends = np.diff(np.eye(count), 2, axis=0)
        system += _BEND * bends.T @ bends
    return np.asarray(np.linalg.solve(system, weight * theta))


def _turned(clock: Clock, by_rad: Float64[ndarray, " node"]) -> Clock:
    """Add to the phase at each node, and to the frequency what follows from it."""
    phase = clock.track_rad + by_rad
    slope = np.gradient(by_rad, clock.time_s)
    track = clock.track_hz + slope / (2 * np.pi)
    passed = clock.time_s[-1] - clock.time_s[0]
    mean = float((phase[-1] - phase[0]) / passed / (2 * np.pi))
    return replace(clock, hz=mean, track_hz=track, track_rad=phase)


def shifted(clock: Clock, by_rad: float) -> Clock:
    """Add a constant to a clock's phase."""
    return replace(clock, track_rad=clock.track_rad + by_rad)
