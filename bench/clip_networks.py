"""How large, how dear and how fast the clip networks are, with one thread.

Parameters and multiply-adds (of convolutions and matrix products, as torch counts them) are of the
body alone, for 50 labels and a map of 128 x 431 (5 s at 44.1 kHz, hop 512). Times are a clip's of
5 s at 16 kHz with the front end, or a PRPD pattern's of two half cycles of 36 x 32: the least
processor time of several runs, in torch and in ONNX Runtime; the size of the file is that of the
graph. Steps of training are on batches of such maps, in channels_last, in float32 and in bfloat16.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.rivals import one_thread
from bench.tables import markdown
from sonoscope.models.clip.build import (
    EgaNetwork,
    MapSettings,
    PrpdMapSettings,
    build_clip_network,
    heard_by,
)
from sonoscope.models.clip.ega import Ega, EgaSettings
from sonoscope.models.clip.export import clip_network_to_onnx
from sonoscope.models.clip.igam import IgamSettings
from sonoscope.models.clip.log_mel import LogMelSettings
from sonoscope.models.clip.mask_branch import MaskSettings

NO_IGAM, NO_MASK = IgamSettings(place="none"), MaskSettings(reading="none")
STACKED, FOUR_GROUPS = MaskSettings(reading="stacked"), IgamSettings(groups=4)
BASELINE = EgaSettings(igam=NO_IGAM, mask=NO_MASK)
HALF = EgaSettings(width=0.5, igam=FOUR_GROUPS, mask=STACKED)
EVEN = IgamSettings(groups=4, uneven="more channels")
BODIES: Mapping[str, EgaSettings] = {
    "baseline B0, no SE, IGAM, mask": BASELINE,
    "+ SE": replace(BASELINE, se=True),
    "+ mask single": replace(BASELINE, mask=MaskSettings()),
    "+ mask stacked": replace(BASELINE, mask=STACKED),
    "+ IGAM out, 7x7, r 4": EgaSettings(mask=NO_MASK),
    "EGA (IGAM out, mask single)": EgaSettings(),
    "EGA, groups 4": EgaSettings(igam=FOUR_GROUPS),
    "EGA, width 0.5, groups 4, stacked": HALF,
    "the same, more channels": replace(HALF, igam=EVEN),
    "EGA, width 0.5, 3x3, stacked": replace(HALF, igam=IgamSettings(kernel=3)),
    "EGA, width 0.25, more channels, stacked": replace(HALF, width=0.25, igam=EVEN),
    "IGAM at the SE place": EgaSettings(igam=IgamSettings(place="exp"), mask=NO_MASK),
    "the same, r 16, groups 8": EgaSettings(
        igam=IgamSettings(place="exp", ratio=16, groups=8), mask=NO_MASK
    ),
    "the same, more channels, r 16, groups 8": EgaSettings(
        igam=IgamSettings(place="exp", ratio=16, groups=8, uneven="more channels"), mask=NO_MASK
    ),
}
MAPS: Mapping[str, MapSettings] = {
    "128 mels, 10 ms": LogMelSettings(rate_hz=16_000),
    "64 mels, 10 ms": LogMelSettings(rate_hz=16_000, n_bands=64),
    "64 mels, 20 ms": LogMelSettings(rate_hz=16_000, n_bands=64, hop_s=0.02),
    "PRPD": PrpdMapSettings(),
}
TIMED = (
    "baseline B0, no SE, IGAM, mask",
    "EGA (IGAM out, mask single)",
    "EGA, width 0.5, groups 4, stacked",
    "the same, more channels",
    "EGA, width 0.5, 3x3, stacked",
    "EGA, width 0.25, more channels, stacked",
)


def table(
    work: Path,
    data: Path,
    bodies: Mapping[str, EgaSettings] = BODIES,
    maps: Mapping[str, MapSettings] = MAPS,
    *,
    runs: int = 5,
    batch: int = 32,
) -> str:
    """Give the tables as Markdown."""
    del work, data
    with one_thread():
        sizes = [[name, *size_of(body)] for name, body in bodies.items()]
        timed = {name: bodies[name] for name in TIMED if name in bodies}
        times = [
            [name, heard, *times_of(EgaNetwork(maps=each, body=body), runs)]
            for name, body in timed.items()
            for heard, each in maps.items()
        ]
        steps = [
            [name, heard, *steps_of(EgaNetwork(maps=each, body=body), batch)]
            for name, body in timed.items()
            for heard, each in maps.items()
            if heard in ("64 mels, 20 ms", "PRPD")
        ]
    return "\n\n".join(
        [
            markdown(["variant", "parameters (M)", "GMAC"], sizes),
            markdown(["variant", "hears", "torch (ms)", "ONNX Runtime (ms)", "file (MB)"], times),
            markdown(["variant", "hears", "float32 (steps/s)", "bfloat16 (steps/s)"], steps),
        ]
    )


def size_of(settings: EgaSettings, n_bins: int = 128, n_frames: int = 431) -> tuple[str, str]:
    """Count parameters (millions) and multiply-adds (milliards) of a body."""
    with torch.device("meta"):
        network = Ega(settings, n_channels=1, n_bins=n_bins, n_labels=50).eval()
        maps = torch.zeros(1, 1, n_bins, n_frames)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(maps)
    weights = sum(weight.numel() for weight in network.parameters())
    return f"{weights / 1e6:.3f}", f"{counter.get_total_flops() / 2e9:.3f}"


def times_of(settings: EgaNetwork, runs: int) -> tuple[str, str, str]:
    """Time one clip, and weigh the file."""
    network = build_clip_network(settings, 50).eval()
    clip = _clips(settings, 2)
    with torch.no_grad():
        in_torch = _least(lambda: network(clip[:1]), runs)
    graph = clip_network_to_onnx(network, heard_by(settings), [clip]).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)
    given = {heard_by(settings)[0]: clip[:1].numpy()}
    in_onnx = _least(lambda: session.run(None, given), runs)
    return f"{1e3 * in_torch:.1f}", f"{1e3 * in_onnx:.1f}", f"{len(graph) / 1e6:.2f}"


def steps_of(settings: EgaNetwork, batch: int) -> tuple[str, str]:
    """Train on noise for a few steps, in both precisions."""
    network: nn.Module = build_clip_network(settings, 50)
    body = network.get_submodule("body").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        (maps,) = build_clip_network(settings, 50).maps(_clips(settings, batch))
    maps = maps.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(body.parameters(), lr=1e-4, fused=True)
    truth = torch.arange(batch) % 50

    def step(precision: torch.dtype) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = body(maps)
        torch.autograd.backward(nn.functional.cross_entropy(logits.float(), truth))
        optimizer.step()
        optimizer.zero_grad()

    exact = _least(partial(step, torch.float32), 1)
    half = _least(partial(step, torch.bfloat16), 1)
    return f"{1 / exact:.2f}", f"{1 / half:.2f}"


def _clips(settings: EgaNetwork, n: int) -> Tensor:
    if isinstance(settings.maps, PrpdMapSettings):
        return torch.rand(n, 2, settings.maps.n_phases, settings.maps.n_amplitudes)
    return 0.1 * torch.randn(n, 5 * settings.maps.rate_hz)


def _least(work: Callable[[], object], runs: int) -> float:
    """Give the least processor time of some runs after the first, in seconds."""
    work()
    times = []
    for _ in range(runs):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
