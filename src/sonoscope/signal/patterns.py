"""Phase-resolved patterns of pulses: counts over phase and amplitude, and what follows from them.

Conventions: phase 0 is the rising zero crossing of the voltage; phase bin i covers
2π [i, i + 1) / n, so that the first half of the bins is the positive half cycle. Amplitudes lie on
a decibel axis: doubling all shifts the absolute pattern by 6 dB and leaves the normalised one as it
is, whose 0 dB is the 95th percentile.

Curves over phase: H_n(φ) pulses, H_qmax(φ) greatest and H_qmean(φ) mean amplitude. Operators, each
half cycle taken as a distribution over its phase (E. Gulski, F. H. Kreuger, "Computer-aided
recognition of discharge sources", IEEE Trans. EI 27, 1992): skewness Σ (φ - μ)³ p / σ³, kurtosis
Σ (φ - μ)⁴ p / σ⁴ - 3, asymmetry (Q⁻ / N⁻) / (Q⁺ / N⁺) of mean amplitudes, and the correlation of
H_qmean between the half cycles.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

ABSOLUTE_DB = (-120.0, 8.0, 2.0)
"""Lowest and highest edge and step of the absolute axis; 0 dB is a sine of full scale."""

NORMALISED_DB = (-42.0, 6.0, 1.5)

FOLDED_DB = (-12.0, 36.0, 1.5)
"""The axis of what is folded, over the median."""
_REFERENCE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Counts over phase and amplitude.

    Attributes
    ----------
    counts
        Pulses; those beyond the axis are counted in its outermost bins.
    edges_db
        Of the amplitude axis, one more than bins.
    reference_db
        What 0 dB of the axis is, over a sine of full scale.
    """

    counts: Int64[ndarray, "phase amplitude"]
    edges_db: Float64[ndarray, " edge"]
    reference_db: float = 0.0

    @property
    def phase_bins(self) -> int:
        """How many there are."""
        return int(self.counts.shape[0])

    def turned(self, by_rad: float) -> "Pattern":
        """Give the counts at later phases, to the nearest bin."""
        by = round(by_rad / (2 * np.pi) * self.phase_bins)
        return replace(self, counts=np.roll(self.counts, by, axis=0))

    def plus(self, other: "Pattern") -> "Pattern":
        """Give the counts of both, which have the same axes."""
        return replace(self, counts=self.counts + other.counts)

    def coarser(self, by: int) -> "Pattern":
        """Give the counts in phase bins that each are `by` of these."""
        rows = self.counts.reshape(-1, by, self.counts.shape[1])
        return replace(self, counts=rows.sum(axis=1))

    def halves(self) -> Float64[ndarray, "2 phase amplitude"]:
        """Give log(1 + counts) of both half cycles: what a network listens to."""
        half = self.phase_bins // 2
        return np.log1p(np.stack([self.counts[:half], self.counts[half:]]).astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Over phase: pulses, and their greatest and mean amplitude (0 where there are none)."""

    count: Int64[ndarray, " phase"]
    greatest: Float64[ndarray, " phase"]
    mean: Float64[ndarray, " phase"]


@dataclass(frozen=True, slots=True)
class Operators:
    """What a pattern comes to in a few numbers; NaN where a half cycle is empty.

    Attributes
    ----------
    skewness, kurtosis
        Of H_n in the positive and the negative half cycle.
    asymmetry
        Mean amplitude of the negative half cycle over that of the positive.
    correlation
        Of H_qmean between the half cycles.
    f1_share, f2_share
        How far H_n swings at the mains and at twice the mains: |c_k| over its mean.
    """

    skewness: tuple[float, float]
    kurtosis: tuple[float, float]
    asymmetry: float
    correlation: float
    f1_share: float
    f2_share: float


def phase_bin(phase: Float64[ndarray, " pulse"], bins: int) -> Int64[ndarray, " pulse"]:
    """Give the bin of each phase in radians, wrapped or not."""
    turns = phase / (2 * np.pi)
    return np.minimum(((turns - np.floor(turns)) * bins).astype(np.int64), bins - 1)


def decibels(amplitude: Float64[ndarray, " pulse"]) -> Float64[ndarray, " pulse"]:
    """Give levels over a sine of full scale."""
    return np.asarray(20 * np.log10(np.maximum(amplitude, 1e-12)))


def absolute_pattern(
    phase: Float64[ndarray, " pulse"], amplitude: Float64[ndarray, " pulse"], bins: int
) -> Pattern:
    """Count pulses over phase and absolute amplitude."""
    return _counted(phase, decibels(amplitude), bins, ABSOLUTE_DB, 0.0)


def normalised_pattern(
    phase: Float64[ndarray, " pulse"], amplitude: Float64[ndarray, " pulse"], bins: int
) -> Pattern:
    """Count pulses over phase and amplitude relative to the 95th percentile."""
    level = decibels(amplitude)
    reference = float(np.quantile(level, _REFERENCE)) if len(level) else 0.0
    return _counted(phase, level - reference, bins, NORMALISED_DB, reference)


def _counted(
    phase: Float64[ndarray, " pulse"],
    level_db: Float64[ndarray, " pulse"],
    bins: int,
    axis: tuple[float, float, float],
    reference_db: float,
) -> Pattern:
    low, high, step = axis
    rows = round((high - low) / step)
    row = np.clip(np.floor((level_db - low) / step).astype(np.int64), 0, rows - 1)
    at = phase_bin(phase, bins) * rows + row
    counts = np.bincount(at, minlength=bins * rows).reshape(bins, rows).astype(np.int64)
    return Pattern(counts, low + step * np.arange(rows + 1), reference_db)


def folded(
    phase: Float64[ndarray, " value"], over_db: Float64[ndarray, " value"], bins: int
) -> Pattern:
    """Count values of an envelope, pulses or not, over phase and level above the median.

    Noise alone looks the same at every phase; pulses too weak to be picked one by one do not.
    """
    return _counted(phase, over_db, bins, FOLDED_DB, 0.0)


def curves(
    phase: Float64[ndarray, " pulse"], amplitude: Float64[ndarray, " pulse"], bins: int
) -> Curves:
    """Give H_n, H_qmax and H_qmean."""
    at = phase_bin(phase, bins)
    count = np.bincount(at, minlength=bins).astype(np.int64)
    total = np.bincount(at, weights=amplitude, minlength=bins)
    greatest = np.zeros(bins)
    np.maximum.at(greatest, at, amplitude)
    return Curves(count, greatest, total / np.maximum(count, 1))


def operators(found: Curves) -> Operators:
    """Give the operators of Gulski and Kreuger, and how H_n swings."""
    half = len(found.count) // 2
    count = found.count.reshape(2, half).astype(np.float64)
    charge = (found.mean * found.count).reshape(2, half)
    shape = [_shape(row) for row in count]
    mean = [
        float(q.sum() / n.sum()) if n.sum() else np.nan for q, n in zip(charge, count, strict=True)
    ]
    first, second = found.mean[:half], found.mean[half:]
    spread = float(first.std() * second.std())
    correlation = float(((first - first.mean()) * (second - second.mean())).mean())
    swing = np.abs(np.fft.rfft(found.count))
    total = max(float(swing[0]), 1.0)
    return Operators(
        (shape[0][0], shape[1][0]),
        (shape[0][1], shape[1][1]),
        mean[1] / mean[0] if mean[0] > 0 else np.nan,
        correlation / spread if spread > 0 else np.nan,
        float(swing[1]) / total,
        float(swing[2]) / total,
    )


def _shape(count: Float64[ndarray, " phase"]) -> tuple[float, float]:
    """Give skewness and excess kurtosis of a distribution over the bins."""
    total = float(count.sum())
    if total == 0:
        return np.nan, np.nan
    share, at = count / total, np.arange(len(count))
    off = at - float((share * at).sum())
    variance = float((share * off**2).sum())
    if variance == 0:
        return 0.0, np.nan
    third, fourth = float((share * off**3).sum()), float((share * off**4).sum())
    return third / variance**1.5, fourth / variance**2 - 3
