"""The report of an inspection: one HTML page that stands alone, as `report.page` has it.

The answer first, then the photograph (or the map) with numbered places, what is heard at each in a
table, and for every place that sounds by itself its strength, its pattern over phase and what to
do. Echoes and leaks are told apart in the table, and no advice is given for them.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonoscope.core.durable import write_text
from sonoscope.imaging.image import BandImage, Place
from sonoscope.imaging.repeats import Repeat
from sonoscope.report import advice, image_page
from sonoscope.report.acoustic_map import Mark, map_figure
from sonoscope.report.clock import duration
from sonoscope.report.diagnosis_figures import pattern_figure, shade_style
from sonoscope.report.diagnosis_page import in_words
from sonoscope.report.hot_spot_table import Told, band_words
from sonoscope.report.markup import asset, element, minus, text
from sonoscope.report.overlay import Picture
from sonoscope.report.page import definitions, whole_page
from sonoscope.report.severity_table import cards
from sonoscope.signal.prpd import Prpd
from sonoscope.signal.references import References
from sonoscope.targets.diagnosis import Answer, Status, Window

COLUMNS = (
    "place", "azimuth_deg", "elevation_deg", "x_m", "y_m", "z_m", "right_m", "up_m", "radius_m",
    "pixel_x", "pixel_y", "level_db", "level_over", "status", "kinds", "confidence", "clock",
    "clock_hz", "pulse_level_db", "over_noise_db", "pulses_hz", "is_reflection_of",
    "leaks_from", "delay_s", "likeness",
)  # fmt: skip

LIMITS = (
    "A place is named a reflection if it repeats another's pulses later and weaker. Echoes off "
    "rough or many surfaces are less alike and may pass for places of their own.",
    "Listening towards a place does not silence all others: what sounds within a beam's width of a "
    "place is heard as one with it.",
    *image_page.LIMITS,
    *advice.LIMITS,
)

_URGENT_FIRST: tuple[Status, ...] = ("found", "possible", "unknown", "unphased", "nothing")


@dataclass(frozen=True, slots=True, eq=False)
class InspectedPlace:
    """What a page shows of a place.

    Attributes
    ----------
    place
        Where it is.
    answer, window
        What is heard there, and the window that shows it best.
    pattern
        That window's pulses over phase.
    repeat
        What it repeats, by the place's number from 0; None if it sounds by itself.
    """

    place: Place
    answer: Answer
    window: Window
    pattern: Prpd
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InspectionReport:
    """All that one page shows.

    Attributes
    ----------
    title, duration_s
        The recording's name and length.
    places
        The loudest first.
    told
        How places are said.
    image
        The map of what was looked at.
    overlay
        The photograph, painted.
    known
        The references drawn beside patterns.
    by
        What figures beside kinds are: "confidence" or "likeness".
    facts, conditions
        Of recording, looking and listening, name to value.
    warnings
        What the reader must know before trusting the page.
    """

    title: str
    duration_s: float
    places: Sequence[InspectedPlace]
    told: Told
    image: BandImage
    overlay: Picture | None
    known: References
    by: str = "confidence"
    facts: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def write_inspection(path: Path, report: InspectionReport) -> None:
    """Write the page, whole or not at all."""
    write_text(path, render_inspection(report))


def render_inspection(report: InspectionReport) -> str:
    """Give the page's HTML."""
    body = [_header(report)]
    body.append(_map(report) if report.overlay is None else image_page.photograph(report.overlay))
    body.append(_table(report))
    advised: set[str] = set()
    for number, inspected in enumerate(report.places, 1):
        if inspected.repeat is None:
            body.append(_place(report, number, inspected, advised))
    items = "".join(element("li", text(limit)) for limit in LIMITS)
    heading = element("h2", "What an inspection by sound cannot tell")
    body.append(element("section", heading + element("ul", items, class_="limits")))
    heading = element("h2", "Conditions")
    body.append(element("section", heading + definitions(report.conditions)))
    style = "".join(asset(f"{name}.css") for name in ("image", "diagnosis", "inspection"))
    return whole_page(
        title=f"{report.title} · sonoscope inspection",
        body="".join(body),
        style=style + shade_style(),
    )


def headline(places: Sequence[InspectedPlace]) -> str:
    """Say in a line what was found and where: the most urgent, each with its places."""
    if not places:
        return "No place stands out of the noise"
    status = _worst(places)
    said: dict[str, list[str]] = {}
    for number, each in enumerate(places, 1):
        if each.repeat is None and each.answer.status == status:
            said.setdefault(advice.headline(each.answer), []).append(str(number))
    if status == "nothing":
        return "No discharge found at any place"
    parts = [
        f"{name} at {'place' if len(numbers) == 1 else 'places'} {' and '.join(numbers)}"
        for name, numbers in said.items()
    ]
    return "; ".join([parts[0], *(part[0].lower() + part[1:] for part in parts[1:])])


def marks_of(places: Sequence[InspectedPlace]) -> list[Mark]:
    """Give each place's mark: its number, and what it is."""
    return [(f"{n} {_short(each)}".rstrip(), each.place.surest)
            for n, each in enumerate(places[: image_page.MOST_PLACES], 1)]  # fmt: skip


def _short(each: InspectedPlace) -> str:
    if each.repeat is not None:
        return f"{'echo' if each.repeat.how == 'reflection' else 'leak'} of {each.repeat.of + 1}"
    sure = "" if each.answer.status == "found" else "?"
    return f"{each.answer.kinds[0]}{sure}" if each.answer.kinds else ""


def note(repeat: Repeat | None) -> str:
    """Say what a place repeats, for people.

    Examples
    --------
    >>> note(Repeat("reflection", 0, 0.004, 0.6))
    'reflection of place 1: the same pulses 4.00 ms later, 1.37 m farther'
    """
    if repeat is None:
        return ""
    if repeat.how == "leak":
        return f"leaks from place {repeat.of + 1}: the same pulses at once, weaker"
    return (
        f"reflection of place {repeat.of + 1}: the same pulses {1e3 * repeat.delay_s:.2f} ms "
        f"later, {repeat.farther_m:.2f} m farther"
    )


def row(told: Told, number: int, inspected: InspectedPlace) -> dict[str, Any]:
    """Give all columns of a place; what is not known is None."""
    where = told.row(inspected.place.surest, number)
    given, window, repeat = inspected.answer, inspected.window, inspected.repeat
    how = None if repeat is None else repeat.how
    return {
        **{name: where[name] for name in COLUMNS if name in where},
        "level_db": round(told.level(inspected.place.loudest), 2),
        "status": given.status,
        "kinds": list(given.kinds),
        "confidence": [round(given.confidence[kind], 4) for kind in given.kinds],
        "clock": window.clock,
        "clock_hz": _rounded(window.clock_hz, 4),
        "pulse_level_db": _rounded(window.severity.level_db, 2),
        "over_noise_db": _rounded(window.severity.over_noise_db, 2),
        "pulses_hz": _rounded(window.severity.pulses_hz, 2),
        "is_reflection_of": repeat.of + 1 if repeat and how == "reflection" else None,
        "leaks_from": repeat.of + 1 if repeat and how == "leak" else None,
        "delay_s": None if repeat is None else round(repeat.delay_s, 6),
        "likeness": None if repeat is None else round(repeat.likeness, 3),
    }


def places_csv(told: Told, places: Sequence[InspectedPlace]) -> str:
    """Write places, the loudest first; several kinds are joined by " + "."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    for number, inspected in enumerate(places, 1):
        cells = row(told, number, inspected)
        cells["kinds"] = " + ".join(cells["kinds"])
        cells["confidence"] = " + ".join(map(str, cells["confidence"]))
        table.writerow({key: "" if value is None else value for key, value in cells.items()})
    return out.getvalue()


def what(inspected: InspectedPlace) -> str:
    """Say what is heard at a place: kinds with confidence, or the state."""
    given = inspected.answer
    named = [f"{advice.NOUNS.get(k, k)} {given.confidence[k]:.2f}" for k in given.kinds]
    match given.status:
        case "found":
            return ", ".join(named)
        case "possible":
            return f"possibly {', '.join(named) or 'something electrical'}"
        case "unknown":
            return "keeps the mains' clock, kind unclear"
        case "unphased":
            return "pulses without a clock"
        case "nothing":
            return "no discharge"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _worst(places: Sequence[InspectedPlace]) -> Status:
    own = [each.answer.status for each in places if each.repeat is None]
    return min(own, key=_URGENT_FIRST.index, default="nothing")


def _header(report: InspectionReport) -> str:
    own = [each for each in report.places if each.repeat is None]
    status = _worst(report.places)
    chips = "".join(
        element("div", element("dt", text(name)) + element("dd", text(value)))
        for name, value in {"Duration": duration(report.duration_s), **report.facts}.items()
    )
    several = f"{len(own)} places sound" if len(own) != 1 else "One place sounds"
    lead = f"{several} by themselves" if len(own) != 1 else f"{several} by itself"
    more = len(report.places) - len(own)
    if more:
        lead += f"; {more} more {'repeats' if more == 1 else 'repeat'} one of them"
    if not report.places:
        lead = "No direction explains more than noise does"
    answer = element("h1", text(headline(report.places)))
    answer += element("p", text(f"{lead}."), class_="lead")
    parts = [
        element("p", "sonoscope inspection", class_="kicker"),
        element("p", text(report.title), class_="file"),
        element("div", answer, class_=f"answer {status}"),
        element("dl", chips, class_="facts"),
    ]
    if report.warnings:
        items = "".join(element("li", text(warning)) for warning in report.warnings)
        parts.append(element("ul", items, class_="warnings", role="note"))
    return element("header", "".join(parts))


def _map(report: InspectionReport) -> str:
    view = report.told.view
    marks = marks_of(report.places)
    caption = f"{band_words(report.image.band_hz)}; level below the highest point"
    drawn = map_figure(view, report.image.drawn(view), marks, caption)
    return element("section", element("h2", "Where it sounds") + drawn)


def _table(report: InspectionReport) -> str:
    heading = element("h2", f"Places <small>{len(report.places)}</small>")
    if not report.places:
        return element("section", heading + element("p", "no hot spot", class_="empty"))
    told = report.told
    rows = "".join(_row(told, number, each) for number, each in enumerate(report.places, 1))
    heads = ("Place", "Where", "Heard there", "Level", "Over background", "Pulses", "Note")
    head = "".join(element("th", text(name), class_="plain") for name in heads)
    table = element("table", element("thead", element("tr", head)) + element("tbody", rows),
                    class_="spots")  # fmt: skip
    said = (
        f"Levels are of all sound in {band_words(report.image.band_hz)} that a place causes at the "
        f"array. Figures beside kinds are {report.by}."
    )
    return element(
        "section",
        heading
        + element("div", table, class_="table-frame")
        + element("p", text(said), class_="note"),
    )


def _row(told: Told, number: int, each: InspectedPlace) -> str:
    figures = each.window.severity
    over = "–" if figures.over_noise_db is None else minus(f"{figures.over_noise_db:.0f} dB")
    heard = "the same" if each.repeat else what(each)
    status = None if each.repeat else f"status {each.answer.status}"
    cells = element("td", str(number))
    cells += element("td", text(f"{told.where(each.place.surest)}, "
                                f"{told.ellipse(each.place.surest)}"))  # fmt: skip
    cells += element("td", text(heard), class_=status)
    others = (told.in_db(each.place.loudest), over, f"{figures.pulses_hz:.0f} a second")
    cells += "".join(element("td", text(value)) for value in (*others, note(each.repeat) or "–"))
    return element("tr", cells, class_="repeat" if each.repeat else None)


def _place(report: InspectionReport, number: int, each: InspectedPlace, advised: set[str]) -> str:
    given, window = each.answer, each.window
    name = element("b", str(number)) + text(advice.headline(given))
    heading = element("h2", name + element("small", text(report.told.where(each.place.surest))))
    quiet = given.status == "nothing"
    parts = [heading, element("p", text(in_words(given, window, report.duration_s, report.by)))]
    parts.append(cards(window.severity, quiet=quiet))
    if not quiet:
        shown = window.confidence if each.pattern.locked else {}
        parts.append(pattern_figure(each.pattern, report.known, shown, window.kinds))
        if not each.pattern.locked:
            parts.append(element("p", "Pulses do not keep the mains' clock: where they lie over "
                                 "its phase means nothing.", class_="note"))  # fmt: skip
    for told in advice.advised(given):
        if told.name in advised:
            parts.append(element("p", f"What it means and what to do: as told above of "
                                 f"{text(told.name)}.", class_="note"))  # fmt: skip
            continue
        advised.add(told.name)
        left = element("div", element("h3", "What it means") + element("p", text(told.meaning)))
        steps = "".join(element("li", text(step)) for step in told.steps)
        right = element("div", element("h3", "What to do next")
                        + element("ol", steps, class_="steps-list"))  # fmt: skip
        parts.append(element("div", left + right, class_="columns"))
    return element("section", "".join(parts), class_="place")
