"""How quickly a recording becomes a report, as whole processes, and what it takes of memory."""

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


_IN_BETWEEN = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
# A process counts the memory of the one that started it as its own peak, and this one is large.


def timed(arguments: list[str], repeats: int) -> tuple[float, float]:
    """Give the shortest wall time of a process in seconds, and the largest peak memory in MB."""
    times, peaks = [], []
    for _ in range(repeats):
        command = [sys.executable, "-c", _IN_BETWEEN, *SONOSCOPE, *arguments]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, kilobytes = map(float, said.split())
        times.append(seconds)
        peaks.append(kilobytes / 1024)
    return min(times), max(peaks)


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
    seconds, peak = timed(["--help"], repeats)
    rows = [["sonoscope --help", f"{seconds:.2f} s", "", f"{peak:.0f} MB"]]
    for length_s, count in ((10, repeats), (60, repeats), (long_s, 1)):
        path = recording(folder / f"noise_{length_s}.wav", length_s)
        arguments = ["analyze", str(path), "--format", "foa", "--out", str(folder)]
        seconds, peak = timed(arguments, count)
        name = f"analyze {length_s} s, 4 channels, 48 kHz"
        rows.append([name, f"{seconds:.2f} s", f"{length_s / seconds:.0f}", f"{peak:.0f} MB"])
        print(rows[-1], flush=True)
    rows.append(["the same 60 s within a process", *within(folder, repeats), ""])
    return markdown(["what (whole process)", "time", "times real time", "peak memory"], rows)
