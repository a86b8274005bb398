"""What it costs to cut training windows out of recordings, beside the step that they feed."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.event_table import write_dcase_events
from sonoscope.datasets import tau2019
from sonoscope.models.build import CrnnNetwork, build
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.training.recorded import Reading, RecordedStream

RATE_HZ = 24_000
READING = Reading(tau2019.LABELS, RATE_HZ)


def written(folder: Path, *, count: int, seconds: float, rate_hz: int, suffix: str) -> Path:
    """Write noise in the layout of 2019, an event every second and a half."""
    generator = np.random.default_rng(0)
    for part in ("foa_dev", "metadata_dev"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        name = f"split1_ir0_ov1_{number}"
        noise = 0.1 * generator.standard_normal((4, round(seconds * rate_hz)), np.float32)
        audio.write(folder / "foa_dev" / f"{name}{suffix}", Recording(noise, rate_hz), "pcm16")
        events = [
            Event("speech", onset, onset + 1.0, (Waypoint(onset, 0.5, 0.0, 1.0),))
            for onset in np.arange(0.0, seconds - 1.0, 1.5).tolist()
        ]
        write_dcase_events(folder / "metadata_dev" / f"{name}.csv", events)
    return folder


def shortest(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Give the least wall time and the least CPU time of a few runs."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def table(
    work: Path,
    data: Path,
    *,
    count: int = 16,
    seconds: float = 60.0,
    batch: int = 32,
    window_s: float = 5.0,
    repeats: int = 5,
) -> str:
    """Time crops of WAV, crops with channels exchanged, copies, and a step of the paper's CRNN."""
    del data
    torch.set_num_threads(1)
    folder = work / "recordings"
    cache, rows = folder / "cache", []
    plain = written(folder / "24k", count=count, seconds=seconds, rate_hz=RATE_HZ, suffix=".wav")
    stream = RecordedStream([tau2019.recordings(plain, "foa")], READING, 0)
    swap = AugmentationSettings(swap="elevation")
    turned = RecordedStream([tau2019.recordings(plain, "foa")], READING, 0, augmentation=swap)
    network = build(CrnnNetwork(kind="crnn"), len(tau2019.LABELS)).train()
    sound = stream.batch(0, batch, window_s).sound

    def step() -> None:
        answer = network(sound)
        (answer.activity.mean() + answer.direction.mean()).backward()

    of_step = shortest(step, max(1, repeats // 2))
    batches = f"{batch} x {window_s:g} s"
    jobs: list[tuple[str, Callable[[], object]]] = [
        (f"crops, {batches}", lambda: stream.batch(1, batch, window_s)),
        (f"crops with channels exchanged, {batches}", lambda: turned.batch(1, batch, window_s)),
    ]
    rows.append([f"step of the CRNN, {batches}, one thread", *_times(of_step), "100 %"])
    for name, job in jobs:
        spent = shortest(job, repeats)
        rows.append([name, *_times(spent), f"{spent[1] / of_step[1]:.1%}"])
    for rate_hz, suffix in ((RATE_HZ, ".flac"), (48_000, ".wav")):
        kind = f"{rate_hz}{suffix}"
        other = written(folder / kind, count=2, seconds=seconds, rate_hz=rate_hz, suffix=suffix)
        scenes = tau2019.recordings(other, "foa")
        reading = Reading(tau2019.LABELS, RATE_HZ, cache=cache / kind)
        spent = shortest(lambda s=scenes, r=reading: RecordedStream([s], r, 0), 1)  # type: ignore[misc]
        told = f"once: a copy of {seconds:g} s of {rate_hz} Hz {suffix[1:].upper()}"
        rows.append([told, *_times((spent[0] / 2, spent[1] / 2)), ""])
    return markdown(["what", "wall", "CPU", "share of the step (CPU)"], rows)


def _times(spent: tuple[float, float]) -> tuple[str, str]:
    return f"{1e3 * spent[0]:.0f} ms", f"{1e3 * spent[1]:.0f} ms"


if __name__ == "__main__":
    print(table(Path("runs/bench"), Path("data")))
