"""Scores of several trainings of one system of sound event localisation: see `metrics.estimates`.

A fold's score pools the counts of its recordings, as the organisers do.
"""

from collections.abc import Sequence
from dataclasses import astuple
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.metrics.dcase2019 import Mode, Tally
from sonoscope.metrics.estimates import (
    Estimate,
    Place,
    Scoring,
    Tested,
    estimated,
    estimated_difference,
)
from sonoscope.metrics.pooling import table_of
from sonoscope.metrics.scored_run import Reading, ScoredRun

SCORES = ("er", "f", "de_deg", "fr", "seld", "frame_er", "frame_f")
_TALLY = len(astuple(Tally()))


def estimates(runs: Sequence[ScoredRun], reading: Reading) -> dict[str, Estimate]:
    """Score one system by all of its trainings, each score by its name in `Scores`."""
    return estimated(_by_place(runs, reading), None, _scoring(reading), SCORES)


def differences(
    runs: Sequence[ScoredRun], reference: Sequence[ScoredRun], reading: Reading
) -> dict[str, Estimate]:
    """Give what one system scores more than another, by the folds and seeds that both have.

    Nothing where they share none.

    Raises
    ------
    InputError
        If the recordings of a fold differ.
    """
    ours, theirs = (_by_place(each, reading) for each in (runs, reference))
    return estimated_difference(ours, theirs, _scoring(reading), SCORES)


def _by_place(runs: Sequence[ScoredRun], reading: Reading) -> dict[Place, Tested]:
    return {(run.fold, run.seed): _tested(run, reading) for run in runs}


def _tested(run: ScoredRun, reading: Reading) -> Tested:
    """Lay the counts of a run out as numbers, a row a recording, in the order of their names."""
    names = sorted(run.counts[reading])
    return Tested(table_of([run.counts[reading][name] for name in names]), names)


def _scoring(reading: Reading) -> Scoring:
    return partial(_scores, mode="strict" if reading == "strict" else "official")


def _scores(sums: Float[ndarray, "row number"], mode: Mode) -> Float[ndarray, "row score"]:
    """Do what `Counts.scores` does, for a thousand sums at once."""
    segments, frames, rest = np.split(sums.T, [_TALLY, 2 * _TALLY])
    angle_sum, n_pairs, n_heard, n_frames_right, n_frames = rest
    with np.errstate(divide="ignore", invalid="ignore"):
        (er, f), (frame_er, frame_f) = (_er_and_f(each, mode) for each in (segments, frames))
        de_deg = np.rad2deg(angle_sum) / (n_heard if mode == "official" else n_pairs)
        fr = n_frames_right / n_frames
    counted_deg = de_deg if mode == "official" else np.where(np.isnan(de_deg), 180.0, de_deg)
    seld = (er + (1 - f) + counted_deg / 180 + (1 - fr)) / 4
    return np.stack([er, f, de_deg, fr, seld, frame_er, frame_f], axis=1)


def _er_and_f(
    tally: Float[ndarray, "number row"], mode: Mode
) -> tuple[Float[ndarray, " row"], Float[ndarray, " row"]]:
    n_reference, n_predicted, n_both, *errors = tally
    both = n_reference + n_predicted
    f = 2 * n_both / np.maximum(both, 1) if mode == "official" else 2 * n_both / both
    return np.sum(errors, axis=0) / n_reference, f
