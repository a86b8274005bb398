"""A residual block of two convolutions, with squeeze and excitation at one of four places.

    input ─┬─ conv 3×3 ─ BN ─ ELU ─ conv 3×3 ─ BN ─[main]─ + ─ ELU ─[post]─┬─► output
           └──────── conv 1×1 ─ BN ─[shortcut]─────────────┘               │
                                         └──────────[standard-post]─────── +

"none" is Conv-Residual, "main" Conv-Standard, "post" Conv-POST. "standard-post" is
Conv-StandardPOST: excitation stands where "post" has it, and the shortcut is added once more.

Reference: J. Naranjo-Alcazar, S. Perez-Castanos, J. Ferrandis, P. Zuccarello and M. Cobos, "Sound
Event Localization and Detection using Squeeze-Excitation Residual CNNs", arXiv 2006.14436, 2020.
"""

from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu

from sonoscope.models.attention import Excitation, excitation

Placement = Literal["none", "main", "shortcut", "post", "standard-post"]
"""Where in the block excitation stands."""


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; frames and bins stay as many as they are.

    Parameters
    ----------
    n_inputs, n_filters
        Channels that come in and go out.
    placement
        Where excitation stands; with "none", `kind` and `ratio` mean nothing.
    kind, ratio
        See `models.attention`.
    """

    def __init__(
        self,
        n_inputs: int,
        n_filters: int,
        *,
        placement: Placement = "standard-post",
        kind: Excitation = "scse",
        ratio: int = 4,
    ) -> None:
        super().__init__()
        self.placement: Placement = placement
        self.main = nn.Sequential(
            nn.Conv2d(n_inputs, n_filters, kernel_size=3, padding=1),
            nn.BatchNorm2d(n_filters),
            nn.ELU(),
            nn.Conv2d(n_filters, n_filters, kernel_size=3, padding=1),
            nn.BatchNorm2d(n_filters),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(n_inputs, n_filters, kernel_size=1), nn.BatchNorm2d(n_filters)
        )
        self.excitation = (
            nn.Identity() if placement == "none" else excitation(kind, n_filters, ratio)
        )

    def forward(
        self, maps: Float[Tensor, "batch _ frame bin"]
    ) -> Float[Tensor, "batch filter frame bin"]:
        """Give the block's maps."""
        main: Tensor = self.main(maps)
        shortcut: Tensor = self.shortcut(maps)
        output: Tensor
        match self.placement:
            case "none":
                output = elu(main + shortcut)
            case "main":
                output = elu(self.excitation(main) + shortcut)
            case "shortcut":
                output = elu(main + self.excitation(shortcut))
            case "post":
                output = self.excitation(elu(main + shortcut))
            case "standard-post":
                output = self.excitation(elu(main + shortcut)) + shortcut
            case _:
                assert_never(self.placement)
        return output
