"""The trainings behind a table of clip networks: planned, carried out, never twice.

```
OUT/runs/ega-esc10-fold1-seed0-3f9c2b71aa/
    checkpoint.json, checkpoint-*.safetensors, log.csv    training.clips.loop: killed, it goes on
    now.json, failure.txt                                 training.table_work
    heard.npz, result.json                                training.clips.scored
```

The folder's name ends in a fingerprint of the recipe, so that tables share trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import to_json
from sonoscope.metrics.estimates import Place, Tested
from sonoscope.metrics.pooling import table_of
from sonoscope.training import checkpoint
from sonoscope.training.clips.assembly import gather_clips, train_clips
from sonoscope.training.clips.loop import ClipProgress
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.scored import HEARD, ScoredClips, read_heard, read_scored
from sonoscope.training.clips.tables import (
    SETS,
    ClipScale,
    ClipSetWithFolds,
    ClipTable,
    ClipTableRow,
    recipe_of,
)
from sonoscope.training.recipe import fingerprint
from sonoscope.training.reproduce import Workplace
from sonoscope.training.table_work import (
    RESULT,
    KeptInFolder,
    Now,
    attempt,
    carry_out_each,
    in_order,
    known_of,
    places_in,
)


@dataclass(frozen=True, slots=True)
class ClipTraining(KeptInFolder):
    """One training of a plan: its recipe, test fold, seed and folder."""

    recipe: ClipRecipe
    fold: int
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class PlannedClipRow:
    """A row of a table with its trainings; none where nothing of it is asked for."""

    row: ClipTableRow
    trainings: tuple[ClipTraining, ...]


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """All trainings of a table on one set, or of some of its rows."""

    table: ClipTable
    data: ClipSetWithFolds
    scale: ClipScale
    rows: tuple[PlannedClipRow, ...]
    out: Path

    @property
    def name(self) -> str:
        """Name the table's files, without suffix."""
        return f"{self.table.name}-{self.data}{self.scale.mark}"

    @property
    def trainings(self) -> tuple[ClipTraining, ...]:
        """Each training once, in the order of work: all rows have one before any has two."""
        return in_order(each for row in self.rows for each in row.trainings)


@dataclass(frozen=True, slots=True)
class AskedClips:
    """What of a table is wanted: folds, seeds (the scale's where None) and rows (or all)."""

    folds: tuple[int, ...] | None = None
    seeds: int | None = None
    rows: tuple[str, ...] = ()


def planned_clips(
    table: ClipTable, data: ClipSetWithFolds, scale: ClipScale, asked: AskedClips, out: Path
) -> ClipPlan:
    """List the trainings of a table.

    Raises
    ------
    SettingError
        If there is no such fold or row.
    """
    folds = asked.folds or scale.folds or range(1, SETS[data].n_folds + 1)
    places = [(f, s) for f in dict.fromkeys(folds) for s in range(asked.seeds or scale.seeds)]
    rows = tuple(
        PlannedClipRow(row, tuple(_training(row, data, *place, scale, out) for place in places))
        for row in table.some(asked.rows)
    )
    return ClipPlan(table, data, scale, rows, out)


def _training(
    row: ClipTableRow, data: ClipSetWithFolds, fold: int, seed: int, scale: ClipScale, out: Path
) -> ClipTraining:
    recipe = recipe_of(row, data, fold, seed, scale)
    mark = fingerprint(to_json(recipe))[:10]
    name = f"{recipe.network.kind}-{data}-fold{fold}-seed{seed}-{mark}"
    return ClipTraining(recipe, fold, seed, out / "runs" / name)


def shown_clips(plan: ClipPlan) -> tuple[PlannedClipRow, ...]:
    """List every row of a table, with what the plan asks for and what lies in its folder."""
    asked = {row.row.name: row.trainings for row in plan.rows}
    places = places_in(plan.out, plan.data)
    rows = []
    for row in plan.table.rows:
        here = (_training(row, plan.data, *place, plan.scale, plan.out) for place in places)
        rows.append(PlannedClipRow(row, known_of(asked.get(row.name, ()), here)))
    return tuple(rows)


def check_clips(plan: ClipPlan, data: Path) -> None:
    """Refuse data without the clips of a plan, or others than a table was begun with.

    Raises
    ------
    InputError, SettingError
        Naming what is not there, or what was trained with other clips.
    """
    gather_clips(plan.trainings[0].recipe, data)
    for training in (each for row in shown_clips(plan) for each in row.trainings):
        before = checkpoint.position(training.folder)
        if before and before.data_hash != gather_clips(training.recipe, data).data_hash:
            raise SettingError(
                f"{plan.out} must hold trainings on the clips in {data}, but"
                f" {training.folder.name} was trained on others: name another --out"
            )


def scored_clips(row: PlannedClipRow) -> list[ScoredClips]:
    """Read the results that a row has."""
    return [read_scored(each.folder / RESULT) for each in row.trainings if each.is_done]


def tested_clips(row: PlannedClipRow) -> dict[Place, Tested]:
    """Read what the clips of each original were taken for, by each training that is done."""
    found = {}
    for training in (each for each in row.trainings if each.is_done):
        said = read_heard(training.folder / HEARD)
        counts = table_of(said.by_original())
        found[training.fold, training.seed] = Tested(counts, sorted(set(said.groups)))
    return found


def carry_out_clips(plan: ClipPlan, where: Workplace, jobs: int) -> Iterator[ClipTraining]:
    """Do what is not done yet, and give each training as it ends, done or failed.

    Raises
    ------
    SettingError
        If a process is killed.
    """
    yield from carry_out_each(plan.trainings, partial(attempt, do=_Do(where)), jobs)


@dataclass(frozen=True, slots=True)
class _Do:
    """Trains and tests."""

    where: Workplace

    def __call__(self, training: ClipTraining) -> None:
        now = Now(training)

        def tell(progress: ClipProgress) -> None:
            now.tell("training", progress.step, progress.steps, progress.loss)

        material = gather_clips(training.recipe, self.where.data)
        machine = self.where.machine
        train_clips(material, training.folder, resume=True, machine=machine, on_progress=tell)
