"""What a network is told of a phase-resolved pattern: maps and figures, each by its name.

A map is of both half cycles, phase by level: 2 × 36 × 32. The network that ships sees each half
cycle beside the other one, so where phase begins and which half comes first must not matter; both
are as sound leaves them. Figures say what no map shows; all are finite whatever was heard.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from sonoscope.signal.patterns import decibels, normalised_pattern
from sonoscope.signal.prpd import Prpd

HALF, LEVELS = 36, 32
"""Phases of half a cycle and levels of every map."""

Half = Float64[ndarray, "2 36 32"]


def maps_of(found: Prpd, names: Sequence[str]) -> Float32[ndarray, "half phase level"]:
    """Give the named maps, both half cycles of the first, of the second and so on."""
    return np.concatenate([MAPS[name](found) for name in names]).astype(np.float32)


def figures_of(found: Prpd, names: Sequence[str]) -> Float32[ndarray, " figure"]:
    """Give the named figures, each of the order of 1."""
    return np.array([FIGURES[name](found) for name in names], np.float32)


def _pulses(found: Prpd) -> Half:
    """Give log(1 + counts) of clear pulses in 2 s, levels over their 95th percentile."""
    clear = found.clear
    pattern = normalised_pattern(found.phase[clear], found.pulses.amplitude[clear], 2 * HALF)
    return _halves(np.log1p(pattern.counts * _share(found)))


def _folded(found: Prpd) -> Half:
    """Give how much oftener than at other phases the envelope has each level (logarithm)."""
    counts = found.folded.counts * _share(found)
    return _halves(np.log((counts + _PRIOR) / (counts.mean(axis=0) + _PRIOR)))


def _share(found: Prpd) -> float:
    """Give what makes counts those of 2 s, so that long sounds look as short ones, but clearer."""
    return _HEARD_S / found.duration_s


def _halves(values: Float64[ndarray, "72 32"]) -> Half:
    return values.reshape(2, HALF, LEVELS)


_HEARD_S = 2.0
_PRIOR = 0.5
MAPS: Mapping[str, Callable[[Prpd], Half]] = {"pulses": _pulses, "folded": _folded}


def _pulses_a_cycle(found: Prpd) -> float:
    return float(np.log1p(found.clear.sum() / max(found.duration_s * found.mains.hz, 1e-9)))


def _headroom(found: Prpd) -> float:
    """Give how far the stronger pulses stand over the threshold, in tens of decibels."""
    over = found.pulses.over_db[found.clear]
    return float(np.quantile(over, 0.95)) / 10 if len(over) else 0.0


def _spread(found: Prpd) -> float:
    """Give the standard deviation of clear pulses' levels, in tens of decibels."""
    level = decibels(found.pulses.amplitude[found.clear])
    return float(level.std()) / 10 if len(level) else 0.0


FIGURES: Mapping[str, Callable[[Prpd], float]] = {
    "mains_lock": lambda found: found.mains.log_score,
    "other_lock": lambda found: found.other.log_score,
    "rail": lambda found: float(found.mains.nominal_hz < 20),
    "pulses_a_second": lambda found: float(np.log1p(found.clear_hz)) / 4,
    "pulses_a_cycle": _pulses_a_cycle,
    "headroom": _headroom,
    "spread": _spread,
}
