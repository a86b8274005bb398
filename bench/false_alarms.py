"""Events a minute that the shipped detectors find where there are none."""

from pathlib import Path

import numpy as np

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON
from sonoscope.pipeline import analyze
from sonoscope.signal.receiver import Capsules, IdealFoa
from sonoscope.simulation.ambience import coloured, cut, diffuse_bank

RATE = 24_000


def sounds(
    heard_as: str, seconds: int
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Make silence, noise and ambience."""
    rng = np.random.default_rng(11)
    bank = diffuse_bank(Capsules(TETRAHEDRON) if heard_as == "tetra" else IdealFoa(), RATE)
    pieces = [
        0.003 * coloured(cut(bank, 30 * RATE, rng), RATE, rng).numpy() for _ in range(seconds // 30)
    ]
    white = 0.05 * rng.standard_normal((4, seconds * RATE), dtype=np.float32)
    return {
        "silence": np.zeros((4, seconds * RATE), np.float32),
        "white noise": white,
        "diffuse ambience": np.concatenate(pieces, axis=1),
    }


def table(work: Path, data: Path, *, seconds: int = 600) -> str:
    """Listen to each for ten minutes."""
    del data
    rows = []
    for heard_as in ("foa", "tetra"):
        for name, sound in sounds(heard_as, seconds).items():
            path = work / "false_alarms" / f"{heard_as}_{name.replace(' ', '_')}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, audio.Recording(sound, RATE), "pcm16")
            found = analyze(path, path.with_suffix(""), channel_format=heard_as)
            rows.append([heard_as, name, f"{60 * len(found.events) / seconds:.2f}"])
            print(rows[-1], sorted({event.label for event in found.events}), flush=True)
    return markdown(["detector", "sound", "events a minute"], rows)
