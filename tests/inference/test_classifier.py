"""A model that names clips: any length, any rate, any way of cutting; what it refuses."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.inference.clip_toy import CARD, RATE_HZ, WINDOW, toy

from sonoscope.core.audio import Recording, write
from sonoscope.core.errors import CheckpointError, InputError
from sonoscope.inference.classifier import Classifier, Named, card_of
from sonoscope.inference.model_file import load
from sonoscope.targets.card import card_text
from sonoscope.targets.clip_card import ClipCard, read_clip_card
from sonoscope.targets.clip_label import UNKNOWN, sliding_starts, spread_starts


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return Classifier.load(toy(tmp_path / "toy.onnx"))


def constant(value: float, n_samples: int) -> np.ndarray:
    return np.full((1, n_samples), value, np.float32)


def test_a_card_survives_its_text_and_a_wrong_one_is_refused() -> None:
    assert read_clip_card(card_text(CARD), where="here") == CARD
    with pytest.raises(CheckpointError, match="here: the card must be of a model that names clips"):
        read_clip_card('{"name": "x", "hop": 1}', where="here")
    with pytest.raises(ValueError, match="rate_hz and window must be given"):
        ClipCard("x", "1", ("a", "b"))
    with pytest.raises(ValueError, match="pattern must be given"):
        ClipCard("x", "1", ("a", "b"), hears=("prpd",))
    with pytest.raises(ValueError, match="labels must differ"):
        ClipCard("x", "1", ("a", UNKNOWN), rate_hz=8_000, window=1)


def test_long_sound_has_a_timeline_and_the_whole_its_mean(classifier: Classifier) -> None:
    sound = np.concatenate([constant(0.1, 1_600), constant(-0.1, 800)], axis=1)
    named = classifier.name(sound, RATE_HZ)
    assert named.start_s.tolist() == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert named.names() == ["positive", "positive", "positive", UNKNOWN, "negative"]
    assert named.whole.tolist() == pytest.approx(named.probability.mean(axis=0).tolist())
    assert named.label == UNKNOWN  # 70 % of it is positive
    assert named.likeliest(1)[0][0] == "positive"


@pytest.mark.parametrize("n_samples", [1, 799, 800, 801, 1_200, 1_201, 5_000])
def test_windows_cover_every_length(classifier: Classifier, n_samples: int) -> None:
    named = classifier.name(constant(0.1, n_samples), RATE_HZ)
    starts = sliding_starts(n_samples, WINDOW, WINDOW // 2)
    assert (named.start_s * RATE_HZ).round().astype(int).tolist() == starts
    assert starts[-1] + WINDOW >= n_samples


def test_however_it_is_cut_the_answer_is_the_same(classifier: Classifier) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 3_210)).astype(np.float32)
    whole = classifier.name(sound, RATE_HZ).probability
    for size in (1, 7, 1_000):
        blocks = (sound[:, i : i + size] for i in range(0, sound.shape[1], size))
        np.testing.assert_allclose(classifier.name_blocks(blocks).probability, whole, atol=1e-6)


def test_files_of_any_rate_are_heard_at_the_models(classifier: Classifier, tmp_path: Path) -> None:
    write(tmp_path / "x.wav", Recording(constant(0.1, 44_100), 44_100))
    named = classifier.name_file(tmp_path / "x.wav")
    assert len(named.start_s) == len(sliding_starts(8_000, WINDOW, WINDOW // 2))
    assert named.label == "positive"


def test_silence_is_unknown_and_no_sample_is_refused(classifier: Classifier) -> None:
    named = classifier.name(constant(0, 2_000), RATE_HZ)
    assert set(named.names()) == {UNKNOWN}
    assert named.score == 0.5
    with pytest.raises(InputError, match="at least one sample"):
        classifier.name_blocks([])


def test_silence_is_unknown_without_a_threshold_too(tmp_path: Path) -> None:
    eager = ClipCard("eager", "1", CARD.labels, rate_hz=RATE_HZ, window=WINDOW)
    named = Classifier.load(toy(tmp_path / "eager.onnx", eager)).name(constant(0, 2_000), RATE_HZ)
    assert {named.label, *named.names()} == {UNKNOWN}


def test_windows_of_one_name_become_one_event(classifier: Classifier) -> None:
    sound = np.concatenate([constant(0.1, 1_600), constant(-0.1, 800)], axis=1)
    events = classifier.name(sound, RATE_HZ).events(0.3)
    assert [event.label for event in events] == ["positive", UNKNOWN, "negative"]
    # windows of 0.1 s every 0.05 s: the third is heard beside the fourth from 0.15 to 0.2 s
    assert [event.onset_s for event in events] == pytest.approx([0.0, 0.175, 0.225])
    assert [event.offset_s for event in events] == pytest.approx([0.175, 0.225, 0.3])
    assert events[0].score == pytest.approx(1.0)
    assert events[1].score == pytest.approx(0.5)


@pytest.mark.parametrize("n_samples", [1, 800, 801, 1_201, 5_000])
def test_events_tile_the_recording(classifier: Classifier, n_samples: int) -> None:
    sound = np.random.default_rng(n_samples).normal(0, 0.1, (1, n_samples)).astype(np.float32)
    events = classifier.name(sound, RATE_HZ).events(n_samples / RATE_HZ)
    assert events[0].onset_s == 0
    assert events[-1].offset_s == n_samples / RATE_HZ
    for one, other in pairwise(events):
        assert one.offset_s == other.onset_s
        assert one.label != other.label
    assert all(event.duration_s > 0 for event in events)


def test_a_score_is_the_mean_of_its_windows() -> None:
    probability = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    named = Named(("a", "b"), np.array([0.0, 1.0, 2.0]), 2.0, probability, 0.5)
    first, second = named.events(3.5)
    assert (first.label, first.onset_s, first.offset_s) == ("a", 0.0, 2.5)
    assert first.score == pytest.approx(0.8)
    assert second.score == pytest.approx(0.6)


def test_detectors_and_namers_of_clips_are_told_apart(tmp_path: Path) -> None:
    path, detector = toy(tmp_path / "toy.onnx"), Path(__file__).parent / "toys" / "foa.onnx"
    assert card_of(path) == CARD
    assert card_of(detector) == load(detector).card
    with pytest.raises(CheckpointError, match="names clips, which is for `sonoscope classify`"):
        load(path)
    with pytest.raises(CheckpointError, match="locates, which is for `sonoscope analyze`"):
        Classifier.load(detector)


def test_the_temperature_softens(tmp_path: Path) -> None:
    sharp = Classifier.load(toy(tmp_path / "a.onnx"))
    soft = Classifier.load(
        toy(
            tmp_path / "b.onnx",
            ClipCard("b", "1", CARD.labels, rate_hz=RATE_HZ, window=WINDOW, temperature=5),
        )
    )
    sound = constant(0.001, WINDOW)
    assert 0.5 < soft.name(sound, RATE_HZ).score < sharp.name(sound, RATE_HZ).score


def test_a_graph_that_does_not_fit_its_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"logits must be of \(batch, 2\) by its card"):
        Classifier.load(toy(tmp_path / "three.onnx", n_labels=3))
    two = ClipCard("x", "1", ("a", "b"), hears=("prpd",), pattern=(36, 32))
    with pytest.raises(CheckpointError, match="inputs and outputs prpd, logits by its card"):
        Classifier.load(toy(tmp_path / "prpd.onnx", two))
    detector = Path(__file__).parent / "toys" / "foa.onnx"
    with pytest.raises(CheckpointError, match="must be of a model that names clips"):
        Classifier.load(detector)


def test_windows_that_are_spread_are_few_where_they_would_be_the_same() -> None:
    assert spread_starts(80_001, 80_000, 10) == [0]
    assert spread_starts(160_000, 80_000, 3) == [0, 40_000, 80_000]
