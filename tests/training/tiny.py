"""A training small enough to be killed and repeated: noise from two sides, and a tiny network.

As a script: `python tiny.py OUT WORKERS CHECKPOINT_EVERY PAUSE_S [resume] [devices] [paper]`.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.core.errors import SonoscopeError
from sonoscope.models.build import CrnnNetwork, build
from sonoscope.models.masking import MaskingSettings
from sonoscope.models.output import Output
from sonoscope.simulation.stream import Batch
from sonoscope.training.loop import Machine, Parts, Progress, fit
from sonoscope.training.mixup import MixupSettings
from sonoscope.training.recipe import TrainRecipe, ValidationSettings
from sonoscope.training.schedule import ScheduleSettings

RATE_HZ = 1_000
HOP = 20


class TinyStream:
    """One label: noise that comes and goes, from the side its second channel tells."""

    def __init__(self, seed: int, hop: int = HOP) -> None:
        self.seed, self.hop = seed, hop

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        generator = torch.Generator().manual_seed(1_000 * self.seed + step)
        n_frames = round(window_s * 50)
        active = (torch.rand(size, n_frames, 1, generator=generator) > 0.5).float()
        side = torch.randn(size, 1, 1, generator=generator).sign()
        noise = torch.randn(size, n_frames * self.hop, generator=generator)
        heard = noise * active[..., 0].repeat_interleave(self.hop, dim=1)
        sound = torch.stack([heard, heard * side[..., 0], 0 * heard, 0 * heard], dim=1)
        left = torch.tensor([0.0, 1.0, 0.0])
        direction = (active * side)[..., None, None] * left
        return Batch(sound, active[..., None], direction, active[..., None])


class TinyNetwork(nn.Module):
    """Power and intensity of each frame, a convolution, dropout, two heads."""

    def __init__(self, n_labels: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)
        )
        self.activity = nn.Linear(16, n_labels)
        self.direction = nn.Linear(16, 3 * n_labels)

    def forward(self, sound: Float[Tensor, "batch channel sample"]) -> Output:
        frames = sound.unfold(-1, HOP, HOP)
        intensity = (frames * frames[:, :1]).mean(dim=-1, keepdim=True)
        maps = self.convolution(torch.cat([intensity, intensity.abs()], dim=-1))
        features = maps.transpose(1, 2).flatten(2)
        return Output(self.activity(features), self.direction(features).unflatten(-1, (-1, 3)))


RECIPE = TrainRecipe(
    name="tiny",
    labels=("noise",),
    steps=40,
    batch_size=4,
    window_s=2.0,
    learning_rate=2e-2,
    validation=ValidationSettings(every=20, scenes=8),
    ema_decay=0.9,
)
PARTS = Parts(TinyNetwork, TinyStream(1), TinyStream(2), data_hash="tiny")

PAPER = replace(
    RECIPE,
    network=CrnnNetwork(),
    precision="bfloat16",
    window_s=0.6,
    batch_size=2,
    optimizer="adam",
    schedule=ScheduleSettings("plateau", patience=0, factor=0.5),
    masking=MaskingSettings(time_masks=1, longest_frames=5, band_masks=1, cutouts=1),
    mixup=MixupSettings("union"),
    validation=ValidationSettings(every=4, scenes=2, patience=9),
)
PAPER_PARTS = Parts(
    lambda: build(PAPER.network, 1, PAPER.masking),
    TinyStream(1, 480),
    TinyStream(2, 480),
    data_hash="paper",
)


def main() -> int:
    out, workers, every, pause_s, *rest = sys.argv[1:]

    def tell(progress: Progress) -> None:
        time.sleep(float(pause_s))
        sys.stdout.write(f"{progress.step}\n")
        sys.stdout.flush()

    machine = Machine("cpu", workers=int(workers), threads=1, checkpoint_every=int(every))
    if "devices" in rest:
        machine = replace(machine, devices=2)
    try:
        recipe, parts = (
            (replace(PAPER, steps=16), PAPER_PARTS) if "paper" in rest else (RECIPE, PARTS)
        )
        fit(recipe, Path(out), parts, resume="resume" in rest, machine=machine, on_progress=tell)
    except SonoscopeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
