import xml.etree.ElementTree as ET

import numpy as np

from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frame_table import FrameTable, to_frames
from sonoscope.metrics.dcase2019 import LABELS_2019
from sonoscope.report.detection_figure import WIDTH, detection_figure
from sonoscope.report.palette import LIGHT

SVG = "{http://www.w3.org/2000/svg}"


def still(label: str, onset_s: float, offset_s: float, azimuth_deg: float) -> Event:
    return Event(label, onset_s, offset_s, (Waypoint(0.0, float(np.deg2rad(azimuth_deg)), 0.2),))


TRUE = [still("knock", 1.0, 3.0, 40.0), still("cough", 2.0, 5.0, -100.0)]


def frames(events: list[Event]) -> FrameTable:
    return to_frames(events, LABELS_2019, 50)


def drawn(heard: FrameTable) -> ET.Element:
    return ET.fromstring(detection_figure("A <title>", frames(TRUE), heard, 10.0))


def paths(root: ET.Element, colour: str) -> list[str]:
    return [p.attrib["d"] for p in root.iter(f"{SVG}path") if p.attrib.get("stroke") == colour]


def test_there_are_six_panels_and_every_label_keeps_its_colour() -> None:
    root = drawn(frames(TRUE))
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    for kind in ("reference", "predicted"):
        assert f"Labels, {kind}" in words
        assert f"Azimuth, {kind} (°)" in words
        assert f"Elevation, {kind} (°)" in words
    assert "A <title>" in words
    for label in ("knock", "cough"):
        assert words.count(label) == 2
        assert len(paths(root, LIGHT[LABELS_2019.index(label)])) == 6


def test_what_was_heard_rightly_looks_like_the_reference_moved_aside() -> None:
    root = drawn(frames(TRUE))
    lane, azimuth, elevation, *others = paths(root, LIGHT[LABELS_2019.index("knock")])
    shift = float(others[0].split("M")[1].split()[0]) - float(lane.split("M")[1].split()[0])
    assert shift > 500
    for one, other in zip((lane, azimuth, elevation), others, strict=True):
        first, second = (float(path.split("M")[1].split()[0]) for path in (one, other))
        assert abs(second - first - shift) < 0.2


def test_time_and_angle_stand_where_they_should() -> None:
    root = drawn(frames([]))
    _, azimuth, _ = paths(root, LIGHT[LABELS_2019.index("knock")])
    (x0, y0), (x1, y1) = (map(float, point.split()) for point in azimuth[1:].split("L"))
    plot_left, plot_width, top, height = 92.0, 500.0, 64.0 + 190.0 + 46.0, 190.0
    assert abs(x0 - (plot_left + 0.1 * plot_width)) < 0.2
    assert abs(x1 - (plot_left + 0.3 * plot_width)) < 0.2
    assert abs(y0 - (top + height * (180 - 40) / 360)) < 0.2
    assert y0 == y1


def test_a_jump_breaks_the_line_and_two_sources_are_two_lines() -> None:
    turned = [still("knock", 1.0, 2.0, -20.0), still("knock", 2.0, 3.0, 150.0)]
    both = [still("knock", 1.0, 3.0, -20.0), still("knock", 1.0, 3.0, 150.0)]
    for heard in (turned, both):
        azimuth = paths(drawn(frames(heard)), LIGHT[LABELS_2019.index("knock")])[4]
        assert azimuth.count("M") == 2


def test_noise_that_cannot_be_seen_costs_nothing() -> None:
    n = 3000
    draw = np.random.default_rng(0)
    heard = FrameTable(
        50, LABELS_2019, np.arange(n), np.zeros(n, int), 1e-3 * draw.standard_normal(n), np.zeros(n)
    )
    assert len(detection_figure("t", frames(TRUE), heard, 60.0)) < 20_000


def test_unknown_directions_and_silence_are_drawn_as_nothing() -> None:
    heard = frames([Event("speech", 1.0, 2.0)])
    root = drawn(heard)
    assert len(paths(root, LIGHT[LABELS_2019.index("speech")])) == 1
    empty = ET.fromstring(detection_figure("t", frames([]), frames([]), 10.0))
    assert empty.attrib["viewBox"].split()[2] == f"{WIDTH:g}"
