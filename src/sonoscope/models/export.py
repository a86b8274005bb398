"""A network as one ONNX graph: raw sound in, activity (0..1) and direction out.

Window and labels are fixed, the batch is not. The Fourier transform inside is a matrix product;
weights and activations stay float32.
"""

import copy
import logging
import warnings

import onnx
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.core.errors import CheckpointError
from sonoscope.models.build import Network
from sonoscope.models.front_end import BandIntensity


class _Served(nn.Module):
    """The network as it is served: the wanted labels alone, probabilities in place of logits."""

    def __init__(self, network: Network, n_labels: int) -> None:
        super().__init__()
        self.network, self.n_labels = network, n_labels

    def forward(self, sound: Float[Tensor, "batch 4 sample"]) -> tuple[Tensor, Tensor]:
        output = self.network(sound)
        probability = torch.sigmoid(output.activity[..., : self.n_labels])
        return probability, output.direction[..., : self.n_labels, :]


def to_onnx(network: Network, n_labels: int, window: int) -> onnx.ModelProto:
    """Export a network of one channel format.

    Parameters
    ----------
    n_labels
        How many labels to keep, from the first.
    window
        Samples in a window.

    Raises
    ------
    CheckpointError
        If the network still has several formats: choose one with `heard_as`.
    """
    if len(network.formats) != 1:
        raise CheckpointError(
            f"a network to export must have one channel format, but it has {network.formats}"
        )
    served = _Served(copy.deepcopy(network), n_labels).eval().to("cpu", torch.float32)
    for module in served.modules():
        if isinstance(module, BandIntensity):
            module.exporting = True
    sound = torch.zeros(2, 4, window)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
            program = torch.onnx.export(
                served,
                (sound,),
                input_names=["sound"],
                output_names=["activity", "direction"],
                dynamic_shapes={"sound": {0: torch.export.Dim("batch", min=1)}},
                dynamo=True,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    assert program is not None
    return program.model_proto
