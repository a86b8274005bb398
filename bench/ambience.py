"""Ambience: coherence by third octave against theory, beside two common ways; time for a minute.

Coherence is that of the band's mean covariance over a long realisation, the worst of all pairs of
the tetrahedron. "free field" is what noise made for sin(kd)/(kd) would have; "mono copy" is one
recording added to every channel, as SpatialScaper and AudibleLight lay recorded beds.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import diffuse_covariance
from sonoscope.simulation.ambience import diffuse_bank, octave_bank
from sonoscope.simulation.background import ambience, drawn_ambience
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.scene_settings import AmbienceKind

RATE = 24_000
THIRDS_HZ = 1_000 * 2 ** (np.arange(-10, 11) / 3)
"""Centres from 99 Hz to 10.1 kHz."""

KINDS: tuple[AmbienceKind, ...] = ("diffuse", "lobes", "wind", "rotors", "bed")


def table(
    work: Path,
    data: Path,
    *,
    seconds: int = 60,
    runs: int = 5,
    rates_hz: tuple[int, ...] = (24_000, 48_000),
) -> str:
    """Measure banks, a recorded bed, and the time of every kind."""
    del work
    torch.set_num_threads(1)
    bed = recorded(data / "quadcopter" / "ambient" / "radio_0.wav", RATE)
    tables = [_bank_table(rate) for rate in rates_hz]
    return "\n\n".join([*tables, _bed_table(bed, seconds), _time_table(bed, seconds, runs)])


def recorded(path: Path, rate_hz: int) -> RecordedBed:
    """Read a bed."""
    return RecordedBed(audio.read(path, rate_hz=rate_hz).samples, rate_hz)


def thirds(
    sound: Float[ndarray, "channel sample"],
    rate_hz: int,
    centres_hz: Float[ndarray, " band"] = THIRDS_HZ,
    *,
    is_circular: bool = False,
) -> Complex[ndarray, "band channel channel"]:
    """Give the mean covariance in every third octave; of white noise its power.

    A sound that goes on from its beginning, as a bank does, needs no window.
    """
    length = sound.shape[1]
    window = np.ones(length) if is_circular else np.hanning(length)
    spectrum = np.fft.rfft(sound * (window / np.sqrt((window**2).mean() * length)))
    frequency_hz = np.fft.rfftfreq(length, 1 / rate_hz)
    bands = []
    for centre in centres_hz:
        first, last = np.searchsorted(frequency_hz, centre * 2 ** (np.array([-1, 1]) / 6))
        inside = spectrum[:, first:last]
        bands.append(inside @ inside.conj().T / (last - first))
    return np.stack(bands)


def theory(
    covariance: Callable[[Float[ndarray, " frequency"]], ndarray],
    centres_hz: Float[ndarray, " band"] = THIRDS_HZ,
) -> Complex[ndarray, "band channel channel"]:
    """Give the mean of a covariance over third octaves."""
    spread = 2 ** (np.linspace(-1, 1, 65) / 6)
    edges = spread[1:] - spread[:-1]
    bands = []
    for centre in centres_hz:
        values = covariance(centre * spread)
        middle = (values[1:] + values[:-1]) / 2
        bands.append(np.tensordot(edges / edges.sum(), middle, 1).astype(np.complex128))
    return np.stack(bands)


def coherence(
    covariance: Complex[ndarray, "band channel channel"],
) -> Complex[ndarray, "band channel channel"]:
    """Give the coherence of covariances."""
    power = np.sqrt(np.einsum("bcc->bc", covariance).real)
    return np.asarray(covariance / power[:, :, None] / power[:, None, :])


def worst(
    one: Complex[ndarray, "band channel channel"], other: Complex[ndarray, "band channel channel"]
) -> Float[ndarray, " band"]:
    """Give the largest difference in coherence of any pair, by band."""
    return np.asarray(np.abs(coherence(one) - coherence(other)).max(axis=(1, 2)))


def _bank_table(rate_hz: int) -> str:
    capsules, foa = Capsules(TETRAHEDRON), IdealFoa()
    exact = theory(lambda frequency_hz: diffuse_covariance(TETRAHEDRON, frequency_hz))
    open_array = MicArray("open", TETRAHEDRON.positions_m, "open")
    free = theory(lambda frequency_hz: diffuse_covariance(open_array, frequency_hz))
    made = thirds(diffuse_bank(capsules, rate_hz).numpy(), rate_hz, is_circular=True)
    same = np.ones_like(exact)
    made_foa = thirds(diffuse_bank(foa, rate_hz).numpy(), rate_hz, is_circular=True)
    level = _level_error(made, exact)
    level_foa = _level_error(made_foa, np.diag([1, 1 / 3, 1 / 3, 1 / 3]) * same)
    rows = [
        [
            f"{centre:.0f}",
            f"{coherence(exact)[band, 0, 1].real:.3f}",
            f"{coherence(made)[band, 0, 1].real:.3f}",
            f"{worst(made, exact)[band]:.3f}",
            f"{worst(free, exact)[band]:.3f}",
            f"{worst(same, exact)[band]:.3f}",
            f"{level[band]:.2f}",
            f"{level_foa[band]:.2f}",
        ]
        for band, centre in enumerate(THIRDS_HZ)
    ]
    head = ["Hz", "eq. 3, pair 1-2", "made", "error", "free field", "mono copy"]
    return f"{rate_hz} Hz\n\n" + markdown([*head, "level, dB", "FOA level, dB"], rows)


def _level_error(made: ndarray, exact: ndarray) -> Float[ndarray, " band"]:
    ratio = np.einsum("bcc->bc", made).real / np.einsum("bcc->bc", exact).real
    return np.asarray(np.abs(10 * np.log10(ratio)).max(axis=1))


def _bed_table(bed: RecordedBed, seconds: int) -> str:
    """Compare a recording made diffuse with the same one added to every channel."""
    exact = theory(lambda frequency_hz: diffuse_covariance(TETRAHEDRON, frequency_hz))
    receivers: tuple[Receiver, ...] = (IdealFoa(), Capsules(TETRAHEDRON))
    heard = ambience(bed, receivers, RATE, seconds * RATE, np.random.default_rng(0))
    copied = np.tile(bed.samples[:1], (4, 1))
    rows = []
    for name, foa, capsules in (
        ("made diffuse", heard[0].numpy(), heard[1].numpy()),
        ("mono copy", copied, copied),
    ):
        made = thirds(capsules, RATE)
        rows.append(
            [
                name,
                f"{np.sqrt((worst(made, exact) ** 2).mean()):.3f}",
                f"{np.abs(coherence(made)[:, 0, 1]).min():.4f}",
                f"{preference(foa):.3f}",
            ]
        )
    head = ["bed", "error of coherence, rms", "least coherence, pair 1-2", "preferred direction"]
    return markdown(head, rows)


def preference(foa: Float[ndarray, "4 sample"]) -> float:
    """Give the length of the mean intensity over the mean energy: 0 from everywhere, 1 a source."""
    intensity = (foa[:1] * foa[1:]).mean(axis=1)
    return float(2 * np.linalg.norm(intensity) / (foa**2).sum(axis=0).mean())


def _time_table(bed: RecordedBed, seconds: int, runs: int) -> str:
    rows = []
    for receivers, name in (
        ((IdealFoa(),), "FOA"),
        ((Capsules(TETRAHEDRON),), "tetrahedron"),
        ((IdealFoa(), Capsules(TETRAHEDRON)), "both"),
        ((EncodedFoa(TETRAHEDRON, RATE),), "FOA, tetrahedral"),
    ):
        row = [name, *(_quickest(kind, receivers, bed, seconds, runs) for kind in KINDS)]
        rows.append(row)
    banks = markdown(["bank", "diffuse, s", "octaves, s"], [_bank_times(each) for each in (
        IdealFoa(), Capsules(TETRAHEDRON), EncodedFoa(TETRAHEDRON, RATE))])  # fmt: skip
    scenes = markdown([f"{seconds} s, wall / CPU in ms", *KINDS], rows)
    return scenes + "\n\n" + banks


def _quickest(
    kind: AmbienceKind,
    receivers: tuple[Receiver, ...],
    bed: RecordedBed,
    seconds: int,
    runs: int,
) -> str:
    """Give the least of some runs, the first one apart: it builds the banks."""
    times = []
    for run in range(runs + 1):
        generator = np.random.default_rng(run)
        start, used = time.perf_counter(), time.process_time()
        settings = drawn_ambience(kind, generator, bed)
        ambience(settings, receivers, RATE, seconds * RATE, generator)
        times.append((time.perf_counter() - start, time.process_time() - used))
    wall, cpu = np.min(times[1:], axis=0)
    return f"{1_000 * wall:.0f} / {1_000 * cpu:.0f}"


def _bank_times(receiver: Receiver) -> list[str]:
    diffuse_bank.cache_clear()
    octave_bank.cache_clear()
    times = []
    for made in (diffuse_bank, octave_bank):
        start = time.process_time()
        made(receiver, RATE)
        times.append(f"{time.process_time() - start:.2f}")
    return [type(receiver).__name__, *times]
