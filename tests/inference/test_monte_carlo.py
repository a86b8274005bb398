"""Monte Carlo dropout: the same seed the same answer, and scatter as the dropout makes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float32
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.inference.detector import Detector, Heard
from sonoscope.inference.monte_carlo import MonteCarlo, with_passes
from sonoscope.targets.card import Dropout

TOYS = Path(__file__).parent / "toys"
KEPT = Detector.load(TOYS / "kept.onnx", threads=2)


def sound(n_frames: int = 260) -> Float32[ndarray, "4 sample"]:
    return np.ones((4, n_frames * 160), np.float32)


def asked(passes: int, seed: int = 0) -> Heard:
    return KEPT.in_passes(MonteCarlo(passes, seed)).listen([sound()])


def test_without_passes_everything_is_kept() -> None:
    plain, whole = KEPT.listen([sound()]), Detector.load(TOYS / "whole.onnx").listen([sound()])
    assert np.array_equal(plain.activity, whole.activity)
    assert plain.samples is None


def test_the_same_seed_gives_the_same_answer_however_the_sound_comes() -> None:
    once, again, other = asked(60), asked(60), asked(60, seed=1)
    assert np.array_equal(once.activity, again.activity)
    assert not np.allclose(once.activity, other.activity)
    alone = Detector(KEPT.model, batch=1, threads=1, monte_carlo=MonteCarlo(60))
    blocks = np.array_split(sound(), 7, axis=1)
    parts = alone.listen(blocks)
    assert np.allclose(parts.activity, once.activity, atol=1e-6)
    assert parts.samples is not None
    assert once.samples is not None
    assert np.array_equal(parts.samples.frame, once.samples.frame)
    assert np.allclose(parts.samples.said, once.samples.said, atol=1e-3)


def test_the_mean_is_that_of_all_units() -> None:
    """What is kept is made louder by as much as the rest is left out."""
    plain, mean = KEPT.listen([sound()]), asked(400)
    assert mean.activity.shape == plain.activity.shape
    ratio = mean.activity / plain.activity
    assert ratio.mean() == pytest.approx(1, abs=0.005)
    assert ratio.std() == pytest.approx(np.sqrt(0.25 / 0.75 / 400), rel=0.1)


def test_the_score_scatters_as_independent_frames_do() -> None:
    """Each frame is left out by itself: the mean over n frames scatters by 1 / sqrt(n) of one."""
    heard = asked(400)
    assert heard.samples is not None
    card, ramp = KEPT.card, KEPT.listen([sound()]).activity
    event = Event("hum", 0.2, 1.2, (Waypoint(0.2, 0.0, 0.0),))
    (told,) = with_passes([event], heard.samples, heard.activity, card.labels, heard.grid)
    assert told.passes is not None
    assert told.passes.n_passes == 400
    one_frame = ramp[10:60, 0].astype(np.float64) * np.sqrt(0.25 / 0.75)
    assert told.passes.score_std == pytest.approx(np.linalg.norm(one_frame) / 50, rel=0.1)
    # the vector is (r, -r, r squared) times what is kept: it turns with the mean of r alone
    assert told.passes.angle is not None
    assert 0 < told.passes.angle < 0.1
    (placeless,) = with_passes(
        [replace(event, path=())], heard.samples, heard.activity, card.labels, heard.grid
    )
    assert placeless.passes is not None
    assert placeless.passes.angle is None


def test_where_nothing_is_heard_nothing_scatters() -> None:
    heard = KEPT.in_passes(MonteCarlo(5)).listen([0 * sound()])
    assert heard.samples is not None
    assert len(heard.samples.frame) == 0
    (told,) = with_passes(
        [Event("hum", 0.2, 1.2)], heard.samples, heard.activity, KEPT.card.labels, heard.grid
    )
    assert told.passes is not None
    assert (told.passes.score_std, told.passes.angle) == (0.0, None)


def test_shares_of_passes_are_drawn_by_number() -> None:
    site = (Dropout("kept_0", 0.2, (30, 40)),)
    few, many = MonteCarlo(60, seed=3), MonteCarlo(200, seed=3)
    assert (few.n_shares, many.n_shares) == (3, 8)
    drawn = many.kept(site, window=5, share=2)["kept_0"]
    assert np.array_equal(few.kept(site, 5, 2)["kept_0"], drawn[:10])
    assert not np.array_equal(many.kept(site, 6, 2)["kept_0"], drawn)
    assert set(np.unique(drawn)) == {np.float32(0), np.float32(1.25)}
    assert (drawn == 0).mean() == pytest.approx(0.2, abs=0.01)


def test_a_model_without_dropout_cannot_be_asked() -> None:
    with pytest.raises(SettingError, match="must have dropout, but foa has none"):
        Detector.load(TOYS / "foa.onnx").in_passes(MonteCarlo(10))
    with pytest.raises(SettingError, match="2 or more, but 1 was given"):
        MonteCarlo(1)
