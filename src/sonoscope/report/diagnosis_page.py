"""The report of a diagnosis: one HTML page, the answer first, then what to do, then the evidence.

Stands alone as every page does (`report.page`), and prints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from sonoscope.core.durable import write_text
from sonoscope.core.event import Event
from sonoscope.report.advice import LIMITS, NOUNS, POSSIBLE_STEPS, advised, headline
from sonoscope.report.clock import clock, duration
from sonoscope.report.diagnosis_figures import ends_db, pattern_figure, shade_style, sound_figure
from sonoscope.report.markup import asset, element, minus, text
from sonoscope.report.page import ModelCard, definitions, whole_page
from sonoscope.report.palette import Look, looks, style_sheet
from sonoscope.report.severity_table import cards, table
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.report.timeline import (
    Track,
    activity_panel,
    spectrogram_panel,
    time_figure,
    trend_panel,
)
from sonoscope.signal.denoise import Plan
from sonoscope.signal.prpd import Prpd
from sonoscope.signal.references import References
from sonoscope.targets.diagnosis import Answer, Window, events

_LANES = {
    "corona": "corona", "surface": "surface", "floating": "floating", "internal": "internal",
    "particle": "particle", "brush": "machine", "unknown": "unclear kind", "unphased": "no clock",
}  # fmt: skip
_STEP_DB = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Closer:
    """The window that is shown closely.

    Attributes
    ----------
    window
        What it came to.
    pattern
        Its pulses over phase.
    plan
        What the denoiser kept of it.
    before, after
        Its sound, even in frequency.
    """

    window: Window
    pattern: Prpd
    plan: Plan
    before: Spectrogram
    after: Spectrogram


@dataclass(frozen=True, slots=True, eq=False)
class DiagnosisReport:
    """All that one page shows.

    Attributes
    ----------
    title
        The recording's name.
    duration_s
        Its length.
    answer, windows
        What it came to, and of what.
    closer
        The window that shows it best.
    overview
        The picture of all of its sound.
    known
        The references drawn beside the pattern.
    model
        The network that named kinds; None where the references did.
    facts
        Of recording and listening, name to value.
    warnings
        What the reader must know before trusting the page.
    settings
        How it was heard, name to value.
    """

    title: str
    duration_s: float
    answer: Answer
    windows: Sequence[Window]
    closer: Closer
    overview: Spectrogram
    known: References
    model: ModelCard | None
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def write_diagnosis(path: Path, report: DiagnosisReport) -> None:
    """Write the page, whole or not at all."""
    write_text(path, render_diagnosis(report))


def render_diagnosis(report: DiagnosisReport) -> str:
    """Give the page's HTML."""
    body = "".join(
        [
            _header(report),
            _advice(report),
            _severity(report),
            _pattern(report),
            _sound(report),
            _over_time(report) if len(report.windows) > 1 else "",
            _limits(),
            _details(report),
        ]
    )
    labels = list(_looks(report))
    data = {
        "labels": labels,
        "events": [
            [labels.index(_lane(event.label)), round(event.onset_s, 3), round(event.offset_s, 3),
             None, None, round(event.score, 3), None, None]
            for event in events(report.windows)
        ],
        "truth": [],
        "edges": [round(hz, 1) for hz in report.overview.edges_hz.tolist()],
    }  # fmt: skip
    return whole_page(
        title=f"{report.title} · sonoscope diagnosis",
        body=body,
        style=style_sheet(len(labels)) + asset("diagnosis.css") + shade_style(),
        data=data if len(report.windows) > 1 else None,
    )


def in_words(given: Answer, closer: Window, duration_s: float, by: str) -> str:
    """Say in a few sentences what the answer rests on.

    Parameters
    ----------
    by
        What figures beside kinds are: "confidence" or "likeness".
    """
    told = [_told(given, by), _clock(closer) if given.status != "nothing" else ""]
    figures = closer.severity
    at = clock(closer.start_s, duration_s) + (" s" if duration_s <= 120 else "")
    if figures.over_noise_db is not None and given.status != "nothing":
        when = f"At its strongest, from {at} on, " if given.windows > 1 else ""
        told.append(
            f"{when}pulses stand {figures.over_noise_db:.0f} dB over the background, "
            f"{figures.pulses_hz:.0f} of them a second."
        )
    elif given.status == "nothing" and figures.audible_db is not None:
        told.append(
            f"Pulses above {minus(f'{figures.audible_db:.0f}')} dB of full scale would have been "
            f"counted; weaker ones could not be heard."
        )
    if given.tentative:
        told.append("No ultrasound is in the recording: all of this is tentative.")
    return " ".join(each[0].upper() + each[1:] for each in told if each)


def _told(given: Answer, by: str) -> str:
    named = []
    for kind in given.kinds:
        sure = f"{by} {given.confidence[kind]:.2f}"
        where = f" in {given.count[kind]} of {given.windows} windows" if given.windows > 1 else ""
        named.append(f"{NOUNS.get(kind, kind)}{where} ({sure})")
    said = ", ".join(named)
    match given.status:
        case "found":
            return f"named {said}."
        case "possible" if given.doubted:
            return f"named {said}, but denoising leaves nothing sudden in the band heard."
        case "possible" if named:
            return f"named {said}: too little to be sure."
        case "possible":
            return "pulses keep the mains' clock here and there, but too seldom to be sure."
        case "unknown" if named:
            return f"kinds change from window to window: {said}."
        case "unknown":
            return "no kind is sure enough to be named."
        case "unphased":
            return "there are pulses, but they keep no clock."
        case "nothing":
            return f"none of {given.windows} windows shows one." if given.windows > 1 else ""


def _clock(window: Window) -> str:
    if window.clock == "mains":
        return f"pulses keep mains of {window.clock_hz:.3f} Hz."
    if window.clock == "other":
        return f"pulses keep a clock of {window.clock_hz:.2f} Hz, which is not the mains'."
    return ""


def _by(report: DiagnosisReport) -> str:
    return "likeness" if report.model is None else "confidence"


def _sure(report: DiagnosisReport) -> dict[str, str]:
    given = report.answer
    if not given.kinds:
        return {}
    told = " and ".join(f"{given.confidence[kind]:.2f}" for kind in given.kinds)
    return {_by(report).capitalize(): told}


def _header(report: DiagnosisReport) -> str:
    given = report.answer
    chips = "".join(
        element("div", element("dt", text(name)) + element("dd", text(value)))
        for name, value in {
            **_sure(report),
            "Duration": duration(report.duration_s),
            **report.facts,
        }.items()
    )
    lead = in_words(given, report.closer.window, report.duration_s, _by(report))
    answer = element("h1", text(headline(given))) + element("p", text(lead), class_="lead")
    parts = [
        element("p", "sonoscope diagnosis", class_="kicker"),
        element("p", text(report.title), class_="file"),
        element("div", answer, class_=f"answer {given.status}"),
        element("dl", chips, class_="facts"),
    ]
    if report.warnings:
        items = "".join(element("li", text(warning)) for warning in report.warnings)
        parts.append(element("ul", items, class_="warnings", role="note"))
    return element("header", "".join(parts))


def _advice(report: DiagnosisReport) -> str:
    given = advised(report.answer)
    meaning = "".join(
        element("p", (element("b", text(each.name[0].upper() + each.name[1:] + ". "))
                      if len(given) > 1 else "") + text(each.meaning))
        for each in given
    )  # fmt: skip
    first = POSSIBLE_STEPS if report.answer.status == "possible" else ()
    steps = dict.fromkeys([*first, *(step for each in given for step in each.steps)])
    listed = "".join(element("li", text(step)) for step in steps)
    left = element("div", element("h2", "What it means") + meaning)
    right = element("div", element("h2", "What to do next")
                    + element("ol", listed, class_="steps-list"))  # fmt: skip
    return element("section", element("div", left + right, class_="columns"))


def _severity(report: DiagnosisReport) -> str:
    figures = report.closer.window.severity
    quiet = report.answer.status == "nothing"
    title = "What could have been heard" if quiet else "How strong"
    heading = element("h2", title + element("small", text(_which(report))))
    more = element(
        "details", element("summary", "All figures, and what they mean") + table(figures)
    )
    note = element(
        "p",
        "Levels are of this recording, 0 dBFS being a sine of full scale: compare them with "
        "recordings of the same spot, recorder, gain and distance only.",
        class_="note",
    )
    return element("section", heading + cards(figures, quiet=quiet) + note + more)


def _which(report: DiagnosisReport) -> str:
    window = report.closer.window
    if len(report.windows) == 1:
        return "the whole recording"
    start, end = (clock(at, report.duration_s, 1) for at in (window.start_s, window.end_s))
    low, high = (edge / 1e3 for edge in window.band)
    return f"strongest window, {start} to {end}, {low:g} to {high:g} kHz"


def _pattern(report: DiagnosisReport) -> str:
    window, pattern = report.closer.window, report.closer.pattern
    shown = window.confidence if pattern.locked else {}
    drawn = pattern_figure(pattern, report.known, shown, window.kinds)
    if not pattern.locked:
        note = (
            "Pulses do not keep the mains' clock: where they lie over its phase means nothing, and "
            "the references are drawn for comparison only."
        )
    elif report.model is None:
        note = (
            "Figures beside references are likenesses among these four kinds, not probabilities. "
            "Absolute phase is not in sound: the pattern is drawn where its likeliest kind lies."
        )
    else:
        note = (
            "Figures beside references are the network's confidence. Absolute phase is not in "
            "sound: the pattern is drawn where its likeliest reference lies."
        )
    heading = element("h2", "Pattern over the mains' phase")
    return element("section", heading + drawn + element("p", note, class_="note"))


def _sound(report: DiagnosisReport) -> str:
    closer = report.closer
    kept = [leaf for leaf in closer.plan.leaves if leaf.is_kept]
    share = sum(leaf.share for leaf in kept)
    note = (
        f"The cheapest wavelet packets split the sound into {len(closer.plan.leaves)} leaves; "
        f"{len(kept)} hold something sudden or mains-locked and are kept, with "
        f"{100 * share:.3g} % of the energy. The pattern above listens to the sound as recorded, "
        "since pulses are measured against the noise beside them; the denoiser is asked whether "
        "anything sudden is in that band at all."
    )
    figure = sound_figure(closer.plan, closer.before, closer.after, closer.window.band)
    heading = element("h2", "Sound before and after denoising")
    return element("section", heading + figure + element("p", note, class_="note"))


def _over_time(report: DiagnosisReport) -> str:
    windows, span = report.windows, report.duration_s
    look_of = _looks(report)
    found = events(windows)
    tracks = [Track(_renamed(event), None) for event in found]
    heard = {track.event.label for track in tracks}
    rows = [(label, look) for label, look in look_of.items() if label in heard]
    edges = np.array([window.start_s for window in windows] + [span])
    level, background, rate = (
        np.array([_number(getattr(window.severity, name)) for window in windows])
        for name in ("level_db", "background_db", "pulses_hz")
    )
    shows = np.array([window.said != ("nothing",) for window in windows])
    panels = [spectrogram_panel(_without_low(report.overview), span)]
    if rows:
        panels.append(activity_panel(rows, tracks, None, {}, span))
    panels.append(
        trend_panel(
            "Level of the pulses and, pale, of the background (dBFS)",
            {"under": background, "over": np.where(shows, level, np.nan)},
            edges,
            _level_marks(np.concatenate([background, level])),
            span,
        )
    )
    panels.append(
        trend_panel("Clear pulses a second", {"over": rate}, edges, _rate_marks(rate), span)
    )
    said = "" if rows else " No window shows a discharge."
    note = f"{len(windows)} windows of {windows[0].end_s - windows[0].start_s:.2f} s.{said}"
    heading = element("h2", "Over time" + element("small", text(note)))
    controls = (
        '<div class="controls">'
        '<button type="button" data-zoom="0.5" aria-label="Zoom in">+</button>'
        '<button type="button" data-zoom="2" aria-label="Zoom out">−</button>'
        '<button type="button" data-zoom="all">Whole recording</button></div>'
    )
    return element("section", heading + controls + time_figure(panels, span))


def _without_low(shown: Spectrogram) -> Spectrogram:
    """Hold down what is louder than all of the ultrasound, so that colours are for that."""
    return replace(shown, level_db=np.minimum(shown.level_db, ends_db(shown)[1]))


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _renamed(event: Event) -> Event:
    return replace(event, label=_lane(event.label))


def _lane(label: str) -> str:
    return _LANES.get(label, label)


def _looks(report: DiagnosisReport) -> dict[str, Look]:
    """Give every lane its look; a model may know kinds of its own."""
    own = [_lane(event.label) for event in events(report.windows)]
    return looks(dict.fromkeys([*_LANES.values(), *own]))


def _level_marks(levels: Float64[ndarray, " level"]) -> list[tuple[float, str]]:
    heard = levels[np.isfinite(levels) & (levels > -200)]
    low, high = (float(heard.min()), float(heard.max())) if len(heard) else (-60.0, -12.0)
    first, last = (
        np.floor(low / _STEP_DB),
        max(np.ceil(high / _STEP_DB), np.floor(low / _STEP_DB) + 1),
    )
    marks = _STEP_DB * np.arange(first, last + 1)
    return [(mark, minus(f"{mark:g}")) for mark in marks.tolist()]


def _rate_marks(rate: Float64[ndarray, " window"]) -> list[tuple[float, str]]:
    most = max(float(rate.max(initial=0)), 10.0)
    step = next(base for base in (5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if most / base <= 4)
    marks = np.arange(0, np.ceil(most / step) * step + 1, step)
    return [(mark, f"{mark:g}") for mark in marks.tolist()]


def _limits() -> str:
    items = "".join(element("li", text(limit)) for limit in LIMITS)
    return element(
        "section",
        element("h2", "What sonoscope cannot know") + element("ul", items, class_="limits"),
    )


def _details(report: DiagnosisReport) -> str:
    if report.model is None:
        namer = {
            "Named by": "the reference patterns (no network came with this installation)",
            "Learnt from": "simulated discharges",
        }
    else:
        model = report.model
        namer = {"Named by": f"the network {model.name} {model.version}", "Licence": model.licence}
        namer |= {"Kinds": ", ".join(model.labels)} | dict(model.facts)
    inner = element("h3", "Who named it") + definitions(namer)
    inner += element("h3", "Settings") + definitions(report.settings)
    return element(
        "section",
        element("details", element("summary", "Model and settings") + inner)
        + element(
            "details", element("summary", "How to read this page") + asset("reading_diagnosis.html")
        ),
    )
