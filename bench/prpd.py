"""Phase-resolved patterns: mains, phase, kind and two sources over SNR, and calls on bare noise.

Recordings of 2 s at 96 kHz of `simulation.inspection_families`. References are learnt from family
a (`python -m bench.prpd --learn`), everything here is measured on family b: other pulses, halls
instead of open air, other noises. SNR `whole` is energy of the discharge over that of all noise;
`in_band` counts only noise within the discharge's band, which is harder by about 20 dB. Frequency
and phase are compared with those that are heard (a drone that moves hears another frequency);
phases modulo 180°, as polarity is not in the sound. F1 of locked kinds counts those four (what is
not named is wrong); F1 of all counts brush and particle (`unphased`) too.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch

from bench.tables import markdown
from sonoscope.core.durable import write_bytes
from sonoscope.signal import prpd, references
from sonoscope.signal.prpd import Prpd, PrpdSettings
from sonoscope.signal.references import LOCKED, Counts, LockedKind
from sonoscope.simulation.discharge import KINDS, Kind
from sonoscope.simulation.inspection import Family, Inspection, inspection, stream
from sonoscope.simulation.inspection_families import drawn_inspection

SNRS_DB = (20.0, 10.0, 0.0, -5.0, -10.0)
Ratio = Literal["whole", "in_band"]
_LEARN_SEED, _TEST_SEED = 100_000, 500_000
_DRAW = {"a": 1, "b": 2}


def recording(
    family: Family, kinds: Sequence[Kind], seed: int, snr_db: float, ratio: Ratio
) -> Inspection:
    """Make one recording of the given kinds, or of noise."""
    wanted = drawn_inspection(family, stream(seed, _DRAW[family]), kinds=kinds, snr_db=snr_db)
    return inspection(replace(wanted, snr=ratio) if kinds else wanted, seed)


def true_phase(made: Inspection, time_s: np.ndarray, source: int = 0) -> np.ndarray:
    """Give the phase of a source's voltage whose sound arrives at given times."""
    truth = made.truth.sources[source]
    return np.asarray(2 * np.pi * np.interp(time_s, truth.grid_s, truth.grid_turns))


def learning_patterns(count: int) -> Iterator[tuple[LockedKind, Counts]]:
    """Give patterns of family a at their true phases, at SNRs from 30 to 0 dB in band."""
    wanted = PrpdSettings()
    for kind in LOCKED:
        for number in range(count):
            snr_db = (30.0, 20.0, 10.0, 0.0)[number % 4]
            made = recording("a", (kind,), _LEARN_SEED + number, snr_db, "in_band")
            found = prpd.phase_resolve(made.samples, made.rate_hz, wanted)
            if found.clear.sum() < 40:
                continue
            phase = true_phase(made, found.pulses.time_s)
            counts, _ = prpd.compared(found.pulses, phase, found.clear, wanted.clear_db)
            yield kind, counts


def learn(count: int, out: Path) -> None:
    """Write the references that ship."""
    generator = np.random.Generator(np.random.Philox(_LEARN_SEED))
    known = references.learnt(list(learning_patterns(count)), generator)
    write_bytes(out, references.as_bytes(known))


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording's outcome."""

    kinds: tuple[Kind, ...]
    said: tuple[str, ...]
    off_hz: float
    off_rad: float
    cpu_s: float


def judged(made: Inspection) -> Judged:
    """Resolve one recording and compare."""
    begun = time.process_time()
    found = prpd.phase_resolve(made.samples, made.rate_hz)
    cpu_s = time.process_time() - begun
    off_hz = off_rad = np.nan
    kinds = made.truth.kinds
    if kinds and kinds[0] in LOCKED:
        truth = made.truth.sources[0]
        passed = truth.grid_s[-1] - truth.grid_s[0]
        heard_hz = (truth.grid_turns[-1] - truth.grid_turns[0]) / passed
        off_hz = abs(found.mains_hz - heard_hz)
        off_rad = _half_turn_apart(found, made)
    return Judged(kinds, found.kinds, off_hz, off_rad, cpu_s)


def _half_turn_apart(found: Prpd, made: Inspection) -> float:
    """Give the mean phase's error modulo half a turn."""
    at = np.linspace(0.05, found.duration_s - 0.05, 40)
    off = 2 * (found.mains.phase_at(at) - true_phase(made, at))
    return float(abs(np.angle(np.exp(1j * off).mean())) / 2)


def f1(said: Sequence[tuple[str, str]], kinds: Sequence[str]) -> float:
    """Give macro-F1 of pairs of true and said kinds."""
    scores = []
    for kind in kinds:
        hits = sum(true == kind and told == kind for true, told in said)
        whole = sum(true == kind for true, _ in said) + sum(told == kind for _, told in said)
        scores.append(2 * hits / whole if whole else 0.0)
    return float(np.mean(scores))


def _named(told: Sequence[str]) -> str:
    return "particle" if told[0] == "unphased" else told[0]


def table(
    work: Path,
    data: Path,
    *,
    count: int = 25,
    noises: int = 100,
    pairs: int = 25,
    snrs_db: Sequence[float] = SNRS_DB,
    ratios: Sequence[Ratio] = ("whole", "in_band"),
    family: Family = "b",
) -> str:
    """Measure all of it."""
    del work, data
    torch.set_num_threads(1)
    rows = [_row(ratio, snr_db, count, pairs, family) for ratio in ratios for snr_db in snrs_db]
    head = [
        "SNR", "dB", "mains off, median / 90 % (mHz)", "within 10 mHz", "phase off, median (°)",
        "within 5°", "F1, locked kinds", "F1, all six", "two, asked for: both right",
        "unasked: one right",
        "CPU (ms / 2 s)",
    ]  # fmt: skip
    return markdown(head, rows) + "\n\n" + _noise_table(noises, family)


def _row(ratio: Ratio, snr_db: float, count: int, pairs: int, family: Family) -> list[str]:
    found = [
        judged(recording(family, (kind,), _TEST_SEED + number, snr_db, ratio))
        for kind in KINDS
        for number in range(count)
    ]
    locked = [one for one in found if one.kinds[0] in LOCKED]
    off = 1e3 * np.array([one.off_hz for one in locked])
    turned = np.rad2deg([one.off_rad for one in locked])
    said = [(one.kinds[0], _named(one.said)) for one in found]
    of_locked = [pair for pair in said if pair[0] in LOCKED]
    both, either = _pairs(ratio, snr_db, pairs, family)
    row = [
        ratio,
        f"{snr_db:g}",
        f"{np.median(off):.1f} / {np.quantile(off, 0.9):.1f}",
        f"{100 * np.mean(off <= 10):.0f} %",
        f"{np.median(turned):.1f}",
        f"{100 * np.mean(turned <= 5):.0f} %",
        f"{f1(of_locked, LOCKED):.3f}",
        f"{f1(said, KINDS):.3f}",
        both,
        either,
        f"{1e3 * np.median([one.cpu_s for one in found]):.0f}",
    ]
    wrong = sorted({pair for pair in said if pair[0] != pair[1]})
    told = ", ".join(f"{true} as {name} {said.count((true, name))}" for true, name in wrong)
    print(" | ".join(row), "|", told, flush=True)
    return row


def _pairs(ratio: Ratio, snr_db: float, count: int, family: Family) -> tuple[str, str]:
    """Count how often both of two locked kinds are right once two are asked for, and how often
    what is said unasked is one of them.
    """
    if not count:
        return "–", "–"
    both = either = 0
    for number in range(count):
        generator = np.random.default_rng([number, 7])
        two = cast(tuple[Kind, Kind], tuple(generator.choice(LOCKED, 2, replace=False).tolist()))
        made = recording(family, two, _TEST_SEED + 10_000 + number, snr_db, ratio)
        found = prpd.phase_resolve(made.samples, made.rate_hz, PrpdSettings(sources=2))
        both += set(found.kinds) == set(two)
        either += found.verdict in two
    return f"{100 * both / count:.0f} %", f"{100 * either / count:.0f} %"


def _noise_table(count: int, family: Family) -> str:
    """Count what is said of noise alone."""
    said = [
        judged(recording(family, (), _TEST_SEED + 50_000 + number, 0.0, "whole")).said[0]
        for number in range(count)
    ]
    rows = [[name, said.count(name)] for name in ("nothing", "unphased", *prpd.DISCHARGES)]
    false = sum(name in prpd.DISCHARGES for name in said)
    rows.append([f"called a discharge, of {count}", f"{100 * false / max(count, 1):.1f} %"])
    return markdown(["said of noise alone", "recordings"], rows)


def main() -> None:
    """Learn the references, or print the table at a size of one's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", type=int, metavar="COUNT", help="patterns a kind")
    parser.add_argument("--out", type=Path, default=Path("src/sonoscope/signal/references.npz"))
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--noises", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--snr", type=float, nargs="+", default=list(SNRS_DB))
    parser.add_argument("--ratio", nargs="+", default=["whole", "in_band"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.learn:
        learn(options.learn, options.out)
        return
    here = Path()
    print(
        table(
            here, here, count=options.count, noises=options.noises, pairs=options.pairs,
            snrs_db=options.snr, ratios=options.ratio,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
