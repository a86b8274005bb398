"""A residual block of two convolutions, with squeeze and excitation at one of its places.

    input ─┬─ conv 3×3 ─ BN ─ ELU ─ conv 3×3 ─ BN ─[main]─ + ─ ELU ─[post]─┬─► output
           └──────── conv 1×1 ─ BN ─[shortcut]─────────────┘               │
                                         └──────────[standard-post]─────── +

"none" is Conv-Residual, "main" Conv-Standard, "post" Conv-POST. "standard-post" is
Conv-StandardPOST: excitation stands where "post" has it, and the shortcut is added once more. In
"post-elu" and "standard-post-elu" the ELU stands last in place of before the excitation. (The
papers name variants Conv-POST-ELU and Conv-StandardPOST-ELU; that these are theirs could not be
checked against published code.)

With pre-activation each convolution follows its normalisation and ELU, and no ELU follows the sum:

    input ─┬─ BN ─ ELU ─ conv 3×3 ─ BN ─ ELU ─ conv 3×3 ─[main]─ + ─[post] …

References: J. Naranjo-Alcazar, S. Perez-Castanos, J. Ferrandis, P. Zuccarello and M. Cobos, "Sound
Event Localization and Detection using Squeeze-Excitation Residual CNNs", arXiv 2006.14436, 2020,
and "On the performance of residual block design alternatives in convolutional neural networks for
end-to-end audio classification", arXiv 2003.09284, 2020.
"""

from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu

from sonoscope.models.attention import Excitation, excitation
from sonoscope.models.batch_norm import NormAxis, batch_norm

Placement = Literal[
    "none", "main", "shortcut", "post", "standard-post", "post-elu", "standard-post-elu"
]
"""Where in the block excitation stands."""


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; frames and bins stay as many as they are.

    Parameters
    ----------
    n_inputs, n_bins
        Channels and bins that come in.
    n_filters
        Channels that go out.
    placement
        Where excitation stands; with "none", `kind` and `ratio` mean nothing.
    kind, ratio
        See `models.attention`.
    norm
        See `models.batch_norm`.
    pre_activation
        Whether each convolution follows its normalisation and ELU.
    """

    def __init__(
        self,
        n_inputs: int,
        n_bins: int,
        *,
        n_filters: int,
        placement: Placement = "standard-post",
        kind: Excitation = "scse",
        ratio: int = 4,
        norm: NormAxis = "channel",
        pre_activation: bool = False,
    ) -> None:
        super().__init__()
        self.placement: Placement = placement
        self.pre_activation = pre_activation

        def convolution(n_channels: int) -> nn.Module:
            return nn.Conv2d(n_channels, n_filters, kernel_size=3, padding=1)

        def normed(n_channels: int) -> nn.Module:
            return batch_norm(norm, n_channels, n_bins)

        first, second = convolution(n_inputs), convolution(n_filters)
        self.main = nn.Sequential(
            *(normed(n_inputs), nn.ELU(), first, normed(n_filters), nn.ELU(), second)
            if pre_activation
            else (first, normed(n_filters), nn.ELU(), second, normed(n_filters))
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(n_inputs, n_filters, kernel_size=1), normed(n_filters)
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
        match self.placement:
            case "none":
                return self._activated(main + shortcut)
            case "main":
                return self._activated(self.excitation(main) + shortcut)
            case "shortcut":
                return self._activated(main + self.excitation(shortcut))
            case "post":
                return self._excited(self._activated(main + shortcut))
            case "standard-post":
                return self._excited(self._activated(main + shortcut)) + shortcut
            case "post-elu":
                return self._activated(self.excitation(main + shortcut))
            case "standard-post-elu":
                return self._activated(self.excitation(main + shortcut) + shortcut)
            case _:
                assert_never(self.placement)

    def _activated(self, maps: Tensor) -> Tensor:
        return maps if self.pre_activation else elu(maps)

    def _excited(self, maps: Tensor) -> Tensor:
        excited: Tensor = self.excitation(maps)
        return excited
