"""A clip network as one ONNX graph: what it hears in, a logit a label out.

Inputs are named for what they are, `sound` (batch sample) and `prpd` (batch 2 phase amplitude); the
output is `logits` (batch label). Lengths are fixed, the batch is not. Logits are given as they are:
temperature, and when a clip is of no label, belong to the card.
"""

import copy
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor

from sonoscope.models.clip.build import ClipNetwork, Heard
from sonoscope.models.export import graph_of


def clip_network_to_onnx(
    network: ClipNetwork, heard: Sequence[Heard], example: Sequence[Tensor]
) -> onnx.ModelProto:
    """Export a network.

    Parameters
    ----------
    heard
        What it hears, as `heard_by` tells.
    example
        For each of these a batch of two or more, of the lengths that the graph will take.
    """
    alone = copy.deepcopy(network).eval().to("cpu", torch.float32)
    batch = torch.export.Dim("batch", min=1)
    return graph_of(
        alone,
        tuple(example),
        inputs=heard,
        outputs=["logits"],
        dynamic_shapes=(tuple({0: batch} for _ in heard),),
    )
