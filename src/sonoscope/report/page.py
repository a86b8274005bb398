"""The report of one recording: a single HTML page that needs no network.

Everything stands in the file: style, script, picture, data. A content security policy refuses
whatever would be loaded and any script but the page's own, known by its hash, so that neither a
file name nor a label can bring code.
"""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.durable import write_text
from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event
from sonoscope.report.clock import clock, duration
from sonoscope.report.directions import (
    MOST_CROSSES,
    degrees,
    direction_map,
    in_words,
    view_from_above,
)
from sonoscope.report.markup import asset, element, text
from sonoscope.report.palette import Look, looks, style_sheet
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.report.table import event_table
from sonoscope.report.timeline import (
    Track,
    activity_panel,
    angle_panel,
    no_directions_panel,
    spectrogram_panel,
    swatch,
    time_figure,
)
from sonoscope.report.ways import way_of

_LIKELY = 0.5  # a label that was is shown, also where it was never the name given

WITHOUT_DIRECTION = ("mono", "stereo")

_FORMATS = {
    "mono": "mono",
    "stereo": "stereo",
    "foa": "Ambisonics, first order (ACN, SN3D)",
    "n3d": "Ambisonics, first order (ACN, N3D)",
    "fuma": "Ambisonics, first order (FuMa)",
    "tetra": "tetrahedron, 4 capsules",
    "array": "microphone array",
}

_SCORES = {
    "ER": "error rate, 0 is best",
    "F": "F-score, 1 is best",
    "DE": "direction error in degrees",
    "FR": "frame recall, 1 is best",
    "SELD": "all four in one, 0 is best",
}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the page says of the model.

    Attributes
    ----------
    name, version, licence
        As on the model's own card.
    labels
        What it can hear, in the order of its outputs.
    facts
        Anything else worth a line, name to value.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    licence: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All that one page shows.

    Attributes
    ----------
    title
        The recording's name.
    duration_s
        Its length.
    channel_format
        "mono" and "stereo" never show a direction.
    model
        Who listened.
    events, truth
        What was found, and what was true if that is known.
    settings
        How it was analysed, name to value.
    scores
        Of the events against the truth, by the names of DCASE 2019 or others.
    spectrogram
        The picture of the sound.
    activity
        Curves from 0 to 1, columns in the order of the model's labels, spread evenly over the
        duration.
    warnings
        What the reader must know before trusting the page.
    places
        Whether the model tells directions at all; where not, the page has no word of them.
    lead
        What was found in a sentence or two; by default the events are counted.
    """

    title: str
    duration_s: float
    channel_format: str
    model: ModelCard
    events: Sequence[Event]
    truth: Sequence[Event] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] | None = None
    spectrogram: Spectrogram | None = None
    activity: Float[ndarray, "frame label"] | None = None
    warnings: Sequence[str] = ()
    places: bool = True
    lead: str = ""

    def __post_init__(self) -> None:
        n_labels = len(self.model.labels)
        if self.activity is not None and self.activity.shape[1] != n_labels:
            raise SettingError(
                f"activity must have a column for each of {n_labels} labels, "
                f"but {self.activity.shape[1]} was given"
            )

    @property
    def has_directions(self) -> bool:
        """Whether the recording can tell directions at all."""
        return self.places and self.channel_format not in WITHOUT_DIRECTION


def write_page(path: Path, report: Report) -> None:
    """Write the report of one recording, whole or not at all."""
    write_text(path, render(report))


def render(report: Report) -> str:
    """Give the page's HTML."""
    known = dict.fromkeys(report.model.labels)
    known |= dict.fromkeys(e.label for e in [*report.events, *(report.truth or ())])
    look_of = looks(known)
    found = _tracks(report, report.events)
    truth = None if report.truth is None else _tracks(report, report.truth)
    body = "".join(
        [
            _header(report, found),
            _legend(found, truth or [], look_of),
            _over_time(report, found, truth, look_of),
            _around(report, found, truth or [], look_of) if report.places else "",
            _tables(report, found, truth, look_of),
            _details(report),
        ]
    )
    return whole_page(
        title=f"{report.title} · sonoscope",
        body=body,
        style=style_sheet(len(look_of)),
        data=_data(report, found, truth, look_of),
    )


def whole_page(*, title: str, body: str, style: str = "", data: object = None) -> str:
    """Put a body into the page's frame, with its style, script and policy."""
    script = asset("page.js")
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return Template(asset("page.html")).substitute(
        title=text(title),
        script_hash=f"'sha256-{digest}'",
        style=asset("page.css") + style,
        body=body,
        data=_json(data),
        script=script,
    )


def _json(data: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _tracks(report: Report, events: Sequence[Event]) -> list[Track]:
    if not report.has_directions:
        return [Track(event, None) for event in events]
    return [Track(event, way_of(event, len(events))) for event in events]


def _header(report: Report, found: Sequence[Track]) -> str:
    model = report.model
    facts = {
        "Duration": duration(report.duration_s),
        "Format": _FORMATS.get(report.channel_format, report.channel_format),
        "Model": f"{model.name} {model.version}".strip(),
    }
    chips = "".join(
        element("div", element("dt", text(k)) + element("dd", text(v))) for k, v in facts.items()
    )
    parts = [
        element("p", "sonoscope report", class_="kicker"),
        element("h1", text(report.title)),
        element("p", text(report.lead or summary(report, found)), class_="lead"),
        element("dl", chips, class_="facts"),
    ]
    if report.scores:
        parts.append(_scores(report.scores))
    if report.warnings:
        items = "".join(element("li", text(warning)) for warning in report.warnings)
        parts.append(element("ul", items, class_="warnings", role="note"))
    return element("header", "".join(parts))


def _scores(scores: Mapping[str, float]) -> str:
    cells = "".join(
        element(
            "div",
            element("dt", text(name))
            + element("dd", f"{value:.1f}°" if name == "DE" else f"{value:.3f}")
            + element("small", text(_SCORES.get(name, ""))),
        )
        for name, value in scores.items()
    )
    return element("dl", cells, class_="scores", aria_label="Scores against the reference")


def summary(report: Report, found: Sequence[Track]) -> str:
    """Say in a sentence or two what was found."""
    if not found:
        n_labels = len(report.model.labels)
        return f"No events: none of the {n_labels} labels rose above its threshold."
    kinds = Counter(track.event.label for track in found).most_common()
    named = [label if n == 1 else f"{label} ×{n}" for label, n in kinds[:6]]
    if len(kinds) > 6:
        named.append(f"{len(kinds) - 6} more")
    listed = ", ".join(named[:-1]) + (" and " if len(named) > 1 else "") + named[-1]
    sure = max(found, key=lambda track: track.event.score)
    at = clock(sure.event.onset_s, report.duration_s, 1)
    at += " s" if report.duration_s <= 120 else ""
    where = ""
    if sure.way is not None:
        azimuth, elevation = sure.way.mean_deg
        where = f", from {in_words(azimuth, elevation)} "
        where += f"(azimuth {degrees(azimuth)}, elevation {degrees(elevation)})"
    events = "1 event" if len(found) == 1 else f"{len(found)} events"
    of_kinds = "1 kind" if len(kinds) == 1 else f"{len(kinds)} kinds"
    return (
        f"{events} of {of_kinds}: {listed}. "
        f"Surest: {sure.event.label} at {at}{where}, score {sure.event.score:.2f}."
    )


def _legend(found: Sequence[Track], truth: Sequence[Track], look_of: Mapping[str, Look]) -> str:
    count = Counter(track.event.label for track in found)
    true = {track.event.label for track in truth}
    chips = "".join(
        element(
            "button",
            swatch(look) + element("span", text(label)) + element("small", str(count[label])),
            type="button",
            aria_pressed="true",
            data_k=look.place,
        )
        for label, look in look_of.items()
        if count[label] or label in true
    )
    if not chips:
        return ""
    everything = element("button", "Show all", type="button", class_="all", hidden="")
    return element("nav", chips + everything, class_="legend", aria_label="Filter by label")


def _over_time(
    report: Report,
    found: Sequence[Track],
    truth: Sequence[Track] | None,
    look_of: Mapping[str, Look],
) -> str:
    panels = []
    span = report.duration_s
    if report.spectrogram is not None:
        panels.append(spectrogram_panel(report.spectrogram, span))
    heard = {track.event.label for track in [*found, *(truth or ())]}
    curves = {}
    if report.activity is not None:
        columns = np.nan_to_num(report.activity).T
        curves = dict(zip(report.model.labels, columns, strict=True))
    if not report.places:  # what is unknown may have been likely to be something
        heard |= {label for label, curve in curves.items() if curve.max(initial=0) >= _LIKELY}
    rows = [(label, look) for label, look in look_of.items() if label in heard or not heard]
    panels.append(activity_panel(rows, found, truth, curves, span))
    if report.places:
        panels += _angles_over_time(report, found, truth, look_of)
    controls = (
        '<div class="controls">'
        '<button type="button" data-zoom="0.5" aria-label="Zoom in">+</button>'
        '<button type="button" data-zoom="2" aria-label="Zoom out">−</button>'
        '<button type="button" data-zoom="all">Whole recording</button>'
        "<span>Drag across to zoom into a span, double-click for the whole; scroll on the time "
        "axis or with Ctrl zooms, with Shift moves.</span></div>"
    )
    left_out = [label for label in look_of if label not in heard]
    note = ""
    if heard and left_out:
        note = element("p", text(f"Not heard: {', '.join(left_out)}."), class_="note")
    heading = element("h2", "Over time")
    return element("section", heading + controls + time_figure(panels, span) + note)


def _angles_over_time(
    report: Report,
    found: Sequence[Track],
    truth: Sequence[Track] | None,
    look_of: Mapping[str, Look],
) -> list[str]:
    reason = _why_no_directions(report, [*found, *(truth or ())])
    if reason:
        return [no_directions_panel(reason)]
    panels = []
    names: tuple[Literal["azimuth", "elevation"], ...] = ("azimuth", "elevation")
    for name in names:
        if truth is None:
            panels.append(angle_panel(name, found, look_of, report.duration_s))
        else:
            panels += [
                angle_panel(name, truth, look_of, report.duration_s, kind="reference"),
                angle_panel(
                    name,
                    found,
                    look_of,
                    report.duration_s,
                    ghosts=truth,
                    kind="found",
                ),
            ]
    return panels


def _why_no_directions(report: Report, tracks: Sequence[Track]) -> str:
    if not report.has_directions:
        return f"no directions: {report.channel_format} recording"
    if not tracks:
        return "no events"
    if not any(track.way for track in tracks):
        return "no directions: none of the events has one"
    return ""


def _around(
    report: Report,
    found: Sequence[Track],
    truth: Sequence[Track],
    look_of: Mapping[str, Look],
) -> str:
    heading = element("h2", "Where from")
    reason = _why_no_directions(report, [*found, *truth])
    if reason:
        return element("section", heading + element("p", text(reason), class_="empty"))
    pictures = direction_map(found, truth, look_of) + view_from_above(found, truth, look_of)
    note = (
        "A mark is an event, larger the longer it lasts; a line is the way of one that moves, its "
        "mark where it began. Seen from above, the rim is the horizon."
    )
    if 0 < len(truth) <= MOST_CROSSES:
        note += " Crosses are the reference."
    if any(track.event.spread is not None for track in found):
        note += " A pale region holds the true direction with 90 % probability."
    kind = "around crowded" if len(found) > MOST_CROSSES else "around"
    return element(
        "section",
        heading + element("div", pictures, class_=kind) + element("p", note, class_="note"),
    )


def _tables(
    report: Report,
    found: Sequence[Track],
    truth: Sequence[Track] | None,
    look_of: Mapping[str, Look],
) -> str:
    parts = [element("h2", f'Events <small id="shown">{len(found)}</small>')]
    if found:
        parts.append(
            event_table(
                found, look_of, report.duration_s, name="events", with_directions=report.places
            )
        )
    else:
        parts.append(element("p", "no events", class_="empty"))
    if truth:
        table = event_table(
            truth, look_of, report.duration_s, name="truth", with_directions=report.places
        )
        parts.append(
            element("details", element("summary", f"Reference events ({len(truth)})") + table)
        )
    return element("section", "".join(parts))


def _details(report: Report) -> str:
    model = report.model
    card = {"Name": model.name, "Version": model.version, "Licence": model.licence}
    card |= {"Labels": ", ".join(model.labels)} | dict(model.facts)
    parts = [element("h3", "Model") + definitions(card)]
    if report.settings:
        parts.append(element("h3", "Settings") + definitions(report.settings))
    reading = "reading.html" if report.places else "reading_names.html"
    blocks = element(
        "details", element("summary", "Model and settings") + "".join(parts)
    ) + element("details", element("summary", "How to read this page") + asset(reading))
    return element("section", blocks)


def definitions(facts: Mapping[str, str]) -> str:
    """Draw facts as a list, name to value; those without a value are left out."""
    rows = "".join(
        element("dt", text(name)) + element("dd", text(value))
        for name, value in facts.items()
        if value
    )
    return element("dl", rows, class_="definitions")


def _data(
    report: Report,
    found: Sequence[Track],
    truth: Sequence[Track] | None,
    look_of: Mapping[str, Look],
) -> dict[str, object]:
    """Give what the page's script needs: the events as short rows, the frequency axis."""
    edges = [] if report.spectrogram is None else report.spectrogram.edges_hz.tolist()
    return {
        "labels": list(look_of),
        "events": [_datum(track, look_of) for track in found],
        "truth": [_datum(track, look_of) for track in truth or ()],
        "edges": [round(hz, 1) for hz in edges],
    }


def _datum(track: Track, look_of: Mapping[str, Look]) -> list[object]:
    event = track.event
    where = [None, None] if track.way is None else [round(x, 1) for x in track.way.mean_deg]
    spread = None if event.spread is None else round(float(np.rad2deg(event.spread)), 1)
    return [
        look_of[event.label].place,
        round(event.onset_s, 3),
        round(event.offset_s, 3),
        *where,
        round(event.score, 3),
        spread,
        None if event.passes is None else round(event.passes.score_std, 3),
    ]
