"""What holds for every rival: its size and shapes, that all of it learns, that it is served."""

from typing import Any, get_args

import numpy as np
import onnxruntime
import pytest
import torch
from pydantic import TypeAdapter
from tests.models.listening import noise, size
from torch import Tensor, nn

from sonoscope.models.clip.build import (
    ClipNetwork,
    ClipNetworkSettings,
    build_clip_network,
    heard_by,
    normalise_clips,
)
from sonoscope.models.clip.export import clip_network_to_onnx
from sonoscope.models.clip.log_mel import LogMelSettings
from sonoscope.models.clip.rivals.audio_former import AudioFormer
from sonoscope.models.clip.rivals.cepstra import CepstraSettings
from sonoscope.models.clip.rivals.raw_sound import RawSoundSettings

SETTINGS: TypeAdapter[Any] = TypeAdapter(ClipNetworkSettings)
MAPS = {"rate_hz": 8_000, "n_bands": 32}
PRPD = {"kind": "prpd"}
SWIN = {"swin_width": 6, "swin_depths": [1, 2, 1, 1], "swin_heads": [1, 2, 2, 2]}
SMALL: dict[str, dict[str, Any]] = {
    "resnet18": {"maps": MAPS, "body": {"width": 4}},
    "cnn10": {"maps": MAPS, "body": {"filters": [4, 4, 6, 8]}},
    "mobile_net": {"maps": MAPS, "body": {"width": 0.1}},
    "bg_net": {"maps": MAPS, "body": {"width": 4, **SWIN}},
    "bg_net_se3": {"maps": MAPS, "body": {"width": 16, **SWIN, "excited": True}},
    "msff_net": {"maps": MAPS, "body": {"filters": [8, 128, 128], "early": 16}},
    "audio_former": {
        "maps": MAPS,
        "body": {"width": 16, "inner": 24, "layers": 2, "codes": 8, "heads": 2},
    },
    "eavit": {"maps": MAPS, "body": {"width": 24, "layers": 2, "inner": 32, "slots": 16}},
    "mlp_cw": {"maps": {"kind": "cepstra", "rate_hz": 8_000, "n_bands": 8, "n_coefficients": 5}},
    "acd_net": {"maps": {"rate_hz": 8_000}, "body": {"width": 4}},
    "eat": {"maps": {"rate_hz": 8_000}, "body": {"filters": 2, "width": 16, "inner": 20}},
    "resnet18_prpd": {"maps": PRPD, "body": {"width": 4}},
    "cnn10_prpd": {"maps": PRPD, "body": {"filters": [4, 4, 6, 8]}},
    "mobile_net_prpd": {"maps": PRPD, "body": {"width": 0.1}},
    "bg_net_prpd": {"maps": PRPD, "body": {"width": 4, "views": "channels", **SWIN}},
    "msff_net_prpd": {"maps": PRPD, "body": {"filters": [8, 128, 128], "early": 16}},
    "audio_former_prpd": {
        "maps": PRPD,
        "body": {"width": 16, "inner": 24, "layers": 2, "codes": 8, "heads": 2},
    },
    "eavit_prpd": {"maps": PRPD, "body": {"width": 24, "layers": 2, "inner": 32, "slots": 16}},
    "mlp_cw_prpd": {"maps": PRPD},
}
N_LABELS = 5

PUBLISHED = {
    "resnet18": 11_195_890,  # 11 689 512 for 3 channels and 1000 labels
    "cnn10": 4_974_578 + 2 * (128 - 64),  # 5 219 279 for 527 labels and 64 bands
    "mobile_net": 4_265_794,  # "4.27 M"
    "mlp_cw": 1_463_690,  # 1.46 M for 10 labels
    "acd_net": 4_735_378,  # "4.74 M"
    "eat": 5_183_618,  # "5.18 M"
}
OURS = {
    "bg_net": 38_755_244,
    "msff_net": 6_223_416,
    "audio_former": 5_441_714,
    "eavit": 14_384_306,
}


def settings_of(name: str, table: dict[str, Any]) -> Any:
    kind = name.removesuffix("_prpd").removesuffix("_se3")
    return SETTINGS.validate_python({"kind": kind, **table})


def small(name: str) -> ClipNetwork:
    torch.manual_seed(0)
    network = build_clip_network(settings_of(name, SMALL[name]), N_LABELS)
    normalise_clips(network, [clips_of(name, 4, seed=9)])
    # one pass in training, whose statistics are then kept, as weights may begin very small
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(clips_of(name, 4, seed=9))
    return network.eval()


def clips_of(name: str, n_clips: int, seed: int = 0) -> Tensor:
    if name.endswith("_prpd"):
        return noise(n_clips, 2, 36, 32, seed=seed).relu()
    n_samples = 40_000 if name == "eat" else 8_000
    return 0.1 * noise(n_clips, n_samples, seed=seed)


def test_no_kind_is_forgotten() -> None:
    union, _ = get_args(ClipNetworkSettings)
    kinds = {get_args(each)[1].tag for each in get_args(union)}
    tested = {name.removesuffix("_prpd").removesuffix("_se3") for name in SMALL}
    assert tested <= kinds
    assert PUBLISHED.keys() | OURS.keys() <= tested


@pytest.mark.parametrize(("kind", "weights"), (PUBLISHED | OURS).items())
def test_its_size_for_fifty_labels(kind: str, weights: int) -> None:
    with torch.device("meta"):
        body = build_clip_network(SETTINGS.validate_python({"kind": kind}), 50).body
    assert size(body) == weights


def test_front_ends_are_what_settings_say() -> None:
    assert isinstance(SETTINGS.validate_python({"kind": "eavit"}).maps, LogMelSettings)
    assert isinstance(SETTINGS.validate_python({"kind": "mlp_cw"}).maps, CepstraSettings)
    raw = SETTINGS.validate_python({"kind": "acd_net"}).maps
    assert isinstance(raw, RawSoundSettings)
    assert raw.rate_hz == 20_000
    with pytest.raises(ValueError, match="raw_sound"):
        SETTINGS.validate_python({"kind": "acd_net", "maps": {"kind": "log_mel"}})


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_is_heard_clip_by_clip(name: str) -> None:
    network, clips = small(name), clips_of(name, 3)
    with torch.no_grad():
        together = network(clips)
        alone = torch.cat([network(clip[None]) for clip in clips])
    assert together.shape == (3, N_LABELS)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_learns(name: str) -> None:
    network, clips = small(name), clips_of(name, 4)
    loss = network(clips).square().sum()
    if isinstance(network.body, AudioFormer):
        maps = network.maps(clips)[0]
        loss = loss + network.body.gap_loss(maps, torch.Generator().manual_seed(0))
        loss = loss + network.body.fine_tuning_loss(maps, torch.eye(N_LABELS)[[0, 1, 1, 2]])
    names, weights = zip(*network.named_parameters(), strict=True)
    for which, gradient in zip(names, torch.autograd.grad(loss, weights), strict=True):
        assert gradient.abs().sum() > 0, which


@pytest.mark.parametrize("name", ["eavit", "mlp_cw", "resnet18"])
def test_moments_of_the_training_are_taken(name: str) -> None:
    network, clips = small(name), clips_of(name, 8)
    normalise_clips(network, [clips[:4], clips[4:]])
    maps = network.maps(clips)[0]
    assert maps.mean(dim=(0, 1, 3)).abs().max() < 1e-2
    assert (maps.std(dim=(0, 1, 3)) - 1).abs().max() < 1e-2


@pytest.mark.parametrize("name", ["audio_former", "audio_former_prpd"])
def test_codes_are_learnt_from_the_training_too(name: str) -> None:
    network, clips = small(name), clips_of(name, 8)
    assert isinstance(network.body, AudioFormer)
    maps = network.maps(clips)[0]
    error = {}
    for when in ("drawn", "learnt"):
        if when == "learnt":
            normalise_clips(network, [clips[:4], clips[4:]])
        else:
            network.body.quantiser.books.normal_()
        vectors = network.body._vectors(maps)
        told = network.body.quantiser.restored(network.body.quantiser(vectors))
        error[when] = (told - vectors).square().mean().item()
    assert error["learnt"] < 0.8 * vectors.square().mean().item()
    assert error["learnt"] < error["drawn"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_graph_answers_as_the_network(name: str) -> None:
    network = small(name)
    (heard,) = heard_by(settings_of(name, SMALL[name]))
    graph = clip_network_to_onnx(network, [heard], [clips_of(name, 2)])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for clips in (clips_of(name, 1), clips_of(name, 3, seed=3), 0.2 * clips_of(name, 1, seed=4)):
        with torch.no_grad():
            wanted = network(clips).numpy()
        (given,) = session.run(None, {heard: clips.numpy()})
        np.testing.assert_allclose(given, wanted, rtol=0, atol=1e-4 * max(1, abs(wanted).max()))
