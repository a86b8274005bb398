"""What is exported answers as what was trained."""

import numpy as np
import onnxruntime
import pytest
import torch

from sonoscope.core.errors import CheckpointError
from sonoscope.models.build import MaskCrnnNetwork, build
from sonoscope.models.export import to_onnx
from sonoscope.models.mask_crnn import MaskCrnnSettings

SMALL = MaskCrnnNetwork(body=MaskCrnnSettings(width=4))


@pytest.mark.slow
def test_one_format_of_several_agrees_for_any_batch() -> None:
    """Networks of one format are in `test_export_every_kind`."""
    network = build(SMALL, n_labels=5).eval().heard_as("tetra")
    graph = to_onnx(network, n_labels=3, window=3_200)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for batch in (1, 3):
        sound = 0.1 * torch.randn(batch, 4, 3_200)
        with torch.no_grad():
            output = network(sound)
        activity, direction = session.run(None, {"sound": sound.numpy()})
        assert activity.shape == (batch, 10, 3)
        probability = torch.sigmoid(output.activity[..., :3]).numpy()
        assert np.abs(activity - probability).max() < 1e-4
        assert np.abs(direction - output.direction[..., :3, :].numpy()).max() < 1e-4


def test_a_network_of_several_formats_must_choose() -> None:
    with pytest.raises(CheckpointError, match="one channel format"):
        to_onnx(build(SMALL, n_labels=2), n_labels=2, window=3_200)
