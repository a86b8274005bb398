"""Wavelet packets: error and time beside PyWavelets, and how many times faster than real time.

One thread. Wall clock is the least of several runs, in turns, so that all meet the same machine;
CPU is the least time that the process itself was at work, which other programs lengthen less.

- The full tree, all levels kept: `pywt.WaveletPacket` (db8, periodization) and, plainest,
  `pywt.dwt` on all nodes of a level at once. Error: the largest difference of a coefficient from
  `pywt.WaveletPacket`'s, for samples of unit power.
- The way there and back at 96 kHz, for clicks in noise that falls with frequency: tree, costs,
  best basis, reconstruction from it; then all of `signal.denoise.denoise` (three passes). Error:
  of the reconstruction.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pywt
from jaxtyping import Float
from numpy import ndarray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.tables import markdown
from sonoscope.signal.denoise import denoise
from sonoscope.signal.wavelet import analysed, best_basis, gathered, node_costs, reconstructed

Sound = Float[ndarray, " sample"]
WAVELET, DEPTH = "db8", 5
LENGTHS = ((5.0, 32_000), (5.0, 44_100), (10.0, 192_000))


def deepest(samples: Sound) -> Float[ndarray, "node sample"]:
    """Give all levels' last."""
    return analysed(samples, WAVELET, DEPTH).levels[-1]


def packets(samples: Sound) -> Float[ndarray, "node sample"]:
    """Give PyWavelets' nodes of the deepest level, in natural order."""
    tree = pywt.WaveletPacket(samples, WAVELET, mode="periodization", maxlevel=DEPTH)
    return np.array([node.data for node in tree.get_level(DEPTH, order="natural")])


def level_by_level(samples: Sound) -> Float[ndarray, "node sample"]:
    """Give the same by one `pywt.dwt` a level."""
    nodes = samples[None]
    for _ in range(DEPTH):
        low, high = pywt.dwt(nodes, WAVELET, mode="periodization", axis=-1)
        nodes = np.stack([low, high], axis=1).reshape(2 * len(nodes), -1)
    return nodes


def there_and_back(samples: Sound) -> Sound:
    """Go through the best basis and back."""
    tree = analysed(samples, WAVELET, DEPTH)
    return np.asarray(reconstructed(gathered(tree, best_basis(node_costs(tree)))))


def denoised(samples: Sound, rate_hz: int) -> Sound:
    """Denoise as it comes."""
    return denoise(samples, rate_hz).samples


def least_times(
    ways: Mapping[str, Callable[[], object]], runs: int
) -> dict[str, tuple[float, float]]:
    """Give wall and CPU seconds of each way, the least of several runs in turns."""
    least = dict.fromkeys(ways, (np.inf, np.inf))
    for _ in range(runs):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            least[name] = (min(least[name][0], wall), min(least[name][1], cpu))
    return least


def table(work: Path, data: Path, *, runs: int = 40, shorter: float = 1.0) -> str:
    """Time trees of 5 s and 10 s and the way there and back; `shorter` divides the lengths."""
    del work, data
    with threadpool_limits(1):
        return "\n\n".join([_tree_table(runs, shorter), _real_time_table(runs, shorter)])


def _tree_table(runs: int, shorter: float) -> str:
    rows = []
    for duration_s, rate_hz in LENGTHS:
        n_samples = round(duration_s / shorter * rate_hz) >> DEPTH << DEPTH
        samples = np.random.default_rng(0).standard_normal(n_samples)
        ways: dict[str, Callable[[], Float[ndarray, "node sample"]]] = {
            "sonoscope": partial(deepest, samples),
            "pywt.WaveletPacket": partial(packets, samples),
            "pywt.dwt, a level at once": partial(level_by_level, samples),
        }
        wanted = ways["pywt.WaveletPacket"]()
        error = {name: float(np.abs(way() - wanted).max()) for name, way in ways.items()}
        least = least_times(ways, runs)
        for name, (wall, cpu) in least.items():
            ratio = least["pywt.WaveletPacket"][1] / cpu
            rows.append(
                [
                    f"{duration_s / shorter:g} s at {rate_hz / 1000:g} kHz",
                    name,
                    f"{error[name]:.1e}",
                    f"{1000 * wall:.2f}",
                    f"{1000 * cpu:.2f}",
                    f"{ratio:.1f}",
                ]
            )
    head = ["sound", "tree", "error", "wall ms", "CPU ms", "times as fast as WaveletPacket (CPU)"]
    return markdown(head, rows)


def _real_time_table(runs: int, shorter: float) -> str:
    rate_hz = 96_000
    rng = np.random.default_rng(1)
    samples = 0.01 * np.cumsum(rng.standard_normal(round(10 / shorter * rate_hz)))
    t = np.arange(200)
    for start in rng.integers(0, len(samples) - 200, size=len(samples) // 1_000):
        tone = np.sin(rng.uniform(1.3, 2.6) * t)
        samples[start : start + 200] += np.exp(-t / 15) * tone
    piece = samples[: 1 << 17]
    ways: dict[str, tuple[Sound, Callable[[Sound], Sound]]] = {
        "best basis and back, pieces of 1.4 s": (piece, there_and_back),
        "best basis and back, 10 s at once": (samples, there_and_back),
        "denoise, 10 s": (samples, partial(denoised, rate_hz=rate_hz)),
    }
    least = least_times(
        {name: partial(way, sound) for name, (sound, way) in ways.items()},
        max(2, runs // 4),
    )
    rows = []
    for name, (sound, way) in ways.items():
        wall, cpu = least[name]
        duration_s = len(sound) / rate_hz
        error = "" if name.startswith("denoise") else f"{np.abs(way(sound) - sound).max():.1e}"
        rows.append(
            [
                name,
                error,
                f"{1000 * wall / duration_s:.2f}",
                f"{1000 * cpu / duration_s:.2f}",
                f"{duration_s / wall:.0f}",
                f"{duration_s / cpu:.0f}",
            ]
        )
    basis = best_basis(node_costs(analysed(piece, WAVELET, DEPTH)))
    leaves = f"\n\nThe best basis of a piece has {sum(int(level.sum()) for level in basis)} leaves."
    head = ["at 96 kHz", "error", "wall ms a s", "CPU ms a s", "x real time (wall)", "(CPU)"]
    return markdown(head, rows) + leaves
