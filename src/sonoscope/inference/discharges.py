"""A model that names discharges by their phase-resolved pattern, ready to look at one.

    Prpd ─► maps and figures ─► ONNX graph ─► a logit a kind ─► probability ─► kinds, none, unknown

Each kind is judged by itself, so that two at once are both named, but only where its clock is kept
(`DischargeCard.clocks`: raindrops and loose metal click too) by clear pulses enough (noise that
hums keeps clocks too). Where none is, but it is likelier
than the card's `unknown_from` that any is there, something discharges and what is not known. **The
models that ship learnt from simulated discharges alone.**
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.inference.model_file import check_graph, open_graph, resolve
from sonoscope.signal.pattern_input import figures_of, maps_of
from sonoscope.signal.prpd import Prpd
from sonoscope.targets.discharge_card import DischargeCard, read_discharge_card

SHIPPED = "discharge"
"""The name of the model that ships."""

_AT_ONCE = 64  # patterns


@dataclass(frozen=True, slots=True)
class Naming:
    """What a pattern was taken for.

    Attributes
    ----------
    kinds
        What discharges, the most probable first; empty for none.
    confidence
        The probability of each kind that the model knows.
    unknown
        Whether something discharges, but no kind is sure enough.
    """

    kinds: tuple[str, ...]
    confidence: Mapping[str, float]
    unknown: bool = False

    @property
    def any(self) -> float:
        """The probability that anything discharges, were kinds independent."""
        return float(1 - np.prod([1 - each for each in self.confidence.values()]))


class DischargeNamer:
    """A model file that names discharges.

    Attributes
    ----------
    card
        What it says of itself.
    """

    def __init__(self, card: DischargeCard, session: onnxruntime.InferenceSession) -> None:
        self.card, self._session = card, session

    @classmethod
    def of_file(cls, path: Path) -> "DischargeNamer":
        """Open a model file.

        Raises
        ------
        CheckpointError
            If it cannot be read, names no discharges, or does not fit its card.
        """
        text, session = open_graph(path)
        card = read_discharge_card(text, where=str(path))
        check_graph(path, session, {**card.input_shapes(), "logits": (len(card.labels),)})
        return cls(card, session)

    @classmethod
    def shipped(cls) -> "DischargeNamer":
        """Open the model that ships.

        Raises
        ------
        CheckpointError
            If none came with this installation.
        """
        return cls.of_file(resolve(SHIPPED))

    def name(self, found: Prpd) -> Naming:
        """Name what one pattern shows."""
        return self.names([found])[0]

    def names(self, found: Sequence[Prpd]) -> list[Naming]:
        """Name what each of several patterns shows."""
        named: list[Naming] = []
        for start in range(0, len(found), _AT_ONCE):
            some = found[start : start + _AT_ONCE]
            maps = np.stack([maps_of(one, self.card.maps) for one in some])
            figures = np.stack([figures_of(one, self.card.figures) for one in some])
            possible = np.stack([self.card.possible(one.kept) for one in some])
            probability = possible * self.card.probability(self.logits(maps, figures))
            named += [
                decided(self.card, row, clear=one.locked or one.turned)
                for one, row in zip(some, probability, strict=True)
            ]
        return named

    def logits(
        self,
        maps: Float[ndarray, "pattern half phase level"],
        figures: Float[ndarray, "pattern figure"],
    ) -> Float32[ndarray, "pattern label"]:
        """Give the network's answers."""
        fed = {"maps": np.asarray(maps, np.float32)}
        if self.card.figures:
            fed["figures"] = np.asarray(figures, np.float32)
        (said,) = self._session.run(["logits"], fed)
        return np.asarray(said)


def decided(
    card: DischargeCard, probability: Float[ndarray, " label"], *, clear: bool = True
) -> Naming:
    """Decide by a card's thresholds what is named.

    Parameters
    ----------
    clear
        Whether there are clear pulses enough to name a kind; where not, it is unknown at most.
    """
    confidence = {
        label: float(p) for label, p in zip(card.labels, probability.tolist(), strict=True)
    }
    limits = dict(zip(card.labels, card.thresholds, strict=True))
    over = [label for label in card.labels if clear and confidence[label] >= limits[label]]
    named = Naming(tuple(sorted(over, key=lambda kind: -confidence[kind])), confidence)
    return replace(named, unknown=not over and named.any >= card.unknown_from)
