"""What may be done to a pattern without changing its kinds.

Sound does not tell where the voltage's phase begins, nor its polarity, so the circle of phases is
turned at random, maps of one pattern alike. The rest stands for what differs from place to place
and from one discharge of a kind to the next: how many pulses a cycle, where their levels lie on the
axis, how sharp phases are, and from which level on pulses drown.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.recipe import STRICT

Circle = Float32[ndarray, "map circle level"]
Share = Annotated[float, Field(ge=0, le=1)]


@settings(config=STRICT)
class AugmentSettings:
    """How much is done.

    Attributes
    ----------
    turn
        Whether phases are turned.
    oftener
        Largest factor by which pulses are made more or fewer.
    rows
        Most rows by which levels are moved.
    blur
        Largest share of a phase's counts that goes to each neighbour.
    drowned
        In which share of the patterns weak pulses are taken away.
    figure_noise
        Standard deviation of what is added to each figure.
    """

    turn: bool = True
    oftener: Annotated[float, Field(ge=1)] = 1.6
    rows: Annotated[int, Field(ge=0, le=8)] = 2
    blur: Annotated[float, Field(ge=0, le=0.33)] = 0.25
    drowned: Share = 0.3
    figure_noise: Annotated[float, Field(ge=0)] = 0.1


def on_a_circle(maps: Float32[ndarray, "half phase level"]) -> Circle:
    """Put the half cycles of each map after each other."""
    halves, phases, levels = maps.shape
    return maps.reshape(halves // 2, 2 * phases, levels)


def as_halves(circle: Circle) -> Float32[ndarray, "half phase level"]:
    """Undo `on_a_circle`."""
    maps, phases, levels = circle.shape
    return circle.reshape(2 * maps, phases // 2, levels)


def augmented(
    maps: Float32[ndarray, "half phase level"],
    is_of_pulses: tuple[bool, ...],
    wanted: AugmentSettings,
    generator: np.random.Generator,
) -> Float32[ndarray, "half phase level"]:
    """Give a pattern that could as well have been heard.

    Parameters
    ----------
    is_of_pulses
        Of each map, whether it holds log(1 + counts of pulses).
    """
    circle = on_a_circle(maps)
    if wanted.turn:
        circle = np.roll(circle, int(generator.integers(circle.shape[1])), axis=1)
    if wanted.blur:
        circle = _blurred(circle, float(generator.uniform(0, wanted.blur)))
    rows = int(generator.integers(-wanted.rows, wanted.rows + 1))
    more = np.float32(wanted.oftener ** generator.uniform(-1, 1))
    drowned = generator.uniform() < wanted.drowned
    share = generator.uniform(0, 0.5)
    out = np.empty_like(circle)
    for here, one, pulses in zip(out, circle, is_of_pulses, strict=True):
        here[:] = _moved(one, rows)
        if pulses:
            here[:] = np.log1p(more * np.expm1(here))
            if drowned:
                _drown(here, share)
    return as_halves(out)


def _blurred(circle: Circle, share: float) -> Circle:
    beside = np.roll(circle, 1, axis=1) + np.roll(circle, -1, axis=1)
    return np.asarray((1 - 2 * share) * circle + share * beside, np.float32)


def _moved(one: Float32[ndarray, "circle level"], rows: int) -> Float32[ndarray, "circle level"]:
    """Move levels by some rows; what leaves the axis is gone."""
    moved = np.roll(one, rows, axis=1)
    moved[:, : max(rows, 0)] = 0
    moved[:, moved.shape[1] + min(rows, 0) :] = 0
    return moved


def _drown(one: Float32[ndarray, "circle level"], share: float) -> None:
    """Take away in place what is weakest, a share of all."""
    by_level = np.cumsum(np.expm1(one).sum(axis=0))
    if by_level[-1] > 0:
        one[:, : int(np.searchsorted(by_level, share * by_level[-1]))] = 0
