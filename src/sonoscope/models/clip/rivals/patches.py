"""Maps cut into square patches, each a vector: how transformers of images begin.

Maps that do not fill their last patches are filled up with what normalised maps are on average, 0.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad


class Patches(nn.Module):
    """One linear layer for every patch.

    Parameters
    ----------
    n_channels
        Channels of the maps.
    width
        Numbers a patch becomes.
    size
        Bins, and frames, in a patch.
    """

    def __init__(self, n_channels: int, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.project = nn.Conv2d(n_channels, width, size, stride=size)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch row column width"]:
        """Give ceil(bin / size) rows of ceil(frame / size) columns."""
        _, _, n_bins, n_frames = maps.shape
        patches: Tensor = self.project(
            pad(maps, (0, -n_frames % self.size, 0, -n_bins % self.size))
        )
        return patches.permute(0, 2, 3, 1)
