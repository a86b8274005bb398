"""Exported, a clip network answers as it did, whatever the batch."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from tests.models.listening import lived_in, noise
from torch import Tensor, nn

from sonoscope.models.clip.build import (
    ClipNetworkSettings,
    EgaNetwork,
    PrpdMapSettings,
    TwoStreamEgaNetwork,
    build_clip_network,
    heard_by,
    normalise_clips,
)
from sonoscope.models.clip.ega import EgaSettings
from sonoscope.models.clip.export import clip_network_to_onnx
from sonoscope.models.clip.igam import Igam, IgamSettings
from sonoscope.models.clip.log_mel import ULTRASOUND, LogMel, LogMelSettings
from sonoscope.models.clip.mask_branch import MaskSettings
from sonoscope.models.export import graph_of

NO_IGAM, NO_MASK = IgamSettings(place="none"), MaskSettings(reading="none")
TINY = EgaSettings(width=0.25, depth=0.1, igam=NO_IGAM, mask=NO_MASK)
PATTERN = PrpdMapSettings()
EARS = LogMelSettings(rate_hz=8_000, n_bands=40)
NETWORKS: dict[str, ClipNetworkSettings] = {
    "sound, single mask": EgaNetwork(
        maps=EARS, body=replace(TINY, mask=MaskSettings(units=1), fusion="T+MT+x")
    ),
    "pattern, stacked masks, IGAM": EgaNetwork(
        maps=PATTERN,
        body=replace(
            TINY,
            se=True,
            igam=IgamSettings(place="exp", groups=4),
            mask=MaskSettings(reading="stacked", units=1, pools="by size"),
            fusion="MT",
        ),
    ),
    "two streams": TwoStreamEgaNetwork(maps=EARS, pattern=PATTERN, sound=TINY, prpd=TINY),
}


def clips(settings: ClipNetworkSettings, n: int, seed: int) -> list[Tensor]:
    of = {"sound": noise(n, 8_000, seed=seed), "prpd": noise(n, 2, 36, 32, seed=seed)}
    return [0.1 * of[each] for each in heard_by(settings)]


@pytest.mark.slow
@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_the_graph_answers_as_the_network(settings: ClipNetworkSettings) -> None:
    torch.manual_seed(0)
    network = lived_in(build_clip_network(settings, 4))
    normalise_clips(network, [0.1 * noise(2, 8_000, seed=5)])
    heard = heard_by(settings)
    graph = clip_network_to_onnx(network, heard, clips(settings, 2, seed=1))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for n in (1, 3):
        given = clips(settings, n, seed=n)
        wanted = network(*given).detach().numpy()
        named = {name: each.numpy() for name, each in zip(heard, given, strict=True)}
        (logits,) = session.run(["logits"], named)
        np.testing.assert_allclose(logits, wanted, rtol=0, atol=1e-5)
        assert np.ptp(wanted) > 0.01


class _Every(nn.Module):
    """All variants of IGAM, each on the same maps."""

    def __init__(self) -> None:
        super().__init__()
        base = IgamSettings(kernel=3)
        variants = (
            base,
            replace(base, form="identifiable", groups=4),
            replace(base, form="inside", bottleneck="gc", groups=8, uneven="more channels"),
            replace(base, tokens="channels", channel_sigmoid=False),
            replace(base, tokens="channels", bottleneck="gc", spatial_bias=2.0),
        )
        self.variants = nn.ModuleList(Igam(each, 16) for each in variants)
        self.ears = LogMel(replace(ULTRASOUND, n_bands=16, highest_hz=None))

    def forward(self, maps: Tensor, ultrasound: Tensor) -> tuple[Tensor, ...]:
        return *(igam(maps) for igam in self.variants), self.ears(ultrasound)


@pytest.mark.slow
def test_every_variant_of_igam_and_the_ultrasonic_front_end_are_exported_as_they_are() -> None:
    torch.manual_seed(0)
    every = lived_in(_Every())
    for weight in every.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    batch = torch.export.Dim("batch", min=1)
    outputs = ["a", "b", "c", "d", "e", "f"]
    graph = graph_of(
        every,
        (noise(2, 16, 9, 11), noise(2, 9_600)),
        inputs=["maps", "ultrasound"],
        outputs=outputs,
        dynamic_shapes=({0: batch}, {0: batch}),
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    given = noise(3, 16, 9, 11, seed=2), noise(3, 9_600, seed=3)
    said = session.run(outputs, {"maps": given[0].numpy(), "ultrasound": given[1].numpy()})
    for ours, theirs in zip(every(*given), said, strict=True):
        np.testing.assert_allclose(theirs, ours.detach().numpy(), rtol=0, atol=1e-5)
