"""Res-scSE-CRNN: a CRNN whose convolutions are residual blocks with squeeze and excitation.

Reference: C. Lan et al., "Attention mechanism combined with residual recurrent neural network for
sound event detection and localization", EURASIP JASMP 2022:29, section 3. Its figures leave the
order within a block open; `models.residual` says which order is taken, and from where.
"""

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.attention import Excitation
from sonoscope.models.crnn import Count, CrnnSettings, Tail, convolutions, features_after
from sonoscope.models.output import Output
from sonoscope.models.residual import Placement, ResidualBlock


@dataclass(config=STRICT)
class ResScseCrnnSettings(CrnnSettings):
    """How a Res-scSE-CRNN is built: as a CRNN, and further.

    Attributes
    ----------
    placement
        Where in a block excitation stands; "none" is the plain residual network.
    excitation
        What it weighs.
    ratio
        How many times narrower than the maps cSE squeezes (the paper's ρ, best at 4).
    """

    placement: Placement = "standard-post"
    excitation: Excitation = "scse"
    ratio: Count = 4


class ResScseCrnn(nn.Module):
    """The network, from features to answers.

    Parameters
    ----------
    settings
        How it is built.
    n_channels, n_mels
        Channels and mel bands of the features.
    n_labels
        Labels that it can tell apart.

    Raises
    ------
    SettingError
        If the pools do not divide the mel bands, or the ratio exceeds the filters.
    """

    def __init__(
        self, settings: ResScseCrnnSettings, n_channels: int, n_mels: int, n_labels: int
    ) -> None:
        super().__init__()

        def block(n_inputs: int, n_filters: int) -> nn.Module:
            return ResidualBlock(
                n_inputs,
                n_filters,
                placement=settings.placement,
                kind=settings.excitation,
                ratio=settings.ratio,
            )

        self.convolutions = convolutions(settings, n_channels, block)
        self.tail = Tail(settings, features_after(settings, n_mels), n_labels)

    def forward(self, features: Float[Tensor, "batch channel frame mel"]) -> Output:
        """Answer floor(frame / time_pool) * repeat label frames."""
        maps: Tensor = self.convolutions(features)
        output: Output = self.tail(maps.transpose(1, 2).flatten(2))
        return output
