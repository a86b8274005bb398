"""How well the shipped detectors hear scenes whose sounds, speakers and rooms they never learnt.

DCASE 2019 metrics, mode strict, over 60 scenes of 30 s; the recipes are recipes/held_out*.toml, the
seed is below. Simulated rooms; sounds of ESC-50 fold 5 and two unheard speakers.
"""

from pathlib import Path

from bench.tables import markdown
from sonoscope.core import event_table
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.recipe import read_recipe
from sonoscope.datasets.scene_set import SceneSetRecipe, write_scenes
from sonoscope.inference.model_file import resolve
from sonoscope.metrics.dcase2019 import Counts, count
from sonoscope.pipeline import analyze
from sonoscope.training.export import note_metrics

SEED = 20190601
RECIPES = ("held_out", "held_out_10db", "held_out_0db", "held_out_reverberant")
FORMATS: tuple[ChannelFormat, ...] = ("foa", "tetra")


def scene_set(name: str, work: Path, data: Path, count_: int) -> Path:
    """Make (or go on making) the scenes of a recipe."""
    recipe = read_recipe(Path(__file__).parents[1] / "recipes" / f"{name}.toml", SceneSetRecipe)
    out = work / name
    write_scenes(recipe, out, count=count_, seed=SEED, data=data)
    return out


def scored(scenes: Path, heard_as: ChannelFormat, count_: int, model: Path | None = None) -> Counts:
    """Analyse the scenes as a user would (with another model if named) and pool the counts."""
    total = Counts("strict")
    for truth in sorted((scenes / "truth").glob("*.csv"))[:count_]:
        path = scenes / heard_as / f"{truth.stem}.wav"
        out = scenes / "found" / heard_as / truth.stem
        told = None if model is None else str(model)
        found = analyze(path, out, model=told, channel_format=heard_as)
        reference = event_table.read_events(truth, found.card.labels)
        total += count(reference, found.events, "strict", duration_s=found.file.duration_s)
    return total


def table(
    work: Path,
    data: Path,
    *,
    count_: int = 60,
    recipes: tuple[str, ...] = RECIPES,
    into_cards: bool = False,
) -> str:
    """Measure every recipe in both formats, and note the scores in the models' cards if asked."""
    rows = []
    for name in recipes:
        scenes = scene_set(name, work, data, count_)
        for heard_as in FORMATS:
            scores = scored(scenes, heard_as, count_).scores()
            figures = (scores.er, scores.f, scores.fr, scores.seld, scores.frame_er, scores.frame_f)
            told = [f"{figure:.3f}" for figure in figures]
            rows.append([name, heard_as, *told[:2], f"{scores.de_deg:.1f}", *told[2:]])
            if into_cards:
                path = resolve(heard_as)
                noted = {"ER": scores.er, "F": scores.f, "DE": scores.de_deg, "FR": scores.fr}
                rounded = {metric: round(value, 3) for metric, value in noted.items()}
                note_metrics(path, name.replace("_", " "), rounded)
            print(rows[-1], flush=True)
    head = ["scenes", "detector", "ER", "F", "DE °", "FR", "SELD", "frame ER", "frame F"]
    return markdown(head, rows)
