"""How fast the paper's CRNN learns: `sonoscope train` beside the same network on librosa's maps.

Both read the same noise of four channels (FOA, 24 kHz, crops of 5.12 s), in one process with one
thread, in turns; the best of several steps counts. Ours is the training loop as `sonoscope train`
runs it, on raw sound, with the front end inside. The other is a plain PyTorch loop: librosa's STFT
and mel spectrogram and the intensities in numpy for every crop, then the same network with
`torch.nn.GRU`, Adam and the same loss. Making scenes is left out on both sides. The second table
says what a step of ours is made of, the third how fast the paper's other networks learn.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args
from unittest.mock import patch

import librosa
import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor, nn

from sonoscope.models import crnn
from sonoscope.models.build import (
    CrnnNetwork,
    MCrnnNetwork,
    Network,
    ResScseCrnnNetwork,
    build,
)
from sonoscope.models.crnn import Crnn, CrnnSettings
from sonoscope.models.output import Output
from sonoscope.models.paper_features import PaperFeatureSettings, mel_bands
from sonoscope.simulation.stream import Batch
from sonoscope.simulation.threads import one_thread
from sonoscope.training import ema
from sonoscope.training.loop import Machine, Parts, fit
from sonoscope.training.losses import Truth, loss
from sonoscope.training.memory import keep_freed_memory
from sonoscope.training.recipe import LossSettings, Precision, TrainRecipe, ValidationSettings

WINDOW_S = 5.12
N_LABELS = 11
FEATURES = PaperFeatureSettings(edges="zeros")  # librosa's own edges
LOSS = LossSettings(direction="mse")
CRNN = CrnnNetwork(features=FEATURES)


def noise(size: int) -> Batch:
    """Make crops of noise, with labels that come and go."""
    generator = torch.Generator().manual_seed(1)
    n_samples = round(WINDOW_S * FEATURES.rate_hz)
    shape = (size, n_samples // FEATURES.hop, N_LABELS, 1)
    active = (torch.rand(shape, generator=generator) < 0.1).float()
    direction = torch.zeros(*shape, 3)
    direction[..., 0] = active
    sound = 0.1 * torch.randn(size, 4, n_samples, generator=generator)
    return Batch(sound, active, direction, 0 * active)


@dataclass(frozen=True, slots=True)
class Held:
    """The batch of a stream, held in memory, so that no time goes into making it."""

    held: Batch

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Give as many scenes of it as are asked for."""
        del step, window_s
        batch = self.held
        return Batch(
            batch.sound[:size],
            batch.active[:size],
            batch.direction[:size],
            batch.distance_m[:size],
        )


def table(
    work: Path,
    data: Path,
    sizes: tuple[int, ...] = (4, 8, 16, 32),
    steps: int = 4,
    crops: int = 8,
) -> str:
    """Give the tables as Markdown; `crops` are in a batch of the last two."""
    del work, data
    with one_thread():
        keep_freed_memory()
        rows = [
            "| batch | ours, float32 | ours, bfloat16 | librosa's features, float32 | of that"
            " librosa | ours (bfloat16) over theirs |",
            "|--:|--:|--:|--:|--:|--:|",
        ]
        for size in sizes:
            batch = noise(size)
            sound_s = size * WINDOW_S
            ours = sound_s / _ours(batch, "float32", steps)
            half = sound_s / _ours(batch, "bfloat16", steps)
            theirs, features = _theirs(batch, steps)
            rows.append(
                f"| {size} | {ours:.0f} | {half:.0f} | {sound_s / theirs:.0f}"
                f" | {100 * features / theirs:.0f} % | {half * theirs / sound_s:.1f} |"
            )
        return (
            "Seconds of sound a second:\n\n"
            + "\n".join(rows)
            + f"\n\nMilliseconds of a step of {crops} crops of {WINDOW_S} s:\n\n"
            + parts_table(crops, steps)
            + f"\n\nThe paper's networks, batches of {crops}, seconds of sound a second:\n\n"
            + networks_table(crops, steps)
        )


def networks_table(size: int, steps: int) -> str:
    """Say how fast each network of the paper learns, in FOA and as a tetrahedron."""
    batch = noise(size)
    tetra = replace(FEATURES, channel_format="tetra")
    rows = ["| network | float32 | bfloat16 |", "|---|--:|--:|"]
    for name, network in (
        ("CNN, FOA", CrnnNetwork(features=FEATURES, body=CrnnSettings(recurrent_layers=0))),
        ("CRNN, FOA", CrnnNetwork(features=FEATURES)),
        ("CRNN, MIC", CrnnNetwork(features=tetra)),
        ("M-CRNN, FOA", MCrnnNetwork(features=FEATURES)),
        ("Res-scSE-CRNN, FOA", ResScseCrnnNetwork(features=FEATURES)),
        ("Res-scSE-CRNN, MIC", ResScseCrnnNetwork(features=tetra)),
    ):
        each, half = (
            size * WINDOW_S / _ours(batch, precision, steps, network)
            for precision in get_args(Precision)
        )
        rows.append(f"| {name} | {each:.0f} | {half:.0f} |")
    return "\n".join(rows)


def _ours(
    batch: Batch,
    precision: Precision,
    steps: int,
    network: CrnnNetwork | MCrnnNetwork | ResScseCrnnNetwork = CRNN,
) -> float:
    """Train for some steps; the seconds of one, without start, validation and checkpoint."""
    size = len(batch.sound)
    recipe = TrainRecipe(
        name="speed",
        labels=tuple(f"label {i}" for i in range(N_LABELS)),
        network=network,
        loss=LOSS,
        batch_size=size,
        window_s=WINDOW_S,
        steps=2 + steps,
        precision=precision,
        validation=ValidationSettings(every=1_000_000, scenes=1),
    )
    stream = _Clocked(Held(batch))
    parts = Parts(_Network(network), stream, Held(batch), "speed", network.formats)
    with tempfile.TemporaryDirectory() as folder:
        fit(recipe, Path(folder), parts, machine=Machine("cpu", workers=0, threads=1))
    return min(stream.between(steps))


class _Clocked:
    """A stream that notes when it was asked."""

    def __init__(self, stream: Held) -> None:
        self.stream, self.asked_s = stream, list[float]()

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Pass it on."""
        self.asked_s.append(time.perf_counter())
        return self.stream.batch(step, size, window_s)

    def between(self, steps: int) -> list[float]:
        """Give the seconds between the last asks: the first are for normalising features."""
        return list(np.diff(self.asked_s[-steps - 1 :]))


@dataclass(frozen=True, slots=True)
class _Network:
    settings: CrnnNetwork | MCrnnNetwork | ResScseCrnnNetwork

    def __call__(self) -> Network:
        return build(self.settings, N_LABELS)


def _theirs(batch: Batch, steps: int) -> tuple[float, float]:
    """Give the seconds of a step of the plain loop, and those of them in librosa."""
    body = build(CRNN, N_LABELS).body
    optimizer = torch.optim.Adam(body.parameters(), lr=1e-3)
    truth, mel = Truth.of(batch), mel_bands(FEATURES).astype(np.float32)
    best, of_features = np.inf, np.inf
    with _torchs_gru():
        for _ in range(2 + steps):
            began = time.perf_counter()
            maps = np.stack([librosa_maps(crop, mel) for crop in batch.sound.numpy()])
            made = time.perf_counter()
            torch.autograd.backward(loss(body(torch.from_numpy(maps)), truth, LOSS).total)
            optimizer.step()
            optimizer.zero_grad()
            ended = time.perf_counter()
            if ended - began < best:
                best, of_features = ended - began, made - began
    return best, of_features


def librosa_maps(
    crop: Float32[ndarray, "channel sample"], mel: Float32[ndarray, "bin mel"]
) -> Float32[ndarray, "map frame mel"]:
    """Give the seven maps of FOA as the baselines make them: librosa, then numpy."""
    spectrum = librosa.stft(
        crop, n_fft=FEATURES.n_fft, hop_length=FEATURES.hop, win_length=FEATURES.window
    )
    spectrum = spectrum[..., : crop.shape[1] // FEATURES.hop].swapaxes(1, 2)
    power = np.abs(spectrum) ** 2
    levels = librosa.power_to_db(power @ mel, ref=1.0, amin=1e-10, top_db=None)
    flow = np.real(np.conj(spectrum[:1]) * spectrum[[3, 1, 2]])
    flow = flow / (np.sqrt((flow**2).sum(axis=0)) + 1e-8)
    return np.asarray(np.concatenate([levels, flow @ mel]), np.float32)


@contextmanager
def _torchs_gru() -> Iterator[None]:
    """Let the network use PyTorch's own GRU."""

    def plain(gru: nn.GRU, sequence: Tensor) -> Tensor:
        both: Tensor = gru(sequence)[0]
        return both

    with patch.object(crnn, "two_way", plain):
        yield


def parts_table(size: int, rounds: int) -> str:
    """Say what a step is made of, in both precisions."""
    batch = noise(size)
    rows = ["| part | float32 | bfloat16 |", "|---|--:|--:|"]
    costs = [_parts(batch, precision, rounds) for precision in ("float32", "bfloat16")]
    rows += [
        f"| {name} | {1e3 * costs[0][name]:.0f} | {1e3 * costs[1][name]:.0f} |" for name in costs[0]
    ]
    return "\n".join(rows)


def _parts(batch: Batch, precision: str, rounds: int) -> dict[str, float]:
    network = build(CRNN, N_LABELS)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    front, body = network.front_ends[0], cast(Crnn, network.body)
    average, truth = ema.averaged_copy(network), Truth.of(batch)
    optimizer = torch.optim.AdamW(body.parameters(), lr=1e-3, fused=True)
    half = precision == "bfloat16"
    maps = front(batch.sound)
    sequence = torch.randn(*maps.shape[:3:2], 128, requires_grad=True)

    def convolutions() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            seen = body.convolutions(maps)
        torch.autograd.backward(seen.float().square().mean())

    def answers(tail: Callable[[Float[Tensor, "batch frame _"]], Output]) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output = tail(sequence)
        torch.autograd.backward(loss(output, truth, LOSS).total)

    def torchs() -> None:
        with _torchs_gru():
            answers(body.tail)

    def weights() -> None:
        nn.utils.clip_grad_norm_(body.parameters(), 5.0)
        optimizer.step()
        ema.follow(average, network, 0.998, 10)

    return {
        "front end": _best(lambda: front(batch.sound), rounds),
        "convolutions, forward and back": _best(convolutions, rounds),
        "GRUs, heads and loss, forward and back": _best(lambda: answers(body.tail), rounds),
        "(the same with torch.nn.GRU)": _best(torchs, rounds),
        "clipping, AdamW, average": _best(weights, rounds),
    }


def _best(run: Callable[[], object], rounds: int) -> float:
    run()
    costs = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        costs.append(time.perf_counter() - began)
    return min(costs)
