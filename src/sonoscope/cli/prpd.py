"""The verb `prpd`: the phase-resolved pattern of discharges in a recording."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.pipeline import PhaseResolved
    from sonoscope.signal.prpd import PrpdSettings

_MAINS = {"50": 50.0, "60": 60.0, "16.7": 16.7}

Mains = Annotated[
    str | None, typer.Option(metavar="HZ", help="50, 60 or 16.7; found if not given.")
]
Channel = Annotated[
    int | None,
    typer.Option(min=1, help="Which channel, counted from 1; the mean power of all if not given."),
]


def prpd(
    file: Annotated[Path, typer.Argument(help="The recording, of any length and channels.")],
    out: Annotated[
        Path, typer.Option(help="Folder for NAME.pattern.csv, NAME.curves.csv and NAME.prpd.svg.")
    ],
    band: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH", help="What to listen to, in kHz, such as 20,40; found if not given."
        ),
    ] = None,
    mains: Mains = None,
    channel: Channel = None,
    two: Annotated[
        bool, typer.Option("--two", help="Take the pattern apart into two kinds of discharge.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fold a recording's ultrasonic pulses on the mains, and tell what kind of discharge it is.

    The mains' frequency is found from the sound itself and followed. Absolute phase is not in
    sound: patterns are turned to where they fit their likeliest reference, and what is symmetric
    stays open by 180°. References were learnt from simulated discharges.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    wanted = settings(band, mains, channel, two=two)
    from sonoscope import pipeline

    found = pipeline.resolve_phase(file, out, wanted)
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(as_object(found)))
    else:
        print("\n".join(lines(found)))


def settings(
    band: str | None, mains: str | None, channel: int | None, *, two: bool
) -> "PrpdSettings":
    """Turn options into settings."""
    from sonoscope.core.recipe import from_table
    from sonoscope.signal.prpd import PrpdSettings

    told: dict[str, Any] = {"sources": 2 if two else 1}
    if band is not None:
        told["band_hz"] = _band_hz(band)
    if mains is not None:
        told["mains_hz"] = mains_hz(mains)
    if channel is not None:
        told["channel"] = channel - 1
    return from_table(told, PrpdSettings, where="sonoscope prpd")


def mains_hz(told: str | None) -> float | None:
    """Read the option `--mains`; None where the mains' frequency is to be found."""
    if told is None:
        return None
    if told not in _MAINS:
        raise SettingError(f"--mains must be 50, 60 or 16.7, but {told} was given")
    return _MAINS[told]


def _band_hz(told: str) -> tuple[float, float]:
    try:
        low, high = (1e3 * float(number) for number in told.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low < high < 1e6:
        raise SettingError(
            f"--band must be two rising frequencies in kHz, such as 20,40, but {told!r} was given"
        )
    return low, high


def as_object(found: "PhaseResolved") -> dict[str, Any]:
    """Give what `--json` prints."""
    from sonoscope.report import prpd_table

    return {
        "file": str(found.file.path),
        "channels": found.heard_as,
        **prpd_table.as_object(found.prpd),
        "files": {name: str(path) for name, path in found.files.items()},
        "warnings": list(found.warnings),
    }


def lines(found: "PhaseResolved") -> list[str]:
    """Say it to people."""
    from sonoscope.report.prpd_picture import clock_said, said

    file, pattern = found.file, found.prpd
    low, high = (edge / 1e3 for edge in pattern.band)
    rows = [
        ("verdict", said(pattern)),
        ("clock", f"{clock_said(pattern)}{_chance(found)}"),
        ("pulses", f"{int(pattern.clear.sum())} clear of noise, {pattern.clear_hz:.1f} a second"),
        ("heard", f"{low:g} to {high:g} kHz of {found.heard_as}"),
    ]
    if pattern.fit is not None and pattern.locked:
        shares = sorted(pattern.fit.shares.items(), key=lambda item: -item[1])
        told = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in shares)
        rows.append(("kinds", f"{told} (likeness to simulated references)"))
        rows.append(("not known", _open(pattern.fit.half_turn)))
    rows += [("written", str(path)) for path in found.files.values()]
    head = (
        f"{file.path}: {file.n_channels} channel{'s' * (file.n_channels != 1)}, "
        f"{file.rate_hz} Hz, {file.duration_s:.2f} s"
    )
    return [head, *(f"  {title:<10} {text}" for title, text in rows)]


def _chance(found: "PhaseResolved") -> str:
    pattern = found.prpd
    clock = pattern.mains if pattern.locked else pattern.other if pattern.turned else None
    if clock is None:
        return ""
    chance = clock.false_alarm
    return f" (by chance: {'less than 1e-9' if chance < 1e-9 else f'{chance:.1e}'})"


def _open(half_turn: float) -> str:
    if half_turn < 0.05:
        return "absolute phase and polarity, as always from sound"
    return (
        "absolute phase and polarity, as always from sound; "
        f"turned by 180° it fits as well as {100 * half_turn:.0f} to {100 * (1 - half_turn):.0f}"
    )
