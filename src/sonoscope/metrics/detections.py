"""What was right and what was wrong, label by label: from sources, or tracks, to rates.

A unit is a second (2021 to 2023) or a frame (2024, 2025); an item is a source, or a track, of one
label in one unit. A true item that was paired is right, or misplaced where it was heard too far
off; one that was not paired is missed. Heard items beyond the true ones are false.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray

from sonoscope.metrics.dcase2019 import EPS, Mode

Average = Literal["macro", "micro"]
"""Mean of the labels' scores, or one score of all labels together."""

THRESHOLD_DEG = 20.0


@dataclass(frozen=True, slots=True)
class Errors:
    """Missed and false items set off against each other in every unit, whatever their labels."""

    n_substituted: int = 0
    n_deleted: int = 0
    n_inserted: int = 0

    def rate(self, n_reference: float, mode: Mode) -> float:
        """Give errors over what should have been there."""
        errors = self.n_substituted + self.n_deleted + self.n_inserted
        if mode == "official":
            return errors / (n_reference + EPS)
        if n_reference:
            return errors / n_reference
        return math.inf if errors else math.nan


def summed(
    place: Int[ndarray, " row"], numbers: Num[ndarray, " row"], n_places: int
) -> Float[ndarray, " place"]:
    """Add numbers up at their places."""
    return np.bincount(place, weights=numbers, minlength=n_places).astype(np.float64)


def errors(
    unit: Int[ndarray, " key"], missed: Num[ndarray, " key"], false: Num[ndarray, " key"]
) -> Errors:
    """Count errors, given how many items are missed and false for keys that lie in units."""
    _, unit = np.unique(unit, return_inverse=True)
    n_units = int(unit.max(initial=-1)) + 1
    n_missed, n_false = (summed(unit, x, n_units).astype(int) for x in (missed, false))
    return Errors(
        n_substituted=int(np.minimum(n_missed, n_false).sum()),
        n_deleted=int(np.maximum(0, n_missed - n_false).sum()),
        n_inserted=int(np.maximum(0, n_false - n_missed).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Numbers of items of each label; `angle_sum_deg` is over all that were paired."""

    n_reference: Float[ndarray, " label"]
    n_right: Float[ndarray, " label"]
    n_misplaced: Float[ndarray, " label"]
    n_missed: Float[ndarray, " label"]
    n_false: Float[ndarray, " label"]
    angle_sum_deg: Float[ndarray, " label"]

    @property
    def n_paired(self) -> Float[ndarray, " label"]:
        """True items that were heard, wherever."""
        return np.asarray(self.n_right + self.n_misplaced)

    def averaged(self, average: Average) -> "Detections":
        """Keep the labels apart, or put them together under one."""
        if average == "macro":
            return self
        return Detections(
            self.n_reference.sum(keepdims=True),
            self.n_right.sum(keepdims=True),
            self.n_misplaced.sum(keepdims=True),
            self.n_missed.sum(keepdims=True),
            self.n_false.sum(keepdims=True),
            self.angle_sum_deg.sum(keepdims=True),
        )

    def f(self, misplaced_weight: float, mode: Mode) -> Float[ndarray, " label"]:
        """Give F: right over right, misplaced (weighted) and half of missed and false."""
        wrong = misplaced_weight * self.n_misplaced + (self.n_missed + self.n_false) / 2
        return self._share(self.n_right, self.n_right + wrong, mode)

    def recall(self, mode: Mode) -> Float[ndarray, " label"]:
        """Give the share of true items that were heard, wherever."""
        return self._share(self.n_paired, self.n_paired + self.n_missed, mode)

    def mean_angle_deg(self, without: float) -> Float[ndarray, " label"]:
        """Give the mean angle of pairs, `without` where there are none."""
        return per_pair(self.angle_sum_deg, self.n_paired, without)

    def _share(
        self, part: Float[ndarray, " label"], whole: Float[ndarray, " label"], mode: Mode
    ) -> Float[ndarray, " label"]:
        """Divide; a label that nobody named scores 0, and in mode `strict` a silence has none."""
        if mode == "official":
            return np.asarray(part / (whole + EPS))
        empty = 0.0 if (self.n_paired + self.n_missed + self.n_false).any() else math.nan
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), empty)


def per_pair(
    total: Float[ndarray, " label"], n_pairs: Float[ndarray, " label"], without: float
) -> Float[ndarray, " label"]:
    """Give means over pairs, `without` where there are none."""
    return np.where(n_pairs > 0, total / np.where(n_pairs > 0, n_pairs, 1.0), without)


def known_mean(
    values: Float[ndarray, "*many label"],
) -> Float[ndarray, "*many"]:
    """Give means over the last axis of what is a number; not a number where nothing is."""
    known = ~np.isnan(values)
    total, n = np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1)
    return np.where(n > 0, total / np.where(n > 0, n, 1), np.nan)
