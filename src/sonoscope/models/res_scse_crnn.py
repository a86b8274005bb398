"""Res-scSE-CRNN: a CRNN whose convolutions are residual blocks with squeeze and excitation.

Reference: C. Lan et al., "Attention mechanism combined with residual recurrent neural network for
sound event detection and localization", EURASIP JASMP 2022:29, section 3. Its figures leave the
order within a block open; `models.residual` says which order is taken, and from where.
"""

from functools import partial

from pydantic.dataclasses import dataclass

from sonoscope.core.recipe import STRICT
from sonoscope.models.attention import Excitation
from sonoscope.models.crnn import Count, Crnn, CrnnSettings
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
    pre_activation
        Whether each convolution follows its normalisation and ELU in place of going before.
    """

    placement: Placement = "standard-post"
    excitation: Excitation = "scse"
    ratio: Count = 4
    pre_activation: bool = False


def res_scse_crnn(
    settings: ResScseCrnnSettings, n_channels: int, n_mels: int, n_labels: int
) -> Crnn:
    """Build the network; see `models.crnn.Crnn`.

    Raises
    ------
    SettingError
        If the pools do not divide the mel bands, or the ratio exceeds the filters.
    """
    block = partial(
        ResidualBlock,
        n_filters=settings.filters,
        placement=settings.placement,
        kind=settings.excitation,
        ratio=settings.ratio,
        norm=settings.norm,
        pre_activation=settings.pre_activation,
    )
    return Crnn(settings, block, n_channels, n_mels, n_labels)
