"""Published sets as they lie on disk: names, folds, rooms, tables, and what must not leak."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import from_table
from sonoscope.datasets import starss, tau2019, tau_nigens
from sonoscope.datasets.published import (
    PublishedKind,
    RecordingChoice,
    check_labels,
    find_recordings,
    published,
    split_recordings,
)
from sonoscope.datasets.recordings import (
    Naming,
    RecordedScene,
    RecordingFormat,
    assert_apart,
    in_folds,
    pair_up,
)
from sonoscope.datasets.scene_set import SceneSetRecipe, write_scenes

EVENTS_2019 = "sound_event_recording,start_time,end_time,ele,azi,dist\nspeech,1.0,2.5,10,-170,2\n"
FRAMES_2020 = "3,11,0,-60,5\n4,11,0,-59,5\n"
FRAMES_2023 = "3,12,0,-60,5,150\n4,12,0,-59,5,152\n"
FRAMES_2025 = "frame,class,source,azimuth,distance,onscreen\n3,12,0,-60,150,1\n4,12,0,-59,152,0\n"


def write(folder: Path, sound: str, table: str, text: str | None, channels: int = 4) -> None:
    """Write a short sound, and its table unless there is none."""
    for path in (folder / sound, folder / table):
        path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(1).standard_normal((channels, 2_400))
    audio.write(folder / sound, Recording(noise.astype(np.float32), 24_000), "pcm16")
    if text is not None:
        (folder / table).write_text(text)


def both(folder: Path, within: str, text: str, suffix: str = "wav") -> None:
    """Write a recording in both formats."""
    for part in ("foa", "mic"):
        write(folder, f"{part}_dev/{within}.{suffix}", f"metadata_dev/{within}.csv", text)


# ── each set as it was published ─────────────────────────────────────────────────────────────────


def test_2019(tmp_path: Path) -> None:
    folder = tmp_path / "tau2019"
    both(folder, "split1_ir0_ov1_1", EVENTS_2019)
    both(folder, "split4_ir3_ov2_100", EVENTS_2019, "flac")
    write(folder, "foa_eval/split0_7.wav", "metadata_eval/split0_7.csv", None)
    evaluation, first, last = find_recordings("tau2019", tmp_path, "foa")
    assert (first.name, first.fold, first.room) == ("split1_ir0_ov1_1", 1, "ir0")
    assert (last.fold, last.room, last.audio.suffix) == (4, "ir3", ".flac")
    assert (evaluation.fold, evaluation.room, evaluation.table) == (0, None, None)
    (event,) = first.events(tau2019.LABELS)
    assert (event.label, event.onset_s, event.offset_s) == ("speech", 1.0, 2.5)
    assert event.path[0].distance_m == 2
    with pytest.raises(InputError, match="must have a table"):
        evaluation.events(tau2019.LABELS)
    heard = find_recordings("tau2019", tmp_path, "tetra")
    assert [each.name for each in heard] == [first.name, last.name]
    assert {each.channel_format for each in heard} == {"tetra"}
    assert heard[0].audio.parent.name == "mic_dev"


def test_2020(tmp_path: Path) -> None:
    folder = tmp_path / "tau-nigens2020"
    both(folder, "fold1_room2_mix001_ov1", FRAMES_2020)
    both(folder, "fold6_room2_mix050_ov2", FRAMES_2020)
    write(folder, "foa_eval/mix001.wav", "metadata_eval/mix001.csv", FRAMES_2020)
    evaluation, first, last = find_recordings("tau-nigens2020", tmp_path, "foa")
    assert (evaluation.fold, evaluation.room) == (0, None)
    assert [first.room, last.room] == ["fold1_room2", "fold6_room2"]  # numbered within the fold
    (event,) = first.events(published("tau-nigens2020").labels)
    assert (event.label, event.onset_s, event.offset_s) == ("male speech", 0.3, 0.5)
    assert evaluation.events(published("tau-nigens2020").labels)


def test_2021(tmp_path: Path) -> None:
    folder = tmp_path / "tau-nigens2021"
    for within in ("dev-train/fold4_room1_mix009", "dev-val/fold5_room1_mix001",
                   "dev-test/fold6_room2_mix050"):  # fmt: skip
        both(folder, within, FRAMES_2020)
    write(folder, "foa_eval/eval-test/mix001.wav", "metadata_eval/eval-test/mix001.csv", None)
    there = find_recordings("tau-nigens2021", tmp_path, "foa")
    assert [each.fold for each in there] == [0, 4, 5, 6]
    (event,) = there[1].events(published("tau-nigens2021").labels)
    assert event.label == "piano"  # class 11 of the twelve of this year


@pytest.mark.parametrize(
    ("kind", "text", "metres"), [("starss22", FRAMES_2020, None), ("starss23", FRAMES_2023, 1.5)]
)
def test_starss(tmp_path: Path, kind: PublishedKind, text: str, metres: float | None) -> None:
    folder = tmp_path / kind
    for within in ("dev-train-sony/fold3_room21_mix001", "dev-test-tau/fold4_room2_mix014",
                   "dev-train-synth/fold1_room2_mix001"):  # fmt: skip
        both(folder, within, text)
    write(folder, "foa_eval/mix001.wav", "metadata_eval/mix001.csv", None)
    there = find_recordings(kind, tmp_path, "foa")
    assert [(each.fold, each.room) for each in there] == [
        (0, None),
        (1, "synthetic room2 of fold 1"),
        (3, "room21"),
        (4, "room2"),
    ]
    (event,) = there[2].events(published(kind).labels)
    assert event.path[0].distance_m == metres
    assert event.label == ("bell" if metres is None else "knock")


def test_stereo(tmp_path: Path) -> None:
    folder = tmp_path / "stereo2025"
    name = "dev-train-tau/fold3_room12_mix001_deg000_start1978"
    write(folder, f"stereo_dev/{name}.wav", f"metadata_dev/{name}.csv", FRAMES_2025, 2)
    write(folder, "stereo_eval/eval/0001.wav", "metadata_eval/eval/0001.csv", None, 2)
    evaluation, piece = find_recordings("stereo2025", tmp_path, "stereo")
    assert (evaluation.fold, piece.fold, piece.room) == (0, 3, "room12")
    (event,) = piece.events(published("stereo2025").labels)
    assert (event.label, event.onset_s, event.elevation) == ("knock", 0.3, 0.0)
    assert event.path[0].distance_m == 1.5
    with pytest.raises(SettingError, match="stereo2025 must be heard in a format it has"):
        find_recordings("stereo2025", tmp_path, "foa")


@pytest.mark.shared
def test_the_real_tables_are_read(shared: Path, tmp_path: Path) -> None:
    """Beside empty sounds the published tables give what their sets promise."""
    for kind, tables in (
        ("tau2019", shared / "dcase2019" / "reference_events"),
        ("starss22", shared / "starss22" / "metadata_dev"),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "metadata_dev").symlink_to(tables)
        for table in tables.rglob("*.csv"):
            sound = folder / "foa_dev" / table.relative_to(tables).with_suffix(".wav")
            sound.parent.mkdir(parents=True, exist_ok=True)
            sound.touch()
    of_2019 = find_recordings("tau2019", tmp_path, "foa")
    assert [len(in_folds(of_2019, [fold])) for fold in (1, 2, 3, 4)] == [100] * 4
    assert {each.room for each in in_folds(of_2019, [2])} == {f"ir{n}" for n in range(5)}
    assert all(each.events(tau2019.LABELS) for each in of_2019[::40])
    of_2022 = find_recordings("starss22", tmp_path, "foa")
    sides = [in_folds(of_2022, fold) for fold in ((3,), (4,))]
    assert [len(side) for side in sides] == [67, 54]
    assert_apart(*sides, rooms=True)
    rooms = [{each.room for each in side} for side in sides]
    assert rooms[0] == {f"room{n}" for n in (4, 6, 7, 9, 21, 22)}
    assert all(each.events(published("starss22").labels) for each in of_2022[::20])


# ── each set as the simulator writes it ──────────────────────────────────────────────────────────

SCENE = {
    "rate_hz": 16_000,
    "mono_share": 0.0,
    "empty_share": 0.0,
    "max_overlap": [1],
    "volume_m3": [40.0, 80.0],
    "t60_s": [0.2, 0.3],
    "event_s": 1.0,
}
SIMULATED: list[tuple[PublishedKind, str, int, int]] = [
    ("tau2019", "tau2019", 2019, 5),
    ("tau-nigens2020", "tau-nigens2020", 2020, 12),
    ("tau-nigens2021", "tau-nigens2021", 2021, 12),
    ("starss22", "starss22", 2022, 11),
    ("starss23", "starss22", 2023, 11),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "layout", "year", "rooms"), SIMULATED)
def test_what_the_simulator_writes_is_read(
    kind: PublishedKind, layout: str, year: int, rooms: int, tmp_path: Path
) -> None:
    labels = published(kind).labels
    stand_in = {label: ["siren"] for label in labels}
    recipe = from_table(
        {
            "name": kind,
            "labels": labels,
            "sounds": stand_in,
            "duration_s": 2.0,
            "layout": layout,
            "year": year,
            "data": {"modelled_share": 1.0},
            "scene": SCENE | {"rooms": rooms},
        },
        SceneSetRecipe,
        where="test",
    )
    write_scenes(recipe, tmp_path / kind, count=3, seed=2)
    for channel_format in ("foa", "tetra"):
        there = find_recordings(kind, tmp_path, channel_format)
        assert len(there) == 3
        for scene in there:
            truth = json.loads((tmp_path / kind / "truth" / f"{scene.name}.json").read_text())
            assert scene.room == f"simulated room {truth['room']}"
            assert scene.sources == frozenset()  # nothing but models sounded
            heard = scene.events(labels)
            assert sorted(e.label for e in heard) == sorted(e["label"] for e in truth["events"])
            if year == 2023:
                assert all(point.distance_m for event in heard for point in event.path)


# ── leaks ────────────────────────────────────────────────────────────────────────────────────────


def scene_of(name: str, **changes: object) -> RecordedScene:
    plain = RecordedScene(name, Path(f"{name}.wav"), None, 1, None, "foa")
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_recording_on_both_sides_is_refused() -> None:
    with pytest.raises(SettingError, match="but a stands on both"):
        assert_apart([scene_of("a")], [scene_of("b"), scene_of("a")], rooms=True)


def test_a_source_clip_on_both_sides_is_refused_by_both_names() -> None:
    one, other = scene_of("a", sources=frozenset("xy")), scene_of("b", sources=frozenset("yz"))
    with pytest.raises(SettingError, match=r"source clip .* but y is in a on one side and in b"):
        assert_apart([one], [other], rooms=False)
    assert_apart([one], [replace(other, sources=frozenset("z"))], rooms=False)


def test_a_room_on_both_sides_is_refused_where_the_set_promises_otherwise() -> None:
    one, other = scene_of("a", room="room4"), scene_of("b", room="room4")
    with pytest.raises(SettingError, match=r"room must .* but room4 is in a on one side and in b"):
        assert_apart([one], [other], rooms=True)
    assert_apart([one], [other], rooms=False)
    assert_apart([scene_of("a")], [scene_of("b")], rooms=True)  # unknown rooms are not the same
    assert not published("tau2019").rooms_apart  # its five rooms occur in every split
    assert published("starss22").rooms_apart


def truth_of(folder: Path, name: str, *sounded: str, room: int | None = None) -> None:
    """Write what a simulated scene tells."""
    (folder / "truth").mkdir(exist_ok=True)
    events = [{"sounded": text} for text in sounded]
    record = {"events": events[:1], "interferers": events[1:], "room": room}
    (folder / "truth" / f"{name}.json").write_text(json.dumps(record))


def test_the_clips_of_simulated_scenes_are_known_and_held_apart(tmp_path: Path) -> None:
    folder = tmp_path / "tau2019"
    names = [f"split{split}_ir0_ov1_1" for split in (1, 2, 3)]
    for name in names:
        both(folder, name, EVENTS_2019)
    bark = "Bark by Ann, https://sound/1 [CC0]"
    truth_of(folder, names[0], f"dog: {bark}; dog: modelled", "wind: Wind by Bob [CC-BY]")
    truth_of(folder, names[1], "dog: modelled", room=2)
    truth_of(folder, names[2], "siren: modelled", f"knock: {bark}")
    there = find_recordings("tau2019", tmp_path, "foa")
    assert there[0].sources == {bark, "Wind by Bob [CC-BY]"}
    assert (there[1].sources, there[1].room) == (frozenset(), "simulated room 2")
    choice = RecordingChoice("tau2019", (1,), (2,))
    assert [len(side) for side in split_recordings(choice, tmp_path, "foa")] == [1, 1, 0]
    leaky = RecordingChoice("tau2019", (1,), (2,), (3,))  # under another label all the same
    with pytest.raises(SettingError, match=re.escape(f"{bark} is in {names[0]}")):
        split_recordings(leaky, tmp_path, "foa")
    (folder / "truth" / f"{names[2]}.json").write_text("{}")
    with pytest.raises(InputError, match="must be the truth of a scene"):
        find_recordings("tau2019", tmp_path, "foa")


# ── choices ──────────────────────────────────────────────────────────────────────────────────────


def test_the_official_folds_hear_every_recording_on_one_side() -> None:
    for fold in tau2019.FOLDS:
        assert sorted((*fold.train, *fold.validation, *fold.test)) == [1, 2, 3, 4]
    assert [fold.test for fold in tau2019.FOLDS] == [(1,), (2,), (3,), (4,)]
    assert tau2019.EVALUATION == ((2, 3, 4), (1,), (0,))
    assert tau_nigens.FOLDS_2020 == (((3, 4, 5, 6), (2,), (1,)),)
    assert tau_nigens.FOLDS_2021 == (((1, 2, 3, 4), (5,), (6,)),)
    assert starss.FOLDS == (((3,), (), (4,)),)


def test_rooms_of_the_training_folds_can_be_kept_for_validation(tmp_path: Path) -> None:
    for name in ("fold3_room4_mix001", "fold3_room6_mix001", "fold4_room2_mix001"):
        both(tmp_path / "starss22", f"dev/{name}", FRAMES_2020)
    choice = RecordingChoice("starss22", (3,), (), (4,), validation_rooms=("room6",))
    sides = split_recordings(choice, tmp_path, "foa")
    assert [[each.room for each in side] for side in sides] == [["room4"], ["room6"], ["room2"]]
    with pytest.raises(SettingError, match="among room4, room6, but room9 was given"):
        split_recordings(replace(choice, validation_rooms=("room9",)), tmp_path, "foa")
    with pytest.raises(SettingError, match="must leave a room to train on"):
        split_recordings(replace(choice, validation_rooms=("room4", "room6")), tmp_path, "foa")


def test_choices_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="must name something"):
        from_table({"kind": "starss22", "folds": [3]}, RecordingChoice, where="test")
    told = {"kind": "tau2019", "folds": [3], "validation_folds": [3]}
    with pytest.raises(SettingError, match="must all differ"):
        from_table(told, RecordingChoice, where="test")
    with pytest.raises(SettingError, match="labels must be those of tau2019, but 'bang'"):
        check_labels("tau2019", (*tau2019.LABELS, "bang"))
    check_labels("tau2019", tau2019.LABELS[::-1])
    with pytest.raises(SettingError, match="folder in which tau2019/ lies"):
        split_recordings(RecordingChoice("tau2019", (1,), (2,)), None, "foa")
    assert issubclass(InputError, ValueError)
    with pytest.raises(InputError, match=r"foa_dev or .*foa_eval must hold recordings"):
        find_recordings("tau2019", tmp_path, "foa")


def test_a_file_of_another_name_is_refused_and_hidden_ones_are_not_seen(tmp_path: Path) -> None:
    both(tmp_path, "split1_ir0_ov1_1", EVENTS_2019)
    (tmp_path / "foa_dev" / "._split1_ir0_ov1_1.wav").write_bytes(b"resource fork")
    (tmp_path / "foa_dev" / "readme.txt").touch()
    assert len(tau2019.recordings(tmp_path, "foa")) == 1
    (tmp_path / "foa_dev" / "noise.wav").touch()
    with pytest.raises(InputError, match=r"noise\.wav: must be named split"):
        tau2019.recordings(tmp_path, "foa")


@pytest.mark.parametrize("channel_format", ["foa", "tetra", "stereo"])
def test_a_naming_of_ones_own(tmp_path: Path, channel_format: RecordingFormat) -> None:
    sounds = {"foa": "foa", "tetra": "mic", "stereo": "stereo"}[channel_format]
    write(tmp_path, f"{sounds}_dev/a/one.wav", "metadata_dev/a/one.csv", FRAMES_2020)
    found = pair_up(tmp_path, Naming(re.compile("[a-z]+")), channel_format)
    assert [(each.name, each.fold, each.room) for each in found] == [("one", 0, None)]
    assert found[0].table == tmp_path / "metadata_dev" / "a" / "one.csv"
