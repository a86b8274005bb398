"""Every rival's recipe is one that trains: its network answers when its labels ask, and learns."""

from pathlib import Path

import pytest
import torch

from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.core.recipe import read_recipe
from sonoscope.models.build import build, target_of
from sonoscope.targets.card import COPIES
from sonoscope.training.losses import Truth, loss
from sonoscope.training.recipe import TrainRecipe

RIVALS = Path(__file__).parents[2] / "recipes" / "rivals"
PAPER = RIVALS.parent / "paper_res_scse_crnn.toml"
FILES = sorted(RIVALS.glob("*.toml"))


def names(files: list[Path]) -> list[str]:
    return [file.stem for file in files]


def truth_of(recipe: TrainRecipe, n_samples: int) -> Truth:
    """Give random truth of one scene, with some sources of one label at a time."""
    hop = whole_samples(recipe.label_step_s, recipe.rate_hz)
    n_frames = FrameGrid(recipe.rate_hz, hop).count(n_samples)
    shape = (1, n_frames, len(recipe.all_labels), COPIES[target_of(recipe.network)])
    active = (torch.rand(shape) < 0.05).float()
    direction = torch.nn.functional.normalize(torch.randn(*shape, 3), dim=-1)
    return Truth(active, active[..., None] * direction, 2.0 * active)


def test_there_is_a_recipe_for_every_rival() -> None:
    assert set(names(FILES)) >= {
        "two_stage_detection",
        "two_stage_direction",
        "cnn9",
        "dcase2021_accdoa",
        "dcase2022_salsa_lite",
        "dcase2023",
        "dcase2024",
        "einv2",
        "einv2_small",
    }


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_it_hears_what_the_papers_networks_hear(file: Path) -> None:
    rival, paper = read_recipe(file, TrainRecipe), read_recipe(PAPER, TrainRecipe)
    for part in ("data", "labels", "extra_labels", "steps", "batch_size", "window_s", "places"):
        assert getattr(rival, part) == getattr(paper, part), part
    for part in ("max_overlap", "snr_db", "extra_share", "mono_share"):
        assert getattr(rival.scene, part) == getattr(paper.scene, part), part
    assert rival.network.kind != "mask_crnn"
    assert rival.network.features.rate_hz == rival.rate_hz
    assert rival.scene.same_label_overlap == (COPIES[target_of(rival.network)] > 1)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_it_learns_from_a_scene(file: Path) -> None:
    recipe = read_recipe(file, TrainRecipe)
    network = build(recipe.network, len(recipe.all_labels))
    n_samples = recipe.rate_hz
    errors = loss(
        network(0.1 * torch.randn(1, 4, n_samples)), truth_of(recipe, n_samples), recipe.loss
    )
    errors.total.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in network.parameters() if p.requires_grad]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    moved = sum(gradient is not None and bool(gradient.any()) for gradient in gradients)
    assert moved > 0.8 * len(gradients)
