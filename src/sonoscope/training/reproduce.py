"""The trainings behind a table: planned, carried out one by one or side by side, never twice.

```
OUT/runs/res_scse_crnn-foa-fold1-seed0-3f9c2b71aa/
    checkpoint.json, checkpoint-*.safetensors, log.csv    training.loop: killed, it goes on there
    before/                                               the training that it begins with, if any
    now.json                                              how far it is, for whoever looks
    heard.npz                                             every frame heard in the test recordings
    result.json                                           metrics.scored_run: written last of all
    failure.txt                                           why it could not be done, in their place
```

The folder's name ends in a fingerprint of the recipe, so that rows of several tables that ask for
the same training share it. What has a result is done.
"""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import nn

from sonoscope.core.audio import probe, read
from sonoscope.core.durable import replacing
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.frame_table import FrameTable
from sonoscope.core.frames import whole_samples
from sonoscope.core.recipe import to_json
from sonoscope.datasets.recordings import RecordedScene
from sonoscope.metrics.dcase2019 import LABELS_2019, Counts
from sonoscope.metrics.scored_run import READINGS, Reading, ScoredRun, read_run, write_run
from sonoscope.training import checkpoint
from sonoscope.training.assembly import load, parts
from sonoscope.training.hearing import FRAMES_PER_S, hear, readings, table
from sonoscope.training.loop import Listener, Machine, Progress, fit
from sonoscope.training.material import Material, data_hash, gather
from sonoscope.training.recipe import TrainRecipe, fingerprint
from sonoscope.training.table_work import (
    RESULT,
    KeptInFolder,
    Now,
    attempt,
    carry_out_each,
    known_of,
    places_in,
)
from sonoscope.training.tables import Format, Row, Scale, Table, recipes_of

HEARD = "heard.npz"
BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Training(KeptInFolder):
    """One training of a plan.

    Attributes
    ----------
    recipes
        What is trained, each with the weights of the one before; the last one is tested.
    heard_as, fold, seed
        Channel format, test fold and seed.
    threshold
        The probability above which a label sounds in the test.
    folder
        Where it is kept.
    """

    recipes: tuple[TrainRecipe, ...]
    heard_as: Format
    fold: int
    seed: int
    threshold: float
    folder: Path


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row of a table in one format, with its trainings; none where nothing of it is asked for."""

    row: Row
    heard_as: Format
    trainings: tuple[Training, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All trainings of a table, or of some of its rows.

    Attributes
    ----------
    table, scale
        Which.
    rows
        In the table's order, each format after the other.
    out
        Folder of the table.
    """

    table: Table
    scale: Scale
    rows: tuple[PlannedRow, ...]
    out: Path

    @property
    def formats(self) -> tuple[Format, ...]:
        """Channel formats, each of which has a table of its own."""
        return tuple(dict.fromkeys(row.heard_as for row in self.rows))

    def named(self, heard_as: Format) -> str:
        """Name the files of a format's table, without suffix."""
        return f"{self.table.name}-{heard_as}{self.scale.mark}"

    @property
    def trainings(self) -> tuple[Training, ...]:
        """Each training once, in the order of work: all rows have one before any has two."""
        once = {each.folder: each for row in self.rows for each in row.trainings}
        return tuple(
            sorted(once.values(), key=lambda each: (each.seed, each.fold, each.heard_as != "foa"))
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a table is wanted.

    Attributes
    ----------
    formats
        Channel formats.
    folds, seeds
        Test folds, and trainings of each; the scale's own where None.
    rows
        Names of rows; all where there is none.
    """

    formats: tuple[Format, ...] = ("foa", "mic")
    folds: tuple[int, ...] | None = None
    seeds: int | None = None
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where trainings are carried out; nothing of it changes what is learnt, up to rounding.

    Attributes
    ----------
    data
        Folder in which `tau2019/` lies.
    machine
        See `training.loop`.
    """

    data: Path
    machine: Machine


def planned(table: Table, scale: Scale, asked: Asked, out: Path) -> Plan:
    """List the trainings of a table.

    Raises
    ------
    SettingError
        If there is no such fold or row.
    """
    places = [
        (fold, seed)
        for fold in dict.fromkeys(asked.folds or scale.folds)
        for seed in range(asked.seeds or scale.seeds)
    ]
    rows = tuple(
        PlannedRow(
            row,
            heard_as,
            tuple(_training(row, heard_as, fold, seed, scale, out) for fold, seed in places),
        )
        for heard_as in asked.formats
        for row in table.some(asked.rows)
    )
    return Plan(table, scale, rows, out)


def _training(
    row: Row, heard_as: Format, fold: int, seed: int, scale: Scale, out: Path
) -> Training:
    stages = recipes_of(row, heard_as, fold, seed, scale)
    mark = fingerprint(*map(to_json, stages), f"threshold {row.threshold}")[:10]
    name = f"{stages[-1].network.kind}-{heard_as}-fold{fold}-seed{seed}-{mark}"
    folder = out / "runs" / name
    return Training(stages, heard_as, fold, seed, row.threshold, folder)


def shown(plan: Plan, heard_as: Format) -> tuple[PlannedRow, ...]:
    """List every row of a table in one format, with the trainings that are known of it.

    They are those that the plan asks for, and those of the same scale that lie in its folder, done
    or begun: what another call came to stays in the table.
    """
    asked = {row.row.name: row.trainings for row in plan.rows if row.heard_as == heard_as}
    places = places_in(plan.out, heard_as)
    rows = []
    for row in plan.table.rows:
        here = (_training(row, heard_as, *place, plan.scale, plan.out) for place in places)
        known = known_of(asked.get(row.name, ()), here)
        rows.append(PlannedRow(row, heard_as, known))
    return tuple(rows)


def check_data(plan: Plan, data: Path) -> None:
    """Refuse data without the recordings of a plan, or others than a table was begun with.

    Raises
    ------
    InputError, SettingError
        Naming what is not there, or what was trained with other recordings.
    """
    for heard_as in plan.formats:
        material: dict[int, Material] = {}
        for training in (each for row in shown(plan, heard_as) for each in row.trainings):
            asked = training.recipes[-1]
            if training.fold not in material:
                material[training.fold] = gather(asked, data)
            before = checkpoint.position(training.folder)
            if before and before.data_hash != data_hash(asked, material[training.fold]):
                raise SettingError(
                    f"{plan.out} must hold trainings on the recordings in {data}, but"
                    f" {training.folder.name} was trained on others: name another --out"
                )


def carry_out(plan: Plan, where: Workplace, jobs: int) -> Iterator[Training]:
    """Do what is not done yet, and give each training as it ends, done or failed.

    Raises
    ------
    SettingError
        If a process is killed.
    """
    yield from carry_out_each(plan.trainings, _Work(where), jobs)


def results(row: PlannedRow) -> list[ScoredRun]:
    """Read the results that a row has."""
    return [read_run(each.folder / RESULT) for each in row.trainings if each.is_done]


@dataclass(frozen=True, slots=True)
class _Work:
    """Does one training; a refusal is noted, so that the others go on."""

    where: Workplace

    def __call__(self, training: Training) -> None:
        attempt(training, partial(_do, where=self.where))


def _do(training: Training, where: Workplace) -> None:
    now, asked = Now(training, len(training.recipes)), training.recipes[-1]
    material = gather(asked, where.data)
    (apart,) = material.recorded
    path = _trained(training, material, where.machine, now)
    started_s = time.perf_counter()
    network, _ = load(path)
    if _on_cuda(where.machine):
        network = network.cuda()
    tables, counts = _tested(training, network, apart.test, now)
    tested_s = time.perf_counter() - started_s
    _write_heard(training.folder / HEARD, tables)
    trained_s = sum(_elapsed_s(folder) for folder in _folders(training))
    sound_s = sum(each.steps * each.batch_size * each.window_s for each in training.recipes)
    run = ScoredRun(
        channel_format=training.heard_as,
        fold=training.fold,
        seed=training.seed,
        counts=counts,
        parameters=sum(each.numel() for each in network.parameters()),
        recordings=len(apart.train),
        epochs=sound_s / sum(probe(each.audio).duration_s for each in apart.train),
        step=checkpoint.read(path)[0].step,
        steps=asked.steps,
        trained_s=trained_s,
        tested_s=tested_s,
        sound_s_per_s=sound_s / trained_s,
        machine=_machine(where.machine),
    )
    write_run(training.folder / RESULT, run)


def _folders(training: Training) -> list[Path]:
    """Name the folder of each stage."""
    before = [training.folder / BEFORE] if len(training.recipes) > 1 else []
    return [*before, training.folder]


def _elapsed_s(folder: Path) -> float:
    here = checkpoint.position(folder)
    return 0.0 if here is None else here.elapsed_s


def _trained(training: Training, material: Material, machine: Machine, now: Now) -> Path:
    """Train, or go on with it, stage by stage, and give the checkpoint to test."""
    last: Path | None = None
    for i, (stage, folder) in enumerate(zip(training.recipes, _folders(training), strict=True)):
        made = parts(stage, material)
        tell = _telling(now, i)
        last = fit(stage, folder, made, resume=True, init=last, machine=machine, on_progress=tell)
    assert last is not None  # there is a recipe
    return last


def _telling(now: Now, stage: int) -> Listener:
    def tell(progress: Progress) -> None:
        now.tell("training", progress.step, progress.steps, progress.loss, stage)

    return tell


def _tested(
    training: Training, network: nn.Module, recordings: Sequence[RecordedScene], now: Now
) -> tuple[dict[str, FrameTable], dict[Reading, dict[str, Counts]]]:
    """Hear recordings and count each in every reading."""
    asked = training.recipes[-1]
    window = whole_samples(asked.window_s, asked.rate_hz)
    hop = whole_samples(asked.label_step_s, asked.rate_hz)
    counts: dict[Reading, dict[str, Counts]] = {reading: {} for reading in READINGS}
    tables = dict[str, FrameTable]()
    for done, recording in enumerate(recordings):
        now.tell("testing", done, len(recordings))
        sound = read(recording.audio, asked.rate_hz).samples
        found = table(hear(network, sound, window, hop, training.threshold), asked.labels)
        truth, duration_s = recording.events(asked.labels), sound.shape[1] / asked.rate_hz
        for reading, counted in readings(truth, found, duration_s).items():
            counts[reading][recording.name] = counted
        tables[recording.name] = found
    return tables, counts


def _write_heard(path: Path, tables: Mapping[str, FrameTable]) -> None:
    """Keep what was heard, angles to a hundredth of a degree, so that it can be scored again."""
    columns = {
        "recording": np.repeat(np.arange(len(tables)), [len(t.frame) for t in tables.values()]),
        "frame": np.concatenate([t.frame for t in tables.values()]),
        "label": np.concatenate([t.label for t in tables.values()]),
        "azimuth_cdeg": np.concatenate([_cdeg(t.azimuth) for t in tables.values()]),
        "elevation_cdeg": np.concatenate([_cdeg(t.elevation) for t in tables.values()]),
    }
    kept = {name: values.astype(np.int16) for name, values in columns.items()}
    with replacing(path) as file:
        np.savez_compressed(file, allow_pickle=False, names=np.array(list(tables)), **kept)


def _cdeg(angle: Float[ndarray, " row"]) -> Int[ndarray, " row"]:
    return np.asarray(np.rint(np.rad2deg(angle) * 100).astype(int))


def read_heard(path: Path, name: str) -> FrameTable | None:
    """Read what was heard in one recording; None where it was not tested.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            names = kept["names"].tolist()
            if name not in names:
                return None
            here = kept["recording"] == names.index(name)
            frame, label = (kept[column][here].astype(int) for column in ("frame", "label"))
            azimuth, elevation = (
                np.deg2rad(kept[column][here] / 100)
                for column in ("azimuth_cdeg", "elevation_cdeg")
            )
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path}: not a table of what was heard: {error}") from error
    return FrameTable(FRAMES_PER_S, LABELS_2019, frame, label, azimuth, elevation)


def _on_cuda(machine: Machine) -> bool:
    return machine.device in ("auto", "cuda") and torch.cuda.is_available()


def _machine(machine: Machine) -> str:
    on_cuda = _on_cuda(machine)
    what = torch.cuda.get_device_name() if on_cuda else f"{platform.machine()} processor"
    threads = "" if on_cuda else f", {machine.threads or torch.get_num_threads()} thread(s)"
    return f"{what}{threads}, torch {torch.__version__}"
