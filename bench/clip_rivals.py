"""How large and how fast the clip networks' rivals are, beside what is published of them.

Weights for 50 labels. Multiply-adds and times are of the body alone, for one clip of 5 s: maps of
128 bands and 431 frames (44.1 kHz, 11.6 ms), for CNN10 64 bands and 500 frames, for MLP-CW the
cepstra of 500 frames, for the two that begin with samples 1.51 s and 5 s of them. Times are the
least of several, one thread, by the processor and by the clock; the published figures are another
machine's, and are ratios to one another only.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.rivals import one_thread
from bench.tables import markdown
from sonoscope.models.clip.efficientnet import EfficientNet, EfficientNetSettings
from sonoscope.models.clip.rivals.acd_net import AcdNet, AcdNetSettings
from sonoscope.models.clip.rivals.audio_former import AudioFormer, AudioFormerSettings
from sonoscope.models.clip.rivals.bg_net import BGNET_SE3, BgNet, BgNetSettings
from sonoscope.models.clip.rivals.cepstra import Cepstra, CepstraSettings
from sonoscope.models.clip.rivals.cnn10 import Cnn10, Cnn10Settings
from sonoscope.models.clip.rivals.eat import Eat, EatSettings
from sonoscope.models.clip.rivals.eavit import Eavit, EavitSettings
from sonoscope.models.clip.rivals.mlp_cw import MlpCw, MlpCwSettings
from sonoscope.models.clip.rivals.mobile_net import MobileNet, MobileNetSettings
from sonoscope.models.clip.rivals.msff_net import MsffNet, MsffNetSettings
from sonoscope.models.clip.rivals.residual_network import ResNet18, ResNet18Settings

N_LABELS = 50
MAPS = (1, 128, 431)


@dataclass(frozen=True, slots=True)
class Entry:
    """A network, what it hears of a clip, and what is published: weights (million) and ms."""

    name: str
    make: Callable[[], nn.Module]
    heard: tuple[int, ...] = MAPS
    weights: str = ""
    milliseconds: str = ""


ENTRIES = (
    Entry("MLP-CW (PIPMN)", lambda: MlpCw(MlpCwSettings(), 1, 100, N_LABELS), (1, 100, 500),
          "1.46", "2.3"),
    Entry("— its cepstra, 32 kHz", lambda: Cepstra(CepstraSettings()), (160_000,), "0", "30-80"),
    Entry("BGNet", lambda: BgNet(BgNetSettings(), 1, N_LABELS)),
    Entry("BGNet-SE3", lambda: BgNet(BGNET_SE3, 1, N_LABELS)),
    Entry("MSFF-Net", lambda: MsffNet(MsffNetSettings(), 1, N_LABELS)),
    Entry("AudioFormer", lambda: AudioFormer(AudioFormerSettings(), 1, 128, N_LABELS)),
    Entry("EAViT", lambda: Eavit(EavitSettings(), 1, 128, N_LABELS)),
    Entry("EfficientNetV2-B0", lambda: EfficientNet(EfficientNetSettings(), 1, N_LABELS),
          weights="5.92", milliseconds="36"),
    Entry("ResNet-18", lambda: ResNet18(ResNet18Settings(), 1, N_LABELS), weights="11.2",
          milliseconds="39"),
    Entry("CNN10", lambda: Cnn10(Cnn10Settings(), 1, 64, N_LABELS), (1, 64, 500), "4.97", "98"),
    Entry("mn10", lambda: MobileNet(MobileNetSettings(), 1, N_LABELS), weights="4.27",
          milliseconds="26"),
    Entry("ACDNet, 1.51 s", lambda: AcdNet(AcdNetSettings(), 20_000, N_LABELS), (30_225,),
          "4.74", "19"),
    Entry("EAT-S", lambda: Eat(EatSettings(), N_LABELS), (110_250,), "5.18", "82"),
)  # fmt: skip


def table(work: Path, data: Path, entries: Sequence[Entry] = ENTRIES, *, repeats: int = 5) -> str:
    """Give the table as Markdown."""
    del work, data
    with one_thread(), torch.no_grad():
        rows = [_row(entry, repeats) for entry in entries]
    head = [
        *("network", "weights (million)", "published", "GMAC", "ms, processor", "ms, clock"),
        "published ms",
    ]
    return markdown(head, rows)


def _row(entry: Entry, repeats: int) -> list[str]:
    network = entry.make().eval()
    clip = 0.1 * torch.randn(1, *entry.heard)
    with FlopCounterMode(display=False) as counter:
        network(clip)
    weights = sum(weight.numel() for weight in network.parameters())
    cpu_s, clock_s = least_time_s(network, clip, repeats)
    return [
        *(entry.name, f"{weights / 1e6:.2f}", entry.weights),
        f"{counter.get_total_flops() / 2e9:.3g}",
        *(f"{1e3 * cpu_s:.3g}", f"{1e3 * clock_s:.3g}", entry.milliseconds),
    ]


def least_time_s(network: nn.Module, clip: Tensor, repeats: int) -> tuple[float, float]:
    """Give the least processor's and clock's time of some passes, after one that is not counted."""
    network(clip)
    cpu_s, clock_s = [], []
    for _ in range(repeats):
        began_cpu_s, began_s = time.process_time(), time.perf_counter()
        network(clip)
        cpu_s.append(time.process_time() - began_cpu_s)
        clock_s.append(time.perf_counter() - began_s)
    return min(cpu_s), min(clock_s)
