"""Simulated discharges: statistics by kind and family, laws of recordings, and time.

Statistics are means over `draws` draws of each family (standard deviation behind ±), `seconds`
seconds each at 50 Hz; phases are the middle 98 % of the pulses, folded on a half cycle where a kind
has both. The ratio f0:2f0 is that of the harmonics of the pulses' amplitudes and, behind it, of the
envelope (Hilbert, 20 to 40 kHz) of the sound 2 m away in free field; the patterns it is to be like
have 1.1, 0.47, 0.05, 0.00. Times are the least of `runs` runs on one thread, wall and processor.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.signal import hilbert

from bench.tables import markdown
from sonoscope.core.air import absorption_db_m
from sonoscope.simulation.clicks import PulseShape
from sonoscope.simulation.discharge import KINDS, Corona, Kind, PulseTrain, pulse_train
from sonoscope.simulation.disturbance import AnyBed, FloorNoise, disturbance
from sonoscope.simulation.inspection import (
    Family,
    Hall,
    InspectionSettings,
    OpenAir,
    ReceiverSettings,
    SourceSettings,
    inspection,
)
from sonoscope.simulation.inspection_families import (
    BED_KINDS,
    drawn_bed,
    drawn_discharge,
    random_inspection,
)
from sonoscope.simulation.mains import MainsSettings, mains_clock

RATE = 96_000
FAMILIES: tuple[Family, ...] = ("a", "b")
_AIMED = {"corona": "1.1", "surface": "0.47", "internal": "0.05", "floating": "0.00"}
_LOWEST = {"corona": -90.0, "internal": -60.0}  # degrees at which the fold is cut


def table(work: Path, data: Path, *, draws: int = 24, seconds: float = 2.0, runs: int = 15) -> str:
    """Draw, measure, and time."""
    del work, data
    torch.set_num_threads(1)
    return "\n\n".join([_statistics(draws, seconds), _laws(), _times(runs)])


def _philox(number: int, part: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[number, part]))


# ── statistics ───────────────────────────────────────────────────────────────────────────────────


def _statistics(draws: int, seconds: float) -> str:
    rows = [_row(kind, family, draws, seconds) for kind in KINDS for family in FAMILIES]
    head = [
        "kind",
        "family",
        "pulses a cycle",
        "phase (°)",
        "levels vary by (dB)",
        "gaps vary by",
        "f0:2f0 pulses",
        "f0:2f0 sound",
        "like",
    ]
    return markdown(head, rows)


def _row(kind: Kind, family: Family, draws: int, seconds: float) -> list[str]:
    count, low, high, spread, gaps, ratio, heard = [], [], [], [], [], [], []
    for number in range(draws):
        generator = _philox(number, KINDS.index(kind))
        discharge = drawn_discharge(kind, family, generator)
        clock = mains_clock(MainsSettings(wander_hz=0.01), 0.0, seconds, generator)
        pulses = pulse_train(discharge, clock, generator)
        count.append(len(pulses.turns) / (50 * seconds))
        edges = np.quantile(_folded(kind, pulses, discharge), [0.01, 0.99])
        low.append(edges[0])
        high.append(edges[1])
        spread.append(20 * np.log10(pulses.amplitude).std())
        apart = np.diff(pulses.time_s)
        gaps.append(apart.std() / apart.mean())
        ratio.append(_harmonic(pulses, 1) / _harmonic(pulses, 2))
        heard.append(_heard_ratio(kind, family, number, seconds))
    is_locked = kind in _AIMED
    return [
        kind,
        family,
        _spread(count, 1),
        f"{np.mean(low):.0f} to {np.mean(high):.0f}" if is_locked else "all",
        _spread(spread, 1),
        _spread(gaps, 2),
        _spread(ratio, 2) if is_locked else "-",
        _spread(heard, 2) if is_locked else "-",
        _AIMED.get(kind, "no phase"),
    ]


def _spread(values: list[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def _folded(kind: Kind, pulses: PulseTrain, discharge: object) -> Float[ndarray, " pulse"]:
    """Give phases in degrees: corona's about 270 (streamers left out), others by half cycle."""
    phase = pulses.turns * 360
    if kind == "corona":
        assert isinstance(discharge, Corona)
        phase = phase + (180 if discharge.point == "earth" else 0)
        around = phase % 360
        return np.asarray(around[around > 180])
    lowest = _LOWEST.get(kind, -40.0)
    return np.asarray((phase - lowest) % 180 + lowest)


def _harmonic(pulses: PulseTrain, order: int) -> float:
    turned = pulses.amplitude * np.exp(-2j * np.pi * order * pulses.turns)
    return float(abs(turned.sum()) / pulses.amplitude.sum())


def _heard_ratio(kind: Kind, family: Family, number: int, seconds: float) -> float:
    """Give f0:2f0 of the envelope of the sound itself."""
    discharge = drawn_discharge(kind, family, _philox(number, KINDS.index(kind)))
    source = SourceSettings(discharge, PulseShape(), (2.0, 0.0, 1.5))
    made = inspection(InspectionSettings(sources=(source,), duration_s=seconds), number)
    spectrum = np.fft.rfft(made.samples.astype(np.float64))
    frequency = np.fft.rfftfreq(len(made.samples), 1 / RATE)
    spectrum[(frequency < 20_000) | (frequency > 40_000)] = 0
    envelope = np.abs(hilbert(np.fft.irfft(spectrum, len(made.samples))))
    moments = np.arange(len(envelope)) / RATE
    part = [abs((envelope * np.exp(-2j * np.pi * hz * moments)).sum()) for hz in (50.0, 100.0)]
    return float(part[0] / part[1])


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────


def _laws() -> str:
    rows = [
        ["air over 10 m, 10 to 39 kHz, off ISO 9613-1", f"{_air_error_db():.2f} dB at most"],
        ["phase a metre, 50 Hz, 2 m/s", f"{_phase_a_metre():.2f}° (52.48° = 360 f / c)"],
        ["signal-to-noise ratio off what was asked", f"{_snr_error_db():.4f} dB at most"],
    ]  # fmt: skip
    return markdown(["law", "measured"], rows)


def _air_error_db() -> float:
    levels = []
    for distance in (2.0, 12.0):
        shape = PulseShape("bipolar", variation=0.0)
        source = SourceSettings(
            drawn_discharge("floating", "a", _philox(0)), shape, (distance, 0.0, 1.5)
        )
        made = inspection(InspectionSettings(sources=(source,), duration_s=0.3), 3)
        (truth,) = made.truth.sources
        loss = absorption_db_m([shape.centre_hz])[0]
        whole = truth.amplitude[2] * distance * 10 ** (loss * distance / 20)
        first = round(truth.time_s[2] * RATE) - 25
        cut = made.samples[first : first + 100].astype(np.float64)
        levels.append(20 * np.log10(np.abs(np.fft.rfft(cut)) * distance / whole))
    frequency = np.fft.rfftfreq(100, 1 / RATE)
    inside = (frequency > 10_000) & (frequency < 39_000)
    off = levels[0] - levels[1] - 10 * absorption_db_m(frequency)
    return float(np.abs(off[inside]).max())


def _phase_a_metre() -> float:
    source = SourceSettings(Corona(), PulseShape(), (10.0, 0.0, 1.5))
    ear = ReceiverSettings((0.0, 0.0, 1.5), (2.0, 0.0, 0.0))
    made = inspection(InspectionSettings(sources=(source,), receiver=ear), 5)
    (truth,) = made.truth.sources
    grid, turns = truth.grid_s[:-1], truth.grid_turns[:-1]
    return float(np.polyfit(grid, turns - 50 * grid, 1)[0] * 180)


def _snr_error_db() -> float:
    """Take the mix apart by the noise that is the same without the discharge."""
    worst = 0.0
    for snr_db in (-5.0, 0.0, 10.0):
        beds = (FloorNoise(level_db=0.0),)
        source = SourceSettings(Corona())
        asked = InspectionSettings(sources=(source,), beds=beds, snr_db=snr_db, duration_s=0.5)
        mixed = inspection(asked, 4).samples.astype(np.float64)
        quiet = InspectionSettings(beds=beds, duration_s=0.5)
        noise = inspection(quiet, 4).samples.astype(np.float64)
        noise *= mixed[:100] @ noise[:100] / (noise[:100] @ noise[:100])
        spectrum = np.abs(np.fft.rfft(mixed - noise)) ** 2
        frequency = np.fft.rfftfreq(len(mixed), 1 / RATE)
        inside = (frequency >= 20_000) & (frequency <= 40_000)
        energy = 2 * spectrum[inside].sum() / len(mixed)
        worst = max(worst, abs(10 * np.log10(energy / (noise @ noise)) - snr_db))
    return worst


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def _times(runs: int) -> str:
    rows = []
    for kind in KINDS:
        source = SourceSettings(drawn_discharge(kind, "a", _philox(1)))
        plain = InspectionSettings(sources=(source,), beds=(FloorNoise(),), snr_db=0.0)
        rows.append([f"{kind}, free field", *_least_ms(partial(inspection, plain, 1), runs)])
    places: tuple[tuple[str, OpenAir | Hall], ...] = (("ground", OpenAir()), ("hall", Hall()))
    for name, place in places:
        source = SourceSettings(Corona(), position_m=(8.0, 6.0, 3.0))
        ear = ReceiverSettings((5.0, 5.0, 1.5))
        placed = InspectionSettings(sources=(source,), place=place, receiver=ear)
        rows.append([f"corona, {name}", *_least_ms(partial(inspection, placed, 1), runs)])
    for bed_kind in BED_KINDS["b"]:
        bed = drawn_bed(bed_kind, "b", _philox(2))
        rows.append([bed_kind, *_least_ms(partial(_noise, bed), runs)])
    rows.extend(
        [f"drawn, family {family}, {duration:g} s", *_drawn_ms(family, duration, 2 * runs)]
        for family in FAMILIES
        for duration in (1.0, 2.0)
    )
    return markdown(["2 s at 96 kHz", "wall (ms)", "CPU (ms)"], rows)


def _noise(bed: AnyBed) -> object:
    return disturbance(bed, RATE, 2 * RATE, _philox(3))


def _least_ms(work: Callable[[], object], runs: int) -> tuple[str, str]:
    work()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return f"{1e3 * min(walls):.1f}", f"{1e3 * min(cpus):.1f}"


def _drawn_ms(family: Family, duration_s: float, count: int) -> tuple[str, str]:
    """Give the median over recordings, as training draws them."""
    walls, cpus = [], []
    for number in range(count + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        random_inspection(family, number, duration_s=duration_s)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return (
        f"{1e3 * np.median(walls[1:]):.1f} (median)",
        f"{1e3 * np.median(cpus[1:]):.1f} (median)",
    )
