"""A small set of recordings in the published layout of 2019: noise from known sides."""

from pathlib import Path

import numpy as np

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.event_table import write_dcase_events
from sonoscope.datasets.tau2019 import LABELS

RATE_HZ = 8_000


def write_set(
    folder: Path, *, splits: tuple[int, ...] = (1, 2, 3, 4), seconds: float = 6.0
) -> Path:
    """Write two recordings a split below `folder/tau2019`, FOA and tetrahedron; gives `folder`."""
    for split in splits:
        for number in (1, 2):
            name = f"split{split}_ir{number}_ov1_{number}"
            generator = np.random.default_rng([split, number])
            events = [
                Event(
                    LABELS[int(generator.integers(len(LABELS)))],
                    onset + 0.5,
                    onset + 1.7,
                    (Waypoint(0.0, float(np.deg2rad(10 * generator.integers(-18, 18))), 0.0, 1.0),),
                )
                for onset in np.arange(0.0, seconds - 1.7, 2.0).tolist()
            ]
            write_recording(folder / "tau2019", name, events, seconds, generator)
    return folder


def write_recording(
    folder: Path, name: str, events: list[Event], seconds: float, generator: np.random.Generator
) -> None:
    """Write a recording's sounds, in which noise sounds where the events are, and its table."""
    n_samples = round(seconds * RATE_HZ)
    foa = 0.001 * generator.standard_normal((4, n_samples))
    for event in events:
        here = slice(round(event.onset_s * RATE_HZ), round(event.offset_s * RATE_HZ))
        x, y, z = event.direction_at(event.onset_s)
        noise = 0.05 * generator.standard_normal(here.stop - here.start)
        foa[:, here] += np.outer([1.0, y, z, x], noise)
    for part in ("foa_dev", "mic_dev", "metadata_dev"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sound = Recording(foa.astype(np.float32), RATE_HZ)
    audio.write(folder / "foa_dev" / f"{name}.wav", sound, "pcm16")
    audio.write(folder / "mic_dev" / f"{name}.wav", sound, "pcm16")
    write_dcase_events(folder / "metadata_dev" / f"{name}.csv", events)
