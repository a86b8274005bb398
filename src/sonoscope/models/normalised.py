"""Front ends whose maps are normalised, for each map and bin, by what the training sounds hold."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn


class NormalisedMaps(nn.Module):
    """From raw sound to maps with mean 0 and deviation 1.

    Attributes
    ----------
    n_maps, n_bins
        How many maps there are, and bins (mel bands, frequencies or lags) in each.
    mean, std
        `map bin`, saved with the network: 0 and 1 until `normalise_by` sets them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, n_maps: int, n_bins: int) -> None:
        super().__init__()
        self.n_maps, self.n_bins = n_maps, n_bins
        self.register_buffer("mean", torch.zeros(n_maps, n_bins))
        self.register_buffer("std", torch.ones(n_maps, n_bins))

    def forward(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame bin"]:
        """Give floor(sample / hop) frames of normalised maps.

        Raises
        ------
        InputError
            If the sound is too short for one frame, or to be reflected at its edges.
        """
        return self.normalised(sound)

    def normalised(self, sound: Tensor) -> Float[Tensor, "batch map frame bin"]:
        """Give normalised maps of whatever shape of sound `maps` takes."""
        # Half precision, even TF32, would leave nothing of a phase: the maps are always float32.
        with torch.autocast(sound.device.type, enabled=False):
            return (self.maps(sound.float()) - self.mean[:, None]) / self.std[:, None]

    @abstractmethod
    def maps(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame bin"]:
        """Give the maps in their own units."""

    def normalise_by(self, mean: Float[Tensor, "map bin"], std: Float[Tensor, "map bin"]) -> None:
        """Set what maps are normalised by; where nothing varies (std 0), only the mean counts."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, 1.0))


_ROUNDING = 1e-6
"""How much smaller than a mean a deviation may be to count as one: float32 holds no more."""


class Moments:
    """Mean and standard deviation of maps over all their frames, gathered in float64."""

    def __init__(self, n_maps: int, n_bins: int) -> None:
        self._n_frames = 0
        self._sum = torch.zeros(n_maps, n_bins, dtype=torch.float64)
        self._squares = torch.zeros(n_maps, n_bins, dtype=torch.float64)

    def add(self, maps: Float[Tensor, "batch map frame bin"]) -> None:
        """Count in the frames of a batch."""
        exact = maps.detach().to("cpu", torch.float64)
        self._n_frames += exact.shape[0] * exact.shape[2]
        self._sum += exact.sum(dim=(0, 2))
        self._squares += exact.square().sum(dim=(0, 2))

    @property
    def mean(self) -> Float[Tensor, "map bin"]:
        """The mean over frames; zeros before there are any."""
        return self._sum / max(self._n_frames, 1)

    @property
    def std(self) -> Float[Tensor, "map bin"]:
        """The standard deviation over frames; 0 where it is a rounding error of the mean."""
        mean_square = self.mean.square()
        variance = self._squares / max(self._n_frames, 1) - mean_square
        return torch.where(variance > _ROUNDING**2 * mean_square, variance, 0.0).sqrt()
