"""A phase-resolved pattern as tables: counts, curves, and everything said of it.

Columns of NAME.pattern.csv: phase_deg (middle of the bin), level_db (middle, over a sine of full
scale), count; rows without pulses are left out. Of NAME.curves.csv, a row a phase bin: phase_deg,
count, greatest_db, mean_db (empty without pulses).
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sonoscope.signal.mains import Clock
from sonoscope.signal.patterns import Operators, decibels
from sonoscope.signal.prpd import Prpd
from sonoscope.signal.references import Likeliest


def pattern_csv(found: Prpd) -> str:
    """Write the counts over phase and amplitude."""
    pattern = found.absolute
    middle = (pattern.edges_db[1:] + pattern.edges_db[:-1]) / 2
    rows = [
        [f"{_degrees(column, pattern.phase_bins):g}", f"{middle[row]:g}", int(count)]
        for (column, row), count in np.ndenumerate(pattern.counts)
        if count
    ]
    return _csv(["phase_deg", "level_db", "count"], rows)


def curves_csv(found: Prpd) -> str:
    """Write H_n, H_qmax and H_qmean."""
    curves, bins = found.curves, len(found.curves.count)
    greatest, mean = decibels(curves.greatest), decibels(curves.mean)
    rows = [
        [
            f"{_degrees(i, bins):g}",
            int(count),
            *([f"{greatest[i]:.2f}", f"{mean[i]:.2f}"] if count else ["", ""]),
        ]
        for i, count in enumerate(curves.count)
    ]
    return _csv(["phase_deg", "count", "greatest_db", "mean_db"], rows)


def as_object(found: Prpd) -> dict[str, Any]:
    """Give what `--json` prints; angles are in degrees, what is not known is null."""
    fit = found.fit
    return {
        "verdict": found.verdict,
        "kinds": list(found.kinds),
        "duration_s": round(found.duration_s, 3),
        "band_hz": list(found.band),
        "pulses": len(found.pulses),
        "clear_pulses": int(found.clear.sum()),
        "clear_pulses_hz": round(found.clear_hz, 2),
        "locked": found.locked,
        "mains": _clock(found.mains) if found.locked else None,
        "turned": found.turned,
        "other_clock": _clock(found.other) if found.turned else None,
        "false_alarm": _figures(found.mains.false_alarm),
        "shares": {kind: round(share, 4) for kind, share in fit.shares.items()} if fit else None,
        "log_likelihood": (
            {kind: round(value, 3) for kind, value in fit.log_likelihood.items()} if fit else None
        ),
        "half_turn": round(fit.half_turn, 4) if fit and found.locked else None,
        "two_sources": _two(found),
        "operators": _operators(found.operators),
    }


def _clock(clock: Clock) -> dict[str, Any]:
    return {
        "nominal_hz": round(clock.nominal_hz, 2) or None,
        "hz": round(clock.hz, 4),
        "phase_at_0_deg": round(math.degrees(float(clock.phase_at(np.zeros(1))[0])) % 360, 2),
        "score": round(clock.score, 2),
        "track": [
            {"time_s": round(float(time), 3), "hz": round(float(hz), 4)}
            for time, hz in zip(clock.time_s, clock.track_hz, strict=True)
        ],
    }


def _two(found: Prpd) -> dict[str, Any] | None:
    if found.two is None:
        return None
    two = found.two
    return {
        "gain": round(two.gain, 4),
        "share": round(two.share, 3),
        "first": _likeliest(two.first),
        "second": _likeliest(two.second),
    }


def _likeliest(one: Likeliest) -> dict[str, Any]:
    return {"kind": one.kind, "shift_deg": round(math.degrees(one.shift_rad), 1)}


def _operators(operators: Operators) -> dict[str, Any]:
    return {
        "skewness": [_figures(value) for value in operators.skewness],
        "kurtosis": [_figures(value) for value in operators.kurtosis],
        "asymmetry": _figures(operators.asymmetry),
        "correlation": _figures(operators.correlation),
        "f1_share": _figures(operators.f1_share),
        "f2_share": _figures(operators.f2_share),
    }


def _figures(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _degrees(column: int, bins: int) -> float:
    return (column + 0.5) * 360 / bins


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue()
