"""Models that name discharges: what they take, what they say, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.inference.clip_toy import toy as clip_toy
from tests.inference.discharge_toy import CARD, card_with, toy
from tests.signal.pulse_sounds import at_phases, clicks, floating_bars

from sonoscope.core.errors import CheckpointError
from sonoscope.inference.classifier import Classifier, card_of
from sonoscope.inference.discharges import DischargeNamer, decided
from sonoscope.inference.model_file import load
from sonoscope.signal.pattern_input import FIGURES, HALF, LEVELS, MAPS, figures_of, maps_of
from sonoscope.signal.prpd import Prpd, phase_resolve
from sonoscope.targets.card import card_text
from sonoscope.targets.discharge_card import read_discharge_card

RATE_HZ = 96_000


def bars(seed: int = 0) -> Prpd:
    sound, _ = floating_bars(50.02, 2.0, seed=seed)
    return phase_resolve(sound, RATE_HZ)


def silence() -> Prpd:
    generator = np.random.default_rng(1)
    return phase_resolve(0.01 * generator.standard_normal(2 * RATE_HZ), RATE_HZ)


def one_half() -> Prpd:
    generator = np.random.default_rng(2)
    time = at_phases(np.linspace(255, 285, 6), 2.0, 50.0, 2.0, generator)
    sound = clicks(time, np.ones(len(time)), 2.0)
    return phase_resolve(sound + 0.01 * generator.standard_normal(len(sound)), RATE_HZ)


def test_each_kind_is_judged_by_itself(tmp_path: Path) -> None:
    namer = DischargeNamer.of_file(toy(tmp_path / "toy.onnx"))
    both, one, none = namer.names([bars(), one_half(), silence()])
    assert set(both.kinds) == {"first", "second"}
    assert one.kinds == ("second",)  # corona is drawn about 270 degrees
    assert none.kinds == ()
    assert not none.unknown
    assert set(both.confidence) == set(CARD.labels)


def test_one_at_a_time_is_the_same_as_many(tmp_path: Path) -> None:
    namer = DischargeNamer.of_file(toy(tmp_path / "toy.onnx"))
    found = [bars(), silence()]
    assert [namer.name(each) for each in found] == namer.names(found)


def test_what_is_sure_of_no_kind_is_unknown() -> None:
    shared = np.array([0.45, 0.4, 0.0])
    assert decided(CARD, shared).unknown
    assert decided(CARD, shared).kinds == ()
    assert decided(CARD, shared).any == pytest.approx(1 - 0.55 * 0.6)
    assert not decided(card_with(unknown_from=0.7), shared).unknown
    faint = decided(CARD, np.array([0.9, 0.1, 0.0]), clear=False)
    assert faint.unknown
    assert faint.kinds == ()
    named = decided(card_with(thresholds=(0.5, 0.3, 0.5)), shared)
    assert named.kinds == ("second",)
    assert not named.unknown
    assert decided(CARD, np.array([0.6, 0.0, 0.9])).kinds == ("steady", "first")


def test_probabilities_are_of_scaled_logits() -> None:
    card = card_with(scales=(2.0, 1.0, 1.0), offsets=(0.0, 1.0, -1.0))
    logits = np.array([[1.0, -1.0, 1.0]], np.float32)
    assert card.probability(logits)[0] == pytest.approx([1 / (1 + np.exp(-2)), 0.5, 0.5])


def test_a_kind_whose_clock_is_not_kept_has_no_probability(tmp_path: Path) -> None:
    strict = card_with(clocks=("other", "mains", "other"))
    namer = DischargeNamer.of_file(toy(tmp_path / "toy.onnx", strict))
    found = bars()
    assert "mains" in found.kept
    named = namer.name(replace(found, kept=frozenset({"mains"})))
    assert named.kinds == ("second",)
    assert named.confidence["first"] == 0.0
    assert namer.name(replace(found, kept=frozenset())).kinds == ()
    with pytest.raises(ValueError, match="clocks must be as many as labels"):
        card_with(clocks=("mains",))


@pytest.mark.parametrize("heard", [bars, one_half, silence])
def test_maps_and_figures_are_finite_and_as_large_as_they_say(heard: object) -> None:
    found = heard()  # type: ignore[operator]
    maps = maps_of(found, tuple(MAPS))
    assert maps.shape == (2 * len(MAPS), HALF, LEVELS)
    assert np.isfinite(maps).all()
    figures = figures_of(found, tuple(FIGURES))
    assert np.isfinite(figures).all()
    assert np.abs(figures).max() < 20


def test_what_is_refused(tmp_path: Path) -> None:
    path = toy(tmp_path / "toy.onnx")
    assert card_of(path) == CARD
    with pytest.raises(CheckpointError, match="is for `sonoscope diagnose`"):
        load(path)
    with pytest.raises(CheckpointError, match="must be of a model that names clips"):
        Classifier.load(path)
    with pytest.raises(CheckpointError, match="must be of a model that names discharges"):
        DischargeNamer.of_file(clip_toy(tmp_path / "clip.onnx"))
    wider = toy(tmp_path / "wider.onnx", card_with(figures=("mains_lock", "other_lock")))
    with pytest.raises(CheckpointError, match=r"figures must be of \(batch, 2\)"):
        DischargeNamer.of_file(wider)
    text = card_text(CARD).replace('"mains_lock"', '"moon"')
    with pytest.raises(CheckpointError, match=r"figures must be of .* but moon was given"):
        read_discharge_card(text, where="here")
    with pytest.raises(ValueError, match="thresholds must be as many as labels"):
        card_with(thresholds=(0.5,))


def test_what_ships_names_what_it_learnt_and_nothing_of_noise() -> None:
    namer = DischargeNamer.shipped()
    assert namer.card.name == "discharge"
    assert "simulated" in namer.card.trained_on
    found, quiet = namer.names([bars(), silence()])
    assert found.kinds == ("floating",)
    assert quiet.kinds == ()
    assert not quiet.unknown


def test_turning_a_sound_does_not_change_what_ships_says() -> None:
    sound, _ = floating_bars(50.0, 2.0)
    cycles = round(0.0137 * RATE_HZ)
    first, later = (
        DischargeNamer.shipped().name(phase_resolve(part, RATE_HZ))
        for part in (sound[cycles:], sound[:-cycles])
    )
    assert first.kinds == later.kinds
