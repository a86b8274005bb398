"""Echoes and leaks are told from places that sound by themselves, also with the same mains."""

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.imaging.repeats import FineCourses, Repeat, repeats

RATE_HZ = 96_000
BAND = (20_000.0, 40_000.0)
SIZE = RATE_HZ
_CLICK = np.hanning(32) * np.sin(2 * np.pi * 30_000 / RATE_HZ * np.arange(32))


def discharge(seed: int) -> Float[ndarray, " sample"]:
    """Make clicks about the crests of 50 Hz, some 4 a cycle, each at a time of its own."""
    draw = np.random.default_rng(seed)
    crest = np.repeat(np.arange(50) / 50 + 0.005, 4)
    at = np.rint((crest + draw.normal(0, 8e-4, len(crest))) * RATE_HZ).astype(int)
    sound = np.zeros(SIZE)
    sound[np.clip(at, 0, SIZE - 1)] = draw.uniform(0.5, 1, len(at))
    return np.convolve(sound, _CLICK, "same")


def told(
    heard: list[Float[ndarray, " sample"]], level_db: list[float], noise: float = 0.01
) -> tuple[Repeat | None, ...]:
    draw = np.random.default_rng(9)
    sound = np.stack(heard) + noise * draw.standard_normal((len(heard), SIZE))
    courses = FineCourses(len(heard), RATE_HZ, BAND)
    for part in np.array_split(sound, 7, axis=1):
        courses.feed(part)
    return repeats(courses.finish(), courses.rate_hz, level_db)


def test_two_discharges_of_one_mains_sound_by_themselves() -> None:
    assert told([discharge(1), discharge(2)], [0.0, -3.0]) == (None, None)


@pytest.mark.parametrize("delay", [60, 384, 3000])
def test_an_echo_is_told_with_its_way(delay: int) -> None:
    first = discharge(1)
    direct, echo = told([first, 0.5 * np.roll(first, delay)], [0.0, -6.0])
    assert direct is None
    assert echo is not None
    assert (echo.how, echo.of) == ("reflection", 0)
    assert echo.delay_s == pytest.approx(delay / RATE_HZ, abs=1e-4)
    assert echo.farther_m == pytest.approx(delay / RATE_HZ * SPEED_OF_SOUND_M_S, abs=0.04)
    assert echo.likeness > 0.5


def test_what_comes_first_is_no_echo() -> None:
    first = discharge(1)
    assert told([np.roll(first, 384), 0.5 * first], [0.0, -6.0]) == (None, None)


def test_a_leak_is_at_once_and_weaker() -> None:
    first = discharge(1)
    direct, leak = told([first, 0.2 * first], [0.0, -14.0])
    assert direct is None
    assert leak is not None
    assert (leak.how, leak.of, leak.delay_s) == ("leak", 0, 0.0)


def test_an_echo_with_a_discharge_of_its_own_louder_is_a_place() -> None:
    first, second = discharge(1), discharge(2)
    assert told([first, second + 0.05 * np.roll(first, 384)], [0.0, -1.0])[1] is None


def test_of_several_each_repeats_its_own() -> None:
    first, second = discharge(1), discharge(2)
    found = told(
        [first, second, 0.4 * np.roll(second, 500), 0.5 * np.roll(first, 300)],
        [0.0, -1.0, -9.0, -6.0],
    )
    assert found[:2] == (None, None)
    assert [repeat and (repeat.how, repeat.of) for repeat in found[2:]] == [
        ("reflection", 1),
        ("reflection", 0),
    ]


def test_noise_and_silence_repeat_nothing() -> None:
    assert told([np.zeros(SIZE)] * 2, [0.0, -10.0]) == (None, None)
    assert told([np.zeros(SIZE)] * 2, [0.0, -10.0], noise=0.0) == (None, None)
