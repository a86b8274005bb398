"""The report of an acoustic image: one HTML page that stands alone, as `report.page` has it.

Where it sounds first (on the photograph, if there is one), then the map of all bands, places in a
table, a small map for each band, when each place sounded, and what cannot be known.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from sonoscope.core.durable import write_text
from sonoscope.imaging.image import WITHOUT_LEVEL, BandImage, HotSpot, Place, added
from sonoscope.report.acoustic_map import RANGE_DB, map_figure, map_picture, thumbnail
from sonoscope.report.clock import clock, duration, tick_step_s
from sonoscope.report.hot_spot_table import (
    Told,
    band_words,
    numbers,
    places_table,
    spots_table,
)
from sonoscope.report.markup import asset, element, number, text
from sonoscope.report.overlay import Picture
from sonoscope.report.page import definitions, whole_page

MOST_PLACES = 12
"""So many are marked; the tables have all."""

_PHOTO_WIDTH = 1400
_LANE, _LANES_LEFT, _LANES_WIDE = 26.0, 80.0, 900.0

LIMITS = (
    "The ellipse holds the true direction with 90 % probability if the geometry is right, sound "
    "comes straight and noise is as measured. Reflections, wrong capsule positions and another "
    "speed of sound move a place without widening its ellipse.",
    "Swapped or mirrored axes of the geometry turn the whole image: `sonoscope check-array` finds "
    "them from one sound of known direction.",
    "A smooth wall or floor mirrors a source: a hot spot where nothing can sound may be its image.",
    "Sources that sound exactly alike (one loudspeaker signal from two boxes) are seen as one.",
    "Levels are of the sound that a source alone causes at the array, with no array there; how "
    "loud the source itself is depends on its distance.",
)


@dataclass(frozen=True, slots=True, eq=False)
class ImageReport:
    """All that one page shows.

    Attributes
    ----------
    title
        The recording's name.
    duration_s
        Its length.
    images
        One a band, over the whole time.
    spots, found
        Hot spots of all bands and times, and the places that they come from, the loudest first.
    told
        How they are said.
    overlay
        The photograph, painted.
    facts, settings
        Of recording and looking, name to value.
    warnings
        What the reader must know before trusting the page.
    tracks
        The picture of tracks (`report.track_picture`), if any source was followed.
    """

    title: str
    duration_s: float
    images: Sequence[BandImage]
    spots: Sequence[HotSpot]
    found: Sequence[Place]
    told: Told
    overlay: Picture | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    tracks: str = ""


def write_image_page(path: Path, report: ImageReport) -> None:
    """Write the page, whole or not at all."""
    write_text(path, render_image_page(report))


def render_image_page(report: ImageReport) -> str:
    """Give the page's HTML."""
    body = [_header(report)]
    if report.overlay is not None:
        body.append(photograph(report.overlay))
    body += [_map(report), _places(report)]
    if len(report.images) > 1:
        body.append(_bands(report))
    if len({spot.start_s for spot in report.spots}) > 1:
        body.append(_over_time(report))
    if report.tracks:
        body.append(_tracks(report.tracks))
    body += [_limits(), _details(report)]
    return whole_page(
        title=f"{report.title} · sonoscope image", body="".join(body), style=asset("image.css")
    )


def picture(report: ImageReport) -> str:
    """Give the map of all bands as an SVG file of its own."""
    whole = whole_image(report.images)
    return map_picture(
        report.title, report.told.view, whole.drawn(report.told.view), marks_of(report.found),
        _caption(whole),
    )  # fmt: skip


def whole_image(images: Sequence[BandImage]) -> BandImage:
    """Give all bands as one image."""
    return added(images)


def marks_of(found: Sequence[Place]) -> list[tuple[str, HotSpot]]:
    """Give a numbered mark a place, where it is surest."""
    return [(str(i), place.surest) for i, place in enumerate(found[:MOST_PLACES], 1)]


def headline(found: Sequence[Place]) -> str:
    """Say in a line what was found."""
    if not found:
        return "Nothing stands out of the noise"
    return "One place sounds" if len(found) == 1 else f"{len(found)} places sound"


def in_words(told: Told, found: Sequence[Place]) -> str:
    """Say in a sentence or two where it is loudest."""
    if not found:
        return "In no band does a direction explain more than noise does."
    first = found[0]
    band = band_words(first.loudest.band_hz)
    said = f"Loudest is {told.where(first.surest)}: {told.in_db(first.loudest)} in {band}."
    if len(found) > 1:
        under = told.level(first.loudest) - told.level(found[1].loudest)
        said += f" Next is {told.where(found[1].surest)}, {under:.1f} dB below."
    return said


def _header(report: ImageReport) -> str:
    facts = {"Duration": duration(report.duration_s), **report.facts}
    chips = "".join(
        element("div", element("dt", text(name)) + element("dd", text(value)))
        for name, value in facts.items()
    )
    parts = [
        element("p", "sonoscope image", class_="kicker"),
        element("p", text(report.title), class_="file"),
        element("h1", text(headline(report.found))),
        element("p", text(in_words(report.told, report.found)), class_="lead"),
        element("dl", chips, class_="facts"),
    ]
    if report.warnings:
        items = "".join(element("li", text(warning)) for warning in report.warnings)
        parts.append(element("ul", items, class_="warnings", role="note"))
    return element("header", "".join(parts))


def photograph(overlay: Picture) -> str:
    """Put a painted photograph on a page."""
    image = Image.fromarray(overlay)
    if image.width > _PHOTO_WIDTH:
        height = round(image.height * _PHOTO_WIDTH / image.width)
        image = image.resize((_PHOTO_WIDTH, height), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=88)
    uri = f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    shown = element("img", src=uri, alt="Photograph with marked places",
                    width=image.width, height=image.height)  # fmt: skip
    note = (
        f"Colours reach {RANGE_DB:g} dB down from the highest point. Numbers are those of the "
        "table; an ellipse holds the true place with 90 % probability."
    )
    heading = element("h2", "On the photograph")
    return element(
        "section",
        heading + element("div", shown, class_="photo") + element("p", note, class_="note"),
    )


def _caption(image: BandImage) -> str:
    kind = "likeness" if image.method in WITHOUT_LEVEL else "level"
    return f"{image.method}, {band_words(image.band_hz)}; {kind} below the highest point"


def _map(report: ImageReport) -> str:
    whole = whole_image(report.images)
    view = report.told.view
    drawn = map_figure(view, whole.drawn(view), marks_of(report.found), _caption(whole))
    note = "Numbers are those of the places below; an ellipse holds the true one with 90 %."
    if len(report.images) > 1:
        note = "All bands together. " + note
    return element(
        "section", element("h2", "Where it sounds") + drawn + element("p", note, class_="note")
    )


def _places(report: ImageReport) -> str:
    heading = element("h2", f"Places <small>{len(report.found)}</small>")
    if not report.found:
        return element("section", heading + element("p", "no hot spot", class_="empty"))
    told = report.told
    note = (
        "Levels are in dB below or over a sine of full scale (dBFS): the microphones' sensitivity "
        "was not given, so they are not sound pressure levels."
        if told.sensitivity_db is None
        else "Levels are over 20 µPa, by the sensitivity that was given."
    )
    spots = element(
        "details",
        element("summary", f"All hot spots, by band and time ({len(report.spots)})")
        + spots_table(told, report.spots, report.found, report.duration_s),
    )
    table = places_table(told, report.found)
    return element("section", heading + table + element("p", note, class_="note") + spots)


def _bands(report: ImageReport) -> str:
    number_of = numbers(report.found)
    view = report.told.view
    drawn = ""
    for image in report.images:
        marks = [(str(number_of.get(id(spot), "")), spot) for spot in _strongest(image.spots)]
        loud = report.told.in_db(marks[0][1]) if marks else "nothing found"
        caption = text(band_words(image.band_hz)) + element("small", text(loud))
        drawn += element(
            "figure",
            element("figcaption", caption) + thumbnail(view, image.drawn(view), marks),
            class_=None if marks else "quiet",
        )
    note = (
        f"Each down to {RANGE_DB:g} dB below its own highest point; pale where noise says it all."
    )
    heading = element("h2", "Band by band" + element("small", note))
    return element("section", heading + element("div", drawn, class_="maps"))


def _strongest(spots: Sequence[HotSpot], most: int = 5) -> Sequence[HotSpot]:
    return sorted(spots, key=lambda spot: -spot.power)[:most]


def _over_time(report: ImageReport) -> str:
    """Draw when each place sounded, the louder the fuller."""
    span, lanes = max(report.duration_s, 1e-3), report.found[:MOST_PLACES]
    drawn, right = "", _LANES_LEFT + _LANES_WIDE
    bottom = 8 + _LANE * len(lanes)
    step = tick_step_s(span, 10)
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    for i in range(int(span / step + 1e-9) + 1):
        x = _LANES_LEFT + _LANES_WIDE * i * step / span
        drawn += element("path", d=f"M{number(x, 1)} 8V{number(bottom)}")
        drawn += element("text", text(clock(i * step, span, decimals)), x=number(x, 1),
                         y=number(bottom + 16), text_anchor="middle")  # fmt: skip
    for lane, place in enumerate(lanes):
        y = 8 + _LANE * lane
        drawn += element("text", f"place {lane + 1}", x=number(_LANES_LEFT - 10),
                         y=number(y + 17), text_anchor="end")  # fmt: skip
        loudest: dict[tuple[float, float], float] = {}
        for spot in place.spots:
            when = (spot.start_s, spot.end_s)
            loudest[when] = max(loudest.get(when, -1e9), spot.level_db())
        top = max(loudest.values())
        for (start, end), level in loudest.items():
            x = _LANES_LEFT + _LANES_WIDE * start / span
            wide = max(1.0, _LANES_WIDE * (end - start) / span)
            drawn += element("rect", x=number(x, 2), y=number(y + 4), width=number(wide, 2),
                             height=number(_LANE - 8),
                             fill_opacity=number(max(0.15, 1 + (level - top) / 20)))  # fmt: skip
    svg = element("svg", drawn, viewBox=f"0 0 {number(right + 20)} {number(bottom + 24)}",
                  role="img", aria_label="When each place sounded")  # fmt: skip
    heading = element("h2", "Over time" + element("small", "seconds; the fuller a bar, the louder"))
    return element("section", heading + element("div", svg, class_="fig lanes"))


def _tracks(picture: str) -> str:
    note = (
        "A line is one source that was followed from window to window; the band around it holds "
        "the true angle with 90 % probability. Dots are hot spots, pale where they belong to no "
        "source that lasts."
    )
    heading = element("h2", "Followed over time")
    shown = element("div", picture, class_="fig")
    return element("section", heading + shown + element("p", note, class_="note"))


def _limits() -> str:
    items = "".join(element("li", text(limit)) for limit in LIMITS)
    heading = element("h2", "What an image cannot tell")
    return element("section", heading + element("ul", items, class_="limits"))


def _details(report: ImageReport) -> str:
    inner = element("summary", "Settings") + definitions(report.settings)
    return element("section", element("details", inner))
