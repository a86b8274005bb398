"""Counts of recordings as rows of numbers: added, left out and drawn again in one product.

Counts are frozen dataclasses: their numbers, arrays of numbers and nested counts add up, whatever
else they hold (the mode, the labels) says of what kind they are and must be the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import InputError

C = TypeVar("C")


def pooled(counts: Sequence[C]) -> C:
    """Add counts up.

    Raises
    ------
    InputError
        If there are none, or they are of different kinds.
    """
    total = table_of(counts).sum(axis=0)
    return like(counts[0], total)


def table_of(counts: Sequence[C]) -> Float[ndarray, "recording number"]:
    """Lay counts out, a row each; refuses what `pooled` does."""
    if not counts:
        raise InputError("there must be counts of at least one recording, but none were given")
    for other in counts[1:]:
        check_same_kind(counts[0], other)
    return np.stack([numbers_of(each) for each in counts])


def numbers_of(counts: Any) -> Float[ndarray, " number"]:
    """Give all that adds up, in order."""
    parts = [np.atleast_1d(np.asarray(value, np.float64)) for value in _leaves(counts)]
    return np.concatenate([np.zeros(0), *parts])


def like(counts: C, numbers: Float[ndarray, " number"]) -> C:
    """Build counts of the same kind from numbers in the order of `numbers_of`.

    Examples
    --------
    >>> from sonoscope.metrics.dcase2019 import Tally
    >>> like(Tally(), 2 * numbers_of(Tally(n_reference=3))).n_reference
    6
    """
    built, rest = _rebuilt(counts, numbers)
    assert not len(rest)
    return built


def check_same_kind(one: Any, other: Any) -> None:
    """Refuse counts of different kinds."""
    for (name, mine), (_, theirs) in zip(_settings(one), _settings(other), strict=True):
        if mine != theirs:
            raise InputError(
                f"counts must be of one {name} to be added, but {mine} and {theirs} were given"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, ndarray))


def _is_counts(value: object) -> bool:
    return hasattr(value, "__dataclass_fields__")


def _leaves(counts: Any) -> Iterator[Any]:
    for field in fields(counts):
        value = getattr(counts, field.name)
        if _is_counts(value):
            yield from _leaves(value)
        elif _is_number(value):
            yield value


def _settings(counts: Any) -> list[tuple[str, object]]:
    values = [(field.name, getattr(counts, field.name)) for field in fields(counts)]
    return [(name, v) for name, v in values if not _is_number(v) and not _is_counts(v)]


def _rebuilt(counts: C, numbers: Float[ndarray, " number"]) -> tuple[C, Float[ndarray, " rest"]]:
    changed: dict[str, Any] = {}
    record: Any = counts
    for field in fields(record):
        value = getattr(counts, field.name)
        if _is_counts(value):
            changed[field.name], numbers = _rebuilt(value, numbers)
        elif isinstance(value, ndarray):
            changed[field.name], numbers = numbers[: len(value)], numbers[len(value) :]
        elif isinstance(value, int):
            changed[field.name], numbers = round(float(numbers[0])), numbers[1:]
        elif isinstance(value, float):
            changed[field.name], numbers = float(numbers[0]), numbers[1:]
    return replace(record, **changed), numbers
