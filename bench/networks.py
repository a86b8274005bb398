"""How large the paper's networks are and how fast they learn, with one thread.

A step is what `bench.rivals` tells: raw sound to gradients and weights, on noise; the size of a
batch is the 2019 baseline's, 16 x 128 label frames of 20 ms (2.56 s), for FOA at 24 kHz (the
SELDnet of 2019: 48 kHz; that of 2020: 25 label frames of 100 ms). Seconds of sound a second, from
the least CPU time of several steps; in brackets from the least time on the clock, the lower one
where other work shares the machine.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.rivals import PRECISIONS, one_thread, sizes_of, speed_of
from bench.tables import markdown
from sonoscope.core.recipe import from_table
from sonoscope.training.recipe import TrainRecipe

NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "CNN": {"kind": "crnn", "body": {"recurrent_layers": 0}},
    "CRNN": {"kind": "crnn"},
    "M-CRNN": {"kind": "m_crnn"},
    "M-CRNN, one module": {"kind": "m_crnn", "body": {"mel_pools": [32]}},
    "Conv-Residual": {"kind": "res_scse_crnn", "body": {"placement": "none"}},
    "Res-scSE-CRNN": {"kind": "res_scse_crnn"},
    "SELDnet 2019": {"kind": "seldnet2019"},
    "SELDnet 2020": {"kind": "seldnet2020"},
}


def table(
    work: Path,
    data: Path,
    networks: Mapping[str, Mapping[str, Any]] = NETWORKS,
    *,
    scenes: int = 16,
    window_s: float = 2.56,
    steps: int = 3,
) -> str:
    """Give the table as Markdown."""
    del work, data
    rows = []
    with one_thread():
        for name, network in networks.items():
            recipe = recipe_of(network)
            step_s = recipe.label_step_s
            heard_s = round(window_s / step_s // 1 * step_s, 6)  # whole label frames
            fast = [speed_of(recipe, each, scenes, heard_s, steps) for each in PRECISIONS]
            a_second = [f"{each.cpu / (scenes * heard_s):.2f}" for each in fast]
            rows.append([name, sizes_of(recipe)[0], fast[0], fast[1], *a_second])
    head = [
        *("network", "weights (11 labels)", "float32", "bfloat16"),
        *("steps a second, float32", "bfloat16"),
    ]
    return markdown(head, rows)


def recipe_of(network: Mapping[str, Any]) -> TrainRecipe:
    """Make the recipe of a network: 11 labels, at the rate and label step that it has."""
    kind = network["kind"]
    table = {
        "name": "speed",
        "labels": [f"label {i}" for i in range(11)],
        "network": dict(network),
        "scene": {"rate_hz": 48_000 if kind == "seldnet2019" else 24_000},
        "label_step_s": 0.1 if kind == "seldnet2020" else 0.02,
        "loss": {"direction": "angles2019" if kind == "seldnet2019" else "mse"},
    }
    return from_table(table, TrainRecipe, where="bench.networks")
