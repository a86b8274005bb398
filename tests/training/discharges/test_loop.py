"""Training on discharges, small: it learns, resumes to the bit, and exports what it learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.inference.discharge_toy import card_with

from sonoscope.core.errors import CheckpointError, SettingError
from sonoscope.core.recipe import from_json, to_json
from sonoscope.inference.discharges import DischargeNamer
from sonoscope.models.clip.pattern_network import SMALL, PatternNetworkSettings
from sonoscope.signal.pattern_input import FIGURES, MAPS
from sonoscope.training.discharges import export
from sonoscope.training.discharges.augment import AugmentSettings
from sonoscope.training.discharges.draws import LABELS, DrawSettings, Patterns
from sonoscope.training.discharges.export import add_metrics, calibrated, export_discharges
from sonoscope.training.discharges.loop import batch, fit_discharges, logits_of
from sonoscope.training.discharges.recipe import DischargeRecipe

TINY = DischargeRecipe(
    "tiny",
    draws=DrawSettings(train=40, validation=20),
    network=PatternNetworkSettings(replace(SMALL, dropout=0.0, survival=1.0)),
    augment=AugmentSettings(rows=0, drowned=0, oftener=1, blur=0),
    steps=12,
    batch_size=20,
    validate_every=6,
    learning_rate=1e-2,
    ema_decay=0.5,
)


def made_up(count: int, seed: int) -> Patterns:
    """Give patterns in which each kind lights levels of its own."""
    generator = np.random.default_rng(seed)
    target = generator.uniform(size=(count, len(LABELS))) < 0.3
    maps = generator.uniform(0, 0.3, (count, 2, 2 * len(MAPS), 36, 32))
    for number in range(len(LABELS)):
        maps[target[:, number], :, :, 10:20, 6 * number : 6 * number + 5] += 3
    nothing = np.zeros(count, np.float32)
    return Patterns(
        maps.astype(np.float16),
        generator.standard_normal((count, 2, len(FIGURES))).astype(np.float32),
        target,
        nothing,
        nothing,
    )


def test_every_draw_is_heard_before_any_comes_again() -> None:
    marked = made_up(40, 0)
    marked.maps[:] = np.arange(40)[:, None, None, None, None]
    recipe = replace(TINY, augment=replace(TINY.augment, turn=False))
    seen = [batch(recipe, marked, step)[0][:, 2, 0, 0].round().int().tolist() for step in range(4)]
    assert sorted(seen[0] + seen[1]) == list(range(40))
    assert sorted(seen[2] + seen[3]) == list(range(40))
    assert seen[0] + seen[1] != seen[2] + seen[3]


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path) -> None:
    train, validation = made_up(40, 1), made_up(20, 2)
    whole = fit_discharges(TINY, tmp_path / "whole", train, validation)

    def killer(step: int, steps: int, loss: float, row: object) -> None:
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_discharges(TINY, tmp_path / "killed", train, validation, on_progress=killer)
    with pytest.raises(CheckpointError, match="--resume goes on"):
        fit_discharges(TINY, tmp_path / "killed", train, validation)
    resumed = fit_discharges(TINY, tmp_path / "killed", train, validation, resume=True)
    last = f"checkpoint-{TINY.steps:06d}.safetensors"
    assert (tmp_path / "killed" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()
    rows = [
        [line.split(",") for line in (run.parent / "log.csv").read_text().splitlines()[1:]]
        for run in (whole, resumed)
    ]
    assert [row[3] for row in rows[0]] == [row[3] for row in rows[1]]
    assert float(rows[0][-1][1]) < float(rows[0][0][1])


@pytest.mark.slow
def test_what_is_exported_says_what_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, validation = made_up(40, 1), made_up(20, 2)
    best = fit_discharges(replace(TINY, steps=1), tmp_path, train, validation)
    monkeypatch.setattr(export, "patterns_in", lambda *_: validation)
    card = export_discharges(best, tmp_path / "tiny.onnx")
    namer = DischargeNamer.of_file(tmp_path / "tiny.onnx")
    assert namer.card == card
    assert "simulated" in card.trained_on
    network, recipe = export.load_discharge_network(best)
    assert recipe == replace(TINY, steps=1)
    figures_at = [tuple(FIGURES).index(name) for name in card.figures]
    said = namer.logits(validation.maps[:, 0], validation.figures[:, 0][:, figures_at])
    assert said == pytest.approx(logits_of(network, recipe, validation)[::2], abs=1e-4)
    more = add_metrics(tmp_path / "tiny.onnx", "elsewhere", {"macro-F1": 0.51234})
    assert DischargeNamer.of_file(tmp_path / "tiny.onnx").card == more
    assert more.metrics["elsewhere"] == {"macro-F1": 0.5123}
    assert b"site-packages" not in (tmp_path / "tiny.onnx").read_bytes()
    with pytest.raises(SettingError, match=r"must end in \.onnx"):
        export_discharges(best, tmp_path / "tiny.bin")


def test_calibration_makes_logits_probabilities_and_keeps_noise_unnamed() -> None:
    validation = made_up(400, 3)
    generator = np.random.default_rng(4)
    true = np.repeat(validation.target, 2, axis=0)
    logits = 4 * (true - 0.5) + 3 * generator.standard_normal(true.shape)
    five = (1.0,) * 5
    card = card_with(labels=LABELS, scales=five, offsets=five, thresholds=(0.5,) * 5)
    fitted = calibrated(card, logits.astype(np.float32), validation)
    assert fitted.metrics["validation"]["calibration error"] < 0.03
    of_noise = fitted.probability(logits)[~true.any(axis=1)]
    assert (of_noise < np.array(fitted.thresholds)).all()
    assert min(fitted.thresholds) >= 0.5


def test_recipes_are_read_back_and_refused() -> None:
    assert from_json(to_json(TINY), DischargeRecipe, where="here") == TINY
    with pytest.raises(SettingError, match="not a recipe of this version"):
        from_json('{"name": 3}', DischargeRecipe, where="here")
    with pytest.raises(ValueError, match=r"must be of .* but moon was given"):
        replace(TINY, network=PatternNetworkSettings(figures=("moon",)))
