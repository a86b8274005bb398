"""Tuning finds the reading under which the truth comes out."""

import numpy as np

from sonoscope.core.frames import FrameGrid
from sonoscope.targets.classwise import Decoding
from sonoscope.targets.following import Copies
from sonoscope.targets.sources import Sources
from sonoscope.training.tuning import score_events, tuned
from sonoscope.training.validation import Answer

GRID = FrameGrid(16_000, 320)
LABELS = ("dog", "siren")


def timid_answers() -> list[Answer]:
    """Truth told with little confidence: 0.3 for one label, 0.5 for the other, 0.1 for silence."""
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(4):
        active = np.zeros((400, 2), bool)
        for label in range(2):
            start = int(rng.integers(0, 250))
            active[start : start + 100, label] = True
        direction = np.zeros((400, 2, 3))
        direction[active] = [0.0, 1.0, 0.0]
        confidence = np.where(active, [0.32, 0.52], 0.1)
        truth = Sources(active[..., None], direction[:, :, None], np.zeros((400, 2, 1)))
        heard = Copies(confidence[..., None], 0.3 * direction[:, :, None])
        answers.append(Answer(truth, heard))
    return answers


def test_thresholds_follow_the_confidence() -> None:
    answers = timid_answers()
    before = score_events(answers, LABELS, GRID, Decoding((0.6, 0.6)))
    decoding, scores = tuned(answers, LABELS, GRID)
    assert before.f < 0.1
    assert scores.f > 0.99
    assert scores.er < 0.01
    assert scores.de_deg < 1e-3
    assert decoding.thresholds[0] <= 0.32


def test_each_label_finds_a_threshold_of_its_own() -> None:
    """Two labels are timid, two are heard faintly where they are not: four thresholds, not one."""
    labels = ("cough", "dog", "siren", "speech")
    active = np.zeros((800, 4), bool)
    said = np.full((800, 4), 0.05)
    for label in range(4):
        active[200 * label : 200 * label + 100, label] = True
        said[200 * label + 110 : 200 * label + 190, label] = 0.05 if label < 2 else 0.31
    said = np.where(active, [0.33, 0.33, 0.9, 0.9], said)
    ahead = active[..., None] * np.array([1.0, 0.0, 0.0])
    truth = Sources(active[..., None], ahead[:, :, None], np.zeros((800, 4, 1)))
    answer = Answer(truth, Copies(said[..., None], np.broadcast_to([1.0, 0, 0], (800, 4, 1, 3))))
    decoding, scores = tuned([answer], labels, GRID)
    assert max(decoding.thresholds[:2]) < 0.33
    assert min(decoding.thresholds[2:]) > 0.31
    assert scores.f > 0.99
