"""A network whose dropout can go on while it listens (Monte Carlo dropout), also as an ONNX graph.

Every dropout layer becomes a product with an input that says what is kept: ones where everything
is, which is what plain listening does. A graph with a default for that input does not have to be
told. As a product is broadcast, one window and many passes of masks give many answers, and what
lies before the first dropout, the convolutions of most networks, is computed once::

    sound (1, 4, sample) ──► convolutions ──► × kept (pass, ...) ──► recurrent layer ──► answers
                              once                                      for every pass

A recurrent layer's dropout between its own layers (`nn.GRU(dropout=...)`) cannot be reached.

Reference: Y. Gal and Z. Ghahramani, "Dropout as a Bayesian approximation", ICML 2016; 200 such
passes are the Monte Carlo predictions of Lan et al. 2022 (EURASIP JASMP 2022:29).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from sonoscope.models.output import Answer
from sonoscope.targets.card import Dropout


class _Site(nn.Module):
    """Where a dropout layer stood; a layer that is called twice stands at two sites."""

    def __init__(self, rate: float, *, whole_maps: bool) -> None:
        super().__init__()
        self.rate, self.whole_maps = rate, whole_maps
        self.kept: Iterator[Tensor] | None = None
        self.seen: list[Dropout] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.seen is not None:
            shape = tuple(x.shape[1:])
            if self.whole_maps:
                shape = (shape[0], *(1 for _ in shape[1:]))
            self.seen.append(Dropout(f"kept_{len(self.seen)}", self.rate, shape))
        if self.kept is not None:
            x = x * next(self.kept)
        return x


class KeptUnits(nn.Module):
    """A network that is told what each of its dropout layers keeps.

    Parameters
    ----------
    network
        It is changed: its dropout layers are taken out.
    sound
        An example to find out where its dropout layers are called, and on what shapes.
    """

    def __init__(self, network: nn.Module, sound: Float[Tensor, "batch channel sample"]) -> None:
        super().__init__()
        self.network = network
        self._sites = _replaced(network)
        self.dropout: tuple[Dropout, ...] = self._called(sound)

    def forward(
        self, sound: Float[Tensor, "batch channel sample"], kept: Sequence[Tensor]
    ) -> Answer:
        """Answer as the network does; `kept` are factors for each of `dropout` in turn."""
        waiting = iter(kept)
        for site in self._sites:
            site.kept = waiting
        answer: Answer = self.network(sound)
        for site in self._sites:
            site.kept = None
        return answer

    @torch.no_grad()
    def _called(self, sound: Tensor) -> tuple[Dropout, ...]:
        seen: list[Dropout] = []
        for site in self._sites:
            site.seen = seen
        self.network(sound)
        for site in self._sites:
            site.seen = None
        return tuple(seen)


def _replaced(network: nn.Module) -> list[_Site]:
    """Put a site in the place of every dropout layer that drops something."""
    sites: list[_Site] = []
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _DropoutNd) and child.p > 0:
                sites.append(_Site(child.p, whole_maps=not isinstance(child, nn.Dropout)))
                setattr(parent, name, sites[-1])
    return sites


def with_defaults(graph: onnx.ModelProto, dropout: Sequence[Dropout]) -> None:
    """Let a graph keep everything unless told, and answer one window with many passes.

    Sizes of batches inside are forgotten, as beyond the first product they are passes; recurrent
    layers start from zeros of any size.
    """
    if not dropout:
        return
    _infer_batches(graph.graph)
    del graph.graph.value_info[:]
    inputs = {value.name: value for value in graph.graph.input}
    inputs["sound"].type.tensor_type.shape.dim[0].dim_param = "batch"
    for site in dropout:
        value = inputs[site.name]
        dims = [f"{site.name}_pass", *(f"{site.name}_{i}" for i in range(len(site.shape)))]
        value.CopyFrom(helper.make_tensor_value_info(site.name, TensorProto.FLOAT, dims))
        ones = torch.ones([1] * len(dims)).numpy()
        graph.graph.initializer.append(numpy_helper.from_array(ones, site.name))
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "answer"
    for node in graph.graph.node:
        if node.op_type == "GRU" and len(node.input) == _STATE_OF_GRU + 1:
            del node.input[_STATE_OF_GRU]  # zeros by default
    _prune(graph.graph)


_STATE_OF_GRU = 5
_ERRORS_ONLY = 4  # the defaults of inputs are meant, and need no warning

faults = onnxruntime.capi.onnxruntime_pybind11_state


def _infer_batches(graph: onnx.GraphProto) -> None:
    """Let reshapes find out the size of the batch, where they were told that of the sound."""
    told = (*graph.value_info, *graph.output)
    known = {value.name: value.type.tensor_type.shape.dim for value in told}
    for node in graph.node:
        if node.op_type != "Reshape" or node.output[0] not in known:
            continue
        dims = known[node.output[0]]
        sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]
        if sizes.count(-1) == 1 and 0 not in sizes:
            name = f"{node.output[0]}_shape"
            graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), name))
            node.input[1] = name


def usable(
    graph: onnx.ModelProto, dropout: tuple[Dropout, ...], window: int
) -> tuple[Dropout, ...]:
    """Give the places that a graph can be told of: all, or none.

    One window with two passes must answer as the same window twice does, which a network with
    sizes of its own making may not.
    """
    if not dropout:
        return ()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((1, 4, window))).astype(np.float32)
    kept = {
        site.name: (rng.random((2, *site.shape)) >= site.rate).astype(np.float32)
        for site in dropout
    }
    wanted = session.run(None, {"sound": np.repeat(sound, 2, axis=0)} | kept)
    try:
        given = session.run(None, {"sound": sound} | kept)
    except faults.Fail:
        return ()
    pairs = zip(wanted, given, strict=True)
    same = all(one.shape == other.shape and np.allclose(one, other, 1e-3) for one, other in pairs)
    return dropout if same else ()


def _prune(graph: onnx.GraphProto) -> None:
    """Take out what nothing uses."""
    while True:
        used = {name for node in graph.node for name in node.input}
        used |= {value.name for value in graph.output}
        idle = [node for node in graph.node if not used.intersection(node.output)]
        for node in idle:
            graph.node.remove(node)
        if not idle:
            break
    named = [value for value in graph.initializer if value.name in used]
    del graph.initializer[:]
    graph.initializer.extend(named)
