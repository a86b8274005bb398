"""Scenes on disk: whole, described, and the same whenever they are made."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonoscope.core import audio, event_table
from sonoscope.core.direction import angle_between, angles, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frame_table import FrameTable
from sonoscope.core.recipe import from_table, read_recipe
from sonoscope.datasets.choice import ClipChoice, find_clips, fingerprint
from sonoscope.datasets.scene_set import (
    Order,
    Reporting,
    SceneMaker,
    SceneSetRecipe,
    rewrite_scenes,
    scene_stream,
    write_scenes,
)
from sonoscope.simulation.sources import Clip

SCENE = {
    "rate_hz": 16_000,
    "mono_share": 0.0,
    "empty_share": 0.0,
    "max_overlap": [1],
    "volume_m3": [40.0, 80.0],
    "t60_s": [0.2, 0.3],
}
TABLE: dict[str, Any] = {
    "name": "test",
    "labels": ["door_wood_knock", "siren"],
    "duration_s": 2.0,
    "data": {"modelled_share": 1.0},
    "scene": SCENE,
}


def recipe_of(**changes: object) -> SceneSetRecipe:
    return from_table(TABLE | changes, SceneSetRecipe, where="test")


RECIPE = recipe_of()
MOVING = recipe_of(
    labels=["siren", "knocking", "gong"],
    extra_labels=["motor"],
    duration_s=4.0,
    layout="tau-nigens2021",
    year=2021,
    sounds={"knocking": ["door_wood_knock"], "motor": ["vacuum_cleaner"], "gong": ["gong"]},
    scene=SCENE
    | {
        "rooms": 3,
        "max_overlap": [3],
        "extra_share": 0.4,
        "event_s": 2.0,
        "pause_s": [0.1, 0.3],
        "distance_m": [0.7, 1.5],
        "motion": {"share": 0.7},
    },
)


class Told(NamedTuple):
    """What a run reports."""

    lines: list[str]
    reporting: Reporting


@pytest.fixture
def told() -> Told:
    lines: list[str] = []
    return Told(lines, Reporting(warn=lines.append))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_truth(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


# ── whole, resumed, made again ───────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_set_is_the_same_in_one_go_and_broken_off(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_scenes(RECIPE, whole, count=2, seed=5)
    assert write_scenes(RECIPE, parts, count=1, seed=5).n_made == 1
    (parts / "truth" / "scene_0000.json").unlink()  # as if killed before the scene was whole
    (parts / "foa" / "scene_0000.wav").write_bytes(b"half")
    (parts / "foa" / ".scene_0001.wav.0123abcd").write_bytes(b"half")
    (parts / ".manifest.json.0123abcd").write_bytes(b"half")
    (parts / "mine.txt.0123abcd").write_bytes(b"not from here")
    assert write_scenes(RECIPE, parts, count=2, seed=5).n_made == 2
    assert (parts / "mine.txt.0123abcd").read_bytes() == b"not from here"
    (parts / "mine.txt.0123abcd").unlink()
    assert contents(whole) == contents(parts)
    assert len(contents(whole)) == 2 * 5 + 1


@pytest.mark.slow
def test_a_scene_that_lost_a_sound_is_made_again_and_the_rest_is_not(tmp_path: Path) -> None:
    write_scenes(RECIPE, tmp_path, count=2, seed=5)
    before = contents(tmp_path)
    (tmp_path / "tetra" / "scene_0001.wav").unlink()
    assert write_scenes(RECIPE, tmp_path, count=2, seed=5).n_made == 1
    assert contents(tmp_path) == before
    assert write_scenes(RECIPE, tmp_path, count=1, seed=5).n_made == 0
    assert (
        contents(tmp_path) == before
    )  # the manifest tells of what is there, not of what was asked


@pytest.mark.slow
def test_any_scene_can_be_made_again_from_the_manifest(tmp_path: Path, told: Told) -> None:
    first = write_scenes(RECIPE, tmp_path / "a", count=3, seed=9)
    manifest = read_truth(first.manifest)
    assert [scene["name"] for scene in manifest["scenes"]] == [f"scene_000{i}" for i in range(3)]
    assert manifest["snr_definition"].startswith("active")
    assert manifest["attribution"] == ["modelled"]
    again = rewrite_scenes(first.manifest, ["scene_0001"], tmp_path / "b", reporting=told.reporting)
    assert (again.n_made, told.lines) == (1, [])
    made = contents(tmp_path / "b")
    assert len(made) == 5 + 1
    assert all(
        before == made[name]
        for name, before in contents(tmp_path / "a").items()
        if "scene_0001" in name
    )
    recipe = from_table(manifest["recipe"], SceneSetRecipe, where="manifest")
    scene = scene_stream(recipe, None, manifest["seed"]).scene(1, "tetra", recipe.duration_s)
    stored = audio.read(tmp_path / "b" / "tetra" / "scene_0001.wav").samples
    assert np.abs(stored - scene.recording.samples).max() < 1 / 32_000  # 16 bits


def test_a_manifest_that_cannot_be_made_again_says_why(tmp_path: Path, told: Told) -> None:
    path = write_scenes(RECIPE, tmp_path / "a", count=1, seed=9).manifest
    content = read_truth(path)

    def changed(**changes: object) -> Path:
        other = tmp_path / "changed.json"
        other.write_text(json.dumps(content | changes))
        return other

    with pytest.raises(SettingError, match="--only must be one of the 1 scenes"):
        rewrite_scenes(path, ["scene_0007"], tmp_path / "b")
    with pytest.raises(SettingError, match="--data must hold what"):
        rewrite_scenes(changed(clips={"count": 7, "sha256": "0"}), [], tmp_path / "b")
    with pytest.raises(SettingError, match="must be a manifest"):
        rewrite_scenes(changed(recipe={"name": "x"}), [], tmp_path / "b")
    assert not (tmp_path / "b").exists()
    scenes = [scene | {"sha256": {"foa/scene_0000.wav": "0"}} for scene in content["scenes"]]
    older = changed(sonoscope="0.0.1", scenes=scenes)
    rewrite_scenes(older, [], tmp_path / "b", reporting=told.reporting)
    version, differs = told.lines
    assert "is of sonoscope 0.0.1" in version
    assert differs.startswith("scene_0000 came out otherwise")


def test_other_scenes_do_not_mix_in(tmp_path: Path) -> None:
    write_scenes(RECIPE, tmp_path, count=1, seed=1)
    with pytest.raises(SettingError, match="another seed"):
        write_scenes(RECIPE, tmp_path, count=1, seed=2)
    with pytest.raises(SettingError, match="another recipe"):
        write_scenes(replace(RECIPE, duration_s=3.0), tmp_path, count=1, seed=1)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(read_truth(manifest) | {"sonoscope": "0.0.1"}))
    with pytest.raises(SettingError, match="another version"):
        write_scenes(RECIPE, tmp_path, count=1, seed=1)
    for text in ("{", "[]"):
        manifest.write_text(text)
        with pytest.raises(SettingError, match="manifest"):
            write_scenes(RECIPE, tmp_path, count=1, seed=1)
    manifest.unlink()
    (tmp_path / "truth" / "scene_0000.json").write_text("{}")
    with pytest.raises(SettingError, match="must be the truth of a scene"):
        write_scenes(RECIPE, tmp_path, count=1, seed=1)


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    def second(done: int, total: int, made_s: float) -> None:
        with pytest.raises(SettingError, match="another run is writing there"):
            write_scenes(RECIPE, tmp_path, count=2, seed=1)

    write_scenes(RECIPE, tmp_path, count=1, seed=1, reporting=Reporting(progress=second))


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scenes(RECIPE, tmp_path / "a", count=1, seed=1)
    size = sum(len(content) for content in contents(tmp_path / "a").values())
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * size))
    write_scenes(RECIPE, tmp_path / "b", count=1, seed=1)
    for recipe in (RECIPE, replace(RECIPE, file_type="flac")):
        with pytest.raises(SettingError, match=r"room for about .* GB, but .*more has"):
            write_scenes(recipe, tmp_path / "more", count=20, seed=1)
    assert not (tmp_path / "more").exists()


def test_flac_holds_the_same_samples(tmp_path: Path) -> None:
    write_scenes(RECIPE, tmp_path / "wav", count=1, seed=1)
    write_scenes(replace(RECIPE, file_type="flac"), tmp_path / "flac", count=1, seed=1)
    wav, flac = (
        audio.read(tmp_path / kind / "foa" / f"scene_0000.{kind}") for kind in ("wav", "flac")
    )
    # libsndfile rounds the one kind and not the other
    assert np.abs(wav.samples - flac.samples).max() <= 1 / 32_768


# ── the truth ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write scenes with moving sources, interferers and a label without sounds."""
    out = tmp_path_factory.mktemp("moving")
    lines: list[str] = []
    reporting = Reporting(warn=lines.append)
    written = write_scenes(MOVING, out, count=3, seed=3, reporting=reporting)
    assert written.left_out == ("gong",)
    assert lines == ["left out, for want of sounds: gong"]
    return out


@pytest.mark.slow
def test_interferers_are_in_the_truth_and_in_no_csv(moving: Path) -> None:
    found = set()
    for path in (moving / "truth").glob("*.json"):
        record = read_truth(path)
        interferers = [event["label"] for event in record["interferers"]]
        found |= {*interferers}
        (table,) = (moving / "metadata_dev").rglob(f"{path.stem}.csv")
        for csv in (path.with_suffix(".csv"), path, table):
            named = {event.label for event in event_table.read_events(csv, MOVING.labels)}
            assert named <= {"siren", "knocking"}
        assert all(
            event["sounded"] == "vacuum_cleaner: modelled" for event in record["interferers"]
        )
    assert found == {"motor"}


@pytest.mark.slow
def test_frames_are_those_whose_middle_an_event_covers_within_half_a_degree(moving: Path) -> None:
    n_moving = 0
    for path in (moving / "truth").glob("*.json"):
        truth = event_table.read_events(path)
        (table,) = (moving / "metadata_dev").rglob(f"{path.stem}.csv")
        frames = event_table.named(event_table.read(table), MOVING.labels)
        assert isinstance(frames, FrameTable)
        middles = (frames.frame + 0.5) / 10
        rows = {label: frames.label == i for i, label in enumerate(MOVING.labels)}
        wanted = sum(
            np.sum((e.onset_s < k) & (k < e.offset_s))
            for e in truth
            for k in [(np.arange(40) + 0.5) / 10]
        )
        assert len(middles) == wanted
        for event in truth:
            n_moving += len(event.path) > 1
            here = rows[event.label] & (event.onset_s < middles) & (middles < event.offset_s)
            azimuth, elevation = angles(event.direction_at(middles[here]))
            assert len(azimuth) > 0
            off = np.rad2deg(frames.azimuth[here] - azimuth)
            assert np.abs((off + 180) % 360 - 180).max() <= 0.501
            assert np.abs(np.rad2deg(frames.elevation[here] - elevation)).max() <= 0.501
    assert n_moving > 3


@pytest.mark.slow
def test_the_truth_tells_what_the_scene_was_made_of(moving: Path) -> None:
    maker = SceneMaker(Order.of(MOVING, 3, None))
    for path in sorted((moving / "truth").glob("*.json"))[1:2]:
        record = read_truth(path)
        scene = maker.stream.scenes(record["number"], MOVING.duration_s)[0]
        script = maker.stream.script(record["number"], MOVING.duration_s)
        assert record["name"] == path.stem
        assert record["room"] == record["number"] % 3
        assert record["levels"] == {
            "definition": "active",
            "snr_db": round(script.levels.snr_db, 3),
            "sir_db": None,
        }
        assert record["place"]["kind"] == "room"
        octaves = record["place"]["t60_s"]
        assert list(octaves) == ["125", "250", "500", "1000", "2000", "4000"]
        assert 0.19 <= octaves["1000"] <= 0.31
        told = [*record["events"], *record["interferers"]]
        assert len(told) == len(scene.events)
        for event in scene.events:
            near = [e for e in told if abs(e["onset_s"] - event.onset_s) < 1e-6]
            (found,) = (e for e in near if e["label"] == event.label)
            times = [point.time_s for point in event.path]
            away = np.interp(
                event.onset_s, times, [point.distance_m or 0.0 for point in event.path]
            )
            assert found["path"][0][3] == pytest.approx(away, abs=1e-4)
            way = np.array(found["path"])
            here = unit_vector(*np.deg2rad(way[:, 1:3]).T)
            real = event.direction_at(way[:, 0])
            assert np.rad2deg(angle_between(here, real)).max() < 0.01
            assert event.onset_s - 1e-6 <= way[0, 0]
            assert way[-1, 0] <= event.offset_s + 1e-6
    rooms = [read_truth(p)["place"]["size_m"] for p in sorted((moving / "truth").glob("*.json"))]
    assert len({tuple(size) for size in rooms}) == 3


@pytest.mark.parametrize("year", [2019, 2020, 2022, 2023])
def test_the_csv_of_the_year_is_written_and_comes_back(year: int, tmp_path: Path) -> None:
    recipe = recipe_of(year=year, formats=["foa"])
    write_scenes(recipe, tmp_path, count=1, seed=8)
    (table,) = (tmp_path / f"dcase{year}").iterdir()
    before = table.read_bytes()
    events = event_table.read_events(table, recipe.labels)
    assert events
    first = before.decode().splitlines()[0]
    assert first.count(",") == {2019: 5, 2020: 4, 2022: 4, 2023: 5}[year]
    if year == 2019:
        assert first == "sound_event_recording,start_time,end_time,ele,azi,dist"
        event_table.write_dcase_events(table, events)
    else:
        event_table.write_frames_2020(table, events, recipe.labels, with_distance=year == 2023)
    assert table.read_bytes() == before


LABELS = tuple("knjmlihgfedcba")  # more than ten, and not in the order of the alphabet

Row = tuple[str, float, float, list[tuple[float, float, float]]]


@st.composite
def any_events(draw: st.DrawFn) -> list[Row]:
    """Draw events that overlap, begin together, are of one label, move or stay."""
    place = st.tuples(st.floats(-np.pi, np.pi), st.floats(-1.5, 1.5), st.floats(0.5, 30))
    event = st.tuples(
        st.sampled_from(LABELS),
        st.integers(0, 30).map(lambda i: i / 20),
        st.floats(0, 1.5),
        st.lists(place, min_size=1, max_size=4),
    )
    return draw(st.lists(event, max_size=6))


def built(rows: list[Row]) -> list[Event]:
    return [
        Event(
            label,
            onset,
            onset + length,
            tuple(Waypoint(onset + i * 0.2, *here) for i, here in enumerate(way)),
        )
        for label, onset, length, way in rows
    ]


@pytest.mark.slow
@settings(max_examples=50)
@given(rows=any_events(), with_distance=st.booleans(), by_name=st.booleans())
def test_written_read_and_written_again_is_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Row],
    with_distance: bool,
    by_name: bool,
) -> None:
    events = built(rows)
    path = tmp_path_factory.mktemp("frames") / "a.csv"
    event_table.write_frames_2020(path, events, LABELS, with_distance=with_distance)
    before = path.read_bytes()
    names = LABELS if by_name else [str(i) for i in range(len(LABELS))]
    again = event_table.read_events(path, names)
    event_table.write_frames_2020(path, again, names, with_distance=with_distance)
    assert path.read_bytes() == before
    event_table.write_dcase_events(path, events)
    before = path.read_bytes()
    event_table.write_dcase_events(path, event_table.read_events(path))
    assert path.read_bytes() == before


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels": ["siren", "siren"]}, "name each label once"),
        ({"extra_labels": ["siren"]}, "name each label once"),
        ({"sounds": {"gong": ["siren"]}}, "sounds must be of labels of the set, but gong"),
        ({"scene": {"motion": {"share": 0.5}}}, "year must be 2020 or later where"),
        ({"scene": {"motion": {"array_turn_deg_s": [0, 9]}}}, "year must be 2020 or later where"),
        ({"layout": "tau2019"}, "scene.rooms must be in 1..5"),
        ({"layout": "tau2019", "scene": {"rooms": 5}}, "mono_share must be 0"),
        ({"layout": "tau2018"}, "layout"),
        ({"year": 2018}, "year"),
    ],
)
def test_recipes_that_cannot_be_are_refused(changes: Mapping[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        recipe_of(**changes)


def test_without_any_sound_nothing_is_made(tmp_path: Path) -> None:
    recipe = recipe_of(labels=["gong", "harp"], sounds={"gong": ["gong"], "harp": ["harp"]})
    with pytest.raises(SettingError, match="for any of gong, harp; give --data"):
        write_scenes(recipe, tmp_path / "out", count=1, seed=0)
    with pytest.raises(SettingError, match="every label must have sounds"):
        write_scenes(recipe_of(labels=["siren", "gong"]), tmp_path / "out", count=1, seed=0)
    assert not (tmp_path / "out").exists()


def test_recordings_need_a_data_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data"):
        find_clips(ClipChoice(esc50_folds=(1,)), None, ["dog"])
    with pytest.raises(InputError):
        find_clips(ClipChoice(esc50_folds=(1,)), tmp_path, ["dog"])
    assert find_clips(ClipChoice(modelled_share=1.0), None, ["dog"]) == []


# ── clips ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.shared
def test_a_part_of_a_set_is_a_label_of_its_own(shared: Path) -> None:
    choice = ClipChoice(digits_speakers=("george", "lucas"))
    found = find_clips(choice, shared, ["speech/lucas"])
    assert {(clip.label, clip.group) for clip in found} == {("speech/lucas", "fsdd:lucas")}
    assert len(found) == 100
    assert len(find_clips(choice, shared, ["speech"])) == 200


def test_fingerprints_tell_lists_of_clips_apart(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.wav").write_bytes(b"1234")
    clip = Clip("dog", tmp_path / "here" / "a.wav", "1", "1", "CC0", "Bark by Ann")
    moved = replace(clip, path=tmp_path / "there" / "a.wav")
    known = fingerprint([clip], tmp_path / "here")
    assert fingerprint([moved], tmp_path / "there") == known
    assert fingerprint([clip, clip], tmp_path / "here") != known
    assert fingerprint([replace(clip, licence="CC-BY")], tmp_path / "here") != known
    (tmp_path / "here" / "a.wav").write_bytes(b"12345")
    assert fingerprint([clip], tmp_path / "here") != known
    (tmp_path / "here" / "a.wav").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        fingerprint([clip], tmp_path / "here")


# ── reference tables ─────────────────────────────────────────────────────────────────────────────

OF_2019 = ("clearthroat", "cough", "doorslam", "drawer", "keyboard", "keysDrop", "knock",
           "laughter", "pageturn", "phone", "speech")  # fmt: skip
DRY = SCENE | {"anechoic_share": 1.0, "event_s": 2.0, "snr_db": [20, 20]}


def replaying(labels: tuple[str, ...], **changes: object) -> SceneSetRecipe:
    """Let sirens sound under every label, in free field."""
    return recipe_of(
        labels=labels,
        sounds={label: ["siren"] for label in labels},
        formats=["foa"],
        scene=DRY,
        **changes,
    )


@pytest.mark.slow
@pytest.mark.shared
def test_event_tables_are_replayed_under_their_names(tmp_path: Path, shared: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    for name in ("split1_ir0_ov1_1.csv", "split4_ir3_ov2_75.csv"):
        shutil.copy(shared / "dcase2019" / "reference_events" / name, tables)
    out = tmp_path / "out"
    written = write_scenes(replaying(OF_2019), out, seed=0, tables=tables)
    assert written.n_scenes == 2
    for table in tables.iterdir():
        before = event_table.read_events(table)
        after = event_table.read_events(out / "dcase2019" / table.name)
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert other.label == one.label
            assert other.onset_s == pytest.approx(one.onset_s, abs=1.01 / 16_000)
            assert other.offset_s == pytest.approx(min(one.offset_s, 60), abs=1.01 / 16_000)
            assert other.path[0][1:] == pytest.approx(one.path[0][1:])
        assert audio.read(out / "foa" / f"{table.stem}.wav").duration_s == 60.0
    (tables / "split9.csv").write_text("sound_event_recording,start_time,end_time,ele,azi,dist\n")
    with pytest.raises(SettingError, match="another tables"):
        write_scenes(replaying(OF_2019), out, seed=0, tables=tables)
    with pytest.raises(SettingError, match="--tables must hold what"):
        rewrite_scenes(written.manifest, [], tmp_path / "again", tables=tables)
    with pytest.raises(SettingError, match="--count must be at most 3"):
        write_scenes(replaying(OF_2019), tmp_path / "b", count=4, seed=0, tables=tables)


@pytest.mark.slow
@pytest.mark.shared
def test_frame_tables_are_replayed_in_their_folders(tmp_path: Path, shared: Path) -> None:
    within = Path("dev-train-tau") / "fold3_room7_mix001.csv"
    table = tmp_path / "tables" / within
    table.parent.mkdir(parents=True)
    rows = (shared / "starss22" / "metadata_dev" / within).read_text().splitlines()
    table.write_text("\n".join(row for row in rows if int(row.split(",")[0]) < 400) + "\n")
    labels = tuple(f"class {i}" for i in range(13))
    recipe = replaying(labels, year=2022)
    write_scenes(recipe, tmp_path / "out", seed=0, tables=tmp_path / "tables")
    before, after = (
        np.loadtxt(path, delimiter=",", dtype=int)
        for path in (table, tmp_path / "out" / "dcase2022" / within)
    )
    order = np.lexsort((before[:, 2], before[:, 1], before[:, 0]))
    np.testing.assert_array_equal(after[:, :3], before[order, :3])
    away = after[:, 3:] - before[order, 3:]
    assert np.abs((away + 180) % 360 - 180).max() <= 1
    assert (tmp_path / "out" / "foa" / within.with_suffix(".wav")).is_file()


def test_folders_without_tables_or_with_two_of_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has none"):
        write_scenes(RECIPE, tmp_path / "out", seed=0, tables=tmp_path)
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "one.csv").write_text("label,onset_s,offset_s\n")
    with pytest.raises(InputError, match="not two one"):
        write_scenes(RECIPE, tmp_path / "out", seed=0, tables=tmp_path)
    (tmp_path / "b" / "one.csv").unlink()
    header = "label,onset_s,offset_s,azimuth_deg,elevation_deg\n"
    (tmp_path / "a" / "one.csv").write_text(header + "gong,0,1,0,0\n")
    with pytest.raises(InputError, match="labels must be the set's, but gong was given"):
        write_scenes(RECIPE, tmp_path / "out", seed=0, tables=tmp_path)


# ── sounds of each split ─────────────────────────────────────────────────────────────────────────

RECIPES = Path(__file__).parents[2] / "recipes"
SPLIT: dict[str, Any] = {
    "layout": "tau2019",
    "labels": ["bang"],
    "data": {},
    "scene": SCENE | {"rooms": 2, "event_s": 1.0, "pause_s": [0.1, 0.2]},
    "splits": [{"splits": [1, 2], "own": True}, {"splits": [3, 4], "own": True}],
}


@pytest.fixture
def two_sets(tmp_path: Path) -> Path:
    """Own clips, others for the splits 1 and 2 than for 3 and 4."""
    generator = np.random.default_rng(0)
    for split in (1, 3):
        folder = tmp_path / "own" / f"split{split}" / "bang"
        folder.mkdir(parents=True)
        noise = 0.1 * generator.standard_normal((1, 8_000)).astype(np.float32)
        audio.write(folder / f"of_{split}.wav", audio.Recording(noise, 16_000))
    return tmp_path


def test_each_split_has_sounds_of_its_own(two_sets: Path) -> None:
    maker = SceneMaker(Order.of(recipe_of(**SPLIT), 0, two_sets))
    for number, name in ((0, "of_1"), (150, "of_1"), (250, "of_3"), (350, "of_3")):
        emissions = maker.stream_of(number).script(number, 4.0).emissions
        assert {emission.attribution for emission in emissions} == {f"bang/{name}.wav"}


def test_any_beginning_of_the_work_has_as_many_of_each_split(two_sets: Path) -> None:
    maker = SceneMaker(Order.of(recipe_of(**SPLIT), 0, two_sets))
    order = maker.in_turn(range(400))
    assert sorted(order) == list(range(400))
    for made in (4, 20, 100):
        counts = np.bincount([n // 100 for n in order[:made]], minlength=4)
        assert np.ptp(counts) == 0
    plain = SceneMaker(Order.of(RECIPE, 0, None))
    assert plain.in_turn([3, 5, 4]) == [3, 5, 4]


def test_a_sound_of_two_splits_is_refused(two_sets: Path) -> None:
    clip = two_sets / "own" / "split1" / "bang" / "of_1.wav"
    shutil.copy(clip, two_sets / "own" / "split3" / "bang" / "again.wav")
    with pytest.raises(SettingError, match=r"one side of a split.*again\.wav"):
        SceneMaker(Order.of(recipe_of(**SPLIT), 0, two_sets))


def test_a_split_without_sounds_is_refused(two_sets: Path) -> None:
    maker = SceneMaker(Order.of(recipe_of(**SPLIT | {"splits": SPLIT["splits"][:1]}), 0, two_sets))
    with pytest.raises(SettingError, match="every split of the set, but split3"):
        maker.stream_of(200)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layout": "plain"}, "names tell a split"),
        ({"data": {"modelled_share": 1.0}}, "data must be left out"),
        ({"splits": [{"splits": [1]}, {"splits": [2, 1]}]}, "each split once"),
    ],
)
def test_splits_that_cannot_be_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        recipe_of(**SPLIT | changes)


@pytest.mark.shared
def test_the_replayed_set_of_2019_shares_no_clip_between_splits(shared: Path) -> None:
    recipe = read_recipe(RECIPES / "tau2019_24k.toml", SceneSetRecipe)
    maker = SceneMaker(Order.of(recipe, 0, shared))
    assert maker.left_out == ()
    heard = [
        {part for e in maker.stream_of(n).script(n, 60.0).emissions for part in [e.attribution]}
        for n in (0, 100, 200, 300)
    ]
    assert all(heard)
    assert not any(one & other for one, other in combinations(heard, 2))
