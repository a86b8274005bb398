"""The verb `check-format`: what a recording's four channels look like, and what cannot be known."""

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonoscope.core.errors import SettingError

if TYPE_CHECKING:
    from sonoscope.pipeline import FormatCheck
    from sonoscope.signal.format_check import FormatVerdict, Placement

_SCALES = {"sn3d": "SN3D", "fuma": "FuMa", "n3d": "N3D"}
_ORDERS = {
    "foa": "ACN order (W, Y, Z, X)",
    "n3d": "ACN order (W, Y, Z, X)",
    "fuma": "FuMa order (W, X, Y, Z)",
}
_OPEN_FOA = (
    "left and right, front and back, up and down, and which horizontal channel is which: every "
    "such exchange is a sound field too"
)
_OPEN_CAPSULES = "which capsule is which: every exchange of four such capsules is a scene too"
_REMEDY = (
    "record a sound from a known direction, off the axes and the diagonals, such as azimuth 55 and "
    "elevation 15, and give it by --source AZ,EL"
)


def check_format(
    file: Annotated[Path, typer.Argument(help="The recording: four channels, 10 s or more.")],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="AZ,EL",
            help="Where the loudest sound in it comes from, in degrees: azimuth counter-clockwise "
            "from ahead, elevation up from the horizon. Tells order and signs.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell whether four channels are Ambisonics, of which scale and order, or something else.

    Finds the scale (SN3D, N3D, FuMa) and the channel that is W, raw capsules, inverted capsules,
    silent channels, copies and channels that have nothing to do with each other. Signs and the
    order of X, Y, Z can be known with --source alone. The percentages weigh what is named here
    against each other; nothing says that a recording is one of these.
    """
    # its matrix products are small: BLAS threads would wait for each other longer than they work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    towards = None if source is None else _direction(source)
    from sonoscope import pipeline

    found = pipeline.inspect_format(file, towards)
    for warning in found.warnings:
        print(f"sonoscope: {file}: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(as_object(found)))
    else:
        print("\n".join(lines(found)))


def _direction(told: str) -> Any:
    from sonoscope.core.direction import unit_vector

    try:
        azimuth, elevation = (float(number) for number in told.split(","))
    except ValueError:
        azimuth, elevation = math.nan, math.nan
    if not (abs(azimuth) <= 360 and abs(elevation) <= 90):
        raise SettingError(
            f"--source must be azimuth and elevation in degrees, such as 55,15, "
            f"but {told!r} was given"
        )
    return unit_vector(math.radians(azimuth), math.radians(elevation))


def as_object(found: "FormatCheck") -> dict[str, Any]:
    """Give what `--json` prints: channels count from 1, angles are in degrees."""
    verdict, placement = found.verdict, found.verdict.placement
    is_foa = verdict.kind == "foa"
    return {
        "file": str(found.file.path),
        "heard_s": round(found.heard_s, 3),
        "kind": verdict.kind,
        "format": advised(verdict),
        "confidence": round(verdict.confidence, 4),
        "kinds": {kind: round(share, 4) for kind, share in verdict.kinds.items()},
        "scales": {scale: round(share, 4) for scale, share in verdict.scales.items()},
        "w_channel": verdict.omni + 1 if is_foa else None,
        "w_share": round(verdict.omni_share, 4) if is_foa else None,
        "z_channel": verdict.vertical + 1 if is_foa else None,
        "z_share": round(verdict.vertical_share, 4) if is_foa else None,
        "channels": [channel + 1 for channel in verdict.channels],
        "ratio_db": round(verdict.ratio_db, 2),
        "ratio_error_db": round(verdict.ratio_error_db, 2),
        "in_phase": round(verdict.phase, 3),
        "likeness": round(verdict.likeness, 3),
        "ties": [round(tie, 3) for tie in verdict.ties],
        "source": None if placement is None else _placed(placement),
        "warnings": list(found.warnings),
    }


def _placed(placement: "Placement") -> dict[str, Any]:
    return {
        "channels": list(placement.channels),
        "share": round(placement.share, 4),
        "elsewhere": round(placement.elsewhere, 4),
        "off_deg": round(math.degrees(placement.off), 2),
        "open": placement.open_count,
        "of": placement.count,
    }


def advised(verdict: "FormatVerdict") -> str | None:
    """Give the name for `analyze --format`, if the recording can be read as it is."""
    placement = verdict.placement
    if placement is None or placement.elsewhere > 0.5 or verdict.channel_format is None:
        return verdict.channel_format
    usual = {"fuma": ("W", "X", "Y", "Z"), "tetra": ("1", "2", "3", "4")}
    wanted = usual.get(verdict.channel_format, ("W", "Y", "Z", "X"))
    return verdict.channel_format if placement.channels == wanted else None


def lines(found: "FormatCheck") -> list[str]:
    """Say it to people: a verdict, what it rests on, and what cannot be known."""
    verdict, file = found.verdict, found.file
    name = advised(verdict)
    rows = [
        ("looks like", f"{_said(verdict)}: {_percent(verdict.confidence)}"),
        (
            "analyze with",
            f"--format {name}" if name else f"no --format as it is{_instead(verdict)}",
        ),
        *_figures(verdict),
    ]
    if verdict.kind == "foa" and verdict.channels:
        lonely = f"{_numbered(verdict.channels)} has next to nothing to do with the others"
        rows.append(("beware", lonely))
    rivals = {
        kind: share
        for kind, share in verdict.kinds.items()
        if share >= 0.005 and kind != verdict.kind
    }
    if rivals and verdict.kind not in ("dead", "copies"):
        told = ", ".join(f"{_KINDS[kind]} {_percent(share)}" for kind, share in rivals.items())
        rows.append(("or else", told))
    rows += _source_rows(verdict)
    head = (
        f"{file.path}: {file.n_channels} channels, {file.rate_hz} Hz, {file.duration_s:.2f} s, "
        f"of which {found.heard_s:.1f} s were listened to"
    )
    return [head, *(f"  {title:<13} {text}" for title, text in rows)]


_KINDS = {
    "foa": "first-order Ambisonics",
    "uneven": "first-order Ambisonics of a wrong gain",
    "tetra": "four capsules side by side, most like the DCASE tetrahedron (rigid sphere, 4.2 cm)",
    "a_format": "A-format: four cardioid capsules in a tetrahedron",
    "unrelated": "four channels that have nothing to do with each other",
    "copies": "not four recordings",
    "dead": "not four recordings",
    "unclear": "nothing that is known here",
}


def _said(verdict: "FormatVerdict") -> str:
    said, which = _KINDS[verdict.kind], _numbered(verdict.channels)
    match verdict.kind:
        case "foa":
            scale = _SCALES[max(verdict.scales, key=lambda each: verdict.scales[each])]
            order = (
                _ORDERS[verdict.channel_format]
                if verdict.channel_format
                else f"with W in channel {verdict.omni + 1} and Z perhaps in channel "
                f"{verdict.vertical + 1}"
            )
            return f"{said}, {scale} scale, {order}"
        case "dead":
            return f"{said}, for {which} {'is' if len(verdict.channels) == 1 else 'are'} silent"
        case "copies":
            return f"{said}, for {which} are the same sound"
        case "unclear" if verdict.channels:
            return f"{said}, for {which} has nothing to do with the others"
        case "unclear" if not verdict.is_directed:
            return "nothing directed: diffuse sound, or channels that have nothing in common"
        case "uneven":
            return f"{said}: {which} is some 6 dB too loud or too soft beside the others"
        case "tetra" | "a_format" if verdict.channels:
            other = " (or the two others)" if len(verdict.channels) == 2 else ""
            return f"{said}, with {which} of the wrong polarity{other}"
        case _:
            return said


def _instead(verdict: "FormatVerdict") -> str:
    match verdict.kind:
        case "foa":
            return ": put the channels in order first"
        case "tetra":
            return ": put capsules and polarity right first"
        case "a_format":
            return ": convert it with the filters of the microphone's maker first"
        case "dead" if set(verdict.channels) & {1, 2, 3} and len(verdict.channels) == 1:
            return ": a cable or capsule is dead, or the recording knows the horizon alone"
        case _:
            return ""


def _figures(verdict: "FormatVerdict") -> list[tuple[str, str]]:
    ties = ", ".join(_percent(tie) for tie in verdict.ties)
    energy = (
        "energy",
        f"of the others over channel {verdict.omni + 1}: {verdict.ratio_db:+.1f} ± "
        f"{verdict.ratio_error_db:.1f} dB (SN3D 0.0, FuMa +3.0, N3D +4.8)",
    )
    phase = (
        "in phase",
        f"{_percent(verdict.phase)} of what channel {verdict.omni + 1} shares with the others "
        f"where they share most (Ambisonics: nearly all)",
    )
    common = (
        "in common",
        f"each channel follows from the others in {ties} of the pieces (by chance: 1 %); "
        f"all are alike below 440 Hz: {verdict.likeness:.2f}",
    )
    if verdict.kind != "foa":
        return [common] if verdict.kind in ("tetra", "a_format") else [energy, phase, common]
    upright = (
        "vertical",
        f"channel {verdict.vertical + 1} is Z: {_percent(verdict.vertical_share)} by where sound "
        f"comes from alone, the rest by custom (a guess: sources are seldom above or below)",
    )
    return [energy, phase, common, upright]


def _source_rows(verdict: "FormatVerdict") -> list[tuple[str, str]]:
    placement = verdict.placement
    if placement is None:
        if verdict.kind not in ("foa", "tetra", "a_format"):
            return []
        left_open = _OPEN_FOA if verdict.kind == "foa" else _OPEN_CAPSULES
        return [("not known", left_open), ("to know", _REMEDY)]
    what = "channels" if verdict.kind == "foa" else "capsules"
    told = (
        f"the {what} are {', '.join(placement.channels)}: {_percent(placement.share)}, the loudest "
        f"sound then comes from {math.degrees(placement.off):.0f}° beside --source"
    )
    rows = [("by the source", told)]
    if placement.elsewhere > 0.05:
        told = f"the loudest sound comes from elsewhere: {_percent(placement.elsewhere)}"
        rows.append(("or else", told))
    if placement.open_count > 1:
        rows.append(
            (
                "not known",
                f"{placement.open_count} of {placement.count} orders and signs suit this one "
                f"direction; a second one, off the axes and the diagonals, tells more",
            )
        )
    return rows


def _numbered(channels: tuple[int, ...]) -> str:
    """List channels as people count them."""
    *before, last = [str(channel + 1) for channel in channels] or ["none"]
    return f"channels {', '.join(before)} and {last}" if before else f"channel {last}"


def _percent(share: float) -> str:
    return "over 99 %" if share > 0.995 else f"{100 * share:.0f} %"
