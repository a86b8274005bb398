"""Seconds of scene simulated a second, on one thread, beside what reading a file of it costs."""

import time
from pathlib import Path

import torch

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.simulation.schedule import SceneSettings
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream


def table(work: Path, data: Path, *, scenes: int = 16) -> str:
    """Time both formats; the plainest alternative is to read scenes that lie on disk."""
    del data
    torch.set_num_threads(1)
    rows = []
    stream = SceneStream(SceneSettings(), ModelledBank(16_000), ("siren", "door_wood_knock"), 0)
    for heard_as in ("foa", "tetra"):
        stream.scene(0, heard_as, 10.0)  # builds the tables
        start = time.perf_counter()
        made = [stream.scene(number, heard_as, 10.0) for number in range(scenes)]
        spent = time.perf_counter() - start
        path = work / "scene.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, made[0].recording, "pcm16")
        start = time.perf_counter()
        audio.read(path)
        reading = time.perf_counter() - start
        rows.append([heard_as, f"{10 * scenes / spent:.0f}", f"{10 / reading:.0f}"])
    return markdown(["format", "simulated, times real time", "read from disk"], rows)
