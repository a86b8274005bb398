"""What is kept of a test, and the scores of several folds together."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.errors import InputError
from sonoscope.training.clips.listening import Answers
from sonoscope.training.clips.scored import (
    ScoredClips,
    difference,
    over_folds,
    read_heard,
    read_scored,
    worth,
    write_scored,
)

LABELS = ("a", "b", "c")


def answers(seed: int, skill: float, n_clips: int = 60) -> Answers:
    """Make clips of twenty originals in two windows each, named by a network of some skill."""
    rng = np.random.default_rng(seed)
    label = np.arange(n_clips) % 3
    owner = np.repeat(np.arange(n_clips), 2)
    logits = rng.normal(0, 1, (2 * n_clips, 3)) + skill * np.eye(3)[label[owner]]
    return Answers(logits, owner, label, tuple(f"g{i // 3}" for i in range(n_clips)))


def kept(out: Path, said: Answers) -> Path:
    out.mkdir()
    scored = ScoredClips(
        name="x",
        seed=0,
        test="made up",
        leaks=0,
        parameters=1,
        trained_clips=2,
        epochs=3,
        steps=4,
        trained_s=5.0,
        **worth(said, LABELS, answers(99, 2)),
    )
    path = write_scored(out, scored, {"test": said, "validation": answers(99, 2)})
    assert read_scored(path).scores == scored.scores
    assert read_scored(path).confusion == scored.confusion
    return out


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    said = answers(0, 2)
    folder = kept(tmp_path / "one", said)
    again = read_heard(folder / "heard.npz")
    np.testing.assert_allclose(again.logits, said.logits, atol=1e-6)
    assert again.scores == said.scores
    assert tuple(again.groups) == tuple(said.groups)
    assert read_heard(folder / "heard.npz", "validation").label.tolist() == [0, 1, 2] * 20
    with pytest.raises(InputError, match="does not tell what was heard of train"):
        read_heard(folder / "heard.npz", "train")
    (folder / "result.json").write_text("{}")
    with pytest.raises(InputError, match="not a result"):
        read_scored(folder / "result.json")


def test_a_clip_has_the_mean_of_its_windows() -> None:
    logits = np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    said = Answers(logits, np.array([0, 0, 0]), np.array([0]), ("g",))
    assert said.probability()[0, 0] == pytest.approx((0.99988 + 2 * 0.26894) / 3, abs=1e-4)
    assert said.scores.accuracy == 1
    assert said.loss == pytest.approx(-np.log(said.probability()[0, 0]))


def test_folds_are_scored_together_and_systems_on_the_same_clips(tmp_path: Path) -> None:
    good = [kept(tmp_path / f"good{i}", answers(i, 2.5)) for i in range(3)]
    poor = [kept(tmp_path / f"poor{i}", answers(i, 0.5)) for i in range(3)]
    together = over_folds(good)["accuracy"]
    alone = [read_heard(each / "heard.npz").scores.accuracy for each in good]
    assert together.value == pytest.approx(np.mean(alone))
    assert together.low < together.value < together.high
    apart = difference(good, poor)["accuracy"]
    assert apart.low > 0
    assert apart.value == pytest.approx(together.value - over_folds(poor)["accuracy"].value)
