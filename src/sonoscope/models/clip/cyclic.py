"""Networks for maps whose first axis is a circle: what lies past its end is its beginning.

Convolutions and max poolings of a network that was built for flat maps are exchanged for such that
pad phases around the circle (and amplitudes with nothing, as before). Turning the maps by as many
phases as the network's strides multiply to then turns what it computes, and a mean over all places
does not change. What interpolates (mask branches) stays flat at the seam.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def around(
    maps: Float[Tensor, "batch channel phase amplitude"], by: int
) -> Float[Tensor, "batch channel more amplitude"]:
    """Continue maps by some phases at either end of the circle."""
    return torch.cat([maps[:, :, -by:], maps, maps[:, :, :by]], dim=2)


class CyclicConv2d(nn.Module):
    """A convolution whose first axis is a circle."""

    def __init__(self, flat: nn.Conv2d) -> None:
        super().__init__()
        self.by = _padding(flat)[0]
        self.flat = flat
        flat.padding = (0, _padding(flat)[1])

    def forward(
        self, maps: Float[Tensor, "batch channel phase amplitude"]
    ) -> Float[Tensor, "batch filter fewer_phases fewer_amplitudes"]:
        """Convolve."""
        convolved: Tensor = self.flat(around(maps, self.by))
        return convolved


class CyclicMaxPool2d(nn.Module):
    """A max pooling of 3 × 3 and stride 2 whose first axis is a circle."""

    def forward(
        self, maps: Float[Tensor, "batch channel phase amplitude"]
    ) -> Float[Tensor, "batch channel fewer_phases fewer_amplitudes"]:
        """Pool."""
        return functional.max_pool2d(around(maps, 1), 3, 2, padding=(0, 1))


def make_cyclic(network: nn.Module) -> None:
    """Exchange what pads in a network, in place."""
    for name, part in network.named_children():
        if isinstance(part, nn.Conv2d) and _padding(part)[0]:
            setattr(network, name, CyclicConv2d(part))
        elif isinstance(part, nn.MaxPool2d):
            setattr(network, name, CyclicMaxPool2d())
        else:
            make_cyclic(part)


def _padding(flat: nn.Conv2d) -> tuple[int, int]:
    assert not isinstance(flat.padding, str)
    phases, amplitudes = flat.padding
    return phases, amplitudes
