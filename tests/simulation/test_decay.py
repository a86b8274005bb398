"""The mean decay of images is what counting them gives."""

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.simulation.decay import exponent_of, fitting_factor, walls_decay
from sonoscope.simulation.paths import Geometry
from sonoscope.simulation.room import Room, image_sources

SIZE = (5.0, 4.0, 2.5)
WALLS = exponent_of(np.array([[0.1], [0.6], [0.3], [0.2], [0.8], [0.4]]))


def counted(time_s: float, within_s: float, pairs: int) -> float:
    """Mean of Σ gain²/d² per second over random places, over 4πc/V."""
    generator = np.random.Generator(np.random.Philox(key=[4, 0]))
    room = Room(SIZE, None, ((0.5,),) * 6)
    total = 0.0
    for _ in range(pairs):
        geometry = Geometry(*(generator.uniform(0, 1, (2, 3)) * SIZE))
        images = image_sources(room, geometry, time_s + within_s / 2)
        distance = np.linalg.norm(images.place_m, axis=1)
        heard = distance > (time_s - within_s / 2) * 343
        energy = np.exp(-(images.hits @ WALLS)[:, 0]) / distance**2
        total += float(energy[heard].sum())
    return total / pairs / within_s / (4 * np.pi * 343 / room.volume_m3)


@pytest.mark.parametrize("time_s", [0.01, 0.03, 0.06])
def test_it_is_the_mean_over_all_places(time_s: float) -> None:
    theory = walls_decay(SIZE, WALLS, np.array([time_s]))[0, 0]
    assert counted(time_s, 0.004, 150) == pytest.approx(theory, rel=0.06)


def test_it_falls_as_sabine_first_and_as_eyring_then() -> None:
    alpha = 0.4
    walls = exponent_of(np.full((6, 1), alpha))
    x, y, z = SIZE
    rate = 343 * 2 * (x * y + y * z + z * x) / (4 * x * y * z)

    def slope(time_s: float) -> float:
        near = np.log(walls_decay(SIZE, walls, np.array([time_s, time_s + 1e-4])))[:, 0]
        return float((near[0] - near[1]) / 1e-4)

    assert slope(0.0) == pytest.approx(alpha * rate, rel=0.01)
    assert alpha * rate < slope(0.02) < -np.log(1 - alpha) * rate


def test_the_factor_gives_the_level_wanted() -> None:
    time = np.linspace(0.04, 0.06, 5)
    wanted = np.array([0.9, 0.3, 0.01])
    walls = np.tile(WALLS, (1, 3))
    factor = fitting_factor(SIZE, walls, time, wanted)
    assert walls_decay(SIZE, walls * factor, time).mean(axis=0) == pytest.approx(wanted, rel=1e-6)
    assert fitting_factor(SIZE, WALLS, time, np.ones(1)) == pytest.approx(0, abs=1e-9)


def test_swapping_opposite_walls_changes_nothing_on_average() -> None:
    time: Float[ndarray, " time"] = np.linspace(0.0, 0.1, 7)
    swapped = WALLS[[1, 0, 3, 2, 5, 4]]
    assert np.allclose(walls_decay(SIZE, WALLS, time), walls_decay(SIZE, swapped, time))


def test_no_wall_takes_no_energy_and_a_dead_one_all() -> None:
    time = np.array([0.005, 0.1])
    assert np.allclose(walls_decay(SIZE, np.zeros((6, 1)), time), 1)
    dead = walls_decay(SIZE, exponent_of(np.ones((6, 1))), time)[:, 0]
    assert dead[1] < 1e-12
    assert 0 < dead[0] < 1  # what comes straight
