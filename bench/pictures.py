"""Draw the pictures of the methods: `python -m bench.pictures docs/methods/pictures`.

A room response against its theory, coherence of ambience against eq. 3, and a scene with its truth.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy import ndarray
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt, spectrogram

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.direction import angles
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.signal.sphere import diffuse_covariance
from sonoscope.simulation.ambience import diffuse_bank
from sonoscope.simulation.paths import Geometry
from sonoscope.simulation.render import Listener
from sonoscope.simulation.room import Room, acoustics, room_response
from sonoscope.simulation.scene_settings import MotionSettings, SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream

RATE_HZ = 24_000
SEED = 7
INK = ("#1f5fa8", "#c4501b", "#3d8a4e", "#7a4fa3")


def room_picture() -> Figure:
    """Show the response of the room of 6 x 5 x 3 m, T60 0.5 s, and its decay by octave."""
    room = Room((6.0, 5.0, 3.0), 0.5)
    geometry = Geometry(np.array([1.4, 3.6, 1.8]), np.array([3.1, 2.4, 1.5]))
    hearing = Listener("foa", IdealFoa(), RATE_HZ).hearing
    response = room_response(room, geometry, hearing, np.random.default_rng(SEED))[0].numpy()
    section = butter(2, 60, "highpass", fs=RATE_HZ, output="sos")
    response = np.asarray(sosfiltfilt(section, response))
    time = np.arange(len(response)) / RATE_HZ
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
    left.plot(1e3 * time, 20 * np.log10(np.abs(response) + 1e-6), lw=0.3, color=INK[0])
    power = 4 * np.pi * 343 / (room.volume_m3 * RATE_HZ) * np.exp(-6 * np.log(10) * time / 0.5)
    theory = 10 * np.log10(power)
    left.plot(1e3 * time, theory, color=INK[1], label="late power by theory, no tuning")
    early_ms = 1e3 * acoustics(room, RATE_HZ).early_s
    left.axvspan(0.7 * early_ms, early_ms, color="0.85", label="images give way to noise")
    left.set(xlim=(0, 400), ylim=(-90, 0), xlabel="ms after emission", ylabel="dB")
    left.set_title("W of a room response", loc="left")
    left.legend(loc="upper right", frameon=False)
    for centre, colour in zip((250, 1_000, 4_000, 8_000), INK, strict=True):
        edges = [centre / 2**0.5, min(centre * 2**0.5, 0.49 * RATE_HZ)]
        band = sosfiltfilt(butter(4, edges, "bandpass", fs=RATE_HZ, output="sos"), response)
        decay = np.cumsum(band[::-1] ** 2)[::-1]
        right.plot(time, 10 * np.log10(decay / decay[0] + 1e-9), color=colour, label=f"{centre} Hz")
    right.plot([0, 0.5], [0, -60], "k--", lw=0.8, label="60 dB in 0.5 s")
    right.set(xlim=(0, 0.5), ylim=(-60, 1), xlabel="s after emission", ylabel="dB")
    right.set_title("Decay by octave, one response", loc="left")
    right.legend(frameon=False)
    return figure


def coherence_picture() -> Figure:
    """Show coherence of two capsules in ambience against theory with and without the sphere."""
    sound = diffuse_bank(Capsules(TETRAHEDRON), RATE_HZ).numpy()
    frames = sound[:2, : sound.shape[1] // 1024 * 1024].reshape(2, -1, 1024) * np.hanning(1024)
    spectra = np.fft.rfft(frames)
    cross = (spectra[0] * spectra[1].conj()).mean(axis=0)
    power = np.sqrt((np.abs(spectra) ** 2).mean(axis=1).prod(axis=0))
    bins = np.fft.rfftfreq(1024, 1 / RATE_HZ)
    fine = np.geomspace(60, 11_000, 400)
    covariance = diffuse_covariance(TETRAHEDRON, fine)
    apart = float(np.linalg.norm(TETRAHEDRON.positions[0] - TETRAHEDRON.positions[1]))
    figure, axes = plt.subplots(figsize=(8, 3.8))
    axes.semilogx(bins[2:], (cross / power).real[2:], ".", ms=3, color=INK[0], label="made, 48 s")
    exact = covariance[:, 0, 1].real / covariance[:, 0, 0].real
    axes.semilogx(fine, exact, color=INK[1], label="rigid sphere (eq. 3)")
    axes.semilogx(fine, np.sinc(2 * fine * apart / 343), "--", color="0.5", label="free field")
    axes.set(xlim=(60, 11_000), ylim=(-0.35, 1.05), xlabel="Hz", ylabel="coherence")
    axes.set_title("Two capsules of the tetrahedron in diffuse ambience", loc="left")
    axes.legend(frameon=False)
    return figure


def scene_picture() -> Figure:
    """Show a scene: W over frequency, and where the truth and the intensity point."""
    ranges = SceneSettings(
        rate_hz=RATE_HZ,
        max_overlap=(2,),
        mono_share=0.0,
        anechoic_share=0.0,
        snr_db=(25.0, 25.0),
        t60_s=(0.3, 0.4),
        motion=MotionSettings(share=0.6),
    )
    labels = ("siren", "vacuum_cleaner", "door_wood_knock", "clock_alarm", "footsteps")
    stream = SceneStream(ranges, Supplies(ModelledBank(RATE_HZ), labels), SEED)
    scene = stream.scene(1, "foa", 15.0)
    samples = scene.recording.samples.astype(np.float64)
    figure, (above, below) = plt.subplots(2, 1, figsize=(11, 5.6), sharex=True)
    bins, times, power = spectrogram(samples[0], RATE_HZ, nperseg=1024, noverlap=512)
    shown = bins < 10_000
    above.pcolormesh(
        times, bins[shown] / 1e3, 10 * np.log10(power[shown] + 1e-14), cmap="magma", rasterized=True
    )
    above.set_ylabel("kHz")
    above.set_title("A simulated scene: W, and azimuth over time", loc="left")
    seconds, azimuth, loud = _pointing(samples)
    below.scatter(seconds, np.rad2deg(azimuth), c=1 - loud, cmap="gray", s=4, vmin=0, vmax=1)
    for number, event in enumerate(scene.events):
        moments = np.linspace(event.onset_s, event.offset_s, 60)
        towards, _ = angles(event.direction_at(moments))
        colour = INK[number % len(INK)]
        degrees = np.rad2deg(towards)
        degrees[1:][np.abs(np.diff(degrees)) > 180] = np.nan
        below.plot(moments, degrees, color=colour, lw=2.5, alpha=0.7)
        below.annotate(event.label, (moments[0], float(degrees[0])), color=colour, fontsize=8)
    below.set(xlim=(0, 15), ylim=(-180, 180), xlabel="s", ylabel="azimuth in degrees")
    below.set_yticks(range(-180, 181, 90))
    return figure


def _pointing(
    samples: Float[ndarray, "4 sample"],
) -> tuple[Float[ndarray, " frame"], Float[ndarray, " frame"], Float[ndarray, " frame"]]:
    """Give where the active intensity points in frames of 20 ms, and how strong each is."""
    step = RATE_HZ // 50
    w, y, _, x = samples[:, : samples.shape[1] // step * step].reshape(4, -1, step)
    flow = gaussian_filter1d(np.stack([(w * x).mean(axis=1), (w * y).mean(axis=1)]), 1.0, axis=1)
    strength = np.hypot(*flow)
    loud = np.clip((10 * np.log10(strength / strength.max() + 1e-9) + 40) / 40, 0, 1)
    return (np.arange(len(loud)) + 0.5) / 50, np.arctan2(flow[1], flow[0]), loud


def draw(folder: Path) -> None:
    """Write all of them as small PNG files."""
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "room_response": room_picture,
        "coherence": coherence_picture,
        "scene": scene_picture,
    }
    for name, picture in pictures.items():
        figure = picture()
        figure.tight_layout()
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=110)
        plt.close(figure)
        with Image.open(path) as image:
            image.convert("RGB").quantize(200).save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
