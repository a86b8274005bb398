"""The faster steps are those of `torch.nn.GRU`: the same states, the same gradients."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from sonoscope.models import recurrent
from sonoscope.models.recurrent import two_way

UNITS = 6


def gru(n_inputs: int = 5, *, layers: int = 1, dtype: torch.dtype = torch.float64) -> nn.GRU:
    torch.manual_seed(1)
    return nn.GRU(
        n_inputs, UNITS, layers, batch_first=True, bidirectional=True, dropout=0.0, dtype=dtype
    )


def learnt(layer: nn.GRU, sequence: Tensor, states: Tensor) -> list[Tensor]:
    """Give what the sequence and each weight learn from an uneven wish."""
    wish = torch.linspace(-1, 2, states.numel(), dtype=states.dtype).view_as(states).sin()
    return list(torch.autograd.grad((states * wish).sum(), [sequence, *layer.parameters()]))


@pytest.mark.parametrize(
    ("n_batch", "n_frames", "layers"), [(1, 1, 1), (3, 2, 1), (2, 17, 2), (4, 9, 1)]
)
def test_states_and_gradients_are_those_of_torch(
    n_batch: int, n_frames: int, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of four frames, with some left over."""
    monkeypatch.setattr(recurrent, "_PIECE", 4 * n_batch * UNITS)
    layer = gru(layers=layers)
    sequence = torch.randn(n_batch, n_frames, 5, dtype=torch.float64, requires_grad=True)
    ours, theirs = two_way(layer, sequence), layer(sequence)[0]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    pairs = zip(learnt(layer, sequence, ours), learnt(layer, sequence, theirs), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_gradients_are_differences() -> None:
    layer = gru()
    sequence = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: two_way(layer, given), (sequence,))


def test_beside_bfloat16_states_stay_float32() -> None:
    layer = gru(dtype=torch.float32)
    sequence = torch.randn(2, 50, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = two_way(layer, sequence)
    assert states.dtype == torch.float32
    exact = layer(sequence)[0]
    assert 0 < (states - exact).abs().max() < 0.02
    torch.autograd.backward(states.sum())
    assert layer.weight_hh_l0.grad is not None
    assert layer.weight_hh_l0.grad.dtype == torch.float32


def test_it_repeats_to_the_bit_and_writes_to_no_argument() -> None:
    layer = gru(dtype=torch.float32)
    sequence = torch.randn(3, 40, 5, requires_grad=True)
    before = sequence.detach().clone()
    runs = [
        (states := two_way(layer, sequence), *learnt(layer, sequence, states)) for _ in range(2)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))
    assert torch.equal(sequence, before)


def test_the_way_ahead_hears_no_later_frame_and_the_way_back_no_earlier_one() -> None:
    sequence = torch.randn(1, 9, 5, dtype=torch.float64, requires_grad=True)
    states = two_way(gru(), sequence)
    for way, frame in itertools.product((0, 1), (0, 4, 8)):
        of_way = states[0, frame, way * UNITS : (way + 1) * UNITS].sum()
        (heard,) = torch.autograd.grad(of_way, sequence, retain_graph=True)
        by_frame = heard[0].abs().sum(dim=-1) > 0
        wanted = torch.arange(9) <= frame if way == 0 else torch.arange(9) >= frame
        assert torch.equal(by_frame, wanted)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of torch about its own layer
def test_into_an_exported_graph_goes_the_layer_of_torch() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = gru(dtype=torch.float32)

        def forward(self, sequence: Tensor) -> Tensor:
            return two_way(self.gru, sequence)

    graph = torch.export.export(Layer(), (torch.randn(1, 3, 5),)).graph
    assert any("gru" in str(node.target) for node in graph.nodes)
