"""The verb `denoise`: wavelet packets keep what is sudden, and a picture shows which and why."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.pipeline import DenoisedFile
    from sonoscope.signal.denoise import DenoiseSettings, Leaf


class Rule(StrEnum):
    """What becomes of coefficients past the threshold."""

    HARD = "hard"
    SOFT = "soft"
    GARROTE = "garrote"


class CostKind(StrEnum):
    """What the best basis is cheapest in."""

    SHANNON = "shannon"
    LOG_ENERGY = "log-energy"
    LP = "lp"
    THRESHOLD = "threshold"
    SURE = "sure"


class Noise(StrEnum):
    """Where noise is measured."""

    LEAF = "leaf"
    GLOBAL = "global"


def denoise(
    file: Annotated[
        Path, typer.Argument(metavar="IN", help="The recording: any rate, any channels.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write: .wav or .flac.")],
    *,
    picture: Annotated[
        bool,
        typer.Option(
            "--picture", help="Draw tree, leaves and sound before and after beside OUT, as .svg."
        ),
    ] = False,
    recipe: Annotated[
        Path | None,
        typer.Option(help="A TOML file of settings; the options below go before it."),
    ] = None,
    wavelet: Annotated[
        str | None, typer.Option(help="An orthogonal one of PyWavelets.  [default: db8]")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, max=16, help="Levels of the tree.  [default: 5]")
    ] = None,
    cost: Annotated[
        CostKind | None, typer.Option(help="What the best basis is cheapest in.")
    ] = None,
    rule: Annotated[Rule | None, typer.Option(help="How coefficients are thresholded.")] = None,
    strength: Annotated[
        float | None,
        typer.Option(min=0, help="Times the threshold; 0 leaves all in place.  [default: 1]"),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(help="Score from which a leaf is kept; lower keeps more.  [default: 0]"),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Keep all leaves; thresholds alone denoise.")
    ] = False,
    noise: Annotated[
        Noise | None,
        typer.Option(
            help="Measure noise in each leaf, or one global sigma in the finest half band, which "
            "fails under coloured noise."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, for programs.")
    ] = False,
) -> None:
    """Take steady noise out of a recording, and keep what is sudden, such as discharges.

    Splits it into wavelet packets, chooses the cheapest basis, silences leaves that hold nothing
    sudden or mains-locked, and in the others what noise could have made. A sound that is itself
    steady, such as a hum or a hiss, is taken for noise: keep it by --keep-all or a lower --limit.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its products are too small to be shared
    _check_places(file, out)
    choice = {"limit": limit, "keep": "all" if keep_all else None}
    settings = _settings(
        recipe,
        {
            "wavelet": wavelet,
            "depth": depth,
            "rule": None if rule is None else rule.value,
            "strength": strength,
            "noise": None if noise is None else noise.value,
            "cost": {"kind": None if cost is None else cost.value},
            "choice": choice,
        },
    )
    from sonoscope import pipeline

    found = pipeline.denoise(file, out, settings, picture=picture)
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    print(json.dumps(as_object(found)) if as_json else "\n".join(lines(found)))


def _check_places(file: Path, out: Path) -> None:
    if out.suffix.lower() not in (".wav", ".flac"):
        raise SettingError(f"OUT must end in .wav or .flac, but {out} was given")
    if out.exists() and file.exists() and out.samefile(file):
        raise SettingError(f"OUT must be another file than IN, but {out} is both")


def _settings(recipe: Path | None, told: dict[str, Any]) -> "DenoiseSettings":
    """Lay options over a recipe, or over what is usual."""
    from sonoscope.core.recipe import from_table
    from sonoscope.core.toml_file import read_toml
    from sonoscope.signal.denoise import DenoiseSettings

    table: dict[str, Any] = {} if recipe is None else read_toml(recipe, "a recipe")
    for key, value in told.items():
        if isinstance(value, dict):
            inner = {name: each for name, each in value.items() if each is not None}
            base = table.get(key, {})
            if inner:
                table[key] = {**base, **inner} if isinstance(base, dict) else base
        elif value is not None:
            table[key] = value
    return from_table(table, DenoiseSettings, where="options" if recipe is None else str(recipe))


def as_object(found: "DenoisedFile") -> dict[str, Any]:
    """Give what `--json` prints."""
    plan, settings = found.plan, found.plan.settings
    return {
        "file": str(found.file.path),
        "rate_hz": plan.rate_hz,
        "channels": found.file.n_channels,
        "duration_s": round(plan.n_samples / plan.rate_hz, 6),
        "wavelet": settings.wavelet,
        "depth": settings.depth,
        "cost": settings.cost.kind,
        "level_db": _rounded(found.level_db),
        "clean_level_db": _rounded(found.clean_level_db),
        "leaves": [_leaf(leaf) for leaf in plan.leaves],
        "files": {kind: str(path) for kind, path in found.files.items()},
        "warnings": list(found.warnings),
    }


def _rounded(level_db: float) -> float | None:
    """Silence has no level, and JSON no infinity."""
    return round(level_db, 2) if level_db > -1_000 else None


def _leaf(leaf: "Leaf") -> dict[str, Any]:
    return {
        "level": leaf.level,
        "node": leaf.node,
        "low_hz": leaf.low_hz,
        "high_hz": leaf.high_hz,
        "share": float(f"{leaf.share:.4g}"),
        "correlation": round(leaf.correlation, 4),
        "kurtosis": round(leaf.kurtosis, 3),
        "crest": round(leaf.crest, 2),
        "mains": round(leaf.mains, 2),
        "mains_hz": round(leaf.mains_hz, 2) if leaf.mains_hz else None,
        "likeness": round(leaf.likeness, 3),
        "template": leaf.template,
        "score": round(leaf.score, 3),
        "kept": leaf.is_kept,
        "why": leaf.why,
    }


def lines(found: "DenoisedFile") -> list[str]:
    """Say it to people."""
    plan, file = found.plan, found.file
    kept = [leaf for leaf in plan.leaves if leaf.is_kept]
    plural = "" if file.n_channels == 1 else "s"
    said = [
        f"{file.path}: {file.n_channels} channel{plural}, {plan.rate_hz} Hz, "
        f"{plan.n_samples / plan.rate_hz:.2f} s",
        f"{len(kept)} of {len(plan.leaves)} leaves kept, "
        f"level {_level(found.level_db)} before, {_level(found.clean_level_db)} after",
    ]
    rows = [("kHz", "energy %", "score", "", "why")]
    rows += [
        (
            f"{leaf.low_hz / 1000:.4g} to {leaf.high_hz / 1000:.4g}",
            f"{100 * leaf.share:.2g}",
            f"{leaf.score:+.1f}",
            "kept" if leaf.is_kept else "silenced",
            leaf.why,
        )
        for leaf in plan.leaves
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    said += [
        "  "
        + "  ".join([row[0].rjust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]),
                     row[3].ljust(widths[3]), row[4]]).rstrip()
        for row in rows
    ]  # fmt: skip
    return said + [f"{kind}: {path}" for kind, path in found.files.items()]


def _level(level_db: float) -> str:
    return f"{level_db:.1f} dBFS" if level_db > -1_000 else "silence"
