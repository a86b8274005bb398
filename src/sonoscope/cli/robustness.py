"""The verb `robustness`: what a model that names clips is worth under noise."""

import json
import math
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from sonoscope.cli.screen import progress_bar, quiet_libraries
from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.metrics.noise_test import NoiseTestSettings
    from sonoscope.pipeline import Robustness
    from sonoscope.simulation.noises import Noise

_RATIOS = "inf 20 10 0 -5"
_NOISES = "rotor,wind,machine"


class WithRatios(TyperCommand):
    """Takes `--snr inf 20 10 0 -5` for `--snr "inf 20 10 0 -5"`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the numbers that follow --snr."""
        if "--snr" in args:
            first = args.index("--snr") + 1
            last = first
            while last < len(args) and _number(args[last]) is not None:
                last += 1
            args = [*args[:first], *([" ".join(args[first:last])] if last > first else []),
                    *args[last:]]  # fmt: skip
        return super().parse_args(ctx, args)


class Over(StrEnum):
    """Where a clip's power is measured."""

    WHOLE = "whole"
    SOUNDING = "sounding"


def robustness(
    model: Annotated[
        str, typer.Argument(help="A shipped model that names clips, or a model file.")
    ],
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="Labelled clips: ESC-50 or UrbanSound8K as published, or a folder of folders,"
            " each called by its label."
        ),
    ],
    noise: Annotated[
        str,
        typer.Option(
            metavar="FOLDER_OR_NAMES",
            help="A folder of recordings (each folder in it is a noise of its own), or noises to"
            " simulate: rotor, wind, machine, rain. Several are separated by commas.",
        ),
    ] = _NOISES,
    snr: Annotated[
        str,
        typer.Option(
            metavar="DB...", help="Ratios in dB; inf, without noise, is heard whether or not asked."
        ),
    ] = _RATIOS,
    folds: Annotated[
        str | None, typer.Option(help="Folds of a published set to hear, as in 5 or 4,5.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for robustness.md, .csv and .svg; without it nothing is written."
        ),
    ] = None,
    over: Annotated[
        Over,
        typer.Option(
            "--snr-over",
            help="Measure a clip's power over the whole of it or where something sounds in it.",
        ),
    ] = Over.WHOLE,
    denoiser: Annotated[
        Path | None,
        typer.Option(help="A TOML file of denoiser settings, as of `sonoscope denoise --recipe`."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which pieces of noise.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, for programs.")
    ] = False,
) -> None:
    """Score a model that names clips under noise, with and without denoising.

    Labelled clips, of folds that the model did not learn from, are named as they are and with noise
    added at each ratio of their power to the noise's: recordings from a folder, of any length and
    rate, or simulated rotors, wind, machines and rain. All of that is done a second time with each
    sound denoised. Tells accuracy and macro-F1 with intervals, what is lost from clean to 0 dB, and
    what denoising changes.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its products are too small to be shared
    settings = _settings(_ratios(snr), over.value, seed, denoiser)
    chosen = _folds(folds)
    with quiet_libraries():
        from sonoscope import pipeline

        noises = _noises(noise, seed)
        with progress_bar(f"{len(noises)} noises") as progress:
            found = pipeline.robustness(
                model, data, noises, out, folds=chosen, settings=settings, progress=progress
            )
    for warning in found.warnings:
        print(f"sonoscope: {warning}", file=sys.stderr)
    print(json.dumps(as_object(found)) if as_json else said(found), end="\n" if as_json else "")


def as_object(found: "Robustness") -> dict[str, Any]:
    """Give what `--json` prints; the ratio of clean clips is null."""
    from sonoscope.report.noise_table import as_object

    return {
        "title": found.table.title,
        "facts": list(found.table.facts),
        "labels": found.table.n_labels,
        "cells": as_object(found.table.cells),
        "files": {kind: str(path) for kind, path in found.files.items()},
        "warnings": list(found.warnings),
    }


def said(found: "Robustness") -> str:
    """Say it to people: the table, and where it lies."""
    from sonoscope.report.noise_table import noise_markdown

    files = "".join(f"{kind}: {path}\n" for kind, path in found.files.items())
    return noise_markdown(found.table) + (f"\n{files}" if files else "")


def _settings(
    ratios: tuple[float, ...], over: str, seed: int, denoiser: Path | None
) -> "NoiseTestSettings":
    from sonoscope.core.recipe import from_table, read_recipe
    from sonoscope.metrics.noise_test import NoiseTestSettings
    from sonoscope.signal.denoise import DenoiseSettings

    table: dict[str, Any] = {"snr_db": ratios, "over": over, "seed": seed}
    if denoiser is not None:
        table["denoiser"] = read_recipe(denoiser, DenoiseSettings)
    return from_table(table, NoiseTestSettings, where="options")


def _ratios(text: str) -> tuple[float, ...]:
    """Read ratios, highest first and without that of clean clips."""
    words = text.replace(",", " ").split()
    given = [_number(word) for word in words]
    finite = sorted({each for each in given if each is not None and math.isfinite(each)})
    bad = [word for word, each in zip(words, given, strict=True) if each is None]
    if bad or not finite:
        raise SettingError(
            f"--snr must be ratios in dB, one besides inf at least, as in inf 20 10 0, but"
            f" {bad[0] if bad else text or 'nothing'} was given"
        )
    return tuple(reversed(finite))


def _number(word: str) -> float | None:
    """Read a ratio; None where it is none."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if value > -math.inf else None


def _folds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.replace(",", " ").split()) or None
    except ValueError as error:
        raise SettingError(
            f"--folds must be numbers separated by commas, but {text} was given"
        ) from error


def _noises(text: str, seed: int) -> "Sequence[Noise]":
    """Find the noises of names and folders."""
    from sonoscope.simulation.noises import MODELLED, Noise, check_names, recorded_noises

    noises = list[Noise]()
    for word in [text] if Path(text).is_dir() else text.split(","):
        name = word.strip()
        if name in MODELLED:
            from sonoscope.simulation.modelled_noise import modelled  # needs what learning needs

            noises.append(modelled(name, seed))
        elif Path(name).is_dir():
            noises.extend(recorded_noises(Path(name), seed))
        else:
            raise SettingError(
                f"--noise must be a folder of recordings, or among {', '.join(MODELLED)}, but"
                f" {name or 'nothing'} was given"
            )
    check_names(noises)
    return noises
