"""How quickly a recording is diagnosed, as a whole process, and what long noise is taken for.

The recording has 60 s at 96 kHz: a simulated corona that a drone passes, in its noise; and as long
a piece of noise alone, which no window's clock shortens. Wall clock and CPU time of the process,
the least of several runs, with report and without; target: 3 s on two cores. Noise: five minutes
each of the noises of both families (rotors, wind, a crane's motor, rain), none with a discharge.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from bench.tables import markdown
from sonoscope.pipeline import diagnose
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection import Family
from sonoscope.simulation.inspection_families import BED_KINDS, BedKind, random_inspection

SONOSCOPE = [sys.executable, "-m", "sonoscope.cli"]
RATE_HZ = 96_000
SEED = 970_000
CASES: tuple[tuple[str, tuple[Kind, ...]], ...] = (("corona passed by", ("corona",)), ("noise", ()))
_PIECE_S = 60.0

_IN_BETWEEN = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
# what this process has used so far must not count


def recording(
    path: Path, seconds: float, kinds: tuple[Kind, ...], family: Family, bed: BedKind, seed: int
) -> Path:
    """Write one, in pieces of at most a minute, unless it is there."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_24") as file:
        for piece in range(int(np.ceil(seconds / _PIECE_S))):
            made = random_inspection(
                family,
                seed + piece,
                kinds=kinds,
                snr_db=0.0,
                snr="in_band",
                duration_s=min(_PIECE_S, seconds - _PIECE_S * piece),
                rate_hz=RATE_HZ,
                nominal_hz=50.0,
                beds=(bed,),
            )
            file.write(made.samples)
    return path


def timed(arguments: Sequence[str], repeats: int) -> tuple[float, float, float]:
    """Give the least wall and CPU seconds of a process, and its largest memory in MB."""
    runs = []
    for _ in range(repeats):
        command = [sys.executable, "-c", _IN_BETWEEN, *SONOSCOPE, *arguments]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        runs.append([float(word) for word in told.split()])
    wall, cpu, peak = zip(*runs, strict=True)
    return min(wall), min(cpu), max(peak)


def table(
    work: Path,
    data: Path,
    *,
    seconds: float = 60.0,
    noise_s: float = 300.0,
    repeats: int = 5,
    families: Sequence[Family] = ("a", "b"),
) -> str:
    """Measure all of it."""
    del data
    folder = work / "diagnosis"
    rows = []
    for name, kinds in CASES:
        path = recording(
            folder / f"{kinds[0] if kinds else 'noise'}_{seconds:g}.wav",
            seconds, kinds, "a", "rotor", SEED,
        )  # fmt: skip
        for written in ([], ["--out", str(folder / "out")]):
            wall, cpu, peak = timed(["diagnose", str(path), *written], repeats)
            what = f"{name}, {seconds:g} s at 96 kHz, {'with a report' if written else 'no report'}"
            rows.append([what, f"{wall:.2f} s", f"{cpu:.2f} s", f"{peak:.0f} MB"])
    times = markdown(["whole process", "wall", "CPU", "peak memory"], rows)
    return f"{times}\n\n{_noises(folder, noise_s, families)}"


def _noises(folder: Path, seconds: float, families: Sequence[Family]) -> str:
    rows = []
    for family in families:
        for bed in BED_KINDS[family]:
            name = f"{family}_{bed}_{seconds:g}.wav"
            path = recording(folder / name, seconds, (), family, bed, SEED + 100)
            found = diagnose(path)
            said = Counter(label for window in found.windows for label in window.said)
            told = ", ".join(f"{label} {count}" for label, count in said.most_common())
            answer = " + ".join([found.answer.status, *found.answer.kinds])
            rows.append([f"family {family}, {bed}", answer, told])
    return markdown([f"{seconds:g} s of noise", "answer", "windows"], rows)
