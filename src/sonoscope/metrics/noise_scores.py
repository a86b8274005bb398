"""What names given under noise are worth: scores, losses from clean, and what a denoiser changes.

Every figure has a 95 % interval over originals (`metrics.estimates`); all clips, noises, ratios and
treatments of an original are drawn together, so that losses and gains are paired. All noises
together are scored as one test in which each clip was heard once under each.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sonoscope.metrics.classification import counts_by_group
from sonoscope.metrics.clip_estimates import clip_differences, clip_estimates
from sonoscope.metrics.estimates import Estimate, Place, Tested
from sonoscope.metrics.noise_test import Condition, NoiseTest
from sonoscope.metrics.pooling import table_of

ALL = "all"
"""All noises together."""


@dataclass(frozen=True, slots=True)
class NoiseCell:
    """What was said under one noise at one ratio, denoised or not.

    Attributes
    ----------
    noise
        Its name, or `ALL`.
    snr_db
        Infinite for clean clips.
    is_denoised
        Whether clips were denoised.
    scores
        `macro_f1`, `weighted_f1`, `accuracy`, as shares.
    loss
        Clean less these, under the same treatment; nothing for clean clips.
    gain
        These less those without denoising; nothing where there was none.
    unknown
        Share of clips that fell below the threshold.
    """

    noise: str
    snr_db: float
    is_denoised: bool
    scores: Mapping[str, Estimate]
    loss: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]
    unknown: float


def noise_cells(tests: Mapping[Place, NoiseTest]) -> list[NoiseCell]:
    """Score one network's tests, by fold and seed: all noises together first, then each.

    The tests must have the same noises and ratios.
    """
    first = next(iter(tests.values()))
    names = (ALL, *first.noises) if len(first.noises) > 1 else first.noises
    wanted = [(n, s, d) for n in names for d in (False, True) for s in first.snr_db]
    tested = {(n, s, d): _tested(tests, n, s, is_denoised=d) for n, s, d in wanted}
    cells = []
    for noise, snr_db, is_denoised in wanted:
        here = tested[noise, snr_db, is_denoised]
        clean, plain = tested[noise, math.inf, is_denoised], tested[noise, snr_db, False]
        cells.append(
            NoiseCell(
                noise,
                snr_db,
                is_denoised,
                clip_estimates(here),
                {} if math.isinf(snr_db) else clip_differences(clean, here),
                clip_differences(here, plain) if is_denoised else {},
                _unknown(tests, noise, snr_db, is_denoised=is_denoised),
            )
        )
    return cells


def noise_differences(
    tests: Mapping[Place, NoiseTest],
    reference: Mapping[Place, NoiseTest],
    snr_db: float,
    *,
    is_denoised: bool = False,
) -> dict[str, Estimate]:
    """Estimate what one network scores more than another at a ratio, all noises together.

    By the places that both have; nothing where they share none.

    Raises
    ------
    InputError
        If the originals of a fold differ.
    """
    one, other = (
        _tested(each, ALL, snr_db, is_denoised=is_denoised) for each in (tests, reference)
    )
    return clip_differences(one, other)


def _tested(
    tests: Mapping[Place, NoiseTest], noise: str, snr_db: float, *, is_denoised: bool
) -> dict[Place, Tested]:
    found = {}
    for place, test in tests.items():
        tables = [
            table_of(counts_by_group(test.label, test.said[each], test.n_labels, test.groups))
            for each in _conditions(test, noise, snr_db, is_denoised=is_denoised)
        ]
        found[place] = Tested(np.sum(tables, axis=0), sorted(set(test.groups)))
    return found


def _unknown(
    tests: Mapping[Place, NoiseTest], noise: str, snr_db: float, *, is_denoised: bool
) -> float:
    shares = [
        float(test.unsure[each].mean())
        for test in tests.values()
        for each in _conditions(test, noise, snr_db, is_denoised=is_denoised)
    ]
    return float(np.mean(shares))


def _conditions(
    test: NoiseTest, noise: str, snr_db: float, *, is_denoised: bool
) -> Iterator[Condition]:
    """Give the conditions that a cell counts; clean clips were heard once for all noises."""
    if math.isinf(snr_db):
        yield Condition("", snr_db, is_denoised)
        return
    for name in test.noises if noise == ALL else (noise,):
        yield Condition(name, snr_db, is_denoised)
