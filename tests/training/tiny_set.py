"""A set in the layout of TAU 2019 small enough to be trained on in a test, and a table of it.

As a script: `python -m tests.training.tiny_set DATA OUT JOBS` carries the table out.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.direction import unit_vector
from sonoscope.pipeline import reproduce
from sonoscope.training.loop import Machine
from sonoscope.training.reproduce import Asked, Plan, Workplace, planned
from sonoscope.training.tables import Picture, Published, Row, Scale, Table

RATE_HZ, DURATION_S = 24_000, 2.0
EVENTS = (("knock", 0.2, 0.8, 0, 30), ("speech", 0.5, 1.5, 20, -60), ("cough", 1.1, 1.9, -30, 170))
COLUMNS = ("sound_event_recording", "start_time", "end_time", "ele", "azi", "dist")
BODY = {"filters": 2, "recurrent_units": 2, "head_units": 4}

CRNN = Row(
    "CRNN", {"kind": "crnn", "body": BODY}, published={"foa": Published(er=0.5)}, source="A paper"
)
CNN = Row("CNN", {"kind": "crnn", "body": {**BODY, "recurrent_layers": 0}})
AGAIN = Row("CRNN by another name", CRNN.network)
SHOWN = Picture("figure", "CRNN", "labels", 3)
TABLE = Table("tiny-table", "Two networks", (CNN, CRNN, AGAIN), "CNN", (SHOWN,))
SCALE = Scale(
    "tiny",
    folds=(1, 2),
    seeds=2,
    settings={
        "steps": 6,
        "batch_size": 2,
        "window_s": 0.64,
        "learning_rate": 1e-2,
        "optimizer": "adam",
        "ema_decay": 0.0,
        "validation": {"every": 3, "scenes": 1, "keep_best": True},
        "loss": {"direction": "mse"},
    },
    says="Scale tiny.",
)
QUICK = Asked(("foa",), seeds=1)
ONE = Machine("cpu", workers=0, threads=1, checkpoint_every=1)


def write_set(data: Path) -> None:
    """Write two recordings for each split, in both formats."""
    for kind in ("foa_dev", "mic_dev", "metadata_dev"):
        (data / "tau2019" / kind).mkdir(parents=True)
    for split in (1, 2, 3, 4):
        for number in (1, 2):
            name = f"split{split}_ir0_ov1_{number}"
            sound = foa(10 * split + number)
            for kind in ("foa_dev", "mic_dev"):
                path = data / "tau2019" / kind / f"{name}.wav"
                audio.write(path, Recording(sound, RATE_HZ), "pcm16")
            with (data / "tau2019" / "metadata_dev" / f"{name}.csv").open("w") as file:
                rows = csv.writer(file)
                rows.writerow(COLUMNS)
                rows.writerows((*event, 1) for event in EVENTS)


def foa(seed: int) -> Float[ndarray, "4 sample"]:
    """Make noise bursts from the events' directions."""
    draw = np.random.default_rng(seed)
    sound = 1e-3 * draw.standard_normal((4, int(DURATION_S * RATE_HZ)))
    for _, start_s, end_s, elevation, azimuth in EVENTS:
        x, y, z = unit_vector(np.deg2rad(azimuth), np.deg2rad(elevation))
        span = slice(int(start_s * RATE_HZ), int(end_s * RATE_HZ))
        burst = 0.1 * draw.standard_normal(span.stop - span.start)
        sound[:, span] += np.outer([1.0, y, z, x], burst)
    return sound.astype(np.float32)


def plan(out: Path, asked: Asked | None = None) -> Plan:
    """Plan the tiny table."""
    return planned(TABLE, SCALE, asked or Asked(("foa",)), out)


def main() -> None:
    data, out, jobs = sys.argv[1:]

    def tell(ended: object) -> None:
        sys.stdout.write("ended\n")
        sys.stdout.flush()

    reproduce(plan(Path(out), QUICK), Workplace(Path(data), ONE), jobs=int(jobs), on_end=tell)


if __name__ == "__main__":
    main()
