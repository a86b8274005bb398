"""Tables: what is written is read again, their kind is told by the columns, the rest is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonoscope.core.errors import InputError
from sonoscope.core.event import Event, Passes, Waypoint
from sonoscope.core.event_table import (
    is_indexed,
    label_names,
    named,
    read,
    read_events,
    to_json,
    write_audacity,
    write_dcase_events,
    write_events,
    write_frames_2019,
    write_frames_2020,
    write_json,
    write_raven,
)
from sonoscope.core.frame_table import FrameTable

LABELS = ("dog", "cat", "cow")
NAMES = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="°\\"), min_size=1
).filter(lambda text: bool(text.split()))


Row = tuple[str, float, float, tuple[Waypoint, ...], float]


def built(rows: Sequence[Row]) -> list[Event]:
    """Build events outside of strategies: the shape checks roll dice, which strategies may not."""
    return [Event(*row) for row in rows]


@st.composite
def some_events(draw: st.DrawFn, *, placed: bool = False) -> list[Row]:
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 5))):
        onset_s = draw(st.floats(0, 1e5))
        offset_s = onset_s + draw(st.floats(0, 100))
        azimuth, elevation = draw(st.floats(-np.pi, np.pi)), draw(st.floats(-1.5, 1.5))
        path = (Waypoint(onset_s, azimuth, elevation),) if placed or draw(st.booleans()) else ()
        label = " ".join(draw(NAMES).split())
        rows.append((label, onset_s, offset_s, path, draw(st.floats(0, 1))))
    return rows


def assert_close(
    got: Sequence[Event], wanted: Sequence[Event], *, seconds: float, degrees: float
) -> None:
    assert [event.label for event in got] == [event.label for event in wanted]
    for one, other in zip(got, wanted, strict=True):
        assert one.onset_s == pytest.approx(other.onset_s, abs=seconds)
        assert one.offset_s == pytest.approx(other.offset_s, abs=seconds)
        assert bool(one.path) == bool(other.path)
        if one.path:
            apart = np.rad2deg(np.array(one.path[0][1:3]) - np.array(other.path[0][1:3]))
            apart = (apart + 180) % 360 - 180
            np.testing.assert_allclose(apart, 0, atol=degrees)


@pytest.mark.parametrize("write", [write_events, write_json])
def test_what_is_unsure_comes_back_and_takes_no_place_where_nothing_is(
    tmp_path: Path, write: Callable[[Path, Sequence[Event]], None]
) -> None:
    here = (Waypoint(0.0, 0.3, 0.1),)
    sure = Event("dog", 0.0, 1.0, here, 0.75)
    placed = Event("cat", 1.0, 2.0, here, 0.5, spread=0.2, passes=Passes(200, 0.0312, 0.05))
    placeless = Event("hum", 2.0, 3.0, score=0.5, passes=Passes(200, 0.1))
    path = tmp_path / "events.txt"
    write(path, [sure, placed, placeless])
    one, other, third = read_events(path)
    assert (one.spread, one.passes) == (None, None)
    assert other.spread == pytest.approx(0.2, abs=1e-3)
    assert other.passes is not None
    assert other.passes[:2] == (200, 0.0312)
    assert other.passes.angle == pytest.approx(0.05, abs=1e-3)
    assert (third.spread, third.passes) == (None, Passes(200, 0.1, None))
    write(path, [sure])
    assert not any(name in path.read_text() for name in ("spread", "passes", "std", "wander"))


@given(rows=some_events())
def test_our_csv_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    events = built(rows)
    path = tmp_path_factory.mktemp("csv") / "events.csv"
    write_events(path, events)
    got = read_events(path)
    assert_close(got, events, seconds=0.000501, degrees=0.0501)
    np.testing.assert_allclose([e.score for e in got], [e.score for e in events], atol=0.000501)


@given(rows=some_events())
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    events = built(rows)
    path = tmp_path_factory.mktemp("json") / "events.json"
    write_json(path, events)
    assert_close(read_events(path), events, seconds=0.000501, degrees=0.0501)


@given(rows=some_events())
def test_raven_and_audacity_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    events = built(rows)
    folder = tmp_path_factory.mktemp("labels")
    write_raven(folder / "raven.txt", events, high_hz=24_000.0)
    assert_close(read_events(folder / "raven.txt"), events, seconds=1e-6, degrees=0.0501)
    write_audacity(folder / "audacity.txt", events)
    assert_close(read_events(folder / "audacity.txt"), events, seconds=1e-6, degrees=0.0501)


@given(rows=some_events(placed=True))
def test_dcase_events_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    events = built(rows)
    path = tmp_path_factory.mktemp("csv") / "dcase.csv"
    write_dcase_events(path, events)
    assert_close(read_events(path), events, seconds=1e-6, degrees=0.501)


@st.composite
def events_on_frames(draw: st.DrawFn) -> list[Row]:
    """Draw events on edges of 100 ms, in whole degrees, in order of onset."""
    rows: list[Row] = []
    for label in draw(st.lists(st.sampled_from(LABELS), unique=True)):
        start, length = draw(st.integers(0, 90)), draw(st.integers(1, 30))
        degrees = draw(st.integers(-180, 179)), draw(st.integers(-89, 89))
        azimuth, elevation = np.deg2rad(degrees).tolist()
        here = Waypoint(start / 10, azimuth, elevation, draw(st.integers(1, 500)) / 100)
        rows.append((label, start / 10, (start + length) / 10, (here,), 1.0))
    return sorted(rows, key=lambda row: (row[1], row[2], row[0]))


@given(rows=events_on_frames(), kind=st.sampled_from(["2019", "2020", "2023"]))
def test_frame_csvs_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], kind: str
) -> None:
    events = built(rows)
    path = tmp_path_factory.mktemp("frames") / "frames.csv"
    if kind == "2019":
        write_frames_2019(path, events, LABELS)
    else:
        write_frames_2020(path, events, LABELS, with_distance=kind == "2023")
    got = read_events(path, LABELS)
    assert_close(got, events, seconds=1e-9, degrees=1e-9)
    if kind == "2023":
        metres = [[event.path[0].distance_m for event in side] for side in (got, events)]
        assert metres[0] == pytest.approx(metres[1])


def test_degrees_are_rounded_and_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    for azimuth, elevation, text in ((9.6, -9.6, "10,-10"), (179.7, 0.4, "-180,0")):
        here = Waypoint(0.0, float(np.deg2rad(azimuth)), float(np.deg2rad(elevation)), 1.239)
        events = [Event("cat", 0.0, 0.1, (here,))]
        write_frames_2019(path, events, LABELS)
        assert path.read_text() == "".join(f"{i},1,{text}\n" for i in range(5))
        write_frames_2020(path, events, LABELS)
        assert path.read_text() == f"0,1,0,{text}\n"
        write_frames_2020(path, events, LABELS, with_distance=True)
        assert path.read_text() == f"0,1,0,{text},124\n"
        write_dcase_events(path, events)
        last = ",".join(text.split(",")[::-1])
        assert path.read_text().splitlines()[1] == f"cat,0.000000,0.100000,{last},1.239"


def test_tracks_stay_with_their_events_and_directions_move(tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    way = (Waypoint(0.05, 0.0, 0.0), Waypoint(0.25, float(np.deg2rad(20)), 0.0))
    still = (Waypoint(0.0, float(np.deg2rad(-90)), 0.0),)
    write_frames_2020(path, [Event("dog", 0.0, 0.3, way), Event("cow", 0.1, 0.4, still)], LABELS)
    assert path.read_text().split() == [
        "0,0,0,0,0", "1,0,0,10,0", "1,2,1,-90,0", "2,0,0,20,0", "2,2,1,-90,0", "3,2,1,-90,0",
    ]  # fmt: skip


def test_what_a_format_cannot_say_is_refused(tmp_path: Path) -> None:
    nowhere = [Event("dog", 0.0, 1.0)]
    path = tmp_path / "out.csv"
    for write in (
        write_dcase_events,
        lambda p, e: write_frames_2019(p, e, LABELS),
        lambda p, e: write_frames_2020(p, e, LABELS),
    ):
        with pytest.raises(InputError, match=r"out\.csv: .* must have a direction"):
            write(path, nowhere)
    here = [Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.0, 0.0),))]
    with pytest.raises(InputError, match="must have a distance"):
        write_frames_2020(path, here, LABELS, with_distance=True)
    assert not path.exists()


def test_json_keeps_the_way_of_a_moving_source(tmp_path: Path) -> None:
    way = (Waypoint(0.0, 0.0, 0.5, 2.0), Waypoint(1.0, 1.0, 0.5, 2.5))
    event = Event("dog", 0.0, 1.0, way, 0.75, spread=0.1)
    write_json(tmp_path / "a.json", [event])
    got = read_events(tmp_path / "a.json")[0]
    np.testing.assert_allclose(np.array(got.path), np.array(way), atol=1e-3)
    assert got.spread == pytest.approx(0.1, abs=1e-3)
    near = Event("dog", 0.0, 1.0, (Waypoint(0.0, 0.0, 0.5, 2.0),))
    assert to_json([near])[0]["distance_m"] == 2
    assert list(to_json([Event("dog", 0.0, 1.0)])[0].values()) == ["dog", 0, 1, None, None, 1]


GOOD: dict[str, tuple[str, list[tuple[str, float, float, float | None]]]] = {
    "ours": ("label,onset_s,offset_s,azimuth_deg,elevation_deg,score\ndog,1,2,30,-5,0.5\n",
             [("dog", 1, 2, 30)]),
    "times alone": ("offset_s,label,onset_s\n2,dog,1\n", [("dog", 1, 2, None)]),
    "quotes": ('label,onset_s,offset_s\n"dog, big",1,2\n', [("dog, big", 1, 2, None)]),
    "2019 events": ("sound_event_recording,start_time,end_time,ele,azi,dist\ndog,1,2,-5,30,1\n",
                    [("dog", 1, 2, 30)]),
    "class events": ("class,start,end,ele,azi,dist\ndog,1,2,-5,30,1\n", [("dog", 1, 2, 30)]),
    "byte order mark": ("\ufefflabel,onset_s,offset_s\ndog,1,2\n", [("dog", 1, 2, None)]),
    "windows": ("label,onset_s,offset_s\r\ndog,1,2\r\n\r\n", [("dog", 1, 2, None)]),
    "no last line end": ("label,onset_s,offset_s\ndog,1,2", [("dog", 1, 2, None)]),
    "no events": ("label,onset_s,offset_s\n", []),
    "nothing": ("", []),
    "blank": ("\n \r\n", []),
    "audacity": ("1.0\t2.0\tdog 30.0° -5.0°\n\\\t100\t200\n3\t4\tcat\n5\t6\tcow 10°\n",
                 [("dog", 1, 2, 30), ("cat", 3, 4, None), ("cow", 5, 6, 10)]),
    "raven": ("Selection\tView\tBegin Time (s)\tEnd Time (s)\tAnnotation\tQuality\n"
              "1\tWaveform 1\t1\t2\tdog\tgood\n1\tSpectrogram 1\t1\t2\tdog\tgood\n",
              [("dog", 1, 2, None)]),
    "json list": ('[{"label": "dog", "onset_s": 1, "offset_s": 2, "azimuth_deg": null}]',
                  [("dog", 1, 2, None)]),
    "report": ('{"file": "a.wav", "events": [{"label": "dog", "onset_s": 1, "offset_s": 2.0, '
               '"azimuth_deg": 30, "elevation_deg": 0}]}', [("dog", 1, 2, 30)]),
    "2019 frames": ("50,0,30,0\n51,0,30,0\n", [("0", 1, 1.04, 30)]),
    "2020 frames": ("10,7,0,30,0\n11,7,0,30,0\n\n", [("7", 1, 1.2, 30)]),
    "2023 frames": ("10,7,0,30,0,150\r\n11,7,0,30,0,150\r\n", [("7", 1, 1.2, 30)]),
    "vectors": ("10,7,0,0.0,0.5,0.0\n11,7,0,0.0,0.9,0.0\n", [("7", 1, 1.2, 90)]),
    "vectors and centimetres": ("10,7,0,0.6,0.0,0.6,150\n", [("7", 1, 1.1, 0)]),
    "the front, near": ("10,7,0,0,0,40\n", [("7", 1, 1.1, 0)]),
    "2025 frames": ("frame,class,source,azimuth,distance,onscreen\n10,7,0,30,150,0\n",
                    [("7", 1, 1.1, 30)]),
    "2025, nothing": ("frame,class,source,azimuth,distance,onscreen\n", []),
    "named columns": ("class, Frame, ele, azi\n7,50,0,30\n", [("7", 1, 1.02, 30)]),
    "named vectors": ("frame,class,track,x,y,z\n10,7,0,0,-1,0\n", [("7", 1, 1.1, -90)]),
    "odd numbers": ("50,0,3_0,0\n", [("0", 1, 1.02, 30)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_the_kind_is_told_by_the_columns(tmp_path: Path, kind: str) -> None:
    text, wanted = GOOD[kind]
    path = tmp_path / "table"
    path.write_bytes(text.encode())
    got = read_events(path)
    assert [(e.label, e.onset_s, e.offset_s) for e in got] == [row[:3] for row in wanted]
    azimuths = [None if e.azimuth is None else round(np.rad2deg(e.azimuth), 9) for e in got]
    assert azimuths == [row[3] for row in wanted]


@pytest.mark.parametrize(
    ("row", "metres"),
    [
        ("10,7,0,30,0,150", 1.5),
        ("10,7,0,30,0,4", 0.04),
        ("10,7,0,0.6,0,0.6,150", 1.5),
        ("10,7,0,0.6,0,0.6,1.5", 1.5),
        ("frame,class,source,azimuth,distance,onscreen\n10,7,0,30,150,1", 1.5),
    ],
)
def test_distances_are_centimetres_or_behind_vectors_metres(
    tmp_path: Path, row: str, metres: float
) -> None:
    (tmp_path / "frames.csv").write_text(row + "\n")
    table = read(tmp_path / "frames.csv")
    assert isinstance(table, FrameTable)
    assert table.distance_m is not None
    np.testing.assert_allclose(table.distance_m, metres)
    assert table.frames_per_s == 10


HEAD = "label,onset_s,offset_s,azimuth_deg,elevation_deg,score\n"
BAD = {
    "unknown column": ("label,onset_s,offset_s,file\n", r"line 1: must be an event csv"),
    "twice": ("label,onset_s,offset_s,score,score\n", r"line 1: must be"),
    "no label": ("onset_s,offset_s\n1,2\n", r"line 1: must be"),
    "three numbers": ("1,2,3\n", r"line 1: must be .* but '1,2,3'"),
    "eight numbers": ("1,2,3,4,5,6,7,8\n", r"line 1: must be"),
    "no vector": ("1,2,3,4,5,60,7\n", r"line 1: z must be a number in -10\.\.10, but 60"),
    "nowhere": ("1,2,3,1,0,0,9\n1,2,3,0,0,0,9\n", r"line 2: x, y, z must point somewhere"),
    "named, no direction": ("frame,class\n1,2\n", r"line 1: a frame csv must have the columns"),
    "named, two directions": ("frame,class,azimuth,x,y,z\n", r"line 1: a frame csv must have"),
    "named, unknown": ("frame,class,azimuth,mood\n", r"line 1: a frame csv must .*mood"),
    "named, twice": ("frame,class,azimuth,azi\n", r"line 1: a frame csv must have"),
    "named row": ("frame,class,azimuth\n1,2,3\n1,x,3\n", r"line 3: must be 3 numbers"),
    "named range": ("frame,class,azimuth\n1,2,3\n1,2,500\n", r"line 3: azimuth must be"),
    "on which screen": ("frame,class,azimuth,onscreen\n1,2,3,2\n", r"line 2: onscreen must be"),
    "blank first": ("\n10,7,0,30,0\n", r"line 2: must be .* but '10,7,0,30,0'"),
    "prose": ("Call me Ishmael.\n", r"line 1: must be"),
    "nan": (HEAD + "dog,0,1,,,\ncat,nan,2,,,\n", r"line 3: onset_s .* but 'nan'"),
    "negative": (HEAD + "dog,-0.5,1,,,\n", r"line 2: onset_s must be a number in 0"),
    "infinite": (HEAD + "dog,0,inf,,,\n", r"line 2: offset_s"),
    "backwards": (HEAD + "dog,2,1,,,\n", r"line 2: offset_s must not lie before .* 2 to 1"),
    "no name": (HEAD + " ,0,1,,,\n", r"line 2: label must not be empty"),
    "half a direction": (HEAD + "dog,0,1,30,,\n", r"line 2: elevation_deg .* but ''"),
    "beyond the pole": (HEAD + "dog,0,1,30,91,\n", r"line 2: elevation_deg .*-90\.\.90"),
    "too sure": (HEAD + "dog,0,1,,,1.5\n", r"line 2: score"),
    "too few cells": (HEAD + "dog,0,1\n", r"line 2: a row must have 6 cells"),
    "after a blank line": (HEAD + "\ndog,0,x,,,\n", r"line 3: offset_s"),
    "open quote": (HEAD + 'dog,0,1,,,\n"dog,0,1\n', r"line 3: not a readable row"),
    "frame row": ("0,1,2,3\n0,1,2\n", r"line 2: must be 4 numbers .*'0,1,2'"),
    "frame word": ("0,1,2,3\n0,one,2,3\n", r"line 2: must be 4 numbers"),
    "frame blank": ("0,1,2,3\n\n0,1,2,3\n", r"line 2: must be 4 numbers"),
    "half a frame": ("0,1,2,3\n0.5,1,2,3\n", r"line 2: frame must be a whole number"),
    "frame before": ("-1,1,2,3\n", r"line 1: frame"),
    "frame nan": ("0,1,2,3\n0,1,nan,3\n", r"line 2: azimuth must be a number .* but nan"),
    "class nan": ("nan,1,2,3\n", r"line 1: frame"),
    "class far": ("0,10000,2,3\n", r"line 1: class"),
    "infinite frame": ("inf,1,2,3\n", r"line 1: frame"),
    "audacity row": ("1\t2\tdog\n3\t4\n", r"line 2: must be onset, offset and label"),
    "audacity back": ("1\t0\tdog\n", r"line 1: offset_s"),
    "tabs": ("a\tb\tc\n", r"line 1: must be"),
    "raven": ("Begin Time (s)\tEnd Time (s)\tAnnotation\n1\tx\tdog\n", r"line 2: offset_s"),
    "not json": ("{", r"not readable JSON"),
    "deep json": ("[" * 100_000, r"not readable JSON"),
    "no list": ('{"a": 1}', r'.*under "events"'),
    "json event": ('[{"label": "dog"}]', r"events\[0\]: must be an object with label, onset_s"),
    "json true": ('[{"label": "a", "onset_s": true, "offset_s": 2}]', r"events\[0\]: onset_s"),
    "json path": ('[{"label": "a", "onset_s": 0, "offset_s": 2, "path": [[1, 2]]}]',
                  r".*path must be"),
    "json way": ('[{"label": "a", "onset_s": 0, "offset_s": 2, "path": 5}]', r".*path must be"),
    "json nan": ('[{"label": "a", "onset_s": 0, "offset_s": 2, "path": [[0, NaN, 0]]}]', r".*azi"),
    "json order": ('[{"label": "a", "onset_s": 0, "offset_s": 2, "path": [[1,2,3],[0,1,2]]}]',
                   r".*order of time"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    text, message = BAD[fault]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"table\.csv: " + message) as refusal:
        read(path)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    for name, message in (("a.csv", "UTF-8"), ("none.csv", "cannot be read"), (".", "cannot")):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)


def frame_file(folder: Path) -> Path:
    (folder / "frames.csv").write_text("0,2,0,0\n1,0,0,0\n")
    return folder / "frames.csv"


def index_file(folder: Path) -> Path:
    (folder / "events.csv").write_text("class,start,end\n2,0,1\n0,1,2\n")
    return folder / "events.csv"


@pytest.mark.parametrize("write", [frame_file, index_file])
def test_indices_get_names(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    table = read(write(tmp_path))
    assert is_indexed(table)
    assert label_names(table) == {"0", "2"}
    assert label_names(named(table, LABELS)) == {"dog", "cow"}
    assert not is_indexed(named(table, LABELS))
    assert label_names(named(named(table, LABELS), ("x",))) == {"dog", "cow"}
    with pytest.raises(InputError, match=r"csv: class indices must be in 0\.\.1"):
        read_events(tmp_path / write(tmp_path).name, LABELS[:2])


def test_json_is_plain(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [Event("Hündin", 0.0, 1.0)])
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text)["events"][0]["label"] == "Hündin"
    assert "Hündin" in text
