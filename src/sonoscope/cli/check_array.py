"""The verb `check-array`: whether a recording's channels and axes are those of a geometry."""

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.imaging.array_check import ArrayVerdict, CapsuleFault
    from sonoscope.pipeline import ArrayCheck

_AGAIN = (
    "record a sound from another known direction, off the axes and the diagonals of the array, "
    "such as azimuth 55 and elevation 15"
)


def check_array(
    file: Annotated[
        Path, typer.Argument(help="The recording: one loud sound, a channel a capsule.")
    ],
    *,
    array: Annotated[
        str,
        typer.Option(
            metavar="ARRAY",
            help="tetra, em32, spiral64, ring64, or a geometry file (.toml, or .xml of Acoular).",
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            metavar="AZ,EL",
            help="Where the sound comes from, in degrees: azimuth counter-clockwise from ahead, "
            "elevation up from the horizon; 5 degrees beside it are no matter.",
        ),
    ],
    write: Annotated[
        Path | None, typer.Option(help="Where to write the geometry that fits, as TOML.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find swapped, mirrored or exchanged axes and channels of an array.

    Weighs all 48 ways in which the axes of the geometry may be swapped or mirrored, tries usual
    orders of the channels where none of them explains the recording, and names single channels
    that do not fit. One direction cannot tell all from each other: what stays open is said.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sonoscope import pipeline
    from sonoscope.core.array import array_of, as_toml
    from sonoscope.core.direction import unit_vector
    from sonoscope.core.durable import write_text

    azimuth, elevation = _angles(source)
    towards = unit_vector(math.radians(azimuth), math.radians(elevation))
    found = pipeline.inspect_array(file, array_of(array), towards)
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    if write is not None and found.verdict.is_explained:
        write_text(write, as_toml(found.fitting))
    if as_json:
        print(json.dumps(as_object(found)))
    else:
        print("\n".join(lines(found, write)))


def _angles(told: str) -> tuple[float, float]:
    try:
        azimuth, elevation = (float(number) for number in told.split(","))
    except ValueError:
        azimuth, elevation = math.nan, math.nan
    if not (abs(azimuth) <= 360 and abs(elevation) <= 90):
        raise SettingError(
            f"--source must be azimuth and elevation in degrees, such as 55,15, "
            f"but {told!r} was given"
        )
    return azimuth, elevation


def as_object(found: "ArrayCheck") -> dict[str, Any]:
    """Give what `--json` prints: channels count from 1, angles are in degrees."""
    verdict = found.verdict
    return {
        "file": str(found.file.path),
        "array": found.array.name,
        "as_said": verdict.is_as_said and verdict.is_explained,
        "explained": round(verdict.explained, 4),
        "axes": _axes(verdict.transform),
        "share": round(verdict.share, 4),
        "elsewhere": round(verdict.elsewhere, 4),
        "off_deg": round(math.degrees(verdict.off), 2),
        "alike": [_axes(each) for each in verdict.alike],
        "same_as_order": _numbered(verdict.same_as_order),
        "order": _numbered(verdict.order),
        "order_name": verdict.order_name or None,
        "faults": [
            {
                "channel": fault.channel + 1,
                "fault": fault.fault,
                "other": None if fault.other is None else fault.other + 1,
            }
            for fault in verdict.faults
        ],
        "warnings": list(found.warnings),
    }


def lines(found: "ArrayCheck", written: Path | None) -> list[str]:
    """Say it to people: what is likeliest, how sure, what to do, and what cannot be known."""
    verdict, file = found.verdict, found.file
    rows = [("looks like", _said(verdict))]
    if verdict.is_explained:
        told = f"{_percent(verdict.explained)} of what the channels have in common, if it is so"
        rows.append(("explains", told))
        if verdict.order is None:
            told = f"{math.degrees(verdict.off):.0f}° beside --source"
            rows.append(("sound from", f"{told}, if it is so"))
    rows.append(("what to do", _advice(verdict, written)))
    if verdict.same_as_order is not None:
        told = ", ".join(str(number) for number in _numbered(verdict.same_as_order) or ())
        rows.append(("or the same", f"axes are right, and the channels hold the capsules {told}"))
    if verdict.is_explained and verdict.elsewhere > 0.05:
        told = f"the sound comes from elsewhere: {_percent(verdict.elsewhere)}"
        rows.append(("or else", told))
    rows += [("beware", _fault(fault)) for fault in verdict.faults]
    if verdict.alike and verdict.is_explained:
        told = "; ".join(_axes(each) for each in verdict.alike[:7])
        rows.append(("not known", f"this recording would be the same with {told}"))
    head = (
        f"{file.path}: {file.n_channels} channels, {file.rate_hz} Hz, {file.duration_s:.2f} s, "
        f"against {found.array.name}, of which {found.heard_s:.1f} s were listened to"
    )
    return [head, *(f"  {title:<13} {text}" for title, text in rows)]


def _said(verdict: "ArrayVerdict") -> str:
    if not verdict.is_explained:
        return (
            f"nothing that fits the geometry: the best of 48 arrangements and the usual orders "
            f"explains {_percent(verdict.explained)} of what the channels have in common"
        )
    if verdict.order is not None:
        return f"the axes are right and the channels in another order: {verdict.order_name}"
    if verdict.is_as_said:
        return f"axes and channels are as the geometry says: {_percent(verdict.share)}"
    return (
        f"axes are swapped or mirrored, capsules being at {_axes(verdict.transform)} of the "
        f"geometry: {_percent(verdict.share)}"
    )


def _advice(verdict: "ArrayVerdict", written: Path | None) -> str:
    if not verdict.is_explained:
        return (
            "check that it is one loud sound in a dry place, and that rate, geometry (metres) and "
            f"direction are right; or {_AGAIN}"
        )
    if written is not None:
        return f"use {written}, which has the capsules so"
    if verdict.is_as_said:
        return "nothing" if not verdict.alike else f"nothing; to be sure, {_AGAIN}"
    return f"let --write write a geometry that fits; to be sure, {_AGAIN}"


def _fault(fault: "CapsuleFault") -> str:
    name = f"channel {fault.channel + 1}"
    match fault.fault:
        case "silent":
            return f"{name} is silent, or nearly"
        case "inverted":
            return f"{name} has the wrong polarity"
        case "exchanged":
            assert fault.other is not None
            return f"{name} holds the capsule of channel {fault.other + 1}"
        case "misplaced":
            return f"{name} does not fit: its capsule is elsewhere, or it hears something else"


def _axes(transform: Any) -> str:
    """Name T by where x, y and z of a place go.

    Examples
    --------
    >>> import numpy as np
    >>> _axes(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    '(-y, x, z)'
    """
    names = []
    for row in transform:
        axis = max(range(3), key=lambda i: abs(row[i]))
        names.append(("-" if row[axis] < 0 else "") + "xyz"[axis])
    return f"({', '.join(names)})"


def _numbered(order: tuple[int, ...] | None) -> list[int] | None:
    return None if order is None else [number + 1 for number in order]


def _percent(share: float) -> str:
    return "over 99 %" if share > 0.995 else f"{100 * share:.0f} %"
