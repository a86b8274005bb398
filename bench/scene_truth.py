"""Is the sound where the label says? Whole anechoic scenes, still and moving, 24 kHz.

An estimate that shares nothing with the simulator: maximum likelihood over the sphere of a point
source at the label's distance, on the rigid tetrahedron (eq. 2), and for FOA the direction of the
active intensity. Still events are taken as a whole, moving ones in pieces of
50 ms, each of them against the label at the centre of its energy, those left out that hold less
than a tenth of the loudest. One event at a time, next to no ambience.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector
from sonoscope.core.event import Event
from sonoscope.core.scene import Scene
from sonoscope.signal.sphere import rigid_sphere_near
from sonoscope.simulation.scene_settings import MotionSettings, SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream

RATE_HZ = 24_000
PIECE_S = 0.05
_BAND_HZ = (300.0, 9_000.0)
_BINS = 120
_FAINT = 0.1  # of its loudest piece: in less, the window's edges tell more than the sound

Spectra = Complex[ndarray, "4 bin"]
Unit = Float[ndarray, "3"]


def table(work: Path, data: Path, *, scenes: int = 200) -> str:
    """Find every event again, in both formats."""
    del work, data
    rows = []
    for name, share, wanted in (("still", 0.0, 0.1), ("moving", 1.0, 0.5)):
        stream = _stream(share)
        errors: dict[str, list[float]] = {"foa": [], "tetra": []}
        for number in range(scenes):
            for scene in stream.scenes(number, 3.0):
                errors[scene.channel_format] += _errors(scene, moving=share > 0)
        for heard_as, found in errors.items():
            within = np.mean(np.array(found) <= wanted)
            figures = (f"{np.median(found):.4f}", f"{max(found):.3f}", f"{100 * within:.1f} %")
            rows.append([name, heard_as, str(len(found)), *figures, f"{wanted:g}"])
    head = ["sources", "format", "estimates", "median deg", "worst deg", "within", "wanted deg"]
    return markdown(head, rows)


def _stream(moving_share: float) -> SceneStream:
    ranges = SceneSettings(
        rate_hz=RATE_HZ,
        max_overlap=(1,),
        anechoic_share=1.0,
        mono_share=0.0,
        empty_share=0.0,
        clean_share=1.0,
        snr_db=(30.0, 30.0),
        distance_m=(0.7, 5.0),
        pause_s=(0.2, 0.4),
        motion=MotionSettings(share=moving_share),
    )
    labels = ("glass_breaking", "siren", "vacuum_cleaner", "clock_alarm", "door_wood_knock")
    return SceneStream(ranges, Supplies(ModelledBank(RATE_HZ), labels), 20)


def _errors(scene: Scene, *, moving: bool) -> list[float]:
    """Give the degrees between label and estimate for every event, or every piece of it."""
    found = []
    samples = scene.recording.samples.astype(np.float64)
    for event in scene.events:
        if event.duration_s < 0.2:
            continue
        step = PIECE_S if moving else event.duration_s
        edges = np.arange(event.onset_s, event.offset_s - 0.99 * step, step)
        cut = [samples[:, round(t * RATE_HZ) : round((t + step) * RATE_HZ)] for t in edges]
        parts = [_in_band(part * np.hanning(part.shape[1])) for part in cut]
        powers = np.array([(part**2).mean() for part in parts])
        for start, part, power in zip(edges, parts, powers, strict=True):
            if power < _FAINT * powers.max():
                continue
            middle = start + _centre(part) / RATE_HZ
            truth = event.direction_at(np.array(middle))
            estimate = _estimate(scene, part, event, middle)
            found.append(float(np.rad2deg(angle_between(estimate, truth))))
    return found


def _in_band(part: Float[ndarray, "4 sample"]) -> Float[ndarray, "4 sample"]:
    bins = np.fft.rfftfreq(part.shape[1], 1 / RATE_HZ)
    inside = (bins > _BAND_HZ[0]) & (bins < _BAND_HZ[1])
    return np.asarray(np.fft.irfft(np.fft.rfft(part) * inside, n=part.shape[1]))


def _centre(part: Float[ndarray, "4 sample"]) -> float:
    """Give the sample about which a piece's energy lies: of a moving source that is heard most."""
    power = (part**2).sum(axis=0)
    return float(power @ np.arange(len(power)) / max(power.sum(), 1e-30))


def _estimate(scene: Scene, part: Float[ndarray, "4 sample"], event: Event, time_s: float) -> Unit:
    if scene.channel_format == "foa":
        w, y, z, x = part
        return np.array([(w * axis).sum() for axis in (x, y, z)])
    spectrum = np.fft.rfft(part)
    bins = np.fft.rfftfreq(part.shape[1], 1 / RATE_HZ)
    inside = np.flatnonzero((bins > _BAND_HZ[0]) & (bins < _BAND_HZ[1]))
    loud = inside[np.argsort((np.abs(spectrum[:, inside]) ** 2).sum(axis=0))[-_BINS:]]
    metres = [point.distance_m or np.inf for point in event.path]
    distance = float(np.interp(time_s, [point.time_s for point in event.path], metres))
    return _likeliest(spectrum[:, loud], bins[loud], distance)


def _likeliest(spectrum: Spectra, bins: Float[ndarray, " bin"], distance_m: float) -> Unit:
    """Maximise the likelihood of one source in white noise on ever finer grids."""

    def unlikely(directions: Float[ndarray, "direction 3"]) -> Float[ndarray, " direction"]:
        cosine = TETRAHEDRON.directions @ directions.T
        radius_m = TETRAHEDRON.radius_m
        heard = rigid_sphere_near(cosine.ravel(), bins, radius_m, distance_m)
        steering = heard.reshape(len(bins), *cosine.shape)
        match = np.abs(np.einsum("fcd,cf->fd", steering.conj(), spectrum)) ** 2
        return np.asarray(-(match / (np.abs(steering) ** 2).sum(axis=1)).sum(axis=0))

    best = sphere_grid(1_500)
    step = 0.03
    best = best[np.argmin(unlikely(best))]
    around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    while step > 1e-6:
        azimuth, elevation = angles(best)
        near = unit_vector(azimuth + step * around[:, 0], elevation + step * around[:, 1])
        nearest = int(np.argmin(unlikely(near)))
        best = near[nearest]
        step = step if around[nearest].any() else step / 2
    return np.asarray(best)
