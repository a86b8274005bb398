"""Seconds of scene simulated a second: 60 s, 20 events, half of them moving, FOA and tetrahedron.

Each scene is drawn, rendered in both formats at 24 kHz in the room of 6 x 5 x 3 m with T60 0.5 s,
and its labels encoded. Beside it: reading the same scene from a disk, the plainest alternative.
"""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.frames import FrameGrid
from sonoscope.core.scene import Scene
from sonoscope.datasets.choice import ClipChoice, bank, find_clips
from sonoscope.simulation.ambience import DiffuseNoise
from sonoscope.simulation.place import draw_track
from sonoscope.simulation.render import Listener, render
from sonoscope.simulation.room import Room
from sonoscope.simulation.scene_settings import MotionSettings, SceneSettings
from sonoscope.simulation.script import Emission, Levels, Place, Script
from sonoscope.simulation.sources import SoundBank
from sonoscope.simulation.stream import listener_for
from sonoscope.simulation.track import Track
from sonoscope.targets.classwise import encode

RATE_HZ = 24_000
DURATION_S = 60.0
EVENTS = 20
PLACE = Place(Room((6.0, 5.0, 3.0), 0.5), Track.still(np.array([3.1, 2.4, 1.5])))


def table(work: Path, data: Path, *, scenes: int = 6, duration_s: float = DURATION_S) -> str:
    """Time one process with one thread, then two such processes."""
    torch.set_num_threads(1)
    heard = _scene(data, 0, duration_s)  # builds the tables
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(scenes):
        heard = _scene(data, number, duration_s)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [_row("one process, one thread", scenes * duration_s, wall, cpu, memory)]
    with ProcessPoolExecutor(2, get_context("spawn"), _one_thread) as pool:
        list(pool.map(_made, [(str(data), n, duration_s) for n in range(4)]))  # tables
        wall = time.perf_counter()
        spent = list(pool.map(_made, [(str(data), n, duration_s) for n in range(2 * scenes)]))
        wall = time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows.append(_row("two processes", 2 * scenes * duration_s, wall, sum(spent), memory))
    rows.append(_read_back(work, heard, duration_s))
    return markdown(["way", "times real time (wall)", "CPU s a scene", "peak MB a process"], rows)


def _row(name: str, seconds: float, wall: float, cpu: float, memory: float) -> list[str]:
    scenes = seconds / DURATION_S
    return [name, f"{seconds / wall:.0f}", f"{cpu / scenes:.2f}", f"{memory:.0f}"]


def _read_back(work: Path, heard: tuple[Scene, ...], duration_s: float) -> list[str]:
    work.mkdir(parents=True, exist_ok=True)
    paths = [work / f"{scene.channel_format}.wav" for scene in heard]
    for path, scene in zip(paths, heard, strict=True):
        audio.write(path, scene.recording, "pcm16")
    wall, cpu = time.perf_counter(), time.process_time()
    for path in paths:
        audio.read(path)
    spent, used = time.perf_counter() - wall, time.process_time() - cpu
    return _row("read both from disk", duration_s, spent, used, 0.0)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _made(job: tuple[str, int, float]) -> float:
    data, number, duration_s = job
    start = time.process_time()
    _scene(Path(data), number, duration_s)
    return time.process_time() - start


def _scene(data: Path, number: int, duration_s: float) -> tuple[Scene, ...]:
    generator = np.random.Generator(np.random.Philox(key=[1, number]))
    script = _script(_bank(data), generator, duration_s, number)
    heard = render(script, _listeners())
    labels = sorted({event.label for event in heard[0].events})
    grid = FrameGrid(RATE_HZ, RATE_HZ // 50)
    encode(heard[0].events, labels, grid, round(duration_s * 50))
    return heard


@lru_cache
def _listeners() -> tuple[Listener, ...]:
    return tuple(listener_for(name, RATE_HZ) for name in ("foa", "tetra"))


@lru_cache
def _bank(data: Path) -> SoundBank:
    if not (data / "esc50").is_dir():
        return bank(ClipChoice(modelled_share=1.0), [], RATE_HZ)
    choice = ClipChoice(esc50_folds=(1,))
    labels = ("dog", "siren", "coughing", "church_bells", "vacuum_cleaner", "rain")
    return bank(choice, find_clips(choice, data, labels), RATE_HZ)


def _script(
    sounds: SoundBank, generator: np.random.Generator, duration_s: float, number: int
) -> Script:
    emissions = []
    for i in range(EVENTS):
        moving = MotionSettings(share=float(i % 2))
        ranges = SceneSettings(rate_hz=RATE_HZ, distance_m=(1.0, 2.0), motion=moving)
        label = sounds.labels[int(generator.integers(len(sounds.labels)))]
        sound, whose = sounds.draw(label, generator, float(generator.uniform(1, 5)))
        onset = float(generator.uniform(0, max(duration_s - 5, 0.1)))
        track = draw_track(PLACE, ranges, onset, len(sound) / RATE_HZ, generator)
        emissions.append(
            Emission(label, sound, onset, track, 0.0, is_extra=False, attribution=whose)
        )
    levels = Levels("active", 20.0)
    return Script(
        PLACE,
        tuple(emissions),
        duration_s,
        levels,
        ambience=DiffuseNoise(),
        foa_encoder="ideal",
        is_mono=False,
        is_clean=False,
        gain_db=0.0,
        seed=(1, number),
        overlap=3,
        room=0,
    )
