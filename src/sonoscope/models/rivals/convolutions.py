"""Double convolutions as of VGG, on which the Surrey networks stand, and answers at any rate.

Networks that pool over time answer at the rate of the labels by repeating each answer; where the
rates have no whole ratio, a label frame takes the answer of the pooled frame in which its middle
lies. Sound that does not fill its last pooled frame is filled up with what normalised features are
on average, 0, as convolutions fill up their edges.

Reference: K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015; Y. Cao et al., "Polyphonic Sound Event Detection and Localization using a
Two-Stage Strategy", DCASE Workshop 2019.
"""

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from sonoscope.core.errors import SettingError


def double_convolution(n_inputs: int, n_filters: int) -> nn.Sequential:
    """Make two 3×3 convolutions without bias, each normalised and rectified."""
    layers: list[nn.Module] = []
    for n_channels in (n_inputs, n_filters):
        convolution = nn.Conv2d(n_channels, n_filters, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_uniform_(convolution.weight, nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(n_filters), nn.ReLU()]
    return nn.Sequential(*layers)


def check_bins(n_bins: int, pool: int) -> None:
    """Refuse features whose bins a network's pools would use up.

    Raises
    ------
    SettingError
        If there are fewer bins than the pools put together make one of.
    """
    if n_bins < pool:
        raise SettingError(f"features must have at least {pool} bins, but {n_bins} were given")


class Answering(nn.Module):
    """From answers at the pooled rate to answers at the label rate.

    Parameters
    ----------
    pool
        Feature frames in a pooled frame.
    frames_per_answer
        Feature frames in a label frame, not always whole.
    """

    def __init__(self, pool: int, frames_per_answer: float) -> None:
        super().__init__()
        self.pool = pool
        # as it is written: 1.28 is 32/25
        self.frames_per_answer = Fraction(repr(float(frames_per_answer)))

    def filled_up(
        self, features: Float[Tensor, "batch channel _ bin"]
    ) -> Float[Tensor, "batch channel _ bin"]:
        """Add frames until they fill the last pooled frame."""
        return pad(features, (0, 0, 0, -features.shape[2] % self.pool))

    def forward(
        self, pooled: Float[Tensor, "batch _ *rest"], n_frames: int
    ) -> Float[Tensor, "batch _ *rest"]:
        """Give floor(n_frames / frames_per_answer) answers."""
        n_answers = int(n_frames / self.frames_per_answer)
        middles = ((i + Fraction(1, 2)) * self.frames_per_answer for i in range(n_answers))
        index = [int(middle / self.pool) for middle in middles]
        return pooled.index_select(1, torch.tensor(index, dtype=torch.long, device=pooled.device))
