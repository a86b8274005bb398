"""Sound of sources in space on open arrays, by delays and distances alone; nothing of the house."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

SPEED_M_S = 343.0


@dataclass(frozen=True)
class Sounding:
    """A source: where it is, how loud at the origin (mean square), in what band, and when."""

    place_m: tuple[float, float, float]
    power: float
    band_hz: tuple[float, float]
    span_s: tuple[float, float] = (0.0, np.inf)


def heard(
    positions_m: Float[ndarray, "capsule 3"],
    sources: list[Sounding],
    rate_hz: int,
    duration_s: float,
    noise: float = 0.0,
    seed: int = 0,
) -> Float[ndarray, "capsule sample"]:
    """Give what capsules hear, each with noise of its own of a power."""
    draw = np.random.default_rng(seed)
    n = round(duration_s * rate_hz)
    frequency = np.fft.rfftfreq(n, 1 / rate_hz)
    samples = np.sqrt(noise) * draw.standard_normal((len(positions_m), n))
    for source in sources:
        inside = (frequency >= source.band_hz[0]) & (frequency < source.band_hz[1])
        sound = np.fft.irfft(np.where(inside, np.fft.rfft(draw.standard_normal(n)), 0), n)
        sound *= np.sqrt(source.power / np.mean(sound**2))
        time = np.arange(n) / rate_hz
        sound *= (time >= source.span_s[0]) & (time < source.span_s[1])
        place = np.array(source.place_m)
        far, way = np.linalg.norm(place), np.linalg.norm(place - positions_m, axis=1)
        turn = np.exp(-2j * np.pi * frequency * ((way - far) / SPEED_M_S)[:, None])
        samples += np.fft.irfft(np.fft.rfft(sound) * turn * (far / way)[:, None], n)
    return np.asarray(samples)
