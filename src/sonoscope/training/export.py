"""From a checkpoint to a model file: the averaged weights, one channel format, the card."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import onnx

from sonoscope import __version__
from sonoscope.core.durable import write_bytes
from sonoscope.core.errors import SettingError
from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.core.recipe import to_json
from sonoscope.models.build import Network, target_of
from sonoscope.models.export import dropout_of, to_onnx
from sonoscope.models.mc_dropout import usable
from sonoscope.simulation.sources import attribution
from sonoscope.targets.calibration import Calibration
from sonoscope.targets.card import CARD_KEY, Card, Target, card_text, read_card
from sonoscope.targets.classwise import Decoding
from sonoscope.training.assembly import load, validation_of
from sonoscope.training.batches import Stream
from sonoscope.training.calibrating import calibration
from sonoscope.training.material import Material, data_hash, gather
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.recorded import Sweeping
from sonoscope.training.tuning import tuned
from sonoscope.training.validation import Answer, outputs

WINDOW_S = 10.0
THRESHOLD = 0.4
"""Where there is no validation to find a better one."""

LICENCE = "MIT; the recordings learnt from are named under attribution"

_SCENES, _AT_ONCE = 128, 4
"""Scenes that decoding is tuned on: 128 for the rarest labels' thresholds; 160 were no better."""
_JUDGED = 512
"""Scenes that scores and regions are calibrated on, others than those the decoding is tuned on."""


def export(
    checkpoint: Path,
    out: Path,
    channel_format: Literal["foa", "tetra"] | None = None,
    *,
    name: str | None = None,
    data: Path | None = None,
) -> Card:
    """Write a model file.

    Parameters
    ----------
    checkpoint
        Of a training.
    channel_format
        Which of the network's; its first where None.
    name
        What the model is called; the recipe's name and the format where None.
    data
        The folder of the training's data: thresholds are then tuned on the recipe's validation
        scenes, scores and regions calibrated on others of them (on the same where recordings are
        trained on), and the card thanks the authors. Without it every threshold is 0.4 and nothing
        is calibrated.

    Raises
    ------
    CheckpointError, SettingError
        If the checkpoint cannot be read, or its network does not have the format.
    """
    if out.suffix != ".onnx":
        raise SettingError(f"--out must end in .onnx, but {out} was given")
    network, recipe = load(checkpoint)
    heard_as = channel_format or recipe.network.formats[0]
    alone = network.heard_as(heard_as)
    rate_hz = recipe.rate_hz
    grid = FrameGrid(rate_hz, whole_samples(recipe.label_step_s, rate_hz))
    decoding = Decoding((THRESHOLD,) * len(recipe.labels))
    worth: Calibration | None = None
    metrics: dict[str, dict[str, float]] = {}
    material = None if data is None else gather(recipe, data)
    if material is not None:
        stream = validation_of(recipe, material, (heard_as,))
        heard = partial(_heard, alone, stream, recipe)
        if isinstance(stream, Sweeping):
            answers = judged = heard(range(stream.n_batches(_AT_ONCE, WINDOW_S)))
        else:
            answers = heard(range(_SCENES // _AT_ONCE))
            judged = heard(range(_SCENES // _AT_ONCE, (_SCENES + _JUDGED) // _AT_ONCE))
        decoding, scores = tuned(answers, recipe.labels, grid)
        worth = calibration(judged, recipe.labels, grid, decoding)
        metrics["validation"] = _finite(
            {
                "ER": round(scores.er, 4),
                "F": round(scores.f, 4),
                "DE": round(scores.de_deg, 2),
                "FR": round(scores.fr, 4),
            }
        )
    window = whole_samples(WINDOW_S, rate_hz)
    graph, target = to_onnx(alone, len(recipe.labels), window), target_of(recipe.network)
    card = Card(
        name=name or f"{recipe.name}-{heard_as}",
        version=__version__,
        labels=recipe.labels,
        rate_hz=rate_hz,
        channel_format=heard_as,
        window=window,
        hop=grid.hop,
        decoding=decoding,
        calibration=worth,
        dropout=usable(graph, dropout_of(alone, window), window),
        target=target,
        tracks=_tracks(graph, target),
        recipe=to_json(recipe),
        seed=recipe.seed,
        trained_on=_learnt_from(recipe),
        data_hash="" if material is None else data_hash(recipe, material),
        metrics=metrics,
        licence=LICENCE,
        attribution="" if material is None else "\n".join(_thanked(material)),
    )
    onnx.helper.set_model_props(graph, {CARD_KEY: card_text(card)})
    write_bytes(out, graph.SerializeToString())
    return card


def _heard(network: Network, stream: Stream, recipe: TrainRecipe, steps: range) -> list[Answer]:
    """Let a network answer some of a stream's batches."""
    batches = (stream.batch(step, _AT_ONCE, WINDOW_S) for step in steps)
    n_labels, step_s = len(recipe.labels), recipe.label_step_s
    return outputs(network, batches, n_labels=n_labels, label_step_s=step_s)


def _tracks(graph: onnx.ModelProto, target: Target) -> int:
    """Tell how many tracks a graph answers on."""
    if target == "classwise-xyz":
        return 1
    return int(graph.graph.output[0].type.tensor_type.shape.dim[2].dim_value)


def rewrite_card(path: Path, out: Path, changed: Callable[[Card], Card]) -> None:
    """Write a model file again, at `out`, with a changed card."""
    graph = onnx.load(path)
    text = next(entry.value for entry in graph.metadata_props if entry.key == CARD_KEY)
    card = changed(read_card(text, where=str(path)))
    onnx.helper.set_model_props(graph, {CARD_KEY: card_text(card)})
    write_bytes(out, graph.SerializeToString())


def note_metrics(path: Path, test_set: str, metrics: dict[str, float]) -> None:
    """Write the scores on a test set into the card of a model file."""
    noted = {test_set: _finite(metrics)}
    rewrite_card(path, path, lambda card: replace(card, metrics=card.metrics | noted))


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    """Leave out what is no number, as DE is not where nothing is found: JSON has no word for it."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _thanked(material: Material) -> list[str]:
    """List who made what was heard: of simulated recordings too, where their truth tells."""
    sides = {
        source for each in material.recorded for scene in each.train for source in scene.sources
    }
    return sorted({*attribution(material.train), *sides})


def _learnt_from(recipe: TrainRecipe) -> str:
    """Say in words what the network heard."""
    if recipe.recordings is not None:
        chosen = recipe.recordings
        return f"recordings of {chosen.kind}, folds {', '.join(map(str, chosen.folds))}"
    asked, parts = recipe.data, ["simulated rooms and ambience"]
    if asked.esc50_folds:
        folds = ", ".join(map(str, asked.esc50_folds))
        licences = " and ".join(asked.esc50_licences) or "all licences"
        parts.append(f"ESC-50 folds {folds} ({licences} clips only)")
    if asked.digits_speakers:
        speakers = ", ".join(asked.digits_speakers)
        parts.append(f"Free Spoken Digit Dataset, speakers {speakers} (CC BY-SA 4.0)")
    if asked.modelled_share:
        parts.append("physically modelled sounds")
    if asked.own:
        parts.append("the user's own clips")
    return "; ".join(parts)
