"""From a row of a table to the recipe of a training.

A row names a network and says in which settings its training differs from the plain one; a scale
says how much is learnt from. Two rows with the same recipe are one training, however they are
called: the recipe's own name is the same for all.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.datasets import tau2019
from sonoscope.training.recipe import TrainRecipe

Format = Literal["foa", "mic"]
Settings = Mapping[str, Any]
"""Part of a recipe, as TOML would have it."""

_CHANNELS = {"foa": "foa", "mic": "tetra"}


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of a paper; None where its text has no such number.

    Attributes
    ----------
    er, f, de_deg, fr
        Error rate, F score and frame recall as fractions, direction error in degrees.
    is_gain
        Whether these are differences from the table's reference row.
    """

    er: float | None = None
    f: float | None = None
    de_deg: float | None = None
    fr: float | None = None
    is_gain: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    name
        As the table has it.
    network
        Settings of the network, less the channel format.
    changes
        Other settings of the recipe that differ from the plain ones.
    first
        Settings of a training with whose weights this one begins; none where it begins anew.
    threshold
        The probability above which a label sounds in the test, as published.
    published
        What was published for it, by format.
    source
        By whom.
    """

    name: str
    network: Settings
    changes: Settings = field(default_factory=dict)
    first: Settings = field(default_factory=dict)
    threshold: float = 0.5
    published: Mapping[Format, Published] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A recording as a row's network heard it.

    Attributes
    ----------
    name
        Of the file, without suffix.
    row
        Whose network; the first of its trainings that is done.
    shows, like
        Which recording: that of the test fold with most nearly so many labels, or stretches in
        which several events sound at once.
    """

    name: str
    row: str
    shows: Literal["labels", "overlaps"]
    like: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are compared with one of them.

    Attributes
    ----------
    name, title
        What it is called by, and what it shows.
    rows
        In the paper's order.
    reference
        The row from which the others' differences are taken.
    pictures
        What is drawn of a recording.
    """

    name: str
    title: str
    rows: Sequence[Row]
    reference: str
    pictures: Sequence[Picture] = ()

    def some(self, names: Sequence[str]) -> tuple[Row, ...]:
        """Choose rows by their names; all where none is named.

        Raises
        ------
        SettingError
            If the table has no such row.
        """
        return some_rows(self.name, self.rows, names)


@runtime_checkable
class Named(Protocol):
    """A row of whatever table."""

    @property
    def name(self) -> str:
        """Tell what it is called by."""
        ...


AnyRow = TypeVar("AnyRow", bound=Named)


def some_rows(table: str, rows: Sequence[AnyRow], names: Sequence[str]) -> tuple[AnyRow, ...]:
    """Choose rows of a table by their names; all where none is named.

    Raises
    ------
    SettingError
        If the table has no such row.
    """
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            raise SettingError(
                f"rows of {table} must be among {', '.join(known)}, but {name} was given"
            )
    return tuple(row for row in rows if not names or row.name in names)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is learnt from.

    Attributes
    ----------
    name
        What it is called by.
    folds, seeds
        Test folds, and how many trainings of each, where nothing else is asked for.
    settings
        Settings of the recipe.
    says
        The same in words.
    mark
        What it adds to the names of a table's files.
    """

    name: str
    folds: tuple[int, ...]
    seeds: int
    settings: Settings
    says: str
    mark: str = ""


def recipes_of(
    row: Row, heard_as: Format, fold: int, seed: int, scale: Scale
) -> tuple[TrainRecipe, ...]:
    """Write the recipes of one training, each begun with the weights of the one before.

    Folds are the organisers', each named by its test.

    Raises
    ------
    SettingError
        If there is no such fold, or the settings do not fit together.
    """
    apart = next((each for each in tau2019.FOLDS if each.test == (fold,)), None)
    if apart is None:
        raise SettingError(f"folds must be among 1, 2, 3, 4, but {fold} was given")
    plain: dict[str, Any] = {
        "name": "tau2019",
        "labels": tau2019.LABELS,
        "seed": seed,
        "recordings": {
            "kind": "tau2019",
            "folds": apart.train,
            "validation_folds": apart.validation,
            "test_folds": apart.test,
        },
        "network": merged(row.network, {"features": {"channel_format": _CHANNELS[heard_as]}}),
    }
    last = merged(merged(plain, scale.settings), row.changes)
    stages: list[dict[str, Any]] = [merged(last, row.first), last] if row.first else [last]
    where = f"{row.name}, {heard_as}, fold {fold}"
    return tuple(from_table(each, TrainRecipe, where=where) for each in stages)


def merged(below: Settings, above: Settings) -> dict[str, Any]:
    """Lay settings over others, tables inside tables likewise."""
    both = copy.deepcopy(dict(below))
    for key, value in above.items():
        under = both.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            both[key] = merged(under, value)
        else:
            both[key] = copy.deepcopy(value)
    return both
