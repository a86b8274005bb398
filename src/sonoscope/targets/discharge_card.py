"""The card of a model file that names discharges; it lies where any card does (`targets.card`).

Such a model gives each kind a logit z of its own, since two may discharge at once. Its probability
is σ(scale z + offset), with a scale and an offset a kind that were fitted to draws not learnt from
(J. Platt, "Probabilistic outputs for support vector machines", 1999).
"""

from collections.abc import Collection
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.special import expit

from sonoscope.core.errors import CheckpointError
from sonoscope.core.recipe import STRICT, json_table
from sonoscope.signal.pattern_input import FIGURES, HALF, LEVELS, MAPS
from sonoscope.signal.prpd import ClockName
from sonoscope.targets.card import Label, Name, read_card_of

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(config=STRICT)
class DischargeCard:
    """What a model file says of itself.

    Attributes
    ----------
    name, version
        What people call it; `name` is also the file's name where it ships.
    labels
        The kinds that it can tell, in the order of its logits.
    maps, figures
        What it takes, in order (`signal.pattern_input`): maps of half cycles, and figures.
    scales, offsets
        Of each kind, what makes its logit a probability.
    thresholds
        Of each kind, from which probability on it is named.
    clocks
        The clock that each kind keeps (`Prpd.kept`): where it is not kept, the kind has no
        probability, whatever the pattern looks like. None where that is not asked.
    unknown_from
        Where no kind is named: from which probability of any kind on something unknown discharges.
    recipe, seed
        The text of the recipe it was trained by, and its seed.
    trained_on, data_hash
        What it learnt from, in words and as a hash.
    metrics
        Scores on named test sets: set -> metric -> figure.
    licence, attribution
        Of the weights, and of what they learnt from.
    """

    name: Name
    version: str
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    maps: Annotated[tuple[str, ...], Field(min_length=1)]
    scales: tuple[Annotated[float, Field(gt=0)], ...]
    offsets: tuple[float, ...]
    thresholds: tuple[Share, ...]
    kind: Literal["discharge"] = "discharge"
    figures: tuple[str, ...] = ()
    clocks: tuple[ClockName, ...] = ()
    unknown_from: Share = 0.5
    recipe: str = ""
    seed: int | None = None
    trained_on: str = ""
    data_hash: str = ""
    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must differ from each other")
        for name in ("scales", "offsets", "thresholds"):
            if len(getattr(self, name)) != len(self.labels):
                raise ValueError(f"{name} must be as many as labels, {len(self.labels)}")
        if self.clocks and len(self.clocks) != len(self.labels):
            raise ValueError(f"clocks must be as many as labels, {len(self.labels)}, or none")
        for name, given, known in (("maps", self.maps, MAPS), ("figures", self.figures, FIGURES)):
            for each in given:
                if each not in known:
                    raise ValueError(f"{name} must be of {', '.join(known)}, but {each} was given")

    def probability(
        self, logits: Float[ndarray, "pattern label"]
    ) -> Float[ndarray, "pattern label"]:
        """Turn logits into the probability of each kind, if its clock is kept."""
        z = logits.astype(np.float64)
        return np.asarray(expit(np.array(self.scales) * z + np.array(self.offsets)))

    def possible(self, kept: Collection[ClockName]) -> Bool[ndarray, " label"]:
        """Tell which kinds there may be, where these clocks are kept."""
        if not self.clocks:
            return np.ones(len(self.labels), bool)
        return np.array([clock in kept for clock in self.clocks])

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Give the shape of each of the graph's inputs, without the batch."""
        shapes: dict[str, tuple[int, ...]] = {"maps": (2 * len(self.maps), HALF, LEVELS)}
        if self.figures:
            shapes["figures"] = (len(self.figures),)
        return shapes


def read_discharge_card(text: str, *, where: str) -> DischargeCard:
    """Read a card's JSON text.

    Raises
    ------
    CheckpointError
        If it is not JSON, is the card of another kind of model, or a key does not fit.
    """
    must = "be of a model that names discharges"
    if json_table(text).get("kind") != "discharge":
        raise CheckpointError(f"{where}: the card must {must}, but it is of another kind")
    return read_card_of(DischargeCard, text, must, where=where)
