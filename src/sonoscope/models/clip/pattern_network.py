"""A network that tells kinds of discharge from a phase-resolved pattern: EGA on a circle of phases.

    maps ─► both half cycles, each beside the other ─► EGA, cyclic in phase ─► features ─┐
    figures ─► normalised ─► a few units ──────────────────────────────────────────────┴─► kinds

Maps come as half cycles, 36 phases each. They are put back into a circle of 72, and to every phase
the other half cycle's is added as further channels: what tells kinds apart is how like its half
cycles are. Where the circle begins, and which half comes first, is then no matter of the network's.
"""

from collections.abc import Sequence
from typing import Annotated

import onnx
import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.cyclic import make_cyclic
from sonoscope.models.clip.ega import Ega, EgaSettings
from sonoscope.models.clip.igam import IgamSettings
from sonoscope.models.clip.mask_branch import MaskSettings
from sonoscope.models.export import graph_of
from sonoscope.signal.pattern_input import HALF, LEVELS

SMALL = EgaSettings(
    width=0.25,
    depth=0.12,
    strides=((2, 2), (2, 2), (1, 1), (1, 2), (1, 1)),
    survival=0.9,
    igam=IgamSettings(form="identifiable", kernel=3, spatial_bias=2.0),
    mask=MaskSettings(units=1),
)
"""An EGA of 10⁵ weights and nine million multiply-adds."""


@dataclass(config=STRICT)
class PatternNetworkSettings:
    """How the network is built.

    Attributes
    ----------
    body
        The EGA.
    maps, figures
        What it sees of `signal.pattern_input`.
    figure_units
        That take the figures.
    """

    body: EgaSettings = SMALL
    maps: Annotated[tuple[str, ...], Field(min_length=1)] = ("pulses", "folded")
    figures: tuple[str, ...] = ("mains_lock", "other_lock", "rail", "headroom")
    figure_units: Annotated[int, Field(ge=1)] = 16


class PatternNetwork(nn.Module):
    """A pattern to a logit a kind.

    Shape: maps `batch half phase=36 level=32`, halves of each map after each other, and figures
    `batch figure`, to `batch kind`.
    """

    def __init__(self, settings: PatternNetworkSettings, n_kinds: int) -> None:
        super().__init__()
        self.n_maps = len(settings.maps)
        self.body = Ega(settings.body, 2 * self.n_maps, 2 * HALF, n_kinds)
        n_features = self.body.head.n_features
        self.body.head.labels = nn.Identity()
        make_cyclic(self.body)
        self.takes_figures = bool(settings.figures)
        self.figures = nn.Sequential()
        if self.takes_figures:
            self.figures.append(nn.BatchNorm1d(len(settings.figures)))
            self.figures.append(nn.Linear(len(settings.figures), settings.figure_units))
            self.figures.append(nn.SiLU())
            n_features += settings.figure_units
        self.kinds = nn.Linear(n_features, n_kinds)

    def forward(
        self, maps: Float[Tensor, "batch half phase level"], figures: Float[Tensor, "batch figure"]
    ) -> Float[Tensor, "batch kind"]:
        """Give a logit a kind."""
        features = self.body(on_a_circle(maps))
        if self.takes_figures:
            features = torch.cat([features, self.figures(figures)], dim=1)
        logits: Tensor = self.kinds(features)
        return logits


def on_a_circle(
    maps: Float[Tensor, "batch half phase level"],
) -> Float[Tensor, "batch channel circle level"]:
    """Put half cycles after each other; the other half cycle's values follow as channels."""
    first, second = maps[:, 0::2], maps[:, 1::2]
    here, there = torch.cat([first, second], dim=2), torch.cat([second, first], dim=2)
    return torch.cat([here, there], dim=1)


class _WithoutFigures(nn.Module):
    def __init__(self, network: PatternNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, maps: Float[Tensor, "batch half phase level"]) -> Float[Tensor, "batch kind"]:
        said: Tensor = self.network(maps, maps[:, :0, 0, 0])
        return said


def pattern_network_to_onnx(network: PatternNetwork, n_figures: int) -> onnx.ModelProto:
    """Export a network that is ready to be served: `maps`, and `figures` if any, to `logits`."""
    maps = torch.zeros(2, 2 * network.n_maps, HALF, LEVELS)
    batch = torch.export.Dim("batch", min=1)
    module: nn.Module = network if network.takes_figures else _WithoutFigures(network)
    example = (maps, torch.zeros(2, n_figures)) if network.takes_figures else (maps,)
    names: Sequence[str] = ("maps", "figures")[: len(example)]
    return graph_of(
        module,
        example,
        inputs=names,
        outputs=["logits"],
        dynamic_shapes=tuple({0: batch} for _ in example),
    )
