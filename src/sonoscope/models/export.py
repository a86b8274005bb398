"""A network as one ONNX graph: raw sound in, what it answers out.

| answer | outputs (shape) |
|---|---|
| class-wise | `activity` (batch frame label) in 0..1, `direction` (batch frame label 3) |
| vectors | `vector` (batch frame track label 3), and `distance_m` (… label) where it is told |
| tracks | `activity` (batch frame track label) in 0..1, `direction` (batch frame track 3) |

Window and labels are fixed, the batch is not. The Fourier transform inside is a matrix product;
weights and activations stay float32. What its dropout layers keep are inputs with a default, as
`mc_dropout` tells.
"""

import copy
import logging
import warnings
from collections.abc import Sequence
from typing import Any, assert_never

import onnx
import onnx_ir
import torch
from jaxtyping import Float
from onnxscript import optimizer
from torch import Tensor, nn

from sonoscope.core.errors import CheckpointError
from sonoscope.models.build import Network
from sonoscope.models.front_end import BandIntensity
from sonoscope.models.mask_crnn import MaskCrnn
from sonoscope.models.mc_dropout import KeptUnits, with_defaults
from sonoscope.models.output import Answer, Output, TrackOutput, VectorOutput
from sonoscope.targets.card import Dropout


class _Served(nn.Module):
    """The network as it is served: the wanted labels alone, probabilities in place of logits."""

    def __init__(self, network: KeptUnits, n_labels: int) -> None:
        super().__init__()
        self.network, self.n_labels = network, n_labels

    def forward(
        self, sound: Float[Tensor, "batch 4 sample"], kept: list[Tensor]
    ) -> tuple[Tensor, ...]:
        return tuple(_outputs(self.network(sound, kept), self.n_labels).values())


def _outputs(answer: Answer, n_labels: int) -> dict[str, Tensor]:
    """Name what a graph gives of an answer."""
    match answer:
        case Output():
            return {
                "activity": torch.sigmoid(answer.activity[..., :n_labels]),
                "direction": answer.direction[..., :n_labels, :],
            }
        case VectorOutput(vector=vector, distance_m=distance_m):
            said = {"vector": vector[..., :n_labels, :]}
            return said if distance_m is None else said | {"distance_m": distance_m[..., :n_labels]}
        case TrackOutput():
            return {
                "activity": torch.sigmoid(answer.activity[..., :n_labels]),
                "direction": answer.direction,
            }
        case _:
            assert_never(answer)


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
    sound = torch.zeros(2, 4, window)
    served = _served(network, n_labels, sound)
    dropout = served.network.dropout
    names = [site.name for site in dropout]
    kept = [torch.ones(1, *site.shape) for site in dropout]
    with torch.no_grad():
        outputs = list(_outputs(served.network(sound, kept), n_labels))
    graph = graph_of(
        served,
        (sound, kept),
        inputs=["sound", *names],
        outputs=outputs,
        dynamic_shapes={
            "sound": {0: torch.export.Dim("batch", min=1)},
            "kept": [None for _ in dropout],
        },
    )
    with_defaults(graph, dropout)
    return graph


def graph_of(
    module: nn.Module,
    example: tuple[Any, ...],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic_shapes: dict[str, Any] | tuple[Any, ...],
) -> onnx.ModelProto:
    """Export a module that is ready to be served.

    Parameters
    ----------
    example
        What it is called with.
    inputs, outputs
        Names of what the graph takes and gives.
    dynamic_shapes
        Which sizes may vary, as torch.export has it.
    """
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
            program = torch.onnx.export(
                module,
                example,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=dynamic_shapes,
                dynamo=True,
                optimize=False,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    assert program is not None
    _tidy(program.model)
    graph: onnx.ModelProto = program.model_proto
    return graph


def _tidy(model: onnx_ir.Model) -> None:
    """Work out what is constant, and leave out what nothing uses.

    The exporter's own optimiser would do that too, but it also takes numbers up to 1e-8 for zero:
    a floor that is added to a divisor would be gone, and silence become 0 / 0.
    """
    optimizer.inline(model)
    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)


def dropout_of(network: Network, window: int) -> tuple[Dropout, ...]:
    """Give the places where the exported network can leave units out, for its card."""
    return KeptUnits(copy.deepcopy(network).eval().cpu(), torch.zeros(1, 4, window)).dropout


def _served(network: Network, n_labels: int, sound: Float[Tensor, "batch 4 sample"]) -> _Served:
    alone = copy.deepcopy(network).eval().to("cpu", torch.float32)
    keep_labels(alone, n_labels)
    served = _Served(KeptUnits(alone, sound), n_labels).eval()
    for module in served.modules():
        if isinstance(module, BandIntensity):
            module.exporting = True
    return served


@torch.no_grad()
def keep_labels(network: nn.Module, n_labels: int) -> None:
    """Let the heads of a network in place answer for its first labels alone, where they can.

    What it learnt to tell apart from them is then no longer computed.
    """
    for module in network.modules():
        if isinstance(module, MaskCrnn) and module.n_labels > n_labels:
            share = n_labels / module.n_labels
            heads: tuple[nn.Module, ...] = (
                module.activity[-1],
                module.local_mask,
                module.global_mask,
                module.query,
            )
            for head in heads:
                _cut(head, share)
            module.n_labels = n_labels


def _cut(head: nn.Module, share: float) -> None:
    """Keep the first outputs of a linear or convolutional layer."""
    for name in ("weight", "bias"):
        values = getattr(head, name)
        n_outputs = round(share * len(values))
        setattr(head, name, nn.Parameter(values[:n_outputs].clone(), requires_grad=False))
