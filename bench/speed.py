"""How quickly a recording becomes a report, as whole processes, and what it takes of memory."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from bench.tables import markdown
from sonoscope.pipeline import analyze

SONOSCOPE = [sys.executable, "-m", "sonoscope.cli"]


def recording(path: Path, seconds: int) -> Path:
    """Write four channels of 48 kHz: noise bursts, so that something is found and drawn."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        second = 0.05 * rng.standard_normal((4, 48_000), dtype=np.float32)
        gate = np.repeat(rng.random(10) > 0.5, 4_800).astype(np.float32)
        with soundfile.SoundFile(path, "w", 48_000, 4, "PCM_16") as file:
            for _ in range(seconds):  # a process that once was large would lend its size to others
                file.write((second * gate).T)
    return path


def timed(arguments: list[str], repeats: int) -> float:
    """Give the shortest wall time of a process."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([*SONOSCOPE, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def within(folder: Path, repeats: int) -> tuple[str, str]:
    """Time reading, resampling, features, network, decoding and writing, without the start."""
    path, times = recording(folder / "noise_60.wav", 60), []
    for _ in range(repeats):
        start = time.perf_counter()
        analyze(path, folder / "within", channel_format="foa")
        times.append(time.perf_counter() - start)
    return f"{min(times):.2f} s", f"{60 / min(times):.0f}"


def table(work: Path, data: Path, *, long_s: int = 7_200, repeats: int = 5) -> str:
    """Time `--help`, 10 s and 60 s, and a long file with its memory."""
    del data
    folder = work / "speed"
    rows = [["sonoscope --help", f"{timed(['--help'], repeats):.2f} s", "", ""]]
    for seconds, count in ((10, repeats), (60, repeats), (long_s, 1)):
        path = recording(folder / f"noise_{seconds}.wav", seconds)
        spent = timed(["analyze", str(path), "--format", "foa", "--out", str(folder)], count)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        name = f"analyze {seconds} s, 4 channels, 48 kHz"
        rows.append([name, f"{spent:.2f} s", f"{seconds / spent:.0f}", f"{peak:.0f} MB"])
        print(rows[-1], flush=True)
    rows.append(["the same 60 s within a process", *within(folder, repeats), ""])
    return markdown(["what (whole process)", "time", "times real time", "peak memory so far"], rows)
