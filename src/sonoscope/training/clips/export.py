"""From a checkpoint of a training on clips to a model file: averaged weights, and the card."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from sonoscope import __version__
from sonoscope.core.durable import write_bytes
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import to_json
from sonoscope.metrics.calibration import expected_calibration_error
from sonoscope.metrics.classification import fit_unknown
from sonoscope.models.clip.build import ClipNetwork, PrpdMapSettings, heard_by
from sonoscope.models.clip.export import clip_network_to_onnx
from sonoscope.simulation.sources import attribution
from sonoscope.targets.card import CARD_KEY, card_text
from sonoscope.targets.clip_card import ClipCard
from sonoscope.targets.clip_label import probabilities
from sonoscope.training.clips import waveform
from sonoscope.training.clips.assembly import (
    ClipMaterial,
    gather_clips,
    load_clip_network,
    rate_of_clips,
    set_of,
    window_of,
)
from sonoscope.training.clips.listening import Answers, answers
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.scored import temperature_of
from sonoscope.training.clips.waveform import WaveformSettings
from sonoscope.training.export import LICENCE

_STRAYS = 256
"""Windows of noise, of which one in a hundred may be given a name."""

_STRAY_SEED = 0


def export_clips(
    checkpoint: Path, out: Path, *, name: str | None = None, data: Path | None = None
) -> ClipCard:
    """Write a model file.

    Parameters
    ----------
    checkpoint
        Of a training on clips.
    name
        What the model is called; the recipe's name where None.
    data
        The folder of the training's data: the temperature and the threshold below which a clip is
        unknown are then fitted on the validation clips and on noise, the card tells the scores on
        validation and test clips and thanks the authors. Without it the temperature is 1 and
        nothing is unknown.

    Raises
    ------
    CheckpointError, SettingError, InputError
        If the checkpoint cannot be read, `out` is no name of a model file, or data are missing.
    """
    if out.suffix != ".onnx":
        raise SettingError(f"--out must end in .onnx, but {out} was given")
    network, recipe = load_clip_network(checkpoint)
    hears = heard_by(recipe.network)
    pattern = _pattern(recipe)
    material = None if data is None else gather_clips(recipe, data)
    temperature, threshold, metrics = 1.0, 0.0, dict[str, dict[str, float]]()
    if material is not None:
        temperature, threshold, metrics = _worth(network, material)
    card = ClipCard(
        name=name or recipe.name,
        version=__version__,
        labels=recipe.data.labels,
        hears=hears,
        rate_hz=rate_of_clips(recipe) if "sound" in hears else None,
        window=window_of(recipe) if "sound" in hears else None,
        pattern=pattern,
        temperature=float(f"{temperature:.4g}"),
        threshold=float(f"{threshold:.4g}"),
        recipe=to_json(recipe),
        seed=recipe.seed,
        trained_on=_learnt_from(recipe),
        data_hash="" if material is None else material.data_hash,
        metrics=metrics,
        licence=LICENCE,
        attribution="" if material is None else "\n".join(attribution(material.split.train)),
    )
    example = [torch.zeros(2, *shape) for shape in card.input_shapes().values()]
    graph = clip_network_to_onnx(network, hears, example)
    onnx.helper.set_model_props(graph, {CARD_KEY: card_text(card)})
    write_bytes(out, graph.SerializeToString())
    return card


def _pattern(recipe: ClipRecipe) -> tuple[int, int] | None:
    """Tell how many phases and amplitudes a recipe's network sees, if any."""
    for maps in (getattr(recipe.network, "maps", None), getattr(recipe.network, "pattern", None)):
        if isinstance(maps, PrpdMapSettings):
            return maps.n_phases, maps.n_amplitudes
    return None


def _worth(
    network: ClipNetwork, material: ClipMaterial
) -> tuple[float, float, dict[str, dict[str, float]]]:
    """Fit temperature and threshold on validation clips and noise; score validation and test."""
    split, recipe = material.split, material.recipe
    recipe = replace(recipe, listening=replace(recipe.listening, turns=1))
    validation, test = (set_of(recipe, side) for side in (split.validation, split.test))
    temperature, threshold, metrics = 1.0, 0.0, dict[str, dict[str, float]]()
    if validation is not None:
        said = answers(network, validation)
        temperature = temperature_of(said)
        stray = probabilities(_of_noise(network, recipe), temperature).max(axis=1)
        threshold = fit_unknown(*_sure(said, temperature), stray)
        metrics["validation"] = _figures(said, temperature, threshold)
    if test is not None:
        said = answers(network, test)
        metrics["test"] = _figures(said, temperature, threshold)
    return temperature, threshold, metrics


def _sure(said: Answers, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Give how probable the name of each clip is, and whether it is right."""
    probability = said.probability(temperature)
    return probability.max(axis=1), probability.argmax(axis=1) == said.label


@torch.no_grad()
def _of_noise(network: ClipNetwork, recipe: ClipRecipe) -> np.ndarray:
    """Give the logits of windows of noise of any colour and level."""
    rng = np.random.Generator(np.random.Philox(key=_STRAY_SEED))
    parts: list[Tensor] = []
    for _ in range(_STRAYS // 16):
        noise = waveform.nothing(16, window_of(recipe), WaveformSettings(), rng)
        parts.append(network(noise))
    return np.asarray(torch.cat(parts).numpy(), np.float64)


def _figures(said: Answers, temperature: float, threshold: float) -> dict[str, float]:
    score, right = _sure(said, temperature)
    named = score >= threshold
    scores = said.scores
    figures = {
        "clips": float(len(right)),
        "accuracy": scores.accuracy,
        "macro-F1": scores.macro_f1,
        "calibration error": expected_calibration_error(score, right, bins="mass"),
        "named": float(named.mean()),
        "right of the named": float(right[named].mean()) if named.any() else math.nan,
    }
    return {name: round(value, 4) for name, value in figures.items() if math.isfinite(value)}


def _learnt_from(recipe: ClipRecipe) -> str:
    """Say in words what the network heard."""
    split, asked = recipe.data.split, recipe.data
    parts = f"all but folds {', '.join(map(str, split.test_folds))}"
    which = parts if split.kind == "folds" else f"eight tenths ({split.kind})"
    licences = f" ({' and '.join(asked.licences)} clips only)" if asked.licences else ""
    return f"{asked.set}, {which}{licences}"
