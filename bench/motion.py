"""A tone that recedes at 1.5 m/s, and what a moving event costs, beside the cross-fade of others.

The comparator is what data set generators do: static responses along the way, cross-faded in steps
of 0.1 s or 0.02 s. Errors are the worst over tones of 200 Hz to 8 kHz. Ripple: highest over lowest
level, the trends of distance and air taken off. Doppler: the frequency against f / (1 + v/c).
Residual: what is left of the sound, at its worst moment, once the tone at its retarded times with
an amplitude that changes smoothly is taken out; a comb or a jump at a block's edge is in it.
Times are milliseconds a 3 s event at 24 kHz on one thread, and that as times real time.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.signal import fftconvolve, hilbert

from bench.tables import markdown
from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.array import TETRAHEDRON
from sonoscope.signal.receiver import Capsules, IdealFoa, Receiver
from sonoscope.simulation.impulses import (
    ImpulseTable,
    Waves,
    impulse_table,
    response_of_waves,
)
from sonoscope.simulation.motion import Heard, moving_sound
from sonoscope.simulation.paths import DIRECT, mirror
from sonoscope.simulation.paths import Path as SoundPath
from sonoscope.simulation.reading import read, readable
from sonoscope.simulation.track import Track

RATE = 24_000
TONES_HZ = (200.0, 500.0, 1_143.0, 2_000.0, 4_000.0, 8_000.0)
RECEIVERS: dict[str, Receiver] = {"FOA": IdealFoa(), "tetra": Capsules(TETRAHEDRON)}

Method = Callable[
    [Float[torch.Tensor, " sample"], Track, Track, list[SoundPath], ImpulseTable], Heard
]


class Faults(NamedTuple):
    """What is wrong with a tone from a moving source."""

    ripple_db: float
    doppler_percent: float
    residual_db: float


def true_delays(
    sound: Float[torch.Tensor, " sample"],
    source: Track,
    array: Track,
    paths: list[SoundPath],
    table: ImpulseTable,
) -> Heard:
    """Render as sonoscope does."""
    return moving_sound(sound, 0.0, source, array, paths, [table], table.rate_hz)[0]


def cross_fade(step_s: float) -> Method:
    """Give the method that fades from one static response to the next."""

    def render(
        sound: Float[torch.Tensor, " sample"],
        source: Track,
        array: Track,
        paths: list[SoundPath],
        table: ImpulseTable,
    ) -> Heard:
        step = round(step_s * table.rate_hz)
        count = -(-len(sound) // step) + 1
        here = array.at(np.zeros(1))
        spots = source.at(np.arange(count) * step / table.rate_hz)
        apart = np.stack([path.image(spots) for path in paths], axis=1) - here
        distance = np.linalg.norm(apart, axis=-1)
        delay = distance * (table.rate_hz / SPEED_OF_SOUND_M_S)
        length = int(delay.max()) + table.taps + 1
        padded = np.zeros((count + 1) * step, np.float32)
        padded[step : step + len(sound)] = sound.numpy()
        hat = np.concatenate([np.arange(step), np.arange(step, 0, -1)]).astype(np.float32) / step
        heard = np.zeros((table.receiver.n_channels, (count + 1) * step + length), np.float32)
        for i in range(count):
            waves = Waves(
                torch.from_numpy(apart[i] / distance[i][:, None]).float(),
                torch.from_numpy(delay[i]),
                torch.from_numpy(1 / distance[i][:, None]).float(),
                torch.from_numpy(distance[i]).float(),
            )
            response = response_of_waves(table, waves, length)[0].numpy()
            piece = fftconvolve(padded[None, i * step : (i + 2) * step] * hat, response, axes=1)
            heard[:, i * step : i * step + piece.shape[1]] += piece
        return Heard(-step, torch.from_numpy(heard))

    return render


METHODS: dict[str, Method] = {
    "true delays": true_delays,
    "cross-fade 0.1 s": cross_fade(0.1),
    "cross-fade 0.02 s": cross_fade(0.02),
}


def tone(frequency_hz: float, seconds: float) -> Float[torch.Tensor, " sample"]:
    """Make a sine of amplitude 1."""
    phase = 2 * np.pi * frequency_hz * np.arange(round(seconds * RATE)) / RATE
    return torch.from_numpy(np.sin(phase).astype(np.float32))


def radial_faults(
    method: Method,
    table: ImpulseTable,
    frequency_hz: float,
    velocity_m_s: float = 1.5,
    seconds: float = 2.0,
) -> Faults:
    """Measure a tone whose source recedes (or approaches, below 0) straight ahead of the array."""
    start = 2.0 if velocity_m_s > 0 else 2.0 - velocity_m_s * seconds
    ahead = np.array([1.0, 0.0, 0.0])
    source = Track.straight(start * ahead, velocity_m_s * ahead, 0.0, seconds)
    heard = method(tone(frequency_hz, seconds), source, Track.still(np.zeros(3)), [DIRECT], table)
    received = (heard.first + np.arange(heard.sound.shape[1])) / RATE
    # Closed form: c (t - t_e) = start + v t_e.
    c = SPEED_OF_SOUND_M_S
    emitted = (c * received - start) / (c + velocity_m_s)
    inside = (emitted > 0.1) & (emitted < seconds - 0.1)
    emitted, received = emitted[inside], received[inside]
    distance = start + velocity_m_s * emitted
    air = 10 ** (absorption_db_m([frequency_hz])[0] * distance / 20)
    if method is not true_delays:
        air = np.ones_like(air)  # the comparator has none
    level = heard.sound[0, torch.from_numpy(inside)].numpy() * distance * air
    doppler = frequency_hz / (1 + velocity_m_s / c)
    return faults(level, emitted, received, frequency_hz, doppler)


def faults(
    sound: Float[ndarray, " sample"],
    emitted_s: Float[ndarray, " sample"],
    received_s: Float[ndarray, " sample"],
    frequency_hz: float,
    doppler_hz: float,
) -> Faults:
    """Measure a received tone of steady level whose times of emission are known."""
    edge = len(sound) // 20
    analytic = np.asarray(hilbert(sound))[edge:-edge]
    envelope = np.abs(analytic)
    ripple = 20 * np.log10(envelope.max() / max(envelope.min(), 1e-6))
    slope = np.polyfit(received_s[edge:-edge], np.unwrap(np.angle(analytic)), 1)[0]
    doppler = abs(slope / (2 * np.pi) / doppler_hz - 1) * 100
    phase = 2 * np.pi * frequency_hz * emitted_s
    x = np.linspace(-1, 1, len(sound))[:, None] ** np.arange(5)
    smooth = np.concatenate([x * np.sin(phase)[:, None], x * np.cos(phase)[:, None]], axis=1)
    amplitude = np.linalg.lstsq(smooth, sound, rcond=None)[0]
    left = np.abs(sound - smooth @ amplitude).max() / (np.sqrt(2) * sound.std())
    return Faults(float(ripple), float(doppler), float(20 * np.log10(left)))


def reading_error_db(part: float) -> float:
    """Read a tone at places that drift through all fractions of a sample; give the worst error."""
    omega = np.pi * part
    sound = torch.from_numpy(np.cos(omega * np.arange(8_000)).astype(np.float32))
    nodes = 0.97 * 64 * np.arange(-1, 110.0) + 200
    places = nodes[1] + 0.97 * np.arange(64 * (len(nodes) - 3))
    heard = read(readable(sound), nodes[None], 64)[0].numpy()
    return float(20 * np.log10(np.abs(heard - np.cos(omega * places)).max()))


def walk(seconds: float) -> tuple[Track, Track, list[SoundPath]]:
    """Give a source on an arc round an array (20 degrees a second) in a room with six walls."""
    size, centre = np.array([6.0, 5.0, 3.0]), np.array([3.1, 2.4, 1.5])
    gains = np.linspace(0.95, 0.6, 7)
    walls = [
        mirror(np.eye(3)[i] * side, np.eye(3)[i] * (1 if side == 0 else -1), gains - 0.02 * i)
        for i in range(3)
        for side in (0.0, size[i])
    ]
    track = Track.circle(centre, centre + np.array([1.5, 0.0, 0.3]), 20.0, 0.0, seconds)
    return track, Track.still(centre), [DIRECT, *walls]


def _time(
    method: Method,
    event: tuple[Float[torch.Tensor, " sample"], Track, Track, list[SoundPath]],
    paths: int,
    looked_up: ImpulseTable,
    runs: int,
) -> float:
    """Give milliseconds of processor time, the least of some runs after one that warms up."""
    sound, source, array, ways = event
    spent = []
    for _ in range(runs + 1):
        start = time.process_time()
        method(sound, source, array, ways[:paths], looked_up)
        spent.append(time.process_time() - start)
    return 1e3 * min(spent[1:])


def table(
    work: Path,
    data: Path,
    *,
    runs: int = 10,
    seconds: float = 3.0,
    tones: tuple[float, ...] = TONES_HZ,
) -> str:
    """Measure every method with both receivers."""
    del work, data
    torch.set_num_threads(1)
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32)
    event = (torch.from_numpy(noise), *walk(seconds))
    rows = []
    for method_name, method in METHODS.items():
        for name, receiver in RECEIVERS.items():
            looked_up = impulse_table(receiver, RATE)
            worst = Faults(
                *np.max(
                    [radial_faults(method, looked_up, f, v) for f in tones for v in (1.5, -1.5)],
                    axis=0,
                )
            )
            row = [
                f"{method_name}, {name}",
                f"{worst.ripple_db:.2f}",
                f"{worst.doppler_percent:.5f}",
                f"{worst.residual_db:.0f}",
            ]
            for count in (1, 7):
                spent = _time(method, event, count, looked_up, runs)
                row.append(f"{spent:.1f} ({1e3 * seconds / spent:.0f}x)")
            rows.append(row)
    head = ["method", "ripple (dB)", "Doppler (%)", "residual (dB)", "1 path", "7 paths"]
    reads = [[f"{part:g}", f"{reading_error_db(part):.0f}"] for part in (0.1, 0.4, 0.6, 0.8)]
    read_head = ["part of Nyquist", "worst error of reading between samples (dB)"]
    return markdown(head, rows) + "\n\n" + markdown(read_head, reads)
