import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event, Passes, Waypoint
from sonoscope.report.combined import Entry, write_combined, write_combined_csv
from sonoscope.report.directions import circle
from sonoscope.report.page import ModelCard, Report, render, write_page
from sonoscope.report.spectrogram import Spectrogram

LABELS = ("dog", "siren", "speech")
CARD = ModelCard("test-foa", "1.2", LABELS, "MIT", {"Rate": "24 kHz"})
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>&'</script>${style}"


class Page(HTMLParser):
    """Reads a page, holding every element to its end tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        (self.scripts if inside in ("script", "style") else self.texts).append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and set(kind.split()) <= set(attributes.get("class", "").split())
        ]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def still(label: str, onset_s: float, azimuth_deg: float, elevation_deg: float = 0.0) -> Event:
    azimuth, elevation = np.deg2rad([azimuth_deg, elevation_deg]).tolist()
    way = (Waypoint(onset_s, azimuth, elevation),)
    return Event(label, onset_s, onset_s + 1.5, way, 0.75)


def report(
    events: list[Event],
    *,
    title: str = "hall.wav",
    channel_format: str = "foa",
    truth: list[Event] | None = None,
    scores: dict[str, float] | None = None,
    warnings: tuple[str, ...] = (),
) -> Report:
    rng = np.random.default_rng(0)
    edges = np.geomspace(30, 12_000, 41)
    return Report(
        title=title,
        duration_s=10.0,
        channel_format=channel_format,
        model=CARD,
        events=events,
        truth=truth,
        settings={"threshold": "0.5"},
        scores=scores,
        spectrogram=Spectrogram(rng.normal(-60, 9, (40, 100)), edges, 0.1),
        activity=rng.uniform(0, 1, (500, 3)).astype(np.float32),
        warnings=warnings,
    )


def spots(page: Page, figure: int) -> dict[int, tuple[float, float]]:
    """Where the marks of the map (0) or the view from above (1) stand, by event."""
    found: dict[int, tuple[float, float]] = {}
    seen, current = -1, -1
    for tag, attributes in page.elements:
        seen += tag == "figure"
        if "data-i" in attributes and tag == "g" and seen == figure:
            current = int(attributes["data-i"])
        if attributes.get("class") == "mark" and seen == figure:
            match = re.fullmatch(r"M(\S+) (\S+)h0", attributes["d"])
            assert match
            found.setdefault(current, (float(match[1]), float(match[2])))
    return found


def lines(page: Page, name: str) -> list[tuple[float, float]]:
    """The points of the first line of a panel."""
    path = next(a for _, a in page.elements if a.get("id", "").startswith(name))
    return [
        (float(x), float(y))
        for x, y in re.findall(r"[ML](\S+?) (-?[\d.e+-]+)(?=[ML]|$)", path["d"])
    ]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Page(render(report([still("dog", 1.0, 30)], truth=[still("dog", 1.0, 25)])))
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            if name in attributes:
                assert attributes[name].startswith(("data:image/png;base64,", "#")), tag
    own = "".join(page.scripts)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp|import\(|//cdn", own)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_every_event_stands_in_the_table() -> None:
    events = [still(LABELS[i % 3], 0.1 * i, 7.0 * i, 1.0 * i) for i in range(25)]
    html = render(report(events))
    rows = re.findall(r'<tr class="[^"]*" data-i="(\d+)">(.*?)</tr>', html)
    assert [int(i) for i, _ in rows] == list(range(25))
    for (_, row), event in zip(rows, events, strict=True):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert cells[0] == event.label
        assert cells[1:4] == [f"{event.onset_s:.2f}", f"{event.offset_s:.2f}", "1.50"]
        assert event.azimuth is not None
        assert f"{round(np.rad2deg(event.azimuth))}°" in cells[4].replace("−", "-")
        assert cells[-1] == "0.75"
    data = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])  # type: ignore[index]
    assert data["events"][24] == [0, 2.4, 3.9, 168.0, 24.0, 0.75, None, None]


def test_regions_are_drawn_where_they_are_known() -> None:
    known = replace(still("dog", 1.0, 90, 20), spread=0.2, passes=Passes(200, 0.06, 0.01))
    page = Page(html := render(report([known, still("siren", 3.0, 0)])))
    assert len(page.all("path", "region")) == 4  # map, view from above, azimuth, elevation
    assert "<td>±11°</td>" in html
    assert "0.75 <small>±0.06</small>" in html
    assert "[0,1.0,2.5,90.0,20.0,0.75,11.5,0.06]" in html
    assert "A pale region holds" in page.text
    plain = Page(render(report([still("dog", 1.0, 90, 20)])))
    assert not plain.all("path", "region")
    assert "A pale region holds" not in plain.text


def test_a_region_that_leaves_the_map_is_no_band_across_it() -> None:
    behind = replace(still("dog", 1.0, 178), spread=0.2)
    page = Page(render(report([behind])))
    assert len(page.all("path", "open")) == 1
    for step in page.all("path", "open")[0]["d"].split("M")[1:]:
        xs = [float(spot.split()[0]) for spot in step.split("L")]
        assert max(xs) - min(xs) < 180


@pytest.mark.parametrize(("azimuth", "elevation", "radius"), [(0, 0, 0.3), (170, 80, 0.5)])
def test_a_circle_keeps_its_distance(azimuth: float, elevation: float, radius: float) -> None:
    around = np.deg2rad(circle(float(azimuth), float(elevation), radius))
    middle = unit_vector(np.deg2rad(azimuth), np.deg2rad(elevation))
    apart = angle_between(unit_vector(around[:, 0], around[:, 1]), middle)
    assert np.allclose(apart, radius)


def test_left_is_left_and_above_is_up_in_every_picture() -> None:
    events = [still("dog", 1.0, 90), still("siren", 2.0, 0, 40), still("speech", 4.0, -90, -30)]
    page = Page(render(report(events)))
    on_map, above = spots(page, 0), spots(page, 1)
    assert on_map == {0: (-90, 0), 1: (0, -40), 2: (90, 30)}
    assert above == {0: (-90, 0), 1: (0, -50), 2: (60, 0)}
    assert lines(page, "azimuth-found-0") == [(1.0, -90), (2.5, -90)]
    assert lines(page, "elevation-found-1") == [(2.0, -40), (3.5, -40)]
    boxes = {a["aria-label"]: a["viewbox"] for a in page.all("svg", "plot")}
    assert boxes["Azimuth"] == "0 -180 10 360"
    assert boxes["Elevation"] == "0 -90 10 180"


def test_a_moving_event_is_a_line_that_leaves_one_edge_and_comes_back_at_the_other() -> None:
    times = np.linspace(2, 6, 30)
    azimuths = np.deg2rad(np.linspace(120, 240, 30))
    path = tuple(Waypoint(float(t), float(a), 0.0) for t, a in zip(times, azimuths, strict=True))
    html = render(report([Event("siren", 2.0, 6.0, path)]))
    points = lines(Page(html), "azimuth-found-1")
    np.testing.assert_allclose(points, [(2, -120), (4, -180), (4, 180), (6, 120)], atol=0.1)
    assert "+120° → −120°" in html


def test_reference_stands_above_what_was_found() -> None:
    truth = [still("dog", 1.0, 30), still("speech", 5.0, -60)]
    scores = {"ER": 0.25, "F": 0.8, "DE": 5.04, "FR": 0.9, "SELD": 0.13}
    html = render(report([still("dog", 1.1, 33)], truth=truth, scores=scores))
    page = Page(html)
    names = [a["aria-label"] for a in page.all("svg", "plot")]
    assert names[2:] == [
        "Azimuth, reference",
        "Azimuth, found (reference pale behind)",
        "Elevation, reference",
        "Elevation, found (reference pale behind)",
    ]
    true_lines = {a["d"] for a in page.all("path", "line") if "-reference-" in a.get("id", "")}
    assert {a["d"] for a in page.all("path", "ghost")} == true_lines
    assert len(true_lines) == 4
    bars = page.all("path", "bar")
    tops = {a["class"]: float(a["d"].split()[1].split("v")[0]) for a in bars[:2]}
    assert tops["bar true"] < tops["bar"]
    assert len(page.all("path", "cross")) == 4
    assert 'id="truth"' in html
    for word in ("0.250", "0.800", "5.0°", "0.900", "0.130"):
        assert word in page.text


@pytest.mark.parametrize("channel_format", ["mono", "stereo"])
def test_a_recording_without_directions_never_shows_one(channel_format: str) -> None:
    # even where somebody hands over a direction for such a recording
    html = render(report([still("dog", 1.0, 47, 13)], channel_format=channel_format))
    page = Page(html)
    assert page.text.count(f"no directions: {channel_format} recording") == 2
    assert not page.all("figure")
    assert not page.all("svg", "plot")[2:]
    assert "47" not in page.text
    assert re.search(r'data-i="0">.*?<td class="none">–</td><td class="none">–</td>', html)
    assert '"events":[[0,1.0,2.5,null,null,0.75,null,null]]' in html


def test_no_events_say_so() -> None:
    page = Page(render(report([])))
    assert "No events: none of the 3 labels rose above its threshold." in page.text
    assert page.text.count("no events") == 3
    assert not page.all("table")
    assert all(label in page.text for label in LABELS)


def test_events_without_a_direction_are_not_drawn_on_the_map() -> None:
    page = Page(render(report([Event("dog", 1.0, 2.0), still("siren", 3.0, 10)])))
    assert set(spots(page, 0)) == {1}


def test_hostile_names_stay_text() -> None:
    event = Event(HOSTILE, 1.0, 2.0, (Waypoint(1.0, 0.0, 0.0),))
    hostile = report([event], title=HOSTILE, truth=[event], warnings=(HOSTILE,))
    page = Page(render(hostile))
    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    assert HOSTILE in page.text
    assert json.loads(page.scripts[-2])["labels"][-1] == HOSTILE


def test_the_sentence_tells_what_was_found() -> None:
    events = [still("dog", 1.0, 30), still("dog", 3.0, 30), still("siren", 5.0, -90, 30)]
    events[2] = Event("siren", 5.0, 6.0, events[2].path, 0.9)
    page = Page(render(report(events, warnings=("channel 2 is silent",))))
    assert (
        "3 events of 2 kinds: dog ×2 and siren. Surest: siren at 5.0 s, from the right, above "
        "(azimuth −90°, elevation +30°), score 0.90." in page.text
    )
    assert "channel 2 is silent" in page.text


def test_activity_is_drawn_where_it_was(tmp_path: Path) -> None:
    activity = np.zeros((100, 3), dtype=np.float32)
    activity[20:40, 1] = 0.5
    event = still("siren", 2.0, 0)
    drawn = Report("a.wav", 10.0, "foa", CARD, [event], activity=activity)
    write_page(tmp_path / "a.html", drawn)
    page = Page((tmp_path / "a.html").read_text(encoding="utf-8"))
    (curve,) = page.all("path", "curve")
    assert curve["d"] == "M0 0h20v20h20v-20h60V0z"  # 20 of 40 steps high over columns 20 to 40
    assert " scale(0.1 -" in curve["transform"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


def test_two_hours_with_three_thousand_events_would_stay_small() -> None:
    rng = np.random.default_rng(1)
    events: list[Event] = []
    for onset_s in np.sort(rng.uniform(0, 7190, 320)).tolist():
        azimuths = rng.normal(rng.uniform(-3, 3), 0.05, 40)
        path = tuple(Waypoint(onset_s + i / 20, float(a), 0.1) for i, a in enumerate(azimuths))
        events.append(Event(LABELS[len(events) % 3], onset_s, onset_s + 2, path))
    activity = rng.uniform(0, 1, (20_000, 3))
    html = render(Report("night.wav", 7200.0, "foa", CARD, events, activity=activity))
    bare = render(Report("night.wav", 7200.0, "foa", CARD, [], activity=activity))
    per_event = (len(html) - len(bare)) / len(events)
    assert len(bare) + 3000 * per_event < 8e6
    curves = re.findall(r'<path d="(M0 0[^"]*)" transform="[^"]*" class="curve"', html)
    assert len(curves) == 3
    assert max(curve.count("h") for curve in curves) <= 2000


def test_activity_must_have_the_models_labels() -> None:
    with pytest.raises(SettingError, match="a column for each of 3 labels, but 2 was given"):
        Report("a.wav", 1.0, "foa", CARD, [], activity=np.zeros((4, 2)))


def test_several_recordings_share_an_index_and_a_table(tmp_path: Path) -> None:
    name = "a#b: 1 <2>.wav"
    far = tmp_path / "a#b: 1" / "report.html"
    entries = [
        Entry(name, 10.0, [still("dog", 1.0, 90, -10), Event("speech", 2.0, 3.0)], far),
        Entry("broken.wav", 0.0, [], None, "broken.wav: must be WAV, but <nothing> was given"),
    ]
    write_combined(tmp_path / "index.html", entries)
    write_combined_csv(tmp_path / "events.csv", entries)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert [a["href"] for a in page.all("a")] == ["./a%23b%3A%201/report.html"]
    assert name in page.text
    assert "but <nothing> was given" in page.text
    assert "2 recordings, 10.00 s of sound, 2 events. 1 could not be analysed." in page.text
    assert (tmp_path / "events.csv").read_text(encoding="utf-8").splitlines() == [
        "file,label,onset_s,offset_s,azimuth_deg,elevation_deg,score",
        f"{name},dog,1,2.5,90,-10,0.75",
        f"{name},speech,2,3,,,1",
    ]
