"""Every network that settings can name is exported, and the graph answers as the network does."""

from typing import Any, get_args

import numpy as np
import onnxruntime
import pytest
import torch
from tests.models.listening import lived_in, noise

from sonoscope.core.recipe import from_table
from sonoscope.models.build import CrnnNetwork, MaskCrnnNetwork, NetworkSettings, build, normalise
from sonoscope.models.export import to_onnx
from sonoscope.models.output import Output, TrackOutput, VectorOutput
from sonoscope.training.recipe import TrainRecipe

SMALL = {"filters": 8, "recurrent_units": 12, "head_units": 10}
EVERY: dict[str, list[dict[str, Any]]] = {
    "mask_crnn": [
        {"formats": ["foa"], "body": {"width": 4}},
        {"formats": ["tetra"], "body": {"width": 4}},
    ],
    "crnn": [
        {"body": SMALL},
        {"features": {"channel_format": "tetra"}, "body": {**SMALL, "time_pool": 5, "repeat": 5}},
        {"features": {"preset": "paper48"}, "body": {**SMALL, "bands": "mean", "norm": "bin"}},
        {"body": {**SMALL, "recurrent_layers": 0, "direction_head": "angles"}},
    ],
    "m_crnn": [{"body": SMALL}],
    "res_scse_crnn": [{"body": SMALL}, {"body": {**SMALL, "pre_activation": True}}],
    "seldnet2019": [{"body": SMALL}, {"body": {**SMALL, "layout": "scrambled"}}],
    "seldnet2020": [{"body": SMALL}, {"body": {**SMALL, "layout": "scrambled"}}],
    "two_stage": [
        {"body": {"filters": [4, 6], "recurrent_units": 5}},
        {"body": {"filters": [4, 6], "recurrent_units": 5, "stage": "direction"}},
    ],
    "cnn9": [{}],
    "dcase_crnn": [
        *({"body": {**SMALL, "recurrent_units": 16, "year": year}} for year in range(2021, 2025)),
        {"features": {"kind": "salsa_lite"}, "body": {**SMALL, "recurrent_units": 16, "tracks": 1}},
    ],
    "einv2": [{"body": {"filters": [4, 4, 4, 8], "inner": 8, "layers": 1}}],
}
NETWORKS = [{"kind": kind, **table} for kind, tables in EVERY.items() for table in tables]
N_LABELS, N_SERVED = 4, 3


def test_no_kind_is_forgotten() -> None:
    union, _ = get_args(NetworkSettings)
    kinds = {get_args(each)[1].tag for each in get_args(union)}
    assert kinds == EVERY.keys()


def answers(network: torch.nn.Module, sound: torch.Tensor) -> list[np.ndarray]:
    """Spell out what a graph has to give."""
    with torch.no_grad():
        answer = network(sound)
    match answer:
        case Output(activity=activity, direction=direction):
            said = [torch.sigmoid(activity[..., :N_SERVED]), direction[..., :N_SERVED, :]]
        case VectorOutput(vector=vector, distance_m=distance_m):
            said = [vector[..., :N_SERVED, :]]
            if distance_m is not None:
                said.append(distance_m[..., :N_SERVED])
        case TrackOutput(activity=activity, direction=direction):
            said = [torch.sigmoid(activity[..., :N_SERVED]), direction]
        case _:
            raise AssertionError(answer)
    return [part.numpy() for part in said]


def rate_of(settings: NetworkSettings) -> int:
    return (
        settings.front_end if isinstance(settings, MaskCrnnNetwork) else settings.features
    ).rate_hz


def window_of(settings: NetworkSettings) -> int:
    """Give 5 frames of 20 ms, or 2 of 100 ms: tracing a recurrent layer costs by the frame."""
    pooled = settings.kind not in ("mask_crnn", "crnn", "m_crnn", "res_scse_crnn", "seldnet2019")
    pooled = pooled or (isinstance(settings, CrnnNetwork) and settings.body.time_pool > 1)
    return rate_of(settings) // (5 if pooled else 10)


def name(table: dict[str, Any]) -> str:
    return "-".join(str(value) for value in table.values())[:60]


@pytest.mark.slow
@pytest.mark.parametrize("table", NETWORKS, ids=name)
def test_the_graph_answers_as_the_network(table: dict[str, Any]) -> None:
    labels = ["a", "b", "c", "d"]
    recipe = from_table({"name": "t", "labels": labels, "network": table}, TrainRecipe, where="t")
    torch.manual_seed(0)
    network = lived_in(build(recipe.network, N_LABELS))
    window = window_of(recipe.network)
    normalise(network, [0.1 * noise(2, 4, window, seed=5)])
    graph = to_onnx(network, n_labels=N_SERVED, window=window)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    silence = torch.zeros(1, 4, window)
    quiet = 1e-5 * noise(1, 4, window, seed=4)
    for sound in (0.1 * noise(1, 4, window), 0.1 * noise(3, 4, window, seed=3), quiet, silence):
        wanted = answers(network, sound)
        given = session.run(None, {"sound": sound.numpy()})
        assert len(given) == len(wanted)
        for ours, theirs in zip(wanted, given, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
