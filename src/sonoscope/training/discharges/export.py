"""From a checkpoint of a training on discharges to a model file: averaged weights, and the card.

What the card decides by is fitted to the validation draws, as heard and with echoes, which are
found beside the checkpoint or made again: each kind's scale and offset (logistic regression), the
probability from which it is named (a half, or more where noise alone came so far), and the
probability from which something unknown is said to discharge.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from jaxtyping import Bool, Float
from numpy import ndarray

from sonoscope import __version__
from sonoscope.core.durable import write_bytes
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import to_json
from sonoscope.metrics.calibration import expected_calibration_error, fit_logistic
from sonoscope.models.clip.pattern_network import PatternNetwork, pattern_network_to_onnx
from sonoscope.signal.prpd import ClockName
from sonoscope.simulation.inspection import NOTICE
from sonoscope.targets.card import CARD_KEY, card_text
from sonoscope.targets.discharge_card import (
    DischargeCard,
    read_discharge_card,
)
from sonoscope.training import checkpoint
from sonoscope.training.discharges.draws import (
    LABELS,
    Label,
    Patterns,
    draws_hash,
    patterns_in,
)
from sonoscope.training.discharges.loop import logits_of, macro_f1
from sonoscope.training.discharges.recipe import DischargeRecipe

CLOCKS: dict[Label, ClockName] = {
    "corona": "mains",
    "surface": "mains",
    "floating": "mains",
    "internal": "mains",
    "brush": "other",
}
"""Which clock a kind keeps."""

_LICENCE = "MIT; learnt from nothing but simulation"
_SPARE = 1.1  # by how much the odds of a threshold exceed what noise alone came to


def export_discharges(path: Path, out: Path, *, name: str | None = None) -> DischargeCard:
    """Write a model file.

    Parameters
    ----------
    path
        A checkpoint; the validation draws lie, or are made, in its folder.
    name
        What the model is called; the recipe's name where None.

    Raises
    ------
    CheckpointError, SettingError
        If the checkpoint cannot be read, or `out` is no name of a model file.
    """
    if out.suffix != ".onnx":
        raise SettingError(f"--out must end in .onnx, but {out} was given")
    network, recipe = load_discharge_network(path)
    validation = patterns_in(path.parent, recipe.draws, "validation")
    draws = recipe.draws
    card = calibrated(
        DischargeCard(
            name=name or recipe.name,
            version=__version__,
            labels=LABELS,
            clocks=tuple(CLOCKS[label] for label in LABELS),
            maps=recipe.network.maps,
            figures=recipe.network.figures,
            scales=(1.0,) * len(LABELS),
            offsets=(0.0,) * len(LABELS),
            thresholds=(0.5,) * len(LABELS),
            recipe=to_json(recipe),
            seed=recipe.seed,
            trained_on=f"{draws.train} recordings of simulated discharges, family {draws.family}; "
            f"{NOTICE}",
            data_hash=draws_hash(draws),
            licence=_LICENCE,
        ),
        logits_of(network, recipe, validation),
        validation,
    )
    graph = pattern_network_to_onnx(network, len(recipe.network.figures))
    write_bytes(out, _with_card(graph, card))
    return card


def load_discharge_network(path: Path) -> tuple[PatternNetwork, DischargeRecipe]:
    """Give a checkpoint's averaged network, ready to be served, and its recipe.

    Raises
    ------
    CheckpointError
        If it cannot be read, or its recipe is of another version.
    """
    recipe = checkpoint.recipe_of(path, DischargeRecipe)
    network = PatternNetwork(recipe.network, len(LABELS))
    checkpoint.start_from(path, network)
    return network.eval(), recipe


def calibrated(
    card: DischargeCard, logits: Float[ndarray, "seen label"], validation: Patterns
) -> DischargeCard:
    """Fit what a card decides by, and say what came of it."""
    true = np.repeat(validation.target, validation.maps.shape[1], axis=0)
    both = [
        fit_logistic(np.stack([z, np.ones_like(z)], axis=1).astype(np.float64), right)
        for z, right in zip(logits.T, true.T, strict=True)
    ]
    card = replace(
        card,
        scales=tuple(float(f"{max(weight[0], 1e-3):.4g}") for weight in both),
        offsets=tuple(float(f"{weight[1]:.4g}") for weight in both),
    )
    said = card.probability(logits)
    any_said = 1 - np.prod(1 - said, axis=1)
    nothing = ~true.any(axis=1)
    limits = [_over(of_noise) for of_noise in said[nothing].T]
    card = replace(card, thresholds=tuple(limits), unknown_from=_over(any_said[nothing]))
    return replace(card, metrics={"validation": figures(said, true, limits)})


def _over(of_noise: Float[ndarray, " seen"]) -> float:
    """Give a half, or somewhat more than what was said where nothing was."""
    most = min(float(of_noise.max(initial=0.0)), 0.98)
    odds = _SPARE * most / (1 - most)
    return float(f"{max(0.5, odds / (1 + odds)):.3g}")


def figures(
    said: Float[ndarray, "seen label"], true: Bool[ndarray, "seen label"], limits: list[float]
) -> dict[str, float]:
    """Give macro-F1 and calibration error of probabilities."""
    told = {
        "patterns": float(len(true)),
        "macro-F1": macro_f1(said >= np.array(limits), true),
        "calibration error": expected_calibration_error(said.ravel(), true.ravel()),
    }
    return {name: round(value, 4) for name, value in told.items()}


def add_metrics(path: Path, name: str, told: dict[str, float]) -> DischargeCard:
    """Put what a model scored on a test set into its file's card.

    Raises
    ------
    CheckpointError
        If its card is of another kind of model.
    """
    graph = onnx.load(path)
    text = {prop.key: prop.value for prop in graph.metadata_props}.get(CARD_KEY, "")
    card = read_discharge_card(text, where=str(path))
    rounded = {key: round(value, 4) for key, value in told.items()}
    card = replace(card, metrics={**card.metrics, name: rounded})
    write_bytes(path, _with_card(graph, card))
    return card


def _with_card(graph: onnx.ModelProto, card: DischargeCard) -> bytes:
    for node in graph.graph.node:  # what the exporter notes of each node is of no use here
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.helper.set_model_props(graph, {CARD_KEY: card_text(card)})
    return bytes(graph.SerializeToString())
