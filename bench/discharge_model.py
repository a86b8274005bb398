"""The network that names discharges beside the likelihood of references, on the same recordings.

Recordings of 2 s at 96 kHz of family b of `simulation.inspection_families`; network and references
learnt from family a. SNR `whole` is energy of the discharge over that of all noise; `in band`
counts noise within 20 to 40 kHz alone, which is harder by 20 dB or so.

- **F1, named**: macro-F1 of the four kinds that keep the mains over recordings of one source each;
  every kind that is named is counted, right or wrong, and what is not named is missed.
- **F1, likeliest**: of the one likeliest kind, whether it was sure enough or not.
- **both right**: of two sources exactly these two were named. The likelihood is told that there are
  two, the network is not.
- **noise**: what is said of recordings without a discharge; `unknown` is no kind, but is said.
- **calibration**: of each recording's likeliest kind, how far its probability is from how often it
  is right, over all recordings of the table.

What was heard of each recording is kept in `work`, so that another model is measured at once.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from bench.prpd import Ratio, recording
from bench.tables import markdown
from sonoscope.core.durable import replacing
from sonoscope.inference.discharges import DischargeNamer, Naming, decided
from sonoscope.metrics.calibration import chance_error, expected_calibration_error
from sonoscope.signal.pattern_input import FIGURES, MAPS, figures_of, maps_of
from sonoscope.signal.prpd import ClockName, PrpdSettings, phase_resolve
from sonoscope.signal.references import LOCKED
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection import Family

_SEED = 13_000_000
_PAIRS, _NOISE, _BRUSH = 200_000, 400_000, 600_000
SNRS_DB = (0.0, -5.0)
RATIOS: tuple[Ratio, ...] = ("whole", "in_band")


@dataclass(frozen=True, slots=True)
class Heard:
    """Recordings of one sort, resolved.

    Attributes
    ----------
    kinds
        What discharges in each.
    verdict, likeliest, two
        What the likelihood of references says: its verdict, the likeliest kind ("" without pulses
        enough), and both kinds where two were asked for.
    kept
        Which clocks are kept.
    maps, figures
        What a network is told, all that there are.
    """

    kinds: list[tuple[str, ...]]
    verdict: list[str]
    likeliest: list[str]
    two: list[tuple[str, ...]]
    kept: list[tuple[ClockName, ...]]
    maps: Float[np.ndarray, "recording half phase level"]
    figures: Float[np.ndarray, "recording figure"]


Plan = Sequence[tuple[tuple[Kind, ...], int]]
"""Kinds and seed of each recording."""


def singles(count: int) -> Plan:
    """Plan recordings of one source."""
    return [((kind,), _SEED + number) for number in range(count) for kind in LOCKED]


def pairs(count: int) -> Plan:
    """Plan recordings of two sources."""
    plan = []
    for number in range(count):
        first, second = np.random.default_rng([number, 77]).permutation(len(LOCKED))[:2]
        plan.append(((LOCKED[first], LOCKED[second]), _SEED + _PAIRS + number))
    return plan


def noises(count: int) -> Plan:
    """Plan recordings without a discharge."""
    return [((), _SEED + _NOISE + number) for number in range(count)]


def brushes(count: int) -> Plan:
    """Plan recordings of what keeps another clock, or none."""
    return [
        ((kind,), _SEED + _BRUSH + number)
        for number in range(count)
        for kind in ("brush", "particle")
    ]


_CHUNK = 20


def heard(work: Path, plan: Plan, ratio: Ratio, snr_db: float, family: Family) -> Heard:
    """Resolve recordings, or read what was kept of them."""
    work.mkdir(parents=True, exist_ok=True)
    chunks = [
        _chunk(work, plan[start : start + _CHUNK], ratio, snr_db, family)
        for start in range(0, len(plan), _CHUNK)
    ]
    maps = np.concatenate([chunk[1] for chunk in chunks])
    figures = np.concatenate([chunk[2] for chunk in chunks])
    rows = [row for told, _, _ in chunks for row in told]
    kinds, verdict, likeliest, two, kept = zip(*rows, strict=True)
    return Heard(
        [tuple(each) for each in kinds], list(verdict), list(likeliest),
        [tuple(each) for each in two], [tuple(each) for each in kept], maps, figures,
    )  # fmt: skip


def _chunk(
    work: Path, plan: Plan, ratio: Ratio, snr_db: float, family: Family
) -> tuple[list[list[object]], np.ndarray, np.ndarray]:
    kinds, seed = plan[0]
    name = f"{family}-{ratio}-{snr_db:g}-{'+'.join(kinds) or 'noise'}-{seed}-{len(plan)}.npz"
    path = work / name
    if not path.is_file():
        rows = [_resolved(kinds, seed, ratio, snr_db, family) for kinds, seed in plan]
        with replacing(path) as file:
            np.savez_compressed(
                file,
                told=np.array(json.dumps([row[0] for row in rows])),
                maps=np.stack([row[1] for row in rows]).astype(np.float16),
                figures=np.stack([row[2] for row in rows]),
            )
    with np.load(path, allow_pickle=False) as stored:
        return json.loads(str(stored["told"])), stored["maps"], stored["figures"]


def _resolved(
    kinds: tuple[Kind, ...], seed: int, ratio: Ratio, snr_db: float, family: Family
) -> tuple[list[object], np.ndarray, np.ndarray]:
    made = recording(family, kinds, seed, snr_db, ratio)
    wanted = PrpdSettings(sources=2 if len(kinds) == 2 else 1)
    found = phase_resolve(made.samples, made.rate_hz, wanted)
    two = (found.two.first.kind, found.two.second.kind) if found.two is not None else ()
    likeliest = "" if found.fit is None else found.fit.best[0].kind
    told: list[object] = [list(kinds), found.verdict, likeliest, list(two), sorted(found.kept)]
    return told, maps_of(found, tuple(MAPS)), figures_of(found, tuple(FIGURES))


def named(namer: DischargeNamer, given: Heard) -> list[Naming]:
    """Let a model name what was heard."""
    card = namer.card
    maps_at = [2 * tuple(MAPS).index(name) + half for name in card.maps for half in (0, 1)]
    figures_at = [tuple(FIGURES).index(name) for name in card.figures]
    said = namer.logits(given.maps[:, maps_at], given.figures[:, figures_at])
    possible = np.stack([card.possible(each) for each in given.kept])
    return [
        decided(card, row, clear=verdict != "nothing")
        for verdict, row in zip(given.verdict, possible * card.probability(said), strict=True)
    ]


def f1(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> float:
    """Give macro-F1 of the kinds that keep the mains, each judged by itself."""
    scores = []
    for kind in LOCKED:
        hits = sum(kind in t and kind in s for t, s in zip(true, said, strict=True))
        whole = sum(kind in t for t in true) + sum(kind in s for s in said)
        scores.append(2 * hits / whole if whole else 0.0)
    return float(np.mean(scores))


def likeliest_of(naming: Naming) -> str:
    """Give the likeliest of the kinds that keep the mains."""
    return max(LOCKED, key=lambda kind: naming.confidence[kind])


def table(
    work: Path,
    data: Path,
    *,
    model: Path | None = None,
    count: int = 25,
    noise_count: int = 300,
    pair_count: int = 50,
    snrs_db: Sequence[float] = SNRS_DB,
    family: Family = "b",
) -> str:
    """Measure all of it."""
    del data
    texts, _ = measured(
        work, model=model, count=count, noise_count=noise_count, pair_count=pair_count,
        snrs_db=snrs_db, family=family,
    )  # fmt: skip
    return texts


def measured(
    work: Path,
    *,
    model: Path | None,
    count: int,
    noise_count: int,
    pair_count: int,
    snrs_db: Sequence[float],
    family: Family,
) -> tuple[str, dict[str, float]]:
    """Give the tables, and the figures that go into the card."""
    torch.set_num_threads(1)
    namer = DischargeNamer.shipped() if model is None else DischargeNamer.of_file(model)
    rows, told = [], dict[str, float]()
    sure, right = list[float](), list[bool]()
    for ratio, snr_db in ((ratio, snr_db) for ratio in RATIOS for snr_db in snrs_db):
        one = heard(work, singles(count), ratio, snr_db, family)
        says = named(namer, one)
        where = f"{snr_db:g} dB {ratio.replace('_', ' ')}"
        by_name = f1(one.kinds, [each.kinds for each in says])
        by_best = f1(one.kinds, [[likeliest_of(each)] for each in says])
        told[f"macro-F1 at {where}"] = by_name
        row = [
            where,
            f"{by_name:.3f}",
            f"{f1(one.kinds, [[each] for each in one.verdict]):.3f}",
            f"{by_best:.3f}",
            f"{f1(one.kinds, [[each] for each in one.likeliest]):.3f}",
            _mistakes(one.kinds, says),
        ]
        _judge(says, one.kinds, sure, right)
        if pair_count:
            two = heard(work, pairs(pair_count), ratio, snr_db, family)
            says = named(namer, two)
            _judge(says, two.kinds, sure, right)
            both = np.mean([set(s.kinds) == set(t) for s, t in zip(says, two.kinds, strict=True)])
            told[f"both of two at {where}"] = float(both)
            asked = np.mean([set(s) == set(t) for s, t in zip(two.two, two.kinds, strict=True)])
            row += [f"{100 * both:.0f} %", f"{100 * asked:.0f} %"]
        else:
            row += ["–", "–"]
        rows.append(row)
        print(" | ".join(row), flush=True)
    head = [
        "SNR", "F1, named: network", "likelihood", "F1, likeliest: network", "likelihood",
        "network's mistakes", "both right: network", "likelihood, asked for two",
    ]  # fmt: skip
    noise = _of_noise(work, namer, noise_count, family, told, sure, right)
    told["calibration error"] = expected_calibration_error(np.array(sure), np.array(right))
    chance = chance_error(np.array(sure))
    calibration = (
        f"Calibration error of the likeliest kind: {told['calibration error']:.3f} over "
        f"{len(sure)} recordings (chance alone {chance:.3f})."
    )
    return "\n\n".join([markdown(head, rows), noise, calibration]), told


def _judge(
    says: Sequence[Naming], true: Sequence[Sequence[str]], sure: list[float], right: list[bool]
) -> None:
    for naming, kinds in zip(says, true, strict=True):
        best = max(naming.confidence, key=lambda kind: naming.confidence[kind])
        sure.append(naming.confidence[best])
        right.append(best in kinds)


def _mistakes(true: Sequence[Sequence[str]], says: Sequence[Naming]) -> str:
    """List how often a kind was taken for something else."""
    wrong = [
        f"{kinds[0]} as {'+'.join(naming.kinds) or ('unknown' if naming.unknown else 'none')}"
        for kinds, naming in zip(true, says, strict=True)
        if tuple(kinds) != naming.kinds
    ]
    return ", ".join(f"{each} {wrong.count(each)}" for each in sorted(set(wrong))) or "none"


def _of_noise(
    work: Path,
    namer: DischargeNamer,
    count: int,
    family: Family,
    told: dict[str, float],
    sure: list[float],
    right: list[bool],
) -> str:
    """Count what is said of noise alone, and of clocks that are not the mains'."""
    rows = []
    for what, plan in (
        ("noise alone", noises(count)),
        ("brush, particle", brushes(max(1, count // 15))),
    ):
        given = heard(work, plan, "whole", 0.0, family)
        says = named(namer, given)
        if what == "noise alone":
            _judge(says, given.kinds, sure, right)
            told["noise called a discharge"] = float(np.mean([bool(s.kinds) for s in says]))
            told["noise called a discharge or unknown"] = float(
                np.mean([bool(s.kinds) or s.unknown for s in says])
            )
        for kinds in sorted(set(given.kinds)):
            here = [i for i, each in enumerate(given.kinds) if each == kinds]
            network = ["+".join(says[i].kinds) or ("unknown" if says[i].unknown else "none")
                       for i in here]  # fmt: skip
            likelihood = [given.verdict[i] for i in here]
            rows.append(
                [kinds[0] if kinds else what, len(here), _counted(network), _counted(likelihood)]
            )
    return markdown(["recordings of", "count", "network says", "likelihood says"], rows)


def _counted(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {names.count(name)}" for name in sorted(set(names)))


def main() -> None:
    """Print the tables at a size of one's own; figures may go into the model's card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model file; the one that ships otherwise")
    parser.add_argument("--work", type=Path, default=Path("runs/bench_discharge_model"))
    parser.add_argument("--family", choices=("a", "b"), default="b")
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--noises", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--snr", type=float, nargs="+", default=list(SNRS_DB))
    parser.add_argument("--into-card", action="store_true", help="write figures into --model")
    parser.add_argument("--prepare", action="store_true", help="make the recordings, name nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.prepare:
        for _ in _prepared(options):
            print(".", end="", flush=True)
        return
    text, told = measured(
        options.work, model=options.model, count=options.count, noise_count=options.noises,
        pair_count=options.pairs, snrs_db=options.snr, family=options.family,
    )  # fmt: skip
    print(text)
    if options.into_card and options.model is not None:
        from sonoscope.training.discharges.export import add_metrics

        add_metrics(options.model, f"family {options.family}, simulated", told)


def _prepared(options: argparse.Namespace) -> Iterator[Heard]:
    """Make all recordings of the tables."""
    for ratio in RATIOS:
        for snr_db in options.snr:
            yield heard(options.work, singles(options.count), ratio, snr_db, options.family)
            if options.pairs:
                yield heard(options.work, pairs(options.pairs), ratio, snr_db, options.family)
    for plan in (noises(options.noises), brushes(max(1, options.noises // 15))):
        yield heard(options.work, plan, "whole", 0.0, options.family)


if __name__ == "__main__":
    main()
