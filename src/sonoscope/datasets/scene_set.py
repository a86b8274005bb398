"""Scenes on disk, with truth and a manifest from which any of them is made again bit for bit.

    OUT/foa/scene_0000.wav      and  OUT/tetra/scene_0000.wav, as the recipe's formats say
    OUT/truth/scene_0000.csv    the events (label, onset, offset, azimuth, elevation)
    OUT/truth/scene_0000.json   all that is known of the scene (`scene_truth`), written last
    OUT/dcase2019/scene_0000.csv  the same as DCASE wrote them in the recipe's year
    OUT/manifest.json           recipe, seed, version, clips; for each scene its hashes

or with the names of a published set (`layout`). Every file is written beside its place, flushed and
renamed, the truth's JSON last: it stands for a scene that is whole. A run that was broken off, in
whatever moment, goes on with the scenes that are missing. A scene depends on recipe, seed, clips
and its number alone, so any number of processes makes the same bytes.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, replace
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from sonoscope import __version__
from sonoscope.core import audio, event_table
from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event
from sonoscope.core.recipe import STRICT, from_table
from sonoscope.datasets.choice import ClipChoice, SplitChoice, bank, find_clips, fingerprint
from sonoscope.datasets.layout import (
    LayoutKind,
    SoundFormat,
    check_rooms,
    scene_name,
    sound_folder,
    split_of,
    table_folder,
)
from sonoscope.datasets.processes import each_done
from sonoscope.datasets.scene_truth import SNR_DEFINITIONS, as_text, truth_record
from sonoscope.datasets.surroundings import PlaceChoice, measured_rooms, named_files, recorded_beds
from sonoscope.simulation.render import render
from sonoscope.simulation.replay import Schedule, read_schedule, write_table
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import Clip, MappedBank, SoundBank, assert_disjoint
from sonoscope.simulation.stream import SceneStream, listener_for

if sys.platform != "win32":
    import fcntl

MANIFEST = "manifest.json"
SAMPLE_BYTES = 2
CHANNELS = 4
TRUTH_BYTES = 200_000  # of tables a scene, at most about

_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}")
_SAME = ("sonoscope", "recipe", "seed", "clips", "tables", "places")


@dataclass(config=STRICT)
class SceneSetRecipe:
    """A set of scenes, but for how many and the seed.

    Attributes
    ----------
    name
        What the set is called.
    labels, extra_labels
        What is in the truth, and what sounds beside it in `scene.extra_share` of the events: it
        stands in no csv, only among the interferers of the truth's JSON.
    duration_s
        Length of each scene.
    formats
        Channel formats to write; the same scene in each.
    file_type
        `wav` or `flac`, 16 bit.
    layout
        Folders and names: `plain`, or those of a published set.
    year
        The DCASE csv to write: 2019 (events), 2020 to 2022 (frames), 2023 (with distance in cm).
    sounds
        What sounds under a label: labels of the clips and models, or `LABEL/PART` of a data set.
        A label that is named here is left out where none of them is at hand; any other must have
        sounds of its own name.
    data, scene
        Dry sounds, and the ranges scenes are drawn from.
    splits
        Dry sounds of the layout's splits, in place of `data`: no original sounds in two of them.
    places
        Measured rooms that scenes take place in, and recordings for ambience.
    """

    name: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    extra_labels: tuple[str, ...] = ()
    duration_s: Annotated[float, Field(gt=0.5, le=3_600)] = 30.0
    formats: Annotated[tuple[SoundFormat, ...], Field(min_length=1)] = ("foa", "tetra")
    file_type: Literal["wav", "flac"] = "wav"
    layout: LayoutKind = "plain"
    year: Literal[2019, 2020, 2021, 2022, 2023] = 2019
    sounds: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    data: ClipChoice = ClipChoice()
    splits: tuple[SplitChoice, ...] = ()
    scene: SceneSettings = SceneSettings()
    places: PlaceChoice = PlaceChoice()

    @model_validator(mode="after")
    def _fits_together(self) -> "SceneSetRecipe":
        every = (*self.labels, *self.extra_labels)
        if len(set(every)) < len(every):
            raise ValueError("labels and extra_labels must name each label once")
        strange = sorted(set(self.sounds) - set(every))
        if strange:
            raise ValueError(f"sounds must be of labels of the set, but {strange[0]} was given")
        if self.year == 2019 and self.moves:
            raise ValueError(
                "year must be 2020 or later where sources or the array move: the csv of 2019 has "
                "one direction an event"
            )
        if self.layout != "plain":
            check_rooms(self.layout, self.scene.rooms)
            if self.scene.mono_share:
                raise ValueError(f"scene.mono_share must be 0 in the layout {self.layout}")
        self._check_splits()
        return self

    def _check_splits(self) -> None:
        named = [number for choice in self.splits for number in choice.splits]
        if named and self.layout == "plain":
            raise ValueError("splits must come with a layout whose names tell a split")
        if named and self.data != ClipChoice():
            raise ValueError("data must be left out where splits are given")
        if len(set(named)) < len(named):
            raise ValueError("splits must name each split once")

    @property
    def moves(self) -> bool:
        """Whether directions may change within an event."""
        motion = self.scene.motion
        return motion.share > 0 or any((*motion.array_speed_m_s, *motion.array_turn_deg_s))


@plain_dataclass(frozen=True, slots=True)
class Order:
    """All that a process must know to make scenes of a set: small, and the same in each.

    Attributes
    ----------
    recipe
        As JSON.
    seed
        Which scenes.
    data
        Folder of the clips.
    tables
        Folder of reference tables (`**/*.csv`), each the schedule of one scene.
    """

    recipe: str
    seed: int
    data: Path | None = None
    tables: Path | None = None

    @classmethod
    def of(
        cls, recipe: SceneSetRecipe, seed: int, data: Path | None, tables: Path | None = None
    ) -> "Order":
        """Write a recipe down."""
        return cls(TypeAdapter(SceneSetRecipe).dump_json(recipe).decode(), seed, data, tables)


class SceneMaker:
    """Makes scenes of a set by number, in this process.

    Attributes
    ----------
    recipe
        What is made.
    left_out
        Labels for which nothing sounds.
    count
        How many there are: the number of tables; None where there is no end.
    """

    def __init__(self, order: Order) -> None:
        recipe = from_table(json.loads(order.recipe), SceneSetRecipe, where="recipe")
        every = (*recipe.labels, *recipe.extra_labels)
        self.recipe, self._order = recipe, order
        shelves = _shelves(recipe, order.data, every)
        self._clips = [clip for shelf in shelves for clip in shelf.clips]
        known = set[str].intersection(*(set(shelf.sounds.labels) for shelf in shelves))
        self.left_out = tuple(x for x in every if x in recipe.sounds and x not in known)
        labels, extra = (
            tuple(x for x in named if x not in self.left_out)
            for named in (recipe.labels, recipe.extra_labels)
        )
        if not labels:
            raise SettingError(
                f"sounds must be at hand for one label at least, but there are none for any of "
                f"{', '.join(recipe.labels)}; give --data"
            )
        self._licences = {clip.attribution: clip.licence for clip in self._clips}
        self._tables = _find_tables(order.tables)
        self._plans = self._read_plans(labels)
        self.count = None if self._plans is None else len(self._plans)
        # replayed scenes have a room each: one that holds the sources of their table
        scene = recipe.scene if self._plans is None else replace(recipe.scene, rooms=0)
        rate_hz = recipe.scene.rate_hz
        self._rooms = measured_rooms(recipe.places, order.data)
        beds = recorded_beds(recipe.places, order.data, rate_hz)
        self._streams: dict[int | None, SceneStream] = {}
        for shelf in shelves:
            supplies = Supplies(shelf.sounds, labels, extra, self._rooms, beds)
            stream = SceneStream(scene, supplies, order.seed, recipe.formats, plans=self._plans)
            self._streams.update(dict.fromkeys(shelf.splits, stream))

    @property
    def stream(self) -> SceneStream:
        """The scenes, of the first split where the splits have sounds of their own."""
        return next(iter(self._streams.values()))

    def stream_of(self, number: int) -> SceneStream:
        """Give the stream that makes a scene: that of its split.

        Raises
        ------
        SettingError
            If the recipe has sounds for other splits, but none for that of the scene.
        """
        split = self._split(number)
        if split not in self._streams:
            raise SettingError(
                f"splits must name every split of the set, but {self._name(number, 1)} has none"
            )
        return self._streams[split]

    def _split(self, number: int) -> int | None:
        return split_of(self._name(number, 1)) if self.recipe.splits else None

    def in_turn(self, numbers: Iterable[int]) -> list[int]:
        """Order scenes so that any beginning holds as many of every split, of all kinds."""
        if not self.recipe.splits:
            return list(numbers)
        shuffled = np.random.default_rng(self._order.seed).permutation(max(numbers, default=0) + 1)
        by_split: dict[int | None, list[int]] = {}
        for number in sorted(numbers, key=lambda number: int(shuffled[number])):
            by_split.setdefault(self._split(number), []).append(number)
        turn = {x: (i, k) for k, row in enumerate(by_split.values()) for i, x in enumerate(row)}
        return sorted(turn, key=turn.__getitem__)

    def _read_plans(self, labels: Collection[str]) -> tuple[Schedule, ...] | None:
        """Read the tables' schedules, without the labels that nothing sounds for."""
        if not self._tables:
            return None
        plans = []
        for number, path in enumerate(self._tables):
            generator = np.random.default_rng([self._order.seed, number])
            distance_m = self.recipe.scene.distance_m
            plan = read_schedule(path, generator, self.recipe.labels, distance_m=distance_m)
            strange = sorted({e.label for e in plan.events} - set(self.recipe.labels))
            if strange:
                raise InputError(f"{path}: labels must be the set's, but {strange[0]} was given")
            heard = tuple(event for event in plan.events if event.label in labels)
            plans.append(replace(plan, events=heard))
        return tuple(plans)

    def told(self) -> dict[str, Any]:
        """Give what scenes of the same bytes have in common."""
        prints = fingerprint(self._clips, self._order.data)
        return {
            "sonoscope": __version__,
            "recipe": json.loads(self._order.recipe),
            "seed": self._order.seed,
            "snr_definition": SNR_DEFINITIONS[self.recipe.scene.snr_definition],
            "clips": {"count": len(self._clips), "sha256": prints},
            "tables": _tables_print(self._tables, self._order.tables),
            "places": _contents_print(named_files(self.recipe.places, self._order.data)),
            "measured_rooms": [room.credit for room in self._rooms],
            "left_out": list(self.left_out),
        }

    @property
    def folders(self) -> list[str]:
        """Where the files of scenes lie."""
        layout = self.recipe.layout
        sounds = [sound_folder(layout, channel_format) for channel_format in self.recipe.formats]
        return [*sounds, table_folder(layout, self.recipe.year), "truth"]

    def duration_s(self, number: int) -> float:
        """Give the length of a scene."""
        return self.recipe.duration_s if self._plans is None else self._plans[number].duration_s

    def n_bytes(self, number: int) -> int:
        """Give how much of a disk a scene takes, at most about."""
        samples = round(self.duration_s(number) * self.recipe.scene.rate_hz)
        return samples * CHANNELS * SAMPLE_BYTES * len(self.recipe.formats) + TRUTH_BYTES

    def write(self, out: Path, number: int) -> None:
        """Write a scene, the truth's JSON last."""
        recipe, duration_s = self.recipe, self.duration_s(number)
        script, rate_hz = self.stream_of(number).script(number, duration_s), recipe.scene.rate_hz
        listeners = [listener_for(x, rate_hz, script.foa_encoder) for x in recipe.formats]
        scenes = render(script, listeners)
        name = self._name(number, script.overlap)
        hashes = {}
        for channel_format, scene in zip(recipe.formats, scenes, strict=True):
            folder = sound_folder(recipe.layout, channel_format)
            path = _within(out, PurePosixPath(folder, name), recipe.file_type)
            audio.write(path, scene.recording, "pcm16")
            hashes[path.relative_to(out).as_posix()] = _sha256(path)
        events = [event for event in scenes[0].events if event.label in recipe.labels]
        if all(event.path for event in events):
            folder = table_folder(recipe.layout, recipe.year)
            self._write_dcase(_within(out, PurePosixPath(folder, name), "csv"), number, events)
        truth = PurePosixPath("truth", name.name)
        event_table.write_events(_within(out, truth, "csv"), events)
        record = {
            "name": name.name,
            "number": number,
            "seed": self._order.seed,
            "room": script.room if recipe.scene.rooms and self._plans is None else None,
            "overlap": script.overlap,
            **truth_record(script, listeners[0], recipe.labels, self._credit),
            "sha256": hashes,
        }
        write_text(_within(out, truth, "json"), as_text(record))

    def _name(self, number: int, overlap: int) -> PurePosixPath:
        if self._order.tables is None:
            return scene_name(self.recipe.layout, number, self.recipe.scene.rooms, overlap)
        table = self._tables[number].relative_to(self._order.tables)
        return PurePosixPath(table.with_suffix("").as_posix())

    def _write_dcase(self, path: Path, number: int, events: Sequence[Event]) -> None:
        """Write the csv of the year, or that of the scene's own table."""
        plan = None if self._plans is None else self._plans[number]
        heard = None if plan is None else _in_order_of(plan, events)
        year = self.recipe.year
        if plan is not None and heard is not None and year != 2023:
            write_table(path, plan, heard, self.recipe.labels)
        elif year == 2019:
            event_table.write_dcase_events(path, events)
        else:
            labels = self.recipe.labels
            event_table.write_frames_2020(path, events, labels, with_distance=year == 2023)

    def _credit(self, attribution: str) -> str:
        """Give an attribution with the licence of its clip, each part of it."""
        return "; ".join(self._licensed(part) for part in attribution.split("; "))

    def _licensed(self, attribution: str) -> str:
        source = attribution if attribution in self._licences else attribution.partition(": ")[2]
        licence = self._licences.get(source)
        return attribution if licence is None else f"{attribution} [{licence}]"


@plain_dataclass(frozen=True, slots=True)
class _Shelf:
    """What sounds in some splits of a set; in all of it where `splits` is None."""

    splits: tuple[int | None, ...]
    clips: list[Clip]
    sounds: SoundBank


def _shelves(recipe: SceneSetRecipe, data: Path | None, labels: Sequence[str]) -> list[_Shelf]:
    """Find the sounds of each split, and refuse an original that sounds in two of them."""
    if not recipe.splits:
        return [_shelf(recipe, recipe.data, data, labels, (None,), "own")]
    shelves = [
        _shelf(recipe, choice, data, labels, choice.splits, f"own/split{choice.splits[0]}")
        for choice in recipe.splits
    ]
    for one, other in combinations(shelves, 2):
        assert_disjoint(one.clips, other.clips)
    return shelves


def _shelf(
    recipe: SceneSetRecipe,
    choice: ClipChoice,
    data: Path | None,
    labels: Sequence[str],
    splits: tuple[int | None, ...],
    own: str,
) -> _Shelf:
    sources = {x: tuple(dict.fromkeys((x, *recipe.sounds.get(x, ())))) for x in labels}
    wanted = {source for named in sources.values() for source in named}
    clips = find_clips(choice, data, wanted, own=own)
    sounds = bank(choice, clips, recipe.scene.rate_hz)
    return _Shelf(splits, clips, MappedBank(sounds, sources) if recipe.sounds else sounds)


def scene_stream(recipe: SceneSetRecipe, data: Path | None, seed: int) -> SceneStream:
    """Give the recipe's scenes by number, in memory."""
    return SceneMaker(Order.of(recipe, seed, data)).stream


# ── a set of them ────────────────────────────────────────────────────────────────────────────────


@plain_dataclass(frozen=True, slots=True)
class Reporting:
    """Who is told how the work goes.

    Attributes
    ----------
    progress
        Told how many scenes are done, how many there are to be, and how many seconds of sound were
        made so far.
    warn
        Told in one line what a user must know.
    """

    progress: Callable[[int, int, float], None] = lambda _done, _total, _made_s: None
    warn: Callable[[str], None] = lambda _line: None


@plain_dataclass(frozen=True, slots=True)
class WrittenSet:
    """What there is once a set is written.

    Attributes
    ----------
    manifest
        Its path.
    n_scenes, n_made
        How many were asked for, and how many of them were made now.
    made_s
        Seconds of sound made now.
    left_out
        Labels for which nothing sounds.
    """

    manifest: Path
    n_scenes: int
    n_made: int
    made_s: float
    left_out: tuple[str, ...] = ()


def write_scenes(
    recipe: SceneSetRecipe,
    out: Path,
    *,
    count: int | None = None,
    seed: int,
    data: Path | None = None,
    tables: Path | None = None,
    workers: int = 1,
    reporting: Reporting = Reporting(),
) -> WrittenSet:
    """Write scenes 0 to count-1, those that are not there yet.

    Parameters
    ----------
    count
        How many; ten where left out, or as many as there are tables.
    tables
        Folder of reference tables: each is the schedule of a scene of its name.
    workers
        Processes; the same bytes with any number of them.

    Raises
    ------
    SettingError
        If `out` holds other scenes, another run writes there, nothing can sound or the disk cannot
        hold the scenes.
    """
    order = Order.of(recipe, seed, data, tables)
    maker = SceneMaker(order)
    most = maker.count
    if most is not None and count is not None and count > most:
        raise SettingError(f"--count must be at most {most}, the number of tables, not {count}")
    numbers = range(count or most or 10)
    return _write(maker, order, out, numbers, workers, reporting)


def rewrite_scenes(
    manifest: Path,
    names: Sequence[str],
    out: Path,
    *,
    data: Path | None = None,
    tables: Path | None = None,
    workers: int = 1,
    reporting: Reporting = Reporting(),
) -> WrittenSet:
    """Make scenes of a manifest again, all of them where no name is given.

    Another version of sonoscope, and sounds that came out otherwise, are warned of.

    Raises
    ------
    SettingError
        If a name is none of the manifest's, or the clips or tables are not those of it.
    """
    told = _read_json(manifest, "a manifest of scenes")
    try:
        recipe = from_table(told["recipe"], SceneSetRecipe, where=str(manifest))
        order = Order.of(recipe, int(told["seed"]), data, tables)
        known = {scene["name"]: scene for scene in _scenes_of(told, manifest)}
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(f"{manifest}: must be a manifest of scenes, but: {error}") from error
    for name in names:
        if name not in known:
            raise SettingError(
                f"--only must be one of the {len(known)} scenes of {manifest}, but {name} was given"
            )
    maker = SceneMaker(order)
    now = maker.told()
    for key, what in (("clips", "--data"), ("places", "--data"), ("tables", "--tables")):
        if now[key] != told.get(key):
            raise SettingError(f"{what} must hold what {manifest} was made from, but does not")
    if told.get("sonoscope") != __version__:
        reporting.warn(
            f"{manifest} is of sonoscope {told.get('sonoscope')}, this is {__version__}: "
            f"sounds may differ"
        )
    numbers = [known[name]["number"] for name in names or known]
    written = _write(maker, order, out, numbers, workers, reporting)
    for scene in _read_json(written.manifest, "a manifest of scenes")["scenes"]:
        if scene["sha256"] != known.get(scene["name"], scene)["sha256"]:
            reporting.warn(f"{scene['name']} came out otherwise than {manifest} tells")
    return written


def _write(
    maker: SceneMaker,
    order: Order,
    out: Path,
    numbers: Sequence[int],
    workers: int,
    reporting: Reporting,
) -> WrittenSet:
    told = maker.told()
    _check_same(out, told)
    if maker.left_out:
        reporting.warn(f"left out, for want of sounds: {'; '.join(maker.left_out)}")
    there = _whole_scenes(out)
    missing = [number for number in numbers if number not in there]
    _check_space(out, sum(maker.n_bytes(number) for number in missing))
    _make_folder(out)
    with _alone_in(out):
        _sweep(out, maker.folders)
        if not (out / MANIFEST).exists():
            write_text(out / MANIFEST, json.dumps(told | {"scenes": []}, indent=1))
        workers = max(1, min(workers, len(missing)))
        write = partial(maker.write, out) if workers == 1 else partial(_write_one, order, out)
        done, made_s = len(numbers) - len(missing), 0.0
        reporting.progress(done, len(numbers), made_s)
        for number in each_done(write, maker.in_turn(missing), workers):
            done, made_s = done + 1, made_s + maker.duration_s(number)
            reporting.progress(done, len(numbers), made_s)
        scenes = _whole_scenes(out)
        whole = told | {
            "scenes": [scenes[number].told for number in sorted(scenes)],
            "attribution": sorted({line for scene in scenes.values() for line in scene.sounded}),
        }
        write_text(out / MANIFEST, json.dumps(whole, ensure_ascii=False, indent=1))
    return WrittenSet(out / MANIFEST, len(numbers), len(missing), made_s, maker.left_out)


@lru_cache(maxsize=1)
def _maker(order: Order) -> SceneMaker:
    return SceneMaker(order)


def _write_one(order: Order, out: Path, number: int) -> None:
    """Write a scene in a process that does nothing else."""
    _maker(order).write(out, number)


# ── what is there already ────────────────────────────────────────────────────────────────────────


@plain_dataclass(frozen=True, slots=True)
class _Whole:
    """A scene that is there."""

    told: dict[str, Any]
    sounded: tuple[str, ...] = field(default=())


def _whole_scenes(out: Path) -> dict[int, _Whole]:
    """Find the scenes whose truth and sounds are all there, by number."""
    found = {}
    for path in sorted((out / "truth").glob("*.json")):
        record = _read_json(path, "the truth of a scene")
        try:
            number = int(record["number"])
            told = {key: record[key] for key in ("name", "number", "sha256")}
            events = (*record["events"], *record["interferers"])
            sounded = tuple(event["sounded"] for event in events)
        except (KeyError, TypeError, ValueError) as error:
            raise SettingError(f"{path}: must be the truth of a scene, but is not") from error
        if all((out / sound).is_file() for sound in told["sha256"]):
            found[number] = _Whole(told, sounded)
    return found


def _scenes_of(told: dict[str, Any], manifest: Path) -> Iterable[dict[str, Any]]:
    """Give a manifest's scenes; those that lie beside it where it was not finished."""
    return told["scenes"] or [scene.told for scene in _whole_scenes(manifest.parent).values()]


def _read_json(path: Path, what: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(f"{path}: must be {what}, but: {error}") from error
    if not isinstance(content, dict):
        raise SettingError(f"{path}: must be {what}, but is not")
    return content


def _check_same(out: Path, told: dict[str, Any]) -> None:
    path = out / MANIFEST
    if not path.exists():
        return
    before = _read_json(path, "a manifest of scenes")
    other = [key for key in _SAME if before.get(key) != told[key]]
    if other:
        named = " and ".join("version" if key == "sonoscope" else key for key in other)
        raise SettingError(f"{out}: holds scenes of another {named}; choose another --out")


def _check_space(out: Path, n_bytes: int) -> None:
    there = next((path for path in (out, *out.absolute().parents) if path.exists()), Path())
    free = shutil.disk_usage(there).free
    if n_bytes > free:
        raise SettingError(
            f"--out must be on a disk with room for about {n_bytes / 1e9:.1f} GB, "
            f"but {out} has {free / 1e9:.1f} GB"
        )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"--out must be a folder to write to, but {out}: {error.strerror}"
        ) from error


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Keep a second run out of a folder; the lock goes with the process, whatever ends it."""
    if sys.platform == "win32":
        yield
        return
    number = os.open(out, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SettingError(f"{out}: another run is writing there") from error
        yield
    finally:
        os.close(number)


def _sweep(out: Path, folders: Sequence[str]) -> None:
    """Remove what a killed run had written halfway."""
    inside = (path for folder in folders for path in (out / folder).rglob(".*"))
    for path in (*out.glob(f".{MANIFEST}.*"), *inside):
        if _HALF_WRITTEN.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _within(out: Path, name: PurePosixPath, suffix: str) -> Path:
    path = out / f"{name}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ── reference tables ─────────────────────────────────────────────────────────────────────────────


def _find_tables(folder: Path | None) -> tuple[Path, ...]:
    """List the tables below a folder, in order of their names."""
    if folder is None:
        return ()
    found = tuple(sorted(folder.rglob("*.csv")))
    if not found:
        raise InputError(f"{folder}: --tables must be a folder of csv tables, but has none")
    names: set[str] = set()
    for path in found:
        if path.stem in names:
            raise InputError(f"{folder}: tables must have names of their own, not two {path.stem}")
        names.add(path.stem)
    return found


def _tables_print(tables: Sequence[Path], folder: Path | None) -> str | None:
    """Tell folders of tables apart, by their names and contents."""
    return None if folder is None else _contents_print(tables, folder)


def _contents_print(paths: Sequence[Path], folder: Path | None = None) -> str:
    names = (path.relative_to(folder).as_posix() if folder else path.name for path in paths)
    rows = [f"{name}\t{_sha256(path)}" for name, path in zip(names, paths, strict=True)]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _in_order_of(plan: Schedule, events: Sequence[Event]) -> list[Event] | None:
    """Give what was heard in the order it was planned in, or None where something is missing."""
    left = list(events)
    heard = []
    for planned in plan.events:
        same = [event for event in left if event.label == planned.label]
        if not same:
            return None
        nearest = min(same, key=lambda event: _apart(planned.as_heard(), event))
        heard.append(nearest)
        left.remove(nearest)
    return None if left else heard


def _apart(one: Event, other: Event) -> tuple[float, float]:
    """Tell two events apart by when they sound, then by where."""
    when = abs(one.onset_s - other.onset_s) + abs(one.offset_s - other.offset_s)
    here, there = one.direction_at(one.onset_s), other.direction_at(other.onset_s)
    return round(when, 2), -float(here @ there)
