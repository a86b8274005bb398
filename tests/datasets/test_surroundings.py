"""Rooms and ambiences that a recipe names."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.audio import Recording, write
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.surroundings import PlaceChoice, measured_rooms, recorded_beds


def test_nothing_asked_nothing_read() -> None:
    assert measured_rooms(PlaceChoice(), None) == ()
    assert recorded_beds(PlaceChoice(), None, 16_000) == ()


def test_ambiences_come_at_the_scenes_rate(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32) * 0.1
    write(tmp_path / "hall.wav", Recording(sound, 48_000))
    (bed,) = recorded_beds(PlaceChoice(beds=("*.wav",)), tmp_path, 16_000)
    assert bed.rate_hz == 16_000
    assert bed.samples.shape == (2, 16_000)


@pytest.mark.shared
def test_a_measured_room_is_found_by_its_name(shared: Path) -> None:
    (room,) = measured_rooms(PlaceChoice(responses=("room-sdm/*.mat",)), shared)
    assert room.n_positions == 1


def test_refusals(tmp_path: Path) -> None:
    choice = PlaceChoice(responses=("rooms/*.sofa",), beds=("x.wav",))
    with pytest.raises(SettingError, match=r"--data must be the folder of places\.responses"):
        measured_rooms(choice, None)
    with pytest.raises(InputError, match=r"places\.responses rooms/\*\.sofa"):
        measured_rooms(choice, tmp_path)
    with pytest.raises(InputError, match=r"places\.beds x\.wav"):
        recorded_beds(choice, tmp_path, 16_000)
