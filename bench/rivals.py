"""How large the rivals are and how fast they learn, each as its recipe says, with one thread.

A step is: raw sound to features to answers, loss, gradients, AdamW; on noise of 5 s with labels
that come and go, held in memory, so that making scenes is left out. Seconds of sound a second, from
the least CPU time of several steps; in brackets from the least time on the clock, which is the
lower one where other work shares the machine.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.core.recipe import read_recipe
from sonoscope.models.build import build, target_of
from sonoscope.targets.card import COPIES
from sonoscope.training.losses import Truth, loss
from sonoscope.training.recipe import Precision, TrainRecipe

RECIPES = Path(__file__).parents[1] / "recipes"
PAPER = RECIPES / "paper_res_scse_crnn.toml"
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of sound a second: by the processor's time, and by the clock."""

    cpu: float
    clock: float

    def __str__(self) -> str:
        return f"{self.cpu:.3g} ({self.clock:.2g})"


def table(
    work: Path,
    data: Path,
    files: Sequence[Path] | None = None,
    *,
    scenes: int = 4,
    window_s: float = 5.0,
    steps: int = 3,
) -> str:
    """Give the table as Markdown; the paper's network stands first."""
    del work, data
    rows = [
        "| recipe | weights (11 labels) | of them learnt | target | float32 | bfloat16 |",
        "|---|--:|--:|---|--:|--:|",
    ]
    with one_thread():
        for file in files or [PAPER, *sorted((RECIPES / "rivals").glob("*.toml"))]:
            recipe = read_recipe(file, TrainRecipe)
            sizes = sizes_of(recipe)
            fast = [
                speed_of(recipe, precision, scenes, window_s, steps) for precision in PRECISIONS
            ]
            rows.append(
                f"| {file.stem} | {sizes[0]:,} | {sizes[1]:,} | {target_of(recipe.network)}"
                f" | {fast[0]} | {fast[1]} |".replace(",", " ")
            )
    return "\n".join(rows)


def sizes_of(recipe: TrainRecipe) -> tuple[int, int]:
    """Count a network's weights for 11 labels, and those of them that are learnt."""
    weights = list(build(recipe.network, 11).parameters())
    return (
        sum(weight.numel() for weight in weights),
        sum(weight.numel() for weight in weights if weight.requires_grad),
    )


def speed_of(
    recipe: TrainRecipe, precision: Precision, scenes: int, window_s: float, steps: int
) -> Speed:
    """Take some steps on noise."""
    network: nn.Module = build(recipe.network, len(recipe.all_labels))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4, fused=True)
    n_samples = whole_samples(window_s, recipe.rate_hz)
    sound = 0.1 * torch.randn(scenes, 4, n_samples)
    truth = _truth(recipe, scenes, n_samples)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            answer = network(sound)
        torch.autograd.backward(loss(answer, truth, recipe.loss).total)
        optimizer.step()
        optimizer.zero_grad()

    step()
    costs = []
    for _ in range(steps):
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        step()
        costs.append((time.process_time() - began_cpu_s, time.perf_counter() - began_s))
    cpu_s, clock_s = (min(each) for each in zip(*costs, strict=True))
    return Speed(scenes * window_s / cpu_s, scenes * window_s / clock_s)


def _truth(recipe: TrainRecipe, scenes: int, n_samples: int) -> Truth:
    hop = whole_samples(recipe.label_step_s, recipe.rate_hz)
    n_frames = FrameGrid(recipe.rate_hz, hop).count(n_samples)
    shape = (scenes, n_frames, len(recipe.all_labels), COPIES[target_of(recipe.network)])
    active = (torch.rand(shape) < 0.03).float()
    direction = nn.functional.normalize(torch.randn(*shape, 3), dim=-1)
    return Truth(active, active[..., None] * direction, 2 * active)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
